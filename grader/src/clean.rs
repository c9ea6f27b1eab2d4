//! Text from a submission, before anybody reads it.
//!
//! A panic message, printed output, a compiler message or the name of a file may hold control characters. On
//! a terminal they repaint lines, and a report could say "passed" where nothing passed; in a page they hide
//! or reorder text. This is the one place that takes them out: [`text`] for a text, [`test()`] for a test
//! that is shown while others still run, and [`report`] for everything that a run found. The writers of
//! reports get no other text.
//!
//! | character | becomes |
//! | --- | --- |
//! | line feed, tab | stays |
//! | carriage return before a line feed | nothing |
//! | another control character (C0, C1, delete) | its escape, `\u{1b}` |
//! | what changes the direction of text, or separates lines and paragraphs unseen | its escape |
//! | a colour that rustc wrote | stays, in the coloured form of a compiler message only |
//!
//! Each function names every field of what it cleans, so a new field does not compile until it is cleaned.

use grader_protocol::{Failure, Value};

use crate::model::{
    Blame, BuildReport, CompilerMessage, LabReport, PerfReport, PerfVerdict, TaskReport, TestOutcome,
    TestReport,
};

/// The text with nothing in it that a terminal, a browser or an editor obeys.
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' | '\t' => out.push(c),
            c if is_obeyed(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Whether the character does something in place of being shown.
fn is_obeyed(c: char) -> bool {
    let changes_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    let is_no_text = matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c.is_control() || changes_direction || separates || is_no_text
}

/// As [`text`]; colours stay: `ESC [`, digits and semicolons, `m`.
fn coloured(painted: &str) -> String {
    let mut out = String::with_capacity(painted.len());
    let mut rest = painted;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&text(&rest[..at]));
        let code = &rest[at + 2..];
        let length = code.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(code.len());
        let is_colour = code[length..].starts_with('m');
        let end = at + 2 + if is_colour { length + 1 } else { 0 };
        match is_colour {
            true => out.push_str(&rest[at..end]),
            false => out.push_str(&text(&rest[at..end])),
        }
        rest = &rest[end..];
    }
    out.push_str(&text(rest));
    out
}

fn optional(found: Option<String>) -> Option<String> {
    found.map(|found| text(&found))
}

fn list(found: Vec<String>) -> Vec<String> {
    found.iter().map(|found| text(found)).collect()
}

/// Everything in the report of a run.
pub fn report(found: LabReport) -> LabReport {
    let LabReport { lab, id, title, build, tasks, notes, earned, max, bonus, seed, times } = found;
    let build = match build {
        BuildReport::Ok { warnings } => {
            BuildReport::Ok { warnings: warnings.into_iter().map(message).collect() }
        }
        BuildReport::Failed { messages, notes } => {
            BuildReport::Failed { messages: messages.into_iter().map(message).collect(), notes: list(notes) }
        }
    };
    let tasks = tasks.into_iter().map(task).collect();
    LabReport { lab, id, title, build, tasks, notes: list(notes), earned, max, bonus, seed, times }
}

fn message(found: CompilerMessage) -> CompilerMessage {
    let CompilerMessage { level, rendered, ansi, code, file, line } = found;
    CompilerMessage {
        level: text(&level),
        rendered: text(&rendered),
        ansi: coloured(&ansi),
        code: optional(code),
        file: optional(file),
        line,
    }
}

fn task(found: TaskReport) -> TaskReport {
    let TaskReport { id, title, file, is_bonus, points_earned, points_max, tests, perf, passed } = found;
    let tests = tests.into_iter().map(test).collect();
    let perf = perf.into_iter().map(gate).collect();
    TaskReport { id, title, file, is_bonus, points_earned, points_max, tests, perf, passed }
}

/// Everything in the report of a test.
pub fn test(found: TestReport) -> TestReport {
    let TestReport { name, task, doc, outcome, wall_ms, cpu_ms, output_tail, blame } = found;
    let blame = blame.map(|found| {
        let Blame { lab, folder, task, test, place } = found;
        let place = place.iter().map(|line| text(line)).collect();
        Blame { lab, folder: text(&folder), task: optional(task), test: optional(test), place }
    });
    let output_tail = text(&output_tail);
    TestReport { name, task, doc, outcome: outcome_of(outcome), wall_ms, cpu_ms, output_tail, blame }
}

fn outcome_of(found: TestOutcome) -> TestOutcome {
    match found {
        TestOutcome::Fail(found) => TestOutcome::Fail(failure(found)),
        TestOutcome::Panic(found) => TestOutcome::Panic(failure(found)),
        TestOutcome::Todo(found) => TestOutcome::Todo(failure(found)),
        TestOutcome::Timeout(found) => TestOutcome::Timeout(failure(found)),
        TestOutcome::Deadlock(found) => TestOutcome::Deadlock(failure(found)),
        TestOutcome::StackOverflow(found) => TestOutcome::StackOverflow(failure(found)),
        TestOutcome::OutOfMemory(found) => TestOutcome::OutOfMemory(failure(found)),
        plain @ (TestOutcome::Pass
        | TestOutcome::Killed { signal: _ }
        | TestOutcome::ExitedEarly { code: _ }
        | TestOutcome::OutputFlood
        | TestOutcome::NotRun) => plain,
    }
}

fn failure(found: Failure) -> Failure {
    let Failure { what, expected, found, steps, case, picture, invariant, notes, trace, seed } = found;
    Failure {
        what: text(&what),
        expected: optional(expected),
        found: optional(found),
        steps: list(steps),
        case: optional(case),
        picture: optional(picture),
        invariant: invariant.map(|(id, rule)| (text(&id), text(&rule))),
        notes: list(notes),
        trace: list(trace),
        seed,
    }
}

fn gate(found: PerfReport) -> PerfReport {
    let PerfReport { id, title, kind, max, value, verdict, note, points_earned, points_max } = found;
    let value = value.map(|value| match value {
        Value::Broken { failure: found } => Value::Broken { failure: failure(found) },
        plain @ (Value::Count { .. } | Value::Ratio { .. }) => plain,
    });
    let verdict = match verdict {
        PerfVerdict::Broken(why) => PerfVerdict::Broken(text(&why)),
        PerfVerdict::NotRun(why) => PerfVerdict::NotRun(text(&why)),
        plain @ (PerfVerdict::Pass | PerfVerdict::Fail | PerfVerdict::TooNoisy) => plain,
    };
    PerfReport { id, title, kind, max, value, verdict, note: optional(note), points_earned, points_max }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint::Paint;
    use crate::report::{gradescope, html, json, junit, samples, summary, terminal};

    /// Sets the title, clears the screen, paints over a line, turns text round, starts a new line.
    const HOSTILE: &str =
        "a\u{1b}]0;t\u{7}\u{1b}[2Jb\rc\u{9b}31m\u{202e}d\u{2028}e\u{7f}\u{8}\u{feff}\0\u{1b}[31mred";

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(text("one\r\ntwo\tthree\n"), "one\ntwo\tthree\n");
        assert_eq!(text("a\u{1b}[2J\rb"), "a\\u{1b}[2J\\u{d}b");
        assert_eq!(text("gr\u{fc}n \u{2713} \u{4e2d}"), "gr\u{fc}n \u{2713} \u{4e2d}");
        assert!(text(HOSTILE).chars().all(|c| !is_obeyed(c)));
        assert_eq!(text(&text(HOSTILE)), text(HOSTILE), "cleaning twice changes nothing");
    }

    /// rustc paints its messages; a `compile_error!` must not do more than that.
    #[test]
    fn colours_of_the_compiler_stay_and_nothing_else() {
        assert_eq!(
            coloured("\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m"),
            "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m"
        );
        assert_eq!(coloured("\u{1b}[2Jx\u{1b}[1"), "\\u{1b}[2Jx\\u{1b}[1");
        assert_eq!(coloured("\u{1b}]0;t\u{7}"), "\\u{1b}]0;t\\u{7}");
    }

    /// A report in which every text that a submission can choose is hostile.
    fn hostile() -> LabReport {
        let bad = || HOSTILE.to_string();
        let mut found = samples::mixed();
        let failure = Failure {
            what: bad(),
            expected: Some(bad()),
            found: Some(bad()),
            steps: vec![bad()],
            case: Some(bad()),
            picture: Some(bad()),
            invariant: Some((bad(), bad())),
            notes: vec![bad()],
            trace: vec![bad()],
            seed: None,
        };
        for task in &mut found.tasks {
            for test in &mut task.tests {
                test.outcome = TestOutcome::Fail(failure.clone());
                test.output_tail = bad();
            }
            task.passed = false;
        }
        let mut slow = samples::slow().tasks.remove(1);
        slow.perf[0].verdict = PerfVerdict::Broken(bad());
        slow.perf[0].note = Some(bad());
        found.tasks.push(slow);
        found.notes.push(bad());
        found
    }

    /// No writer lets through what the others filter: they all get the same cleaned report.
    #[test]
    fn no_report_has_a_control_character() {
        let mut broken = samples::broken_build();
        if let BuildReport::Failed { messages, notes } = &mut broken.build {
            messages[0].rendered.push_str(HOSTILE);
            messages[0].ansi.push_str(HOSTILE);
            notes.push(HOSTILE.to_string());
        }
        for found in [report(hostile()), report(broken)] {
            let context = samples::context();
            for (name, text) in [
                ("terminal", terminal::render(&found, &context, Paint::plain(), false)),
                ("terminal -v", terminal::render(&found, &context, Paint::plain(), true)),
                ("page", html::render(&found, &context)),
                ("summary", summary::render(&found, &context, summary::LIMIT)),
                ("JUnit", junit::render(&found, &context)),
                ("Gradescope", gradescope::render(&found, &context)),
                ("JSON", json::render(&found)),
            ] {
                let bad = text.chars().find(|c| is_obeyed(*c) && !matches!(c, '\n' | '\t'));
                assert_eq!(bad, None, "{name}");
            }
        }
    }
}
