//! One process: started with an order, watched, and ended whatever it does.
//!
//! ```text
//!   socket pair   order out, report in; only a line with the nonce counts
//!   one pipe      standard output and error together, read until CAP
//!   the loop      poll both; leave at exit, at the deadline, at a flood,
//!                 or a moment after the report
//!   the end       kill the group, reap, sweep up what left the group
//! ```

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use grader_protocol::{Limits, Order, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::children::{self, Started};

/// Most output read from one process, in bytes.
pub const OUTPUT_BYTES: usize = 1 << 20;

/// Most bytes of reports; a picture and forty steps are a few KiB.
const REPORT_BYTES: usize = 4 << 20;

/// How long a process may live on after its report.
const AFTER_REPORT: Duration = Duration::from_secs(2);

/// Longest pause between two looks at the process.
const NAP: Duration = Duration::from_millis(10);

/// What to start.
#[derive(Debug)]
pub struct Job<'a> {
    /// The test binary.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Seed for the order.
    pub seed: Option<u64>,
    /// Limits for the order.
    pub limits: Limits,
    /// Wall time after which the process is killed; wider than the limits it sets itself.
    pub wall: Duration,
    /// Whether to give an order and expect a report.
    pub has_order: bool,
}

/// Why the grader ended a process that was still running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Out of wall time.
    Wall,
    /// Too much output.
    Flood,
}

/// What was seen of the process.
#[derive(Debug)]
pub struct Ended {
    /// The report with the right nonce.
    pub report: Option<Report>,
    /// Something else came where the report was expected.
    pub saw_forgery: bool,
    /// How it exited.
    pub status: Option<ExitStatus>,
    /// Why it was ended, unless it ended by itself.
    pub stop: Option<Stop>,
    /// What it printed, up to [`OUTPUT_BYTES`].
    pub output: Vec<u8>,
    /// Wall time.
    pub wall: Duration,
    /// Processor time when it was stopped, as far as known.
    pub cpu_ms: Option<u64>,
    /// Processes that had left the group and were killed.
    pub runaways: usize,
}

/// Runs one process to its end.
pub fn run(job: &Job<'_>) -> io::Result<Ended> {
    let scratch = tempfile::Builder::new().prefix("grade-").tempdir()?;
    let start = Instant::now();
    let (ours, theirs) = UnixStream::pair()?;
    let (output, for_output) = io::pipe()?;
    let mut command = Command::new(job.program);
    command.args(job.arguments).current_dir(scratch.path()).env_clear();
    command.env("TMPDIR", scratch.path()).env("HOME", scratch.path()).env("RUST_BACKTRACE", "0");
    command.stdout(for_output.try_clone()?).stderr(for_output);
    if job.has_order {
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
    } else {
        command.stdin(Stdio::null());
        drop(theirs);
    }
    let mut process = Started::spawn(&mut command)?;
    // The command holds the other ends of socket and pipe; with them open no end would ever be seen.
    drop(command);
    let nonce = nonce()?;
    if job.has_order {
        let scratch = scratch.path().to_string_lossy().into_owned();
        let order = Order { nonce: nonce.clone(), seed: job.seed, limits: job.limits, scratch };
        // A process that is gone already shows in its exit status.
        let _ = grader_protocol::send(&ours, &order);
    }
    let mut watch = Watch::new(ours, output, nonce)?;
    let stop = watch.until_end(&process, start + job.wall)?;
    let cpu_ms = stop.and_then(|_| children::cpu_ms(process.id()));
    let status = process.finish();
    let runaways = children::sweep();
    watch.drain();
    let stop = if watch.is_flood() { Some(Stop::Flood) } else { stop };
    Ok(Ended {
        report: watch.report,
        saw_forgery: watch.saw_forgery,
        status,
        stop,
        output: watch.output.bytes,
        wall: start.elapsed(),
        cpu_ms,
        runaways,
    })
}

/// 128 random bits; the process under test must not be able to guess them.
fn nonce() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// One end that is read without blocking, up to a cap.
struct Channel<R> {
    from: Option<R>,
    bytes: Vec<u8>,
    cap: usize,
    is_full: bool,
}

impl<R: Read + std::os::fd::AsFd> Channel<R> {
    fn new(from: R, cap: usize) -> io::Result<Channel<R>> {
        rustix::io::ioctl_fionbio(&from, true)?;
        Ok(Channel { from: Some(from), bytes: Vec::new(), cap, is_full: false })
    }

    /// Reads what is there; whether any came.
    fn pull(&mut self) -> bool {
        let mut buffer = [0_u8; 16 << 10];
        let mut has_new = false;
        while let Some(from) = &mut self.from {
            match from.read(&mut buffer) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    has_new = true;
                    let room = self.cap - self.bytes.len();
                    self.bytes.extend_from_slice(&buffer[..count.min(room)]);
                    if count > room {
                        self.is_full = true;
                        self.from = None;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.from = None,
            }
        }
        has_new
    }
}

struct Watch {
    reports: Channel<UnixStream>,
    output: Channel<io::PipeReader>,
    nonce: String,
    /// Bytes of `reports` already looked at.
    parsed: usize,
    report: Option<Report>,
    saw_forgery: bool,
}

impl Watch {
    fn new(socket: UnixStream, output: io::PipeReader, nonce: String) -> io::Result<Watch> {
        Ok(Watch {
            reports: Channel::new(socket, REPORT_BYTES)?,
            output: Channel::new(output, OUTPUT_BYTES)?,
            nonce,
            parsed: 0,
            report: None,
            saw_forgery: false,
        })
    }

    fn is_flood(&self) -> bool {
        self.output.is_full || self.reports.is_full
    }

    /// Reads until the process ends or must be ended; `None` when it ended by itself or has reported.
    fn until_end(&mut self, process: &Started, deadline: Instant) -> io::Result<Option<Stop>> {
        let mut reported_at = None;
        let mut nap = Duration::from_millis(1);
        loop {
            let now = Instant::now();
            if process.has_ended() {
                return Ok(None);
            }
            if self.is_flood() {
                return Ok(Some(Stop::Flood));
            }
            if reported_at.is_some_and(|at: Instant| now > at + AFTER_REPORT) {
                return Ok(None);
            }
            if now >= deadline {
                return Ok(Some(Stop::Wall));
            }
            self.wait(nap.min(deadline - now))?;
            nap = (nap * 2).min(NAP);
            self.pull();
            if self.report.is_some() && reported_at.is_none() {
                reported_at = Some(Instant::now());
                nap = Duration::from_millis(1);
            }
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut ends = Vec::with_capacity(2);
        if let Some(socket) = &self.reports.from {
            ends.push(PollFd::new(socket, PollFlags::IN));
        }
        if let Some(output) = &self.output.from {
            ends.push(PollFd::new(output, PollFlags::IN));
        }
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut ends, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn pull(&mut self) {
        self.output.pull();
        if self.reports.pull() {
            self.parse();
        }
    }

    /// Reads what the process had sent before it ended.
    fn drain(&mut self) {
        self.pull();
    }

    /// Looks at each whole line; the first with the nonce is the report, all else is forged.
    fn parse(&mut self) {
        while let Some(length) = self.reports.bytes[self.parsed..].iter().position(|&byte| byte == b'\n') {
            let line = &self.reports.bytes[self.parsed..self.parsed + length];
            let report: Option<Report> = serde_json::from_slice(line).ok();
            self.parsed += length + 1;
            match report {
                Some(report) if report.nonce == self.nonce && self.report.is_none() => {
                    self.report = Some(report);
                }
                _ => self.saw_forgery = true,
            }
        }
    }
}
