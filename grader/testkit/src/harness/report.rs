//! Whose code a place is in, and how a place and a failure are written.
//!
//! Paths come from the compiler (panic locations) and from the debug information (backtraces); the first may
//! be relative to a workspace, the second is absolute or remapped. Both end in the course's own layout, and
//! that is what is shown:
//!
//! ```text
//!   /anything/labs/01-structures/src/ring_queue.rs   learner's     labs/01-structures/src/ring_queue.rs
//!   01-structures/src/ring_queue.rs                  reference's   solutions/01-structures/src/ring_queue.rs
//!   /anything/grader/suites/01-structures/tests/...  test
//!   /anything/labs/kit/src/sync/plain.rs             given: counts only if there is no other
//! ```

use std::backtrace::Backtrace;

use grader_protocol::Failure;

/// A file as the compiler names it, and a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: u32,
}

/// Whose code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    Learner,
    Test,
    Nobody,
}

impl Place {
    pub(super) fn new(file: &str, line: u32) -> Self {
        Place { file: file.replace('\\', "/"), line }
    }

    fn blame(&self) -> Blame {
        if self.learner_path().is_some() {
            Blame::Learner
        } else if self.file.contains("grader/suites/") || self.file.contains("grader/testkit/") {
            Blame::Test
        } else {
            Blame::Nobody
        }
    }

    /// The path from the course's root, if this is a lab's or a solution's source.
    fn learner_path(&self) -> Option<String> {
        if self.file.contains("grader/suites/") || self.file.contains("/.cargo/") {
            return None;
        }
        for root in ["labs/", "solutions/"] {
            let starts = self.file.rmatch_indices(root).map(|(at, _)| at);
            for at in starts {
                if (at == 0 || self.file.as_bytes()[at - 1] == b'/') && is_lab(&self.file[at + root.len()..])
                {
                    return Some(self.file[at..].to_string());
                }
            }
        }
        // Relative to the reference's workspace: `01-structures/src/...`.
        let file = self.file.strip_prefix("./").unwrap_or(&self.file);
        is_lab(file).then(|| format!("solutions/{file}"))
    }
}

/// True for `NN-name/src/...`.
fn is_lab(path: &str) -> bool {
    let bytes = path.as_bytes();
    let has_number =
        bytes.len() > 3 && bytes[0].is_ascii_digit() && bytes[1].is_ascii_digit() && bytes[2] == b'-';
    has_number && path.split('/').nth(1) == Some("src")
}

/// The places of a backtrace, innermost first.
pub(super) fn frames(backtrace: &Backtrace) -> Vec<Place> {
    let text = crate::alloc::without_limit(|| backtrace.to_string());
    // The standard library cuts the current folder off.
    let folder = std::env::current_dir().unwrap_or_default();
    let whole = |place: Place| match place.file.strip_prefix("./") {
        Some(rest) => Place::new(&folder.join(rest).to_string_lossy(), place.line),
        None => place,
    };
    text.lines().filter_map(|line| place_of(line.trim().strip_prefix("at ")?)).map(whole).collect()
}

/// `path:line:column` or `path:line`.
fn place_of(text: &str) -> Option<Place> {
    let (head, last) = text.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    match head.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => Some(Place::new(file, line)),
        None => Some(Place::new(head, last)),
    }
}

/// Whose the panic is: the innermost place that belongs to anybody.
pub(super) fn blame(place: Option<&Place>, frames: &[Place]) -> Blame {
    place
        .into_iter()
        .chain(frames)
        .map(Place::blame)
        .find(|blame| *blame != Blame::Nobody)
        .unwrap_or(Blame::Nobody)
}

/// The learner's lines in the backtrace of the panic, innermost first, without repeats.
pub(super) fn trace(place: Option<&Place>, frames: &[Place]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for place in place.into_iter().chain(frames) {
        if let Some(path) = place.learner_path() {
            let line = format!("{path}:{}", place.line);
            if !out.contains(&line) && out.len() < 12 {
                out.push(line);
            }
        }
    }
    out
}

/// A place as the learner reads it: from the course's root if it is a lab's, else as the compiler has it.
#[cfg(feature = "controlled")]
pub(crate) fn shown_place(at: &std::panic::Location<'_>) -> String {
    let place = Place::new(at.file(), at.line());
    let path = place.learner_path().unwrap_or_else(|| match place.file.find("grader/suites/") {
        Some(start) => place.file[start..].to_string(),
        None => place.file.clone(),
    });
    format!("{path}:{}", place.line)
}

/// The learner's lines of a backtrace, innermost first.
#[cfg(feature = "controlled")]
pub(crate) fn learner_lines(backtrace: &Backtrace) -> Vec<String> {
    trace(None, &frames(backtrace))
}

/// One test of `--list`.
pub(super) fn listing(name: &str, line: u32, doc: &str) -> String {
    format!("{{\"name\":{},\"line\":{line},\"doc\":{}}}", json_string(name), json_string(doc))
}

fn json_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A failure as text, for the run without a grader.
pub(crate) fn text(failure: &Failure) -> String {
    let mut out = format!("{}\n", failure.what);
    let mut field = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            out.push_str(&labelled(name, value));
        }
    };
    field("expected", &failure.expected);
    field("found", &failure.found);
    field("smallest case", &failure.case);
    if let Some((id, text)) = &failure.invariant {
        out.push_str(&labelled("invariant", &format!("{id}: {text}")));
    }
    if !failure.steps.is_empty() {
        out.push_str(&labelled("steps", &format!("\n{}", failure.steps.join("\n"))));
    }
    if let Some(picture) = &failure.picture {
        out.push_str(&labelled("picture", &format!("\n{picture}")));
    }
    for line in &failure.trace {
        out.push_str(&labelled("at", line));
    }
    for note in &failure.notes {
        out.push_str(&labelled("note", note));
    }
    if let Some(seed) = failure.seed {
        out.push_str(&labelled("seed", &seed.to_string()));
    }
    out
}

fn labelled(name: &str, value: &str) -> String {
    format!("    {name}: {}\n", value.trim_end().replace('\n', "\n        "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_from_the_course_root() {
        let path = |file: &str| Place::new(file, 1).learner_path();
        assert_eq!(path("/tmp/x/labs/01-a/src/b.rs").as_deref(), Some("labs/01-a/src/b.rs"));
        assert_eq!(path("labs/01-a/src/b.rs").as_deref(), Some("labs/01-a/src/b.rs"));
        assert_eq!(
            path("/some/labs/course/solutions/02-b/src/c.rs").as_deref(),
            Some("solutions/02-b/src/c.rs")
        );
        assert_eq!(path("01-a/src/b.rs").as_deref(), Some("solutions/01-a/src/b.rs"));
        assert_eq!(path("labs/kit/src/disk.rs"), None);
        assert_eq!(path("/x/grader/suites/01-a/tests/t.rs"), None);
        assert_eq!(path("/rustc/1234/library/core/src/option.rs"), None);
    }

    #[test]
    fn the_innermost_place_that_is_somebodys_decides() {
        let test = Place::new("/x/grader/suites/01-a/tests/t1_1.rs", 3);
        let learner = Place::new("/x/labs/01-a/src/b.rs", 4);
        let std = Place::new("/rustc/1/library/core/src/option.rs", 5);
        assert_eq!(blame(Some(&std), &[learner.clone(), test.clone()]), Blame::Learner);
        assert_eq!(blame(Some(&test), std::slice::from_ref(&learner)), Blame::Test);
        assert_eq!(trace(Some(&learner), &[std, learner.clone(), test]), ["labs/01-a/src/b.rs:4"]);
    }

    #[test]
    fn reads_the_places_of_a_backtrace() {
        assert_eq!(place_of("./labs/01-a/src/b.rs:7:9"), Some(Place::new("./labs/01-a/src/b.rs", 7)));
        assert_eq!(place_of("/x/b.rs:7"), Some(Place::new("/x/b.rs", 7)));
        assert_eq!(place_of("nothing"), None);
    }

    #[test]
    fn a_listing_is_json() {
        let line = listing("t1_1::a", 7, "says \"so\"\nand why \\ how");
        assert_eq!(line, r#"{"name":"t1_1::a","line":7,"doc":"says \"so\"\nand why \\ how"}"#);
    }
}
