//! `cargo grade run`: grades a lab, a task or a test, and reports.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::first_look::FirstLook;
use super::outputs::Outputs;
use super::{common, labs_folder, map};
use crate::blame;
use crate::catalog::{Course, Lab};
use crate::cli::{EarlierLabs, RunArgs};
use crate::grade::grade;
use crate::model::{BuildReport, LabReport};
use crate::paint::Paint;
use crate::progress::Progress;
use crate::report::{Context, json, terminal};
use crate::request::{Earlier, Measuring, Request, Rounds, Selection, Sources, Tasks};
use crate::stage::submissions;

/// Runs the command.
pub fn run(course: &Course, args: &RunArgs) -> Result<ExitCode> {
    let lab = course.lab(&args.lab)?;
    let (request, outputs) = (request(course, lab, args)?, Outputs::of(args)?);
    let context = context(lab, &common::progress(course), &request, args);
    let mut live = FirstLook::new(lab, context.clone());
    let mut report = grade(course, &request, &mut live)?;
    // A learner runs one task again and again while writing it, so only other runs look for the lab at fault.
    if args.task.is_none() {
        blame::assign(course, &request, &mut report, &mut live)?;
    }
    live.clear();

    let own = !args.solution && args.labs.is_none();
    let progress =
        (own && args.test.is_none()).then(|| common::update(course, |progress| progress.record(&report)));
    let paint = Paint::stdout();
    let mut text = match args.json {
        true => json::render(&report),
        false => terminal::render(&report, &context, paint, args.verbose),
    };
    if let Some(progress) = progress.filter(|_| report.passed() && !args.json) {
        text.push_str(&format!("\n{}", map::next(course, &progress, lab.number, paint)));
    }
    // The report comes first: a file that cannot be written must not cost it.
    let printed = common::print(&text);
    outputs.write(&report, &context)?;
    printed?;
    exit_code(&report, args)
}

fn context(lab: &Lab, progress: &Progress, request: &Request<'_>, args: &RunArgs) -> Context {
    let mut context = common::context(lab, progress);
    match &request.sources {
        Sources::Labs { folder, .. } if args.labs.is_some() => {
            context.folder = common::shown(&folder.join(&lab.id));
        }
        Sources::Labs { .. } => {}
        Sources::Reference | Sources::Patched { .. } => context.folder = format!("solutions/{}", lab.id),
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
        Some(folder) => Sources::Labs { folder: labs_folder::find(folder, lab)?, earlier },
        None if args.solution => Sources::Reference,
        None => Sources::Labs { folder: course.root.join("labs"), earlier },
    };
    let task = args.task.as_deref().map(|task| task_id(lab, task)).transpose()?;
    let mut request = Request::new(lab, sources);
    if let (Some(_), Sources::Labs { folder, .. }) = (&args.labs, &request.sources) {
        request.resources.submission = Some(submissions::name(folder));
    }
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

/// The options a rerun needs to see the same.
fn options(args: &RunArgs) -> String {
    let mut options = String::new();
    if args.solution {
        options.push_str(" --solution");
    }
    if let Some(folder) = &args.labs {
        options.push_str(&format!(" --labs {}", common::quoted(&folder.display().to_string())));
    }
    if args.earlier == EarlierLabs::Reference {
        options.push_str(" --earlier reference");
    }
    options
}
