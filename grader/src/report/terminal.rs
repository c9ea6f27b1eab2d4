//! The report as text: one line a task, then the first failure, then stop.
//!
//! ```text
//!   Lab 1: In-memory structures
//!
//!           task              tests  gates  points  file
//!     ok    1.1  Ring queue     6/6    2/2   18/18  src/ring_queue.rs
//!     FAIL  1.2  Channel        4/9      -    8/20  src/channel.rs
//!
//!   Task 1.2 Channel: t1_2::close_wakes_all fails
//!     ...
//! ```

use std::fmt::Write as _;

use super::Context;
use super::explain::{self, Explained, First};
use super::layout::explained;
use super::tally::{self, counts, word};
use crate::model::{
    BuildReport, CompilerMessage, LabReport, PerfVerdict, TaskReport, TestOutcome, TestReport,
};
use crate::paint::{Paint, pad, plural, wrap};

/// Most compiler errors shown without `-v`.
const ERRORS: usize = 3;

/// Renders the report. `verbose` shows every test and every failure.
pub fn render(report: &LabReport, context: &Context, paint: Paint, verbose: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", paint.strong(&format!("Lab {}: {}", report.lab, report.title)));
    if let BuildReport::Failed { messages, notes } = &report.build {
        build_failed(&mut out, messages, notes, paint, verbose);
        let _ = writeln!(out, "  rerun  {}", paint.command(&context.command(&part(report, context))));
        notes_at_end(&mut out, report, paint, verbose);
        return out;
    }
    tasks(&mut out, report, paint, verbose);
    total(&mut out, report, context, paint);
    if verbose {
        for failure in report.tasks.iter().flat_map(|task| explain::failures(context, task)) {
            out.push('\n');
            out.push_str(&explained(&failure, paint));
        }
    } else if let Some(first) = first_failure(report, context) {
        if is_skeleton(report) {
            let text = "Red is expected here: each task is a `todo!` until you write it.";
            let _ = writeln!(out, "  {}", paint.open(text));
        }
        out.push('\n');
        out.push_str(&explained(&first, paint));
        more(&mut out, report, context, paint);
    }
    notes_at_end(&mut out, report, paint, verbose);
    out
}

/// The part of the lab that the report is about, as an option: nothing for all of it.
fn part(report: &LabReport, context: &Context) -> String {
    match report.tasks.as_slice() {
        [task] if context.tasks > 1 => format!("--task {}", task.id),
        _ => String::new(),
    }
}

fn painted_word(task: &TaskReport, paint: Paint) -> String {
    let text = pad(word(task), 4);
    match text.trim() {
        "ok" => paint.good(&text),
        "FAIL" | "SLOW" => paint.bad(&text),
        _ => paint.open(&text),
    }
}

fn tasks(out: &mut String, report: &LabReport, paint: Paint, verbose: bool) {
    let longest = |text: fn(&TaskReport) -> String| {
        report.tasks.iter().map(|task| text(task).chars().count()).max().unwrap_or(0)
    };
    let (ids, titles) = (longest(|task| task.id.clone()), longest(tally::title));
    let names = ids + 2 + titles;
    let head =
        format!("        {}  {:>6}  {:>5}  {:>7}  file", pad("task", names), "tests", "gates", "points");
    let _ = writeln!(out, "{}", paint.quiet(&head));
    for task in &report.tasks {
        let (tests, gates) = counts(task);
        let points = format!("{}/{}", task.points_earned, task.points_max);
        let _ = writeln!(
            out,
            "  {}  {}  {}  {tests:>6}  {gates:>5}  {points:>7}  {}",
            painted_word(task, paint),
            pad(&task.id, ids),
            pad(&tally::title(task), titles),
            paint.quiet(&task.file),
        );
        if verbose {
            details(out, task, paint);
        }
    }
}

/// Every test and gate of a task.
fn details(out: &mut String, task: &TaskReport, paint: Paint) {
    for test in &task.tests {
        let label = pad(test.outcome.label(), 14);
        let label = match &test.outcome {
            TestOutcome::Pass => paint.good(&label),
            TestOutcome::Todo(_) | TestOutcome::NotRun => paint.open(&label),
            _ => paint.bad(&label),
        };
        let _ = writeln!(
            out,
            "          {label}  {}  {}",
            test.name,
            paint.quiet(&format!("{} ms", test.wall_ms))
        );
    }
    for gate in &task.perf {
        let (label, rest) = match &gate.verdict {
            PerfVerdict::Pass => (paint.good(&pad("pass", 14)), String::new()),
            PerfVerdict::Fail => (paint.bad(&pad("past limit", 14)), String::new()),
            PerfVerdict::TooNoisy => (paint.open(&pad("too noisy", 14)), String::new()),
            PerfVerdict::Broken(why) => (paint.bad(&pad("broken", 14)), format!("; {why}")),
            PerfVerdict::NotRun(why) => (paint.open(&pad("not run", 14)), format!("; {why}")),
        };
        let figure =
            gate.value.as_ref().map(|value| format!(": {}", explain::figure(value))).unwrap_or_default();
        let limit = explain::limit(gate);
        let _ = writeln!(out, "          {label}  gate {}{figure}; at most {limit}{rest}", gate.id);
    }
}

fn total(out: &mut String, report: &LabReport, context: &Context, paint: Paint) {
    let tests = report.tasks.iter().flat_map(|task| &task.tests);
    let (passed, all) =
        tests.fold((0, 0), |(passed, all), test| (passed + usize::from(test.outcome.is_pass()), all + 1));
    let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let mut line = format!("{passed} of {} passed", plural(all, "test"));
    if !context.part_of_task {
        let more = match unmeasured(report) {
            0 => String::new(),
            points => format!(", {points} more to be measured"),
        };
        line = format!("{}{more}; {line}", tally::points(report));
    }
    let times = report.times;
    let mut spent = format!("built in {}, run in {}", seconds(times.build_ms), seconds(times.test_ms));
    if times.perf_ms > 0 {
        let _ = write!(spent, ", measured in {}", seconds(times.perf_ms));
    }
    let line = if report.passed() && all > 0 { paint.good(&line) } else { paint.strong(&line) };
    let _ = writeln!(out, "\n  {line}  {}", paint.quiet(&format!("({spent})")));
    for gate in report.tasks.iter().flat_map(|task| &task.perf) {
        if gate.verdict == PerfVerdict::TooNoisy {
            let text =
                format!("gate {}: too noisy to tell; run it again when the machine is quieter", gate.id);
            let _ = writeln!(out, "  {}", paint.open(&text));
        }
    }
    if all == 0 {
        let text = format!("no test has such a name; {} shows all", context.command("-v"));
        let _ = writeln!(out, "  {}", paint.open(&text));
    }
}

/// Points of gates that were not measured although their task's tests pass.
fn unmeasured(report: &LabReport) -> u32 {
    let ready = report.tasks.iter().filter(|task| task.passed && !task.tests.is_empty());
    let gates = ready.flat_map(|task| &task.perf);
    gates.filter(|gate| matches!(gate.verdict, PerfVerdict::NotRun(_))).map(|gate| gate.points_max).sum()
}

/// Whether nothing has been written yet.
fn is_skeleton(report: &LabReport) -> bool {
    report.tasks.iter().flat_map(|task| &task.tests).all(|test| explain::is_hole(&test.outcome))
}

fn first_failure(report: &LabReport, context: &Context) -> Option<Explained> {
    explain::first(report).map(|first| match first {
        First::Test(task, test) => explain::test(context, task, test, false),
        First::Gate(task, gate) => explain::gate(context, task, gate),
    })
}

/// A failing test as text, while the other tests still run.
pub fn first_look(context: &Context, task: &TaskReport, test: &TestReport, paint: Paint) -> String {
    explained(&explain::test(context, task, test, false), paint)
}

/// How many of the other failing tests are named.
const OTHERS: usize = 6;

/// How much else fails, so that the first failure is not taken for the only one.
fn more(out: &mut String, report: &LabReport, context: &Context, paint: Paint) {
    let tests = || report.tasks.iter().flat_map(|task| &task.tests);
    let holes = tests().filter(|test| explain::is_hole(&test.outcome)).count();
    let wrong = tests().filter(|test| explain::is_wrong(test)).count();
    let cut = tests().filter(|test| test.outcome == TestOutcome::NotRun).count();
    let gates =
        report.tasks.iter().flat_map(|task| &task.perf).filter(|gate| explain::gate_failed(gate)).count();
    let mut parts = Vec::new();
    let (wrong, holes, gates) = match explain::first(report) {
        Some(First::Test(_, test)) if explain::is_hole(&test.outcome) => (wrong, 0, gates),
        Some(First::Test(..)) => (wrong - 1, holes, gates),
        Some(First::Gate(..)) => (wrong, holes, gates - 1),
        None => (wrong, holes, gates),
    };
    if wrong > 0 {
        parts.push(if wrong == 1 {
            "1 more test fails".to_string()
        } else {
            format!("{wrong} more tests fail")
        });
    }
    if gates > 0 {
        parts.push(format!("{} past the limit", plural(gates, "gate")));
    }
    if holes > 0 {
        parts.push(format!("{} of tasks not written yet", plural(holes, "test")));
    }
    if cut > 0 {
        parts.push(format!("{} not run", plural(cut, "test")));
    }
    if !parts.is_empty() {
        let all = context.command("-v");
        let _ =
            writeln!(out, "\n  {}", paint.quiet(&format!("Besides: {}; {all} shows all.", parts.join(", "))));
    }
    let shown = match explain::first(report) {
        Some(First::Test(_, test)) => Some(test.name.as_str()),
        _ => None,
    };
    let others = tests().filter(|test| explain::is_wrong(test) && Some(test.name.as_str()) != shown);
    for test in others.take(OTHERS) {
        let _ = writeln!(out, "    {}", paint.quiet(&format!("{} ({})", test.name, test.outcome.label())));
    }
}

fn build_failed(
    out: &mut String,
    messages: &[CompilerMessage],
    notes: &[String],
    paint: Paint,
    verbose: bool,
) {
    let errors: Vec<&CompilerMessage> = messages.iter().filter(|message| message.level == "error").collect();
    let count = plural(errors.len(), "error");
    let _ = writeln!(out, "  {}\n", paint.bad(&format!("does not compile: {count}; no test was run")));
    for note in notes {
        for (index, line) in wrap(note, paint.width - 8).iter().enumerate() {
            let label = if index == 0 { "note" } else { "" };
            let _ = writeln!(out, "  {label:<4}  {line}");
        }
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    let shown = if verbose { errors.len() } else { ERRORS.min(errors.len()) };
    for message in &errors[..shown] {
        let coloured = paint.on && !message.ansi.is_empty();
        let text = if coloured { &message.ansi } else { &message.rendered };
        let _ = writeln!(out, "{}\n", text.trim_end());
    }
    if errors.len() > shown {
        let text = format!("{} not shown; -v shows all", plural(errors.len() - shown, "more error"));
        let _ = writeln!(out, "  {}\n", paint.quiet(&text));
    }
}

/// The run's notes. Which confinement was in force is shown only with `-v`.
fn notes_at_end(out: &mut String, report: &LabReport, paint: Paint, verbose: bool) {
    let is_shown = |note: &&String| verbose || !note.starts_with("confinement");
    for (index, note) in report.notes.iter().filter(is_shown).enumerate() {
        if index == 0 {
            out.push('\n');
        }
        for (index, line) in wrap(note, paint.width - 8).iter().enumerate() {
            let label = if index == 0 { "note:" } else { "     " };
            let _ = writeln!(out, "  {}", paint.quiet(&format!("{label} {line}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn text(report: &LabReport, verbose: bool) -> String {
        render(report, &samples::context(), Paint::plain(), verbose)
    }

    /// The text is the product: each sample is kept as a file and compared byte by byte.
    #[test]
    fn each_kind_of_report_reads_as_kept() {
        samples::golden("skeleton", &text(&samples::skeleton(), false));
        samples::golden("mixed", &text(&samples::mixed(), false));
        samples::golden("mixed-verbose", &text(&samples::mixed(), true));
        samples::golden("passed", &text(&samples::passed(), false));
        samples::golden("slow", &text(&samples::slow(), false));
        samples::golden("broken-build", &text(&samples::broken_build(), false));
    }

    /// Colour adds nothing that the words do not say.
    #[test]
    fn colour_changes_no_word() {
        colored::control::set_override(true);
        let paint = Paint { on: true, ..Paint::plain() };
        let coloured = render(&samples::mixed(), &samples::context(), paint, false);
        assert!(coloured.contains('\u{1b}'));
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some(at) = rest.find('\u{1b}') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + rest[at..].find('m').expect("a colour code ends in m") + 1..];
        }
        plain.push_str(rest);
        assert_eq!(plain, text(&samples::mixed(), false));
    }
}
