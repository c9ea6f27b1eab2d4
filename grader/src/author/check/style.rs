//! The style rules that a program can check, over all texts of the course.
//!
//! Called by the check once, before the labs. Reads files; `labs/NN-*` is left out, because it is generated.
//!
//! | rule | what it wants | where |
//! | --- | --- | --- |
//! | `comment-width` | a line with a comment has at most 110 columns | Rust, TOML |
//! | `function-length` | a function has at most 70 lines, first and last included | Rust |
//! | `file-length` | a file has at most 600 lines; tests are not counted | Rust |
//! | `module-file` | `name.rs` beside `name/`, not `name/mod.rs` | Rust |
//! | `plain-english` | no bare `who`, none of the images in [`idioms`] | text, strings, names of functions |
//! | `error-texts` | two variants of one error enum print different texts | Rust |
//!
//! `grader/style-debts.toml` says how many places break a rule in a folder today. The check fails when there
//! are more, and says when the number can be lowered. To see all places of a folder, set its number to 0. No
//! entry means 0.
//!
//! Left out: Markdown has no line width, because a sentence there is one line; `.ci/run` checks the subjects
//! of commits.

mod idioms;
mod scan;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::scan::Scan;
use super::found::Found;
use super::record;
use crate::catalog::Course;
use crate::paint::plural;

/// What is read, from the root of the course.
const ROOTS: [&str; 6] = ["README.md", "CONTRIBUTING.md", "grader", "handouts", "labs/kit", "solutions"];
/// How many places break a rule, by rule and folder.
const DEBTS: &str = "grader/style-debts.toml";
/// The list of forbidden idioms names them, so that rule does not hold there.
const IDIOM_LIST: &str = "grader/src/author/check/style";
/// The folder in which cargo itself needs a `mod.rs`: what integration tests share.
const SHARED_TESTS: &str = "tests/common/mod.rs";

const MAX_COLUMNS: usize = 110;
const MAX_FUNCTION_LINES: usize = 70;
const MAX_FILE_LINES: usize = 600;
/// Most places listed of one rule in one folder.
const MAX_LISTED: usize = 200;

/// A rule. Its name is what the list of debts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    CommentWidth,
    FunctionLength,
    FileLength,
    ModuleFile,
    PlainEnglish,
    ErrorTexts,
}

impl Rule {
    const ALL: [Rule; 6] = [
        Rule::CommentWidth,
        Rule::FunctionLength,
        Rule::FileLength,
        Rule::ModuleFile,
        Rule::PlainEnglish,
        Rule::ErrorTexts,
    ];

    fn name(self) -> &'static str {
        match self {
            Rule::CommentWidth => "comment-width",
            Rule::FunctionLength => "function-length",
            Rule::FileLength => "file-length",
            Rule::ModuleFile => "module-file",
            Rule::PlainEnglish => "plain-english",
            Rule::ErrorTexts => "error-texts",
        }
    }
}

/// A place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    rule: Rule,
    line: usize,
    /// What is there, and the limit.
    what: String,
}

/// Places by rule and folder: each as `file:line: what`.
type Places = BTreeMap<(Rule, String), Vec<String>>;

/// How many places are allowed, by rule and folder.
type Debts = BTreeMap<String, BTreeMap<String, usize>>;

/// Reads all texts and compares what breaks a rule with the list of debts.
pub fn style(course: &Course) -> Result<Found> {
    let mut places = Places::new();
    let mut files = 0;
    for root in ROOTS {
        for path in texts(&course.root, Path::new(root))? {
            let text = fs::read_to_string(course.root.join(&path));
            let text = text.with_context(|| format!("read {}", path.display()))?;
            files += 1;
            for place in broken(&path, &text) {
                let at = format!("{}:{}: {}", path.display(), place.line, place.what);
                places.entry((place.rule, folder(&path))).or_default().push(at);
            }
        }
    }
    let debts = course.root.join(DEBTS);
    let debts = if debts.is_file() { fs::read_to_string(&debts)? } else { String::new() };
    let debts: Debts = toml::from_str(&debts).with_context(|| format!("read {DEBTS}"))?;
    let (problems, lower) = compare(&places, &debts);
    let known: usize = places.values().map(Vec::len).sum();
    let mut says = format!("{}, {} known to break a rule", plural(files, "file"), plural(known, "place"));
    if let Some((first, more)) = lower.split_first() {
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        says.push_str(&format!("; lower {DEBTS}: {first}{more}"));
    }
    Ok(Found { says, problems, ..Found::default() })
}

/// The files at or below `path` that the rules are about, sorted.
fn texts(root: &Path, path: &Path) -> Result<Vec<PathBuf>> {
    let full = root.join(path);
    if full.is_file() {
        let is_text =
            path.extension().is_some_and(|end| ["rs", "md", "toml"].iter().any(|known| end == *known));
        // The check itself writes the records, and their lines are names.
        let is_text = is_text && path.file_name().is_none_or(|name| name != record::FILE);
        return Ok(if is_text { vec![path.to_path_buf()] } else { Vec::new() });
    }
    if !full.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&full).with_context(|| format!("read {}", full.display()))? {
        let name = entry?.file_name();
        // What cargo and mdBook write, and hidden folders.
        let is_source = name != "target" && name != "book" && !name.to_string_lossy().starts_with('.');
        if is_source {
            found.extend(texts(root, &path.join(name))?);
        }
    }
    found.sort();
    Ok(found)
}

/// The folder under which a file's places are counted: two names, three below the suites.
fn folder(path: &Path) -> String {
    let depth = if path.starts_with("grader/suites") { 3 } else { 2 };
    let parent: PathBuf = path.parent().unwrap_or(Path::new("")).components().take(depth).collect();
    if parent.as_os_str().is_empty() { ".".to_string() } else { parent.display().to_string() }
}

/// What in a file breaks a rule.
fn broken(path: &Path, text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let paragraphs = match path.extension().and_then(|end| end.to_str()) {
        Some("rs") => {
            let scan = Scan::new(text);
            places.extend(wide_comments(text, scan.comment_lines()));
            places.extend(long_functions(&scan));
            places.extend(long_file(path, text));
            places.extend(module_file(path));
            places.extend(equal_errors(&scan));
            scan.paragraphs()
        }
        Some("toml") => {
            let is_comment = |line: &str| line.trim_start().starts_with('#');
            let comments = text.lines().enumerate().filter(|(_, line)| is_comment(line));
            places.extend(wide_comments(text, comments.map(|(index, _)| index + 1).collect()));
            idioms::plain_paragraphs(text)
        }
        _ => idioms::markdown_paragraphs(text),
    };
    if !path.starts_with(IDIOM_LIST) {
        let found = idioms::found(&paragraphs).into_iter();
        places.extend(found.map(|(line, what)| Place { rule: Rule::PlainEnglish, line, what }));
    }
    places
}

fn wide_comments(text: &str, lines: Vec<usize>) -> Vec<Place> {
    let all: Vec<&str> = text.lines().collect();
    let width = |line: usize| all.get(line - 1).map_or(0, |text| text.chars().count());
    let wide = lines.into_iter().filter(|line| width(*line) > MAX_COLUMNS);
    let place = |line| {
        let what = format!("a comment of {} columns, at most {MAX_COLUMNS}", width(line));
        Place { rule: Rule::CommentWidth, line, what }
    };
    wide.map(place).collect()
}

fn long_functions(scan: &Scan) -> Vec<Place> {
    let functions = scan.functions().into_iter();
    let long = functions.filter(|function| function.lines > MAX_FUNCTION_LINES);
    let place = |function: scan::Function| Place {
        rule: Rule::FunctionLength,
        line: function.line,
        what: format!("`{}` has {} lines, at most {MAX_FUNCTION_LINES}", function.name, function.lines),
    };
    long.map(place).collect()
}

/// Tests are not counted: a file of tests, and the module of tests at the end of another file.
fn long_file(path: &Path, text: &str) -> Option<Place> {
    let is_test = path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|name| name.to_string_lossy().ends_with("tests"));
    let counted = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text).lines().count();
    (!is_test && counted > MAX_FILE_LINES).then(|| Place {
        rule: Rule::FileLength,
        line: 1,
        what: format!("the file has {counted} lines without its tests, at most {MAX_FILE_LINES}"),
    })
}

fn module_file(path: &Path) -> Option<Place> {
    let is_wrong = path.file_name().is_some_and(|name| name == "mod.rs") && !path.ends_with(SHARED_TESTS);
    is_wrong.then(|| {
        let folder = path.parent().unwrap_or(path).display().to_string();
        Place { rule: Rule::ModuleFile, line: 1, what: format!("the module belongs into {folder}.rs") }
    })
}

/// Variants of one enum whose `#[error("...")]` is the same.
fn equal_errors(scan: &Scan) -> Vec<Place> {
    let mut seen: BTreeMap<(usize, String), usize> = BTreeMap::new();
    let mut places = Vec::new();
    for error in scan.error_texts() {
        if let Some(first) = seen.get(&(error.enum_at, error.text.clone())) {
            let what =
                format!("the variant prints the same text as the one on line {first}: {:?}", error.text);
            places.push(Place { rule: Rule::ErrorTexts, line: error.line, what });
        } else {
            seen.insert((error.enum_at, error.text), error.line);
        }
    }
    places
}

/// Problems, where there are more places than allowed; and the entries that can be lowered.
fn compare(places: &Places, debts: &Debts) -> (Vec<String>, Vec<String>) {
    let (mut problems, mut lower) = (Vec::new(), Vec::new());
    for ((rule, folder), found) in places {
        let rule = rule.name();
        let allowed = debts.get(rule).and_then(|folders| folders.get(folder)).copied().unwrap_or(0);
        if found.len() <= allowed {
            continue;
        }
        let count = plural(found.len(), "place");
        let mut problem = format!("{rule}: {count} in {folder}, {allowed} allowed by {DEBTS}");
        for place in found.iter().take(MAX_LISTED) {
            problem.push('\n');
            problem.push_str(place);
        }
        if let Some(more) = found.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            problem.push_str(&format!("\nand {more} more"));
        }
        problems.push(problem);
    }
    for (name, folders) in debts {
        let Some(rule) = Rule::ALL.into_iter().find(|rule| rule.name() == name) else {
            problems.push(format!("{DEBTS}: there is no rule called `{name}`"));
            continue;
        };
        for (folder, &allowed) in folders {
            let found = places.get(&(rule, folder.clone())).map_or(0, Vec::len);
            if found < allowed {
                lower.push(format!("{name} in {folder} to {found}"));
            }
        }
    }
    (problems, lower)
}

#[cfg(test)]
mod tests;
