//! The thread that ends a test which does not end by itself.
//!
//! ```text
//!   processor time used up                        -> Timeout
//!   real time used up, processor in use lately    -> Timeout
//!   real time used up, processor idle             -> Deadlock
//!   Linux: every other thread waits, no           -> Deadlock, long before the time is up
//!          processor time used, for 2 s
//!   Linux: every other thread waits or sleeps,    -> Deadlock
//!          no processor time used, for 6 s
//! ```
//!
//! A thread that waits for a processor is runnable, not asleep, so a loaded machine does not look like a
//! deadlock; and a thread in `thread::sleep` is distinguished from one that waits for another thread where
//! the kernel says which.

use std::time::{Duration, Instant};

use grader_protocol::Limits;
use rustix::time::{ClockId, clock_gettime};

use super::places::{self, Place};
use crate::failure::{Failure, Kind};

/// Time between two looks.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// All threads waiting for so long is a deadlock.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// All threads waiting, or asleep for a set time, for so long: no test waits so long for a time limit.
const SLEEP_LIMIT: Duration = Duration::from_secs(6);

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
        } else if idle >= SLEEP_LIMIT && threads::all_rest() {
            let seconds = SLEEP_LIMIT.as_secs();
            let what =
                format!("no thread has computed anything for {seconds} s: one sleeps, the others wait");
            Some((Kind::Deadlock, what))
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
    let threads = threads::busiest_first();
    if threads.len() > 1 {
        let names: Vec<&str> = threads.iter().map(|(_, name)| name.as_str()).collect();
        failure.report.notes.push(format!("threads: {}", names.join(", ")));
    }
    add_places(&mut failure, kind, threads);
    failure.report.seed = Some(crate::seed());
    failure
}

/// Most threads that are asked where they are.
const MAX_ASKED: usize = 8;

/// Most lines shown of the way to the place where a thread waits.
const MAX_WAY: usize = 3;

/// Where the busiest thread computes, or where each thread waits.
fn add_places(failure: &mut Failure, kind: Kind, mut threads: Vec<(i32, String)>) {
    threads.truncate(if kind == Kind::Deadlock { MAX_ASKED } else { 1 });
    add(failure, kind, places::of(threads));
}

fn add(failure: &mut Failure, kind: Kind, places: Vec<Place>) {
    for place in places {
        if kind == Kind::Deadlock && !place.lines.is_empty() {
            let way = &place.lines[..place.lines.len().min(MAX_WAY)];
            failure.report.notes.push(format!("{} waits at {}", place.name, way.join(" < ")));
        }
        for line in place.lines {
            if !failure.report.trace.contains(&line) {
                failure.report.trace.push(line);
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod threads {
    //! What the kernel says of this process's threads.

    use std::fs;
    use std::path::{Path, PathBuf};

    /// The folders of all threads but the watchdog and the one that waits for the test.
    fn others() -> Vec<PathBuf> {
        let own = rustix::thread::gettid().as_raw_nonzero().to_string();
        let Ok(entries) = fs::read_dir("/proc/self/task") else { return Vec::new() };
        entries.flatten().filter(|entry| *entry.file_name() != *own).map(|entry| entry.path()).collect()
    }

    /// True if every other thread is asleep, and none of them only for a set time.
    pub(super) fn all_wait() -> bool {
        let waits = |thread: &PathBuf| {
            let place = fs::read_to_string(thread.join("wchan")).unwrap_or_default();
            rests(thread).unwrap_or(false) && !place.contains("nanosleep")
        };
        let others = others();
        !others.is_empty() && others.iter().all(waits)
    }

    /// True if every other thread is asleep, for whatever reason.
    pub(super) fn all_rest() -> bool {
        let others = others();
        !others.is_empty() && others.iter().all(|thread| rests(thread).unwrap_or(false))
    }

    fn rests(thread: &Path) -> Option<bool> {
        let stat = fs::read_to_string(thread.join("stat")).ok()?;
        // The name before the state is in parentheses and may itself hold some.
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        Some(state == 'S')
    }

    /// Numbers and names of the threads, without the main one, which only waits for the test. The one that
    /// has used most processor time is first.
    pub(super) fn busiest_first() -> Vec<(i32, String)> {
        let main = std::process::id() as i32;
        let mut found: Vec<(u64, i32, String)> = others().iter().filter_map(|path| known(path)).collect();
        found.retain(|(_, id, _)| *id != main);
        found.sort_by_key(|(ticks, id, _)| (std::cmp::Reverse(*ticks), *id));
        found.into_iter().map(|(_, id, name)| (id, name)).collect()
    }

    /// Processor time in ticks, number and name of a thread.
    fn known(thread: &Path) -> Option<(u64, i32, String)> {
        let id = thread.file_name()?.to_str()?.parse().ok()?;
        let name = fs::read_to_string(thread.join("comm")).ok()?.trim().to_string();
        let stat = fs::read_to_string(thread.join("stat")).ok()?;
        let mut ticks = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let (user, system): (u64, u64) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
        Some((user + system, id, name))
    }
}

#[cfg(not(target_os = "linux"))]
mod threads {
    //! On this system nothing is known about other threads: only the time limit ends a deadlock.

    pub(super) fn all_wait() -> bool {
        false
    }

    pub(super) fn all_rest() -> bool {
        false
    }

    pub(super) fn busiest_first() -> Vec<(i32, String)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_a_waiting_thread_has_its_three_innermost_lines() {
        let lines = ["a.rs:1", "b.rs:2", "c.rs:3", "d.rs:4"].map(str::to_string).to_vec();
        let mut failure = Failure::new("every thread waits");
        add(&mut failure, Kind::Deadlock, vec![Place { name: "reader".to_string(), lines: lines.clone() }]);
        assert_eq!(failure.report.notes, ["reader waits at a.rs:1 < b.rs:2 < c.rs:3"]);
        assert_eq!(failure.report.trace, lines);
    }
}
