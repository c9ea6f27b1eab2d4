//! Every test in this process, for `cargo test` and for mutation tools: no confinement, and limits of time
//! only.
//!
//! A test that deadlocks fails after two seconds, and its thread stays asleep. A test that never stops
//! computing ends the run, because nothing can end its thread.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use grader_protocol::Limits;

use super::args::{Args, Mode};
use super::watchdog::{TICK, Watch};
use super::{STACK_BYTES, Test, panics};
use crate::failure::{Failure, Kind};

/// For one test. It is wide, because no grade depends on it.
const LIMITS: Limits = Limits { wall_seconds: 300, cpu_seconds: 60, memory_mib: 0 };

/// Runs the tests whose name contains one of the filters (or is one, if asked for exactly), one after the
/// other, each on a thread of its own. Returns the exit code.
pub(super) fn run(args: &Args) -> i32 {
    let (filters, is_exact) = match &args.mode {
        Mode::Exec(name) => (std::slice::from_ref(name), true),
        _ => (args.filters.as_slice(), args.is_exact),
    };
    let limits = Limits { cpu_seconds: args.cpu_seconds.unwrap_or(LIMITS.cpu_seconds), ..LIMITS };
    panics::record();
    let is_selected = |name: &str| {
        let matches =
            |filter: &String| if is_exact { name == filter } else { name.contains(filter.as_str()) };
        filters.is_empty() || filters.iter().any(matches)
    };
    let all = super::tests();
    let selected: Vec<&'static Test> =
        all.iter().copied().filter(|test| is_selected(&test.full_name())).collect();
    println!("\nrunning {} tests", selected.len());
    let start = Instant::now();
    let mut passed = 0;
    let mut failed: Vec<(String, Box<Failure>)> = Vec::new();
    for &test in &selected {
        let name = test.full_name();
        let outcome = run_one(test, limits);
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        match outcome {
            Ok(()) => passed += 1,
            Err(failure) => failed.push((name, failure)),
        }
        if args.fail_fast && !failed.is_empty() {
            break;
        }
    }
    if !failed.is_empty() {
        println!("\nfailures:\n");
        for (name, failure) in &failed {
            println!("---- {name} ----\n{}", super::report::text(&failure.report));
        }
        println!("failures:");
        for (name, _) in &failed {
            println!("    {name}");
        }
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        passed,
        failed.len(),
        all.len() - selected.len(),
        start.elapsed().as_secs_f64()
    );
    if failed.is_empty() { 0 } else { 101 }
}

/// Runs a test on a thread of its own. The thread is left behind if the test has to be given up.
fn run_one(test: &'static Test, limits: Limits) -> Result<(), Box<Failure>> {
    panics::forget();
    crate::alloc::stand_aside();
    let name = test.full_name();
    let (send, outcome) = mpsc::channel();
    let body = {
        let name = name.clone();
        move || drop(send.send(super::exec::run_body(test, &name)))
    };
    let mut watch = Watch::new(limits);
    let thread = std::thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(body);
    thread.expect("a thread can be started");
    loop {
        match outcome.recv_timeout(TICK) {
            Ok(outcome) => return outcome,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the body catches every panic"),
        }
        if let Some(failure) = watch.look() {
            if failure.kind == Kind::Timeout {
                println!("test {} ... FAILED\n{}", test.full_name(), super::report::text(&failure.report));
                println!("it cannot be stopped, so the run ends here");
                std::process::exit(101);
            }
            return Err(Box::new(failure));
        }
    }
}
