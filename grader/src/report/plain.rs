//! One failure as plain text without colour, for reports that hold text inside something else.

use super::Context;
use super::explain::{self, Explained};
use super::paint::Paint;
use super::terminal;
use crate::model::{BuildReport, LabReport, TaskReport};

/// The failures of a task: every mistake, and the first hole.
pub fn failures(context: &Context, task: &TaskReport) -> Vec<Explained> {
    let failed = task.tests.iter().filter(|test| !test.outcome.is_pass());
    let (holes, wrong): (Vec<_>, Vec<_>) = failed.partition(|test| explain::is_hole(&test.outcome));
    let mut found: Vec<Explained> =
        wrong.iter().map(|test| explain::test(context, task, test, true)).collect();
    found.extend(holes.first().map(|test| explain::test(context, task, test, true)));
    let gates = task.perf.iter().filter(|gate| explain::gate_failed(gate));
    found.extend(gates.map(|gate| explain::gate(context, task, gate)));
    found
}

/// A failure as text.
pub fn text(failure: &Explained) -> String {
    terminal::explained(failure, Paint::plain())
}

/// What the compiler and the grader say of a lab that does not compile; `None` when it compiles.
pub fn build_errors(report: &LabReport) -> Option<String> {
    let BuildReport::Failed { messages, notes } = &report.build else { return None };
    let errors = messages.iter().filter(|message| message.level == "error");
    let parts = notes.iter().cloned().chain(errors.map(|message| message.rendered.trim_end().to_string()));
    Some(parts.collect::<Vec<_>>().join("\n\n"))
}

/// "1/3 tests, gates 1/2".
pub fn counts(task: &TaskReport) -> String {
    match terminal::counts(task) {
        (tests, gates) if gates == "-" => format!("{tests} tests"),
        (tests, gates) => format!("{tests} tests, {gates} gates"),
    }
}
