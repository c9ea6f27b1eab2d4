//! Reads sources: the course's own without checks, a submission's with checks.
//!
//! Of a submission only regular `*.rs` files below `src/` are read, hidden ones aside. Everything else that
//! looks as if it should matter (a manifest, a build script, a cargo configuration) is named in the notes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::catalog::Lab;

/// Contents by path relative to a package.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Largest source file taken from a submission, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Largest submission, in bytes.
const TOTAL_BYTES: u64 = 8 << 20;

/// Most files in a submission.
const FILES: usize = 500;

/// Deepest folder below `src/`.
const DEPTH: usize = 12;

/// Whether the file at `path`, a path below `src/`, is source code: Rust, and not hidden. Editors and
/// archives put hidden files beside the sources: `.#lru.rs` (Emacs), `._lru.rs` (macOS), `.lru.rs.swp` (Vim).
pub fn is_graded(path: &Path) -> bool {
    let is_hidden = path.iter().any(is_hidden);
    !is_hidden && path.extension().is_some_and(|extension| extension == "rs")
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// All files below `package/folder` that are not hidden, with paths relative to `package`. For the course's
/// own folders.
pub fn course_sources(package: &Path, folder: &str) -> Result<Files> {
    let mut files = Files::new();
    read_course(package, Path::new(folder), &mut files)?;
    Ok(files)
}

fn read_course(package: &Path, folder: &Path, files: &mut Files) -> Result<()> {
    let whole = package.join(folder);
    let entries = fs::read_dir(&whole).with_context(|| format!("cannot read {}", whole.display()))?;
    for entry in entries {
        let entry = entry?;
        if is_hidden(&entry.file_name()) {
            continue;
        }
        let path = folder.join(entry.file_name());
        let kind = fs::metadata(entry.path()).map(|meta| (meta.is_dir(), meta.is_file()));
        match kind {
            Ok((true, _)) => read_course(package, &path, files)?,
            Ok((_, true)) => {
                files.insert(path, fs::read(entry.path())?);
            }
            Ok(_) => bail!("{} is neither a file nor a folder", entry.path().display()),
            // An editor's lock file can be a link whose target does not exist.
            Err(_) => {}
        }
    }
    Ok(())
}

/// What was found in a learner's lab folder.
#[derive(Debug, Default)]
pub struct Submission {
    /// The sources.
    pub files: Files,
    /// Why the submission cannot be graded, each naming a file.
    pub problems: Vec<String>,
    /// What has no effect, each naming a file.
    pub notes: Vec<String>,
    total_bytes: u64,
}

impl Submission {
    /// Reads `labs/NN-name` of a submission. `manifest` is what its `Cargo.toml` should be, `config` the
    /// cargo configuration that belongs to the course.
    pub fn read(labs: &Path, lab: &Lab, manifest: &Path, config: &Path) -> Submission {
        let mut submission = Submission::default();
        let folder = labs.join(&lab.id);
        submission.note_ineffective(labs, &folder, lab, manifest, config);
        let source = folder.join("src");
        match fs::canonicalize(&source) {
            Ok(real) if is_inside(&folder, labs) && is_inside(&real, &folder) => {
                submission.walk(&real, &real, Path::new("src"), lab, 0);
            }
            Ok(_) => submission.problem(lab, "src", "is a link to somewhere else"),
            Err(_) => submission.problem(lab, "src", "is missing"),
        }
        if submission.problems.is_empty() && !submission.files.contains_key(Path::new("src/lib.rs")) {
            submission.problem(lab, "src/lib.rs", "is missing");
        }
        submission
    }

    fn problem(&mut self, lab: &Lab, path: &str, what: &str) {
        self.problems.push(format!("{}/{path} {what}", lab.path()));
    }

    fn walk(&mut self, root: &Path, folder: &Path, shown: &Path, lab: &Lab, depth: usize) {
        if depth > DEPTH {
            return self.problem(lab, &shown.to_string_lossy(), "is nested too deep");
        }
        let Ok(entries) = fs::read_dir(folder) else {
            return self.problem(lab, &shown.to_string_lossy(), "cannot be read");
        };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(|entry| entry.file_name());
        for entry in entries.into_iter().filter(|entry| !is_hidden(&entry.file_name())) {
            let shown = shown.join(entry.file_name());
            let name = shown.to_string_lossy().into_owned();
            let Ok(kind) = entry.file_type() else {
                self.problem(lab, &name, "cannot be read");
                continue;
            };
            if kind.is_dir() {
                self.walk(root, &entry.path(), &shown, lab, depth + 1);
            } else if !is_graded(&shown) {
                self.note_other(lab, &name);
            } else if kind.is_file() {
                self.take(&entry.path(), &shown, lab);
            } else if kind.is_symlink() {
                match fs::canonicalize(entry.path()) {
                    Ok(real) if real.starts_with(root) && real.is_file() => self.take(&real, &shown, lab),
                    Ok(_) => self.problem(lab, &name, "is a link that leaves src/; copy the file instead"),
                    Err(_) => self.problem(lab, &name, "is a link to nothing"),
                }
            } else {
                self.problem(lab, &name, "is not a regular file");
            }
            if self.files.len() > FILES {
                return self.problem(lab, "src", &format!("has more than {FILES} files"));
            }
        }
    }

    /// Editors leave backups behind (`lru.rs~`, `#lru.rs#`, `lru.rs.bk`); they are not reported.
    fn note_other(&mut self, lab: &Lab, name: &str) {
        let is_backup = ["~", "#", ".bk", ".bak", ".orig", ".swp"].iter().any(|end| name.ends_with(end));
        if !is_backup {
            self.notes.push(format!("{}/{name} has no effect: only .rs files are graded", lab.path()));
        }
    }

    fn take(&mut self, path: &Path, shown: &Path, lab: &Lab) {
        let name = shown.to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return self.problem(lab, &name, &format!("cannot be read: {error}"));
        }
        if bytes.len() as u64 > FILE_BYTES {
            return self.problem(lab, &name, &format!("is larger than {} KiB", FILE_BYTES >> 10));
        }
        self.total_bytes += bytes.len() as u64;
        if self.total_bytes > TOTAL_BYTES {
            return self.problem(lab, "src", &format!("is larger than {} MiB", TOTAL_BYTES >> 20));
        }
        if let Err(error) = std::str::from_utf8(&bytes) {
            let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
            return self.problem(lab, &format!("{name}:{line}"), "is not UTF-8");
        }
        self.files.insert(shown.to_path_buf(), bytes);
    }

    /// Names the files that a learner may expect to have an effect, and that have none.
    fn note_ineffective(&mut self, labs: &Path, folder: &Path, lab: &Lab, manifest: &Path, config: &Path) {
        let path = lab.path();
        let own = fs::read(folder.join("Cargo.toml")).unwrap_or_default();
        if !own.is_empty() && fs::read(manifest).is_ok_and(|wanted| wanted != own) {
            self.notes.push(format!(
                "{path}/Cargo.toml was edited and has no effect: the grader uses the course's own"
            ));
        }
        for (name, what) in [("build.rs", "build script"), (".cargo", "cargo configuration")] {
            if folder.join(name).exists() {
                self.notes.push(format!("{path}/{name} has no effect: the grader runs no {what} of a lab"));
            }
        }
        for name in ["rust-toolchain", "rust-toolchain.toml"] {
            if folder.join(name).exists() {
                self.notes.push(format!("{path}/{name} has no effect: the course fixes the toolchain"));
            }
        }
        let course_config = fs::read(config).unwrap_or_default();
        for (folder, name) in [(Some(labs), "labs/.cargo"), (labs.parent(), ".cargo")] {
            for file in ["config.toml", "config"] {
                let found = folder.and_then(|folder| fs::read(folder.join(".cargo").join(file)).ok());
                if found.is_some_and(|bytes| bytes != course_config) {
                    self.notes.push(format!("{name}/{file} has no effect on grading"));
                }
            }
        }
    }
}

/// Whether `path` lies below `folder` once all links are followed.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let (path, folder) = (fs::canonicalize(path), fs::canonicalize(folder));
    matches!((path, folder), (Ok(path), Ok(folder)) if path.starts_with(&folder))
}
