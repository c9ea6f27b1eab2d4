//! The folder that `--labs` means.
//!
//! ```text
//!   DIR/01-structures/src             the folder of the labs
//!   DIR/labs/01-structures/src        a copy of the course
//!   DIR/name/[labs/]01-structures     an archive that has one folder more
//!   DIR = .../01-structures           a lab itself
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::common;
use crate::catalog::Lab;

/// How deep below the given folder a lab is looked for, to say which folder was probably meant.
const DEPTH: usize = 4;

/// Most folders named in a message.
const NAMED: usize = 4;

/// The folder that holds the folder of `lab`, found from the folder that was given.
///
/// # Errors
///
/// When there is none, or several: says which folder was probably meant.
pub fn find(given: &Path, lab: &Lab) -> Result<PathBuf> {
    let folder = fs::canonicalize(given).with_context(|| format!("no folder {}", given.display()))?;
    if !folder.is_dir() {
        bail!("{} is a file; unpack it, and give the folder", given.display());
    }
    if let Some(labs) = labs_of(&folder, lab) {
        return Ok(labs);
    }
    let is_lab = folder.file_name().is_some_and(|name| *name == *lab.id) && folder.join("src").is_dir();
    if let Some(parent) = folder.parent().filter(|_| is_lab) {
        return Ok(parent.to_path_buf());
    }
    let below: Vec<PathBuf> = folders(&folder).iter().filter_map(|inner| labs_of(inner, lab)).collect();
    match below.as_slice() {
        [one] => Ok(one.clone()),
        [] => bail!("{} holds no folder {}{}", given.display(), lab.id, advice(&folder, lab)),
        several => bail!(
            "{} holds {} submissions; give the folder of one: {}",
            given.display(),
            several.len(),
            list(several)
        ),
    }
}

fn labs_of(folder: &Path, lab: &Lab) -> Option<PathBuf> {
    [folder.join("labs"), folder.to_path_buf()].into_iter().find(|labs| labs.join(&lab.id).is_dir())
}

/// The folders in `folder` that are not hidden, and not what macOS adds to an archive.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| {
            let name = entry.file_name();
            !name.as_encoded_bytes().starts_with(b".") && name != "__MACOSX"
        })
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

/// What was probably meant, as the end of a sentence.
fn advice(folder: &Path, lab: &Lab) -> String {
    let mut found = Vec::new();
    search(folder, lab, DEPTH, &mut found);
    let above = folder.ancestors().find(|above| above.file_name().is_some_and(|name| *name == *lab.id));
    found.extend(above.and_then(Path::parent).map(Path::to_path_buf));
    if !found.is_empty() {
        return format!("; did you mean: {}", list(&found));
    }
    if folder.join("src/lib.rs").is_file() {
        return format!("; it looks like a lab itself: name it {} and give the folder that holds it", lab.id);
    }
    String::new()
}

/// Adds the folders below `folder` that hold `lab`.
fn search(folder: &Path, lab: &Lab, depth: usize, found: &mut Vec<PathBuf>) {
    for inner in folders(folder) {
        if inner.join(&lab.id).join("src").is_dir() {
            found.push(inner);
        } else if depth > 0 && found.len() < NAMED {
            search(&inner, lab, depth - 1, found);
        }
    }
}

fn list(folders: &[PathBuf]) -> String {
    let mut names: Vec<String> = folders.iter().take(NAMED).map(|folder| common::shown(folder)).collect();
    if folders.len() > NAMED {
        names.push("...".into());
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Lab {
        let text = include_str!("../../tests/fixture/grader/suites/01-tiny/lab.toml");
        Lab::parse(Path::new("grader/suites/01-tiny"), text).unwrap()
    }

    fn given(folders: &[&str], given: &str) -> Result<String> {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        for folder in folders {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::create_dir_all(root.join("own/src")).unwrap();
        fs::write(root.join("own/src/lib.rs"), "").unwrap();
        fs::write(root.join("labs.zip"), "").unwrap();
        let found = find(&root.join(given), &lab());
        found.map(|found| found.strip_prefix(&root).unwrap().display().to_string())
    }

    /// An instructor unpacks what was handed in, in whatever folder it comes.
    #[test]
    fn each_way_to_hand_in_is_found() {
        for (folders, name, expected) in [
            (&["a/01-tiny/src"][..], "a", "a"),
            (&["a/labs/01-tiny/src"], "a", "a/labs"),
            (&["a/01-tiny/src"], "a/01-tiny", "a"),
            (&["a/anna/01-tiny/src", "a/__MACOSX/01-tiny", "a/.git/01-tiny"], "a", "a/anna"),
            (&["a/anna/labs/01-tiny/src"], "a", "a/anna/labs"),
        ] {
            assert_eq!(given(folders, name).unwrap(), expected, "{folders:?}");
        }
    }

    /// Where it is not clear, the message names the folders that it may be.
    #[test]
    fn what_was_probably_meant_is_said() {
        for (folders, name, says) in [
            (&["a/anna/01-tiny", "a/bob/01-tiny"][..], "a", "holds 2 submissions; give the folder of one: "),
            (&["a/b/c/anna/labs/01-tiny/src"], "a", "a/b/c/anna/labs"),
            (&["a/01-tiny/src"], "a/01-tiny/src", "did you mean: "),
            (&[], "own", "it looks like a lab itself: name it 01-tiny"),
            (&[], "labs.zip", "unpack it"),
            (&["a"], "a", "holds no folder 01-tiny"),
            (&[], "b", "no folder "),
        ] {
            let error = given(folders, name).unwrap_err().to_string();
            assert!(error.contains(says), "{folders:?}: {error}");
        }
    }
}
