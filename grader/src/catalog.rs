//! The catalog: which labs there are, their tasks, points, hints and limits.
//!
//! Read from `grader/suites/NN-name/lab.toml`, beside the hidden tests, never from the learner's tree.
//! A file that does not parse is an error that names file and line. What parses but is wrong (points
//! that do not sum to 100, a task without three hints) is found by [`Lab::problems`], which the
//! author's check prints and [`Course::open`] refuses only where grading would be wrong.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use grader_protocol::Limits;
use serde::{Deserialize, Deserializer};

pub use crate::model::GateKind;
pub use outline::{COURSE_FILE, Coming, Entry, Kit, Outline, split_id};

mod check;
mod outline;

/// What the grader keeps for the learner and git ignores, below the root of the course. Not in `target/`,
/// because `cargo clean` removes that.
pub const GRADE_FOLDER: &str = ".grade";

/// A course folder: where everything is.
#[derive(Debug, Clone)]
pub struct Course {
    /// The folder with `labs/`, `solutions/` and `grader/suites/`.
    pub root: PathBuf,
    /// The folder with `labs/kit`, `grader/testkit` and the lock file; the root, except in the grader's own
    /// tests.
    pub commons: PathBuf,
    /// The labs that exist, by number.
    pub labs: Vec<Lab>,
    /// The labs that are still to come, by number.
    pub coming: Vec<Coming>,
    /// The kits that labs and suites share.
    pub kits: Vec<Kit>,
}

/// One lab as its `lab.toml` describes it.
#[derive(Debug, Clone)]
pub struct Lab {
    /// From 1.
    pub number: u32,
    /// Folder name: `01-structures`.
    pub id: String,
    /// Package name: `slotted-page`.
    pub package: String,
    /// For a reader.
    pub title: String,
    /// What the learner builds, in one line.
    pub summary: String,
    /// Why a database needs it, in one line.
    pub why: String,
    /// Approximate hours of work.
    pub hours: u32,
    /// In the order of work.
    pub tasks: Vec<Task>,
    /// Performance gates.
    pub perf: Vec<PerfGate>,
    /// What one test may use.
    pub limits: Limits,
    /// The folder with `lab.toml`, `tests/` and `perf/`.
    pub suite_dir: PathBuf,
}

/// What the learner writes in one sitting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// `1.2`: lab and position.
    pub id: String,
    /// For a reader.
    pub title: String,
    /// `src/ring_queue.rs`.
    pub file: String,
    /// Approximate minutes of work.
    pub minutes: u32,
    /// For its tests; gates come on top.
    pub points: u32,
    /// Whether its points come on top of the lab's 100. A lab is done without its bonus tasks.
    #[serde(default, rename = "bonus")]
    pub is_bonus: bool,
    /// Three, each saying more than the one before. Line breaks of the file are spaces here.
    #[serde(deserialize_with = "one_line_each")]
    pub hints: Vec<String>,
}

/// Reads texts of several lines, and joins the lines of each with a space.
fn one_line_each<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    Ok(texts.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
}

/// One performance threshold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerfGate {
    /// The workload's name in the suite's `perf/`.
    pub id: String,
    /// The task it belongs to.
    pub task: String,
    /// What is measured, for a reader.
    pub title: String,
    /// Count or ratio.
    pub kind: GateKind,
    /// The largest figure that passes.
    pub max: f64,
    /// Earned when the gate and all tests of the task pass.
    pub points: u32,
    /// How the threshold was found.
    pub why: String,
}

/// Something wrong with a `lab.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1, where the problem is in one line.
    pub line: Option<usize>,
    /// What is wrong and what to write instead.
    pub text: String,
    /// Whether a grading run would give a wrong result. Other problems only the author's check reports.
    pub is_fatal: bool,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(to, "{}:{line}: {}", self.file.display(), self.text),
            None => write!(to, "{}: {}", self.file.display(), self.text),
        }
    }
}

impl Course {
    /// Opens the course at `root`.
    ///
    /// A suite folder without `lab.toml` is no lab.
    pub fn open(root: &Path) -> Result<Course> {
        Course::open_with(root, root)
    }

    /// Opens a course that borrows kit, testkit and lock file from the course at `commons`.
    pub fn open_with(root: &Path, commons: &Path) -> Result<Course> {
        let root = fs::canonicalize(root).with_context(|| format!("no course at {}", root.display()))?;
        let commons =
            fs::canonicalize(commons).with_context(|| format!("no course at {}", commons.display()))?;
        let suites = root.join("grader/suites");
        let mut labs = Vec::new();
        let entries = fs::read_dir(&suites).with_context(|| format!("no suites at {}", suites.display()))?;
        for entry in entries {
            let dir = entry?.path();
            if dir.join("lab.toml").is_file() {
                labs.push(Lab::read(&dir)?);
            }
        }
        labs.sort_by_key(|lab| lab.number);
        for lab in &labs {
            if let Some(problem) = lab.problems().into_iter().find(|problem| problem.is_fatal) {
                bail!("{problem}");
            }
        }
        if let Some(pair) = labs.windows(2).find(|pair| pair[0].number == pair[1].number) {
            bail!("{} and {} both say number = {}", pair[0].id, pair[1].id, pair[0].number);
        }
        let coming = outline::coming(&root)?;
        let kits = outline::kits(&commons)?;
        Ok(Course { root, commons, labs, coming, kits })
    }

    /// The course the current folder is in: the nearest folder upwards with `grader/suites`.
    pub fn find_root() -> Result<PathBuf> {
        let start = std::env::current_dir().context("the current folder cannot be read")?;
        for folder in start.ancestors() {
            if folder.join("grader/suites").is_dir() {
                return Ok(folder.to_path_buf());
            }
        }
        bail!("{} is not inside the course; go to its folder, or give --root DIR", start.display())
    }

    /// The lab called `1`, `01`, `structures` or `01-structures`.
    pub fn lab(&self, key: &str) -> Result<&Lab> {
        let wanted: Option<u32> = key.parse().ok();
        let found = self.labs.iter().find(|lab| {
            Some(lab.number) == wanted || lab.id == key || lab.package == key || lab.library() == key
        });
        if let Some(lab) = found {
            return Ok(lab);
        }
        let coming = self
            .coming
            .iter()
            .find(|lab| Some(lab.number()) == wanted || lab.id == key || lab.package() == key);
        if let Some(lab) = coming {
            bail!("lab {} ({}) is still to come", lab.number(), lab.title);
        }
        let known: Vec<&str> = self.labs.iter().map(|lab| lab.id.as_str()).collect();
        bail!("there is no lab \"{key}\"; there are: {}", known.join(", "))
    }

    /// The task with this id, and its lab.
    pub fn task(&self, id: &str) -> Result<(&Lab, &Task)> {
        for lab in &self.labs {
            if let Some(task) = lab.task(id) {
                return Ok((lab, task));
            }
        }
        bail!("there is no task \"{id}\"; `cargo grade list LAB` shows a lab's tasks")
    }

    /// Where the grader keeps what it can make again: in cargo's target folder, wherever that is.
    pub fn work_dir(&self) -> PathBuf {
        target_dir(&self.root).join("grade")
    }

    /// The labs before `lab`, by number.
    pub fn earlier<'a>(&'a self, lab: &'a Lab) -> impl Iterator<Item = &'a Lab> {
        self.labs.iter().filter(move |other| other.number < lab.number)
    }
}

impl Lab {
    /// Reads `lab.toml` in `suite_dir`.
    pub fn read(suite_dir: &Path) -> Result<Lab> {
        let file = suite_dir.join("lab.toml");
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        Lab::parse(suite_dir, &text)
    }

    /// Reads the text of a `lab.toml`; the folder gives the lab's id.
    pub fn parse(suite_dir: &Path, text: &str) -> Result<Lab> {
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let place = suite_dir.join("lab.toml");
            let at = line.map(|line| format!(":{line}")).unwrap_or_default();
            anyhow::anyhow!("{}{at}: {}", place.display(), error.message())
        })?;
        let id = suite_dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Lab {
            number: raw.lab.number,
            id,
            package: raw.lab.package,
            title: raw.lab.title,
            summary: raw.lab.summary,
            why: raw.lab.why,
            hours: raw.lab.hours,
            tasks: raw.task,
            perf: raw.perf,
            limits: raw.limits,
            suite_dir: suite_dir.to_path_buf(),
        })
    }

    /// The task with this id.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The library's name in Rust: `slotted_page`.
    pub fn library(&self) -> String {
        self.package.replace('-', "_")
    }

    /// The gates of one task.
    pub fn gates<'a>(&'a self, task: &'a str) -> impl Iterator<Item = &'a PerfGate> {
        self.perf.iter().filter(move |gate| gate.task == task)
    }

    /// Points of a task, tests and gates.
    pub fn task_points(&self, task: &Task) -> u32 {
        task.points + self.gates(&task.id).map(|gate| gate.points).sum::<u32>()
    }

    /// The tasks that the lab's 100 points are for.
    pub fn required_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| !task.is_bonus)
    }

    /// The tasks whose points come on top of the 100.
    pub fn bonus_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_bonus)
    }

    /// The path a learner knows the lab's folder by.
    pub fn path(&self) -> String {
        format!("labs/{}", self.id)
    }
}

/// Cargo's target folder: the one that the environment names, or else `target/` of the course.
fn target_dir(root: &Path) -> PathBuf {
    let names = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];
    let mut named = names.iter().filter_map(std::env::var_os).filter(|value| !value.is_empty());
    // Like cargo, relative to the current folder.
    named.next().and_then(|value| std::path::absolute(value).ok()).unwrap_or_else(|| root.join("target"))
}

/// The task id of a test by its module path: `t1_3::name` is `1.3`.
pub fn task_of_test(name: &str) -> Option<String> {
    let (module, _) = name.split_once("::")?;
    let (lab, task) = module.strip_prefix('t')?.split_once('_')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(lab) && is_number(task)).then(|| format!("{lab}.{task}"))
}

/// The line, from 1, of a byte offset.
fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    lab: RawLab,
    #[serde(deserialize_with = "limits")]
    limits: Limits,
    #[serde(default)]
    task: Vec<Task>,
    #[serde(default)]
    perf: Vec<PerfGate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLab {
    number: u32,
    package: String,
    title: String,
    summary: String,
    #[serde(default)]
    why: String,
    hours: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    wall_seconds: u64,
    cpu_seconds: u64,
    memory_mib: u64,
}

/// The protocol's limits, but a misspelt key is an error here.
fn limits<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Limits, D::Error> {
    let RawLimits { wall_seconds, cpu_seconds, memory_mib } = RawLimits::deserialize(from)?;
    Ok(Limits { wall_seconds, cpu_seconds, memory_mib })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../tests/fixture/grader/suites/01-tiny/lab.toml");

    #[test]
    fn reads_a_catalog_and_finds_nothing_wrong() {
        let lab = Lab::parse(Path::new("grader/suites/01-tiny"), GOOD).unwrap();
        assert_eq!((lab.number, lab.id.as_str(), lab.package.as_str()), (1, "01-tiny", "tiny"));
        assert_eq!(lab.problems(), []);
    }

    /// Without this error, a value under a misspelt key would be ignored.
    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let bad = GOOD.replacen("minutes", "minuets", 1);
        let line = bad.lines().position(|line| line.contains("minuets")).unwrap() + 1;
        let error = Lab::parse(Path::new("grader/suites/01-tiny"), &bad).unwrap_err().to_string();
        assert!(error.contains("lab.toml:"), "{error}");
        assert!(error.contains("minuets"), "{error} (line {line})");
    }

    #[test]
    fn points_hints_and_ids_are_checked() {
        for (find, replace, says) in [
            ("points = 40", "points = 41", "sum to 101"),
            ("id = \"1.2\"", "id = \"1.1\"", "two tasks have the id 1.1"),
            ("task = \"1.1\"", "task = \"1.9\"", "no task"),
            ("file = \"src/bag.rs\"", "file = \"../bag.rs\"", "src/"),
            ("number = 1", "number = 2", "begin with"),
            ("package = \"tiny\"", "package = \"small\"", "the folder must be 01-small"),
            ("points = 40", "points = 40\nbonus = true", "task 1.2 is required and comes after a bonus task"),
        ] {
            assert!(GOOD.contains(find), "{find}");
            let lab = Lab::parse(Path::new("grader/suites/01-tiny"), &GOOD.replacen(find, replace, 1));
            let problems = lab.unwrap().problems();
            assert!(problems.iter().any(|problem| problem.text.contains(says)), "{says}: {problems:?}");
        }
    }

    /// A bonus task is worth points that the 100 of the lab do not count.
    #[test]
    fn a_bonus_task_does_not_count_to_the_points_of_the_lab() {
        let task = GOOD.find("[[task]]").expect("the sample has tasks");
        let end = task + GOOD[task + 1..].find("[[").expect("another table follows") + 1;
        let bonus = GOOD[task..end].replace("id = \"1.1\"", "id = \"1.3\"\nbonus = true");
        let text = format!("{GOOD}\n{bonus}");
        let lab = Lab::parse(Path::new("grader/suites/01-tiny"), &text).unwrap();
        assert_eq!(lab.problems(), []);
        assert_eq!((lab.required_tasks().count(), lab.bonus_tasks().count()), (2, 1));
    }

    #[test]
    fn a_hint_of_several_lines_is_read_as_one_line() {
        let found = GOOD.find("hints = [").expect("the sample has hints");
        let end = found + GOOD[found..].find(']').expect("the list ends");
        let three = "hints = [\"\"\"\n    Look at\n    the wrap.\n    \"\"\", \"b\", \"c\"";
        let text = format!("{}{three}{}", &GOOD[..found], &GOOD[end..]);
        let lab = Lab::parse(Path::new("grader/suites/01-tiny"), &text).unwrap();
        assert_eq!(lab.tasks[0].hints, ["Look at the wrap.", "b", "c"]);
    }

    #[test]
    fn the_first_module_of_a_test_is_its_task() {
        assert_eq!(task_of_test("t1_3::grows"), Some("1.3".to_owned()));
        assert_eq!(task_of_test("t10_12::deep::grows"), Some("10.12".to_owned()));
        assert_eq!(task_of_test("helpers::grows"), None);
        assert_eq!(task_of_test("t1_::grows"), None);
    }
}
