//! What reading alone can tell: nothing is compiled here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::super::generate::files_below;
use super::super::{lists, marks, new};
use super::found::Found;
use crate::catalog::{Course, Lab};
use crate::functions::functions;
use crate::paint::plural;

/// The sections of every handout, in order.
const SECTIONS: [&str; 13] = [
    "What you will build",
    "Where it sits",
    "The idea",
    "Predict",
    "Format or protocol",
    "Invariants",
    "Tasks",
    "Run it",
    "Watch it break",
    "Checkpoint",
    "Questions",
    "Going further",
    "Reading",
];

/// `labs/` is what `solutions/` says.
pub fn generated(course: &Course, lab: &Lab) -> Result<Found> {
    let (plan, problems) = super::plan(course, lab)?;
    Ok(Found {
        says: format!("{} generated", plural(plan.wanted.len(), "file")),
        problems,
        ..Found::default()
    })
}

/// Every list of labs and kits is what the suites and `course.toml` say.
pub fn lists(course: &Course) -> Result<Found> {
    let files = lists::plan(&course.root)?;
    let stale = files.iter().filter(|file| !file.is_current());
    let problems = stale.map(|file| {
        let name = file.path.display();
        format!("a list in {name} is not up to date; run: cargo grade author generate\n{}", file.diff())
    });
    Ok(Found {
        says: format!("lists in {}", plural(files.len(), "file")),
        problems: problems.collect(),
        ..Found::default()
    })
}

/// Nothing that `author new` wrote still waits for an author.
pub fn still_to_write(course: &Course, lab: &Lab) -> Result<Found> {
    let places = new::to_write(&course.root, &lab.id)?;
    let says = format!("{} to write", plural(places.len(), "place"));
    let problem = (!places.is_empty()).then(|| {
        format!(
            "{} in the files of the lab say TO WRITE\n{}",
            plural(places.len(), "place"),
            places.join("\n")
        )
    });
    Ok(Found { says, problems: problem.into_iter().collect(), ..Found::default() })
}

/// Ids, points, hints and files of `lab.toml`.
pub fn catalog(lab: &Lab) -> Found {
    let says = format!("{}, {}", plural(lab.tasks.len(), "task"), plural(lab.perf.len(), "gate"));
    Found { says, problems: lab.problems().iter().map(ToString::to_string).collect(), ..Found::default() }
}

/// Every task has a hole, and its file has one of them.
pub fn marks(course: &Course, lab: &Lab) -> Result<Found> {
    let solutions = course.root.join("solutions").join(&lab.id);
    let mut holes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut count = 0;
    for path in files_below(&solutions, Path::new("src"))? {
        let name = path.display().to_string();
        let text = fs::read_to_string(solutions.join(&path)).with_context(|| format!("read {name}"))?;
        // The step before reports broken marks.
        let Ok(marked) = marks::parse(&name, &text) else { continue };
        for region in marked.regions() {
            count += 1;
            holes.entry(region.task.clone()).or_default().insert(name.clone());
        }
        problems.extend(shared_functions(&name, &marked.skeleton()));
    }
    for task in &lab.tasks {
        match holes.get(&task.id) {
            None => problems.push(format!("task {} has no hole in solutions/{}/src", task.id, lab.id)),
            Some(files) if !files.contains(&task.file) => {
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                problems.push(format!(
                    "task {} names {}, its holes are in {}",
                    task.id,
                    task.file,
                    files.join(", ")
                ));
            }
            Some(_) => {}
        }
    }
    Ok(Found { says: plural(count, "hole"), problems, ..Found::default() })
}

/// The functions of a skeleton with holes of two tasks: a reset of one task would empty the other's work too.
fn shared_functions(name: &str, skeleton: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for function in functions(skeleton) {
        let body = &skeleton[function.body.clone()];
        let tasks = body.split("todo!(\"task ").skip(1).filter_map(|rest| rest.split(':').next());
        let tasks: BTreeSet<&str> = tasks.collect();
        if tasks.len() > 1 {
            let tasks: Vec<&str> = tasks.into_iter().collect();
            let function = function.path.last().map_or("", String::as_str);
            problems.push(format!(
                "{name}: `{function}` has holes of the tasks {}; give each task a function of its own",
                tasks.join(" and ")
            ));
        }
    }
    problems
}

/// The handout has every section and every task's heading.
pub fn handout(course: &Course, lab: &Lab) -> Result<Found> {
    let name = format!("handouts/src/{}.md", lab.id);
    let text = fs::read_to_string(course.root.join(&name)).with_context(|| format!("read {name}"))?;
    let problems = missing_headings(&text, lab).into_iter().map(|what| format!("{name}: {what}")).collect();
    Ok(Found {
        says: plural(text.lines().filter(|line| line.starts_with('#')).count(), "heading"),
        problems,
        ..Found::default()
    })
}

fn missing_headings(text: &str, lab: &Lab) -> Vec<String> {
    let mut headings = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if line.starts_with('#') && !in_code {
            headings.push(line.trim_end());
        }
    }
    let mut problems = Vec::new();
    let title = format!("# Lab {}: {}", lab.number, lab.title);
    if headings.first() != Some(&title.as_str()) {
        problems.push(format!("the first heading must be `{title}`, as in lab.toml"));
    }
    let sections: Vec<&str> = headings.iter().filter_map(|heading| heading.strip_prefix("## ")).collect();
    let known: Vec<&str> = sections.iter().copied().filter(|section| SECTIONS.contains(section)).collect();
    for section in SECTIONS.iter().filter(|section| !sections.contains(section)) {
        problems.push(format!("the section `## {section}` is missing"));
    }
    let ordered: Vec<&str> = SECTIONS.into_iter().filter(|section| known.contains(section)).collect();
    if known != ordered {
        problems.push(format!(
            "the sections' order is {}; it should be {}",
            known.join(", "),
            ordered.join(", ")
        ));
    }
    let tasks: Vec<&str> =
        headings.iter().copied().filter(|heading| heading.starts_with("### Task ")).collect();
    let wanted: Vec<String> =
        lab.tasks.iter().map(|task| format!("### Task {}: {}", task.id, task.title)).collect();
    for heading in wanted.iter().filter(|heading| !tasks.contains(&heading.as_str())) {
        problems.push(format!("the heading `{heading}` is missing"));
    }
    for heading in tasks.iter().filter(|heading| !wanted.iter().any(|wanted| wanted == *heading)) {
        problems.push(format!("`{heading}` is no task of lab.toml"));
    }
    problems
}

/// The gates of `lab.toml` are the workloads of `perf/`.
pub fn workloads(lab: &Lab) -> Result<Found> {
    let mut ids = BTreeSet::new();
    for path in files_below(&lab.suite_dir, Path::new("perf"))? {
        let text = fs::read_to_string(lab.suite_dir.join(&path))?;
        ids.extend(workload_ids(&text));
    }
    let mut problems = Vec::new();
    for gate in lab.perf.iter().filter(|gate| !ids.contains(&gate.id)) {
        problems.push(format!("gate {} has no workload of that name in perf/", gate.id));
    }
    for id in ids.iter().filter(|id| lab.perf.iter().all(|gate| gate.id != **id)) {
        problems.push(format!("workload {id} has no [[perf]] entry in lab.toml"));
    }
    Ok(Found { says: plural(ids.len(), "workload"), problems, ..Found::default() })
}

/// The names in calls of `Workload::timed("name", ..)` and its like.
fn workload_ids(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for call in text.split("Workload::").skip(1) {
        let Some((_, arguments)) = call.split_once('(') else { continue };
        let name = arguments.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
        ids.extend(name.map(|(name, _)| name.to_string()));
    }
    ids
}

/// The tests of a task are a program of their own, so its module is declared plainly and names no other
/// task's.
pub fn task_modules(lab: &Lab) -> Result<Found> {
    let main = lab.suite_dir.join("tests/main.rs");
    let main = fs::read_to_string(&main).with_context(|| format!("read {}", main.display()))?;
    let mut problems = Vec::new();
    for task in &lab.tasks {
        let module = format!("t{}", task.id.replace('.', "_"));
        if !main.lines().any(|line| line == format!("mod {module};")) {
            problems.push(format!("tests/main.rs has no line `mod {module};`"));
        }
    }
    let files = files_below(&lab.suite_dir, Path::new("tests"))?;
    for path in &files {
        let text = fs::read_to_string(lab.suite_dir.join(path))?;
        let own = path.iter().nth(1).and_then(|name| name.to_str()).map(|name| name.trim_end_matches(".rs"));
        for module in named_tasks(&text).into_iter().filter(|module| Some(module.as_str()) != own) {
            problems.push(format!("{} uses {module}, which is not there in its program", path.display()));
        }
    }
    Ok(Found { says: plural(files.len(), "test file"), problems, ..Found::default() })
}

/// The task modules that `text` names by a path: `crate::t1_2::...`, `super::t1_2::...`.
fn named_tasks(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in text.split("::t").skip(1) {
        let name: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '_').collect();
        if rest[name.len()..].starts_with("::")
            && name.split('_').filter(|part| !part.is_empty()).count() == 2
        {
            found.insert(format!("t{name}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab() -> Lab {
        let text = include_str!("../../../tests/fixture/grader/suites/01-tiny/lab.toml");
        Lab::parse(Path::new("grader/suites/01-tiny"), text).expect("the fixture is well formed")
    }

    /// A function that two tasks share is reported, two functions of two tasks are not.
    #[test]
    fn a_function_with_holes_of_two_tasks_is_reported() {
        let own = "fn a() {\n    todo!(\"task 1.1: x\")\n}\nfn b() {\n    todo!(\"task 1.2: y\")\n}\n";
        assert_eq!(shared_functions("src/a.rs", own), Vec::<String>::new());
        let shared = "fn pin(a: bool) {\n    if a {\n        todo!(\"task 1.1: x\")\n    } else {\n        \
                      todo!(\"task 1.2: y\")\n    }\n}\n";
        let found = shared_functions("src/a.rs", shared);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("has holes of the tasks 1.1 and 1.2"), "{}", found[0]);
    }

    /// A heading in a code block is code, and a wrong order is reported.
    #[test]
    fn headings_are_compared_with_the_catalog() {
        let lab = lab();
        let mut text = format!("# Lab 1: {}\n", lab.title);
        for section in SECTIONS {
            text.push_str(&format!("## {section}\n"));
            if section == "Tasks" {
                for task in &lab.tasks {
                    text.push_str(&format!("### Task {}: {}\n", task.id, task.title));
                }
            }
        }
        assert_eq!(missing_headings(&text, &lab), Vec::<String>::new());
        let other = text.replace("## Predict\n", "```\n## Predict\n```\n### Task 9.9: No\n");
        let found = missing_headings(&other, &lab);
        assert_eq!(
            found,
            ["the section `## Predict` is missing", "`### Task 9.9: No` is no task of lab.toml"]
        );
        let swapped = text.replace("## Reading\n", "").replace("## Predict\n", "## Reading\n## Predict\n");
        assert!(missing_headings(&swapped, &lab)[0].contains("order"), "{swapped}");
        let untitled = text.replace("# Lab 1: ", "# ");
        assert!(missing_headings(&untitled, &lab)[0].contains("# Lab 1: A bag of numbers"), "{untitled}");
    }

    #[test]
    fn task_modules_are_found_by_their_paths() {
        let text = "use crate::t1_2::wheel;\nsuper::t2_10::f();\nstd::time::Duration; x::t1_2; a::t1::b";
        assert_eq!(named_tasks(text).into_iter().collect::<Vec<_>>(), ["t1_2", "t2_10"]);
    }

    #[test]
    fn workloads_are_found_by_their_names() {
        let text = "vec![Workload::timed(\n    \"map-hit\", || {}), Workload::counted(\"map-probes\", f)]\nfn x() -> Workload {}";
        assert_eq!(workload_ids(text), ["map-hit", "map-probes"]);
    }
}
