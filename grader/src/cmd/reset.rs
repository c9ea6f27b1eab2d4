//! `cargo grade reset TASK|LAB`: puts the skeleton back and keeps what was there.
//!
//! For a task, only the bodies of its functions are exchanged; helpers and other tasks stay. Where such a
//! function cannot be found in the learner's file, the whole file is exchanged, and the question says so.
//! The file of a module may have been moved from `channel.rs` to `channel/mod.rs`: rustc refuses both at once
//! (E0761), so the moved file is changed where it is, or removed when the whole file is put back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::common;
use crate::author::generate::{Change, Generator, Plan, backup_folder, write_file};
use crate::catalog::{Course, Lab, Task};
use crate::functions::{Function, functions};
use crate::paint::plural;

/// Runs the command.
pub fn run(course: &Course, what: &str, yes: bool) -> Result<ExitCode> {
    if !course.root.join("solutions").is_dir() {
        bail!(
            "this copy of the course has no solutions/, from which a skeleton is made; \
             `git checkout -- labs/FILE` brings back what was committed"
        );
    }
    if what.contains('.') {
        let (lab, task) = course.task(what)?;
        reset_task(course, lab, task, yes)
    } else {
        let lab = course.lab(what)?;
        reset_lab(course, lab, yes)
    }
}

fn plan(course: &Course, lab: &Lab) -> Result<Plan> {
    let tasks: BTreeSet<String> = lab.tasks.iter().map(|task| task.id.clone()).collect();
    let tasks = BTreeMap::from([(lab.id.clone(), tasks)]);
    Generator { root: &course.root, only: std::slice::from_ref(&lab.id), tasks }.plan()
}

/// What happens to one file.
struct Edit {
    /// Below `labs/`.
    path: PathBuf,
    /// `None` removes the file.
    text: Option<String>,
    says: String,
}

fn reset_lab(course: &Course, lab: &Lab, yes: bool) -> Result<ExitCode> {
    let mut plan = plan(course, lab)?;
    let mut edits = Vec::new();
    for (path, change) in std::mem::take(&mut plan.changes) {
        let says = match change {
            Change::Missing => "is put back",
            Change::Differs => "becomes the skeleton again",
            Change::Extra => "is removed, the skeleton has no such file",
        };
        let text = plan.wanted.get(&path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        edits.push(Edit { path, text, says: says.to_string() });
    }
    apply(course, &format!("lab {} {}", lab.number, lab.title), edits, yes)
}

fn reset_task(course: &Course, lab: &Lab, task: &Task, yes: bool) -> Result<ExitCode> {
    let plan = plan(course, lab)?;
    let labs = course.root.join("labs");
    let mut edits = Vec::new();
    for (path, bytes) in &plan.wanted {
        let skeleton = String::from_utf8_lossy(bytes).into_owned();
        let holes = holes(&skeleton, &task.id);
        if !holes.is_empty() {
            edits.extend(reset_file(&labs, path, skeleton, &holes));
        }
    }
    apply(course, &format!("task {} {}", task.id, task.title), edits, yes)
}

/// The edits that make the functions of `holes` holes again in the file at `path`, below `labs`.
fn reset_file(labs: &Path, path: &Path, skeleton: String, holes: &[Function]) -> Vec<Edit> {
    let moved = moved_module(path).filter(|moved| labs.join(moved).is_file());
    let is_here = labs.join(path).is_file();
    let used = moved.as_deref().filter(|_| !is_here).unwrap_or(path);
    let mut edits = Vec::new();
    let (text, mut says) = match fs::read_to_string(labs.join(used)) {
        Ok(found) => match exchange(&skeleton, holes, &found) {
            Ok(text) if text == found => (None, String::new()),
            Ok(text) => {
                (Some((used, text)), format!("{} becomes `todo!` again", plural(holes.len(), "function")))
            }
            Err(name) => (
                Some((path, skeleton)),
                format!(
                    "becomes the skeleton again AS A WHOLE, because `{name}` was not found in {} exactly once",
                    name_of(used)
                ),
            ),
        },
        Err(_) => (Some((path, skeleton)), "is put back".to_owned()),
    };
    says = says.replace("functions becomes", "functions become");
    let stays_moved = text.as_ref().map_or(!is_here, |(written, _)| *written != path);
    if let Some((written, text)) = text {
        edits.push(Edit { path: written.to_path_buf(), text: Some(text), says });
    }
    if let Some(moved) = moved.filter(|_| !stays_moved) {
        let says = format!("is removed, because the module is {} again", name_of(path));
        edits.push(Edit { path: moved, text: None, says });
    }
    edits
}

/// Where else the module of the file at `path` can be: `channel/mod.rs` for `channel.rs`.
fn moved_module(path: &Path) -> Option<PathBuf> {
    let stem = path.file_stem()?;
    let is_root = stem == "lib" || stem == "mod" || !path.iter().any(|part| part == "src");
    (!is_root).then(|| path.with_file_name(stem).join("mod.rs"))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The functions of a skeleton that are holes of `task`.
fn holes(skeleton: &str, task: &str) -> Vec<Function> {
    let mark = format!("todo!(\"task {task}: ");
    functions(skeleton)
        .into_iter()
        .filter(|function| skeleton[function.body.clone()].contains(&mark))
        .collect()
}

/// The learner's text with the bodies of `holes` from the skeleton; the name of the first function that
/// is not there exactly once.
fn exchange(skeleton: &str, holes: &[Function], found: &str) -> Result<String, String> {
    let theirs = functions(found);
    let mut edits = Vec::new();
    for hole in holes {
        let mut same = theirs.iter().filter(|function| function.path == hole.path);
        let name = || hole.path.last().cloned().unwrap_or_default();
        let function = same.next().ok_or_else(name)?;
        if same.next().is_some() {
            return Err(name());
        }
        edits.push((function.body.clone(), &skeleton[hole.body.clone()]));
    }
    edits.sort_by_key(|(body, _)| std::cmp::Reverse(body.start));
    let mut text = found.to_string();
    for (body, hole) in edits {
        text.replace_range(body, hole);
    }
    Ok(text)
}

fn apply(course: &Course, name: &str, edits: Vec<Edit>, yes: bool) -> Result<ExitCode> {
    if edits.is_empty() {
        println!("{name} is the skeleton already");
        return Ok(ExitCode::SUCCESS);
    }
    for edit in &edits {
        eprintln!("  labs/{}: {}", edit.path.display(), edit.says);
    }
    if !yes && !common::confirm(&format!("Reset {name}? A copy of what is there now is kept.")) {
        bail!("nothing was changed; say yes, or give --yes");
    }
    let backup = backup_folder(&course.root);
    let mut kept = 0;
    for edit in edits {
        let target = course.root.join("labs").join(&edit.path);
        if target.exists() {
            let bytes = fs::read(&target).with_context(|| format!("read {}", target.display()))?;
            write_file(&backup.join("labs").join(&edit.path), &bytes)?;
            kept += 1;
        }
        match edit.text {
            Some(text) => write_file(&target, text.as_bytes())?,
            None => fs::remove_file(&target).with_context(|| format!("remove {}", target.display()))?,
        }
    }
    println!("{name} is the skeleton again");
    if kept > 0 {
        println!("what was there is kept in {}", common::shown(&backup));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKELETON: &str = "impl A {\n    fn f(&self) {\n        todo!(\"task 1.1: f\")\n    }\n\n    \
                            fn g(&self) {\n        todo!(\"task 1.2: g\")\n    }\n}\n";

    /// A learner who resets one task keeps the helper and the other task in the same file.
    #[test]
    fn only_the_bodies_of_the_task_change() {
        let mine = "impl A {\n    fn f(&self) { self.help(1) }\n\n    fn help(&self, x: u8) {}\n\n    \
                    fn g(&self) {\n        let mine = 2;\n    }\n}\n";
        let text = exchange(SKELETON, &holes(SKELETON, "1.1"), mine).expect("f is there");
        assert!(text.contains("fn f(&self) {\n        todo!(\"task 1.1: f\")\n    }"), "{text}");
        assert!(text.contains("let mine = 2;") && text.contains("fn help"), "{text}");
    }

    /// A function that was renamed is named in the question.
    #[test]
    fn a_renamed_function_is_not_guessed() {
        let mine = "impl A {\n    fn other(&self) {}\n}\n";
        assert_eq!(exchange(SKELETON, &holes(SKELETON, "1.1"), mine), Err("fn f".to_string()));
    }

    /// Text of `labs/` after the edits of task 1.1, by path; what each edit says is in front.
    fn after_reset(files: &[(&str, &str)]) -> (Vec<String>, BTreeMap<String, String>) {
        let labs = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write_file(&labs.path().join(path), text.as_bytes()).unwrap();
        }
        let edits =
            reset_file(labs.path(), Path::new("src/a.rs"), SKELETON.to_string(), &holes(SKELETON, "1.1"));
        let mut after: BTreeMap<String, String> =
            files.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        for edit in &edits {
            let path = edit.path.display().to_string();
            match &edit.text {
                Some(text) => drop(after.insert(path, text.clone())),
                None => drop(after.remove(&path)),
            }
        }
        (edits.into_iter().map(|edit| edit.says).collect(), after)
    }

    const SOLVED: &str = "impl A {\n    fn f(&self) {}\n\n    fn g(&self) {}\n}\n";

    /// The file of a module may be moved: rustc refuses `a.rs` and `a/mod.rs` at once.
    #[test]
    fn a_moved_module_is_reset_where_it_is() {
        let (says, after) = after_reset(&[("src/a/mod.rs", SOLVED), ("src/a/part.rs", "")]);
        assert_eq!(after.keys().collect::<Vec<_>>(), ["src/a/mod.rs", "src/a/part.rs"], "{says:?}");
        assert!(after["src/a/mod.rs"].contains("todo!(\"task 1.1: f\")"), "{after:?}");
        assert!(after["src/a/mod.rs"].contains("fn g(&self) {}"), "the other task stays: {after:?}");
        let (says, _) = after_reset(&[("src/a/mod.rs", after["src/a/mod.rs"].as_str())]);
        assert!(says.is_empty(), "there is nothing left to reset: {says:?}");
    }

    /// Where the whole file has to be put back, the moved one goes.
    #[test]
    fn a_moved_module_without_the_function_is_removed() {
        let (says, after) = after_reset(&[("src/a/mod.rs", "mod part;\n"), ("src/a/part.rs", SOLVED)]);
        assert_eq!(after.keys().collect::<Vec<_>>(), ["src/a.rs", "src/a/part.rs"], "{says:?}");
        assert_eq!(after["src/a.rs"], SKELETON);
        assert!(says[0].contains("`fn f` was not found in mod.rs"), "{says:?}");
    }

    /// With both files the lab does not compile at all; one of them is the skeleton's.
    #[test]
    fn of_two_files_of_one_module_the_moved_one_is_removed() {
        let (says, after) = after_reset(&[("src/a.rs", SOLVED), ("src/a/mod.rs", SOLVED)]);
        assert_eq!(after.keys().collect::<Vec<_>>(), ["src/a.rs"], "{says:?}");
        assert!(after["src/a.rs"].contains("todo!"), "{after:?}");
        let (says, after) =
            after_reset(&[("src/a.rs", after["src/a.rs"].as_str()), ("src/a/mod.rs", SOLVED)]);
        assert_eq!((says.len(), after.len()), (1, 1), "{says:?}");
    }
}
