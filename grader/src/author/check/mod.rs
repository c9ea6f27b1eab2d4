//! The author's check: proves that the parts of a lab agree.
//!
//! Called by `cargo grade author check`. Calls [`crate::grade`] for whatever only running can prove.
//!
//! ```text
//!   text       excerpts and links; labs/ is generated, lab.toml, headings, marks,
//!              workloads, task modules stand alone                 reads only
//!   reference  passes every test and every gate
//!   skeleton   compiles without a warning, every test fails at once
//!   stubs      one task a hole: its own tests fail, no earlier task's does
//!   ladder     on the learner's labs 1 to k and the reference's above, for each k:
//!              every test passes, with all the learner's every gate too
//!   variants   another correct design: every test passes
//!   mutants    a known mistake: every test it names fails
//! ```
//!
//! Every step collects its problems; none stops the check, so that one run shows all there is to mend. Stubs, mutants,
//! variants and rungs run side by side (`lane.rs`); what is timed runs alone, after them.

mod book;
mod ladder;
mod lane;
mod patches;
mod runs;
mod text;

use std::time::Instant;

use anyhow::Result;
use lane::{Ended, Lane, Listener as _, Step};

use super::generate::{Generator, Plan};
use crate::catalog::{Course, Lab};
use crate::live::Live;
use crate::model::{BuildReport, LabReport, TestReport};
use crate::observer::Observer;
use crate::paint::{Paint, pad, plural};

/// A part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// What reading alone can tell.
    Text,
    /// The reference passes.
    Reference,
    /// The skeleton is red at once.
    Skeleton,
    /// Each task's tests need that task.
    Stubs,
    /// Known mistakes are caught.
    Mutants,
    /// Other correct designs pass.
    Variants,
    /// A learner's labs fit below, above and between the reference's.
    Ladder,
}

/// What to check.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only this lab.
    pub lab: Option<String>,
    /// Only these parts; all when empty.
    pub only: Vec<Part>,
    /// Only mutants and variants of this name.
    pub mutant: Option<String>,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        let patches = matches!(part, Part::Mutants | Part::Variants);
        (self.only.is_empty() || self.only.contains(&part)) && (self.mutant.is_none() || patches)
    }

    /// Whether the mutant or variant called `name` was asked for.
    fn wants_patch(&self, name: &str) -> bool {
        self.mutant.as_ref().is_none_or(|wanted| wanted == name)
    }
}

/// What a step found.
#[derive(Debug, Default)]
struct Found {
    /// Counts, for the line of the step.
    says: String,
    problems: Vec<String>,
}

/// A running check.
struct Check<'a> {
    course: &'a Course,
    options: &'a Options,
    paint: Paint,
    live: Live,
    steps: usize,
    problems: Vec<String>,
}

/// Runs the check and prints it line by line; true when there is no problem.
pub fn run(course: &Course, options: &Options, paint: Paint) -> Result<bool> {
    let labs: Vec<&Lab> = match &options.lab {
        Some(key) => vec![course.lab(key)?],
        None => course.labs.iter().collect(),
    };
    let start = Instant::now();
    let mut check = Check { course, options, paint, live: Live::new(), steps: 0, problems: Vec::new() };
    if options.lab.is_none() && options.wants(Part::Text) {
        println!("{}", paint.strong("The documents"));
        check.step("text documents", |lane| book::documents(lane.course));
        check.step("text lists", |lane| text::lists(lane.course));
        println!();
    }
    for lab in labs {
        println!("{}", paint.strong(&format!("Lab {}: {}", lab.number, lab.title)));
        check.lab(lab);
        println!();
    }
    Ok(check.summary(start))
}

impl<'a> Check<'a> {
    fn lab(&mut self, lab: &'a Lab) {
        let wants = |part| self.options.wants(part);
        let (text, reference, skeleton) = (wants(Part::Text), wants(Part::Reference), wants(Part::Skeleton));
        if text {
            self.step("text", |lane| text::generated(lane.course, lab));
            self.step("text lab.toml", |_| Ok(text::catalog(lab)));
            self.step("text marks", |lane| text::marks(lane.course, lab));
            self.step("text handout", |lane| text::handout(lane.course, lab));
            self.step("text workloads", |_| text::workloads(lab));
            self.step("text task modules", |_| text::task_modules(lab));
        }
        if reference {
            self.step("still to write", |lane| text::still_to_write(lane.course, lab));
            self.step("reference", |lane| lane.reference(lab));
        }
        if skeleton {
            self.step("skeleton", |lane| lane.skeleton(lab));
        }
        let (together, alone) = self.steps_of(lab);
        let course = self.course;
        lane::run_all(course, &together, self);
        for step in alone {
            self.step(&step.name, &step.work);
        }
    }

    /// The steps of `lab` that may run side by side, and those that measure.
    fn steps_of(&self, lab: &'a Lab) -> (Vec<Step<'a>>, Vec<Step<'a>>) {
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        if self.options.wants(Part::Stubs) {
            for task in &lab.tasks {
                together.push(Step::new(format!("stub {}", task.id), move |lane| lane.stub(lab, task)));
            }
        }
        // The long steps first, so that the many short ones fill the lanes to the end.
        if self.options.wants(Part::Ladder) {
            let (tests, gates) = ladder::steps(self.course, lab);
            together.extend(tests);
            alone.extend(gates);
        }
        for (part, kind) in [(Part::Variants, patches::Kind::Variant), (Part::Mutants, patches::Kind::Mutant)]
        {
            if self.options.wants(part) {
                let (tests, gates) = patches::steps(self.course, lab, kind, self.options);
                together.extend(tests);
                alone.extend(gates);
            }
        }
        (together, alone)
    }

    /// Runs one step and prints its line.
    fn step(&mut self, name: &str, work: impl FnOnce(&mut Lane<'_>) -> Result<Found>) {
        let ended = lane::timed(&mut Lane::alone(self.course, &mut self.live), work);
        self.ended(name, ended);
    }

    fn summary(&self, start: Instant) -> bool {
        let seconds = start.elapsed().as_secs_f64();
        let steps = plural(self.steps, "step");
        if self.steps == 0 {
            println!("{}", self.paint.bad("nothing was checked: no step of that name"));
            return false;
        }
        if self.problems.is_empty() {
            println!("{}", self.paint.good(&format!("all is well: {steps} in {seconds:.0} s")));
            return true;
        }
        let count = plural(self.problems.len(), "problem");
        println!("{}", self.paint.bad(&format!("{count} in {steps}, {seconds:.0} s")));
        for problem in &self.problems {
            println!("  {}", problem.lines().next().unwrap_or_default());
        }
        false
    }
}

impl Observer for Check<'_> {
    fn say(&mut self, line: &str) {
        self.live.say(line);
    }

    fn tests(&mut self, count: usize) {
        self.live.tests(count);
    }

    fn test_done(&mut self, test: &TestReport) {
        self.live.test_done(test);
    }
}

impl lane::Listener for Check<'_> {
    /// Prints the line of a step. An error is a problem like any other.
    fn ended(&mut self, name: &str, ended: Ended) {
        let found = ended.found.unwrap_or_else(|error| Found {
            says: "could not be checked".into(),
            problems: vec![format!("{error:#}")],
        });
        self.live.clear();
        self.steps += 1;
        let word = if found.problems.is_empty() { self.paint.good("ok  ") } else { self.paint.bad("FAIL") };
        let seconds = format!("{:>6.1} s", ended.took.as_secs_f64());
        println!("  {word}  {seconds}  {}  {}", pad(name, 44), found.says);
        for problem in found.problems {
            for (index, line) in problem.lines().enumerate() {
                println!("        {}{line}", if index == 0 { "" } else { "  " });
            }
            self.problems.push(format!("{name}: {problem}"));
        }
    }
}

/// The generator for one lab, with the task ids of its catalogue.
fn plan(course: &Course, lab: &Lab) -> Result<(Plan, Vec<String>)> {
    let only = [lab.id.clone()];
    let tasks = lab.tasks.iter().map(|task| task.id.clone()).collect();
    let generator = Generator { root: &course.root, only: &only, tasks: [(lab.id.clone(), tasks)].into() };
    let plan = generator.plan()?;
    let mut stale = Vec::new();
    if let Some((first, _)) = plan.changes.first_key_value() {
        let list: Vec<String> = plan.changes.keys().map(|path| format!("labs/{}", path.display())).collect();
        stale.push(format!(
            "not generated: {}; run: cargo grade author generate\n{}",
            list.join(", "),
            generator.diff(&plan, first)
        ));
    }
    Ok((plan, stale))
}

/// The first compiler error, when the report is of something that does not compile.
fn build_error(report: &LabReport) -> Option<String> {
    let BuildReport::Failed { messages, notes } = &report.build else { return None };
    let first = messages.iter().find(|message| message.level == "error");
    let first = first.map(|message| message.rendered.trim_end().to_string());
    Some(notes.iter().cloned().chain(first).collect::<Vec<_>>().join("\n"))
}
