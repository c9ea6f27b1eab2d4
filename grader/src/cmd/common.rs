//! What several commands need: the progress file, questions, printing.

use std::io::{ErrorKind, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::catalog::{Course, Lab};
use crate::progress::{Progress, ProgressFile, Updated};
use crate::report::Context;

/// The learner's progress. A broken file is a warning, not an error.
pub fn progress(course: &Course) -> Progress {
    warned(ProgressFile::of(&course.root).read())
}

/// Changes the learner's progress as it is now, which another grader may have changed since it was read; the
/// new progress. A tree that cannot be written is a warning, not an error.
pub fn update(course: &Course, change: impl FnOnce(&mut Progress)) -> Progress {
    let Updated { progress, warnings } = ProgressFile::of(&course.root).update(change);
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    progress
}

fn warned((progress, warning): (Progress, Option<String>)) -> Progress {
    if let Some(warning) = warning {
        eprintln!("warning: {warning}");
    }
    progress
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

/// `text` as one word of a command line, in quotes where a shell would read it otherwise.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_string();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
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
pub fn print(text: &str) -> Result<()> {
    let mut to = std::io::stdout().lock();
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Prints text that only a person reads. A failure is ignored: no file or program lacks anything then.
pub fn show(text: &str) {
    let _ = print(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command of the report is there to be copied.
    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(quoted("/tmp/a-b_c.d"), "/tmp/a-b_c.d");
        assert_eq!(quoted("my labs"), "'my labs'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
