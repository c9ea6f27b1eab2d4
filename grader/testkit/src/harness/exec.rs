//! One test for the grader: order in, report out, whatever happens in between.
//!
//! ```text
//!   main thread                        test thread (8 MiB)       watchdog
//!     read Order from descriptor 0
//!     keep a copy at a random number, /dev/null on 0
//!     limits, scratch folder
//!     start ------------------------------------------------------> looks every 50 ms
//!     landlock, seccomp (new threads inherit them)
//!     start -------------------------> the test
//!     join                             returns: ask for the nonce
//!                                      or unwinds
//!                                      Report, exit                 or: Report, exit
//! ```
//!
//! Exactly one report is sent, by the first of these: the end of the test, the watchdog, the allocator.
//! A `process::exit` or a crash in the learner's code sends none; then the grader does not count the test as
//! passed.

use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use grader_protocol::{self as protocol, Answer, Measurement, Message, Order, Outcome, Report};

use super::{STACK_BYTES, Test, confine, panics, watchdog};
use crate::failure::Failure;

/// The way to the grader.
struct Parent {
    socket: OwnedFd,
    layers: Mutex<Vec<String>>,
    is_sent: AtomicBool,
}

static PARENT: OnceLock<Parent> = OnceLock::new();

/// Runs the test `name` under the order on standard input. Returns the exit code.
pub(super) fn run(name: &str) -> i32 {
    let found = super::tests().into_iter().find(|test| test.full_name() == name);
    let Some(test) = found else {
        eprintln!("no test is called {name}");
        return 2;
    };
    let name = name.to_string();
    graded(&name.clone(), move || match run_body(test, &name) {
        Ok(()) => (Outcome::Pass, Vec::new()),
        Err(failure) => (failure.into_outcome(), Vec::new()),
    })
}

/// Runs the test on this thread and says how it ended.
pub(super) fn run_body(test: &Test, name: &str) -> Result<(), Box<Failure>> {
    crate::seeds::set_test(name);
    crate::scene::clear();
    panics::caught(test.run).map_err(|mut failure| {
        failure.report.seed.get_or_insert(crate::seed());
        failure
    })
}

/// Takes the order, confines the process, runs `work` on a thread called `name` and reports what it returns.
/// Also what a performance run goes through. Returns the exit code.
pub(crate) fn graded(name: &str, work: impl FnOnce() -> (Outcome, Vec<Measurement>) + Send + 'static) -> i32 {
    let order = match take_order() {
        Ok(order) => order,
        Err(message) => {
            eprintln!("--exec is for the grader: {message}");
            return 2;
        }
    };
    if let Some(seed) = order.seed {
        crate::seeds::set_seed(seed);
    }
    panics::record();
    let mut layers = confine::set_limits(&order);
    watchdog::start(order.limits);
    layers.extend(confine::restrict_files(&order.scratch));
    layers.extend(confine::restrict_calls());
    *parent().layers.lock().unwrap_or_else(PoisonError::into_inner) = layers;
    crate::alloc::set_limit(order.limits.memory_mib as usize * (1 << 20), over_memory_limit);
    crate::alloc::stand_aside();
    let thread =
        std::thread::Builder::new().name(name.to_string()).stack_size(STACK_BYTES).spawn(move || {
            let (outcome, measurements) = work();
            let passed = outcome == Outcome::Pass;
            report(outcome, measurements);
            // At once: threads that the test left running must not go on after the verdict.
            std::process::exit(if passed { 0 } else { 101 });
        });
    let _ = thread.expect("a thread can be started").join();
    // Only reached if reporting itself panicked; without a report the grader does not count it as passed.
    101
}

/// True if standard input is a socket, which is how the grader starts a test.
pub(crate) fn has_socket() -> bool {
    let input = rustix::fs::fstat(rustix::stdio::stdin());
    input.is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode as _).is_socket())
}

/// Reads the order and takes the socket away from descriptor 0.
fn take_order() -> Result<Order, String> {
    let text = |error: rustix::io::Errno| error.to_string();
    let socket = at_random_number(rustix::stdio::stdin()).map_err(text)?;
    let null = std::fs::File::open("/dev/null").map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stdin(&null).map_err(text)?;
    let order: Option<Order> =
        protocol::receive(&mut BufReader::new(Socket(&socket))).map_err(|error| error.to_string())?;
    let order = order.ok_or("there is no order on standard input")?;
    let parent = Parent { socket, layers: Mutex::default(), is_sent: AtomicBool::new(false) };
    PARENT.set(parent).map_err(|_| "there was an order already")?;
    Ok(order)
}

/// A copy of the descriptor with a number that the code under test cannot guess at once. The system's limit
/// of open files is as it was afterwards.
fn at_random_number(of: std::os::fd::BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use std::hash::{BuildHasher as _, Hasher as _};
    let before = getrlimit(Resource::Nofile);
    let most = before.maximum.unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS);
    let most = most.max(before.current.unwrap_or(most).min(MOST_DESCRIPTORS));
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: before.maximum });
    // The keys of a hash map come from the system's random numbers.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let number = 32 + random % most.saturating_sub(64).max(1);
    let copy = rustix::io::fcntl_dupfd_cloexec(of, number as i32)
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(of, 3));
    let _ = setrlimit(Resource::Nofile, before);
    copy
}

/// Numbers to choose from: more would cost the kernel a larger table in each process.
const MOST_DESCRIPTORS: u64 = 1 << 16;

fn parent() -> &'static Parent {
    PARENT.get().expect("the order came first")
}

/// Sends the report. What follows must end the process. Never returns if another thread was first.
pub(super) fn report(outcome: Outcome, measurements: Vec<Measurement>) {
    crate::alloc::without_limit(|| {
        let parent = parent();
        if parent.is_sent.swap(true, Ordering::SeqCst) {
            // The thread that was first is about to end the process: wait for that.
            loop {
                std::thread::park();
            }
        }
        let layers = parent.layers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let cpu_ms = watchdog::process_cpu().as_millis() as u64;
        let nonce = if outcome == Outcome::Pass { ask(&parent.socket) } else { None };
        let message = Message::Report(Report { nonce, outcome, cpu_ms, layers, measurements });
        // If the grader has ended, nobody is left to report to.
        let _ = protocol::send(Socket(&parent.socket), &message);
    });
}

/// Tells the grader that the test returned; the nonce that it answers with.
fn ask(socket: &OwnedFd) -> Option<String> {
    protocol::send(Socket(socket), &Message::Returned).ok()?;
    let answer: Option<Answer> = protocol::receive(&mut BufReader::new(Socket(socket))).ok()?;
    Some(answer?.nonce)
}

/// Called by the allocator when the limit is reached, in the middle of an allocation anywhere in the
/// learner's code. So it lifts the limit and uses nothing that the learner's code may have locked.
fn over_memory_limit(size: usize) {
    crate::alloc::without_limit(|| {
        let what = format!("needs more memory than the limit: {size} bytes more are too many");
        let mut failure = Failure::new(what);
        failure.report.trace = super::report::trace(None, &super::report::frames(&panics::backtrace()));
        failure.complete();
        failure.report.seed = Some(crate::seed());
        report(Outcome::OutOfMemory(failure.report), Vec::new());
    });
    std::process::abort();
}

/// Reports `failure` at once, because the runtime is about to abort.
pub(super) fn report_before_abort(failure: Failure) {
    if PARENT.get().is_some() {
        let mut failure = failure;
        failure.complete();
        failure.report.seed = Some(crate::seed());
        report(failure.into_outcome(), Vec::new());
    }
}

/// `Read` and `Write` on a borrowed socket.
struct Socket<'a>(&'a OwnedFd);

impl std::io::Read for Socket<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::read(self.0, &mut *bytes))?)
    }
}

impl std::io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::write(self.0, bytes))?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
