//! `cargo grade author new NN-name`: an empty lab, from its entry in `course.toml`.
//!
//! Called by the command line. Calls [`Generator`] for `labs/` and [`lists`] for the lists of labs.
//!
//! ```text
//!   grader/templates/lab/  solution/  ---> solutions/NN-name/      ---generate---> labs/NN-name/
//!                          suite/     ---> grader/suites/NN-name/
//!                          handout.md ---> handouts/src/NN-name.md
//!   grader/suites/course.toml: the entry of the lab is deleted; its lab.toml describes it from now on
//! ```
//!
//! What an author must write says `TO WRITE:`. The text part of the check passes on an empty lab, and its
//! reference part lists these places ([`to_write`]).
//!
//! Invariants:
//! - W1: no file is overwritten. If one of the lab's files or folders exists, nothing is written.
//! - W2: the files of the lab are complete before a list names the lab.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::generate::{Generator, files_below, write_file};
use super::lists;
use crate::catalog::{COURSE_FILE, Coming, Outline, split_id};

/// What stands where an author has to write something.
const MARK: &str = "TO WRITE";

/// The files of an empty lab: which part of the course, the path in it, and the text.
const FILES: [(Part, &str, &str); 11] = [
    (Part::Solution, "Cargo.toml", include_str!("../../templates/lab/solution/Cargo.toml")),
    (Part::Solution, "src/lib.rs", include_str!("../../templates/lab/solution/src/lib.rs")),
    (Part::Solution, "src/error.rs", include_str!("../../templates/lab/solution/src/error.rs")),
    (Part::Solution, "src/first.rs", include_str!("../../templates/lab/solution/src/first.rs")),
    (Part::Solution, "tests/visible.rs", include_str!("../../templates/lab/solution/tests/visible.rs")),
    (Part::Suite, "Cargo.toml", include_str!("../../templates/lab/suite/Cargo.toml")),
    (Part::Suite, "lab.toml", include_str!("../../templates/lab/suite/lab.toml")),
    (Part::Suite, "tests/main.rs", include_str!("../../templates/lab/suite/tests/main.rs")),
    (Part::Suite, "tests/t{{number}}_1.rs", include_str!("../../templates/lab/suite/tests/first.rs")),
    (Part::Suite, "perf/lib.rs", include_str!("../../templates/lab/suite/perf/lib.rs")),
    (Part::Handout, "", include_str!("../../templates/lab/handout.md")),
];

/// Where a file of a lab belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Solution,
    Suite,
    Handout,
}

impl Part {
    /// The folder of the part of the lab `id`, or the handout itself.
    fn path(self, id: &str) -> PathBuf {
        match self {
            Part::Solution => Path::new("solutions").join(id),
            Part::Suite => Path::new("grader/suites").join(id),
            Part::Handout => Path::new("handouts/src").join(format!("{id}.md")),
        }
    }
}

/// What [`create`] wrote.
#[derive(Debug)]
pub struct NewLab {
    /// The lab's number.
    pub number: u32,
    /// The files that are new, below the root of the course.
    pub files: Vec<PathBuf>,
    /// The files with lists of labs that changed.
    pub lists: Vec<PathBuf>,
}

/// Writes an empty lab called `id`, its learner's folder, and the lists of labs.
///
/// # Errors
/// What is wrong with the name, or which file exists already. Nothing is written then.
pub fn create(root: &Path, id: &str) -> Result<NewLab> {
    let outline = Outline::read(root)?;
    let lab = entry(&outline, id)?;
    let mut taken = vec![Path::new("labs").join(id)];
    taken.extend([Part::Solution, Part::Suite, Part::Handout].map(|part| part.path(id)));
    if let Some(path) = taken.iter().find(|path| root.join(path).exists()) {
        bail!("{} exists already; nothing was written", path.display());
    }
    let text = fs::read_to_string(root.join(COURSE_FILE)).with_context(|| format!("read {COURSE_FILE}"))?;
    let course = without_entry(&text, id)?;
    // Every list must be writable before the first file is.
    lists::plan(root)?;

    let mut files = Vec::new();
    for (part, path, template) in FILES {
        let path = part.path(id).join(filled(path, lab));
        // Joining an empty path leaves a `/` at the end of the handout's name.
        let path: PathBuf = path.components().collect();
        write_file(&root.join(&path), filled(template, lab).as_bytes())?;
        files.push(path);
    }
    for folder in ["mutants", "variants"] {
        fs::create_dir_all(root.join(Part::Suite.path(id)).join(folder))?;
    }
    let tasks = BTreeSet::from([format!("{}.1", lab.number())]);
    let only = [id.to_owned()];
    let generator = Generator { root, only: &only, tasks: BTreeMap::from([(id.to_owned(), tasks)]) };
    files.extend(generator.write()?.changed.into_iter().map(|(path, _)| Path::new("labs").join(path)));
    write_file(&root.join(COURSE_FILE), course.as_bytes())?;
    let mut lists = lists::write(root)?;
    lists.insert(0, COURSE_FILE.into());
    Ok(NewLab { number: lab.number(), files, lists })
}

/// The entry of the lab to come called `id`, or what is wrong with the name.
fn entry<'a>(outline: &'a Outline, id: &str) -> Result<&'a Coming> {
    let Some((number, _)) = split_id(id) else {
        bail!("\"{id}\" does not name a lab: give two digits, a hyphen and the package, like 05-locking");
    };
    if let Some(lab) = outline.labs.iter().find(|lab| lab.number == number) {
        bail!("lab {number} exists already: grader/suites/{}", lab.id);
    }
    let Some(lab) = outline.coming.iter().find(|lab| lab.id == id) else {
        let ids: Vec<&str> = outline.coming.iter().map(|lab| lab.id.as_str()).collect();
        let known = if ids.is_empty() { "no lab".to_owned() } else { ids.join(", ") };
        bail!("{COURSE_FILE} has no [[coming]] entry with id = \"{id}\"; write one (it has {known})");
    };
    let missing: Vec<&str> = lab
        .stands_on
        .iter()
        .filter(|name| outline.labs.iter().all(|written| written.package != **name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        bail!(
            "{id} stands on {}, which does not exist yet; make the earlier lab first",
            missing.join(" and ")
        );
    }
    if [&lab.title, &lab.summary, &lab.why].iter().any(|text| text.contains(['"', '\\'])) {
        bail!("{COURSE_FILE}: {id}: title, summary and why must be without quotation marks and backslashes");
    }
    Ok(lab)
}

/// `template` with the lab's names in place of `{{name}}`.
fn filled(template: &str, lab: &Coming) -> String {
    let dependencies: Vec<String> =
        lab.stands_on.iter().map(|name| format!("{name}.workspace = true")).collect();
    // A line for the dependencies goes away when there are none.
    let (find, dependencies) = match dependencies.is_empty() {
        true => ("{{dependencies}}\n", String::new()),
        false => ("{{dependencies}}", dependencies.join("\n")),
    };
    template
        .replace(find, &dependencies)
        .replace("{{number}}", &lab.number().to_string())
        .replace("{{id}}", &lab.id)
        .replace("{{package}}", lab.package())
        .replace("{{library}}", &lab.package().replace('-', "_"))
        .replace("{{title}}", &lab.title)
        .replace("{{summary}}", &lab.summary)
        .replace("{{why}}", &lab.why)
}

/// The text of `course.toml` without the entry called `id`: the lines from its `[[coming]]` to the next empty
/// line.
fn without_entry(text: &str, id: &str) -> Result<String> {
    let mut kept = Vec::new();
    let mut removed = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "[[coming]]" {
            kept.push(line);
            continue;
        }
        let mut entry = vec![line];
        while let Some(line) = lines.next_if(|line| !line.trim().is_empty() && !line.starts_with("[[")) {
            entry.push(line);
        }
        let table: toml::Table = entry[1..].join("\n").parse().with_context(|| COURSE_FILE.to_owned())?;
        if table.get("id").and_then(toml::Value::as_str) != Some(id) {
            kept.extend(entry);
            continue;
        }
        removed += 1;
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
    }
    if removed != 1 {
        bail!("{COURSE_FILE}: the entry of {id} is not a block of lines of its own; delete it by hand first");
    }
    Ok(format!("{}\n", kept.join("\n").trim_end()))
}

/// The places of the lab `id` that still say `TO WRITE`: file, line, and what to write there.
pub fn to_write(root: &Path, id: &str) -> Result<Vec<String>> {
    let mut files = files_below(root, &Part::Solution.path(id))?;
    files.extend(files_below(root, &Part::Suite.path(id))?);
    files.push(Part::Handout.path(id));
    let mut places = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(root.join(&path)) else { continue };
        for (index, line) in text.lines().enumerate().filter(|(_, line)| line.contains(MARK)) {
            let what = line[line.find(MARK).unwrap_or(0)..].trim_end_matches(['|', ' ']);
            places.push(format!("{}:{}: {what}", path.display(), index + 1));
        }
    }
    Ok(places)
}

#[cfg(test)]
#[path = "new_tests.rs"]
mod tests;
