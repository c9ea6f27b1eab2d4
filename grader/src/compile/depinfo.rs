//! What rustc read while it compiled a lab, by its own account.
//!
//! `#[path = "../../../solutions/.."] mod x;` and `include_str!` reach any file the user can read: the
//! reference, the hidden tests, a neighbour's work. rustc lists every file it read in `NAME-HASH.d`
//! beside the library, so the submission is held to its own `src/` after the fact, before anything runs and
//! before a message of the compiler is shown.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::cargo::Ran;
use super::messages::Artifact;
use crate::catalog::{Course, Lab};
use crate::stage::freshness::PROFILES;
use crate::stage::{Seat, Stage};

/// One sentence for each file outside the lab's `src/` that went into `package`. Errs when rustc's list is
/// not where it belongs: what cannot be checked is not taken for good.
pub fn foreign_sources(
    stage: &Stage,
    package: &str,
    lab: &Lab,
    artifacts: &[Artifact],
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.package == package) {
        let texts: Vec<String> = artifact.files.iter().filter_map(|file| dep_info(file)).collect();
        if texts.is_empty() {
            bail!("cannot find out which files were compiled into {}", lab.path());
        }
        for source in texts.iter().flat_map(|text| sources(text)) {
            refuse_outside(&mut found, stage, lab, &source);
        }
    }
    Ok(found)
}

/// The same for a build that failed, of all labs in the learner's seat: an error message can hold the text of
/// any file that the code takes in. Looks at rustc's lists, and at the files that its messages point at,
/// because a file that is no Rust ends the compilation before there is a list.
pub fn foreign_in_failed_build(course: &Course, stage: &Stage, ran: &Ran) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let labs = || course.labs.iter().filter(|lab| stage.seats.contains_key(&lab.number));
    let allowed: Vec<PathBuf> =
        labs().map(|lab| Path::new(stage.seat(lab).folder()).join(&lab.id).join("src")).collect();
    for lab in labs().filter(|lab| stage.seat(lab) == Seat::Learner) {
        let root = PathBuf::from(lab.path()).join("src/lib.rs");
        for text in lists(stage, lab)? {
            let files = sources(&text);
            if files.iter().any(|file| below(stage, file) == root) {
                files.iter().for_each(|file| refuse_outside(&mut found, stage, lab, file));
            }
        }
        let own = ran.found.iter().filter(|message| message.crate_root.as_ref() == Some(&root));
        for file in own.flat_map(|message| &message.files) {
            let path = below(stage, Path::new(file));
            let is_known = allowed.iter().any(|folder| path.starts_with(folder)) && !climbs(&path);
            if !is_known && !is_given(file, stage, &ran.artifacts) {
                refuse(&mut found, lab, &path);
            }
        }
    }
    Ok(found)
}

/// Whether messages may point at this file, which is no lab's: the kit, the standard library, a dependency,
/// or no file at all.
fn is_given(file: &str, stage: &Stage, artifacts: &[Artifact]) -> bool {
    let is_of = |artifact: &Artifact| {
        let folder = artifact.source.parent().filter(|folder| !folder.starts_with(&stage.root));
        folder.is_some_and(|folder| Path::new(file).starts_with(folder))
    };
    let is_in_package = file.contains("/rustlib/src/") || artifacts.iter().any(is_of);
    let is_part = file.starts_with("labs/kit/") || file.starts_with("/rustc/") || file.starts_with('<');
    (is_in_package || is_part) && !climbs(Path::new(file))
}

fn refuse_outside(found: &mut Vec<String>, stage: &Stage, lab: &Lab, source: &Path) {
    let inside = below(stage, source);
    if climbs(&inside) || !inside.starts_with(PathBuf::from(lab.path()).join("src")) {
        refuse(found, lab, &inside);
    }
}

fn refuse(found: &mut Vec<String>, lab: &Lab, file: &Path) {
    let text = format!(
        "{} takes in {}, which is outside its src/; remove the `#[path]` or `include`",
        lab.path(),
        normal(file).display()
    );
    if !found.contains(&text) {
        found.push(text);
    }
}

fn climbs(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

/// The path below the stage, if it is there.
fn below(stage: &Stage, path: &Path) -> PathBuf {
    path.strip_prefix(&stage.root).unwrap_or(path).to_path_buf()
}

/// rustc's lists for crates with the name of the lab, of every seat and both profiles.
fn lists(stage: &Stage, lab: &Lab) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for profile in PROFILES {
        for path in list_files(&stage.build_dir.join(profile).join("deps"), lab) {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            texts.push(text);
        }
    }
    Ok(texts)
}

fn list_files(folder: &Path, lab: &Lab) -> Vec<PathBuf> {
    let start = format!("{}-", lab.library());
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_list = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&start) && name.ends_with(".d")
    };
    names.map(|entry| entry.path()).filter(is_list).collect()
}

/// The files below the stage that rustc read for `package`, as they are named there.
pub fn sources_of(stage: &Stage, package: &str, artifacts: &[Artifact]) -> Vec<PathBuf> {
    let artifacts = artifacts.iter().filter(|artifact| artifact.package == package);
    let texts = artifacts.flat_map(|artifact| &artifact.files).filter_map(|file| dep_info(file));
    texts.flat_map(|text| sources(&text)).map(|file| below(stage, &file)).collect()
}

/// The text of `deps/NAME-HASH.d` beside `deps/libNAME-HASH.rlib`.
fn dep_info(library: &Path) -> Option<String> {
    let stem = library.file_stem()?.to_str()?.strip_prefix("lib")?;
    fs::read_to_string(library.with_file_name(format!("{stem}.d"))).ok()
}

/// The files on the right of the first rule: `target: file file`, spaces in names escaped.
fn sources(text: &str) -> Vec<PathBuf> {
    let Some(line) = text.lines().find(|line| line.contains(": ")) else { return Vec::new() };
    let Some((_, right)) = line.split_once(": ") else { return Vec::new() };
    let right = right.replace("\\ ", "\0");
    right.split_whitespace().map(|name| PathBuf::from(name.replace('\0', " "))).collect()
}

/// The path with `x/..` taken out, for showing.
fn normal(path: &Path) -> PathBuf {
    let mut shown = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            shown.pop();
        } else {
            shown.push(part);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_rule_with_spaces_in_names() {
        let text =
            "/t/libx.rmeta: labs/01-tiny/src/lib.rs labs/01-tiny/src/../../../solutions/a\\ b.rs\n\nx:\n";
        let found = sources(text);
        assert_eq!(found.len(), 2);
        assert_eq!(normal(&found[1]), Path::new("solutions/a b.rs"));
    }
}
