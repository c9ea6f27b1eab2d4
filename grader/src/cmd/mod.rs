//! One module for each command.
//!
//! Called by [`crate::cli`]. Each command returns the process's exit code, or an error when it could not
//! do what was asked, which ends in exit code 2.

pub mod author;
pub mod common;
pub mod compare;
pub mod hint;
mod keys;
pub mod list;
pub mod map;
pub mod reset;
pub mod run;
pub mod watch;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let root = cli.root.as_deref();
    match cli.command {
        None => map::run(root),
        Some(Command::Run(args)) => run::run(root, &args),
        Some(Command::List { lab }) => list::run(root, &lab),
        Some(Command::Hint { task }) => hint::run(root, &task),
        Some(Command::Compare { lab, seed }) => compare::run(root, &lab, seed),
        Some(Command::Author(command)) => author::run(cli.root, command),
        Some(Command::Reset { what, yes }) => reset::run(root, &what, yes),
        Some(Command::Watch(args)) => watch::run(root, &args),
    }
}
