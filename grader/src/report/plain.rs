//! One failure as plain text without colour, for reports that hold text inside something else.

use super::explain::Explained;
use super::layout;
use crate::model::{BuildReport, LabReport};
use crate::paint::Paint;

/// A failure as text.
pub fn text(failure: &Explained) -> String {
    layout::explained(failure, Paint::plain())
}

/// What the compiler and the grader say of a lab that does not compile; `None` when it compiles.
pub fn build_errors(report: &LabReport) -> Option<String> {
    let BuildReport::Failed { messages, notes } = &report.build else { return None };
    let errors = messages.iter().filter(|message| message.level == "error");
    let parts = notes.iter().cloned().chain(errors.map(|message| message.rendered.trim_end().to_string()));
    Some(parts.collect::<Vec<_>>().join("\n\n"))
}
