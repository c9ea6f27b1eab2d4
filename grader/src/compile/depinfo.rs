//! What rustc read while it compiled a lab, by its own account.
//!
//! `#[path = "../../../solutions/.."] mod x;` and `include_str!` reach any file the user can read: the
//! reference, the hidden tests, a neighbour's work. rustc lists every file it read in `NAME-HASH.d`
//! beside the library, so the submission is held to its own `src/` after the fact, before anything runs.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Result, bail};

use super::messages::Artifact;
use crate::catalog::Lab;
use crate::stage::Stage;

/// One sentence for each file outside the lab's `src/` that went into `package`. Errs when rustc's list is
/// not where it belongs: what cannot be checked is not taken for good.
pub fn foreign_sources(
    stage: &Stage,
    package: &str,
    lab: &Lab,
    artifacts: &[Artifact],
) -> Result<Vec<String>> {
    let own = PathBuf::from(lab.path()).join("src");
    let mut found = Vec::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.package == package) {
        let texts: Vec<String> = artifact.files.iter().filter_map(|file| dep_info(file)).collect();
        if texts.is_empty() {
            bail!("cannot find out which files were compiled into {}", lab.path());
        }
        for text in texts {
            for source in sources(&text) {
                let inside = source.strip_prefix(&stage.root).unwrap_or(&source);
                let climbs = inside.components().any(|part| part == Component::ParentDir);
                if climbs || !inside.starts_with(&own) {
                    let shown = normal(inside);
                    let text = format!(
                        "{} takes in {}, which is outside its src/; remove the `#[path]` or `include`",
                        lab.path(),
                        shown.display()
                    );
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
            }
        }
    }
    Ok(found)
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
