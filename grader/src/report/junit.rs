//! The report as JUnit XML, which most CI systems show: a suite for each task, a case for each test and
//! gate. A hole is a failure too; a gate that was not measured, or too noisy to tell, is skipped, and so is a
//! bonus task that was left out. JUnit knows no points: they are properties of the suites. The notes of the
//! run are the output of a skipped case, because there is no place that every system shows.

use std::fmt::Write as _;

use super::{Context, explain, plain, tally};
use crate::model::{LabReport, PerfVerdict, TaskReport, TestOutcome};

/// Renders the report.
pub fn render(report: &LabReport, context: &Context) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escape(&format!("Lab {}: {}", report.lab, report.title));
    let _ = writeln!(out, "<testsuites name=\"{name}\">");
    if let Some(errors) = plain::build_errors(report) {
        out.push_str("  <testsuite name=\"build\" tests=\"1\" errors=\"1\" failures=\"0\" skipped=\"0\">\n");
        out.push_str("    <testcase classname=\"build\" name=\"compiles\">\n");
        let _ = writeln!(out, "      <error message=\"does not compile\">{}</error>", escape(&errors));
        out.push_str("    </testcase>\n  </testsuite>\n");
    }
    for task in &report.tasks {
        suite(&mut out, report, context, task);
    }
    notes(&mut out, &report.notes);
    out.push_str("</testsuites>\n");
    out
}

fn notes(out: &mut String, notes: &[String]) {
    if notes.is_empty() {
        return;
    }
    out.push_str("  <testsuite name=\"notes\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"1\">\n");
    out.push_str("    <testcase classname=\"notes\" name=\"notes on this run\">\n");
    out.push_str("      <skipped message=\"no test: the output has the notes\"/>\n");
    let _ = writeln!(out, "      <system-out>{}</system-out>", escape(&notes.join("\n")));
    out.push_str("    </testcase>\n  </testsuite>\n");
}

fn suite(out: &mut String, report: &LabReport, context: &Context, task: &TaskReport) {
    let is_left_out = tally::is_left_out(report, task);
    let skipped_test = |outcome: &TestOutcome| is_left_out || matches!(outcome, TestOutcome::NotRun);
    let skipped_gate =
        |verdict: &PerfVerdict| matches!(verdict, PerfVerdict::NotRun(_) | PerfVerdict::TooNoisy);
    let skipped = task.tests.iter().filter(|test| skipped_test(&test.outcome)).count()
        + task.perf.iter().filter(|gate| skipped_gate(&gate.verdict)).count();
    let passed = task.tests.iter().filter(|test| test.outcome.is_pass()).count()
        + task.perf.iter().filter(|gate| gate.verdict == PerfVerdict::Pass).count();
    let all = task.tests.len() + task.perf.len();
    let name = escape(&format!("Task {} {}", task.id, tally::title(task)));
    let failed = all - passed - skipped;
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{all}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\">"
    );
    out.push_str("    <properties>\n");
    property(out, "points", &format!("{}/{}", task.points_earned, task.points_max));
    property(out, "of the report", &tally::points(report));
    out.push_str("    </properties>\n");
    for test in &task.tests {
        let (class, name) = test.name.split_once("::").unwrap_or(("", &test.name));
        let seconds = format!("{}.{:03}", test.wall_ms / 1000, test.wall_ms % 1000);
        let case =
            format!("<testcase classname=\"{}\" name=\"{}\" time=\"{seconds}\"", escape(class), escape(name));
        if test.outcome.is_pass() {
            let _ = writeln!(out, "    {case}/>");
        } else if skipped_test(&test.outcome) {
            let _ = writeln!(out, "    {case}><skipped/></testcase>");
        } else {
            let explained = explain::test(context, task, test, true);
            failure(out, &case, test.outcome.label(), &explained);
        }
    }
    for gate in &task.perf {
        let case = format!("<testcase classname=\"gate\" name=\"{}\"", escape(&gate.id));
        match &gate.verdict {
            PerfVerdict::Pass => drop(writeln!(out, "    {case}/>")),
            verdict if skipped_gate(verdict) => drop(writeln!(out, "    {case}><skipped/></testcase>")),
            _ => failure(out, &case, "gate", &explain::gate(context, task, gate)),
        }
    }
    out.push_str("  </testsuite>\n");
}

fn property(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "      <property name=\"{}\" value=\"{}\"/>", escape(name), escape(value));
}

fn failure(out: &mut String, case: &str, kind: &str, explained: &explain::Explained) {
    let _ = writeln!(
        out,
        "    {case}>\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
        escape(kind),
        escape(&explained.title),
        escape(&plain::text(explained))
    );
}

/// Escapes text for an element or an attribute; characters that XML cannot hold become a question mark.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn each_kind_of_report_is_as_kept() {
        samples::golden("mixed.junit.xml", &render(&samples::mixed(), &samples::context()));
        samples::golden("broken-build.junit.xml", &render(&samples::broken_build(), &samples::context()));
    }

    /// A learner's output may hold anything; XML may not.
    #[test]
    fn nothing_a_learner_prints_breaks_the_xml() {
        assert_eq!(escape("<a b=\"&\">\u{1b}[31m\n"), "&lt;a b=&quot;&amp;&quot;&gt;?[31m\n");
    }
}
