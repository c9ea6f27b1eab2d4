//! Mutants (known mistakes) and variants (other correct designs): small changes of the reference, each in
//! a file of its own.
//!
//! ```toml
//! task = "1.1"
//! why = "one sentence"
//! caught_by = ["t1_1::order", "perf:queue-churn"]   # mutants only
//! [[edit]]
//! file = "src/ring_queue.rs"
//! find = '''text that is there once'''
//! replace = '''other text'''
//! ```
//!
//! An edit with `contents` instead of `find` and `replace` gives the whole file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::super::generate::files_below;
use super::Part;
use super::found::{Found, build_error, outcome_line};
use super::gates::{gate_lost, gate_survived};
use super::lane::{Lane, Room, Step};
use crate::catalog::{Course, Lab, task_of_test};
use crate::model::LabReport;
use crate::paint::plural;
use crate::request::{Measuring, Request, Selection, Sources, Tasks};

/// Which kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mistake that must be caught.
    Mutant,
    /// Another correct design.
    Variant,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Mutant => "mutant",
            Self::Variant => "variant",
        }
    }

    fn part(self) -> Part {
        match self {
            Self::Mutant => Part::Mutants,
            Self::Variant => Part::Variants,
        }
    }

    /// The patches of the lab, by paths below its suite.
    fn files(self, lab: &Lab) -> Vec<PathBuf> {
        let folder = format!("{}s", self.word());
        let mut files = files_below(&lab.suite_dir, Path::new(&folder)).unwrap_or_default();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files
    }
}

/// Fewest mutants of a lab.
const MUTANTS: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    task: String,
    why: String,
    #[serde(default)]
    caught_by: Vec<String>,
    edit: Vec<Edit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: PathBuf,
    find: Option<String>,
    replace: Option<String>,
    contents: Option<String>,
}

impl Patch {
    fn read(path: &Path, lab: &Lab, kind: Kind) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let patch: Self = toml::from_str(&text)?;
        if lab.task(&patch.task).is_none() {
            bail!("there is no task {}", patch.task);
        }
        if patch.why.trim().is_empty() {
            bail!("`why` is empty: say which mistake or design it is");
        }
        match kind {
            Kind::Mutant if patch.caught_by.is_empty() => bail!("`caught_by` names no test"),
            Kind::Variant if !patch.caught_by.is_empty() => bail!("a variant is caught by nothing"),
            _ => Ok(patch),
        }
    }

    /// The changed files, by path below `solutions/`.
    fn apply(&self, course: &Course, lab: &Lab) -> Result<BTreeMap<PathBuf, String>> {
        let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
        for edit in &self.edit {
            let path = Path::new(&lab.id).join(&edit.file);
            let text = match (&edit.find, &edit.replace, &edit.contents) {
                (None, None, Some(contents)) => contents.clone(),
                (Some(find), Some(replace), None) => {
                    let text = match files.remove(&path) {
                        Some(text) => text,
                        None => {
                            let source = course.root.join("solutions").join(&path);
                            fs::read_to_string(&source)
                                .with_context(|| format!("read {}", source.display()))?
                        }
                    };
                    replaced_once(&text, find, replace).with_context(|| edit.file.display().to_string())?
                }
                _ => bail!("an edit has `find` and `replace`, or `contents`"),
            };
            files.insert(path, text);
        }
        Ok(files)
    }
}

fn replaced_once(text: &str, find: &str, replace: &str) -> Result<String> {
    if find == replace {
        bail!("`find` and `replace` are the same");
    }
    match text.matches(find).count() {
        1 => Ok(text.replacen(find, replace, 1)),
        count => {
            bail!("`find` is there {count} times, it should be once: {}", find.lines().next().unwrap_or(""))
        }
    }
}

/// Every mutant and variant fits the reference, and names tasks and gates that there are.
pub(super) fn fit(course: &Course, lab: &Lab) -> Found {
    let mut found = Found::default();
    let mut count = 0;
    for kind in [Kind::Variant, Kind::Mutant] {
        for path in kind.files(lab) {
            count += 1;
            if let Err(error) = Plan::read(course, lab, kind, &lab.suite_dir.join(&path)) {
                found.problems.push(format!("{}: {error:#}", path.display()));
            }
        }
    }
    found.says =
        format!("{} of {count} mutants and variants fit the reference", count - found.problems.len());
    found
}

/// A lab has enough mutants.
pub(super) fn count(lab: &Lab) -> Found {
    let count = Kind::Mutant.files(lab).len();
    let problem = (count < MUTANTS).then(|| {
        format!(
            "grader/suites/{}/mutants has {count} of the {MUTANTS} mutants that a lab needs at least: write one file \
             NAME.toml for each mistake, as grader/README.md shows",
            lab.id
        )
    });
    let says = if problem.is_some() { "too few" } else { "enough" };
    let says = format!("{}, {says}", plural(count, "mutant"));
    Found { says, problems: problem.into_iter().collect(), ..Found::default() }
}

/// The steps of all mutants or variants of a lab.
pub(super) fn steps<'a>(course: &'a Course, lab: &'a Lab, kind: Kind) -> Vec<Step<'a>> {
    let part = kind.part();
    let mut steps = Vec::new();
    for path in kind.files(lab) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{} {name}", kind.word());
        let plan = match Plan::read(course, lab, kind, &lab.suite_dir.join(&path)) {
            Ok(plan) => Arc::new(plan),
            Err(error) => {
                let problem = format!("{error:#}");
                let step = Step::new(part, Room::Beside, name, move |_| bail!("{problem}"));
                steps.push(step.of_patch(&path));
                continue;
            }
        };
        if !plan.gates.is_empty() {
            let (name, plan) = (format!("{name}, gates"), Arc::clone(&plan));
            let step = Step::new(part, Room::Measures, name, move |lane| lane.patch_gates(lab, &plan));
            steps.push(step.of_patch(&path));
        }
        if kind == Kind::Variant || !plan.tests.is_empty() {
            let step = Step::new(part, Room::Beside, name, move |lane| lane.patch_tests(lab, &plan));
            steps.push(step.of_patch(&path));
        }
    }
    steps
}

/// The gates that some mutant of the lab names. What cannot be read is reported by its own step.
pub(super) fn gates_with_a_mutant(lab: &Lab) -> BTreeSet<String> {
    let files = Kind::Mutant.files(lab);
    let patches =
        files.iter().filter_map(|path| Patch::read(&lab.suite_dir.join(path), lab, Kind::Mutant).ok());
    let names = patches.flat_map(|patch| patch.caught_by);
    names.filter_map(|name| Some(name.strip_prefix("perf:")?.to_owned())).collect()
}

/// What to do with a patch.
struct Plan {
    kind: Kind,
    task: String,
    files: BTreeMap<PathBuf, String>,
    /// The tests of a mutant, by task; nothing for a variant.
    tests: BTreeMap<String, Vec<String>>,
    /// The gates.
    gates: Vec<String>,
}

impl Plan {
    fn read(course: &Course, lab: &Lab, kind: Kind, path: &Path) -> Result<Self> {
        let patch = Patch::read(path, lab, kind)?;
        let files = patch.apply(course, lab)?;
        let mut plan = Plan { kind, task: patch.task, files, tests: BTreeMap::new(), gates: Vec::new() };
        if kind == Kind::Variant {
            let tasks = lab.tasks.iter().skip_while(|task| task.id != plan.task);
            plan.gates = tasks.flat_map(|task| lab.gates(&task.id)).map(|gate| gate.id.clone()).collect();
            return Ok(plan);
        }
        let mut is_own = false;
        for name in &patch.caught_by {
            let gate = name.strip_prefix("perf:");
            let known = gate.and_then(|gate| lab.perf.iter().find(|known| known.id == gate));
            let task = known.map(|gate| gate.task.clone()).or_else(|| task_of_test(name));
            let Some(task) = task else { bail!("`{name}` is no test and no gate of this lab") };
            is_own |= task == plan.task;
            match gate {
                Some(gate) => plan.gates.push(gate.to_owned()),
                None => plan.tests.entry(task).or_default().push(name.clone()),
            }
        }
        if !is_own {
            bail!("no test of its own task {} catches it", plan.task);
        }
        Ok(plan)
    }

    fn sources(&self) -> Sources {
        Sources::Patched { files: self.files.clone() }
    }
}

impl Lane<'_> {
    fn patch_tests(&mut self, lab: &Lab, plan: &Plan) -> Result<Found> {
        match plan.kind {
            Kind::Mutant => self.mutant(lab, plan),
            Kind::Variant => self.variant(lab, plan),
        }
    }

    /// Every test that the mutant names must fail. Only these are run, those of a task together.
    fn mutant(&mut self, lab: &Lab, plan: &Plan) -> Result<Found> {
        let count = plan.tests.values().map(Vec::len).sum();
        let mut found = Found { says: format!("{} to catch it", plural(count, "test")), ..Found::default() };
        for (task, names) in &plan.tests {
            let selection = Selection::Tests { task: task.clone(), names: names.clone() };
            let report = self.grade(Request::new(lab, plan.sources()).selecting(selection))?;
            if let Some(error) = build_error(&report) {
                found.problems.push(format!("does not compile: {error}"));
                break;
            }
            found.problems.extend(names.iter().filter_map(|name| test_survived(&report, name)));
        }
        Ok(found)
    }

    /// A variant passes every test of its own task and of those after it. Tests of earlier tasks do not reach
    /// what it changes: that is what the stubs prove.
    fn variant(&mut self, lab: &Lab, plan: &Plan) -> Result<Found> {
        let selection = Selection::Tasks(Tasks::From(plan.task.clone()), Measuring::Off);
        let report = self.grade(Request::new(lab, plan.sources()).selecting(selection))?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        let failed = tests().filter(|test| !test.outcome.is_pass());
        problems.extend(failed.map(|test| format!("{}: {}", test.name, outcome_line(test))));
        Ok(Found { says: format!("{} pass", plural(tests().count(), "test")), problems, ..Found::default() })
    }

    /// A mutant fails every gate that it names; a variant none of its own task and of those after it.
    fn patch_gates(&mut self, lab: &Lab, plan: &Plan) -> Result<Found> {
        let measured = self.measured(lab, plan.sources(), &plan.gates)?;
        Ok(match plan.kind {
            Kind::Mutant => measured.found(gate_survived),
            Kind::Variant => measured.found(gate_lost),
        })
    }
}

/// A problem unless the test called `name` was run and failed.
fn test_survived(report: &LabReport, name: &str) -> Option<String> {
    let test = report.tasks.iter().flat_map(|task| &task.tests).find(|test| test.name == name);
    match test {
        None => Some(format!("there is no test {name}")),
        Some(test) if test.outcome.is_pass() => Some(format!("{name} passes, so it does not catch it")),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An edit that fits nowhere, or twice, would silently test the wrong thing.
    #[test]
    fn an_edit_fits_exactly_once() {
        assert_eq!(replaced_once("a b c", "b", "x").unwrap(), "a x c");
        assert!(replaced_once("a b b", "b", "x").unwrap_err().to_string().contains("2 times"));
        assert!(replaced_once("a", "b", "x").unwrap_err().to_string().contains("0 times"));
        assert!(replaced_once("a b", "b", "b").is_err());
    }

    /// A misspelt key must not be a value silently ignored.
    #[test]
    fn unknown_keys_are_refused() {
        let good = "task = \"1.1\"\nwhy = \"x\"\ncaught_by = [\"t1_1::a\"]\n[[edit]]\nfile = \"src/a.rs\"\nfind = \"a\"\nreplace = \"b\"\n";
        assert!(toml::from_str::<Patch>(good).is_ok());
        assert!(toml::from_str::<Patch>(&good.replace("caught_by", "caught")).is_err());
    }
}
