//! Folders for the processes that the grader runs: each is removed when its process has ended.
//!
//! A grader that is killed with SIGKILL leaves its folders behind. [`remove_old`] removes these at the next
//! start.
//!
//! ```text
//!   Scratch::new   make the folder, lock it; start again if it was removed in between
//!   remove_old     a folder of ours that can be locked has no grader: remove it
//! ```
//!
//! - I1: a grader holds the lock of each folder that it uses, so a folder whose lock is free is old. On a
//!   file system without locks no folder is removed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tempfile::TempDir;

/// What the names of the folders begin with.
const PREFIX: &str = "database-labs-grade-";

/// How often a new folder may be taken for an old one before that is an error.
const ATTEMPTS: usize = 100;

/// A folder; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// The folder's own lock; `None` where the file system has no locks.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes an empty folder in the system's folder for temporary files.
    pub fn new() -> io::Result<Scratch> {
        Scratch::in_folder(&std::env::temp_dir())
    }

    fn in_folder(parent: &Path) -> io::Result<Scratch> {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            match claim(folder.path())? {
                Claim::Locked(file) => return Ok(Scratch { folder, _lock: Some(file) }),
                Claim::WithoutLocks => return Ok(Scratch { folder, _lock: None }),
                Claim::Lost => {}
            }
        }
        Err(io::Error::other(format!("folders in {} vanish as they are made", parent.display())))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// What locking a new folder came to.
enum Claim {
    Locked(File),
    /// The file system has no locks.
    WithoutLocks,
    /// Another grader took it for an old one.
    Lost,
}

/// Locks a folder that was just made.
fn claim(folder: &Path) -> io::Result<Claim> {
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Claim::Lost),
        Err(error) => return Err(error),
    };
    Ok(match file.try_lock() {
        Ok(()) if folder.exists() => Claim::Locked(file),
        Ok(()) | Err(TryLockError::WouldBlock) => Claim::Lost,
        Err(TryLockError::Error(_)) => Claim::WithoutLocks,
    })
}

/// Removes the folders of graders that have ended without removing them.
pub fn remove_old() {
    remove_old_in(&std::env::temp_dir());
}

fn remove_old_in(parent: &Path) {
    let us = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_scratch = entry.file_name().to_string_lossy().starts_with(PREFIX);
        // The kind of the entry itself: a link in a folder that everybody can write is left alone.
        let is_ours = |kind: fs::Metadata| kind.is_dir() && kind.uid() == us;
        if !is_scratch || !fs::symlink_metadata(entry.path()).is_ok_and(is_ours) {
            continue;
        }
        // The lock is held until the folder is gone, so that its maker, if it is new, sees that it lost it.
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder in use stays, one without a grader goes, and other programs' folders are left alone.
    #[test]
    fn only_folders_without_a_grader_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let in_use = Scratch::in_folder(parent.path()).unwrap();
        let old = parent.path().join(format!("{PREFIX}old"));
        let foreign = parent.path().join("grade-of-somebody");
        for folder in [&old, &foreign] {
            fs::create_dir_all(folder.join("below")).unwrap();
            fs::write(folder.join("below/file"), "x").unwrap();
        }
        std::os::unix::fs::symlink(&foreign, parent.path().join(format!("{PREFIX}link"))).unwrap();
        remove_old_in(parent.path());
        assert!(in_use.path().is_dir() && foreign.join("below/file").is_file());
        assert!(!old.exists());
        let path = in_use.path().to_path_buf();
        drop(in_use);
        assert!(!path.exists());
    }

    /// A run that looks for old folders while another run makes new ones removes none of the new ones.
    #[test]
    fn a_folder_that_is_new_is_not_taken_for_an_old_one() {
        let parent = tempfile::tempdir().unwrap();
        let made = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !made.load(std::sync::atomic::Ordering::Relaxed) {
                    remove_old_in(parent.path());
                }
            });
            for _ in 0..200 {
                let scratch = Scratch::in_folder(parent.path()).unwrap();
                assert!(fs::write(scratch.path().join("file"), "x").is_ok());
            }
            made.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
