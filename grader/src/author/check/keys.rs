//! Content keys: what a result of the check depends on, as two digests.
//!
//! ```text
//!   own     the lab: solutions/NN-name (src, manifest); its suite: tests, perf, manifest, what of lab.toml
//!           is run by; of a mutant or variant also its file
//!   below   what the lab stands on: the labs below it, the kits, the protocol, the testkit, the part of the
//!           grader that stages, compiles, runs and judges, the toolchain, the versions of the dependencies
//! ```
//!
//! - K1: a key depends on contents and paths below the course, never on times or on the machine.
//! - K2: what cannot change a verdict is in neither: handouts, hints, points, reports, commands, other labs'
//!   suites.
//!
//! A file that is in neither by mistake makes a result look current that is not, so the grader's sources are
//! taken whole except for a list of what is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::super::generate::files_below;
use super::lane::Step;
use crate::catalog::{Course, Lab};
use crate::stage::earlier_labs;
use crate::stage::manifests::{COMMONS, Manifests};

/// Changes when keys are taken from other things than before.
const VERSION: &str = "1";

/// Parts of the grader that say how something is shown or asked for, or read documents; they cannot change a
/// verdict.
const NO_VERDICT: [&str; 21] = [
    "src/author/check/base.rs",
    "src/author/check/book.rs",
    "src/author/check/keys.rs",
    "src/author/check/ledger.rs",
    "src/author/check/record.rs",
    "src/author/check/style",
    "src/author/check/style.rs",
    "src/author/check/text.rs",
    "src/author/lists.rs",
    "src/author/loop_times.rs",
    "src/author/new.rs",
    "src/blame.rs",
    "src/catalog/outline.rs",
    "src/cli.rs",
    "src/cmd",
    "src/lib.rs",
    "src/live.rs",
    "src/main.rs",
    "src/paint.rs",
    "src/progress.rs",
    "src/report",
];

/// The keys of one result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    /// Of the lab itself.
    pub(super) own: String,
    /// Of what it stands on.
    pub(super) below: String,
}

/// The keys that the results of a lab share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LabKeys {
    suite: PathBuf,
    shared: Keys,
}

impl LabKeys {
    /// Reads everything that the results of `lab` depend on.
    pub(super) fn of(course: &Course, lab: &Lab) -> Result<Self> {
        let shared = Keys { own: own(course, lab)?, below: below(course, lab)? };
        Ok(Self { suite: lab.suite_dir.clone(), shared })
    }

    /// The keys of one step.
    pub(super) fn of_step(&self, step: &Step<'_>) -> Result<Keys> {
        let mut content = Content::new();
        content.text("lab", &self.shared.own);
        content.text("step", &step.name);
        if let Some(path) = &step.patch {
            content.file(&self.suite, path)?;
        }
        Ok(Keys { own: content.key(), below: self.shared.below.clone() })
    }
}

fn own(course: &Course, lab: &Lab) -> Result<String> {
    let mut content = Content::new();
    content.text("version", VERSION);
    content.lab(course, lab)?;
    content.folder(&lab.suite_dir, "tests")?;
    content.folder(&lab.suite_dir, "perf")?;
    content.file(&lab.suite_dir, Path::new("Cargo.toml"))?;
    content.text("limits", &format!("{:?}", lab.limits));
    for task in &lab.tasks {
        content.text("task", &task.id);
    }
    for gate in &lab.perf {
        content.text("gate", &format!("{} {} {:?} {}", gate.id, gate.task, gate.kind, gate.max));
    }
    Ok(content.key())
}

fn below(course: &Course, lab: &Lab) -> Result<String> {
    let mut content = Content::new();
    content.text("version", VERSION);
    for earlier in earlier_labs(course, lab)? {
        content.lab(course, earlier)?;
    }
    let kits = Manifests::read(course)?.kits(lab, &BTreeMap::new())?;
    let commons = COMMONS.iter().map(|(folder, _)| (*folder).to_owned());
    let packages: BTreeSet<String> = commons.chain(kits.into_iter().map(|kit| kit.sources)).collect();
    for package in &packages {
        content.package(&course.commons, Path::new(package))?;
    }
    let grader = course.commons.join("grader");
    for path in files_below(&grader, Path::new("src"))? {
        let is_test = path.to_string_lossy().ends_with("_tests.rs");
        if !is_test && !NO_VERDICT.iter().any(|left_out| path.starts_with(left_out)) {
            content.file(&grader, &path)?;
        }
    }
    content.file(&course.commons, Path::new("rust-toolchain.toml"))?;
    content.versions(&course.commons.join("solutions"))?;
    Ok(content.key())
}

/// A digest that grows by named parts.
pub(super) struct Content(Sha256);

impl Content {
    pub(super) fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds a part. The lengths keep two parts apart from one.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    /// The first 64 bits, as 16 hexadecimal digits.
    pub(super) fn key(self) -> String {
        format!("{:016x}", self.number())
    }

    /// The first 64 bits.
    pub(super) fn number(self) -> u64 {
        let digest = self.0.finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A file that must be there, by its path below `base`.
    fn file(&mut self, base: &Path, path: &Path) -> Result<()> {
        let whole = base.join(path);
        let bytes = fs::read(&whole).with_context(|| format!("read {}", whole.display()))?;
        self.bytes(&path.to_string_lossy(), &bytes);
        Ok(())
    }

    fn folder(&mut self, base: &Path, folder: &str) -> Result<()> {
        files_below(base, Path::new(folder))?.iter().try_for_each(|path| self.file(base, path))
    }

    /// Sources and manifest of a package.
    fn package(&mut self, base: &Path, package: &Path) -> Result<()> {
        for path in files_below(base, &package.join("src"))? {
            self.file(base, &path)?;
        }
        self.file(base, &package.join("Cargo.toml"))
    }

    fn lab(&mut self, course: &Course, lab: &Lab) -> Result<()> {
        self.package(&course.root.join("solutions"), Path::new(&lab.id))
    }

    /// The versions that the stage takes from the reference's workspace. A lab or a bench more changes
    /// nothing here.
    fn versions(&mut self, solutions: &Path) -> Result<()> {
        let read = |name: &str| -> Result<Table> {
            let path = solutions.join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            text.parse().with_context(|| format!("read {}", path.display()))
        };
        let workspace = read("Cargo.toml")?.remove("workspace").unwrap_or(Value::Boolean(false));
        for key in ["package", "dependencies"] {
            let mut table = workspace.get(key).and_then(Value::as_table).cloned().unwrap_or_default();
            table.retain(|_, value| value.get("path").is_none());
            self.text(key, &table.to_string());
        }
        let packages = read("Cargo.lock")?.remove("package");
        for package in packages.as_ref().and_then(Value::as_array).into_iter().flatten() {
            if package.get("source").is_some() {
                self.text("locked", &package.to_string());
            }
        }
        Ok(())
    }
}
