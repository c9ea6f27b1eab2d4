//! From what was seen of a process to one outcome.
//!
//! | seen | outcome |
//! | --- | --- |
//! | report, of a pass with the nonce | what the report says |
//! | more on the socket than a report has | output flood |
//! | still running at the wall limit, little processor time used | deadlock |
//! | still running at the wall limit otherwise, or SIGXCPU | timeout |
//! | SIGSEGV or SIGBUS, or SIGABRT after "has overflowed its stack" | stack overflow |
//! | SIGABRT after "memory allocation of" | out of memory |
//! | SIGABRT after "non-unwinding panic" and the like | panic (a second one while unwinding) |
//! | another signal | killed |
//! | any exit code | exited early |
//!
//! Safe code causes SIGSEGV only when it runs out of stack; on a stack that is not a thread's own (the
//! controlled scheduler's) the runtime does not recognise the guard page and prints nothing.
//! How much a test prints decides nothing: the end of it is shown. A flood of reports counts before a report,
//! because only something that forges reports writes so much.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use grader_protocol::{Failure, Limits, Outcome};

use super::process::{Ended, Stop};
use crate::clean;
use crate::model::TestOutcome;

const SIGABRT: i32 = 6;
const SIGBUS: i32 = if cfg!(target_os = "linux") { 7 } else { 10 };
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

/// What the runtime prints before it aborts for a panic that cannot unwind.
const ABORTING_PANIC: [&str; 4] =
    ["panicked at", "non-unwinding panic", "panicked while processing panic", "panic in a destructor"];

/// Lines of output kept for the report.
const TAIL_LINES: usize = 40;

/// Bytes of output kept for the report.
const TAIL_BYTES: usize = 4 << 10;

/// How the test ended.
pub fn of(ended: &Ended, limits: &Limits, wall: Duration) -> TestOutcome {
    if ended.stop == Some(Stop::Flood) {
        return TestOutcome::OutputFlood;
    }
    if let Some(report) = &ended.report {
        return reported(report.outcome.clone());
    }
    if ended.stop == Some(Stop::Wall) {
        return out_of_time(ended, limits, wall);
    }
    let text = String::from_utf8_lossy(&ended.output);
    let Some(status) = ended.status else {
        return TestOutcome::Killed { signal: 0 };
    };
    match status.signal() {
        Some(SIGSEGV | SIGBUS) => TestOutcome::StackOverflow(stack_overflow(&text)),
        Some(SIGABRT) if text.contains("has overflowed its stack") => {
            TestOutcome::StackOverflow(stack_overflow(&text))
        }
        Some(SIGABRT) if text.contains("memory allocation of") => {
            TestOutcome::OutOfMemory(out_of_memory(limits))
        }
        Some(SIGABRT) if ABORTING_PANIC.iter().any(|sign| text.contains(sign)) => {
            TestOutcome::Panic(double_panic(&text))
        }
        Some(SIGXCPU) => TestOutcome::Timeout(failure(format!(
            "the test was still computing after {} seconds of processor time",
            limits.cpu_seconds
        ))),
        Some(signal) => TestOutcome::Killed { signal },
        None => TestOutcome::ExitedEarly { code: status.code().unwrap_or(0) },
    }
}

fn reported(outcome: Outcome) -> TestOutcome {
    match outcome {
        Outcome::Pass => TestOutcome::Pass,
        Outcome::Fail(failure) => TestOutcome::Fail(failure),
        Outcome::Panic(failure) => TestOutcome::Panic(failure),
        Outcome::Todo(failure) => TestOutcome::Todo(failure),
        Outcome::Timeout(failure) => TestOutcome::Timeout(failure),
        Outcome::Deadlock(failure) => TestOutcome::Deadlock(failure),
        Outcome::OutOfMemory(failure) => TestOutcome::OutOfMemory(failure),
    }
}

/// The process did not even report that it ran out of time; all that is known is how much it computed.
fn out_of_time(ended: &Ended, limits: &Limits, wall: Duration) -> TestOutcome {
    let seconds = wall.as_secs();
    let is_idle = ended.cpu_ms.is_some_and(|cpu| u128::from(cpu) * 5 < wall.as_millis().min(5_000));
    if is_idle {
        let what = format!("after {seconds} seconds every thread was waiting and nothing was computed");
        return TestOutcome::Deadlock(failure(what));
    }
    let cpu = ended.cpu_ms.map(|ms| format!(", {ms} ms of them computing")).unwrap_or_default();
    let what = format!("the test had not ended after {seconds} seconds{cpu}");
    let mut failure = failure(what);
    failure.notes.push(format!("the limit is {} seconds", limits.wall_seconds));
    TestOutcome::Timeout(failure)
}

fn stack_overflow(text: &str) -> Failure {
    let mut failure = failure("the stack ran out: a function calls itself without an end".to_owned());
    failure.trace = places(text);
    failure
}

fn out_of_memory(limits: &Limits) -> Failure {
    failure(format!("the test needed more than {} MiB of memory", limits.memory_mib))
}

fn double_panic(text: &str) -> Failure {
    let mut failure =
        failure("a second panic came while the first was unwinding, so the process was aborted".to_owned());
    failure.trace = places(text);
    failure.notes.push("look for a `Drop` that panics".to_owned());
    failure
}

fn failure(what: String) -> Failure {
    Failure { what, ..Failure::default() }
}

/// The places in the learner's code that the output names, in order and once each.
fn places(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split([' ', '\n', '(', ')', ',', '\'']) {
        let word = word.trim_end_matches(':');
        let is_place = word.starts_with("labs/") && word.contains("/src/") && word.contains(".rs:");
        if is_place && !found.iter().any(|other| other == word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The end of the output, as text that no terminal obeys. What is left out in front of it is counted.
pub fn tail(output: &[u8], dropped_bytes: u64) -> String {
    let mut start = output.len().saturating_sub(TAIL_BYTES);
    if start > 0 {
        // From the next whole line, if it is not far.
        let line = output[start..].iter().take(TAIL_BYTES / 4).position(|byte| *byte == b'\n');
        start += line.map_or(0, |at| at + 1);
    }
    let text = String::from_utf8_lossy(&output[start..]);
    let lines: Vec<&str> = text.lines().filter(|line| !grader_protocol::is_scheduler_noise(line)).collect();
    let hidden = lines.len().saturating_sub(TAIL_LINES);
    let in_lines: u64 = lines[..hidden].iter().map(|line| line.len() as u64 + 1).sum();
    let left_out = dropped_bytes + start as u64 + in_lines;
    let end = clean::text(&lines[hidden..].join("\n"));
    if left_out == 0 { end } else { format!("... ({} before)\n{end}", bytes(left_out)) }
}

/// A number of bytes, in a unit that leaves few digits.
pub fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{} KB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of one long line is what the learner printed it for.
    #[test]
    fn the_end_of_a_long_line_is_shown() {
        let line = [vec![b'x'; 10_000], b"end\n".to_vec()].concat();
        assert!(tail(&line, 0).ends_with("xend"));
    }
}
