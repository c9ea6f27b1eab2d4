//! The command line: commands and their arguments. [`crate::cmd`] runs them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::author::check::Part;

/// Grades the database labs. Without a command: the map of the labs, and what to do next.
#[derive(Debug, Parser)]
#[command(name = "cargo grade", bin_name = "cargo grade", version, max_term_width = 100)]
pub struct Cli {
    /// Folder of the course; found upwards from the current one when left out.
    #[arg(long, global = true, value_name = "DIR", hide_short_help = true)]
    pub root: Option<PathBuf>,
    /// Folder with the kit, the test kit and the lock file, where it is not the course's; for the grader's
    /// own tests.
    #[arg(long, global = true, value_name = "DIR", hide = true)]
    pub commons: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Grade a lab, a task of it or one test.
    Run(RunArgs),
    /// List the tasks of a lab with their files, points and gates.
    List {
        /// Lab: its number or name.
        lab: String,
    },
    /// Show a hint of a task; each call shows one more, three in all.
    Hint {
        /// Task id, for instance 1.3.
        task: String,
    },
    /// Grade again whenever a file is saved, the failing task first.
    Watch(WatchArgs),
    /// Put the skeleton of a task or a lab back; what was there is kept as a copy.
    Reset {
        /// Task id, for instance 1.3, or a lab.
        what: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Performance beside the reference, and the reference's files of the tasks that pass.
    Compare {
        /// Lab: its number or name.
        lab: String,
        /// Seed of everything random.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Commands for the authors of labs.
    #[command(subcommand)]
    Author(AuthorCommand),
}

/// Arguments of `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Lab: its number or name.
    pub lab: String,
    /// Only this task, for instance 1.3.
    #[arg(long, short)]
    pub task: Option<String>,
    /// Only tests whose name contains this.
    #[arg(long, value_name = "NAME")]
    pub test: Option<String>,
    /// Seed of everything random, as a failure shows it.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Whose earlier labs to build on.
    #[arg(long, value_enum, default_value_t = EarlierLabs::Same)]
    pub earlier: EarlierLabs,
    /// Grade the reference instead of your labs.
    #[arg(long, conflicts_with = "labs")]
    pub solution: bool,
    /// Skip the performance part.
    #[arg(long)]
    pub no_perf: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Show every failure in full, and every test.
    #[arg(long, short)]
    pub verbose: bool,
    /// Folder that holds the lab folders to grade, instead of labs/; a lab's own folder, or an unpacked
    /// archive with one folder more.
    #[arg(long, value_name = "DIR")]
    pub labs: Option<PathBuf>,
    /// Also write a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Also write Gradescope's results.json.
    #[arg(long, value_name = "FILE")]
    pub gradescope: Option<PathBuf>,
    /// Also write a page to read in a browser.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Also append a GitHub step summary; by default to the file that GITHUB_STEP_SUMMARY names.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Tests at once; the number of processors when left out.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// Whose code the labs before the graded one are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EarlierLabs {
    /// From the same place as the graded lab.
    Same,
    /// The reference's.
    Reference,
}

/// Arguments of `watch`.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Lab: its number or name; where you are when left out.
    pub lab: Option<String>,
    /// Look at the files every half second instead of waiting for events (network folders).
    #[arg(long)]
    pub poll: bool,
}

/// What an author of labs can ask for.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Write labs/ from the marks in solutions/, and every list of labs.
    Generate {
        /// Change nothing; fail when labs/ is not up to date.
        #[arg(long)]
        check: bool,
        /// Only these folders, for instance 01-structures.
        only: Vec<String>,
    },
    /// Create an empty lab from its entry in grader/suites/course.toml; overwrites nothing.
    New {
        /// The lab's folder, for instance 05-locking.
        id: String,
    },
    /// Measure how long a learner waits after saving, task by task.
    Loop {
        /// Only this lab.
        #[arg(long)]
        lab: Option<String>,
        /// Only this task, for instance 4.3.
        #[arg(long, conflicts_with = "lab")]
        task: Option<String>,
    },
    /// Prove that reference, skeleton, tests, metadata and handout of each lab agree.
    Check(CheckArgs),
    /// Print the labs that there are as a JSON list, for a job per lab.
    Labs,
}

/// Arguments of `author check`.
///
/// With nothing narrowed it is the gate: what changed runs again, and a sample of what the records prove.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Only this lab.
    #[arg(long)]
    pub lab: Option<String>,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Part>,
    /// Only the mutants and variants of this name.
    #[arg(long, value_name = "NAME")]
    pub mutant: Option<String>,
    /// Prove everything, whatever the records say.
    #[arg(long)]
    pub all: bool,
    /// Prove what the records do not, and enter it; with --all also what was proven before something below
    /// changed.
    #[arg(long)]
    pub record: bool,
    /// The commit whose results count: what changed since is proven again whole.
    #[arg(long, value_name = "COMMIT", conflicts_with_all = ["all", "record"])]
    pub since: Option<String>,
    /// Chooses the sample; the commit that is checked does by default.
    #[arg(long, conflicts_with_all = ["all", "record"])]
    pub seed: Option<u64>,
    /// Seed of every test, instead of one for each: a mistake that is not caught now was caught by luck.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["record", "since", "seed"])]
    pub test_seed: Option<u64>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Clap finds contradictions in the definitions only when it is asked.
    #[test]
    fn the_definitions_agree() {
        super::Cli::command().debug_assert();
    }
}
