//! `cargo grade` in `solutions/` and in `grader/suites/`: starts the grader, which is in the other workspace.
//!
//! The current folder and the arguments stay, so the grader does what it does in every other folder.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--manifest-path", manifest, "--package", "grader", "--"]);
    cargo.args(std::env::args_os().skip(1));
    // It returns only where cargo cannot be started.
    let error = cargo.exec();
    eprintln!("error: cargo cannot be started: {error}");
    ExitCode::from(2)
}
