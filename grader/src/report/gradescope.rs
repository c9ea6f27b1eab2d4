//! The report as Gradescope's `results.json`: one entry a task with its points, the failures as its text.

use serde::Serialize;

use super::{Context, explain, plain, tally};
use crate::model::LabReport;

#[derive(Serialize)]
struct Results {
    score: u32,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
    stdout_visibility: &'static str,
    tests: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    number: String,
    name: String,
    score: u32,
    max_score: u32,
    /// Missing for a bonus task that was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
}

/// Most failures in one entry.
const FAILURES: usize = 5;

/// Renders the report.
pub fn render(report: &LabReport, context: &Context) -> String {
    let tests = report.tasks.iter().map(|task| {
        let is_left_out = tally::is_left_out(report, task);
        let failures = if is_left_out { Vec::new() } else { explain::failures(context, task) };
        let mut output = tally::phrase(task);
        for failure in failures.iter().take(FAILURES) {
            output.push_str("\n\n");
            output.push_str(&plain::text(failure));
        }
        if failures.len() > FAILURES {
            output.push_str(&format!("\n({} more)\n", failures.len() - FAILURES));
        }
        Entry {
            number: task.id.clone(),
            name: tally::title(task),
            score: task.points_earned,
            max_score: task.points_max,
            status: (!is_left_out).then_some(if task.passed { "passed" } else { "failed" }),
            output,
            output_format: "text",
            visibility: "visible",
        }
    });
    let results = Results {
        score: report.earned + report.bonus.map_or(0, |bonus| bonus.earned),
        output: overview(report, context),
        output_format: "text",
        visibility: "visible",
        stdout_visibility: "hidden",
        tests: tests.collect(),
    };
    let text = serde_json::to_string_pretty(&results);
    let mut text = text.expect("a report holds nothing that JSON cannot say");
    text.push('\n');
    text
}

fn overview(report: &LabReport, context: &Context) -> String {
    let mut text = match plain::build_errors(report) {
        Some(errors) => format!("Does not compile, so no test was run.\n\n{errors}"),
        None => format!("{}.", tally::points(report)),
    };
    if let Some(explain::First::Test(task, test)) = explain::first(report) {
        text.push_str("\n\n");
        text.push_str(&plain::text(&explain::test(context, task, test, false)));
    }
    for note in &report.notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn each_kind_of_report_is_as_kept() {
        samples::golden("mixed.gradescope.json", &render(&samples::mixed(), &samples::context()));
        samples::golden(
            "broken-build.gradescope.json",
            &render(&samples::broken_build(), &samples::context()),
        );
    }
}
