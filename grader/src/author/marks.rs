//! Reads the marks with which a reference source says what its skeleton leaves out.
//!
//! Called by `generate` (skeleton of every file), by `check` (reference with one task's holes) and by
//! the `reset` command. Calls nothing.
//!
//! ```text
//!   solutions/01-structures/src/queue.rs          labs/01-structures/src/queue.rs
//!
//!   pub fn len(&self) -> usize {                  pub fn len(&self) -> usize {
//!       //# task 1.1 count the elements               // Nudge: count, do not subtract.
//!       //+ // Nudge: count, do not subtract.         todo!("task 1.1: count the elements")
//!       self.count                                }
//!       //# end
//!   }
//!   //# hide
//!   fn helper() {}                                (nothing)
//!   //# end
//! ```
//!
//! | mark | meaning |
//! | --- | --- |
//! | `//# task ID TEXT` .. `//# end` | the learner writes these lines |
//! | `//# hide` .. `//# end` | only in the reference |
//! | `//+ TEXT` | only in the skeleton, as `TEXT` |
//!
//! A mark stands alone on its line. Regions do not nest. Left out: any knowledge of Rust, so that a mark
//! inside a string literal counts as a mark.

use std::fmt;

/// Longest line of a skeleton, as in `rustfmt.toml`.
const WIDTH: usize = 110;

/// Most nudge lines in one hole.
const NUDGES: usize = 3;

/// Something wrong with a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkError {
    /// Path as it was given to [`parse`].
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for MarkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Lines that the learner writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Task id, for instance "1.3".
    pub task: String,
    /// What the hole asks for, in a few words.
    pub text: String,
    /// Line of the opening mark in the reference, from 1.
    pub line: usize,
    indent: String,
    nudges: Vec<String>,
    body: Vec<String>,
}

impl Region {
    /// The message of the `todo!` that stands for this region.
    pub fn message(&self) -> String {
        format!("task {}: {}", self.task, self.text)
    }

    /// The lines of the skeleton: nudges, then the `todo!`.
    fn hole(&self) -> impl Iterator<Item = String> + '_ {
        let todo = format!("{}todo!(\"{}\")", self.indent, self.message());
        self.nudges.iter().cloned().chain(std::iter::once(todo))
    }
}

/// A part of a marked source, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// In the reference and in the skeleton.
    Both(String),
    /// Only in the skeleton.
    Skeleton(String),
    /// Only in the reference.
    Hidden(Vec<String>),
    /// The reference's lines in one, a `todo!` in the other.
    Task(Region),
}

/// A reference source taken apart at its marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    pieces: Vec<Piece>,
}

/// Takes `text` apart. `file` only names it in errors; all errors of the file are returned.
pub fn parse(file: &str, text: &str) -> Result<Marked, Vec<MarkError>> {
    let mut parser = Parser { file, pieces: Vec::new(), open: None, errors: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        parser.line(index + 1, line);
    }
    if let Some(open) = parser.open.take() {
        let what = "this region is never closed: add `//# end`";
        parser.error(open.line(), what.to_string());
    }
    if parser.errors.is_empty() { Ok(Marked { pieces: parser.pieces }) } else { Err(parser.errors) }
}

/// A region whose end has not been read yet.
enum Open {
    Task(Region),
    Hide { line: usize, indent: String, lines: Vec<String> },
}

impl Open {
    fn line(&self) -> usize {
        match self {
            Self::Task(region) => region.line,
            Self::Hide { line, .. } => *line,
        }
    }

    fn indent(&self) -> &str {
        match self {
            Self::Task(region) => &region.indent,
            Self::Hide { indent, .. } => indent,
        }
    }
}

struct Parser<'a> {
    file: &'a str,
    pieces: Vec<Piece>,
    open: Option<Open>,
    errors: Vec<MarkError>,
}

impl Parser<'_> {
    fn error(&mut self, line: usize, what: String) {
        self.errors.push(MarkError { file: self.file.to_string(), line, what });
    }

    fn line(&mut self, number: usize, line: &str) {
        let trimmed = line.trim_start();
        let indent = &line[..line.len() - trimmed.len()];
        if let Some(mark) = trimmed.strip_prefix("//#") {
            self.mark(number, indent, mark.trim());
        } else if let Some(text) = trimmed.strip_prefix("//+") {
            self.skeleton_line(number, indent, text.strip_prefix(' ').unwrap_or(text));
        } else {
            if ["//# task", "//# end", "//# hide"].iter().any(|mark| line.contains(mark)) {
                self.error(number, "a mark stands alone on its line".to_string());
            }
            match &mut self.open {
                None => self.pieces.push(Piece::Both(line.to_string())),
                Some(Open::Task(region)) => region.body.push(line.to_string()),
                Some(Open::Hide { lines, .. }) => lines.push(line.to_string()),
            }
        }
    }

    fn mark(&mut self, number: usize, indent: &str, mark: &str) {
        let (word, rest) = mark.split_once(char::is_whitespace).unwrap_or((mark, ""));
        match word {
            "end" => self.close(number, indent, rest),
            "task" | "hide" => {
                if let Some(open) = &self.open {
                    let what = format!("regions do not nest: the one of line {} is still open", open.line());
                    return self.error(number, what);
                }
                self.open = Some(if word == "task" {
                    Open::Task(self.task(number, indent, rest.trim()))
                } else {
                    if !rest.trim().is_empty() {
                        self.error(number, "nothing follows `//# hide`".to_string());
                    }
                    Open::Hide { line: number, indent: indent.to_string(), lines: Vec::new() }
                });
            }
            _ => self.error(number, format!("`//# {word}` is no mark: use `task`, `hide` or `end`")),
        }
    }

    fn task(&mut self, number: usize, indent: &str, rest: &str) -> Region {
        let (id, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let text = text.trim();
        let numbers = id.split_once('.').is_some_and(|(lab, task)| {
            [lab, task].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        });
        if !numbers {
            self.error(number, format!("`{id}` is no task id: write `//# task 1.3 what to do`"));
        } else if text.is_empty() {
            self.error(number, format!("say in a few words what to do: `//# task {id} what to do`"));
        } else if text.contains(['"', '{', '}', '\\']) {
            self.error(
                number,
                "the text becomes a `todo!` message: no quote, brace or backslash".to_string(),
            );
        }
        let region = Region {
            task: id.to_string(),
            text: text.to_string(),
            line: number,
            indent: indent.to_string(),
            nudges: Vec::new(),
            body: Vec::new(),
        };
        let width = indent.chars().count() + region.message().chars().count() + "todo!(\"\")".len();
        if width > WIDTH {
            self.error(number, format!("its `todo!` would be {width} columns wide, {WIDTH} is the most"));
        }
        region
    }

    fn close(&mut self, number: usize, indent: &str, rest: &str) {
        if !rest.trim().is_empty() {
            self.error(number, "nothing follows `//# end`".to_string());
        }
        let Some(open) = self.open.take() else {
            return self.error(number, "`//# end` without a region: `task` or `hide` is missing".to_string());
        };
        if open.indent() != indent {
            self.error(number, format!("`//# end` is not indented like its region of line {}", open.line()));
        }
        let (lines, kind) = match &open {
            Open::Task(region) => (&region.body, "task"),
            Open::Hide { lines, .. } => (lines, "hide"),
        };
        if lines.iter().all(|line| line.trim().is_empty()) {
            self.error(open.line(), format!("this {kind} region is empty"));
        }
        self.pieces.push(match open {
            Open::Task(region) => Piece::Task(region),
            Open::Hide { lines, .. } => Piece::Hidden(lines),
        });
    }

    fn skeleton_line(&mut self, number: usize, indent: &str, text: &str) {
        let line = if text.is_empty() { String::new() } else { format!("{indent}{text}") };
        if line.chars().count() > WIDTH {
            self.error(number, format!("this line of the skeleton is wider than {WIDTH} columns"));
        }
        match &mut self.open {
            None => self.pieces.push(Piece::Skeleton(line)),
            Some(Open::Hide { .. }) => {
                self.error(
                    number,
                    "`//+` inside a hidden region has no effect: the skeleton leaves the region out"
                        .to_string(),
                );
            }
            Some(Open::Task(region)) => {
                region.nudges.push(line);
                if region.nudges.len() == NUDGES + 1 {
                    self.error(number, format!("at most {NUDGES} lines of nudges in a hole"));
                }
            }
        }
    }
}

impl Marked {
    /// The regions the learner writes, in file order.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Task(region) => Some(region),
            _ => None,
        })
    }

    /// What the learner gets: no marks, no hidden lines, holes for every task. Where a hidden region is
    /// taken out, the blank lines around it are joined so that rustfmt has nothing to change.
    pub fn skeleton(&self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut seam = false;
        for piece in &self.pieces {
            match piece {
                Piece::Both(line) | Piece::Skeleton(line) => {
                    if std::mem::take(&mut seam) && !close_gap(&mut lines, line) {
                        seam = true;
                        continue;
                    }
                    lines.push(line.clone());
                }
                Piece::Hidden(_) => seam = true,
                Piece::Task(region) => {
                    if std::mem::take(&mut seam) {
                        close_gap(&mut lines, "todo!()");
                    }
                    lines.extend(region.hole());
                }
            }
        }
        if seam {
            while lines.last().is_some_and(|line| line.trim().is_empty()) {
                lines.pop();
            }
        }
        joined(&lines)
    }

    /// The reference with holes for the regions of `task` alone. Line numbers are not kept.
    pub fn stubbed(&self, task: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Both(line) => lines.push(line.clone()),
                Piece::Skeleton(_) => {}
                Piece::Hidden(hidden) => lines.extend(hidden.iter().cloned()),
                Piece::Task(region) if region.task == task => lines.extend(region.hole()),
                Piece::Task(region) => lines.extend(region.body.iter().cloned()),
            }
        }
        joined(&lines)
    }
}

/// Prepares `lines` for `next`, which follows a hidden region. False when `next` is a blank line that
/// would stand beside another one, or first in a block: it is then left out.
fn close_gap(lines: &mut Vec<String>, next: &str) -> bool {
    let blank = |line: &str| line.trim().is_empty();
    if blank(next) {
        return lines.last().is_some_and(|last| !blank(last) && !last.trim_end().ends_with('{'));
    }
    if next.trim_start().starts_with('}') {
        while lines.last().is_some_and(|last| blank(last)) {
            lines.pop();
        }
    }
    true
}

fn joined(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
#[path = "marks_tests.rs"]
mod tests;
