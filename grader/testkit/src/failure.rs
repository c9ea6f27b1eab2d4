//! What a failing check knows, and how it ends the test.
//!
//! A test calls [`Failure::raise`] (through a check macro or directly); the failure travels as a panic's
//! payload to the code that runs the test: [`crate::prop`], [`crate::schedule`] or [`crate::harness`]. It
//! unwinds without going through the panic hook: nothing is printed, no backtrace is taken.

use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use grader_protocol as protocol;

/// Longest text kept of one value, in characters.
const MAX_VALUE_CHARS: usize = 4_000;

/// Longest expression shown beside its value, in characters.
const MAX_EXPRESSION_CHARS: usize = 80;

/// Failures kept of those.
const MAX_RAISED: usize = 16;

/// Failures raised so far, so that one raised on a thread the test joins is not lost.
static RAISED: Mutex<Vec<(ThreadId, protocol::Failure)>> = Mutex::new(Vec::new());

/// How a test ended with this failure; the grader counts all of them as not passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A check of the test did not hold.
    #[default]
    Fail,
    /// The code under test panicked.
    Panic,
    /// The code under test is a `todo!`.
    Todo,
    /// Every thread waits.
    Deadlock,
    /// The test did not end in time.
    Timeout,
}

/// Everything known about a check that did not hold. Build it up, then [`raise`](Failure::raise) it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a failure does nothing until it is raised"]
pub struct Failure {
    pub(crate) report: protocol::Failure,
    /// False once something (a property's search) has put the scene into it.
    pub(crate) is_complete: bool,
    pub(crate) kind: Kind,
}

impl Failure {
    /// A failure; `what` says in a sentence what was being looked at.
    pub fn new(what: impl Into<String>) -> Self {
        let report = protocol::Failure { what: what.into(), ..protocol::Failure::default() };
        Failure { report, ..Failure::default() }
    }

    pub(crate) fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// The outcome that this failure is, for the grader.
    pub(crate) fn into_outcome(self) -> protocol::Outcome {
        match self.kind {
            Kind::Fail => protocol::Outcome::Fail(self.report),
            Kind::Panic => protocol::Outcome::Panic(self.report),
            Kind::Todo => protocol::Outcome::Todo(self.report),
            Kind::Deadlock => protocol::Outcome::Deadlock(self.report),
            Kind::Timeout => protocol::Outcome::Timeout(self.report),
        }
    }

    /// The value every correct design gives.
    pub fn expected(self, value: impl Debug) -> Self {
        self.expected_text(show(&value))
    }

    /// The value this design gave.
    pub fn found(self, value: impl Debug) -> Self {
        self.found_text(show(&value))
    }

    /// As [`found`](Failure::found). A bare `true` or `false` says little, so the expression is added where
    /// it is short and not what was looked at anyway.
    #[doc(hidden)]
    pub fn found_in(self, value: impl Debug, expression: &str) -> Self {
        let text = show(&value);
        let is_bare = matches!(text.as_str(), "true" | "false");
        let is_short = expression.chars().count() <= MAX_EXPRESSION_CHARS && !expression.contains('\n');
        if is_bare && is_short && !self.report.what.contains(expression) {
            return self.found_text(format!("{text}, from `{expression}`"));
        }
        self.found_text(text)
    }

    /// As [`expected`](Failure::expected), already as text.
    pub fn expected_text(mut self, text: impl Into<String>) -> Self {
        self.report.expected = Some(text.into());
        self
    }

    /// As [`found`](Failure::found), already as text.
    pub fn found_text(mut self, text: impl Into<String>) -> Self {
        self.report.found = Some(text.into());
        self
    }

    /// The smallest sequence of operations that shows it, one a line, as code. Replaces the scene's steps.
    pub fn steps(mut self, steps: Vec<String>) -> Self {
        self.report.steps = steps;
        self
    }

    /// A text picture of the structure. Replaces the scene's picture.
    pub fn picture(mut self, picture: impl Into<String>) -> Self {
        self.report.picture = Some(picture.into());
        self
    }

    /// The invariant that does not hold: its id and its text.
    pub fn invariant(mut self, id: &str, text: &str) -> Self {
        self.report.invariant = Some((id.to_string(), text.to_string()));
        self
    }

    /// One more fact.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.report.notes.push(note.into());
        self
    }

    /// Ends the test with this failure. What the [`scene`](crate::scene) holds is added where nothing was
    /// set.
    pub fn raise(mut self) -> ! {
        crate::alloc::without_limit(|| self.prepare());
        std::panic::resume_unwind(Box::new(self))
    }

    fn prepare(&mut self) {
        self.complete();
        if crate::scene::is_quiet() {
            return;
        }
        let mut raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.len() < MAX_RAISED {
            raised.push((std::thread::current().id(), self.report.clone()));
        }
    }

    /// Adds the scene of this thread, once.
    pub(crate) fn complete(&mut self) {
        if !self.is_complete {
            self.is_complete = true;
            crate::scene::add_to(&mut self.report);
        }
    }
}

/// A value as the learner reads it, cut when it is very long. A long list of numbers or pairs stays on a
/// line, which the report shows from where it differs; only records are spread over several.
pub(crate) fn show(value: &impl Debug) -> String {
    let one_line = format!("{value:?}");
    let text = if one_line.chars().count() > 100 && one_line.contains(" { ") {
        format!("{value:#?}")
    } else {
        one_line
    };
    cut(text, MAX_VALUE_CHARS)
}

/// `text`, at most `limit` characters of it.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if let Some((at, _)) = text.char_indices().nth(limit) {
        let left_out = text[at..].chars().count();
        text.truncate(at);
        text.push_str(&format!("... ({left_out} more characters)"));
    }
    text
}

/// The first failure raised on a thread other than `own`, if any.
pub(crate) fn raised_elsewhere(own: ThreadId) -> Option<protocol::Failure> {
    let raised = RAISED.lock().unwrap_or_else(PoisonError::into_inner);
    raised.iter().find(|(thread, _)| *thread != own).map(|(_, failure)| failure.clone())
}

/// Forgets raised failures: the next test starts clean.
pub(crate) fn forget_raised() {
    RAISED.lock().unwrap_or_else(PoisonError::into_inner).clear();
}
