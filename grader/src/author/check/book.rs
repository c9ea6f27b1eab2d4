//! The documents: every excerpt is in the source it names, every link has a target that exists.
//!
//! Called by the check once, before the labs. Reads Markdown line by line; there is no need to know more of
//! it.
//!
//! An excerpt is a Rust block under a line `<!-- from: path -->`, the path from the root of the course. Its
//! lines stand in that file in the same order; what lies between two of them may be left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use super::super::generate::files_below;
use super::found::Found;
use crate::catalog::Course;
use crate::paint::plural;

/// Documents outside of the book.
const OTHERS: [&str; 3] = ["README.md", "CONTRIBUTING.md", "grader/README.md"];
/// The book.
const BOOK: &str = "handouts/src";

/// Excerpts, links, and that the book's summary lists every page.
pub fn documents(course: &Course) -> Result<Found> {
    let mut texts = BTreeMap::new();
    let mut paths: Vec<PathBuf> = OTHERS.iter().map(PathBuf::from).collect();
    paths.extend(files_below(&course.root, Path::new(BOOK))?);
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "md")) {
        if course.root.join(&path).is_file() {
            let text = fs::read_to_string(course.root.join(&path));
            let text = text.with_context(|| format!("read {}", path.display()))?;
            texts.insert(path, text);
        }
    }
    let mut problems = Vec::new();
    let mut counts = (0, 0);
    for (path, text) in &texts {
        let document = read(text);
        counts.0 += document.excerpts.len();
        counts.1 += document.links.len();
        let is_book = path.starts_with(BOOK);
        for excerpt in &document.excerpts {
            let at = format!("{}:{}", path.display(), excerpt.line);
            problems
                .extend(excerpt_problem(&course.root, excerpt, is_book).map(|what| format!("{at}: {what}")));
        }
        for (line, target) in &document.links {
            let what = link_problem(&course.root, path, target, &texts);
            problems.extend(what.map(|what| format!("{}:{line}: {what}", path.display())));
        }
    }
    problems.extend(unlisted(&texts));
    let says = format!(
        "{}, {}, {}",
        plural(texts.len(), "document"),
        plural(counts.0, "excerpt"),
        plural(counts.1, "link")
    );
    Ok(Found { says, problems, ..Found::default() })
}

/// What the check looks at in a document.
#[derive(Debug, Default)]
struct Document {
    excerpts: Vec<Excerpt>,
    /// Line number and target of each link and picture outside of code.
    links: Vec<(usize, String)>,
    /// The names that a link can end in after `#`.
    anchors: Vec<String>,
}

/// A block of Rust.
#[derive(Debug)]
struct Excerpt {
    /// Line number of its fence.
    line: usize,
    /// The file it says it is from.
    from: Option<String>,
    lines: Vec<String>,
}

fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut from = None;
    let mut block: Option<Option<Excerpt>> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            block = match block {
                Some(ended) => {
                    document.excerpts.extend(ended);
                    None
                }
                None if fence.split(',').next() == Some("rust") => {
                    Some(Some(Excerpt { line: index + 1, from: from.take(), lines: Vec::new() }))
                }
                None => Some(None),
            };
            continue;
        }
        if let Some(open) = &mut block {
            if let Some(excerpt) = open {
                excerpt.lines.push(line.to_string());
            }
            continue;
        }
        let named = line.strip_prefix("<!-- from: ").and_then(|rest| rest.strip_suffix(" -->"));
        from = named.map(str::to_string);
        if line.starts_with('#') {
            document.anchors.push(anchor(line.trim_start_matches('#').trim()));
        }
        document.links.extend(targets(line).into_iter().map(|target| (index + 1, target)));
    }
    document
}

/// What a heading is called in a link: lower case, words joined by `-`, no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// The targets of `[text](target)` in a line, code in backticks left out.
fn targets(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
    let pieces = prose.split("](").skip(1);
    pieces.filter_map(|piece| Some(piece.split_once(')')?.0.split(' ').next()?.to_string())).collect()
}

fn excerpt_problem(root: &Path, excerpt: &Excerpt, is_book: bool) -> Option<String> {
    let Some(from) = &excerpt.from else {
        return is_book.then(|| "a Rust block without `<!-- from: path -->` on the line above".to_string());
    };
    let Ok(source) = fs::read_to_string(root.join(from)) else {
        return Some(format!("there is no file {from}"));
    };
    let line = first_missing(&excerpt.lines, &source)?;
    Some(format!("not in {from}, or not in this order: {}", line.trim()))
}

/// The first line of `excerpt` that does not follow the one before it in `source`.
fn first_missing<'a>(excerpt: &'a [String], source: &str) -> Option<&'a str> {
    let mut rest = source.lines();
    let written = excerpt.iter().map(String::as_str).filter(|line| !line.trim().is_empty());
    written.into_iter().find(|wanted| !rest.any(|line| line == *wanted))
}

fn link_problem(root: &Path, from: &Path, target: &str, texts: &BTreeMap<PathBuf, String>) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, name) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { from.to_path_buf() } else { joined(from, file) };
    if !root.join(&path).exists() {
        return Some(format!("the link leads to {}, which does not exist", path.display()));
    }
    let known = texts.get(&path).map(|text| read(text).anchors)?;
    let is_lost = !name.is_empty() && !known.iter().any(|anchor| anchor == name);
    is_lost.then(|| format!("{} has no heading for #{name}", path.display()))
}

/// `file` as seen from the folder of the document `from`.
fn joined(from: &Path, file: &str) -> PathBuf {
    let mut path = from.parent().map(Path::to_path_buf).unwrap_or_default();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Pages of the book that its summary leaves out.
fn unlisted(texts: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let summary = Path::new(BOOK).join("SUMMARY.md");
    let Some(text) = texts.get(&summary) else { return Vec::new() };
    let listed: Vec<PathBuf> = read(text).links.iter().map(|(_, link)| joined(&summary, link)).collect();
    let pages = texts.keys().filter(|path| path.starts_with(BOOK) && **path != summary);
    pages
        .filter(|path| !listed.contains(path))
        .map(|path| format!("{} is not in the summary of the book", path.display()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_string).collect()
    }

    /// Lines may be left out between two of an excerpt; a changed line and a wrong order are reported.
    #[test]
    fn an_excerpt_keeps_the_order_of_its_source() {
        let source = "struct A {\n    /// Doc.\n    a: u8,\n    b: u8,\n}\n";
        assert_eq!(first_missing(&lines("struct A {\n    a: u8,\n\n}"), source), None);
        assert_eq!(first_missing(&lines("struct A {\n    a: u16,\n}"), source), Some("    a: u16,"));
        assert_eq!(first_missing(&lines("    b: u8,\n    a: u8,"), source), Some("    a: u8,"));
    }

    #[test]
    fn a_rust_block_belongs_to_the_file_on_the_line_above() {
        let text = "# A `b` C\n<!-- from: x.rs -->\n```rust\nfn f() {}\n```\n\n```text\n[no](link)\n```\n```rust\n```\n";
        let document = read(text);
        let from: Vec<_> = document.excerpts.iter().map(|excerpt| excerpt.from.as_deref()).collect();
        assert_eq!(from, [Some("x.rs"), None]);
        assert_eq!(document.anchors, ["a-b-c"]);
        assert!(document.links.is_empty());
    }

    #[test]
    fn links_are_found_outside_of_code() {
        assert_eq!(targets("see [a](b.md#c), ![p](i.svg \"t\") and `x[i](j)`"), ["b.md#c", "i.svg"]);
        assert_eq!(joined(Path::new("handouts/src/a.md"), "../../README.md"), Path::new("README.md"));
        assert_eq!(anchor("Task 1.3: Hash map"), "task-13-hash-map");
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading() {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(root.path().join(BOOK)).expect("folders");
        fs::write(root.path().join(BOOK).join("b.md"), "## Here\n").expect("a page");
        let from = Path::new(BOOK).join("a.md");
        let texts: BTreeMap<PathBuf, String> =
            [(Path::new(BOOK).join("b.md"), "## Here\n".to_string()), (from.clone(), String::new())].into();
        let problem = |target| link_problem(root.path(), &from, target, &texts);
        assert_eq!(problem("b.md#here"), None);
        assert_eq!(problem("https://example.org/x"), None);
        assert!(problem("b.md#there").is_some_and(|what| what.contains("#there")));
        assert!(problem("c.md").is_some_and(|what| what.contains("does not exist")));
        let summary = [(Path::new(BOOK).join("SUMMARY.md"), "[a](a.md)".to_string())];
        assert_eq!(unlisted(&texts.into_iter().chain(summary).collect()).len(), 1);
    }
}
