//! The lists of labs and kits in files that are otherwise written by hand.
//!
//! Called by `cargo grade author generate` and by the author's check. Calls [`crate::catalog::Outline`].
//!
//! A list is a *region*: the lines between two marks, replaced in place. Every other line stays as it is.
//!
//! ```text
//!   # generated: members              <!-- generated: labs -->
//!   "labs/01-structures",             | lab | you build | ...
//!   # end                             <!-- end -->
//!     in a manifest                     in a document
//! ```
//!
//! | file | region | holds |
//! | --- | --- | --- |
//! | `Cargo.toml` | members, excluded, dependencies | labs and kits of the learner's workspace |
//! | `solutions/Cargo.toml` | members, dependencies | labs, suites, their benches, kits |
//! | `README.md` | labs | what the learner builds, and the folder |
//! | `handouts/src/00-introduction.md` | labs | the same, and why a database needs it |
//! | `handouts/src/SUMMARY.md` | labs | the chapters |
//!
//! Invariants:
//! - L1: nothing is written unless every region of every file was found.
//! - L2: a package whose folder has no `Cargo.toml` is in no list: cargo would refuse the whole workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::catalog::{COURSE_FILE, Outline};

/// A list in a file.
struct Region {
    file: &'static str,
    name: &'static str,
    /// The lines between the marks.
    lines: Vec<String>,
}

/// A file with lists.
#[derive(Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path below the root of the course.
    pub path: PathBuf,
    /// What it holds.
    pub found: String,
    /// What it should hold.
    pub wanted: String,
}

impl ListedFile {
    /// Whether the file is as it should be.
    pub fn is_current(&self) -> bool {
        self.found == self.wanted
    }

    /// Unified diff from the file as it is to the file as it should be.
    pub fn diff(&self) -> String {
        let name = self.path.display().to_string();
        similar::TextDiff::from_lines(&self.found, &self.wanted)
            .unified_diff()
            .context_radius(2)
            .header(&name, "generated from grader/suites")
            .to_string()
    }
}

/// Works out what the files with lists should hold; changes nothing. A course without [`COURSE_FILE`] has no
/// lists.
pub fn plan(root: &Path) -> Result<Vec<ListedFile>> {
    if !root.join(COURSE_FILE).is_file() {
        return Ok(Vec::new());
    }
    let outline = Outline::read(root)?;
    let problems = outline.problems();
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    let mut files: Vec<ListedFile> = Vec::new();
    for region in regions(root, &outline) {
        if files.last().is_none_or(|last| last.path != Path::new(region.file)) {
            let text = fs::read_to_string(root.join(region.file));
            let text = text.with_context(|| format!("read {}", region.file))?;
            files.push(ListedFile { path: region.file.into(), found: text.clone(), wanted: text });
        }
        let Some(file) = files.last_mut() else { continue };
        file.wanted = replaced(&file.wanted, &region).with_context(|| region.file)?;
    }
    Ok(files)
}

/// Brings every list up to date and returns the paths of the files that changed.
pub fn write(root: &Path) -> Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for file in plan(root)?.into_iter().filter(|file| !file.is_current()) {
        fs::write(root.join(&file.path), &file.wanted)
            .with_context(|| format!("write {}", file.path.display()))?;
        changed.push(file.path);
    }
    Ok(changed)
}

/// Every region of the course, those of one file together.
fn regions(root: &Path, outline: &Outline) -> Vec<Region> {
    let learner = "Cargo.toml";
    let reference = "solutions/Cargo.toml";
    vec![
        Region { file: learner, name: "members", lines: learner_members(root, outline) },
        Region { file: learner, name: "excluded", lines: excluded(outline) },
        Region { file: learner, name: "dependencies", lines: learner_dependencies(outline) },
        Region { file: reference, name: "members", lines: reference_members(root, outline) },
        Region { file: reference, name: "dependencies", lines: reference_dependencies(outline) },
        Region { file: "README.md", name: "labs", lines: readme(outline) },
        Region { file: "handouts/src/00-introduction.md", name: "labs", lines: introduction(outline) },
        Region { file: "handouts/src/SUMMARY.md", name: "labs", lines: chapters(outline) },
    ]
}

/// A line of an array of paths.
fn element(path: &str) -> String {
    format!("    \"{path}\",")
}

/// A line of a table of dependencies.
fn dependency(package: &str, path: &str) -> String {
    format!("{package} = {{ path = \"{path}\" }}")
}

fn is_package(root: &Path, folder: &str) -> bool {
    root.join(folder).join("Cargo.toml").is_file()
}

/// Where the learner's workspace has a kit that is given to the learner; `None` for a kit of the hidden
/// suites.
fn learner_folder(kit: &str) -> Option<String> {
    match kit.strip_prefix("solutions/") {
        Some(name) => Some(format!("labs/{name}")),
        None => kit.starts_with("labs/").then(|| kit.to_owned()),
    }
}

/// Where `folder` is, seen from `solutions/`.
fn from_reference(folder: &str) -> String {
    folder.strip_prefix("solutions/").map_or_else(|| format!("../{folder}"), str::to_owned)
}

fn learner_members(root: &Path, outline: &Outline) -> Vec<String> {
    let mut folders: Vec<String> =
        outline.kits.iter().filter_map(|kit| learner_folder(&kit.folder)).collect();
    for lab in &outline.labs {
        folders.push(format!("labs/{}", lab.id));
        folders.push(format!("labs/{}/benches", lab.id));
    }
    folders.iter().filter(|folder| is_package(root, folder)).map(|folder| element(folder)).collect()
}

/// Kits of the hidden suites belong to the reference's workspace, although their folders are not below it.
fn excluded(outline: &Outline) -> Vec<String> {
    let hidden = outline.kits.iter().filter(|kit| learner_folder(&kit.folder).is_none());
    hidden.map(|kit| element(&kit.folder)).collect()
}

fn learner_dependencies(outline: &Outline) -> Vec<String> {
    let kits = outline.kits.iter().filter_map(|kit| Some((&kit.package, learner_folder(&kit.folder)?)));
    let labs = outline.labs.iter().map(|lab| (&lab.package, format!("labs/{}", lab.id)));
    kits.chain(labs).map(|(package, folder)| dependency(package, &folder)).collect()
}

fn reference_members(root: &Path, outline: &Outline) -> Vec<String> {
    let mut folders = Vec::new();
    for lab in &outline.labs {
        folders.push(format!("solutions/{}", lab.id));
        folders.push(format!("solutions/{}/benches", lab.id));
    }
    for lab in &outline.labs {
        folders.push(format!("grader/suites/{}", lab.id));
        folders.push(format!("grader/suites/{}/benches", lab.id));
    }
    // A kit in labs/ belongs to the learner's workspace and stands on no lab.
    let kits = outline.kits.iter().filter(|kit| !kit.folder.starts_with("labs/"));
    folders.extend(kits.map(|kit| kit.folder.clone()));
    let packages = folders.iter().filter(|folder| is_package(root, folder));
    packages.map(|folder| element(&from_reference(folder))).collect()
}

fn reference_dependencies(outline: &Outline) -> Vec<String> {
    let labs = outline.labs.iter().map(|lab| dependency(&lab.package, &lab.id));
    let kits = outline.kits.iter().map(|kit| dependency(&kit.package, &from_reference(&kit.folder)));
    labs.chain(kits).collect()
}

fn readme(outline: &Outline) -> Vec<String> {
    let mut lines = vec!["| lab | you build | folder |".to_owned(), "| --- | --- | --- |".to_owned()];
    for lab in &outline.labs {
        let folder = format!("labs/{}", lab.id);
        lines.push(format!("| {} | {} | [`{folder}`]({folder}) |", lab.number, lab.summary));
    }
    for lab in &outline.coming {
        lines.push(format!("| {} | {} | coming |", lab.number(), lab.summary));
    }
    lines
}

fn introduction(outline: &Outline) -> Vec<String> {
    let mut lines =
        vec!["| lab | you build | why a database needs it |".to_owned(), "| --- | --- | --- |".to_owned()];
    for lab in &outline.labs {
        lines.push(format!("| [{}]({}.md) | {} | {} |", lab.number, lab.id, lab.summary, lab.why));
    }
    for lab in &outline.coming {
        lines.push(format!("| {} (coming) | {} | {} |", lab.number(), lab.summary, lab.why));
    }
    lines
}

fn chapters(outline: &Outline) -> Vec<String> {
    let labs = outline.labs.iter();
    labs.map(|lab| format!("- [Lab {}: {}]({}.md)", lab.number, lab.title, lab.id)).collect()
}

/// `text` with the lines of `region` between its marks.
fn replaced(text: &str, region: &Region) -> Result<String> {
    let (open, end) = if region.file.ends_with(".md") {
        (format!("<!-- generated: {} -->", region.name), "<!-- end -->")
    } else {
        (format!("# generated: {}", region.name), "# end")
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut starts = lines.iter().enumerate().filter(|(_, line)| line.trim() == open).map(|(index, _)| index);
    let (Some(start), None) = (starts.next(), starts.next()) else {
        bail!("the line `{open}` must be there exactly once: the list of labs or kits is written below it");
    };
    let length = lines[start + 1..].iter().position(|line| line.trim() == end);
    let length = length.with_context(|| format!("there is no line `{end}` after `{open}`"))?;
    let mut kept: Vec<&str> = lines[..=start].to_vec();
    kept.extend(region.lines.iter().map(String::as_str));
    kept.extend(&lines[start + 1 + length..]);
    Ok(kept.join("\n") + "\n")
}

#[cfg(test)]
#[path = "lists_tests.rs"]
mod tests;
