//! The report as Markdown for a GitHub step summary: a table of the tasks, the first failure open, the
//! others folded.

use std::fmt::Write as _;

use super::{Context, explain, plain, tally};
use crate::model::{LabReport, TaskReport};

/// Renders the report.
pub fn render(report: &LabReport, context: &Context) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## Lab {}: {}\n", report.lab, inline(&report.title));
    if let Some(errors) = plain::build_errors(report) {
        out.push_str("**Does not compile**, so no test was run.\n\n");
        fenced(&mut out, &errors);
        return out;
    }
    let _ = writeln!(out, "**{}**\n", tally::points(report));
    out.push_str("| | task | tests | gates | points |\n| --- | --- | ---: | ---: | ---: |\n");
    for task in &report.tasks {
        let (tests, gates) = tally::counts(task);
        let _ = writeln!(
            out,
            "| {} | {} {} | {tests} | {gates} | {}/{} |",
            tally::word(task),
            task.id,
            inline(&tally::title(task)),
            task.points_earned,
            task.points_max
        );
    }
    let mut first = true;
    for task in report.tasks.iter().filter(|task| !task.passed) {
        failures(&mut out, context, task, &mut first);
    }
    for note in &report.notes {
        let _ = writeln!(out, "\nNote: {}", inline(note));
    }
    out
}

fn failures(out: &mut String, context: &Context, task: &TaskReport, first: &mut bool) {
    for failure in explain::failures(context, task) {
        let open = if std::mem::take(first) { " open" } else { "" };
        let _ = writeln!(out, "\n<details{open}><summary>{}</summary>\n", inline(&failure.title));
        let text = plain::text(&failure);
        fenced(out, text.split_once('\n').map_or(text.as_str(), |(_, rest)| rest));
        out.push_str("\n</details>\n");
    }
}

/// Text that Markdown and HTML leave alone, in one line.
fn inline(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

/// A code block whose fence is longer than any run of backticks inside.
fn fenced(out: &mut String, text: &str) {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{fence}text\n{}\n{fence}", text.trim_end().trim_start_matches('\n'));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn each_kind_of_report_is_as_kept() {
        samples::golden("mixed.summary.md", &render(&samples::mixed(), &samples::context()));
        samples::golden("broken-build.summary.md", &render(&samples::broken_build(), &samples::context()));
    }

    /// Output with backticks must not end the block early.
    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let mut out = String::new();
        fenced(&mut out, "a ```` b");
        assert_eq!(out, "`````text\na ```` b\n`````\n");
    }
}
