//! The report as Markdown for a GitHub step summary: a table of the tasks, the first failure open, the
//! others folded.

use std::fmt::Write as _;

use super::explain::{self, Explained};
use super::{Context, plain, tally};
use crate::model::LabReport;
use crate::paint::plural;

/// GitHub's limit for the summary of a step, in bytes: a larger one is not shown at all.
pub const LIMIT: usize = 1 << 20;

/// Room kept for the sentence that says what was left out.
const CLOSING: usize = 300;

/// Renders the report in at most `room` bytes, and says what was left out; empty when not even the table
/// fits.
pub fn render(report: &LabReport, context: &Context, room: usize) -> String {
    let mut page = Page { text: String::new(), room: room.saturating_sub(CLOSING), left_out: 0 };
    let head = format!("## Lab {}: {}\n\n", report.lab, inline(&report.title));
    if let Some(errors) = plain::build_errors(report) {
        if !page.add(&format!("{head}**Does not compile**, so no test was run.\n\n")) {
            return String::new();
        }
        page.notes(report);
        let kept = cut(&errors, page.room.saturating_sub(page.text.len() + CLOSING));
        let mut block = String::new();
        fenced(&mut block, kept);
        page.add(&block);
        page.left_out += usize::from(kept.len() < errors.len());
        return page.closed(context);
    }
    if !page.add(&format!("{head}{}", table(report))) {
        return String::new();
    }
    page.notes(report);
    let mut is_first = true;
    for task in report.tasks.iter().filter(|task| !task.passed && !tally::is_left_out(report, task)) {
        for failure in explain::failures(context, task) {
            page.add(&folded(&failure, std::mem::take(&mut is_first)));
        }
    }
    page.closed(context)
}

/// A text that grows by whole parts while there is room.
struct Page {
    text: String,
    room: usize,
    /// Parts that did not fit.
    left_out: usize,
}

impl Page {
    /// Adds the part if it fits; whether it does.
    fn add(&mut self, part: &str) -> bool {
        let fits = self.text.len() + part.len() <= self.room;
        if fits {
            self.text.push_str(part);
        } else {
            self.left_out += 1;
        }
        fits
    }

    /// The notes come before the failures, so that these do not take their room.
    fn notes(&mut self, report: &LabReport) {
        for note in &report.notes {
            self.add(&format!("\nNote: {}\n", inline(note)));
        }
    }

    /// The page, and that something is missing where it is.
    fn closed(mut self, context: &Context) -> String {
        if self.left_out > 0 {
            let command = inline(&context.command("-v"));
            let parts = plural(self.left_out, "part");
            let _ = writeln!(
                self.text,
                "\nThe summary is cut off: GitHub shows at most {} KiB, and {parts} of the report did not fit. `{}` \
                 shows all.",
                LIMIT >> 10,
                cut(&command, CLOSING / 3)
            );
        }
        self.text
    }
}

/// The beginning of `text` with at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

fn table(report: &LabReport) -> String {
    let mut out = format!("**{}**\n\n", tally::points(report));
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
    out
}

fn folded(failure: &Explained, is_open: bool) -> String {
    let open = if is_open { " open" } else { "" };
    let mut out = format!("\n<details{open}><summary>{}</summary>\n\n", inline(&failure.title));
    let text = plain::text(failure);
    fenced(&mut out, text.split_once('\n').map_or(text.as_str(), |(_, rest)| rest));
    out.push_str("\n</details>\n");
    out
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
    use crate::model::BuildReport;
    use crate::report::samples;

    #[test]
    fn each_kind_of_report_is_as_kept() {
        let render = |report| render(&report, &samples::context(), LIMIT);
        samples::golden("mixed.summary.md", &render(samples::mixed()));
        samples::golden("broken-build.summary.md", &render(samples::broken_build()));
    }

    /// Output with backticks must not end the block early.
    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let mut out = String::new();
        fenced(&mut out, "a ```` b");
        assert_eq!(out, "`````text\na ```` b\n`````\n");
    }

    /// GitHub shows nothing of a summary that is too long, so it is cut, and says so.
    #[test]
    fn a_long_report_is_cut_at_a_whole_part() {
        let whole = render(&samples::mixed(), &samples::context(), LIMIT);
        for room in [whole.len() + CLOSING, whole.len(), 900, 700, 400, 0] {
            let text = render(&samples::mixed(), &samples::context(), room);
            assert!(text.len() <= room, "{} of {room}", text.len());
            assert_eq!(text.matches("<details").count(), text.matches("</details>").count(), "{text}");
            let is_cut = text.contains("The summary is cut off");
            assert_eq!(is_cut, !text.is_empty() && text != whole, "{room}: {text}");
        }
        assert_eq!(render(&samples::mixed(), &samples::context(), 100), "");
    }

    /// A macro can make rustc print megabytes.
    #[test]
    fn long_compiler_messages_are_cut() {
        let mut report = samples::broken_build();
        let BuildReport::Failed { messages, .. } = &mut report.build else { panic!("it is broken") };
        messages[0].rendered = "\u{e9}`".repeat(LIMIT);
        let text = render(&report, &samples::context(), LIMIT);
        assert!(text.len() > LIMIT / 2 && text.len() <= LIMIT, "{}", text.len());
        assert!(text.contains("The summary is cut off"));
    }
}
