//! The outline of the course: every lab, written or still to come, and the kits that labs and suites share.
//!
//! The `[lab]` table of a suite's `lab.toml` describes a lab that exists. `grader/suites/course.toml`
//! describes the rest:
//!
//! ```toml
//! [[kit]]                      # a package that suites or labs share
//! folder = "grader/pager-kit"  # its Cargo.toml names the labs and kits that it stands on
//!
//! [[coming]]                   # a lab that does not exist yet
//! id = "05-locking"            # number and package
//! title = "Locking and isolation"
//! summary = "what the learner builds"
//! why = "why a database needs it"
//! stands_on = ["bplus-tree"]   # packages of earlier labs
//! ```
//!
//! The outline reads only the `[lab]` table of a `lab.toml`, so that lists can be generated while the tasks
//! of a lab are half written. A course without `course.toml` has no kits and no labs to come; the grader's
//! own test course is one.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Where the labs to come and the kits are described, below the root of the course.
pub const COURSE_FILE: &str = "grader/suites/course.toml";

/// Every lab and kit of a course.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The labs that exist, by number.
    pub labs: Vec<Entry>,
    /// The labs that are still to come, by number.
    pub coming: Vec<Coming>,
    /// The kits.
    pub kits: Vec<Kit>,
}

/// A lab that exists, as the `[lab]` table of its `lab.toml` describes it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// From 1.
    pub number: u32,
    /// Folder name: `01-structures`.
    pub id: String,
    /// Package name: `structures`.
    pub package: String,
    /// For a reader.
    pub title: String,
    /// What the learner builds, in one line.
    pub summary: String,
    /// Why a database needs it, in one line.
    pub why: String,
}

/// A lab that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coming {
    /// Folder name, two digits and the package: `05-locking`.
    pub id: String,
    /// For a reader.
    pub title: String,
    /// What the learner builds, in one line.
    pub summary: String,
    /// Why a database needs it, in one line.
    pub why: String,
    /// Packages of the earlier labs whose code it uses.
    pub stands_on: Vec<String>,
}

/// A package that labs or suites share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// Its folder below the root of the course.
    pub folder: String,
    /// Its package name.
    pub package: String,
    /// The packages that its `Cargo.toml` names as dependencies: labs, kits, and packages of others.
    pub stands_on: Vec<String>,
}

impl Coming {
    /// The lab's number.
    pub fn number(&self) -> u32 {
        split_id(&self.id).map_or(0, |(number, _)| number)
    }

    /// The lab's package.
    pub fn package(&self) -> &str {
        split_id(&self.id).map_or("", |(_, package)| package)
    }
}

impl Outline {
    /// Reads the outline of the course at `root`.
    pub fn read(root: &Path) -> Result<Outline> {
        Ok(Outline { labs: entries(root)?, coming: coming(root)?, kits: kits(root)? })
    }

    /// What is wrong with the outline, each with its file; empty when all is well.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for lab in &self.coming {
            if let Some(written) = self.labs.iter().find(|other| other.number == lab.number()) {
                problems.push(format!(
                    "{COURSE_FILE}: {} is still described as coming, but grader/suites/{}/lab.toml exists; \
                     delete its [[coming]] entry",
                    lab.id, written.id
                ));
            }
            for name in &lab.stands_on {
                if !self.numbers_of(name).any(|number| number < lab.number()) {
                    problems.push(format!("{COURSE_FILE}: {} stands on {name}, no earlier lab", lab.id));
                }
            }
            problems.extend(
                line_problems(&[("title", &lab.title), ("summary", &lab.summary), ("why", &lab.why)])
                    .map(|what| format!("{COURSE_FILE}: {}: {what}", lab.id)),
            );
        }
        for lab in &self.labs {
            problems.extend(
                line_problems(&[("title", &lab.title), ("summary", &lab.summary), ("why", &lab.why)])
                    .map(|what| format!("grader/suites/{}/lab.toml: {what}", lab.id)),
            );
        }
        problems.extend(self.kits.iter().filter_map(|kit| self.kit_problem(kit)));
        let mut numbers: Vec<u32> = self.labs.iter().map(|lab| lab.number).collect();
        numbers.extend(self.coming.iter().map(Coming::number));
        numbers.sort_unstable();
        numbers.dedup();
        if let Some(missing) = (1..).zip(&numbers).find(|(wanted, number)| wanted != *number) {
            problems.push(format!("{COURSE_FILE}: there is no lab {}", missing.0));
        }
        problems
    }

    /// A folder in `labs/` belongs to the learner's workspace, so whatever it names is the learner's: with a
    /// lab among that, the reference's workspace would have two packages of one name.
    fn kit_problem(&self, kit: &Kit) -> Option<String> {
        let is_placed =
            ["labs/", "solutions/", "grader/"].iter().any(|parent| kit.folder.starts_with(parent));
        if !is_placed {
            return Some(format!(
                "{COURSE_FILE}: the kit {} must be in labs/, solutions/ or grader/",
                kit.folder
            ));
        }
        let lab = self.labs.iter().find(|lab| kit.stands_on.contains(&lab.package));
        let lab = lab.filter(|_| kit.folder.starts_with("labs/"))?;
        Some(format!(
            "{COURSE_FILE}: the kit {} stands on {}; move its folder to solutions/, from where it is copied to labs/",
            kit.folder, lab.package
        ))
    }

    /// The numbers of the labs with this package name.
    fn numbers_of(&self, package: &str) -> impl Iterator<Item = u32> {
        let written = self.labs.iter().filter(move |lab| lab.package == package).map(|lab| lab.number);
        let coming = self.coming.iter().filter(move |lab| lab.package() == package).map(Coming::number);
        written.chain(coming)
    }
}

/// The texts that are not one line, or that would end a cell of a table.
fn line_problems(texts: &[(&'static str, &String)]) -> impl Iterator<Item = String> {
    let bad = texts.iter().filter(|(_, text)| text.trim().is_empty() || text.contains(['\n', '|']));
    bad.map(|(name, _)| format!("{name} must be one line without \"|\"")).collect::<Vec<_>>().into_iter()
}

/// Splits `05-locking` into the number and the package; `None` when it is not of that form.
pub fn split_id(id: &str) -> Option<(u32, &str)> {
    let (digits, package) = id.split_once('-')?;
    let number = digits.parse().ok().filter(|&number| number > 0 && digits == format!("{number:02}"))?;
    let mut bytes = package.bytes();
    let is_name = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !package.ends_with('-')
        && !package.contains("--");
    is_name.then_some((number, package))
}

/// The labs that exist.
fn entries(root: &Path) -> Result<Vec<Entry>> {
    let suites = root.join("grader/suites");
    let mut entries = Vec::new();
    for folder in fs::read_dir(&suites).with_context(|| format!("no suites at {}", suites.display()))? {
        let folder = folder?;
        let id = folder.file_name().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(folder.path().join("lab.toml")) else { continue };
        entries.push(entry(&id, &text).with_context(|| format!("grader/suites/{id}/lab.toml"))?);
    }
    entries.sort_by(|a, b| (a.number, &a.id).cmp(&(b.number, &b.id)));
    Ok(entries)
}

/// Reads the `[lab]` table of a `lab.toml`, nothing else of it.
fn entry(id: &str, text: &str) -> Result<Entry> {
    let file: toml::Table = text.parse()?;
    let lab = file.get("lab").and_then(toml::Value::as_table).context("there is no [lab] table")?;
    let line = |key: &str| {
        let value = lab.get(key).and_then(toml::Value::as_str);
        value.map(str::to_owned).with_context(|| format!("[lab] has no text `{key}`"))
    };
    let number = lab.get("number").and_then(toml::Value::as_integer);
    let number = number.and_then(|number| u32::try_from(number).ok()).context("[lab] has no `number`")?;
    Ok(Entry {
        number,
        id: id.to_owned(),
        package: line("package")?,
        title: line("title")?,
        summary: line("summary")?,
        why: line("why")?,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCourse {
    #[serde(default)]
    kit: Vec<RawKit>,
    #[serde(default)]
    coming: Vec<Coming>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKit {
    folder: String,
}

/// Reads `course.toml`; empty when there is none.
fn course_file(root: &Path) -> Result<RawCourse> {
    let path = root.join(COURSE_FILE);
    if !path.is_file() {
        return Ok(RawCourse::default());
    }
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// The labs to come of the course at `root`, by number.
pub(super) fn coming(root: &Path) -> Result<Vec<Coming>> {
    let mut coming = course_file(root)?.coming;
    if let Some(lab) = coming.iter().find(|lab| split_id(&lab.id).is_none()) {
        bail!(
            "{COURSE_FILE}: id = \"{}\" is not a number of two digits and a package, like 05-locking",
            lab.id
        );
    }
    coming.sort_by_key(Coming::number);
    if let Some(pair) = coming.windows(2).find(|pair| pair[0].number() == pair[1].number()) {
        bail!("{COURSE_FILE}: {} and {} have the same number", pair[0].id, pair[1].id);
    }
    Ok(coming)
}

/// The kits of the course at `root`, in the order of `course.toml`.
pub(super) fn kits(root: &Path) -> Result<Vec<Kit>> {
    let mut kits = Vec::new();
    for RawKit { folder } in course_file(root)?.kit {
        let path = root.join(&folder).join("Cargo.toml");
        let text = fs::read_to_string(&path);
        let text = text.with_context(|| format!("{COURSE_FILE}: the kit {folder} has no Cargo.toml"))?;
        let manifest: toml::Table = text.parse().with_context(|| path.display().to_string())?;
        let package = manifest.get("package").and_then(|package| package.get("name")?.as_str());
        let package = package.with_context(|| format!("{} names no package", path.display()))?.to_owned();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let stands_on = dependencies.map(|names| names.keys().cloned().collect()).unwrap_or_default();
        kits.push(Kit { folder, package, stands_on });
    }
    Ok(kits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small course: lab 1 exists, labs 2 and 3 are to come.
    fn course() -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
            fs::write(path, text).expect("write a sample");
        };
        write(
            "grader/suites/01-a/lab.toml",
            "[lab]\nnumber = 1\npackage = \"a\"\ntitle = \"A\"\nsummary = \"an a\"\nwhy = \"it needs a\"\n\
             [[task]]\nhalf = \"written\"\n",
        );
        write("grader/pager-kit/Cargo.toml", "[package]\nname = \"pager-kit\"\n");
        write(COURSE_FILE, &course_text());
        root
    }

    fn course_text() -> String {
        let lab = |id: &str, on: &str| {
            format!(
                "[[coming]]\nid = \"{id}\"\ntitle = \"T\"\nsummary = \"s\"\nwhy = \"w\"\nstands_on = [{on}]\n"
            )
        };
        let kit = "[[kit]]\nfolder = \"grader/pager-kit\"\n";
        format!("{kit}{}{}", lab("03-c", "\"a\", \"b\""), lab("02-b", "\"a\""))
    }

    fn problems(text: &str) -> String {
        let root = course();
        fs::write(root.path().join(COURSE_FILE), text).expect("write course.toml");
        match Outline::read(root.path()) {
            Ok(outline) => outline.problems().join("\n"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn labs_are_listed_by_number_and_kits_by_package() {
        let root = course();
        let outline = Outline::read(root.path()).expect("a good course");
        let ids: Vec<&str> = outline.labs.iter().map(|lab| lab.id.as_str()).collect();
        let coming: Vec<(u32, &str)> =
            outline.coming.iter().map(|lab| (lab.number(), lab.package())).collect();
        assert_eq!((ids, coming), (vec!["01-a"], vec![(2, "b"), (3, "c")]));
        assert_eq!(outline.kits[0].package, "pager-kit");
        assert_eq!(outline.problems(), Vec::<String>::new());
    }

    /// A course without the file is the grader's own test course.
    #[test]
    fn a_course_without_the_file_has_nothing_to_come() {
        let root = course();
        fs::remove_file(root.path().join(COURSE_FILE)).expect("remove course.toml");
        let outline = Outline::read(root.path()).expect("a good course");
        assert!(outline.coming.is_empty() && outline.kits.is_empty());
    }

    #[test]
    fn a_wrong_entry_is_reported_with_its_reason() {
        let text = course_text();
        for (find, replace, says) in [
            ("id = \"02-b\"", "id = \"2-b\"", "two digits"),
            ("id = \"02-b\"", "id = \"03-b\"", "same number"),
            ("id = \"02-b\"", "id = \"04-b\"", "no lab 2"),
            ("id = \"02-b\"", "id = \"01-b\"", "exists; delete its [[coming]] entry"),
            ("[\"a\"]", "[\"c\"]", "02-b stands on c, no earlier lab"),
            ("why = \"w\"", "why = \"w | x\"", "one line without"),
            ("title", "titel", "titel"),
            ("grader/pager-kit", "grader/no-kit", "grader/no-kit has no Cargo.toml"),
        ] {
            assert!(text.contains(find), "{find}");
            let found = problems(&text.replacen(find, replace, 1));
            assert!(found.contains(says), "{find} -> {replace}: {found}");
        }
    }

    /// Such a kit would bring the learner's labs into the reference's workspace.
    #[test]
    fn a_kit_on_a_lab_is_not_in_the_learners_folder() {
        let root = course();
        let manifest = "[package]\nname = \"sql-kit\"\n[dependencies]\na.workspace = true\n";
        for (folder, says) in [
            ("labs/sql-kit", "the kit labs/sql-kit stands on a; move its folder to solutions/"),
            ("kits/sql-kit", "the kit kits/sql-kit must be in labs/, solutions/ or grader/"),
        ] {
            let path = root.path().join(folder);
            fs::create_dir_all(&path).expect("create a folder");
            fs::write(path.join("Cargo.toml"), manifest).expect("write a manifest");
            let text = format!("{}[[kit]]\nfolder = \"{folder}\"\n", course_text());
            fs::write(root.path().join(COURSE_FILE), text).expect("write course.toml");
            let problems = Outline::read(root.path()).expect("it can be read").problems().join("\n");
            assert!(problems.contains(says), "{problems}");
        }
    }

    #[test]
    fn an_id_is_two_digits_and_a_package() {
        assert_eq!(split_id("05-locking"), Some((5, "locking")));
        assert_eq!(split_id("10-sharded-kv"), Some((10, "sharded-kv")));
        for bad in ["5-locking", "05_locking", "05-", "00-x", "05-Locking", "05-a--b", "005-a", "05-1a", "x"]
        {
            assert_eq!(split_id(bad), None, "{bad}");
        }
    }
}
