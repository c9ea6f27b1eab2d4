//! The program: one module for each command.
//!
//! Called by `main`, with the arguments that [`crate::cli`] describes.
//!
//! Exit codes: 0 when everything asked for passed, 1 when something failed, 2 when it could not be graded
//! (wrong arguments included). The report goes to standard output, everything else to standard error.

pub mod author;
pub mod common;
pub mod compare;
mod first_look;
pub mod hint;
mod keys;
mod labs_folder;
pub mod list;
pub mod map;
mod outputs;
pub mod reset;
pub mod run;
pub mod watch;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::catalog::Course;
use crate::cli::{AuthorCommand, Cli, Command};
use crate::scratch;

/// Runs the program.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", crate::clean::text(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    scratch::remove_old();
    let root = match cli.root {
        Some(root) => root,
        None => Course::find_root()?,
    };
    // These two work on a course with a `lab.toml` that is half written.
    if let Some(Command::Author(AuthorCommand::Generate { check, only })) = &cli.command {
        return author::generate(&root, *check, only);
    }
    if let Some(Command::Author(AuthorCommand::New { id })) = &cli.command {
        return author::new(&root, id);
    }
    let course = &Course::open_with(&root, cli.commons.as_ref().unwrap_or(&root))?;
    match cli.command {
        None => map::run(course),
        Some(Command::Run(args)) => run::run(course, &args),
        Some(Command::List { lab }) => list::run(course, &lab),
        Some(Command::Hint { task }) => hint::run(course, &task),
        Some(Command::Watch(args)) => watch::run(course, &args),
        Some(Command::Reset { what, yes }) => reset::run(course, &what, yes),
        Some(Command::Compare { lab, seed }) => compare::run(course, &lab, seed),
        Some(Command::Author(command)) => author::run(course, command),
    }
}
