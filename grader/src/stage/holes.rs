//! The usual form of a hole in the compiler with which safe code can do what `unsafe` code can.
//!
//! rust-lang/rust issue 25860: a function with a parameter of type `&'a &'b T` may assume that `'b` outlives
//! `'a`, and loses that condition when it becomes a function pointer. So it turns any reference into a static
//! one, and from there code reaches memory and descriptors that the harness keeps to itself. No honest lab
//! needs two named lifetimes in a row; one that has them is pointed out to whoever grades.
//!
//! The search reads text and finds the form in which the hole is published. It can be written in other ways:
//! nothing found proves nothing.

use std::path::Path;

use super::Files;
use crate::catalog::Lab;

/// One sentence for each place.
pub(super) fn notes(lab: &Lab, files: &Files) -> Vec<String> {
    let mut notes = Vec::new();
    for (path, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        notes.extend(lines(&text).into_iter().map(|line| note(lab, path, line)));
    }
    notes
}

fn note(lab: &Lab, path: &Path, line: usize) -> String {
    format!(
        "look at {}/{}:{line}: it has the form of a known hole of the compiler (rust-lang/rust issue 25860), with \
         which code without `unsafe` can forge a passing test",
        lab.path(),
        path.display()
    )
}

/// The lines, from 1, where a reference with a named lifetime to a reference with another one starts.
fn lines(text: &str) -> Vec<usize> {
    let code: String = text.lines().map(|line| format!("{}\n", without_comment(line))).collect();
    let is_form = |at: &usize| {
        let outer = lifetime(&code[*at..]);
        let inner = outer.and_then(|(_, rest)| lifetime(rest.strip_prefix("mut ").unwrap_or(rest)));
        match (outer, inner) {
            (Some((outer, _)), Some((inner, _))) => {
                outer != inner && outer != "_" && !["_", "static"].contains(&inner)
            }
            _ => false,
        }
    };
    let starts = code.match_indices('&').map(|(at, _)| at).filter(is_form);
    let mut lines: Vec<usize> = starts.map(|at| code[..at].matches('\n').count() + 1).collect();
    lines.dedup();
    lines
}

/// The name in `&'name`, and what follows it.
fn lifetime(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix('&')?.trim_start().strip_prefix('\'')?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some((&rest[..end], rest[end..].trim_start()))
}

fn without_comment(line: &str) -> &str {
    line.find("//").map_or(line, |at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_form_is_found() {
        let hole = "\nfn longer<'a, 'b, T>(_: &'a &'b (), value: &'b T) -> &'a T {\n    value\n}\n";
        assert_eq!(lines(hole), [2]);
        assert_eq!(lines("struct Pair<'x, 'y>(&'x\n    &'y mut u8);"), [1]);
        assert_eq!(lines("fn f<'b>(_: &'static &'b ()) {}"), [1]);
        assert_eq!(lines("fn f<'a, 'b>(_: &'a mut &'b ()) {}"), [1]);
    }

    #[test]
    fn ordinary_references_are_not() {
        for text in [
            "fn f<'a>(x: &'a &'a str) {}",
            "fn f<'a>(x: &'a &str, y: &&'a str) {}",
            "let x: &'a &'static str;",
            "// fn f(_: &'a &'b ())",
            "a && b & 'c' as u8; x & y",
            "fn f<'a, 'b>(x: &'a [&'b str]) {}",
        ] {
            assert_eq!(lines(text), [0; 0], "{text}");
        }
    }
}
