//! What cargo says, line by line of JSON.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::CompilerMessage;

/// In whose package a message arose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A lab as it was handed in, or the patched reference.
    Submission,
    /// The hidden tests or the performance workloads.
    Tests,
    /// The reference, kit, testkit, a dependency.
    Course,
}

/// A compiler message and where it came from.
#[derive(Debug)]
pub struct Found {
    /// Whose package.
    pub origin: Origin,
    /// The message.
    pub message: CompilerMessage,
    /// Places in the submission that the message or one of its notes points at: file and line.
    pub places: Vec<(String, u32)>,
    /// Every file that the message or one of its notes points at.
    pub files: BTreeSet<String>,
    /// The root file of the crate that was compiled, by path below the stage.
    pub crate_root: Option<PathBuf>,
}

impl Found {
    /// An error that is about no code: it has neither a place nor a number. The system or the linker is its
    /// usual cause.
    pub fn is_error_without_place(&self) -> bool {
        self.is_error() && self.message.file.is_none() && self.message.code.is_none()
    }

    /// An error, not a warning.
    pub fn is_error(&self) -> bool {
        self.message.level == "error"
    }
}

/// Something cargo has built or found up to date.
#[derive(Debug)]
pub struct Artifact {
    /// The package's name.
    pub package: String,
    /// The target's name in the package.
    pub target: String,
    /// The root file of the crate.
    pub source: PathBuf,
    /// The files.
    pub files: Vec<PathBuf>,
    /// The program, where it is one.
    pub executable: Option<PathBuf>,
}

/// One line that matters.
#[derive(Debug)]
pub enum Line {
    /// Something was built.
    Artifact(Artifact),
    /// rustc has said something.
    Message(Box<Found>),
    /// Cargo waits for another cargo: "waiting for file lock on package cache".
    Waits(String),
}

/// Reads one line of cargo's output; `None` for what does not matter.
pub fn read(line: &[u8], stage: &Path) -> Option<Line> {
    let raw: Raw = serde_json::from_slice(line).ok()?;
    match raw.reason.as_str() {
        "compiler-artifact" => Some(Line::Artifact(Artifact {
            package: package_name(&raw.package_id?),
            source: raw.target.as_ref().map(|target| target.src_path.clone()).unwrap_or_default(),
            target: raw.target.map(|target| target.name).unwrap_or_default(),
            files: raw.filenames,
            executable: raw.executable,
        })),
        "compiler-message" => {
            let source = raw.target?.src_path;
            let origin = origin(&source, stage);
            let message = raw.message?;
            // The closing "aborting due to 3 previous errors" says nothing.
            if message.spans.is_empty()
                && message.code.is_none()
                && message.text.starts_with("aborting due to")
            {
                return None;
            }
            let mut places = Vec::new();
            message.places(&mut places);
            let mut files = BTreeSet::new();
            message.files(&mut files);
            let primary = message.spans.iter().find(|span| span.is_primary);
            Some(Line::Message(Box::new(Found {
                origin,
                places,
                files,
                crate_root: source.strip_prefix(stage).ok().map(Path::to_path_buf),
                message: CompilerMessage {
                    file: primary.map(|span| span.file_name.clone()),
                    line: primary.map(|span| span.line_start),
                    level: if message.level.starts_with("error") { "error".into() } else { message.level },
                    code: message.code.map(|code| code.code),
                    rendered: without_colour(message.rendered.as_deref().unwrap_or(&message.text)),
                    ansi: message.rendered.unwrap_or(message.text),
                },
            })))
        }
        _ => None,
    }
}

/// The folder of the stage in which the package lies decides.
fn origin(source: &Path, stage: &Path) -> Origin {
    let Ok(path) = source.strip_prefix(stage) else { return Origin::Course };
    let is_below = |folder: &str| path.starts_with(folder);
    if is_below("labs/kit") {
        Origin::Course
    } else if is_below("labs") || is_below("patched") {
        Origin::Submission
    } else if is_below("grader/suites") || is_below("perf") {
        Origin::Tests
    } else {
        Origin::Course
    }
}

/// The name in a package id: `path+file:///x/tiny#learner-tiny@0.1.0`, or `..x/tiny#0.1.0`.
fn package_name(id: &str) -> String {
    let (source, fragment) = id.rsplit_once('#').unwrap_or(("", id));
    match fragment.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => source.rsplit('/').next().unwrap_or_default().to_owned(),
    }
}

/// The text without `ESC [ ... letter`.
fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        rest = &rest[start + 2..];
        let end = rest.find(|ch: char| ch.is_ascii_alphabetic()).map_or(rest.len(), |end| end + 1);
        rest = &rest[end..];
    }
    plain.push_str(rest);
    plain
}

#[derive(Deserialize)]
struct Raw {
    reason: String,
    package_id: Option<String>,
    target: Option<RawTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
    message: Option<RawMessage>,
}

#[derive(Deserialize)]
struct RawTarget {
    name: String,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct RawMessage {
    #[serde(rename = "message")]
    text: String,
    level: String,
    code: Option<RawCode>,
    spans: Vec<RawSpan>,
    children: Vec<RawMessage>,
    rendered: Option<String>,
}

#[derive(Deserialize)]
struct RawCode {
    code: String,
}

#[derive(Deserialize)]
struct RawSpan {
    file_name: String,
    line_start: u32,
    is_primary: bool,
    /// The macro call that made the code.
    expansion: Option<Box<RawExpansion>>,
}

#[derive(Deserialize)]
struct RawExpansion {
    span: RawSpan,
}

impl RawMessage {
    fn places(&self, into: &mut Vec<(String, u32)>) {
        for span in &self.spans {
            let is_lab = span.file_name.starts_with("labs/") || span.file_name.starts_with("patched/");
            if is_lab && !span.file_name.starts_with("labs/kit/") {
                into.push((span.file_name.clone(), span.line_start));
            }
        }
        for child in &self.children {
            child.places(into);
        }
    }

    fn files(&self, into: &mut BTreeSet<String>) {
        for span in &self.spans {
            let mut span = Some(span);
            while let Some(current) = span {
                into.insert(current.file_name.clone());
                span = current.expansion.as_ref().map(|expansion| &expansion.span);
            }
        }
        for child in &self.children {
            child.files(into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_are_read_in_both_forms() {
        assert_eq!(package_name("path+file:///x/labs/01-tiny#learner-tiny@0.1.0"), "learner-tiny");
        assert_eq!(package_name("path+file:///x/labs/kit#0.1.0"), "kit");
        assert_eq!(
            package_name("registry+https://github.com/rust-lang/crates.io-index#serde@1.0.1"),
            "serde"
        );
    }

    #[test]
    fn colour_is_taken_off() {
        assert_eq!(without_colour("\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: no"), "error: no");
        assert_eq!(without_colour("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn the_folder_decides_whose_message_it_is() {
        let stage = Path::new("/s");
        let of = |path: &str| origin(Path::new(path), stage);
        assert_eq!(of("/s/labs/01-tiny/src/lib.rs"), Origin::Submission);
        assert_eq!(of("/s/patched/solutions/01-tiny/src/lib.rs"), Origin::Submission);
        assert_eq!(of("/s/labs/kit/src/lib.rs"), Origin::Course);
        assert_eq!(of("/s/grader/suites/01-tiny/tests/main.rs"), Origin::Tests);
        assert_eq!(of("/elsewhere/labs/01-tiny/src/lib.rs"), Origin::Course);
    }
}
