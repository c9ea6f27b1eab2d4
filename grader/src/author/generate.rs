//! Writes `labs/` from `solutions/`.
//!
//! Called by `cargo grade author generate`, by the author's check and by `reset`. Calls [`marks`].
//!
//! ```text
//!   solutions/01-structures/  Cargo.toml  --- same bytes --->  labs/01-structures/  Cargo.toml
//!                             src/*.rs    --- skeleton ----->                       src/*.rs
//!                             tests/*.rs  --- skeleton ----->                       tests/*.rs
//!   .grade/generated/         what the last generation wrote: a file that equals it has not been edited
//!   .grade/backup/TIME/       what was overwritten or removed although somebody had edited it
//! ```
//!
//! Invariants:
//! - I1: nothing is written unless every source of the chosen labs could be read.
//! - I2: a file that somebody edited is copied to the backup folder before it is overwritten or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use super::marks;
use crate::catalog::GRADE_FOLDER;

/// Folders of a package that are generated; anything else in `labs/NN` is left alone.
const FOLDERS: [&str; 4] = ["src", "tests", "benches", "examples"];

/// Where a course is, and which of its packages to generate.
pub struct Generator<'a> {
    /// The folder with `solutions/` and `labs/`.
    pub root: &'a Path,
    /// Packages by folder name; all when empty.
    pub only: &'a [String],
    /// Task ids of each folder that has a `lab.toml`; a mark with another id is an error.
    pub tasks: BTreeMap<String, BTreeSet<String>>,
}

/// How a file of `labs/` differs from what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Does not exist yet.
    Missing,
    /// Holds other bytes.
    Differs,
    /// Has no counterpart in `solutions/`.
    Extra,
}

/// The files that are not as they should be, by path below `labs/`.
#[derive(Debug, Default)]
pub struct Plan {
    /// What should be there.
    pub wanted: BTreeMap<PathBuf, Vec<u8>>,
    /// What has to change.
    pub changes: BTreeMap<PathBuf, Change>,
}

/// What [`Generator::write`] did.
#[derive(Debug, Default)]
pub struct Written {
    /// Files written or removed.
    pub changed: Vec<(PathBuf, Change)>,
    /// Files whose former bytes were kept, as paths of the copies.
    pub backups: Vec<PathBuf>,
}

impl Generator<'_> {
    fn labs(&self) -> PathBuf {
        self.root.join("labs")
    }

    fn generated(&self) -> PathBuf {
        self.root.join(GRADE_FOLDER).join("generated")
    }

    /// The folders below `solutions/` that are packages to generate.
    fn packages(&self) -> Result<Vec<String>> {
        let solutions = self.root.join("solutions");
        let mut found = Vec::new();
        for entry in fs::read_dir(&solutions).with_context(|| format!("read {}", solutions.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().join("Cargo.toml").is_file() {
                found.push(name);
            }
        }
        found.sort();
        if let Some(unknown) = self.only.iter().find(|name| !found.contains(name)) {
            bail!("solutions/{unknown} is no package (there are: {})", found.join(", "));
        }
        if !self.only.is_empty() {
            found.retain(|name| self.only.contains(name));
        }
        Ok(found)
    }

    /// Works out what `labs/` should hold and how it differs; changes nothing.
    pub fn plan(&self) -> Result<Plan> {
        let mut plan = Plan::default();
        let mut errors = Vec::new();
        let packages = self.packages()?;
        for package in &packages {
            self.package(package, &mut plan.wanted, &mut errors)?;
        }
        if !errors.is_empty() {
            bail!("the marks in solutions/ are not in order:\n  {}", errors.join("\n  "));
        }
        for (path, bytes) in &plan.wanted {
            match fs::read(self.labs().join(path)) {
                Ok(found) if found == *bytes => {}
                Ok(_) => drop(plan.changes.insert(path.clone(), Change::Differs)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    plan.changes.insert(path.clone(), Change::Missing);
                }
                Err(error) => return Err(error).with_context(|| format!("read labs/{}", path.display())),
            }
        }
        for package in &packages {
            for folder in FOLDERS {
                for path in files_below(&self.labs(), &Path::new(package).join(folder))? {
                    if !plan.wanted.contains_key(&path) {
                        plan.changes.insert(path, Change::Extra);
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Adds the files of one package to `wanted`, and what is wrong with its marks to `errors`.
    fn package(
        &self,
        package: &str,
        wanted: &mut BTreeMap<PathBuf, Vec<u8>>,
        errors: &mut Vec<String>,
    ) -> Result<()> {
        let solutions = self.root.join("solutions");
        let mut paths = vec![Path::new(package).join("Cargo.toml")];
        for folder in FOLDERS {
            paths.extend(files_below(&solutions, &Path::new(package).join(folder))?);
        }
        for path in paths {
            let source = solutions.join(&path);
            let bytes = fs::read(&source).with_context(|| format!("read {}", source.display()))?;
            if path.extension().is_none_or(|extension| extension != "rs") {
                wanted.insert(path, bytes);
                continue;
            }
            let text =
                String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", source.display()))?;
            let name = format!("solutions/{}", path.display());
            match marks::parse(&name, &text) {
                Ok(marked) => {
                    let known = self.tasks.get(package);
                    let mut seen = BTreeSet::new();
                    for region in marked.regions().filter(|region| seen.insert(&region.task)) {
                        if let Some(problem) = unknown_task(package, known, &region.task) {
                            errors.push(format!("{name}:{}: {problem}", region.line));
                        }
                    }
                    wanted.insert(path, marked.skeleton().into_bytes());
                }
                Err(found) => errors.extend(found.iter().map(ToString::to_string)),
            }
        }
        Ok(())
    }

    /// Brings `labs/` to what it should be.
    pub fn write(&self) -> Result<Written> {
        let plan = self.plan()?;
        let mut written = Written::default();
        let backup = backup_folder(self.root);
        for (path, change) in plan.changes {
            let target = self.labs().join(&path);
            let record = self.generated().join(&path);
            if change != Change::Missing {
                let found = fs::read(&target)?;
                if fs::read(&record).ok().as_ref() != Some(&found) {
                    let copy = backup.join("labs").join(&path);
                    write_file(&copy, &found)?;
                    written.backups.push(copy);
                }
            }
            match plan.wanted.get(&path) {
                Some(bytes) => write_file(&target, bytes)?,
                None => fs::remove_file(&target)?,
            }
            written.changed.push((path, change));
        }
        for (path, bytes) in &plan.wanted {
            let record = self.generated().join(path);
            if fs::read(&record).ok().as_ref() != Some(bytes) {
                write_file(&record, bytes)?;
            }
        }
        Ok(written)
    }

    /// The text that `labs/PATH` should have, for messages and for `reset`.
    pub fn wanted_text(&self, plan: &Plan, path: &Path) -> String {
        plan.wanted.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// Unified diff from the file on disk to the file as it should be.
    pub fn diff(&self, plan: &Plan, path: &Path) -> String {
        let found = fs::read(self.labs().join(path)).unwrap_or_default();
        let found = String::from_utf8_lossy(&found).into_owned();
        let wanted = self.wanted_text(plan, path);
        let name = path.display();
        similar::TextDiff::from_lines(&found, &wanted)
            .unified_diff()
            .context_radius(2)
            .header(&format!("labs/{name}"), &format!("generated from solutions/{name}"))
            .to_string()
    }
}

fn unknown_task(package: &str, known: Option<&BTreeSet<String>>, task: &str) -> Option<String> {
    match known {
        None => Some(format!("task {task}, but there is no grader/suites/{package}/lab.toml")),
        Some(known) if known.contains(task) => None,
        Some(known) => {
            let list: Vec<&str> = known.iter().map(String::as_str).collect();
            Some(format!(
                "no task {task} in grader/suites/{package}/lab.toml (there are: {})",
                list.join(", ")
            ))
        }
    }
}

/// A new folder name for copies of what is about to be overwritten. Created by the first copy.
pub fn backup_folder(root: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    let parent = root.join(GRADE_FOLDER).join("backup");
    let name = utc_name(seconds);
    let mut folder = parent.join(&name);
    let mut again = 2;
    while folder.exists() {
        folder = parent.join(format!("{name}-{again}"));
        again += 1;
    }
    folder
}

/// Seconds since 1970 as `2026-11-22T09-47-05Z`: sorts by time, and has no character that a file system
/// refuses.
fn utc_name(seconds: u64) -> String {
    let (mut year, mut day) = (1970_u64, seconds / 86_400);
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}-{minute:02}-{second:02}Z", day + 1)
}

/// Writes a file and its folders.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

/// All files in `base/below` and its folders that are not hidden, as sorted paths relative to `base`; none if
/// it is not there.
pub fn files_below(base: &Path, below: &Path) -> Result<Vec<PathBuf>> {
    let folder = base.join(below);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files.extend(files_below(base, &path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
