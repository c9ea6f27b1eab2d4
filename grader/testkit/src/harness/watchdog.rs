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
//! deadlock; and a thread in `thread::sleep` is distinguished from one that waits for another thread where
//! the kernel says which.

use std::time::{Duration, Instant};

use grader_protocol::Limits;
use rustix::time::{ClockId, clock_gettime};

use crate::failure::{Failure, Kind};

/// Time between two looks.
pub(super) const TICK: Duration = Duration::from_millis(50);

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

/// Starts watching the whole process, and returns when the watch has begun: what the new thread allocates
/// until then would be counted as the test's.
pub(super) fn start(limits: Limits) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    let watch = move || {
        crate::alloc::stand_aside();
        let mut watch = Watch::new(limits);
        let _ = ready.send(());
        loop {
            std::thread::sleep(TICK);
            if let Some(failure) = watch.look() {
                super::exec::report(failure.into_outcome(), Vec::new());
                std::process::exit(101);
            }
        }
    };
    let thread = std::thread::Builder::new().name("watchdog".to_string()).spawn(watch);
    thread.expect("a thread can be started");
    is_ready.recv().expect("the watchdog says that it is there");
}

/// One test under observation, by a thread that looks again every [`TICK`].
pub(super) struct Watch {
    limits: Limits,
    start: Instant,
    cpu_at_start: Duration,
    last_progress: Instant,
    cpu_then: Duration,
}

impl Watch {
    /// The test starts now.
    pub(super) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let cpu = others_cpu();
        Watch { limits, start: now, cpu_at_start: cpu, last_progress: now, cpu_then: cpu }
    }

    /// The failure with which the test is to be given up, if it is time.
    pub(super) fn look(&mut self) -> Option<Failure> {
        let now = Instant::now();
        let cpu = others_cpu();
        if cpu > self.cpu_then + Duration::from_micros(200) {
            self.last_progress = now;
            self.cpu_then = cpu;
        }
        let (idle, used) = (now - self.last_progress, cpu.saturating_sub(self.cpu_at_start));
        let (kind, what) = self.verdict(now - self.start, idle, used)?;
        Some(crate::alloc::without_limit(|| given_up(kind, what)))
    }

    fn verdict(&self, wall: Duration, idle: Duration, used: Duration) -> Option<(Kind, String)> {
        let Limits { wall_seconds, cpu_seconds, .. } = self.limits;
        if used >= Duration::from_secs(cpu_seconds) {
            let what = "s of processor time: an endless loop, or far too slow";
            Some((Kind::Timeout, format!("still running after {cpu_seconds} {what}")))
        } else if wall >= Duration::from_secs(wall_seconds) && idle >= Duration::from_secs(1) {
            Some((Kind::Deadlock, format!("every thread still waits after {wall_seconds} s")))
        } else if wall >= Duration::from_secs(wall_seconds) {
            let used = used.as_secs_f64();
            let what = format!("still running after {wall_seconds} s ({used:.1} s of processor time)");
            Some((Kind::Timeout, what))
        } else if idle >= IDLE_LIMIT && threads::all_wait() {
            Some((Kind::Deadlock, "every thread waits for another one, and none can go on".to_string()))
        } else {
            None
        }
    }
}

/// Processor time of all threads but this one.
fn others_cpu() -> Duration {
    process_cpu().saturating_sub(clock(ClockId::ThreadCPUTime))
}

/// All that another thread can know about the test.
fn given_up(kind: Kind, what: String) -> Failure {
    let mut failure = Failure::new(what).kind(kind);
    failure.is_complete = true;
    crate::scene::add_any_to(&mut failure.report);
    let names = threads::names();
    if names.len() > 1 {
        failure.report.notes.push(format!("threads: {}", names.join(", ")));
    }
    failure.report.seed = Some(crate::seed());
    failure
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
    //! On this system nothing is known about other threads: only the time limit ends a deadlock.

    pub(super) fn all_wait() -> bool {
        false
    }

    pub(super) fn names() -> Vec<String> {
        Vec::new()
    }
}
