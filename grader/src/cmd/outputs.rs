//! The reports that `run` writes into files.
//!
//! A run takes minutes, so whether each file can be written is tried before it starts, and folders are made.
//! The variable `GITHUB_STEP_SUMMARY` belongs to the machine and not to the command: if its file cannot be
//! written, that is a warning.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cli::RunArgs;
use crate::model::LabReport;
use crate::report::{Context, gradescope, html, junit, summary};

/// The variable that names GitHub's file for summaries.
const GITHUB: &str = "GITHUB_STEP_SUMMARY";

/// Where the reports go.
#[derive(Debug, Default)]
pub struct Outputs {
    junit: Option<PathBuf>,
    gradescope: Option<PathBuf>,
    html: Option<PathBuf>,
    summary: Option<PathBuf>,
    /// GitHub's file, where no other was asked for.
    github: Option<PathBuf>,
}

impl Outputs {
    /// What `args` and the environment ask for.
    ///
    /// # Errors
    ///
    /// When a file that `args` names cannot be written.
    pub fn of(args: &RunArgs) -> Result<Outputs> {
        let mut outputs = Outputs {
            junit: args.junit.clone(),
            gradescope: args.gradescope.clone(),
            html: args.html.clone(),
            summary: args.summary.clone(),
            github: None,
        };
        for (option, path) in outputs.asked_for() {
            try_to_write(path).with_context(|| format!("{option} {}", path.display()))?;
        }
        if outputs.summary.is_none() {
            outputs.github = from_environment(std::env::var_os(GITHUB));
        }
        Ok(outputs)
    }

    fn asked_for(&self) -> Vec<(&'static str, &Path)> {
        let all = [
            ("--junit", &self.junit),
            ("--gradescope", &self.gradescope),
            ("--html", &self.html),
            ("--summary", &self.summary),
        ];
        all.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?))).collect()
    }

    /// Writes every report.
    ///
    /// # Errors
    ///
    /// Names each file that could not be written; the others are written all the same.
    pub fn write(&self, report: &LabReport, context: &Context) -> Result<()> {
        let mut failed = Vec::new();
        let write = |path: &Path, text: String| {
            fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
        };
        for (option, path) in self.asked_for() {
            let written = match option {
                "--junit" => write(path, junit::render(report, context)),
                "--gradescope" => write(path, gradescope::render(report, context)),
                "--html" => write(path, html::render(report, context)),
                _ => add_summary(path, report, context),
            };
            failed.extend(written.err().map(|error| format!("{error:#}")));
        }
        if let Some(path) = &self.github
            && let Err(error) = add_summary(path, report, context)
        {
            eprintln!("warning: {GITHUB}: {error:#}");
        }
        if !failed.is_empty() {
            bail!("{}", failed.join("; "));
        }
        Ok(())
    }
}

/// The file of the variable, if it can be written.
fn from_environment(value: Option<OsString>) -> Option<PathBuf> {
    let path = PathBuf::from(value.filter(|value| !value.is_empty())?);
    match try_to_write(&path) {
        Ok(()) => Some(path),
        Err(error) => {
            eprintln!("warning: no summary is written: {GITHUB} is {}: {error:#}", path.display());
            None
        }
    }
}

/// Makes the folder of `path` and opens the file, changing nothing in it.
fn try_to_write(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let known = fs::metadata(path);
    if known.as_ref().is_ok_and(|known| !known.is_file() && !known.is_dir()) {
        // Opening a pipe would wait for its reader, or end what the reader gets.
        return Ok(());
    }
    open_to_append(path).context("the file cannot be written")?;
    if known.is_err() {
        // A run that cannot be graded leaves no empty report behind.
        fs::remove_file(path).ok();
    }
    Ok(())
}

fn open_to_append(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Adds the summary to what other programs of the same step have written.
fn add_summary(path: &Path, report: &LabReport, context: &Context) -> Result<()> {
    let mut file = open_to_append(path).with_context(|| format!("{} cannot be written", path.display()))?;
    let used = file.metadata().map_or(0, |known| known.len());
    let room = summary::LIMIT.saturating_sub(usize::try_from(used).unwrap_or(usize::MAX));
    let text = summary::render(report, context, room);
    if text.is_empty() {
        bail!("{} holds {used} bytes already, and GitHub shows no larger summary", path.display());
    }
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    /// What cannot be written is known before minutes of grading, and no empty file is left behind.
    #[test]
    fn a_file_is_tried_and_its_folder_made() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out/deep/j.xml");
        try_to_write(&path).unwrap();
        assert!(path.parent().unwrap().is_dir() && !path.exists());
        fs::write(&path, "before").unwrap();
        try_to_write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert!(try_to_write(root.path()).is_err(), "a folder is no file");
        assert!(try_to_write(&path.join("x")).is_err(), "a file is no folder");
        assert!(try_to_write(Path::new("")).is_err());
    }

    /// The machine's variable is not the command's: empty or wrong, it stops nothing.
    #[test]
    fn a_wrong_variable_is_no_error() {
        assert_eq!(from_environment(None), None);
        assert_eq!(from_environment(Some("".into())), None);
        assert_eq!(from_environment(Some("/dev/null/s.md".into())), None);
    }

    /// What stands in the file before counts to GitHub's limit.
    #[test]
    fn a_summary_is_added_while_there_is_room() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("s.md");
        fs::write(&path, "before\n").unwrap();
        add_summary(&path, &samples::mixed(), &samples::context()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("before\n## Lab 1"), "{text}");
        fs::write(&path, vec![b' '; summary::LIMIT]).unwrap();
        let error = add_summary(&path, &samples::mixed(), &samples::context()).unwrap_err();
        assert!(error.to_string().contains("1048576 bytes already"), "{error}");
        assert_eq!(fs::metadata(&path).unwrap().len(), summary::LIMIT as u64);
    }
}
