//! Runs hidden tests and says how they ended.
//!
//! ```text
//!   hidden                 everything, in this process, one thread a test; exit 101 if one failed
//!   hidden FILTER...       the tests whose name contains one of the filters
//!   hidden --list          one line of JSON a test: {"name":"t1_1::grows","line":7,"doc":"..."}
//!   hidden --exec NAME     one test for the grader: order and report on standard input, a socket;
//!                          without a socket there, the one test as above
//!   any of them --seed N   the seed of everything random
//! ```
//!
//! A test is a function that returns. It ends early by a [`crate::Failure`] (a check did not hold) or by any
//! other panic, which the hook in `panics` has seen with its place and backtrace.

mod args;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls;
mod confine;
mod exec;
mod panics;
mod places;
mod report;
mod standalone;
mod watchdog;

pub(crate) use exec::{graded, has_socket};
#[cfg(feature = "controlled")]
pub(crate) use panics::install;
pub(crate) use panics::{caught, quietly, quietly_caught};
#[cfg(feature = "controlled")]
pub(crate) use report::{learner_lines, shown_place};

use args::{Args, Mode};

/// Stack of the thread a test runs on: deep recursion in an honest solution fits, an endless one ends soon.
pub const STACK_BYTES: usize = 8 << 20;

/// One hidden test, entered by `#[testkit::test]`.
#[derive(Debug)]
pub struct Test {
    /// The function's name.
    pub name: &'static str,
    /// The module it stands in, with the crate's name first.
    pub module: &'static str,
    /// The line it stands on, so that tests are listed as their author ordered them.
    pub line: u32,
    /// Its doc comment: what must hold, and why it could break.
    pub doc: &'static str,
    /// The test.
    pub run: fn(),
}

inventory::collect!(Test);

impl Test {
    /// Module path without the crate's name, and the function's name: `t1_1::grows`.
    pub fn full_name(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.name),
            None => self.name.to_string(),
        }
    }

    /// The doc comment with its lines trimmed.
    pub fn doc_text(&self) -> String {
        self.doc.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_string()
    }
}

/// Every test of this binary, by name.
pub fn tests() -> Vec<&'static Test> {
    let mut tests: Vec<&'static Test> = inventory::iter::<Test>.into_iter().collect();
    tests.sort_by_cached_key(|test| test.full_name());
    tests
}

/// The whole `main` of a suite's test binary. Exits 0 if every selected test passed, 101 if one failed,
/// 2 if it could not run.
pub fn main() {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(message) => {
            eprintln!("{message}");
            std::process::exit(2);
        }
    };
    if let Some(seed) = args.seed {
        crate::seeds::set_seed(seed);
    }
    let code = match &args.mode {
        Mode::List => list(),
        Mode::Exec(name) if exec::has_socket() => exec::run(name),
        Mode::Exec(_) | Mode::All => standalone::run(&args),
    };
    std::process::exit(code);
}

fn list() -> i32 {
    for test in tests() {
        println!("{}", report::listing(&test.full_name(), test.line, &test.doc_text()));
    }
    0
}
