//! A stage and a build folder for each submission that is not the course's own labs.
//!
//! ```text
//!   <work>/build                         of the learner's own labs, and of the reference
//!   <work>/submissions/anna-0123456789abcdef/{lock,stage,build}
//! ```
//!
//! Nothing that was built from one submission is there when another one is graded, so what one leaves behind
//! cannot reach the next. Dependencies from a registry hold no code of a submission: a new build folder
//! starts with copies of those that the course's own has compiled, and a folder that was not used for a while
//! is removed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use super::freshness::{self, PROFILES};
use super::manifests::test_program;
use super::{Files, take_lock};
use crate::catalog::Course;
use crate::observer::Observer;

/// Folders of other submissions that are kept: somebody may grade the same one again.
const KEPT: usize = 3;

/// A file whose date is that of the last run.
const USED: &str = "used";

/// A name for the submission in `folder` that no other folder has.
pub fn name(folder: &Path) -> String {
    let place = folder.as_os_str().as_encoded_bytes().to_vec();
    let digest = freshness::digest(&Files::from([(PathBuf::from("folder"), place)]));
    let readable = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
    let shown = folder.components().rev().map(|part| part.as_os_str().to_string_lossy().into_owned());
    let shown = shown.into_iter().find(|part| part != "labs").unwrap_or_default();
    let shown: String = shown.chars().filter(readable).take(32).collect();
    format!("{shown}-{}", &digest[..16])
}

/// Gives the submission's build folder the dependencies that the course's own has, the first time, and
/// removes folders of other submissions beyond the last few. The caller holds the submission's lock.
pub(super) fn prepare(course: &Course, shared: &Path, own: &Path, observer: &mut dyn Observer) -> Result<()> {
    let used = own.join(USED);
    fs::write(&used, "x").with_context(|| format!("cannot write {}", used.display()))?;
    remove_old(own);
    let (from, to) = (shared.join("build"), own.join("build"));
    if to.exists() || !from.exists() {
        return Ok(());
    }
    observer.say("copying the compiled dependencies");
    let _lock = take_lock(shared, observer)?;
    let ours = Ours::of(course);
    // A copy that was broken off must not look like a whole one.
    let new = own.join("build-new");
    let _ = fs::remove_dir_all(&new);
    for profile in PROFILES {
        for folder in [".fingerprint", "build", "deps"] {
            let is_ours =
                |name: &str| if folder == "deps" { ours.is_file(name) } else { ours.is_folder(name) };
            copy(&from.join(profile).join(folder), &new.join(profile).join(folder), &is_ours)?;
        }
    }
    fs::rename(&new, &to).with_context(|| format!("cannot create {}", to.display()))
}

/// What the stage builds itself, as opposed to what comes from a registry.
struct Ours {
    packages: BTreeSet<String>,
    crates: BTreeSet<String>,
}

impl Ours {
    fn of(course: &Course) -> Ours {
        let packages = freshness::staged_packages(course);
        let mut crates: BTreeSet<String> = packages.iter().map(|name| name.replace('-', "_")).collect();
        crates.extend(["perf_learner", "perf_reference"].map(str::to_owned));
        crates.extend(course.kits.iter().map(|kit| kit.package.replace('-', "_")));
        for lab in &course.labs {
            crates.insert(lab.library());
            crates.extend(lab.tasks.iter().map(|task| test_program(&task.id)));
        }
        Ours { packages, crates }
    }

    /// `PACKAGE-HASH`.
    fn is_folder(&self, name: &str) -> bool {
        name.rsplit_once('-').is_some_and(|(package, _)| self.packages.contains(package))
    }

    /// `libCRATE-HASH.rlib`, `CRATE-HASH.d`, `CRATE-HASH`. Object files of a crate have more parts.
    fn is_file(&self, name: &str) -> bool {
        let stem = name.split('.').next().unwrap_or(name);
        let Some((name, _)) = stem.rsplit_once('-') else { return true };
        self.crates.contains(name) || name.strip_prefix("lib").is_some_and(|name| self.crates.contains(name))
    }
}

/// Copies a folder with the times of its files, which cargo compares.
fn copy(from: &Path, to: &Path, is_left_out: &dyn Fn(&str) -> bool) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if is_left_out(&name.to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, &|_| false)?;
            continue;
        }
        let write = || -> std::io::Result<()> {
            fs::copy(entry.path(), &target)?;
            let time = entry.metadata()?.modified()?;
            File::options().write(true).open(&target)?.set_modified(time)
        };
        write().with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

/// Removes the oldest folders beside `own`, those in use left alone. One that cannot be removed stays, and
/// the next start tries again.
fn remove_old(own: &Path) {
    let parent = own.parent().unwrap_or(own);
    let mut others: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        // A folder that was just made has no such file yet, and is the newest.
        let used = fs::metadata(path.join(USED)).or_else(|_| fs::metadata(&path));
        let used = used.and_then(|meta| meta.modified());
        if path != own {
            others.push((used.unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
    others.sort();
    let surplus = others.len().saturating_sub(KEPT);
    for (_, path) in others.into_iter().take(surplus) {
        let lock = File::open(path.join("lock"));
        if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_err()) {
            continue;
        }
        let _ = fs::remove_dir_all(&path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    fn course() -> Course {
        Course::open(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
    }

    #[test]
    fn each_folder_has_a_name_of_its_own() {
        let (anna, other) = (name(Path::new("/a/anna/labs")), name(Path::new("/b/anna/labs")));
        assert!(anna.starts_with("anna-") && other.starts_with("anna-"), "{anna} {other}");
        assert_ne!(anna, other);
        assert_eq!(anna, name(Path::new("/a/anna/labs")));
        assert!(!name(Path::new("/a/../b c;d")).contains([' ', ';', '/', '.']));
    }

    /// A new folder has what was compiled from registries, with its times, and nothing of anybody's labs.
    #[test]
    fn a_new_folder_starts_with_the_dependencies_alone() {
        let shared = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = shared.path().join("build/debug").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            path
        };
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        let rlib = write("deps/libserde-0123456789abcdef.rlib");
        File::options().write(true).open(rlib).unwrap().set_modified(old).unwrap();
        for path in [
            ".fingerprint/serde-0123456789abcdef/lib-serde",
            ".fingerprint/learner-structures-0123456789abcdef/lib-structures",
            ".fingerprint/testkit-0123456789abcdef/lib-testkit",
            "deps/libstructures-0123456789abcdef.rlib",
            "deps/t1_1-0123456789abcdef",
            "deps/libpager_kit-0123456789abcdef.rlib",
            "incremental/structures-1/x",
        ] {
            write(path);
        }
        let own = shared.path().join("submissions/anna");
        fs::create_dir_all(&own).unwrap();
        prepare(&course(), shared.path(), &own, &mut Silent).unwrap();
        let debug = own.join("build/debug");
        let copied = debug.join("deps/libserde-0123456789abcdef.rlib");
        assert_eq!(fs::metadata(copied).unwrap().modified().unwrap(), old);
        let names = |folder: &str| fs::read_dir(debug.join(folder)).map_or(0, |entries| entries.count());
        assert_eq!((names("deps"), names(".fingerprint"), names("incremental")), (1, 1, 0));
    }

    #[test]
    fn only_the_last_folders_are_kept() {
        let shared = tempfile::tempdir().unwrap();
        let folder = |number: u64| shared.path().join("submissions").join(format!("s{number}"));
        for number in 0..6 {
            fs::create_dir_all(folder(number)).unwrap();
            File::create(folder(number).join("lock")).unwrap();
            let used = File::create(folder(number).join(USED)).unwrap();
            used.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number)).unwrap();
        }
        let in_use = File::open(folder(0).join("lock")).unwrap();
        in_use.lock().unwrap();
        prepare(&course(), shared.path(), &folder(5), &mut Silent).unwrap();
        let left: Vec<u64> = (0..6).filter(|number| folder(*number).exists()).collect();
        assert_eq!(left, [0, 2, 3, 4, 5], "the oldest is in use");
    }
}
