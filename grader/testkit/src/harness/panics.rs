//! The panic hook: what is known about a panic at the moment it starts.
//!
//! The hook prints nothing while a harness runs. It keeps message, place and an unresolved backtrace; names
//! are looked up only if the panic ends a test. While a property is searched or shrunk
//! ([`quietly`]) it keeps nothing at all.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::ThreadId;

use crate::failure::{Failure, Kind};

use super::report::{Blame, Place};

/// Records kept of one thread and of all others.
const MAX_RECORDS: usize = 8;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

static ORIGINAL: OnceLock<Hook> = OnceLock::new();
static IS_RECORDING: AtomicBool = AtomicBool::new(false);
static EVERYWHERE: Mutex<Vec<(ThreadId, Record)>> = Mutex::new(Vec::new());

thread_local! {
    static QUIET_DEPTH: Cell<u32> = const { Cell::new(0) };
    static OWN: RefCell<Vec<Record>> = const { RefCell::new(Vec::new()) };
}

/// A panic, as the hook saw it.
#[derive(Clone)]
pub(super) struct Record {
    message: String,
    place: Option<Place>,
    thread: String,
    backtrace: std::sync::Arc<Backtrace>,
}

/// Puts the hook in place. Repeated calls put it back on top of whatever was installed since.
pub(crate) fn install() {
    let previous = std::panic::take_hook();
    let _ = ORIGINAL.set(previous);
    std::panic::set_hook(Box::new(hook));
}

/// From here on panics are kept for the report in place of being printed.
pub(super) fn record() {
    IS_RECORDING.store(true, Ordering::Relaxed);
    install();
}

fn hook(info: &PanicHookInfo<'_>) {
    if QUIET_DEPTH.get() > 0 {
        return;
    }
    if !IS_RECORDING.load(Ordering::Relaxed) {
        if let Some(original) = ORIGINAL.get() {
            original(info);
        }
        return;
    }
    crate::alloc::without_limit(|| {
        let thread = std::thread::current();
        let message = message_of(info.payload());
        if ENDS_THE_PROCESS.contains(&message.as_str()) {
            report_before_abort();
            return;
        }
        let record = Record {
            message,
            place: info.location().map(|at| Place::new(at.file(), at.line())),
            thread: thread.name().unwrap_or("without a name").to_string(),
            backtrace: std::sync::Arc::new(Backtrace::force_capture()),
        };
        let mut all = EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MAX_RECORDS {
            all.push((thread.id(), record.clone()));
        }
        drop(all);
        OWN.with_borrow_mut(|own| {
            if own.len() == MAX_RECORDS {
                own.remove(1);
            }
            own.push(record);
        });
    });
}

/// What the runtime panics with when it is about to abort.
const ENDS_THE_PROCESS: [&str; 2] =
    ["panic in a destructor during cleanup", "panic in a function that cannot unwind"];

/// A panic while another one unwinds: describes both.
fn report_before_abort() {
    let own = OWN.with_borrow(Clone::clone);
    let Some(last) = own.last() else { return };
    let mut failure = last
        .failure()
        .note("a destructor panicked while another panic was unwinding, which ends the program");
    if let [.., first, _] = own.as_slice() {
        failure = failure.note(format!("the panic before it: {}", first.message));
    }
    super::exec::report_before_abort(failure);
}

/// Runs `body`; a panic in it is neither printed nor kept.
pub(crate) fn quietly<R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    install_once();
    QUIET_DEPTH.set(QUIET_DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(body));
    QUIET_DEPTH.set(QUIET_DEPTH.get() - 1);
    result
}

/// As [`caught`], knowing nothing of a panic but its message: cheap, for a search.
pub(crate) fn quietly_caught<R>(body: impl FnOnce() -> R) -> Result<R, Box<Failure>> {
    quietly(body).map_err(|payload| failure_of(payload, None))
}

/// Runs `body`; if it ends by a failure or a panic, says everything that is known about it.
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, Box<Failure>> {
    install_once();
    OWN.with_borrow_mut(Vec::clear);
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let own = OWN.take();
        if payload.is::<Failure>() {
            return failure_of(payload, None);
        }
        let message = message_of(payload.as_ref());
        let same = own.into_iter().rfind(|record| record.message == message);
        if let Some(record) = same.is_none().then(|| handed_over(&message)).flatten() {
            return with_its_thread(&record, "");
        }
        failure_of(payload, same)
    })
}

/// The record of a panic with this message that began on another thread and was raised again on this one.
fn handed_over(message: &str) -> Option<Record> {
    let own = std::thread::current().id();
    let all = EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
    all.iter()
        .find(|(thread, record)| *thread != own && record.message == message)
        .map(|(_, record)| record.clone())
}

/// This thread's frames, not yet looked up.
pub(super) fn backtrace() -> Backtrace {
    Backtrace::force_capture()
}

/// Forgets what earlier tests left.
pub(super) fn forget() {
    EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    crate::failure::forget_raised();
}

fn install_once() {
    if ORIGINAL.get().is_none() {
        install();
    }
}

/// A failure out of what a thread ended with.
fn failure_of(payload: Box<dyn Any + Send>, record: Option<Record>) -> Box<Failure> {
    let payload = match payload.downcast::<Failure>() {
        Ok(failure) => return failure,
        Err(payload) => payload,
    };
    let message = message_of(payload.as_ref());
    if is_an_echo(&message)
        && let Some(original) = elsewhere()
    {
        return Box::new(original);
    }
    let mut failure = match record {
        Some(record) => record.failure(),
        None if is_todo(&message) => Failure::new(message).kind(Kind::Todo),
        None => Failure::new(format!("panicked: {message}")).kind(Kind::Panic),
    };
    failure.complete();
    Box::new(failure)
}

/// True for the messages of `todo!` and `unimplemented!`.
fn is_todo(message: &str) -> bool {
    message.starts_with("not yet implemented") || message.starts_with("not implemented")
}

/// True for the messages with which a test panics because another thread did.
fn is_an_echo(message: &str) -> bool {
    message.contains("Any { .. }") || message == "a scoped thread panicked"
}

/// What happened first on another thread.
fn elsewhere() -> Option<Failure> {
    let own = std::thread::current().id();
    if let Some(report) = crate::failure::raised_elsewhere(own) {
        return Some(Failure { report, is_complete: true, ..Failure::default() });
    }
    let all = EVERYWHERE.lock().unwrap_or_else(PoisonError::into_inner);
    let record = all.iter().find(|(thread, _)| *thread != own).map(|(_, record)| record.clone());
    drop(all);
    record.map(|record| *with_its_thread(&record, ", which the test joined"))
}

/// The failure of a panic on another thread.
fn with_its_thread(record: &Record, which: &str) -> Box<Failure> {
    let mut failure = record.failure().note(format!("on the thread {}{which}", record.thread));
    failure.complete();
    Box::new(failure)
}

impl Record {
    /// Whose panic it is decides its kind: a `todo!`, the learner's code, or a test's own assertion.
    fn failure(&self) -> Failure {
        let frames = super::report::frames(&self.backtrace);
        let trace = super::report::trace(self.place.as_ref(), &frames);
        let kind = if is_todo(&self.message) {
            Kind::Todo
        } else {
            match super::report::blame(self.place.as_ref(), &frames) {
                Blame::Test => Kind::Fail,
                Blame::Learner | Blame::Nobody => Kind::Panic,
            }
        };
        let what = match kind {
            Kind::Todo | Kind::Fail => self.message.clone(),
            _ => format!("panicked: {}", self.message),
        };
        let mut failure = Failure::new(what).kind(kind);
        if trace.is_empty()
            && let Some(place) = &self.place
        {
            failure = failure.note(format!("at {}:{}", place.file, place.line));
        }
        failure.report.trace = trace;
        failure
    }
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_string()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(failure) = payload.downcast_ref::<Failure>() {
        failure.report.what.clone()
    } else {
        "(a panic without a message)".to_string()
    }
}
