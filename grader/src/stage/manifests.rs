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
//!   SEAT-KIT -----------> the labs and kits that the kit stands on, in their seats of this run
//! ```
//!
//! A *kit* is a package that suites or labs share (`grader/suites/course.toml` lists them). Its sources are
//! staged once, and its manifest once for each seat, so that a suite and the lab it tests see the same
//! earlier labs through it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};

use super::{Files, Seat};
use crate::catalog::{COURSE_FILE, Course, Lab, Task};

/// The packages every stage has: where they are in the course, where in the stage.
pub const COMMONS: &[(&str, &str)] = &[
    ("labs/kit", "labs/kit"),
    ("grader/protocol", "grader/protocol"),
    ("grader/testkit", "grader/testkit"),
    ("grader/testkit-macros", "grader/testkit-macros"),
];

/// The two profiles. Tests are quick to rebuild and five times faster than unoptimised; performance programs
/// are built as a program would be shipped. Without `lto = "off"`, the compiler optimises the parts of a test
/// program against each other after each edit, which takes longer than the rest of the build.
/// [`suite_profile`] adds the suite's.
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

/// How the suite builds. It is compiled again after each edit of the lab, and its own code and the lab's
/// generic code in it take longer to optimise than to run: lab 4's task 4.3 builds in 0.7 s instead of 1.9 s,
/// and its tests need 3.4 s of processor time instead of 2.2 s, on two cores. Checks for overflow and debug
/// assertions are on either way.
fn suite_profile(package: &str) -> String {
    format!("\n[profile.dev.package.{package}]\nopt-level = 0\n")
}

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

/// The package of a lab's hidden tests.
pub fn suite_package(lab: &Lab) -> String {
    format!("suite-{}", lab.package)
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
    /// Dependencies of each reference lab, by lab number, or why they cannot be read: only a lab that is in
    /// use must be in order.
    labs: BTreeMap<u32, Result<Table, String>>,
    /// The kits by package name.
    kits: BTreeMap<String, KitManifest>,
}

/// What the stage needs of a kit's manifest.
#[derive(Debug)]
struct KitManifest {
    /// The kit's folder, the same in the course and in the stage.
    folder: String,
    dependencies: Table,
    features: Table,
}

/// A kit in a seat, as a package of the stage.
#[derive(Debug)]
pub struct StagedKit {
    /// Where its sources lie, in the course and in the stage.
    pub sources: String,
    /// Where its manifest lies in the stage.
    pub folder: String,
    /// The manifest.
    pub manifest: String,
}

impl<'a> Manifests<'a> {
    /// Reads the reference's workspace and the manifests of its labs.
    pub fn read(course: &'a Course) -> Result<Manifests<'a>> {
        let workspace = read_table(&course.commons.join("solutions/Cargo.toml"))?;
        let mut labs = BTreeMap::new();
        for lab in &course.labs {
            let path = course.root.join("solutions").join(&lab.id).join("Cargo.toml");
            if path.is_file() {
                let manifest = read_table(&path).map_err(|error| format!("{error:#}"));
                labs.insert(lab.number, manifest.map(|manifest| table(&manifest, "dependencies")));
            }
        }
        let mut kits = BTreeMap::new();
        for kit in &course.kits {
            let manifest = read_table(&course.commons.join(&kit.folder).join("Cargo.toml"))?;
            let (dependencies, features) = (table(&manifest, "dependencies"), table(&manifest, "features"));
            let manifest = KitManifest { folder: kit.folder.clone(), dependencies, features };
            kits.insert(kit.package.clone(), manifest);
        }
        Ok(Manifests { course, workspace: table(&workspace, "workspace"), labs, kits })
    }

    /// `lab` and the labs that it or its suite stands on, by number.
    pub fn closure(&self, lab: &'a Lab) -> Result<Vec<&'a Lab>> {
        let mut wanted: Vec<&Lab> = vec![lab];
        let mut names = self.suite_dependencies(lab)?;
        let mut next = 0;
        while let Some(current) = wanted.get(next).copied() {
            names.extend(self.lab_dependencies(current)?.keys().cloned());
            for name in self.with_kits(std::mem::take(&mut names)) {
                let Some(other) = self.lab_of(&name) else { continue };
                if other.number > lab.number {
                    bail!("lab {} stands on {name}, which is the later lab {}", lab.number, other.number);
                }
                if !wanted.iter().any(|lab| lab.number == other.number) {
                    wanted.push(other);
                }
            }
            next += 1;
        }
        wanted.sort_by_key(|lab| lab.number);
        Ok(wanted)
    }

    /// The lab with this package name.
    fn lab_of(&self, package: &str) -> Option<&'a Lab> {
        self.course.labs.iter().find(|lab| lab.package == package)
    }

    /// The packages that the suite of `lab` names.
    fn suite_dependencies(&self, lab: &Lab) -> Result<BTreeSet<String>> {
        let own = read_table(&lab.suite_dir.join("Cargo.toml"))?;
        let tables = ["dependencies", "dev-dependencies"].map(|key| table(&own, key));
        Ok(tables.iter().flat_map(|table| table.keys().cloned()).collect())
    }

    /// `names` and whatever the kits among them stand on, through any number of kits.
    fn with_kits(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        let mut open: Vec<String> = names.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(name) = open.pop() {
            if let Some(kit) = self.kits.get(&name)
                && !found.contains(&name)
            {
                open.extend(kit.dependencies.keys().cloned());
            }
            found.insert(name);
        }
        found
    }

    /// The root manifest of a stage whose hidden tests are the package `suite`.
    pub fn root(&self, members: &[String], suite: &str) -> String {
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
        format!("# Written by the grader for one run.\n{root}{PROFILES}{}", suite_profile(suite))
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

    /// The manifest of the hidden tests in `files`. Of the suite's dev-dependencies it has only
    /// those that the tests name: what the benches compare with is not compiled to grade a lab.
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

    /// The kits that `lab`, its suite and the labs below it use: each for the seat of this run, and for the
    /// reference, which performance programs compare with.
    pub fn kits(&self, lab: &'a Lab, seats: &BTreeMap<u32, Seat>) -> Result<Vec<StagedKit>> {
        let mut names = self.suite_dependencies(lab)?;
        for lab in self.closure(lab)? {
            names.extend(self.lab_dependencies(lab)?.keys().cloned());
        }
        let mut staged = Vec::new();
        for name in self.with_kits(names) {
            let Some(kit) = self.kits.get(&name) else { continue };
            for seat in BTreeSet::from([self.kit_seat(&name, seats), Seat::Reference]) {
                staged.push(self.kit(&name, kit, seat, seats)?);
            }
        }
        Ok(staged)
    }

    fn kit(
        &self,
        name: &str,
        kit: &KitManifest,
        seat: Seat,
        seats: &BTreeMap<u32, Seat>,
    ) -> Result<StagedKit> {
        let reference_only = BTreeMap::new();
        let seats = if seat == Seat::Reference { &reference_only } else { seats };
        let mut library = Table::new();
        library.insert("name".into(), name.replace('-', "_").into());
        library.insert("path".into(), format!("../../{}/src/lib.rs", kit.folder).into());
        let mut manifest = package(&seat.package(name));
        manifest.insert("lib".into(), Value::Table(library));
        manifest.insert("features".into(), Value::Table(kit.features.clone()));
        // A suite asks for the scheduler itself; a performance program that uses the kit must not have it.
        let dependencies = self.bind(&kit.dependencies, seats, "../..", false)?;
        manifest.insert("dependencies".into(), Value::Table(dependencies));
        let folder = kit_folder(&seat.package(name));
        Ok(StagedKit { sources: kit.folder.clone(), folder, manifest: manifest.to_string() })
    }

    /// The seat of the last lab that the kit stands on. A kit that stands on no lab is the same for every
    /// seat, and is staged as the reference's.
    fn kit_seat(&self, name: &str, seats: &BTreeMap<u32, Seat>) -> Seat {
        let names = self.with_kits(BTreeSet::from([name.to_owned()]));
        let last = names.iter().filter_map(|name| self.lab_of(name)).map(|lab| lab.number).max();
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
        let known = known.ok_or_else(|| anyhow!("solutions/{}/Cargo.toml is missing", lab.id))?;
        known.map_err(|error| anyhow!(error))
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
            let target = if let Some(lab) = self.lab_of(name) {
                let seat = seats.get(&lab.number).copied().unwrap_or(Seat::Reference);
                let path = format!("{up}/{}/{}", seat.folder(), lab.id);
                path_value(&path, Some(&seat.package(name)))
            } else if self.kits.contains_key(name) {
                let package = self.kit_seat(name, seats).package(name);
                path_value(&format!("{up}/{}", kit_folder(&package)), Some(&package))
            } else {
                match name.as_str() {
                    "kit" => path_value(&format!("{up}/labs/kit"), None),
                    "testkit" => testkit(up, is_controlled),
                    _ => by_version(name, value, &versions)?,
                }
            };
            bound.insert(name.clone(), target);
        }
        Ok(bound)
    }
}

/// Where in the stage the manifest of the kit's package `package` lies.
fn kit_folder(package: &str) -> String {
    format!("kits/{package}")
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
            bail!("{}", not_staged(name));
        }
        return Ok(value.clone());
    }
    let base = versions.get(name).with_context(|| format!("solutions/Cargo.toml has no {name}"))?;
    let mut merged = match base {
        Value::Table(base) => base.clone(),
        version => Table::from_iter([("version".to_owned(), version.clone())]),
    };
    if merged.contains_key("path") {
        bail!("{}", not_staged(name));
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

fn not_staged(name: &str) -> String {
    format!(
        "dependency {name} is a path: the stage has only kit, testkit, labs, and the kits of {COURSE_FILE}"
    )
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
#[path = "manifests_tests.rs"]
mod tests;
