//! `cargo grade author`: what the authors of labs use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command as Process, ExitCode};

use anyhow::{Context, Result};

use crate::author::check::{self, Options, Scope};
use crate::author::generate::{Change, Generator};
use crate::author::new::create;
use crate::author::{lists, loop_times};
use crate::catalog::{Course, Lab};
use crate::cli::{AuthorCommand, CheckArgs};
use crate::paint::Paint;

/// Runs an author's command.
pub fn run(course: &Course, command: AuthorCommand) -> Result<ExitCode> {
    let good = match command {
        AuthorCommand::Generate { check, only } => return generate(&course.root, check, &only),
        AuthorCommand::New { id } => return new(&course.root, &id),
        AuthorCommand::Check(arguments) => check::run(course, &options(arguments), Paint::stdout())?,
        AuthorCommand::Labs => {
            let labs: Vec<&str> = course.labs.iter().map(|lab| lab.id.as_str()).collect();
            println!("{}", serde_json::to_string(&labs)?);
            true
        }
        AuthorCommand::Loop { lab, task } => {
            let labs: Vec<&Lab> = match (&lab, &task) {
                (Some(key), _) => vec![course.lab(key)?],
                (None, Some(id)) => vec![course.task(id)?.0],
                (None, None) => course.labs.iter().collect(),
            };
            loop_times::run(course, &labs, task.as_deref(), Paint::stdout())?
        }
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whatever narrows the check makes it run all that is left; only the whole check is the gate.
fn options(arguments: CheckArgs) -> Options {
    let CheckArgs { lab, only, mutant, all, record, since, seed, test_seed } = arguments;
    let is_narrowed = lab.is_some() || !only.is_empty() || mutant.is_some() || test_seed.is_some();
    let is_gate = since.is_some() || seed.is_some() || !is_narrowed;
    let scope = match (record, is_gate && !all) {
        (true, _) => Scope::Record { is_all: all },
        (false, true) => Scope::Gate { since, seed },
        (false, false) => Scope::All,
    };
    Options { scope, lab, only, mutant, test_seed }
}

/// Writes `labs/` and the lists of labs and kits, or with `check` only reports what is not up to date.
pub fn generate(root: &Path, check: bool, only: &[String]) -> Result<ExitCode> {
    let generator = Generator { root, only, tasks: task_ids(root)? };
    if check {
        return check_generated(&generator);
    }
    let written = generator.write()?;
    for (path, change) in &written.changed {
        let word = match change {
            Change::Missing => "new    ",
            Change::Differs => "updated",
            Change::Extra => "removed",
        };
        println!("{word} labs/{}", path.display());
    }
    for copy in &written.backups {
        let copy = copy.strip_prefix(root).unwrap_or(copy);
        println!("kept    {} (no generation wrote what was there)", copy.display());
    }
    // The lists come second: cargo refuses a workspace that names a lab whose folder is not there yet.
    let listed = lists::write(root)?;
    for path in &listed {
        println!("updated {}", path.display());
    }
    match written.changed.len() + listed.len() {
        0 => println!("labs/ and the lists are up to date"),
        count => println!("{count} file(s) changed"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Creates an empty lab and prints what to do next.
pub fn new(root: &Path, id: &str) -> Result<ExitCode> {
    let lab = create(root, id)?;
    for path in &lab.files {
        println!("new     {}", path.display());
    }
    for path in &lab.lists {
        println!("updated {}", path.display());
    }
    for manifest in ["Cargo.toml", "solutions/Cargo.toml"] {
        let mut command = Process::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["update", "--quiet", "--workspace", "--offline", "--manifest-path"])
            .arg(root.join(manifest));
        let is_done = command.status().is_ok_and(|status| status.success());
        let lock = manifest.replace(".toml", ".lock");
        match is_done {
            true => println!("updated {lock}"),
            false => {
                println!("not updated: {lock}; run: cargo update --workspace --manifest-path {manifest}")
            }
        }
    }
    let number = lab.number;
    println!(
        "\nLab {number} is empty. Its text is in order: cargo grade author check --lab {number} --only text\n\
         Every place to write at is marked TO WRITE; this lists them: \
         cargo grade author check --lab {number} --only reference"
    );
    Ok(ExitCode::SUCCESS)
}

fn check_generated(generator: &Generator<'_>) -> Result<ExitCode> {
    let plan = generator.plan()?;
    let listed = lists::plan(generator.root)?;
    let stale: Vec<_> = listed.iter().filter(|file| !file.is_current()).collect();
    if plan.changes.is_empty() && stale.is_empty() {
        println!("labs/ and the lists are up to date ({} files)", plan.wanted.len() + listed.len());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("labs/ or a list of labs is not what solutions/ and grader/suites/ say:");
    for (path, change) in &plan.changes {
        let word = match change {
            Change::Missing => "missing",
            Change::Differs => "differs",
            Change::Extra => "extra",
        };
        eprintln!("  {word:<8} labs/{}", path.display());
    }
    for file in &stale {
        eprintln!("  {:<8} {}", "differs", file.path.display());
    }
    if let Some((path, _)) = plan.changes.first_key_value() {
        eprintln!("\n{}", generator.diff(&plan, path));
    }
    if let Some(file) = stale.first() {
        eprintln!("\n{}", file.diff());
    }
    eprintln!("run: cargo grade author generate");
    Ok(ExitCode::FAILURE)
}

/// The task ids of each `grader/suites/NN-name/lab.toml`. Reads nothing else of it, so that a lab whose
/// tasks are half written can already be generated.
pub fn task_ids(root: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut found = BTreeMap::new();
    let suites = root.join("grader/suites");
    for entry in std::fs::read_dir(&suites).with_context(|| format!("read {}", suites.display()))? {
        let entry = entry?;
        let path = entry.path().join("lab.toml");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let table: toml::Table = text.parse().with_context(|| format!("read {}", path.display()))?;
        let tasks = table.get("task").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let ids = tasks.iter().filter_map(|task| task.get("id")?.as_str()).map(str::to_string).collect();
        found.insert(entry.file_name().to_string_lossy().into_owned(), ids);
    }
    Ok(found)
}
