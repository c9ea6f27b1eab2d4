//! Faults of the machine: what stops a compiler and is no mistake in the code that it compiles.
//!
//! | seen | fault |
//! | --- | --- |
//! | a linker that a signal ended, a compiler that was ended from outside | killed |
//! | an error without a place in the code, or one of cargo's own, that names a fault of the system | system |
//! | a crate took too long, and its compiler hardly used the processor | stalled |
//!
//! Such a build says nothing about the submission, so it ends in an error: exit code 2 and no report. Only
//! errors *without* a place in the code are looked at, because `compile_error!("No space left on device")`
//! has one. What a submission can cause is no fault: a compiler that runs out of stack (SIGSEGV) or stops
//! itself (SIGABRT) while it compiles a lab.

use super::cargo::Ran;

/// Signals that other programs and the system send. What code causes (SIGSEGV, SIGABRT, SIGILL) is not here.
/// SIGBUS is: a page of a file that cannot be read or written, for want of disk space.
const FROM_OUTSIDE: [i32; 9] = [1, 2, 3, if cfg!(target_os = "linux") { 7 } else { 10 }, 9, 13, 15, 24, 25];

/// What the system, the linker and cargo print, and what it means.
const SIGNS: [(&str, &str); 15] = [
    ("No space left on device", "there is no space left on the disk"),
    ("(os error 28)", "there is no space left on the disk"),
    ("Disk quota exceeded", "the disk quota is used up"),
    ("File too large", "a file of the build is larger than the system allows"),
    ("Read-only file system", "the build folder is on a read-only file system"),
    ("Input/output error", "the disk reports an input/output error"),
    ("Stale file handle", "the network drive with the build folder was disconnected"),
    ("Cannot allocate memory", "there is not enough memory"),
    ("out of memory", "there is not enough memory"),
    ("Too many open files", "too many files are open"),
    ("Resource temporarily unavailable", "the system can start no further process or thread"),
    ("Permission denied (os error 13)", "the compiler or the build folder cannot be used: permission denied"),
    ("terminated with signal", "the linker was ended by a signal"),
    ("unable to execute command", "the linker could not be run or was ended"),
    ("(never executed)", "the compiler cannot be started"),
];

/// What went wrong with the machine, in a sentence without its full stop; `None` if nothing shows that it
/// did.
pub fn fault(ran: &Ran) -> Option<String> {
    killed(ran).or_else(|| system(ran))
}

/// A compiler or a linker that was ended. Building once more may help, with fewer compilers at a time.
pub fn killed(ran: &Ran) -> Option<String> {
    let linking = linker_errors(ran).find_map(|text| signals(text).next());
    if let Some(signal) = linking {
        return Some(format!("signal {signal} ended the linker"));
    }
    let outside = signals(&ran.errors).find(|signal| FROM_OUTSIDE.contains(signal))?;
    let hint = if outside == 9 { " (the system does that when memory runs out)" } else { "" };
    Some(format!("signal {outside} ended the compiler{hint}"))
}

fn system(ran: &Ran) -> Option<String> {
    let placeless = ran.found.iter().filter(|found| found.is_error_without_place());
    let texts = placeless.map(|found| found.message.rendered.as_str()).chain([ran.errors.as_str()]);
    for text in texts {
        if let Some((_, meaning)) = SIGNS.iter().find(|(sign, _)| text.contains(sign)) {
            return Some((*meaning).to_owned());
        }
        if text.contains("linker `") && text.contains("not found") {
            return Some("there is no linker; install a C compiler".to_owned());
        }
    }
    None
}

/// Errors of the linker.
pub fn linker_errors(ran: &Ran) -> impl Iterator<Item = &str> {
    let placeless = ran.found.iter().filter(|found| found.is_error_without_place());
    placeless.map(|found| found.message.rendered.as_str()).filter(|text| text.contains("linking with "))
}

/// The numbers in `signal: 9 (SIGKILL)`, which rustc and cargo print for a process that was ended.
fn signals(text: &str) -> impl Iterator<Item = i32> {
    text.split("signal: ").skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::messages::{Found, Origin};
    use super::*;
    use crate::model::CompilerMessage;

    fn error(rendered: &str, file: Option<&str>) -> Found {
        let message = CompilerMessage {
            level: "error".into(),
            rendered: rendered.into(),
            ansi: String::new(),
            code: None,
            file: file.map(Into::into),
            line: None,
        };
        Found { origin: Origin::Tests, message, places: Vec::new(), files: BTreeSet::new(), crate_root: None }
    }

    fn of(errors: &str, found: Vec<Found>) -> Option<String> {
        fault(&Ran { errors: errors.into(), found, ..Ran::default() })
    }

    #[test]
    fn a_signal_from_outside_is_the_machines() {
        let says = |number: u32| {
            of(&format!("could not compile `x`\n\nCaused by:\n  rustc .. (signal: {number}, X)"), vec![])
        };
        assert!(says(9).unwrap().contains("signal 9 ended the compiler"));
        assert!(says(15).is_some());
        for of_the_code in [4, 6, 11] {
            assert_eq!(says(of_the_code), None, "{of_the_code}");
        }
        let linker = error("error: linking with `cc` failed: signal: 11 (SIGSEGV)", None);
        assert!(of("", vec![linker]).unwrap().contains("ended the linker"));
    }

    #[test]
    fn an_error_of_the_system_counts_only_without_a_place_in_the_code() {
        let text = "error: failed to write x: No space left on device (os error 28)";
        assert!(of("", vec![error(text, None)]).unwrap().contains("no space left"));
        assert_eq!(of("", vec![error(text, Some("labs/01-tiny/src/lib.rs"))]), None);
        assert!(of(text, vec![]).is_some());
        assert_eq!(of("error: could not compile `x` (lib) due to 1 previous error", vec![]), None);
    }
}
