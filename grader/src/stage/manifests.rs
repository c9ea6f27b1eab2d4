//! The manifests of the stage, every one written by the grader.
//!
//! What a lab may depend on is read from the *reference's* manifest, what the hidden tests need from the
//! suite's, and versions from the table in `solutions/Cargo.toml`. Nothing comes from a submission.
//!
//! ```text
//!   suite-NAME ---------> learner-NAME | reference-NAME | patched-NAME   under the short name,
//!                         a test program for each task
//!   perf-learner-NAME --> the same
//!   perf-reference-NAME -> reference-NAME
//!   perf-NAME ----------> perf-learner-NAME, perf-reference-NAME
//!   SEAT-pager-kit -----> the labs that the seat's buffer pool stands on; only for suites that name it
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};

use super::{Files, Seat};
use crate::catalog::{Course, Lab, Task};

/// The packages every stage has: where they are in the course, where in the stage.
pub const COMMONS: &[(&str, &str)] = &[
    ("labs/kit", "labs/kit"),
    ("grader/protocol", "grader/protocol"),
    ("grader/testkit", "grader/testkit"),
    ("grader/testkit-macros", "grader/testkit-macros"),
];

/// A package that suites share and that stands on labs: where it is in the course and in the stage. Its sources are staged
/// once, its manifest once for each seat, so that a suite and what it calls see the same buffer pool.
pub const PAGER_KIT: &str = "grader/pager-kit";

/// The name under which suites ask for [`PAGER_KIT`].
const PAGER_KIT_NAME: &str = "pager-kit";

/// How the two profiles build: tests quick to rebuild and five times faster than unoptimised,
/// performance as the learner would ship it. Without `lto = "off"` the parts of a test program are optimised
/// against each other after each edit, which takes longer than all the rest.
const PROFILES: &str = r#"
[profile.dev]
opt-level = 1
debug = "line-tables-only"
incremental = true
lto = "off"

[profile.dev.package."*"]
debug = false

[profile.release]
debug = "line-tables-only"
"#;

/// A lab's `Cargo.toml` after its `[package]`.
const LAB_LINTS: &str =
    "\n[lints.rust]\nunsafe_code = \"forbid\"\nunused = { level = \"allow\", priority = -1 }\n";

/// The performance program: the same workloads, bound once to each side.
const PERF_MAIN: &str =
    "fn main() {\n    testkit::perf::main(perf_learner::workloads, perf_reference::workloads);\n}\n";

/// The package of a lab's performance program.
pub fn perf_package(lab: &Lab) -> String {
    format!("perf-{}", lab.package)
}

/// The test program of a task: `t1_3` for task 1.3, as its module.
pub fn test_program(task: &str) -> String {
    format!("t{}", task.replace('.', "_"))
}

/// The file that a task's test program starts from, in the suite's `tests/`.
pub fn test_root(task: &str) -> String {
    format!("main_{}.rs", test_program(task))
}

/// The suite's `main.rs` without the modules of other tasks than `task`.
pub fn test_root_text(main: &str, task: &str, tasks: &[Task]) -> String {
    let is_foreign = |line: &str| {
        let others = tasks.iter().filter(|other| other.id != task);
        others.map(|other| format!("mod {};", test_program(&other.id))).any(|other| line.trim() == other)
    };
    let kept: Vec<&str> = main.lines().filter(|line| !is_foreign(line)).collect();
    format!("#![allow(dead_code)]\n{}\n", kept.join("\n"))
}

/// The course's manifests, read once a run.
#[derive(Debug)]
pub struct Manifests<'a> {
    course: &'a Course,
    workspace: Table,
    /// Dependencies of each reference lab, by lab number.
    labs: BTreeMap<u32, Table>,
    /// Dependencies of [`PAGER_KIT`]; empty in a course without one.
    pager_kit: Table,
}

impl<'a> Manifests<'a> {
    /// Reads the reference's workspace and the manifests of its labs.
    pub fn read(course: &'a Course) -> Result<Manifests<'a>> {
        let workspace = read_table(&course.commons.join("solutions/Cargo.toml"))?;
        let mut labs = BTreeMap::new();
        for lab in &course.labs {
            let path = course.root.join("solutions").join(&lab.id).join("Cargo.toml");
            if path.is_file() {
                labs.insert(lab.number, table(&read_table(&path)?, "dependencies"));
            }
        }
        let workspace = table(&workspace, "workspace");
        let path = course.commons.join(PAGER_KIT).join("Cargo.toml");
        let pager_kit =
            if path.is_file() { table(&read_table(&path)?, "dependencies") } else { Table::new() };
        Ok(Manifests { course, workspace, labs, pager_kit })
    }

    /// `lab` and the labs it stands on, by number.
    pub fn closure(&self, lab: &'a Lab) -> Result<Vec<&'a Lab>> {
        let mut wanted: Vec<&Lab> = vec![lab];
        let mut next = 0;
        while next < wanted.len() {
            for name in self.lab_dependencies(wanted[next])?.keys() {
                let known = self.course.labs.iter().find(|other| &other.package == name);
                if let Some(other) = known
                    && !wanted.iter().any(|lab| lab.number == other.number)
                {
                    wanted.push(other);
                }
            }
            next += 1;
        }
        wanted.sort_by_key(|lab| lab.number);
        Ok(wanted)
    }

    /// The root manifest.
    pub fn root(&self, members: &[String]) -> String {
        let mut workspace = Table::new();
        workspace.insert("resolver".into(), "3".into());
        let members = members.iter().map(|member| Value::from(member.as_str())).collect();
        workspace.insert("members".into(), Value::Array(members));
        workspace.insert("package".into(), Value::Table(table(&self.workspace, "package")));
        let mut dependencies = table(&self.workspace, "dependencies");
        dependencies.retain(|_, value| value.get("path").is_none());
        for (_, to) in COMMONS {
            let package = to.rsplit('/').next().unwrap_or(to);
            let name = if package == "protocol" { "grader-protocol" } else { package };
            dependencies.insert(name.into(), path_value(to, None));
        }
        workspace.insert("dependencies".into(), Value::Table(dependencies));
        let mut root = Table::new();
        root.insert("workspace".into(), Value::Table(workspace));
        format!("# Written by the grader for one run.\n{root}{PROFILES}")
    }

    /// The manifest of `lab` in `seat`, its earlier labs in the seats of this run.
    pub fn lab(&self, lab: &Lab, seat: Seat, seats: &BTreeMap<u32, Seat>) -> Result<String> {
        let reference_only = BTreeMap::new();
        let seats = if seat == Seat::Reference { &reference_only } else { seats };
        let dependencies = self.bind(&self.lab_dependencies(lab)?, seats, seat.up(), true)?;
        let mut manifest = package(&seat.package(&lab.package));
        let mut library = Table::new();
        library.insert("name".into(), lab.library().into());
        library.insert("path".into(), "src/lib.rs".into());
        manifest.insert("lib".into(), Value::Table(library));
        manifest.insert("dependencies".into(), Value::Table(dependencies));
        Ok(format!("{manifest}{LAB_LINTS}"))
    }

    /// The manifest of the hidden tests in `files`. Of what the suite needs for its own development only that
    /// which the tests name comes along; what its benches compare with stays out of every grading.
    pub fn suite(&self, lab: &Lab, name: &str, files: &Files, seats: &BTreeMap<u32, Seat>) -> Result<String> {
        let own = read_table(&lab.suite_dir.join("Cargo.toml"))?;
        let mut wanted = table(&own, "dependencies");
        let is_named = |package: &str| {
            let mut tests = files.iter().filter(|(path, _)| path.starts_with("tests"));
            tests.any(|(_, text)| names_crate(&String::from_utf8_lossy(text), &package.replace('-', "_")))
        };
        let more = table(&own, "dev-dependencies");
        wanted.extend(more.into_iter().filter(|(package, _)| is_named(package)));
        let dependencies = self.bind(&wanted, seats, "../../..", true)?;
        let mut manifest = package(name);
        let programs = lab.tasks.iter().map(|task| {
            let mut test = Table::new();
            test.insert("name".into(), test_program(&task.id).into());
            test.insert("path".into(), format!("tests/{}", test_root(&task.id)).into());
            test.insert("harness".into(), false.into());
            Value::Table(test)
        });
        manifest.insert("test".into(), Value::Array(programs.collect()));
        manifest.insert("dependencies".into(), Value::Table(dependencies));
        Ok(manifest.to_string())
    }

    /// The manifests of [`PAGER_KIT`], each with its folder: for the seat of this run, and for the reference, which
    /// performance programs compare with. None where the suite of `lab` does not name it.
    pub fn pager_kits(&self, lab: &Lab, seats: &BTreeMap<u32, Seat>) -> Result<Vec<(String, String)>> {
        let own = read_table(&lab.suite_dir.join("Cargo.toml"))?;
        let mut tables = ["dependencies", "dev-dependencies"].iter().map(|key| table(&own, key));
        if !tables.any(|table| table.contains_key(PAGER_KIT_NAME)) {
            return Ok(Vec::new());
        }
        let mut kits = Vec::new();
        for seat in BTreeSet::from([self.pager_kit_seat(seats), Seat::Reference]) {
            let reference_only = BTreeMap::new();
            let seats = if seat == Seat::Reference { &reference_only } else { seats };
            let name = seat.package(PAGER_KIT_NAME);
            let mut library = Table::new();
            library.insert("name".into(), "pager_kit".into());
            library.insert("path".into(), format!("../../{PAGER_KIT}/src/lib.rs").into());
            let mut manifest = package(&name);
            manifest.insert("lib".into(), Value::Table(library));
            let dependencies = self.bind(&self.pager_kit, seats, "../..", true)?;
            manifest.insert("dependencies".into(), Value::Table(dependencies));
            kits.push((pager_kit_folder(&name), manifest.to_string()));
        }
        Ok(kits)
    }

    /// The seat of the last lab that [`PAGER_KIT`] stands on.
    fn pager_kit_seat(&self, seats: &BTreeMap<u32, Seat>) -> Seat {
        let labs = self.course.labs.iter().filter(|lab| self.pager_kit.contains_key(&lab.package));
        let last = labs.map(|lab| lab.number).max();
        last.and_then(|last| seats.get(&last)).copied().unwrap_or(Seat::Reference)
    }

    /// The three packages of the performance program: folder and files.
    pub fn perf(&self, lab: &Lab, seats: &BTreeMap<u32, Seat>) -> Result<Vec<(&'static str, Files)>> {
        let own = read_table(&lab.suite_dir.join("Cargo.toml"))?;
        let wanted = table(&own, "dependencies");
        let mut packages = Vec::new();
        for (side, seats) in [("learner", seats), ("reference", &BTreeMap::new())] {
            let mut manifest = package(&format!("perf-{side}-{}", lab.package));
            let mut library = Table::new();
            library.insert("name".into(), format!("perf_{side}").into());
            let path = format!("../../../grader/suites/{}/perf/lib.rs", lab.id);
            library.insert("path".into(), path.into());
            manifest.insert("lib".into(), Value::Table(library));
            let dependencies = self.bind(&wanted, seats, "../../..", false)?;
            manifest.insert("dependencies".into(), Value::Table(dependencies));
            let text = manifest.to_string().into_bytes();
            packages.push((side, Files::from([("Cargo.toml".into(), text)])));
        }
        packages.push(("main", self.perf_main(lab)));
        Ok(packages)
    }

    fn perf_main(&self, lab: &Lab) -> Files {
        let mut manifest = package(&perf_package(lab));
        let mut program = Table::new();
        program.insert("name".into(), perf_package(lab).into());
        program.insert("path".into(), "main.rs".into());
        manifest.insert("bin".into(), Value::Array(vec![Value::Table(program)]));
        let mut dependencies = Table::new();
        for side in ["learner", "reference"] {
            let package = format!("perf-{side}-{}", lab.package);
            dependencies.insert(format!("perf_{side}"), path_value(&format!("../{side}"), Some(&package)));
        }
        dependencies.insert("testkit".into(), testkit("../../..", false));
        manifest.insert("dependencies".into(), Value::Table(dependencies));
        let text = manifest.to_string().into_bytes();
        Files::from([("Cargo.toml".into(), text), ("main.rs".into(), PERF_MAIN.into())])
    }

    fn lab_dependencies(&self, lab: &Lab) -> Result<Table> {
        let known = self.labs.get(&lab.number).cloned();
        known.ok_or_else(|| anyhow!("solutions/{}/Cargo.toml is missing", lab.id))
    }

    /// Turns dependencies as the course writes them into dependencies of the stage: ours by path, labs to
    /// their seat (the reference's where `seats` says nothing), all else by version.
    fn bind(
        &self,
        wanted: &Table,
        seats: &BTreeMap<u32, Seat>,
        up: &str,
        is_controlled: bool,
    ) -> Result<Table> {
        let versions = table(&self.workspace, "dependencies");
        let mut bound = Table::new();
        for (name, value) in wanted {
            let lab = self.course.labs.iter().find(|lab| &lab.package == name);
            let target = match (lab, name.as_str()) {
                (Some(lab), _) => {
                    let seat = seats.get(&lab.number).copied().unwrap_or(Seat::Reference);
                    let path = format!("{up}/{}/{}", seat.folder(), lab.id);
                    path_value(&path, Some(&seat.package(name)))
                }
                (None, "kit") => path_value(&format!("{up}/labs/kit"), None),
                (None, "testkit") => testkit(up, is_controlled),
                (None, PAGER_KIT_NAME) => {
                    let package = self.pager_kit_seat(seats).package(name);
                    path_value(&format!("{up}/{}", pager_kit_folder(&package)), Some(&package))
                }
                (None, _) => by_version(name, value, &versions)?,
            };
            bound.insert(name.clone(), target);
        }
        Ok(bound)
    }
}

/// Where in the stage the manifest of [`PAGER_KIT`] as `package` lies.
fn pager_kit_folder(package: &str) -> String {
    format!("pagers/{package}")
}

/// Whether `text` has a path that starts with the crate `name`.
fn names_crate(text: &str, name: &str) -> bool {
    let starts_path = |at: usize| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        !text[..at].ends_with(is_part) && text[at + name.len()..].starts_with("::")
    };
    text.match_indices(name).any(|(at, _)| starts_path(at))
}

/// The manifest of kit, testkit or protocol, without what only their own tests and benches need.
pub fn common(package: &Path) -> Result<String> {
    let mut manifest = read_table(&package.join("Cargo.toml"))?;
    for key in ["test", "bench", "example", "bin", "dev-dependencies"] {
        manifest.remove(key);
    }
    Ok(manifest.to_string())
}

/// `[package]` of a staged package: no build script and no target that is not written down.
fn package(name: &str) -> Table {
    let mut package = Table::new();
    package.insert("name".into(), name.into());
    package.insert("version".into(), "0.1.0".into());
    package.insert("edition".into(), "2024".into());
    for switch in ["publish", "build", "autolib", "autobins", "autoexamples", "autotests", "autobenches"] {
        package.insert(switch.into(), false.into());
    }
    Table::from_iter([("package".to_owned(), Value::Table(package))])
}

fn path_value(path: &str, package: Option<&str>) -> Value {
    let mut value = Table::new();
    value.insert("path".into(), path.into());
    if let Some(package) = package {
        value.insert("package".into(), package.into());
    }
    Value::Table(value)
}

/// The testkit; the controlled scheduler stays out of whatever is measured.
fn testkit(up: &str, is_controlled: bool) -> Value {
    let mut value = Table::new();
    value.insert("path".into(), format!("{up}/grader/testkit").into());
    value.insert("default-features".into(), is_controlled.into());
    Value::Table(value)
}

/// A dependency from a registry, `workspace = true` looked up in the reference's table.
fn by_version(name: &str, value: &Value, versions: &Table) -> Result<Value> {
    let Some(own) = value.as_table() else {
        return Ok(value.clone());
    };
    if own.get("workspace").and_then(Value::as_bool) != Some(true) {
        if own.contains_key("path") {
            bail!("dependency {name} is a path; only kit, testkit and labs are staged");
        }
        return Ok(value.clone());
    }
    let base = versions.get(name).with_context(|| format!("solutions/Cargo.toml has no {name}"))?;
    let mut merged = match base {
        Value::Table(base) => base.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    if merged.contains_key("path") {
        bail!("dependency {name} is a path; only kit, testkit and labs are staged");
    }
    for (key, value) in own.iter().filter(|(key, _)| *key != "workspace") {
        match (merged.get_mut(key), value) {
            (Some(Value::Array(base)), Value::Array(more)) => base.extend(more.iter().cloned()),
            _ => {
                merged.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(Value::Table(merged))
}

fn read_table(path: &Path) -> Result<Table> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse().with_context(|| format!("cannot read {}", path.display()))
}

/// The table under `key`; empty when there is none.
fn table(of: &Table, key: &str) -> Table {
    of.get(key).and_then(Value::as_table).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAB: &str = include_str!("../../tests/fixture/grader/suites/01-tiny/lab.toml");

    /// What tasks share stays in; a helper that only another task uses is dead code here.
    #[test]
    fn a_tasks_program_leaves_the_other_tasks_out() {
        let lab = Lab::parse(Path::new("grader/suites/01-tiny"), LAB).unwrap();
        let main = "//! Tests.\n\nmod support;\nmod t1_1;\nmod t1_2;\n\nfn main() {}\n";
        let text = test_root_text(main, "1.2", &lab.tasks);
        assert_eq!(text, "#![allow(dead_code)]\n//! Tests.\n\nmod support;\nmod t1_2;\n\nfn main() {}\n");
        assert_eq!((test_program("1.2").as_str(), test_root("1.2").as_str()), ("t1_2", "main_t1_2.rs"));
    }

    /// A module of the same name is no reason to compile a crate.
    #[test]
    fn a_crate_is_named_where_a_path_starts_with_it() {
        assert!(names_crate("use lru::LruCache;", "lru"));
        assert!(!names_crate("use structures::lru::LruCache; mod lru;", "lru"));
        assert!(!names_crate("my_lru::x()", "lru"));
    }

    /// A suite's pager must hand out the guards of the very buffer pool that the tested lab was built on.
    #[test]
    fn the_pager_kit_sits_where_the_buffer_pool_does() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let course = Course::open(root).unwrap();
        let manifests = Manifests::read(&course).unwrap();
        let lab = |number: u32| course.labs.iter().find(|lab| lab.number == number).unwrap();
        assert!(manifests.pager_kits(lab(1), &BTreeMap::new()).unwrap().is_empty());
        let seats =
            |pool| BTreeMap::from([(1, Seat::Learner), (2, Seat::Learner), (3, pool), (4, Seat::Patched)]);
        let kits = |seats| manifests.pager_kits(lab(4), &seats).unwrap();
        let patched = kits(seats(Seat::Patched));
        let folders: Vec<&str> = patched.iter().map(|(folder, _)| folder.as_str()).collect();
        assert_eq!(folders, ["pagers/reference-pager-kit", "pagers/patched-pager-kit"]);
        let bound: Table = patched[1].1.parse().unwrap();
        let package = |name: &str| bound["dependencies"][name]["package"].as_str();
        assert_eq!(package("buffer-pool"), Some("patched-buffer-pool"));
        assert_eq!(package("slotted-page"), Some("learner-slotted-page"));
        assert_eq!(kits(seats(Seat::Reference)).len(), 1);
        let suite = manifests.suite(lab(4), "suite", &uses_pager_kit(), &seats(Seat::Learner)).unwrap();
        let suite: Table = suite.parse().unwrap();
        assert_eq!(suite["dependencies"]["pager-kit"]["package"].as_str(), Some("learner-pager-kit"));
    }

    fn uses_pager_kit() -> Files {
        Files::from([("tests/t4_1.rs".into(), b"use pager_kit::MemPager;".to_vec())])
    }

    /// A version from the table keeps its features and gets those asked for on top.
    #[test]
    fn versions_come_from_the_reference() {
        let parse = |text: &str| text.parse::<Table>().unwrap();
        let versions =
            parse("a = \"1\"\nb = { version = \"2\", features = [\"x\"] }\nkit = { path = \"k\" }");
        let wanted =
            parse("a.workspace = true\nb = { workspace = true, features = [\"y\"] }\nkit.workspace = true");
        let bound = |name: &str| by_version(name, &wanted[name], &versions);
        assert_eq!(bound("a").unwrap()["version"].as_str(), Some("1"));
        assert_eq!(bound("b").unwrap()["features"].as_array().map(Vec::len), Some(2));
        assert!(bound("kit").is_err(), "a path would lead out of the stage");
    }
}
