//! What a step of the check found, and how it says what went wrong in a run.

use std::collections::BTreeMap;

use crate::model::{BuildReport, LabReport, TestReport};

/// What a step found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Counts, for the line of the step.
    pub(super) says: String,
    pub(super) problems: Vec<String>,
    /// The ratios that were measured, by gate.
    pub(super) figures: BTreeMap<String, f64>,
}

/// The first compiler error, when the report is of something that does not compile.
pub(super) fn build_error(report: &LabReport) -> Option<String> {
    let BuildReport::Failed { messages, notes } = &report.build else { return None };
    let first = messages.iter().find(|message| message.level == "error");
    let first = first.map(|message| message.rendered.trim_end().to_string());
    Some(notes.iter().cloned().chain(first).collect::<Vec<_>>().join("\n"))
}

/// An outcome in a line.
pub(super) fn outcome_line(test: &TestReport) -> String {
    let Some(failure) = test.outcome.failure() else { return test.outcome.label().to_string() };
    let mut text = format!("{}: {}", test.outcome.label(), failure.what.lines().next().unwrap_or_default());
    if let (Some(expected), Some(found)) = (&failure.expected, &failure.found) {
        text.push_str(&format!(" (expected {}, found {})", short(expected), short(found)));
    }
    text
}

fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 60 {
        line.chars().take(60).chain("...".chars()).collect()
    } else {
        line.to_string()
    }
}
