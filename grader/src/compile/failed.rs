//! Why a build failed: the submission, its fit to the hidden tests, the machine, or the course.
//!
//! Asked in this order, the first that applies decides:
//!
//! | seen | decision |
//! | --- | --- |
//! | a submission's crate read a file outside its `src/` | refused; the compiler's messages are kept back |
//! | a fault of the machine ([`machine`]) | an error: nothing is graded |
//! | errors in the submission's own crates | it does not compile |
//! | one crate took too long | the submission's, if its compiler was busy with it; else an error |
//! | errors while the tests are compiled against it | it does not fit, and why |
//! | rustc stopped without a message on a submission's crate | it does not compile |
//! | anything else | an error: the course does not compile |
//!
//! An error ends the command with exit code 2, and no report is written: a learner never loses points through
//! a full disk.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::cargo::Ran;
use super::messages::{Found, Origin};
use super::{Compiled, MESSAGES, depinfo, machine, signatures};
use crate::catalog::{Course, Lab};
use crate::model::CompilerMessage;
use crate::request::Request;
use crate::stage::{Seat, Stage};

/// A compiler that was stopped after its time limit had been busy if it used more than this part of it. The
/// largest crate needs a few seconds of the limit of minutes, so a busy machine alone does not reach it.
const BUSY_PART: u64 = 4;

/// What introduces items from outside Rust.
const EXTERNAL: [&str; 3] = ["#[link", "extern \"", "extern {"];

/// Decides whose fault a build that failed is.
pub(super) fn explain(course: &Course, stage: &Stage, request: &Request<'_>, ran: Ran) -> Result<Compiled> {
    let lab = request.lab;
    let foreign = depinfo::foreign_in_failed_build(course, stage, &ran)?;
    if !foreign.is_empty() {
        return Ok(Compiled::Failed { messages: Vec::new(), notes: foreign });
    }
    if let Some(fault) = machine::fault(&ran) {
        bail!("{}", of_the_machine(&fault, &ran));
    }
    let submission = errors(&ran, |found| found.origin == Origin::Submission);
    if !submission.is_empty() {
        let mut notes = earlier_labs(stage, course, lab, &submission);
        notes.extend(refused(&submission));
        return Ok(Compiled::Failed { messages: submission, notes });
    }
    if ran.is_out_of_time {
        return too_slow(course, stage, request, &ran);
    }
    let tests = errors(&ran, |found| found.origin == Origin::Tests);
    if !tests.is_empty()
        && stage.seat(lab) != Seat::Reference
        && let Some(notes) = misfit(course, stage, lab, &ran)
    {
        return Ok(Compiled::Failed { messages: tests, notes });
    }
    if let Some(name) = ran.crashed_on(stage, course) {
        let notes = vec![format!("the compiler itself stopped while compiling {name}")];
        let message = plain_message(&without_backtrace(&ran.errors));
        return Ok(Compiled::Failed { messages: vec![message], notes });
    }
    let mut text: Vec<String> = errors(&ran, |_| true).into_iter().map(|message| message.rendered).collect();
    text.push(ran.errors);
    bail!("the course itself does not compile; the submission was not graded\n{}", text.join("\n"))
}

fn errors(ran: &Ran, is_wanted: impl Fn(&Found) -> bool) -> Vec<CompilerMessage> {
    let found = ran.found.iter().filter(|found| found.is_error() && is_wanted(found));
    found.map(|found| found.message.clone()).take(MESSAGES).collect()
}

/// Says which rule an error of a confined compiler comes from.
fn refused(errors: &[CompilerMessage]) -> Option<String> {
    let is_refusal = |error: &&CompilerMessage| {
        error.rendered.contains("couldn't read") && error.rendered.contains("Permission denied (os error 13)")
    };
    let file = errors.iter().find(is_refusal)?.file.clone()?;
    Some(format!(
        "{file} takes in a file outside its src/, which the compiler may not read; remove the `#[path]` or `include`"
    ))
}

/// The error about the machine: what happened, what follows, and the compiler's last words.
fn of_the_machine(fault: &str, ran: &Ran) -> String {
    let placeless = ran.found.iter().filter(|found| found.is_error_without_place());
    let texts = placeless.map(|found| found.message.rendered.as_str()).chain([ran.errors.as_str()]);
    let words = texts.flat_map(str::lines).filter(|line| !line.trim().is_empty()).take(12);
    let words: Vec<String> = words.map(|line| line.chars().take(200).collect()).collect();
    format!(
        "{fault}: this is a fault of the machine and says nothing about the code, so nothing was graded; \
         run it again once the fault is corrected\n{}",
        words.join("\n")
    )
}

/// A crate was not finished within the time limit.
fn too_slow(course: &Course, stage: &Stage, request: &Request<'_>, ran: &Ran) -> Result<Compiled> {
    let seconds = request.resources.compile_seconds;
    let Some(name) = ran.pending(stage, course) else {
        bail!(
            "compiling the hidden tests against {} did not end and was stopped; nothing was graded",
            request.lab.path()
        );
    };
    // rustc's arguments name the root file of the crate.
    let root = format!("{name}/src/lib.rs");
    let busy = ran.busiest.as_ref().filter(|busy| busy.command.contains(&root));
    if busy.is_some_and(|busy| busy.cpu_ms > seconds * 1000 / BUSY_PART) {
        let what = format!("compiling {name} took longer than {seconds} s and was stopped");
        return Ok(Compiled::Failed { messages: Vec::new(), notes: vec![what] });
    }
    bail!(
        "compiling {name} and what it stands on took longer than {seconds} s for one crate and was stopped, and \
         the compiler did not spend that time on the lab: the machine is too busy or the compiler hangs, so nothing \
         was graded"
    )
}

/// Why the hidden tests do not compile against a lab that compiles; `None` if the lab is not the reason.
fn misfit(course: &Course, stage: &Stage, lab: &Lab, ran: &Ran) -> Option<Vec<String>> {
    let found = || ran.found.iter().filter(|found| found.is_error() && found.origin == Origin::Tests);
    if found()
        .any(|found| found.is_error_without_place() && found.message.rendered.contains("global_allocator"))
    {
        return Some(vec![allocator(course, stage, ran)]);
    }
    if found().all(Found::is_error_without_place) {
        // Only items that are defined outside Rust can make the linker fail.
        let place = EXTERNAL.iter().find_map(|word| place_of(course, stage, ran, word))?;
        let what = format!("{place} uses items from outside Rust, and linking the hidden tests fails");
        return machine::linker_errors(ran).next().map(|_| vec![what]);
    }
    let is_in_lab = |found: &Found| found.message.file.as_deref().is_some_and(is_of_a_lab);
    if let Some(first) = found().find(|found| is_in_lab(found)) {
        return Some(vec![instantiated(first)]);
    }
    Some(signatures::explain(course, stage, lab, ran))
}

/// Two allocators in one program.
fn allocator(course: &Course, stage: &Stage, ran: &Ran) -> String {
    let place = place_of(course, stage, ran, "global_allocator").unwrap_or_else(|| "the lab".to_owned());
    format!(
        "{place} declares a `#[global_allocator]`; remove it: the hidden tests count and limit memory with an \
         allocator of their own, and a program has only one"
    )
}

/// An error in the lab's code that shows only with the types and values that the tests use.
fn instantiated(found: &Found) -> String {
    let message = &found.message;
    let file = message.file.as_deref().unwrap_or_default();
    let place = message.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    if message.code.as_deref() == Some("E0080") {
        return format!(
            "your lab compiles by itself, but the constant at {place} cannot be evaluated for the types that \
             the hidden tests use"
        );
    }
    format!(
        "your lab compiles by itself, but not with the types that the hidden tests use it with: see {place}"
    )
}

fn is_of_a_lab(file: &str) -> bool {
    (file.starts_with("labs/") || file.starts_with("patched/")) && !file.starts_with("labs/kit/")
}

/// The first line with `word` in a source that rustc read for a submission's crate.
fn place_of(course: &Course, stage: &Stage, ran: &Ran, word: &str) -> Option<String> {
    for lab in course.labs.iter().filter(|lab| stage.seats.contains_key(&lab.number)) {
        let seat = stage.seat(lab);
        if seat == Seat::Reference {
            continue;
        }
        for file in depinfo::sources_of(stage, &seat.package(&lab.package), &ran.artifacts) {
            if let Some(line) = line_with(&stage.root.join(&file), word) {
                return Some(format!("{}:{line}", file.display()));
            }
        }
    }
    None
}

fn line_with(file: &Path, word: &str) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().position(|line| line.contains(word)).map(|index| index + 1)
}

/// Says so when it is an earlier lab that does not compile.
fn earlier_labs(stage: &Stage, course: &Course, lab: &Lab, errors: &[CompilerMessage]) -> Vec<String> {
    let mut notes = Vec::new();
    for other in course.earlier(lab) {
        let folder = format!("{}/{}/", stage.seat(other).folder(), other.id);
        if errors.iter().any(|error| error.file.as_ref().is_some_and(|file| file.starts_with(&folder))) {
            notes.push(format!(
                "{} does not compile, and {} stands on it; `--earlier reference` grades on the reference's instead",
                other.path(),
                lab.path()
            ));
        }
    }
    notes
}

/// The first lines of what a crashing compiler printed; its own backtrace helps no learner.
fn without_backtrace(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.contains("backtrace") && !line.starts_with("  0:"));
    lines.filter(|line| !line.trim().is_empty()).take(12).collect::<Vec<_>>().join("\n")
}

fn plain_message(text: &str) -> CompilerMessage {
    CompilerMessage {
        level: "error".to_owned(),
        rendered: text.to_owned(),
        ansi: text.to_owned(),
        code: None,
        file: None,
        line: None,
    }
}
