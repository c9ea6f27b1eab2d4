//! The processes that the grader started, and those that the system gave it.
//!
//! A test process leads a process group of its own, which is killed as a whole when the test ends. A
//! descendant can leave the group (`setsid`). On Linux the grader is therefore a *subreaper*: a descendant
//! whose parents have ended becomes a child of the grader, and [`sweep`] kills every child that the grader
//! did not start.
//!
//! Invariants:
//! - I1: a process started here is in the registry before a sweep can see it: starting and sweeping hold
//!   the same lock.
//! - I2: a process leaves the registry only after its group was killed and it was reaped, so no
//!   number in the registry can belong to another process.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::signals;

/// Process ids of everything started here and not yet reaped. Held only for the moment of starting,
/// forgetting or sweeping.
static STARTED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn started() -> MutexGuard<'static, BTreeSet<u32>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A started process; killed with its whole group when dropped.
#[derive(Debug)]
pub struct Started {
    child: Child,
    status: Option<ExitStatus>,
}

impl Started {
    /// Starts `command` as the leader of a process group of its own.
    pub fn spawn(command: &mut Command) -> io::Result<Started> {
        use std::os::unix::process::CommandExt;
        prepare();
        command.process_group(0);
        let mut started = started();
        let child = command.spawn()?;
        started.insert(child.id());
        Ok(Started { child, status: None })
    }

    /// The process id, which is the group's too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child's pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether the process has ended. Does not reap it, so its id stays taken (I2).
    pub fn has_ended(&self) -> bool {
        if self.status.is_some() {
            return true;
        }
        let Some(pid) = pid(self.id()) else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
    }

    /// Kills the group, reaps the leader and forgets it; the exit status.
    pub fn finish(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            kill_group(self.id());
            self.status = self.child.wait().ok();
            started().remove(&self.id());
        }
        self.status
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.finish();
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn kill_group(id: u32) {
    if let Some(pid) = pid(id) {
        // An empty group is no error.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
}

/// Makes the grader a subreaper, and a signal that ends it kill the children; once.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        // Children are in groups of their own, where Ctrl-C at the terminal does not reach them.
        std::mem::forget(signals::before_end(kill_all));
    });
}

/// Kills every child before the grader ends.
fn kill_all() {
    let started = started();
    for id in started.iter() {
        kill_group(*id);
    }
    kill_strangers(&started);
    // The lock is never released, so that no other thread starts a process until the grader has ended.
    std::mem::forget(started);
}

/// Runs `work` while no process is being started: between `fork` and `exec` a child holds a copy of every
/// file that this process has open.
pub fn while_none_starts<R>(work: impl FnOnce() -> R) -> R {
    let _started = started();
    work()
}

/// Whether descendants that left their group are caught on this system.
pub fn catches_runaways() -> bool {
    cfg!(target_os = "linux") && adopted_ids().is_some()
}

/// Kills every child the grader did not start; how many there were. A program that grades must therefore
/// start all its processes through [`Started`].
pub fn sweep() -> usize {
    kill_strangers(&started())
}

fn kill_strangers(started: &BTreeSet<u32>) -> usize {
    let mut killed = 0;
    // The children of a killed process become the grader's, so look again until there are none. A process
    // that forks faster than this loop is left to the next sweep.
    for _ in 0..64 {
        let strangers: Vec<u32> = adopted_ids().unwrap_or_default();
        let strangers: Vec<u32> = strangers.into_iter().filter(|id| !started.contains(id)).collect();
        if strangers.is_empty() {
            break;
        }
        for id in strangers {
            if let Some(pid) = pid(id)
                && rustix::process::kill_process(pid, Signal::KILL).is_ok()
            {
                kill_group(id);
                let reaped = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
                killed += usize::from(reaped.is_ok());
            }
        }
    }
    killed
}

/// The ids of all children of the grader; `None` where the system does not list them.
#[cfg(target_os = "linux")]
fn adopted_ids() -> Option<Vec<u32>> {
    let mut ids = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let path = task.ok()?.path().join("children");
        match std::fs::read_to_string(path) {
            Ok(text) => ids.extend(text.split_whitespace().filter_map(|id| id.parse::<u32>().ok())),
            // The thread ended between the listing and the reading.
            Err(error) if error.raw_os_error() == Some(3) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::metadata("/proc/self/stat").ok()?;
            }
            Err(_) => return None,
        }
    }
    Some(ids)
}

#[cfg(not(target_os = "linux"))]
fn adopted_ids() -> Option<Vec<u32>> {
    None
}

/// Processor milliseconds a running process has used; `None` where the system does not say.
pub fn cpu_ms(id: u32) -> Option<u64> {
    let fields = stat(id)?;
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

/// A process of a group and the processor time that it has used.
#[derive(Debug, Default)]
pub struct Busy {
    /// Processor milliseconds.
    pub cpu_ms: u64,
    /// Its program and arguments, with spaces between them.
    pub command: String,
}

/// The process in the group of `leader`, itself left out, that has used most processor time; `None` if there
/// is none, or where the system does not say.
pub fn busiest_below(leader: u32) -> Option<Busy> {
    let mut busiest = None;
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        let Some(id) = id.filter(|id| *id != leader) else { continue };
        let group = stat(id).and_then(|fields| fields.get(2)?.parse::<u32>().ok());
        if group == Some(leader) {
            busiest = busiest.max(cpu_ms(id).map(|ms| (ms, id)));
        }
    }
    let (cpu_ms, id) = busiest?;
    let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    Some(Busy { cpu_ms, command: String::from_utf8_lossy(&command).replace('\0', " ") })
}

/// The fields of `/proc/ID/stat` from the state on.
fn stat(id: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The command's name is in parentheses and may hold anything; count fields after the last one.
    Some(stat.get(stat.rfind(')')? + 2..)?.split(' ').map(str::to_owned).collect())
}
