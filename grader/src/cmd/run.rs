//! `cargo grade run`: grades a lab, a task or a test, and reports.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use super::first_look::FirstLook;
use super::{common, map};
use crate::blame;
use crate::catalog::{Course, Lab};
use crate::cli::{EarlierLabs, RunArgs};
use crate::grade::grade;
use crate::model::{BuildReport, LabReport};
use crate::paint::Paint;
use crate::progress::Progress;
use crate::report::{Context, gradescope, html, json, junit, summary, terminal};
use crate::request::{Earlier, Measuring, Request, Rounds, Selection, Sources, Tasks};

/// Runs the command.
pub fn run(course: &Course, args: &RunArgs) -> Result<ExitCode> {
    let lab = course.lab(&args.lab)?;
    let (file, mut progress) = common::progress(course);
    let request = request(course, lab, args)?;
    let context = context(lab, &progress, args);
    let mut live = FirstLook::new(lab, context.clone());
    let mut report = grade(course, &request, &mut live)?;
    // A learner runs one task again and again while writing it, so only other runs look for the lab at fault.
    if args.task.is_none() {
        blame::assign(course, &request, &mut report, &mut live)?;
    }
    live.clear();

    let own = !args.solution && args.labs.is_none();
    if own && args.test.is_none() {
        progress.record(&report);
        common::keep(&file, &progress);
    }
    write_files(args, &report, &context)?;
    let paint = Paint::stdout();
    if args.json {
        common::print(&json::render(&report));
    } else {
        common::print(&terminal::render(&report, &context, paint, args.verbose));
        if own && report.passed() && args.test.is_none() {
            common::print(&format!("\n{}", map::next(course, &progress, lab.number, paint)));
        }
    }
    exit_code(&report, args)
}

fn context(lab: &Lab, progress: &Progress, args: &RunArgs) -> Context {
    let mut context = common::context(lab, progress);
    if args.solution || args.labs.is_some() {
        context.folder = folder(lab, args);
    }
    context.options = options(args);
    context.seed = args.seed;
    context.part_of_task = args.test.is_some();
    context
}

/// 0 all passed, 1 something failed; nothing to run is "could not grade".
fn exit_code(report: &LabReport, args: &RunArgs) -> Result<ExitCode> {
    let compiled = matches!(report.build, BuildReport::Ok { .. });
    if compiled && report.tasks.iter().all(|task| task.tests.is_empty()) {
        match &args.test {
            Some(name) => bail!("no hidden test has \"{name}\" in its name"),
            None => bail!("there are no hidden tests to run"),
        }
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request<'a>(course: &Course, lab: &'a Lab, args: &RunArgs) -> Result<Request<'a>> {
    let earlier = match args.earlier {
        EarlierLabs::Same => Earlier::Same,
        EarlierLabs::Reference => Earlier::Reference,
    };
    let sources = match &args.labs {
        Some(folder) => Sources::Labs { folder: labs_folder(folder, lab)?, earlier },
        None if args.solution => Sources::Reference,
        None => Sources::Labs { folder: course.root.join("labs"), earlier },
    };
    let task = args.task.as_deref().map(|task| task_id(lab, task)).transpose()?;
    let mut request = Request::new(lab, sources);
    request.selection = match &args.test {
        // `--test` is for a closer look at a test; the gates of its task say nothing about it.
        Some(part) => Selection::NamePart { task, part: part.clone() },
        None => {
            let measuring = if args.no_perf { Measuring::Off } else { Measuring::Gates(Rounds::Full) };
            Selection::Tasks(task.map_or(Tasks::All, Tasks::One), measuring)
        }
    };
    request.seed = args.seed;
    request.resources.test_jobs = args.jobs.map_or(0, usize::from);
    Ok(request)
}

/// `1.3`, or only `3`.
fn task_id(lab: &Lab, task: &str) -> Result<String> {
    let full = if task.contains('.') { task.to_string() } else { format!("{}.{task}", lab.number) };
    if lab.task(&full).is_some() {
        return Ok(full);
    }
    let known: Vec<&str> = lab.tasks.iter().map(|task| task.id.as_str()).collect();
    bail!("lab {} has no task \"{task}\"; there are: {}", lab.number, known.join(", "))
}

/// The folder with the lab folders; one lab's folder itself is taken for its parent.
fn labs_folder(folder: &Path, lab: &Lab) -> Result<PathBuf> {
    let folder = fs::canonicalize(folder).with_context(|| format!("no folder {}", folder.display()))?;
    for candidate in [folder.join("labs"), folder.clone()] {
        if candidate.join(&lab.id).is_dir() {
            return Ok(candidate);
        }
    }
    bail!("{} holds no folder {}", folder.display(), lab.id)
}

fn folder(lab: &Lab, args: &RunArgs) -> String {
    match &args.labs {
        Some(folder) => folder.join(&lab.id).display().to_string(),
        None => format!("solutions/{}", lab.id),
    }
}

/// The options a rerun needs to see the same.
fn options(args: &RunArgs) -> String {
    let mut options = String::new();
    if args.solution {
        options.push_str(" --solution");
    }
    if let Some(folder) = &args.labs {
        options.push_str(&format!(" --labs {}", folder.display()));
    }
    if args.earlier == EarlierLabs::Reference {
        options.push_str(" --earlier reference");
    }
    options
}

fn write_files(args: &RunArgs, report: &LabReport, context: &Context) -> Result<()> {
    let write = |path: &Option<PathBuf>, text: &dyn Fn() -> String| match path {
        Some(path) => fs::write(path, text()).with_context(|| format!("write {}", path.display())),
        None => Ok(()),
    };
    write(&args.junit, &|| junit::render(report, context))?;
    write(&args.gradescope, &|| gradescope::render(report, context))?;
    write(&args.html, &|| html::render(report, context))?;
    if let Some(path) = args.summary.as_ref().filter(|path| !path.as_os_str().is_empty()) {
        let file = fs::OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| file.write_all(summary::render(report, context).as_bytes()));
        written.with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
