//! The thread that ends a test which does not end by itself.
//!
//! ```text
//!   processor time used up                        -> Timeout
//!   real time used up, processor in use lately    -> Timeout
//!   real time used up, processor idle             -> Deadlock
//!   Linux: every other thread asleep, no          -> Deadlock, long before the time is up
//!          processor time used, for 2 s
//! ```
//!
//! A thread that waits for a processor is runnable, not asleep, so a loaded machine does not look like a
//! deadlock; and a thread in `thread::sleep` is told apart from one that waits for another thread where the
//! kernel says which.

use std::time::{Duration, Instant};

use grader_protocol::{Limits, Outcome};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

const TICK: Duration = Duration::from_millis(50);

/// All threads asleep for so long is a deadlock.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// Processor time so far, over all threads.
pub(super) fn process_cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

fn clock(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Starts watching.
pub(super) fn start(limits: Limits) {
    let thread = std::thread::Builder::new().name("watchdog".to_string()).spawn(move || watch(limits));
    thread.expect("a thread can be started");
}

fn watch(limits: Limits) {
    let start = Instant::now();
    let mut last_progress = start;
    let mut cpu_then = Duration::ZERO;
    loop {
        std::thread::sleep(TICK);
        let now = Instant::now();
        let cpu = process_cpu().saturating_sub(clock(ClockId::ThreadCPUTime));
        if cpu > cpu_then + Duration::from_micros(200) {
            last_progress = now;
            cpu_then = cpu;
        }
        let idle = now - last_progress;
        if cpu >= Duration::from_secs(limits.cpu_seconds) {
            let what =
                format!("still running after {} s of processor time: an endless loop, or far too slow", {
                    limits.cpu_seconds
                });
            give_up(Outcome::Timeout, what);
        }
        if now - start >= Duration::from_secs(limits.wall_seconds) {
            if idle >= Duration::from_secs(1) {
                give_up(
                    Outcome::Deadlock,
                    format!("every thread still waits after {} s", limits.wall_seconds),
                );
            }
            let what =
                format!("still running after {} s ({:.1} s of processor time)", limits.wall_seconds, {
                    cpu.as_secs_f64()
                });
            give_up(Outcome::Timeout, what);
        }
        if idle >= IDLE_LIMIT && threads::all_wait() {
            give_up(Outcome::Deadlock, "every thread waits for another one, and none can go on".to_string());
        }
    }
}

/// Reports and ends the process.
fn give_up(outcome: fn(grader_protocol::Failure) -> Outcome, what: String) -> ! {
    crate::alloc::without_limit(|| {
        let mut failure = Failure::new(what).report;
        crate::scene::add_any_to(&mut failure);
        let names = threads::names();
        if names.len() > 1 {
            failure.notes.push(format!("threads: {}", names.join(", ")));
        }
        failure.seed = Some(crate::seed());
        super::exec::report(outcome(failure), Vec::new());
    });
    std::process::exit(101)
}

#[cfg(target_os = "linux")]
mod threads {
    //! What the kernel says of this process's threads.

    use std::fs;
    use std::path::PathBuf;

    /// The folders of all threads but the watchdog and the one that waits for the test.
    fn others() -> Vec<PathBuf> {
        let own = rustix::thread::gettid().as_raw_nonzero().to_string();
        let Ok(entries) = fs::read_dir("/proc/self/task") else { return Vec::new() };
        entries.flatten().filter(|entry| *entry.file_name() != *own).map(|entry| entry.path()).collect()
    }

    /// True if every other thread is asleep, and none of them only for a set time.
    pub(super) fn all_wait() -> bool {
        let others = others();
        !others.is_empty() && others.iter().all(|thread| waits(thread).unwrap_or(false))
    }

    fn waits(thread: &std::path::Path) -> Option<bool> {
        let stat = fs::read_to_string(thread.join("stat")).ok()?;
        // The name before the state is in parentheses and may itself hold some.
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        let place = fs::read_to_string(thread.join("wchan")).unwrap_or_default();
        Some(state == 'S' && !place.contains("nanosleep"))
    }

    /// Names of the threads, without the main one.
    pub(super) fn names() -> Vec<String> {
        let main = std::process::id().to_string();
        let is_main = |path: &PathBuf| path.file_name().is_some_and(|name| *name == *main);
        let threads = others().into_iter().filter(|path| !is_main(path));
        threads
            .filter_map(|path| fs::read_to_string(path.join("comm")).ok())
            .map(|name| name.trim().to_string())
            .collect()
    }
}

#[cfg(not(target_os = "linux"))]
mod threads {
    //! Nothing is known about other threads here; the time limit has to do.

    pub(super) fn all_wait() -> bool {
        false
    }

    pub(super) fn names() -> Vec<String> {
        Vec::new()
    }
}
