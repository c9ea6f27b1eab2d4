//! One module for each command.
//!
//! Called by [`crate::cli`]. Each command returns the process's exit code, or an error when it could not
//! do what was asked, which ends in exit code 2.

pub mod author;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cli::{Cli, Command};

/// Runs the command.
pub fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Some(Command::Author(command)) => author::run(cli.root, command),
        _ => bail!("not there yet"),
    }
}
