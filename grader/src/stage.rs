//! The stage: a throwaway workspace with the grader's manifests and the sources to grade.
//!
//! ```text
//!   <work>/lock                      held for the whole run
//!   <work>/stage/                    and stage-earlier/, for whose earlier lab is at fault
//!     Cargo.toml  Cargo.lock         the grader's; versions from solutions/
//!     labs/kit                       the course's
//!     labs/NN-name/src               the submission's, nothing but *.rs
//!     solutions/NN-name/src          the reference's
//!     patched/solutions/NN-name/src  the reference's with edits (mutants, stubs)
//!     grader/{protocol,testkit..}    the course's
//!     grader/suites/NN-name/         the hidden tests
//!     kits/SEAT-KIT/                 manifests of the kits in use; the sources lie as in the course
//!     perf/NN-name/{learner,reference,main}
//!   <work>/stage-NN-name.json        how the lab's tests ended and their cost: the order of the next run
//!   <work>/build/                    cargo's target folder
//!   <work>/submissions/KEY/          the same again for the submission of `--labs`
//! ```
//!
//! The layout is the course's own, so compiler messages, panics and `file!()` name the learner's files
//! without any remapping. Invariants:
//!
//! - I1: a file is written only when its bytes change, so that cargo, which goes by modification times,
//!   compiles nothing without need. What must be compiled again is decided by content ([`freshness`]).
//! - I2: of a submission only `*.rs` below `src/` is ever read. Manifests are the grader's own.
//! - I3: whoever writes the stage or uses what was built from it holds the lock.
//! - I4: each task's tests are a program of their own, so that one task is compiled without the others'.
//! - I5: learner, reference and patched sources are packages of different names in different folders,
//!   so that going from one to the other rebuilds nothing.

pub mod freshness;
mod holes;
pub mod manifests;
mod sources;
pub mod submissions;
mod sync;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::catalog::{Course, Lab};
use crate::lock::{self, Lock};
use crate::observer::Observer;
use crate::request::{Earlier, Request, Sources};
use crate::seal::Programs;
use freshness::Contents;
use manifests::Manifests;
pub use sources::{Files, Submission, course_sources, is_graded};
pub use sync::{write_file, write_folder};

/// The folder for submissions that have a stage and a build folder of their own.
const SUBMISSIONS: &str = "submissions";

/// What to do where the grader cannot write.
const NOT_WRITABLE: &str = "set CARGO_TARGET_DIR to a folder that can be written";

/// Where a lab's sources come from, and so which folder of the stage they lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seat {
    /// The submission.
    Learner,
    /// The reference.
    Reference,
    /// The reference with edits.
    Patched,
}

impl Seat {
    /// The folder in the stage.
    pub fn folder(self) -> &'static str {
        match self {
            Seat::Learner => "labs",
            Seat::Reference => "solutions",
            Seat::Patched => "patched/solutions",
        }
    }

    /// The way from a lab's folder in the stage to the stage.
    fn up(self) -> &'static str {
        match self {
            Seat::Learner | Seat::Reference => "../..",
            Seat::Patched => "../../..",
        }
    }

    /// The package called `name` in this seat.
    pub fn package(self, name: &str) -> String {
        match self {
            Seat::Learner => format!("learner-{name}"),
            Seat::Reference => format!("reference-{name}"),
            Seat::Patched => format!("patched-{name}"),
        }
    }
}

/// A written stage, locked until dropped.
#[derive(Debug)]
pub struct Stage {
    /// The workspace's folder.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub build_dir: PathBuf,
    /// The grader's folder for all submissions.
    pub shared: PathBuf,
    /// The seat of each lab in use, by lab number.
    pub seats: BTreeMap<u32, Seat>,
    /// The package of the hidden tests.
    pub suite_package: String,
    /// The package of the performance program, where the lab has one.
    pub perf_package: Option<String>,
    /// For the report: what in the submission has no effect.
    pub notes: Vec<String>,
    /// Why the submission cannot be compiled at all; empty when it can.
    pub problems: Vec<String>,
    /// The programs that were built, copied out of the build folder.
    pub programs: Programs,
    /// Digests of the sources by folder.
    contents: Contents,
    _lock: Lock,
}

impl Stage {
    /// Writes the stage for `request`, waiting for the lock first.
    pub fn prepare(course: &Course, request: &Request, observer: &mut dyn Observer) -> Result<Stage> {
        let shared = request.resources.work_dir.clone().unwrap_or_else(|| course.work_dir());
        let shared = created(&shared)?;
        if shared.as_os_str().as_encoded_bytes().contains(&b':') {
            bail!(
                "{} has a colon in its path, and cargo cannot build there; move the course, or set \
                 CARGO_TARGET_DIR to a folder without one",
                shared.display()
            );
        }
        let work = match &request.resources.submission {
            Some(name) => created(&shared.join(SUBMISSIONS).join(name))?,
            None => shared.clone(),
        };
        let lock = take_lock(&work, observer)?;
        if work != shared {
            submissions::prepare(course, &shared, &work, observer)?;
        }
        let manifests = Manifests::read(course)?;
        let labs = manifests.closure(request.lab)?;
        let seats: BTreeMap<u32, Seat> = labs.iter().map(|lab| (lab.number, seat(request, lab))).collect();
        let mut stage = Stage {
            root: work.join(request.resources.stage),
            build_dir: work.join("build"),
            shared,
            suite_package: manifests::suite_package(request.lab),
            perf_package: None,
            seats,
            notes: without_locks(&lock, &work).into_iter().collect(),
            problems: Vec::new(),
            programs: Programs::new(&work),
            contents: Contents::new(),
            _lock: lock,
        };
        stage.write(course, request, &manifests, &labs)?;
        freshness::forget_stale(course, &stage.build_dir, &stage.contents, observer)?;
        Ok(stage)
    }

    /// The file that remembers how the tests of `lab` ended in this stage.
    pub fn history(&self, lab: &Lab) -> PathBuf {
        self.root.with_file_name(format!("{}-{}.json", self.name(), lab.id))
    }

    fn name(&self) -> String {
        self.root.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The seat of the lab.
    pub fn seat(&self, lab: &Lab) -> Seat {
        self.seats.get(&lab.number).copied().unwrap_or(Seat::Reference)
    }

    fn write<'a>(
        &mut self,
        course: &Course,
        request: &Request<'a>,
        manifests: &Manifests<'a>,
        labs: &[&Lab],
    ) -> Result<()> {
        let mut members = BTreeSet::new();
        for (from, to) in manifests::COMMONS {
            let package = course.commons.join(from);
            let mut files = sources::course_sources(&package, "src")?;
            files.insert("Cargo.toml".into(), manifests::common(&package)?.into_bytes());
            self.section(&mut members, to, files)?;
        }
        for lab in labs {
            let seat = self.seat(lab);
            if seat != Seat::Reference {
                let files = self.graded_sources(course, request, lab, seat)?;
                self.lab_section(&mut members, manifests, lab, seat, files)?;
            }
            let files = sources::course_sources(&course.root.join("solutions").join(&lab.id), "src")?;
            self.lab_section(&mut members, manifests, lab, Seat::Reference, files)?;
        }
        self.suite_sections(course, &mut members, manifests, request.lab)?;
        let members: Vec<String> = members.into_iter().collect();
        let manifest = manifests.root(&members, &self.suite_package);
        let is_changed = sync::write_file(&self.root.join("Cargo.toml"), manifest.as_bytes())?;
        self.copy_lock(&course.commons, is_changed)
    }

    /// The sources of a lab that does not come straight from the reference.
    fn graded_sources(&mut self, course: &Course, request: &Request, lab: &Lab, seat: Seat) -> Result<Files> {
        let reference = course.root.join("solutions").join(&lab.id);
        match &request.sources {
            Sources::Labs { folder, .. } if seat == Seat::Learner => {
                let own_config = course.root.join(".cargo/config.toml");
                let submission = Submission::read(folder, lab, &reference.join("Cargo.toml"), &own_config);
                self.notes.extend(submission.notes);
                self.problems.extend(submission.problems);
                if request.resources.submission.is_some() {
                    self.notes.extend(holes::notes(lab, &submission.files));
                }
                Ok(submission.files)
            }
            Sources::Patched { files } => {
                let mut sources = sources::course_sources(&reference, "src")?;
                for (path, contents) in files {
                    if let Ok(path) = path.strip_prefix(&lab.id) {
                        sources.insert(path.to_path_buf(), contents.clone().into_bytes());
                    }
                }
                Ok(sources)
            }
            Sources::Labs { .. } | Sources::Reference => sources::course_sources(&reference, "src"),
        }
    }

    fn lab_section(
        &mut self,
        members: &mut BTreeSet<String>,
        manifests: &Manifests,
        lab: &Lab,
        seat: Seat,
        mut files: Files,
    ) -> Result<()> {
        let manifest = manifests.lab(lab, seat, &self.seats)?;
        files.insert("Cargo.toml".into(), manifest.into_bytes());
        self.section(members, &format!("{}/{}", seat.folder(), lab.id), files)
    }

    /// The kits that `lab` and its suite use.
    fn kits<'a>(
        &mut self,
        course: &Course,
        members: &mut BTreeSet<String>,
        manifests: &Manifests<'a>,
        lab: &'a Lab,
    ) -> Result<()> {
        for kit in manifests.kits(lab, &self.seats)? {
            let sources = sources::course_sources(&course.commons.join(&kit.sources), "src")?;
            sync::write_folder(&self.root.join(&kit.sources), &sources)?;
            self.contents.insert(kit.sources.clone(), freshness::digest(&sources));
            let manifest = Files::from([("Cargo.toml".into(), kit.manifest.into_bytes())]);
            self.section(members, &kit.folder, manifest)?;
        }
        Ok(())
    }

    /// The hidden tests, and the performance program where the suite has one.
    fn suite_sections<'a>(
        &mut self,
        course: &Course,
        members: &mut BTreeSet<String>,
        manifests: &Manifests<'a>,
        lab: &'a Lab,
    ) -> Result<()> {
        let mut files = sources::course_sources(&lab.suite_dir, "tests")?;
        let main = files.remove(Path::new("tests/main.rs"));
        let main = main.with_context(|| format!("{} has no tests/main.rs", lab.suite_dir.display()))?;
        let main = String::from_utf8(main).context("tests/main.rs is not UTF-8")?;
        for task in &lab.tasks {
            let text = manifests::test_root_text(&main, &task.id, &lab.tasks);
            let path = Path::new("tests").join(manifests::test_root(&task.id));
            files.insert(path, text.into_bytes());
        }
        let has_perf = lab.suite_dir.join("perf/lib.rs").is_file();
        if has_perf {
            files.extend(sources::course_sources(&lab.suite_dir, "perf")?);
        }
        let manifest = manifests.suite(lab, &self.suite_package, &files, &self.seats)?;
        files.insert("Cargo.toml".into(), manifest.into_bytes());
        self.section(members, &format!("grader/suites/{}", lab.id), files)?;
        self.kits(course, members, manifests, lab)?;
        if has_perf {
            for (folder, files) in manifests.perf(lab, &self.seats)? {
                self.section(members, &format!("perf/{}/{folder}", lab.id), files)?;
            }
            self.perf_package = Some(manifests::perf_package(lab));
        }
        Ok(())
    }

    fn section(&mut self, members: &mut BTreeSet<String>, folder: &str, files: Files) -> Result<()> {
        members.insert(folder.to_owned());
        self.contents.insert(folder.to_owned(), freshness::digest(&files));
        sync::write_folder(&self.root.join(folder), &files)
    }

    /// Starts from the reference's lock file whenever the members or that file changed, so that every
    /// submission is built with the same versions.
    fn copy_lock(&self, commons: &Path, is_forced: bool) -> Result<()> {
        let from = commons.join("solutions/Cargo.lock");
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        let is_new = sync::write_file(&self.root.join("Cargo.lock.origin"), &bytes)?;
        let to = self.root.join("Cargo.lock");
        if is_new || is_forced || !to.exists() {
            fs::write(&to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
        }
        Ok(())
    }
}

/// The folder, made if it is not there, without links.
fn created(folder: &Path) -> Result<PathBuf> {
    let failed = || format!("cannot create {}; {NOT_WRITABLE}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    Ok(fs::canonicalize(folder)?)
}

/// The labs that `lab` stands on, by number.
pub fn earlier_labs<'a>(course: &'a Course, lab: &'a Lab) -> Result<Vec<&'a Lab>> {
    let mut labs = Manifests::read(course)?.closure(lab)?;
    labs.retain(|other| other.number != lab.number);
    Ok(labs)
}

/// Whose sources of `lab` this request wants.
fn seat(request: &Request, lab: &Lab) -> Seat {
    match &request.sources {
        Sources::Labs { .. } if lab.number == request.lab.number => Seat::Learner,
        Sources::Labs { earlier, .. } => match earlier {
            Earlier::Same => Seat::Learner,
            Earlier::Reference => Seat::Reference,
            Earlier::UpTo(number) if lab.number <= *number => Seat::Learner,
            // The reference's own packages stand on each other.
            Earlier::UpTo(_) => Seat::Patched,
        },
        Sources::Reference => Seat::Reference,
        Sources::Patched { files } => {
            let is_patched = files.keys().any(|path| path.starts_with(&lab.id));
            if is_patched { Seat::Patched } else { Seat::Reference }
        }
    }
}

/// Takes the lock of the folder `work`, saying so when another grader has it.
fn take_lock(work: &Path, observer: &mut dyn Observer) -> Result<Lock> {
    let path = work.join("lock");
    let waits = || observer.wait("waiting for another grader that uses the same folder");
    lock::take(&path, waits).with_context(|| format!("cannot write {}; {NOT_WRITABLE}", path.display()))
}

/// For the report: that the folder `work` has no lock.
fn without_locks(lock: &Lock, work: &Path) -> Option<String> {
    let Lock::Unsupported(error) = lock else { return None };
    Some(format!(
        "{} has no file locks ({error}): run one grader at a time, or set CARGO_TARGET_DIR to a folder on a \
         local disk",
        work.display()
    ))
}
