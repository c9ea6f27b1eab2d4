//! A folder of files: what a log of several segments stands on.
//!
//! [`Folder`] creates, opens, renames, removes and lists files, and makes these changes durable. Every file
//! in it is a [`Disk`]. [`FileFolder`] is a real folder, [`MemFolder`] is memory for tests and examples. The
//! grader puts its own folder here: it undoes what was not synced and counts every call.
//!
//! ```text
//!   Folder   names  ----->  files   Disk
//!   "wal-1"  -------------> | bytes bytes bytes |    Disk::sync makes the bytes durable, not the name
//!   "wal-2"  -------------> | bytes |                Folder::sync makes the names durable, not the bytes
//! ```
//!
//! Rules that every implementation keeps:
//!
//! - N1: a name has 1 to [`MAX_NAME`] characters: lower-case ASCII letters, digits, `.`, `-` and `_`, and the
//!   first one is not a `.`. Any other name is an error of kind `InvalidInput`. So a name never leaves the
//!   folder, and two names that differ are two files on every system.
//! - N2: `create`, `rename` and `remove` happen whole or not at all, also in a crash. They are called *name
//!   changes*.
//! - N3: a name change before a `Folder::sync` that returned `Ok` survives a crash. Of later ones each may
//!   survive or not, and the order does not matter, with one exception: a change survives only if every
//!   earlier change of the same name survives. (`rename` changes two names.)
//! - N4: names and bytes are independent. A name may survive while the bytes of its file are lost, and the
//!   other way round. The bytes follow D3.
//! - N5: after a `Folder::sync` that failed nothing is known about the changes since the last successful one,
//!   and a second `sync` does not make them durable. Open the folder again and look at what is there.
//! - N6: a [`Disk`] that is open stays usable when its file is renamed or removed. Its bytes are freed when
//!   no name and no open `Disk` is left.
//!
//! # To replace a file
//!
//! A reader must find the old bytes or the new ones after any crash. That takes four steps in this order:
//!
//! ```
//! # use std::io;
//! use kit::disk::{Disk as _, Folder, MemFolder};
//!
//! # fn replace(folder: &dyn Folder) -> io::Result<()> {
//! let new = folder.create("mark.new")?;
//! assert_eq!(new.write_at(0, b"42")?, 2); // 1: write all bytes under another name
//! new.sync()?;                            // 2: or the name may survive without the bytes (N4)
//! folder.rename("mark.new", "mark")?;     // 3: one change, so there is no moment without a `mark` (N2)
//! folder.sync()                           // 4: or the old bytes may come back (N3)
//! # }
//! # replace(&MemFolder::new()).unwrap();
//! ```
//!
//! A crash may leave `mark.new` behind. Remove it when you open the folder.
//!
//! # What real systems promise
//!
//! POSIX says that `rename` is one step for every running process. It says nothing about a crash. The manual
//! of Linux's `fsync` says that a synced file may still lack its name, and that a second `fsync`, of the
//! folder, makes the name durable.
//!
//! - The rules are *harsher* than ext4, XFS and APFS as they are usually set up. Those keep a journal: name
//!   changes survive in the order in which they were made, and a sync of a new file often saves its name too.
//!   ext4 also writes the bytes of a file before a `rename` that replaces another one. A program that relies
//!   on this loses data elsewhere.
//! - They are *milder* than FAT or ext2, which have no journal: there a crash in `rename` may leave both
//!   names or neither, and may damage the names of other files. N2 and N3 exclude that.
//!
//! Left out: folders in folders, links, permissions, and a lock against a second process. The price: a
//! program keeps its files in one folder, and the caller makes sure that only one process uses it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{Disk, FileDisk, MemDisk};
use crate::sync::{Arc, Mutex};

/// Most characters in a file's name.
pub const MAX_NAME: usize = 100;

/// A set of named files that may survive a crash.
///
/// Errors: `InvalidInput` for a name that breaks N1, in every call that takes a name; else what the system
/// reports. Several threads may use one folder at a time; each call takes effect at one moment.
pub trait Folder: Send + Sync {
    /// Makes an empty file called `name` and opens it.
    ///
    /// Errors: `AlreadyExists` if there is a file of that name, which is left as it is.
    /// Cost: one name change.
    fn create(&self, name: &str) -> io::Result<Arc<dyn Disk>>;

    /// Opens the file called `name` for reading and writing. Opening it twice gives two handles to the same
    /// bytes.
    ///
    /// Errors: `NotFound` if there is no file of that name.
    /// Cost: one look-up.
    fn open(&self, name: &str) -> io::Result<Arc<dyn Disk>>;

    /// Gives the file `from` the name `to`. A file that was called `to` loses its name, as in
    /// [`Folder::remove`]. With `from` equal to `to` nothing changes.
    ///
    /// Errors: `NotFound` if there is no file called `from`.
    /// Cost: one name change.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes the name `name` away from its file.
    ///
    /// Errors: `NotFound` if there is no file of that name.
    /// Cost: one name change.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// The names of all files, in ascending order of their bytes.
    ///
    /// Cost: one pass over the folder, n log n comparisons for n names.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes every earlier name change durable (N3). After an error N5 holds.
    ///
    /// Cost: one flush of the device, as much as a sync of a file.
    fn sync(&self) -> io::Result<()>;
}

/// Checks rule N1. Implementations of [`Folder`] call it first in each call that takes a name.
pub fn check_name(name: &str) -> io::Result<()> {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'_');
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain) && !name.starts_with('.') {
        return Ok(());
    }
    let shown: String = name.chars().take(MAX_NAME + 1).collect();
    let rule = "lower-case letters, digits, '.', '-' and '_', and does not start with '.'";
    let text = format!("a file name has 1 to {MAX_NAME} characters, only {rule}; this one is {shown:?}");
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

/// A real folder.
#[derive(Debug)]
pub struct FileFolder {
    path: PathBuf,
    /// The folder itself, open for `sync`.
    folder: File,
}

impl FileFolder {
    /// Opens the folder at `path`, creates it if it is not there, and makes its own name durable. The folder
    /// above it must exist and be readable.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ if !path.is_dir() => return Err(ErrorKind::NotADirectory.into()),
            _ => {}
        }
        // Also if the folder is old: the process that created it may have died before it synced the name.
        File::open(parent(path))?.sync_all()?;
        // With an absolute path, a later change of the process's working folder changes nothing here.
        let path = path.canonicalize()?;
        Ok(FileFolder { folder: File::open(&path)?, path })
    }

    fn path_of(&self, name: &str) -> io::Result<PathBuf> {
        check_name(name)?;
        Ok(self.path.join(name))
    }
}

/// The folder that holds `path`.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

impl Folder for FileFolder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        let path = self.path_of(name)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Arc::new(FileDisk { file }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        let path = self.path_of(name)?;
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Arc::new(FileDisk { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path_of(from)?, self.path_of(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path_of(name)?)
    }

    /// Leaves out what is not a regular file, and names that break N1: nothing here can open them.
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let is_file = match entry.file_type() {
                Ok(kind) => kind.is_file(),
                // Another thread removed it since `read_dir` looked.
                Err(error) if error.kind() == ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            let name = entry.file_name().into_string();
            names.extend(name.ok().filter(|name| is_file && check_name(name).is_ok()));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync(&self) -> io::Result<()> {
        self.folder.sync_all()
    }
}

/// A folder in memory: nothing survives the value itself, `sync` does nothing. Clones are handles to the same
/// folder.
#[derive(Debug, Default, Clone)]
pub struct MemFolder {
    /// Protects the names only. Nothing is called while it is held; each file has a lock of its own.
    files: Arc<Mutex<BTreeMap<String, Arc<MemDisk>>>>,
}

impl MemFolder {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Folder for MemFolder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        check_name(name)?;
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let disk = Arc::new(MemDisk::new());
        files.insert(name.to_string(), Arc::clone(&disk));
        Ok(disk)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        check_name(name)?;
        match self.files.lock().get(name) {
            Some(disk) => Ok(Arc::clone(disk) as Arc<dyn Disk>),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        check_name(from)?;
        check_name(to)?;
        let mut files = self.files.lock();
        let disk = files.remove(from).ok_or(ErrorKind::NotFound)?;
        files.insert(to.to_string(), disk);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        check_name(name)?;
        match self.files.lock().remove(name) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.lock().keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What all implementations have in common is in the test kit's `folder_contract`; here is what only
    /// these two have.
    #[test]
    fn only_plain_names_are_accepted() {
        for name in ["a", "wal-000001", "x.y_z", &"n".repeat(MAX_NAME)] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "../a",
            "a\\b",
            "A",
            "ä",
            "a b",
            "a\0",
            &"n".repeat(MAX_NAME + 1),
        ] {
            let error = check_name(name).expect_err(name);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn a_real_folder_is_created_once_and_lists_only_what_it_can_open() {
        let path = std::env::temp_dir().join(format!("kit-folder-{}", std::process::id()));
        let folder = FileFolder::open(&path).unwrap();
        folder.create("kept").unwrap().write_at(0, b"bytes").unwrap();
        fs::write(path.join("Foreign"), b"").unwrap();
        fs::create_dir(path.join("inner")).unwrap();
        folder.sync().unwrap();
        let again = FileFolder::open(&path).unwrap();
        assert_eq!(again.list().unwrap(), ["kept"]);
        assert_eq!(again.open("kept").unwrap().len().unwrap(), 5);
        assert!(FileFolder::open(path.join("kept")).is_err(), "a file is not a folder");
        assert!(FileFolder::open(path.join("no/where")).is_err(), "the folder above must exist");
        fs::remove_dir_all(path).unwrap();
    }
}
