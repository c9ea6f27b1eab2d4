//! Turns what went wrong into the words a learner reads; every report writer uses these words.
//!
//! Called by the terminal, HTML, JUnit, Gradescope and summary writers.
//!
//! ```text
//!   TestReport, PerfReport  --->  Explained { title, rows }  --->  terminal, page, text file
//! ```

use grader_protocol::{Failure, Value};

use super::{Context, lists};
use crate::catalog::task_of_test;
use crate::model::{
    Blame, GateKind, LabReport, PerfReport, PerfVerdict, TaskReport, TestOutcome, TestReport,
};
use crate::paint::plural;
use crate::run::reading;

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What failed and how, in a line.
    pub title: String,
    /// What must hold; empty for gates.
    pub doc: String,
    /// Facts, in reading order.
    pub rows: Vec<Row>,
    /// Whether the code is not written yet, which is no mistake.
    pub todo: bool,
}

/// A fact: its name and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// "expected", "found", ...
    pub label: &'static str,
    /// The text.
    pub body: Body,
}

/// How a fact is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Prose, may be wrapped.
    Prose(String),
    /// A value or a picture, every space counts.
    Exact(String),
    /// Steps, numbered; so many before them are left out.
    Steps(usize, Vec<String>),
    /// Something to type.
    Command(String),
}

/// Longest value shown without `-v`, in characters.
const CLIP: usize = 600;

/// Longest step shown without `-v`, in characters.
const STEP: usize = 160;

/// Longest input shown without `-v`, in lines.
const CASE_LINES: usize = 8;

/// Longest picture shown without `-v`, in lines, and its longest line in characters.
const PICTURE_LINES: usize = 20;
const PICTURE_COLUMNS: usize = 110;

/// Most notes shown without `-v`.
const NOTES: usize = 4;

/// Most lines of printed output shown without `-v`.
const PRINTED_LINES: usize = 8;

/// Most steps shown without `-v`.
const STEPS: usize = 20;

/// What the reader should look at first.
pub enum First<'a> {
    /// This test of this task.
    Test(&'a TaskReport, &'a TestReport),
    /// This gate of this task, whose tests pass.
    Gate(&'a TaskReport, &'a PerfReport),
}

/// What to show of the lowest task that fails: a mistake before a hole, a test before a gate, and of the
/// mistakes the one that ordinary use reaches first, in the order of [`reading`].
pub fn first(report: &LabReport) -> Option<First<'_>> {
    let task = report.tasks.iter().find(|task| !task.passed)?;
    let open = |test: &&TestReport| is_hole(&test.outcome);
    // Of equals the first counts: tests stand in reading order.
    let easiest = task.tests.iter().filter(|test| is_wrong(test)).min_by_key(|test| reading::rank(test));
    // A bonus task that nobody has begun is no failure of a lab that passes without it.
    let holes = || task.tests.iter().filter(open).filter(|_| !report.passed());
    let next_hole = || holes().min_by_key(|test| reading_order(task, test));
    if let Some(test) = easiest.or_else(next_hole) {
        return Some(First::Test(task, test));
    }
    task.perf.iter().find(|gate| gate_failed(gate)).map(|gate| First::Gate(task, gate))
}

/// The failures of a task: every mistake, and the first hole.
pub fn failures(context: &Context, task: &TaskReport) -> Vec<Explained> {
    let mut wrong: Vec<&TestReport> = task.tests.iter().filter(|found| is_wrong(found)).collect();
    wrong.sort_by_key(|found| reading::rank(found));
    let mut all: Vec<Explained> = wrong.iter().map(|found| test(context, task, found, true)).collect();
    let hole = task.tests.iter().find(|found| is_hole(&found.outcome));
    all.extend(hole.map(|found| test(context, task, found, true)));
    let gates = task.perf.iter().filter(|found| gate_failed(found));
    all.extend(gates.map(|found| gate(context, task, found)));
    all
}

/// Where a hole stands: first in the task's own file, then from the top down.
fn reading_order(task: &TaskReport, test: &TestReport) -> (bool, String, u32) {
    let place = test.outcome.failure().and_then(|failure| failure.trace.first());
    let (path, line) = place.and_then(|place| place.rsplit_once(':')).unwrap_or_default();
    (!path.ends_with(&task.file), path.to_string(), line.parse().unwrap_or(0))
}

/// A doc comment without its own line breaks: paragraphs and list items, a line each.
fn joined(doc: &str) -> String {
    let mut text = String::new();
    for line in doc.lines().map(str::trim) {
        let is_new = line.is_empty() || line.starts_with("- ") || text.ends_with('\n');
        if !text.is_empty() {
            text.push(if is_new { '\n' } else { ' ' });
        }
        text.push_str(line);
    }
    text
}

/// Whether the outcome says "not written yet".
pub fn is_hole(outcome: &TestOutcome) -> bool {
    matches!(outcome, TestOutcome::Todo(_))
}

/// Whether the test shows a mistake: it ran, did not pass, and reached no hole.
pub fn is_wrong(test: &TestReport) -> bool {
    !test.outcome.is_pass() && !is_hole(&test.outcome) && !matches!(test.outcome, TestOutcome::NotRun)
}

/// Whether the gate took away points.
pub fn gate_failed(gate: &PerfReport) -> bool {
    matches!(gate.verdict, PerfVerdict::Fail | PerfVerdict::Broken(_))
}

/// Explains a failed test. `full` leaves nothing out.
pub fn test(context: &Context, task: &TaskReport, test: &TestReport, full: bool) -> Explained {
    let failure = test.outcome.failure().cloned().unwrap_or_default();
    let todo = is_hole(&test.outcome);
    let begun = task.tests.iter().any(|test| test.outcome.is_pass());
    let title = if todo && begun {
        format!("Task {} {}: a part is not written yet", task.id, task.title)
    } else if todo {
        format!("Task {} {} is not written yet", task.id, task.title)
    } else {
        format!("Task {} {}: {} {}", task.id, task.title, test.name, how(&test.outcome))
    };
    let mut rows = Vec::new();
    if todo {
        let place = place(context, task, &failure);
        rows.push(row("where", Body::Exact(place.lines().next().unwrap_or_default().to_string())));
        rows.push(row("asks", Body::Prose(hole_text(&failure.what))));
        rows.push(row("read", Body::Prose(context.handout(task))));
    } else {
        facts(&mut rows, &failure, full);
        if let Some(text) = meaning(&test.outcome) {
            rows.push(row("usually", Body::Prose(text)));
        }
        let tail = test.output_tail.trim_end();
        if !tail.is_empty() {
            let lines = if full { usize::MAX } else { PRINTED_LINES };
            rows.push(row("printed", Body::Exact(end(tail, lines))));
        }
        let place = match &test.blame {
            Some(blame) => blamed_place(context, blame, &failure),
            None => place(context, task, &failure),
        };
        rows.push(row("where", Body::Exact(place)));
    }
    if let Some(blame) = &test.blame {
        rows.push(row("blame", Body::Prose(blame_text(blame))));
        rows.push(row("see it", Body::Command(blame_command(context, blame))));
    }
    let rerun = if todo {
        context.command(&format!("--task {}", task.id))
    } else {
        let seed = failure.seed.or(context.seed).map(|seed| format!(" --seed {seed}")).unwrap_or_default();
        context.command(&format!("--test {}{seed}", test.name))
    };
    rows.push(row("rerun", Body::Command(rerun)));
    if let Some(task) = hint_task(task, test) {
        rows.push(row("hint", Body::Command(context.hint(&task))));
    }
    Explained { title, doc: joined(test.doc.trim()), rows, todo }
}

fn row(label: &'static str, body: Body) -> Row {
    Row { label, body }
}

/// Which earlier lab has the mistake, and what is known of it.
fn blame_text(blame: &Blame) -> String {
    let Blame { lab, folder, task, test, place: _ } = blame;
    match (task, test) {
        (Some(task), _) => {
            format!("task {task} of lab {lab} ({folder}) is not written yet, and this test needs it")
        }
        (None, Some(test)) => format!(
            "it passes with the reference's lab {lab} and fails with yours ({folder}); {test} of that lab fails too, and is \
             easier to follow"
        ),
        (None, None) => format!(
            "it passes with the reference's lab {lab} and fails with yours ({folder}), although your lab {lab} passes its own \
             tests: they miss a mistake there"
        ),
    }
}

/// The task whose hint helps: that of the lab at fault, where another lab is.
fn hint_task(task: &TaskReport, test: &TestReport) -> Option<String> {
    match &test.blame {
        None => Some(task.id.clone()),
        Some(blame) => blame.task.clone().or_else(|| task_of_test(blame.test.as_ref()?)),
    }
}

/// Where a test of the lab at fault points; without one, this test's lines in the code of that lab, or else
/// its folder.
fn blamed_place(context: &Context, blame: &Blame, failure: &Failure) -> String {
    if !blame.place.is_empty() {
        return blame.place.join("\n");
    }
    let folder = blame.folder.rsplit('/').next().unwrap_or_default();
    let is_below = |place: &&String| place.split('/').any(|part| part == folder);
    let lines: Vec<&str> = failure.trace.iter().filter(is_below).take(6).map(String::as_str).collect();
    match lines.as_slice() {
        [] => format!("{} (called from {})", blame.folder, context.folder),
        lines => lines.join("\n"),
    }
}

/// The command that shows the mistake. Where the earlier lab's own tests miss it, the command grades without
/// that lab.
fn blame_command(context: &Context, blame: &Blame) -> String {
    match (&blame.task, &blame.test) {
        (Some(task), _) => format!("cargo grade run {}{} --task {task}", blame.lab, context.options),
        (None, Some(test)) => format!("cargo grade run {}{} --test {test}", blame.lab, context.options),
        (None, None) => context.command("--earlier reference"),
    }
}

/// What the check, the panic or the scheduler reported.
fn facts(rows: &mut Vec<Row>, failure: &Failure, full: bool) {
    if !failure.what.trim().is_empty() {
        rows.push(row("looking at", Body::Prose(failure.what.trim().to_string())));
    }
    let (expected, found) = clip_pair(failure.expected.as_deref(), failure.found.as_deref(), full);
    if let Some(text) = expected {
        rows.push(row("expected", Body::Exact(text)));
    }
    if let Some(text) = found {
        rows.push(row("found", Body::Exact(text)));
    }
    if let Some(case) = &failure.case {
        // The steps say the same in the reader's terms.
        let is_long = case.lines().count() > CASE_LINES;
        if full || !is_long {
            rows.push(row("smallest", Body::Exact(clip(case, full))));
        } else if failure.steps.is_empty() {
            rows.push(row("smallest", Body::Exact(clip(&beginning(case, CASE_LINES), full))));
        }
    }
    if !failure.steps.is_empty() {
        let hidden = if full { 0 } else { failure.steps.len().saturating_sub(STEPS) };
        let (before, shown) = failure.steps.split_at(hidden);
        let before = before.iter().filter(|step| is_step(step)).count();
        let steps = shown.iter().map(|step| clip_to(step, STEP, full)).collect();
        rows.push(row("steps", Body::Steps(before, steps)));
    }
    if let Some(picture) = &failure.picture {
        let shown = if full { picture.trim_end().to_string() } else { thumbnail(picture.trim_end()) };
        rows.push(row("picture", Body::Exact(shown)));
    }
    if let Some((id, text)) = &failure.invariant {
        rows.push(row("invariant", Body::Prose(format!("{id}: {text}"))));
    }
    let notes = if full { failure.notes.len() } else { NOTES };
    for note in failure.notes.iter().take(notes) {
        rows.push(row("note", Body::Prose(note.clone())));
    }
    let more = failure.notes.len().saturating_sub(notes);
    if more > 0 {
        rows.push(row("note", Body::Prose(format!("({}; -v shows them)", plural(more, "more note")))));
    }
}

/// The first lines of a picture, each cut to what a screen shows: what lies to the right is the data of
/// records, seldom the mistake.
fn thumbnail(picture: &str) -> String {
    let cut = |line: &str| match line.char_indices().nth(PICTURE_COLUMNS) {
        Some((at, _)) => format!("{} ..", line[..at].trim_end()),
        None => line.to_string(),
    };
    let lines: Vec<String> = picture.lines().map(cut).collect();
    beginning(&lines.join("\n"), PICTURE_LINES)
}

/// The first `lines` lines of `text`, and how many more there are.
fn beginning(text: &str, lines: usize) -> String {
    let more = text.lines().count().saturating_sub(lines);
    if more == 0 {
        return text.to_string();
    }
    let start: Vec<&str> = text.lines().take(lines).collect();
    format!("{}\n... ({}; -v shows them)", start.join("\n"), plural(more, "more line"))
}

/// The last `lines` lines of `text`, and how many are before them.
fn end(text: &str, lines: usize) -> String {
    let hidden = text.lines().count().saturating_sub(lines);
    if hidden == 0 {
        return text.to_string();
    }
    let last: Vec<&str> = text.lines().skip(hidden).collect();
    format!("... ({} before; -v shows them)\n{}", plural(hidden, "line"), last.join("\n"))
}

/// Lines in the learner's code, or else the files that the task's code is in.
fn place(context: &Context, task: &TaskReport, failure: &Failure) -> String {
    if failure.trace.is_empty() {
        context.files(task)
    } else {
        failure.trace.iter().take(6).cloned().collect::<Vec<_>>().join("\n")
    }
}

/// `not yet implemented: task 1.1: grow` as `task 1.1: grow`.
fn hole_text(what: &str) -> String {
    match what.find("task ") {
        Some(at) => what[at..].trim().to_string(),
        None => what.trim().to_string(),
    }
}

/// The outcome as the end of a sentence that starts with the test's name.
fn how(outcome: &TestOutcome) -> String {
    match outcome {
        TestOutcome::Pass => "passes".into(),
        TestOutcome::Fail(_) => "fails".into(),
        TestOutcome::Panic(_) => "panics".into(),
        TestOutcome::Todo(_) => "is not written yet".into(),
        TestOutcome::Timeout(_) => "runs out of time".into(),
        TestOutcome::Deadlock(_) => "waits for ever".into(),
        TestOutcome::StackOverflow(_) => "overflows the stack".into(),
        TestOutcome::OutOfMemory(_) => "runs out of memory".into(),
        TestOutcome::Killed { signal } => format!("is ended by signal {signal}"),
        TestOutcome::ExitedEarly { code } => format!("ends the process early, with code {code}"),
        TestOutcome::OutputFlood => "writes to the grader's socket".into(),
        TestOutcome::NotRun => "was not run".into(),
    }
}

/// What usually causes an outcome, where its name does not say it.
fn meaning(outcome: &TestOutcome) -> Option<String> {
    let text = match outcome {
        TestOutcome::Timeout(_) => "a loop that never ends, or far too many steps",
        TestOutcome::Deadlock(_) => {
            "every thread waits for another one; a lost wake-up, or locks in a circle"
        }
        TestOutcome::StackOverflow(_) => "a recursion that never ends",
        TestOutcome::OutOfMemory(_) => "something that grows without bound",
        TestOutcome::Killed { .. } => "an abort, or the operating system short of memory",
        TestOutcome::ExitedEarly { .. } => "a call of process::exit; a test counts only when it comes back",
        TestOutcome::OutputFlood => "code that writes to every open descriptor",
        _ => return None,
    };
    Some(text.to_string())
}

/// Explains a failed gate.
pub fn gate(context: &Context, task: &TaskReport, gate: &PerfReport) -> Explained {
    let word = match gate.verdict {
        PerfVerdict::Broken(_) => "has no figure",
        _ => "is past its limit",
    };
    let mut rows = vec![row("measures", Body::Prose(gate.title.clone()))];
    match &gate.value {
        Some(Value::Broken { failure }) => facts(&mut rows, failure, false),
        Some(value) => rows.push(row("found", Body::Exact(figure(value)))),
        None => {}
    }
    if let PerfVerdict::Broken(why) | PerfVerdict::NotRun(why) = &gate.verdict {
        rows.push(row("because", Body::Prose(why.clone())));
    }
    rows.push(row("at most", Body::Exact(limit(gate))));
    rows.push(row("where", Body::Exact(context.file(task))));
    rows.push(row("rerun", Body::Command(context.command(&format!("--task {}", task.id)))));
    rows.push(row("compare", Body::Command(format!("cargo grade compare {}", context.lab))));
    rows.push(row("hint", Body::Command(context.hint(&task.id))));
    let title = format!("Task {} {}: gate {} {word}", task.id, task.title, gate.id);
    Explained { title, doc: String::new(), rows, todo: false }
}

/// A figure in words.
pub fn figure(value: &Value) -> String {
    match value {
        Value::Count { learner, reference } => {
            format!("{} (reference {})", number(*learner), number(*reference))
        }
        Value::Ratio { median, low, high, pairs, learner_ns, reference_ns } => format!(
            "{median:.2}x the reference's time ({low:.2} to {high:.2} in {pairs} pairs; {} against {} a round)",
            nanoseconds(*learner_ns),
            nanoseconds(*reference_ns)
        ),
        Value::Broken { failure } => failure.what.clone(),
    }
}

/// The threshold in words.
pub fn limit(gate: &PerfReport) -> String {
    match gate.kind {
        GateKind::Ratio => format!("{}x", number(gate.max)),
        GateKind::Count => number(gate.max),
    }
}

/// A number without needless decimals.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// A duration with a unit that leaves one to three digits before the point.
pub fn nanoseconds(value: f64) -> String {
    if value < 1e3 {
        format!("{value:.0} ns")
    } else if value < 1e6 {
        format!("{:.1} us", value / 1e3)
    } else if value < 1e9 {
        format!("{:.1} ms", value / 1e6)
    } else {
        format!("{:.2} s", value / 1e9)
    }
}

/// Shortens a long value to its beginning.
fn clip(text: &str, full: bool) -> String {
    clip_to(text, CLIP, full)
}

fn clip_to(text: &str, most: usize, full: bool) -> String {
    if full || text.chars().count() <= most {
        return text.to_string();
    }
    let start: String = text.chars().take(most).collect();
    format!("{start} ... (-v shows the rest)")
}

/// A remark of the scene is no step, and has no number.
pub fn is_step(step: &str) -> bool {
    !step.starts_with("//")
}

/// Shortens two long values to a window around the first place where they differ.
fn clip_pair(a: Option<&str>, b: Option<&str>, full: bool) -> (Option<String>, Option<String>) {
    let (Some(left), Some(right)) = (a, b) else {
        return (a.map(|text| clip(text, full)), b.map(|text| clip(text, full)));
    };
    let fits = |(left, right): &(String, String)| left.chars().count().max(right.chars().count()) <= CLIP;
    let around = lists::around_the_difference(left, right).filter(|pair| !full && fits(pair));
    if let Some((left, right)) = around {
        return (Some(left), Some(right));
    }
    let lengths = (left.chars().count(), right.chars().count());
    if full || lengths.0.max(lengths.1) <= CLIP {
        return (Some(left.to_string()), Some(right.to_string()));
    }
    let same = left.chars().zip(right.chars()).take_while(|(x, y)| x == y).count();
    let start = same.saturating_sub(CLIP / 4);
    let window = |text: &str, length: usize| {
        let inner: String = text.chars().skip(start).take(CLIP).collect();
        let before = if start > 0 { "... " } else { "" };
        let after = if length > start + CLIP { " ..." } else { "" };
        format!("{before}{inner}{after}")
    };
    (Some(window(left, lengths.0)), Some(window(right, lengths.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long list that differs at its end is useless when only its beginning is shown.
    #[test]
    fn long_values_are_shown_where_they_differ() {
        let left = format!("{}X{}", "a".repeat(5000), "b".repeat(5000));
        let right = format!("{}Y{}", "a".repeat(5000), "b".repeat(5000));
        let (left, right) = clip_pair(Some(&left), Some(&right), false);
        let (left, right) = (left.unwrap(), right.unwrap());
        assert!(left.contains("aX") && right.contains("aY"));
        assert!(left.starts_with("... ") && left.ends_with(" ...") && left.len() < 700);
    }

    /// A tree of a hundred nodes must not push the rest of the report out of sight.
    #[test]
    fn a_large_picture_is_cut() {
        let lines: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        let shown = beginning(&lines.join("\n"), 30);
        assert!(shown.ends_with("29\n... (70 more lines; -v shows them)"), "{shown}");
        assert_eq!(beginning("a\nb", 2), "a\nb");
    }

    /// Eight facts of one kind hide the command that comes after them, and a page of record data the picture.
    #[test]
    fn notes_and_wide_pictures_are_cut() {
        let failure = Failure {
            notes: (0..9).map(|n| format!("also: page {n}")).collect(),
            picture: Some(format!("page 3: {}\n| a |", "data ".repeat(100))),
            ..Failure::default()
        };
        let mut rows = Vec::new();
        facts(&mut rows, &failure, false);
        let notes: Vec<&Row> = rows.iter().filter(|row| row.label == "note").collect();
        assert_eq!(notes.len(), NOTES + 1);
        assert_eq!(notes[NOTES].body, Body::Prose("(5 more notes; -v shows them)".into()));
        let Body::Exact(picture) = &rows[0].body else { panic!("{rows:?}") };
        assert!(picture.ends_with(" ..\n| a |") && picture.len() < 130, "{picture}");
        rows.clear();
        facts(&mut rows, &failure, true);
        assert_eq!(rows.iter().filter(|row| row.label == "note").count(), 9);
    }

    /// An update that leaves a page damaged stops the next insert: the place is the update, which a test of
    /// the earlier lab found, and not the line that this test ended at.
    #[test]
    fn the_place_of_a_blamed_lab_is_where_its_own_test_points() {
        let failure = Failure { trace: vec!["labs/02-page/src/insert.rs:9".into()], ..Failure::default() };
        let blame = Blame {
            lab: 2,
            folder: "labs/02-page".into(),
            task: None,
            test: Some("t2_3::keeps_the_others".into()),
            place: vec!["labs/02-page/src/update.rs".into()],
        };
        let place = |blame: &Blame| blamed_place(&Context::default(), blame, &failure);
        assert_eq!(place(&blame), "labs/02-page/src/update.rs");
        let unknown = Blame { test: None, place: Vec::new(), ..blame };
        assert_eq!(place(&unknown), "labs/02-page/src/insert.rs:9");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!((number(4.0), number(1.125)), ("4".into(), "1.12".into()));
        assert_eq!(nanoseconds(7_340_000.0), "7.3 ms");
    }
}
