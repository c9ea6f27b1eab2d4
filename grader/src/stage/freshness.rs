//! What was built from what: decides by content which builds are out of date.
//!
//! Cargo compares modification times. A clock that was set back, a date that a test changed, or a module that
//! moved to another file makes it take an old build for a new one, and the grade would belong to other code.
//! So the build folder holds a record of the sources that its builds are made from, and a build whose sources
//! differ is made unknown to cargo by removing its fingerprint:
//!
//! ```text
//!   <work>/build/contents.json      folder of a stage -> digest of the names and bytes of its files
//!   <work>/build/debug/.fingerprint/learner-structures-0123456789abcdef/
//!                                   removed, and those of all packages that can stand on it
//! ```
//!
//! - F1: a fingerprint of a package exists only if the package was compiled from the sources of the record.
//! - F2: while builds of a folder are made unknown, the folder is not in the record. What ends the grader in
//!   the middle leaves a folder of unknown contents, and everything that stands on it is built again.
//! - F3: dates decide only what is built again without need.
//! - F4: stages that share a build folder share the record. Cargo names a package's products after its path
//!   below the workspace, so those of equal folders of two stages are the same files.
//!
//! Manifests are not in a digest: the grader writes them, and cargo has what they say in its own digests. Nor
//! are dependencies from a registry, which never change under one version.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::manifests::{COMMONS, perf_package, suite_package};
use super::{Files, Seat};
use crate::catalog::{Course, Lab};
use crate::observer::Observer;

/// The record's name in the build folder.
const RECORD: &str = "contents.json";

/// The folders of the build folder that cargo compiles into.
pub const PROFILES: [&str; 2] = ["debug", "release"];

const SEATS: [Seat; 3] = [Seat::Learner, Seat::Reference, Seat::Patched];

/// Digests of the folders of a stage, by path below it.
pub(super) type Contents = BTreeMap<String, String>;

/// The digest of names and bytes, manifests left out.
pub(super) fn digest(files: &Files) -> String {
    let mut digest = Sha256::new();
    for (path, bytes) in files.iter().filter(|(path, _)| *path != Path::new("Cargo.toml")) {
        let name = path.as_os_str().as_encoded_bytes();
        // The lengths keep two parts apart from one.
        for part in [name, bytes.as_slice()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes cargo forget every build in `build` whose sources are not those of `contents`. The caller holds the
/// stage's lock and has written the sources.
pub(super) fn forget_stale(
    course: &Course,
    build: &Path,
    contents: &Contents,
    observer: &mut dyn Observer,
) -> Result<()> {
    let file = build.join(RECORD);
    let mut record = read(&file);
    let is_stale = |(folder, digest): &(&String, &String)| record.get(*folder) != Some(*digest);
    let stale: Vec<&String> = contents.iter().filter(is_stale).map(|(folder, _)| folder).collect();
    if stale.is_empty() {
        return Ok(());
    }
    let _locks = lock_profiles(build, observer);
    for folder in &stale {
        record.remove(*folder);
    }
    write(&file, &record)?;
    let packages: BTreeSet<String> = stale.iter().flat_map(|folder| affected(course, folder)).collect();
    for profile in PROFILES {
        remove_fingerprints(&build.join(profile), &packages)?;
        remove_lists(&build.join(profile), course, &stale)?;
    }
    record.extend(contents.clone());
    write(&file, &record)
}

/// The packages whose builds can contain code from `folder` of a stage, in any seats.
fn affected(course: &Course, folder: &str) -> BTreeSet<String> {
    let mut packages = BTreeSet::new();
    let owner = |lab: &&Lab| folder.rsplit('/').any(|part| part == lab.id);
    let lab = course.labs.iter().find(owner);
    let is_below = |part: &str| Path::new(folder).starts_with(part);
    let (first, seats): (u32, &[Seat]) = match lab {
        Some(lab) if is_below("perf") => return BTreeSet::from([perf_package(lab)]),
        Some(lab) if is_below("grader/suites") => {
            programs(lab, &mut packages);
            packages.insert(format!("perf-reference-{}", lab.package));
            return packages;
        }
        Some(lab) if is_below(Seat::Patched.folder()) => (lab.number, &[Seat::Patched]),
        // Patched labs can stand on a learner's, never the other way round.
        Some(lab) if is_below(Seat::Learner.folder()) => (lab.number, &[Seat::Learner, Seat::Patched]),
        Some(lab) => (lab.number, &SEATS),
        None => (0, &SEATS),
    };
    if lab.is_none() {
        packages.extend(COMMONS.iter().map(|(folder, _)| common_package(folder)));
    }
    for lab in course.labs.iter().filter(|lab| lab.number >= first) {
        packages.extend(seats.iter().map(|seat| seat.package(&lab.package)));
        programs(lab, &mut packages);
        if seats.contains(&Seat::Reference) {
            packages.insert(format!("perf-reference-{}", lab.package));
        }
    }
    packages.extend(course.kits.iter().flat_map(|kit| seats.iter().map(|seat| seat.package(&kit.package))));
    packages
}

/// Every package that a stage builds from the course or from a submission.
pub(super) fn staged_packages(course: &Course) -> BTreeSet<String> {
    affected(course, COMMONS[0].0)
}

/// The test programs and the learner's side of the performance program.
fn programs(lab: &Lab, packages: &mut BTreeSet<String>) {
    packages.extend([suite_package(lab), format!("perf-learner-{}", lab.package), perf_package(lab)]);
}

fn common_package(folder: &str) -> String {
    match folder {
        "grader/protocol" => "grader-protocol".to_owned(),
        _ => folder.rsplit('/').next().unwrap_or(folder).to_owned(),
    }
}

/// Removes `.fingerprint/PACKAGE-HASH` of these packages.
fn remove_fingerprints(profile: &Path, packages: &BTreeSet<String>) -> Result<()> {
    for path in entries(&profile.join(".fingerprint")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.rsplit_once('-').is_some_and(|(package, _)| packages.contains(package)) {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Removes rustc's lists of the files that it read for labs in the folders `stale`, so that a list that is
/// there after a build is of that build.
fn remove_lists(profile: &Path, course: &Course, stale: &[&String]) -> Result<()> {
    let roots: Vec<String> = stale.iter().map(|folder| format!(" {folder}/src/lib.rs")).collect();
    let starts: Vec<String> = course.labs.iter().map(|lab| format!("{}-", lab.library())).collect();
    for path in entries(&profile.join("deps")) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with(".d") || !starts.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        if roots.iter().any(|root| text.contains(root)) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Cargo's own locks of the build folder: a cargo that an earlier grader left behind must not enter a build
/// after its fingerprint was removed. Where the file system has no locks, there is nothing to wait for.
fn lock_profiles(build: &Path, observer: &mut dyn Observer) -> Vec<File> {
    let files =
        PROFILES.iter().filter_map(|profile| File::open(build.join(profile).join(".cargo-lock")).ok());
    let locked = files.inspect(|file| {
        if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
            observer.say("waiting for a compiler that an earlier run left behind");
            let _ = file.lock();
        }
    });
    locked.collect()
}

/// The record; empty where there is none that can be read, and then everything is built again.
fn read(file: &Path) -> Contents {
    let text = fs::read_to_string(file).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Writes the record as a whole or not at all.
fn write(file: &Path, record: &Contents) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let new = file.with_extension("new");
    let text = serde_json::to_vec(record)?;
    fs::write(&new, text)
        .and_then(|()| fs::rename(&new, file))
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
#[path = "freshness_tests.rs"]
mod tests;
