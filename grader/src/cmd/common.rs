//! What several commands need: the progress file, questions, printing.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use crate::catalog::{Course, Lab};
use crate::progress::{Progress, ProgressFile};
use crate::report::Context;

/// The learner's progress. A broken file is a warning, not an error.
pub fn progress(course: &Course) -> (ProgressFile, Progress) {
    let file = ProgressFile::of(&course.root);
    let progress = match file.read() {
        Ok((progress, message)) => {
            if let Some(message) = message {
                eprintln!("warning: {message}");
            }
            progress
        }
        Err(error) => {
            eprintln!("warning: progress is not known: {error:#}");
            Progress::default()
        }
    };
    (file, progress)
}

/// Saves the progress. A read-only tree is a warning, not an error.
pub fn keep(file: &ProgressFile, progress: &Progress) {
    if let Err(error) = file.write(progress) {
        eprintln!("warning: progress is not kept: {error:#}");
    }
}

/// The context of a run of the learner's own lab.
pub fn context(lab: &Lab, progress: &Progress) -> Context {
    let mut context = Context::of(lab);
    for task in &lab.tasks {
        context.hints.insert(task.id.clone(), progress.task(&task.id).hints);
    }
    context
}

/// The path as a reader in the current folder would type it.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// Asks a yes-or-no question on a terminal. Without a terminal the answer is no.
pub fn confirm(question: &str) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Prints a report. A pipe that its reader has closed (`| head`) is no error.
pub fn print(text: &str) {
    let mut to = std::io::stdout().lock();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
