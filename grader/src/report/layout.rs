//! An explained failure laid out as lines: labels on the left, facts on the right.

use std::fmt::Write as _;

use super::explain::{Body, Explained, is_step};
use crate::paint::{Paint, pad, plural, wrap};

/// One failure as text.
pub fn explained(failure: &Explained, paint: Paint) -> String {
    let mut out = String::new();
    let title = if failure.todo { paint.open(&failure.title) } else { paint.bad(&failure.title) };
    let _ = writeln!(out, "{title}");
    if !failure.doc.is_empty() && !failure.todo {
        for line in wrap(&failure.doc, paint.width - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out.push('\n');
    for row in &failure.rows {
        let lines = match &row.body {
            Body::Prose(text) => wrap(text, paint.width - 14),
            Body::Exact(text) => text.lines().map(str::to_string).collect(),
            Body::Command(text) => vec![paint.command(text)],
            Body::Steps(before, steps) => numbered(*before, steps),
        };
        for (index, line) in lines.iter().enumerate() {
            let label = if index == 0 { pad(row.label, 10) } else { " ".repeat(10) };
            let _ = writeln!(out, "  {}  {}", paint.quiet(&label), line.trim_end());
        }
    }
    out
}

fn numbered(before: usize, steps: &[String]) -> Vec<String> {
    let left_out = (before > 0).then(|| format!("({} before; -v shows them)", plural(before, "step")));
    let mut number = before;
    let numbered = steps.iter().map(|step| {
        if !is_step(step) {
            return step.clone();
        }
        number += 1;
        format!("{number:>2}  {}", step.replace('\n', "\n    "))
    });
    left_out.into_iter().chain(numbered).collect()
}
