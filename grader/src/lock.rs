//! Locks on files, on file systems that have none as well.
//!
//! Called by the stage and by the progress file. A network file system may refuse locks (NFS: ENOLCK). Work
//! then goes on without, and the caller says so: two graders at once are rare.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// What [`take`] got; the lock is released when this is dropped.
#[derive(Debug)]
pub enum Lock {
    /// The lock.
    Held(File),
    /// Nothing, because the file system has no locks, and what it said.
    Unsupported(io::Error),
}

/// Takes the lock of the file at `path`, which is created if it is missing. Calls `waits` before it waits for
/// another process.
///
/// # Errors
///
/// When the file cannot be created or written.
pub fn take(path: &Path, waits: impl FnOnce()) -> io::Result<Lock> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let wait = || {
        waits();
        file.lock()
    };
    let result = taken(file.try_lock(), wait);
    Ok(match result {
        Ok(()) => Lock::Held(file),
        Err(error) => Lock::Unsupported(error),
    })
}

/// What the first attempt came to, and if another process has the lock, what waiting came to.
fn taken(first: Result<(), TryLockError>, wait: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match first {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => wait(),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without locks there is nothing to wait for; that is another case than a lock that is held.
    #[test]
    fn a_file_system_without_locks_does_not_wait() {
        let no_locks = || io::Error::from_raw_os_error(rustix::io::Errno::NOLCK.raw_os_error());
        let error = taken(Err(TryLockError::Error(no_locks())), || unreachable!("it must not wait"));
        assert_eq!(error.unwrap_err().raw_os_error(), no_locks().raw_os_error());
        assert!(taken(Err(TryLockError::WouldBlock), || Ok(())).is_ok());
    }

    /// The second waits for the first, and says so before it waits.
    #[test]
    fn a_lock_that_is_held_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = take(&path, || unreachable!("nobody has it")).unwrap();
        let (said, says) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| take(&path, move || said.send(()).unwrap()).unwrap());
            says.recv().expect("it waits for the first");
            drop(held);
            assert!(matches!(second.join().unwrap(), Lock::Held(_)));
        });
    }
}
