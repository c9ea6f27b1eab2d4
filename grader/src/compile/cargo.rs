//! Running cargo with nothing of the submission's, and little of the user's, around it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::messages::{self, Artifact, Found, Line};
use super::{MESSAGES, Target, confine, home};
use crate::catalog::Course;
use crate::children::{self, Busy, Started};
use crate::observer::Observer;
use crate::request::Request;
use crate::scratch::Scratch;
use crate::stage::manifests::test_program;
use crate::stage::{Seat, Stage};

/// Longest line of JSON read; a longer one is cut and so ignored.
const LINE_BYTES: u64 = 8 << 20;

/// How much longer a crate of the course may take than one of the submission: on a loaded machine the largest
/// suite needs minutes.
const COURSE_FACTOR: u32 = 5;

/// Bytes of cargo's standard error kept.
const ERROR_BYTES: usize = 64 << 10;

/// Data segment of cargo and each rustc, in bytes: a constant that grows without end must not take the
/// machine with it. Compiling the largest dependency needs less than a sixth.
#[cfg(target_os = "linux")]
const COMPILER_BYTES: u64 = 6 << 30;

/// How a run of cargo went.
#[derive(Debug, Default)]
pub struct Ran {
    /// Cargo says all is well.
    pub is_success: bool,
    /// It was stopped because one crate took too long.
    pub is_out_of_time: bool,
    /// The busiest compiler when it was stopped, where the system says.
    pub busiest: Option<Busy>,
    /// The compiler's messages, errors and warnings.
    pub found: Vec<Found>,
    /// What was built or up to date.
    pub artifacts: Vec<Artifact>,
    /// Cargo's standard error.
    pub errors: String,
}

impl Ran {
    /// The submission's first crate that was not finished, by its path.
    pub fn pending(&self, stage: &Stage, course: &Course) -> Option<String> {
        let mut labs = course.labs.iter().filter(|lab| stage.seats.contains_key(&lab.number));
        let is_pending = |lab: &&crate::catalog::Lab| {
            let seat = stage.seat(lab);
            let package = seat.package(&lab.package);
            seat != Seat::Reference && !self.artifacts.iter().any(|artifact| artifact.package == package)
        };
        labs.find(is_pending).map(|lab| format!("{}/{}", stage.seat(lab).folder(), lab.id))
    }

    /// The submission's crate on which rustc died without a message, by its path.
    pub fn crashed_on(&self, stage: &Stage, course: &Course) -> Option<String> {
        let mut labs = course.labs.iter().filter(|lab| stage.seats.contains_key(&lab.number));
        let is_named = |lab: &&crate::catalog::Lab| {
            let seat = stage.seat(lab);
            let says = format!("could not compile `{}`", seat.package(&lab.package));
            seat != Seat::Reference && self.errors.contains(&says)
        };
        labs.find(is_named).map(|lab| format!("{}/{}", stage.seat(lab).folder(), lab.id))
    }
}

/// Builds `target` with at most `jobs` compilers at a time, 0 for one a core. Fetches missing packages and
/// tries again where that is the trouble.
pub fn build(
    course: &Course,
    stage: &Stage,
    request: &Request<'_>,
    target: &Target,
    jobs: usize,
    observer: &mut dyn Observer,
) -> Result<Ran> {
    let limit = Duration::from_secs(request.resources.compile_seconds);
    let run = Run { course, stage, is_confined: request.resources.submission.is_some() };
    let arguments = arguments(stage, target, jobs);
    let ran = run.cargo(&arguments, limit, observer)?;
    let has_compiled = !ran.found.is_empty() || !ran.artifacts.is_empty();
    if ran.is_success || ran.is_out_of_time || has_compiled || !is_missing_packages(&ran.errors) {
        return Ok(ran);
    }
    observer.say("fetching dependencies, this once");
    let fetch: Vec<OsString> = vec!["fetch".into(), "--manifest-path".into(), manifest(stage)];
    let fetched = run.cargo(&fetch, Duration::from_secs(600), observer)?;
    if !fetched.is_success {
        bail!(
            "some dependencies are not on this machine and could not be fetched; is there a network?\n{}",
            fetched.errors.trim_end()
        );
    }
    run.cargo(&arguments, limit, observer)
}

fn manifest(stage: &Stage) -> OsString {
    stage.root.join("Cargo.toml").into()
}

fn arguments(stage: &Stage, target: &Target, jobs: usize) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["build".into(), "--offline".into()];
    arguments.extend(["--manifest-path".into(), manifest(stage)]);
    arguments.extend(["--target-dir".into(), stage.build_dir.clone().into()]);
    arguments.push("--message-format=json-diagnostic-rendered-ansi".into());
    if jobs > 0 {
        arguments.extend(["--jobs".into(), jobs.to_string().into()]);
    }
    match target {
        Target::Tests(tasks) => {
            arguments.extend(["-p".into(), stage.suite_package.clone().into()]);
            for task in tasks {
                arguments.extend(["--test".into(), test_program(task).into()]);
            }
        }
        Target::Perf => {
            let package = stage.perf_package.clone().unwrap_or_default();
            arguments.extend(["--release".into(), "-p".into(), package.into()]);
        }
    }
    arguments
}

/// Whether cargo failed for want of a package that a network could bring.
fn is_missing_packages(errors: &str) -> bool {
    let signs =
        ["--offline", "offline mode", "failed to download", "no matching package", "failed to select"];
    signs.iter().any(|sign| errors.contains(sign))
}

/// What all runs of cargo for one build have.
struct Run<'a> {
    course: &'a Course,
    stage: &'a Stage,
    /// Somebody else's code is compiled.
    is_confined: bool,
}

impl Run<'_> {
    /// Runs cargo once. The limit is on the time between two finished crates.
    fn cargo(&self, arguments: &[OsString], limit: Duration, observer: &mut dyn Observer) -> Result<Ran> {
        let (course, stage) = (self.course, self.stage);
        let scratch = Scratch::new().context("cannot create a folder for temporary files")?;
        let mut process = self.start(arguments, scratch.path())?;
        restrain(process.id());
        let output = process.child().stdout.take().context("cargo has no output")?;
        let errors = process.child().stderr.take().context("cargo has no error output")?;
        let (to, from) = mpsc::channel();
        let root = stage.root.clone();
        let mut ran = Ran::default();
        thread::scope(|scope| {
            let waits = to.clone();
            let errors = scope.spawn(move || read_errors(errors, &waits));
            scope.spawn(move || read_lines(output, &root, &to));
            let mut last = Instant::now();
            loop {
                // Once the submission's own crates are done, what is left is the course's, which ends.
                let is_theirs = ran.pending(stage, course).is_some();
                let limit = if is_theirs { limit } else { limit * COURSE_FACTOR };
                match from.recv_timeout((last + limit).saturating_duration_since(Instant::now())) {
                    Ok(Line::Artifact(artifact)) => {
                        last = Instant::now();
                        announce(&artifact, observer);
                        ran.artifacts.push(artifact);
                    }
                    Ok(Line::Message(found)) if ran.found.len() < 4 * MESSAGES => ran.found.push(*found),
                    Ok(Line::Message(_)) => {}
                    Ok(Line::Waits(what)) => {
                        last = Instant::now();
                        observer.wait(&format!("cargo is {what}"));
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        ran.is_out_of_time = true;
                        ran.busiest = children::busiest_below(process.id());
                        process.finish();
                        break;
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            if !ran.is_out_of_time {
                ran.is_success = wait(&mut process, limit).is_some_and(|status| status.success());
            }
            ran.errors = errors.join().unwrap_or_default();
        });
        Ok(ran)
    }

    /// Starts cargo in `scratch`, an empty folder.
    fn start(&self, arguments: &[OsString], scratch: &Path) -> Result<Started> {
        let cargo = cargo();
        let mut command = Command::new(&cargo);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let is_fetch = arguments.first().is_some_and(|name| name == "fetch");
        match is_fetch {
            true => home::for_fetch(&mut command, &self.course.commons),
            false => home::for_build(&mut command, &self.course.commons, &self.stage.shared)?,
        }
        home::without_configuration_above(&mut command, scratch);
        let failed = "cannot run cargo; is it installed?";
        // Fetching compiles nothing, and needs what the user has set for the network.
        if is_fetch || !self.is_confined || !confine::is_possible() {
            return Started::spawn(&mut command).context(failed);
        }
        command.env("TMPDIR", scratch);
        let folders = confine::Folders::of(self.stage, &cargo, &command, scratch);
        confine::spawn(&mut command, &folders).context(failed)
    }
}

/// Cargo has closed its output; it ends on its own or is ended.
fn wait(process: &mut Started, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    while !process.has_ended() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    process.finish()
}

fn announce(artifact: &Artifact, observer: &mut dyn Observer) {
    for (prefix, what) in
        [("learner-", "your"), ("reference-", "the reference's"), ("patched-", "the patched")]
    {
        if let Some(name) = artifact.package.strip_prefix(prefix) {
            observer.say(&format!("compiled {what} {name}"));
            return;
        }
    }
    observer.say(&format!("compiled {}", artifact.package));
}

fn read_lines(output: impl Read, stage: &Path, to: &mpsc::Sender<Line>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match (&mut output).take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Some(line) = messages::read(&line, stage)
            && to.send(line).is_err()
        {
            return;
        }
    }
}

/// Reads cargo's standard error to its end, up to a cap, and reports at once that cargo waits for a lock.
fn read_errors(from: impl Read, to: &mpsc::Sender<Line>) -> String {
    let mut from = BufReader::new(from);
    let mut kept = Vec::new();
    loop {
        let mut line = Vec::new();
        match (&mut from).take(ERROR_BYTES as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if let Some(what) = waits_for(&String::from_utf8_lossy(&line)) {
            // The run has ended otherwise.
            let _ = to.send(Line::Waits(what));
        }
        let room = ERROR_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&line[..line.len().min(room)]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// "waiting for file lock on package cache" in cargo's words for it.
fn waits_for(line: &str) -> Option<String> {
    let what = line.trim().strip_prefix("Blocking ")?;
    what.starts_with("waiting").then(|| what.to_owned())
}

/// The cargo that runs us, else the one on the path.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Limits the memory of cargo and of every rustc it starts, where the system can.
#[cfg(target_os = "linux")]
fn restrain(id: u32) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(COMPILER_BYTES), maximum: Some(COMPILER_BYTES) };
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    // Best effort: without it a hostile constant can use up memory, nothing else.
    let _ = prlimit(pid, Resource::Data, limit);
}

#[cfg(not(target_os = "linux"))]
fn restrain(_id: u32) {}
