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

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::super::generate::files_below;
use super::runs::told;
use super::{Check, Found, build_error};
use crate::catalog::{Course, Lab, task_of_test};
use crate::grade::{PerfMode, Request, Source};
use crate::model::{LabReport, PerfVerdict};
use crate::report::explain;
use crate::report::paint::plural;

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

impl Check<'_> {
    /// Checks all mutants or variants of a lab.
    pub(super) fn patches(&mut self, lab: &Lab, kind: Kind) {
        let folder = format!("{}s", kind.word());
        let files = files_below(&lab.suite_dir, Path::new(&folder)).unwrap_or_default();
        let files: Vec<PathBuf> = files
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        if kind == Kind::Mutant && self.options.mutant.is_none() && files.len() < MUTANTS {
            let problem = format!("a lab has at least {MUTANTS} mutants, this one has {}", files.len());
            self.step("mutants", |_| Ok(Found { says: String::new(), problems: vec![problem] }));
        }
        for path in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if self.options.wants_patch(&name) {
                let path = lab.suite_dir.join(path);
                self.step(&format!("{} {name}", kind.word()), |check| check.patch(lab, kind, &path));
            }
        }
    }

    fn patch(&mut self, lab: &Lab, kind: Kind, path: &Path) -> Result<Found> {
        let patch = Patch::read(path, lab, kind)?;
        let files = patch.apply(self.course, lab)?;
        match kind {
            Kind::Mutant => self.mutant(lab, &patch, files),
            Kind::Variant => self.variant(lab, &patch.task, files),
        }
    }

    /// Every test and gate that the mutant names must fail. Only these are run, those of a task together.
    fn mutant(&mut self, lab: &Lab, patch: &Patch, files: BTreeMap<PathBuf, String>) -> Result<Found> {
        let says = format!("{} to catch it", plural(patch.caught_by.len(), "test"));
        let mut found = Found { says, problems: Vec::new() };
        let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut gates: Vec<(String, String)> = Vec::new();
        for name in &patch.caught_by {
            let gate = name.strip_prefix("perf:");
            let known = gate.and_then(|gate| lab.perf.iter().find(|known| known.id == gate));
            let task = known.map(|gate| gate.task.clone()).or_else(|| task_of_test(name));
            let Some(task) = task else { bail!("`{name}` is no test and no gate of this lab") };
            match gate {
                Some(gate) => gates.push((task, gate.to_owned())),
                None => tests.entry(task).or_default().push(name.clone()),
            }
        }
        if !tests.contains_key(&patch.task) && !gates.iter().any(|(task, _)| *task == patch.task) {
            found.problems.push(format!("no test of its own task {} catches it", patch.task));
        }
        for (task, names) in tests {
            let mut request = Request::new(lab, Source::Patched { files: files.clone() });
            (request.task, request.names, request.perf) = (Some(task), names.clone(), PerfMode::Off);
            let report = self.grade(request)?;
            if let Some(error) = build_error(&report) {
                found.problems.push(format!("does not compile: {error}"));
                return Ok(found);
            }
            found.problems.extend(names.iter().filter_map(|name| test_survived(&report, name)));
        }
        for (task, gate) in gates {
            let mut request = Request::new(lab, Source::Patched { files: files.clone() });
            (request.task, request.perf) = (Some(task), PerfMode::Quick);
            let report = self.grade(request)?;
            found.problems.extend(build_error(&report).map(|error| format!("does not compile: {error}")));
            found.problems.extend(gate_survived(&report, &gate));
        }
        Ok(found)
    }

    /// A variant passes every test of its own task and of those after it, and the gates of its own. Tests of earlier
    /// tasks do not reach what it changes: that is what the stubs prove.
    fn variant(&mut self, lab: &Lab, task: &str, files: BTreeMap<PathBuf, String>) -> Result<Found> {
        let mut request = Request::new(lab, Source::Patched { files: files.clone() });
        request.perf = PerfMode::Off;
        request.from = Some(task.to_owned());
        let report = self.grade(request)?;
        let mut request = Request::new(lab, Source::Patched { files });
        (request.task, request.perf) = (Some(task.to_owned()), PerfMode::Quick);
        let measured = self.grade(request)?;
        let mut problems: Vec<String> = build_error(&report).into_iter().collect();
        let tests = || report.tasks.iter().flat_map(|task| &task.tests);
        problems.extend(
            tests()
                .filter(|test| !test.outcome.is_pass())
                .map(|test| format!("{}: {}", test.name, told(test))),
        );
        for gate in
            measured.tasks.iter().flat_map(|task| &task.perf).filter(|gate| explain::gate_failed(gate))
        {
            let figure = gate.value.as_ref().map(explain::figure).unwrap_or_default();
            problems.push(format!("gate {}: {figure}, at most {}", gate.id, explain::limit(gate)));
        }
        Ok(Found { says: format!("{} pass", plural(tests().count(), "test")), problems })
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

/// A problem unless the gate failed beyond doubt.
fn gate_survived(report: &LabReport, id: &str) -> Option<String> {
    let gate = report.tasks.iter().flat_map(|task| &task.perf).find(|gate| gate.id == id)?;
    let figure = gate.value.as_ref().map(explain::figure).unwrap_or_default();
    match &gate.verdict {
        PerfVerdict::Fail | PerfVerdict::Broken(_) => None,
        PerfVerdict::Pass | PerfVerdict::TooNoisy => {
            Some(format!("gate {id} does not catch it: {figure}, at most {}", explain::limit(gate)))
        }
        PerfVerdict::NotRun(why) => {
            Some(format!("gate {id} was not measured: {why}; name the tests that catch it"))
        }
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
