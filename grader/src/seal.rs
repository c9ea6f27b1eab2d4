//! Programs of hidden tests, in a folder of their own, checked before each start.
//!
//! A program is copied out of the build folder: what runs knows its own path, and finds nothing beside it.
//! The copy cannot be written to without changing its rights first, and where the kernel does not confine
//! what runs (no landlock), the code under test could do that and put another program in place of a task's
//! tests. So:
//!
//! - S1: a program starts only if its bytes are those that were copied. The file's number, size and the
//!   kernel's time of its last change say whether it was touched, and then its content is read again.
//! - S2: a path that is not sealed is started as it is: the tests of the grader start programs of the system.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::children;

/// Every sealed program of this process.
static SEALED: Mutex<BTreeMap<PathBuf, Seal>> = Mutex::new(BTreeMap::new());

/// How the folders of sealed programs begin.
const PREFIX: &str = "programs-";

/// A kernel before Linux 6.13 gives the changes of one clock tick, at most 10 ms, the same time.
const TICK: Duration = Duration::from_millis(20);

/// What is known of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seal {
    digest: [u8; 32],
    state: State,
    /// Every later change of the file shows in its state.
    is_settled: bool,
}

/// Changes with every change of a file's bytes or rights, and nobody but the kernel sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    device: u64,
    number: u64,
    size: u64,
    changed: (i64, i64),
}

impl State {
    /// Whether a change that comes now gets another time than this state has.
    fn is_settled(&self) -> bool {
        let (seconds, nanos) = self.changed;
        let changed = Duration::new(seconds.max(0) as u64, nanos.max(0) as u32);
        SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now > changed + TICK)
    }
}

/// The sealed programs of one run; removed when dropped.
#[derive(Debug)]
pub struct Programs {
    work: PathBuf,
    folder: Mutex<Option<tempfile::TempDir>>,
}

impl Programs {
    /// Programs in a folder below `work`, whose lock the caller holds. Removes what a run left behind that
    /// was ended.
    pub fn new(work: &Path) -> Programs {
        for entry in fs::read_dir(work).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                let _ = fs::set_permissions(entry.path(), Permissions::from_mode(0o700));
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Programs { work: work.to_path_buf(), folder: Mutex::new(None) }
    }

    /// Copies the program; the copy's path.
    pub fn add(&self, program: &Path) -> Result<PathBuf> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match &mut *folder {
            Some(folder) => folder,
            none => none.insert(tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.work)?),
        };
        let name = program.file_name().context("a program has a name")?;
        let copy = folder.path().join(name);
        if seals().contains_key(&copy) {
            return Ok(copy);
        }
        let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        let digest = Sha256::digest(&bytes).into();
        let write = || -> io::Result<State> {
            fs::write(&copy, &bytes)?;
            fs::set_permissions(&copy, Permissions::from_mode(0o500))?;
            state(&copy)
        };
        // A process that starts meanwhile inherits the open file, and the system does not run a program that
        // a process can write to ("Text file busy").
        let state =
            children::while_none_starts(write).with_context(|| format!("cannot write {}", copy.display()))?;
        seals().insert(copy.clone(), Seal { digest, state, is_settled: false });
        Ok(copy)
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let folder = self.folder.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folder {
            seals().retain(|path, _| !path.starts_with(folder.path()));
        }
    }
}

/// An error if the sealed program at `path` is no longer what was sealed.
pub fn check(path: &Path) -> io::Result<()> {
    let Some(seal) = seals().get(path).cloned() else { return Ok(()) };
    let changed = || {
        io::Error::other(format!(
            "{} was changed while the tests ran. Something that the submission started wrote to it, so nothing is \
             graded: look at the submission, and grade it where landlock confines it",
            path.display()
        ))
    };
    let now = state(path).map_err(|_| changed())?;
    if seal.is_settled && now == seal.state {
        return Ok(());
    }
    let is_settled = now.is_settled();
    let bytes = fs::read(path).map_err(|_| changed())?;
    let found: [u8; 32] = Sha256::digest(&bytes).into();
    if found != seal.digest {
        return Err(changed());
    }
    seals().insert(path.to_path_buf(), Seal { state: now, is_settled, ..seal });
    Ok(())
}

fn seals() -> std::sync::MutexGuard<'static, BTreeMap<PathBuf, Seal>> {
    SEALED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state(path: &Path) -> io::Result<State> {
    let meta = fs::symlink_metadata(path)?;
    Ok(State {
        device: meta.dev(),
        number: meta.ino(),
        size: meta.size(),
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (tempfile::TempDir, Programs, PathBuf) {
        let work = tempfile::tempdir().unwrap();
        let original = work.path().join("t1_1-0123");
        fs::write(&original, "the tests").unwrap();
        let programs = Programs::new(work.path());
        let copy = programs.add(&original).unwrap();
        (work, programs, copy)
    }

    fn unlock(path: &Path) {
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }

    /// Ten lines of safe code can do this where nothing confines them.
    #[test]
    fn a_program_that_was_replaced_does_not_start() {
        let (_work, _programs, copy) = sealed();
        check(&copy).unwrap();
        unlock(&copy);
        check(&copy).expect("other rights are no other program");
        let time = fs::metadata(&copy).unwrap().modified().unwrap();
        fs::write(&copy, "their own").unwrap();
        fs::File::options().write(true).open(&copy).unwrap().set_modified(time).unwrap();
        assert!(check(&copy).unwrap_err().to_string().contains("was changed while the tests ran"));
        fs::remove_file(&copy).unwrap();
        assert!(check(&copy).is_err());
        fs::write(&copy, "the tests").unwrap();
        check(&copy).expect("the same bytes are the same program");
    }

    #[test]
    fn a_copy_is_alone_and_read_only_and_ends_with_the_run() {
        let (work, programs, copy) = sealed();
        let folder = copy.parent().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o500);
        assert_eq!(programs.add(&work.path().join("t1_1-0123")).unwrap(), copy);
        drop(programs);
        assert!(!folder.exists() && !seals().contains_key(&copy));
        fs::create_dir(work.path().join("programs-left")).unwrap();
        drop(Programs::new(work.path()));
        assert!(!work.path().join("programs-left").exists());
    }
}
