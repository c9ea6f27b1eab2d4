//! The machine that a test crashes: its files, their names, and the faults that the test asked for.
//!
//! A [`super::FaultDisk`] of its own is a machine with one file and no names; the files of a
//! [`super::FaultFolder`] share one machine, so that their operations have one numbering.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Weak};

use fastrand::Rng;

use super::names::{Listing, Names};
use super::ops::{DiskCounts, DiskOp, DiskOpKind, FolderCounts};
use super::sectors::Image;
use super::{Files, SECTOR};

/// Changing operations kept in the log.
const MAX_LOG: usize = 1_000;

/// A file of the machine, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) names: Names,
    pub(super) faults: Faults,
    files: BTreeMap<FileId, Entry>,
    next_file: u64,
}

#[derive(Debug)]
struct Entry {
    image: Image,
    /// Alive as long as some caller has the file open.
    handle: Weak<FileId>,
}

/// What was done so far, and what is to go wrong.
#[derive(Debug)]
pub(super) struct Faults {
    /// Number of the next changing operation.
    pub(super) next_op: u64,
    next_sync: u64,
    next_folder_sync: u64,
    next_read: u64,
    pub(super) crash_at: Option<u64>,
    pub(super) has_crashed: bool,
    pub(super) fail_at: BTreeMap<u64, ErrorKind>,
    pub(super) fail_sync_at: BTreeMap<u64, ErrorKind>,
    pub(super) fail_folder_sync_at: BTreeMap<u64, ErrorKind>,
    pub(super) fail_read_at: BTreeMap<u64, ErrorKind>,
    pub(super) capacity: Option<u64>,
    pub(super) is_short: bool,
    pub(super) rng: Rng,
    pub(super) counts: DiskCounts,
    pub(super) folder_counts: FolderCounts,
    log: VecDeque<DiskOp>,
}

/// The error of every call from the crash on.
#[derive(Debug)]
struct Crashed;

impl fmt::Display for Crashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the test crashed the machine here")
    }
}

impl Error for Crashed {}

/// True if this error means that the machine has crashed. Looks through whatever the error was wrapped in.
pub(super) fn is_crash(error: &io::Error) -> bool {
    // An `io::Error` inside an `io::Error` is not its source.
    fn is_inside(error: &(dyn Error + 'static)) -> bool {
        error.is::<Crashed>()
            || error.downcast_ref::<io::Error>().is_some_and(is_crash)
            || error.source().is_some_and(is_inside)
    }
    error.get_ref().is_some_and(|inner| is_inside(inner))
}

impl Machine {
    /// A machine with `files`, all durable, and no open file.
    pub(super) fn new(files: Files) -> Self {
        let mut machine =
            Machine { names: Names::default(), faults: Faults::new(), files: BTreeMap::new(), next_file: 0 };
        let named = files.into_iter().map(|(name, bytes)| (name, machine.add_file(bytes)));
        machine.names = Names::new(named.collect());
        machine
    }

    /// A new file that holds `bytes`, durable, without a name. The caller opens it or names it.
    pub(super) fn add_file(&mut self, bytes: Vec<u8>) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(id, Entry { image: Image::new(bytes), handle: Weak::new() });
        id
    }

    /// A handle that keeps the file alive. All callers that have the file open share one.
    pub(super) fn open(&mut self, file: FileId) -> Arc<FileId> {
        let entry = self.entry(file);
        entry.handle.upgrade().unwrap_or_else(|| {
            let handle = Arc::new(file);
            entry.handle = Arc::downgrade(&handle);
            handle
        })
    }

    pub(super) fn image(&mut self, file: FileId) -> &mut Image {
        &mut self.entry(file).image
    }

    fn entry(&mut self, file: FileId) -> &mut Entry {
        self.files.get_mut(&file).expect("a file that has a name or a handle is kept")
    }

    /// Takes the next operation number for a change of `file`; the error that is due there, if one is.
    pub(super) fn begin(&mut self, file: FileId, kind: DiskOpKind) -> io::Result<()> {
        let name = self.names.name_of(file).unwrap_or_default().to_string();
        self.faults.begin(name, kind)
    }

    /// How many of `len` bytes at `start` fit on the disk. A file that does not fit at all is a full disk.
    pub(super) fn room(&self, file: FileId, start: u64, len: usize) -> io::Result<usize> {
        let limit = self.limit(file).min(isize::MAX as u64);
        if start >= limit && len > 0 {
            return Err(io::Error::from(ErrorKind::StorageFull));
        }
        Ok(len.min(usize::try_from(limit - start).unwrap_or(usize::MAX)))
    }

    /// The greatest length that `file` may have beside the other files. The bytes of a file that was removed
    /// and is not open any more are free at once.
    pub(super) fn limit(&self, file: FileId) -> u64 {
        let Some(capacity) = self.faults.capacity else { return u64::MAX };
        let is_live =
            |id: FileId, entry: &Entry| entry.handle.strong_count() > 0 || self.names.name_of(id).is_some();
        let others = self.files.iter().filter(|(id, entry)| **id != file && is_live(**id, entry));
        let used: u64 = others.map(|(_, entry)| entry.image.current().len() as u64).sum();
        capacity.saturating_sub(used)
    }

    /// Forgets the files that nobody has open and that no crash can bring back.
    pub(super) fn forget_unreachable(&mut self) {
        let names = &self.names;
        self.files.retain(|id, entry| entry.handle.strong_count() > 0 || names.can_reach(*id));
    }

    /// All bytes of `file` that a crash may leave, or `None` if there are more than `limit`.
    pub(super) fn outcomes_of(&self, file: FileId, limit: usize) -> Option<BTreeSet<Vec<u8>>> {
        self.files[&file].image.outcomes(limit)
    }

    /// The files of `listing` with what `bytes_of` says of each.
    pub(super) fn files(&self, listing: &Listing, mut bytes_of: impl FnMut(&Image) -> Vec<u8>) -> Files {
        let files = listing.iter().map(|(name, id)| (name.clone(), bytes_of(&self.files[id].image)));
        files.collect()
    }
}

impl Faults {
    fn new() -> Self {
        Faults {
            next_op: 0,
            next_sync: 0,
            next_folder_sync: 0,
            next_read: 0,
            crash_at: None,
            has_crashed: false,
            fail_at: BTreeMap::new(),
            fail_sync_at: BTreeMap::new(),
            fail_folder_sync_at: BTreeMap::new(),
            fail_read_at: BTreeMap::new(),
            capacity: None,
            is_short: false,
            rng: Rng::with_seed(crate::seed()),
            counts: DiskCounts::default(),
            folder_counts: FolderCounts::default(),
            log: VecDeque::new(),
        }
    }

    pub(super) fn check_alive(&self) -> io::Result<()> {
        if self.has_crashed && self.crash_at.is_some_and(|at| self.next_op >= at) {
            return Err(io::Error::other(Crashed));
        }
        Ok(())
    }

    /// Takes the next operation number; the error that is due there, if one is.
    pub(super) fn begin(&mut self, file: String, kind: DiskOpKind) -> io::Result<()> {
        if self.crash_at.is_some_and(|at| self.next_op >= at) {
            self.has_crashed = true;
            return Err(io::Error::other(Crashed));
        }
        let op = self.next_op;
        self.next_op += 1;
        let due = match kind {
            DiskOpKind::Sync => take(&mut self.next_sync, &self.fail_sync_at),
            DiskOpKind::SyncFolder => take(&mut self.next_folder_sync, &self.fail_folder_sync_at),
            _ => None,
        };
        let error = self.fail_at.get(&op).copied().or(due);
        if self.log.len() == MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(DiskOp { op, file, kind, error });
        error.map_or(Ok(()), |kind| Err(io::Error::new(kind, "the test made this operation fail")))
    }

    /// Counts a read; the error that is due there, if one is.
    pub(super) fn begin_read(&mut self) -> io::Result<()> {
        match take(&mut self.next_read, &self.fail_read_at) {
            Some(kind) => Err(io::Error::new(kind, "the test made this read fail")),
            None => Ok(()),
        }
    }

    /// How many of `len` bytes a transfer moves, or `Interrupted`.
    pub(super) fn transfer(&mut self, len: usize) -> io::Result<usize> {
        if !self.is_short || len == 0 {
            return Ok(len);
        }
        match self.rng.u32(..16) {
            0 => Err(io::Error::from(ErrorKind::Interrupted)),
            1..=6 => Ok(self.rng.usize(1..=len)),
            7 => Ok(1),
            8..=10 => Ok(len.min(SECTOR)),
            _ => Ok(len),
        }
    }

    pub(super) fn log(&self) -> Vec<DiskOp> {
        self.log.iter().cloned().collect()
    }
}

/// Takes the next number of a kind of call; the error that is due there, if one is.
fn take(next: &mut u64, due: &BTreeMap<u64, ErrorKind>) -> Option<ErrorKind> {
    *next += 1;
    due.get(&(*next - 1)).copied()
}
