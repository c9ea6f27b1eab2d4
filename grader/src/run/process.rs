//! One process: started with an order, watched, and ended whatever it does.
//!
//! ```text
//!   socket pair   order out; "returned" in, nonce out; report in
//!   one pipe      standard output and error together; the end of it is kept
//!   the loop      poll both; leave at exit, at the deadline, at a flood of
//!                 reports, or a moment after the report
//!   the end       kill the group, reap, sweep up what left the group
//! ```

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use grader_protocol::{Answer, Limits, Message, Order, Outcome, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::children::{self, Started};
use crate::scratch::Scratch;
use crate::seal;

/// Most output kept of one process, in bytes. All of it is read, so that printing never blocks a test.
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
    /// More bytes on the socket than a report has.
    Flood,
}

/// What was seen of the process.
#[derive(Debug)]
pub struct Ended {
    /// The report; of a pass with the right nonce.
    pub report: Option<Report>,
    /// Something else came where the report was expected.
    pub saw_forgery: bool,
    /// How it exited.
    pub status: Option<ExitStatus>,
    /// Why it was ended, unless it ended by itself.
    pub stop: Option<Stop>,
    /// The end of what it printed, up to [`OUTPUT_BYTES`].
    pub output: Vec<u8>,
    /// Bytes printed before those.
    pub dropped_bytes: u64,
    /// Wall time.
    pub wall: Duration,
    /// Processor time when it was stopped, as far as known.
    pub cpu_ms: Option<u64>,
    /// Processes that had left the group and were killed.
    pub runaways: usize,
}

/// Runs one process to its end.
pub fn run(job: &Job<'_>) -> io::Result<Ended> {
    seal::check(job.program)?;
    let scratch = Scratch::new()?;
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
    if job.has_order {
        let scratch = scratch.path().to_string_lossy().into_owned();
        let order = Order { seed: job.seed, limits: job.limits, scratch };
        // A process that is gone already shows in its exit status.
        let _ = grader_protocol::send(&ours, &order);
    }
    let mut watch = Watch::new(ours, output)?;
    let stop = watch.until_end(&process, start + job.wall)?;
    let cpu_ms = stop.and_then(|_| children::cpu_ms(process.id()));
    let status = process.finish();
    let runaways = children::sweep();
    watch.drain()?;
    let stop = if watch.is_flood() { Some(Stop::Flood) } else { stop };
    Ok(Ended {
        // The harness that asks for a nonce reports.
        saw_forgery: watch.saw_forgery || (watch.nonce.is_some() && watch.report.is_none()),
        report: watch.report,
        status,
        stop,
        dropped_bytes: watch.output.dropped(),
        output: watch.output.into_end(),
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

/// What a channel does with more bytes than it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// The first ones, and it is full.
    Start,
    /// The last ones.
    End,
}

/// One end that is read without blocking.
struct Channel<R> {
    from: Option<R>,
    bytes: Vec<u8>,
    cap: usize,
    keeps: Keeps,
    is_full: bool,
    /// Bytes read and thrown away.
    thrown: u64,
}

impl<R: Read + std::os::fd::AsFd> Channel<R> {
    fn new(from: R, cap: usize, keeps: Keeps) -> io::Result<Channel<R>> {
        rustix::io::ioctl_fionbio(&from, true)?;
        Ok(Channel { from: Some(from), bytes: Vec::new(), cap, keeps, is_full: false, thrown: 0 })
    }

    /// Reads what is there, a part of it if there is much; whether any came.
    fn pull(&mut self) -> bool {
        let mut buffer = [0_u8; 16 << 10];
        let mut has_new = false;
        let mut left = self.cap;
        while let Some(from) = self.from.as_mut().filter(|_| left > 0) {
            match from.read(&mut buffer) {
                Ok(0) => self.from = None,
                Ok(count) => {
                    has_new = true;
                    left = left.saturating_sub(count);
                    self.keep(&buffer[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.from = None,
            }
        }
        has_new
    }

    fn keep(&mut self, new: &[u8]) {
        match self.keeps {
            Keeps::Start => {
                let room = self.cap - self.bytes.len();
                self.bytes.extend_from_slice(&new[..new.len().min(room)]);
                if new.len() > room {
                    self.is_full = true;
                    self.from = None;
                }
            }
            Keeps::End => {
                // Twice the cap is held, so that a byte is moved once and not each time some are thrown away.
                if self.bytes.len() + new.len() > 2 * self.cap {
                    self.throw_away();
                }
                self.bytes.extend_from_slice(new);
            }
        }
    }

    /// Keeps the last bytes, up to the cap.
    fn throw_away(&mut self) {
        let start = self.bytes.len().saturating_sub(self.cap);
        self.thrown += self.bytes.drain(..start).len() as u64;
    }

    /// Bytes read that [`Channel::into_end`] leaves out.
    fn dropped(&self) -> u64 {
        self.thrown + self.bytes.len().saturating_sub(self.cap) as u64
    }

    /// The last bytes, up to the cap.
    fn into_end(mut self) -> Vec<u8> {
        self.throw_away();
        self.bytes
    }
}

struct Watch {
    reports: Channel<UnixStream>,
    output: Channel<io::PipeReader>,
    /// Sent once the process says that its test returned.
    nonce: Option<String>,
    /// Bytes of `reports` already looked at.
    parsed: usize,
    report: Option<Report>,
    saw_forgery: bool,
}

impl Watch {
    fn new(socket: UnixStream, output: io::PipeReader) -> io::Result<Watch> {
        Ok(Watch {
            reports: Channel::new(socket, REPORT_BYTES, Keeps::Start)?,
            output: Channel::new(output, OUTPUT_BYTES, Keeps::End)?,
            nonce: None,
            parsed: 0,
            report: None,
            saw_forgery: false,
        })
    }

    fn is_flood(&self) -> bool {
        self.reports.is_full
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
            self.pull()?;
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

    fn pull(&mut self) -> io::Result<()> {
        self.output.pull();
        if self.reports.pull() { self.parse() } else { Ok(()) }
    }

    /// Reads what the process had sent before it ended.
    fn drain(&mut self) -> io::Result<()> {
        self.pull()
    }

    /// Looks at each whole line. A process says at most two things: that its test returned, and its report. A
    /// report that the test passed counts only with the nonce that answers the first. Whatever else comes is
    /// forged.
    fn parse(&mut self) -> io::Result<()> {
        while let Some(length) = self.reports.bytes[self.parsed..].iter().position(|&byte| byte == b'\n') {
            let line = self.reports.bytes[self.parsed..self.parsed + length].to_vec();
            self.parsed += length + 1;
            let is_first = self.report.is_none();
            match serde_json::from_slice(&line) {
                Ok(Message::Returned) if self.nonce.is_none() && is_first => self.answer()?,
                Ok(Message::Report(report)) if is_first && self.is_credible(&report) => {
                    self.report = Some(report);
                }
                _ => self.saw_forgery = true,
            }
        }
        Ok(())
    }

    /// Whether the report can be the harness's own. A forged failure gains nothing.
    fn is_credible(&self, report: &Report) -> bool {
        report.outcome != Outcome::Pass || (report.nonce.is_some() && report.nonce == self.nonce)
    }

    /// Sends the nonce. A process that ended meanwhile shows in its exit status.
    fn answer(&mut self) -> io::Result<()> {
        let nonce = nonce()?;
        self.nonce = Some(nonce.clone());
        if let Some(socket) = &self.reports.from {
            let _ = grader_protocol::send(socket, &Answer { nonce });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// A test that prints without an end must not fill the memory, and its last lines are what helps.
    #[test]
    fn the_end_of_long_output_is_kept() {
        let (from, mut to) = io::pipe().unwrap();
        let mut channel = Channel::new(from, 10, Keeps::End).unwrap();
        for number in 0..1_000_u32 {
            to.write_all(&[number as u8; 3]).unwrap();
            channel.pull();
        }
        assert_eq!(channel.dropped(), 3_000 - 10);
        assert!(!channel.is_full && channel.bytes.len() <= 20);
        assert_eq!(channel.into_end(), [228, 229, 229, 229, 230, 230, 230, 231, 231, 231]);
    }

    /// More than a report holds is no report.
    #[test]
    fn reports_have_a_largest_size() {
        let (from, mut to) = UnixStream::pair().unwrap();
        let mut channel = Channel::new(from, 10, Keeps::Start).unwrap();
        to.write_all(&[1; 11]).unwrap();
        channel.pull();
        assert!(channel.is_full && channel.bytes.len() == 10);
    }
}
