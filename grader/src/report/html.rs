//! The report as one page: no script, no outside file, light or dark as the reader's system is.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::explain::{self, Body, Explained, Row};
use super::{Context, plain, tally};
use crate::model::{LabReport, PerfVerdict, TaskReport};

const STYLE: &str = include_str!("page.css");

/// Renders the report.
pub fn render(report: &LabReport, context: &Context) -> String {
    let title = format!("Lab {}: {}", report.lab, report.title);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    @if let Some(errors) = plain::build_errors(report) {
                        p.total { strong { "Does not compile" } ", so no test was run." }
                        pre { (errors) }
                    } @else {
                        (tasks(report))
                        @for task in &report.tasks {
                            @if !tally::is_left_out(report, task) { (failures(context, task)) }
                        }
                    }
                    @if !report.notes.is_empty() {
                        h2 { "Notes" }
                        ul { @for note in &report.notes { li { (note) } } }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn tasks(report: &LabReport) -> Markup {
    html! {
        p.total { strong { (tally::points(report)) } }
        div.wide {
            table {
                thead { tr { th {} th { "task" } th { "file" } th.n { "tests" } th.n { "gates" } th.n { "points" } } }
                tbody {
                    @for task in &report.tasks {
                        @let (tests, gates) = tally::counts(task);
                        @let word = tally::word(task);
                        tr {
                            td { span.word.(class(word)) { (word) } }
                            td {
                                @if task.passed || tally::is_left_out(report, task) { (task.id) " " (tally::title(task)) }
                                @else { a href={"#task-" (task.id)} { (task.id) " " (tally::title(task)) } }
                            }
                            td { code { (task.file) } }
                            td.n { (tests) }
                            td.n { (gates) }
                            td.n { (task.points_earned) "/" (task.points_max) }
                        }
                    }
                }
            }
        }
    }
}

fn class(word: &str) -> &'static str {
    match word {
        "ok" => "good",
        "FAIL" | "SLOW" => "bad",
        _ => "open",
    }
}

fn failures(context: &Context, task: &TaskReport) -> Markup {
    let noisy = task.perf.iter().filter(|gate| gate.verdict == PerfVerdict::TooNoisy);
    html! {
        @if !task.passed {
            h2 id={"task-" (task.id)} { "Task " (task.id) ": " (tally::title(task)) }
            @for failure in explain::failures(context, task) { (section(&failure)) }
        }
        @for gate in noisy {
            p { "Gate " code { (gate.id) } " of task " (task.id) ": too noisy to tell." }
        }
    }
}

fn section(failure: &Explained) -> Markup {
    html! {
        section.(if failure.todo { "open" } else { "bad" }) {
            h3 { (failure.title) }
            @if !failure.doc.is_empty() && !failure.todo { p { (failure.doc) } }
            dl { @for row in &failure.rows { (fact(row)) } }
        }
    }
}

fn fact(row: &Row) -> Markup {
    html! {
        dt { (row.label) }
        dd {
            @match &row.body {
                Body::Prose(text) => p { (text) },
                Body::Exact(text) => pre { (text) },
                Body::Command(text) => pre.command { (text) },
                Body::Steps(_, steps) => ol { @for step in steps { li { code { (step) } } } },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn each_kind_of_report_is_as_kept() {
        samples::golden("mixed.html", &render(&samples::mixed(), &samples::context()));
        samples::golden("broken-build.html", &render(&samples::broken_build(), &samples::context()));
    }

    /// The page may be opened anywhere: it asks for nothing else, and a learner's text stays text.
    #[test]
    fn the_page_stands_alone() {
        let mut report = samples::mixed();
        report.notes.push("<script>alert(1)</script>".into());
        let page = render(&report, &samples::context());
        assert!(!page.contains("http") && !page.contains("<script") && !page.contains("<link"));
    }
}
