//! A disk and a folder that fail the way real ones fail: [`FaultDisk`], [`FaultFolder`].
//!
//! ```text
//!   write_at, set_len  -->  cache  -- sync -->  durable
//!                             |                    |
//!                             | each sector on     | always
//!                             v its own, or not    v
//!                            survivors after a crash
//! ```
//!
//! The smallest honest model of what a crash leaves behind:
//!
//! - F1: bytes written before a `sync` that returned `Ok` survive.
//! - F2: of later writes each 512-byte sector survives or not, independent of its neighbours and of the
//!   order of the writes; a sector written several times may be left in any of its states since the sync. So
//!   a page may be torn between sectors, never inside one.
//! - F3: a length change survives or not, independent of the data; bytes the file gains without data are
//!   zero.
//! - F4: after a failed `sync` nothing is known of the sectors that were dirty, and a later `sync` does not
//!   write them, unless they are written again.
//!
//! Changing operations (write, sync, set_len, and those of a folder) are numbered from 0 over the life of the
//! disk or of the folder with all its files. A test puts a crash or an error at such a number.

mod folder;
mod machine;
mod names;
mod ops;
mod sectors;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use kit::disk::Disk;

use machine::{FileId, Machine};

pub use folder::FaultFolder;
pub use ops::{DiskCounts, DiskOp, DiskOpKind, FolderCounts};

/// The unit that a disk writes as a whole.
pub const SECTOR: usize = 512;

/// The bytes of files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The disk. Clones are handles to the same disk, so that a test keeps one and gives one away.
///
/// A disk from [`FaultFolder::disk`] shares the faults, the counts, the log and the numbering of its folder.
#[derive(Debug, Clone)]
pub struct FaultDisk {
    /// Protects the whole machine. No other lock is taken and no caller's code runs while it is held.
    machine: Arc<Mutex<Machine>>,
    file: Arc<FileId>,
}

impl Default for FaultDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultDisk {
    /// An empty disk that does not fail until a test asks for it.
    pub fn new() -> Self {
        Self::from_bytes(Vec::new())
    }

    /// A disk that holds `bytes`, all durable: what is there after a restart.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let mut machine = Machine::new(Files::new());
        let file = machine.add_file(bytes);
        let file = machine.open(file);
        FaultDisk { machine: Arc::new(Mutex::new(machine)), file }
    }

    /// An empty disk whose own choices (short transfers) come from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        let disk = Self::new();
        disk.reseed(seed);
        disk
    }

    /// From here on the disk's own choices come from `seed`.
    pub fn reseed(&self, seed: u64) {
        self.lock().faults.rng = Rng::with_seed(seed);
    }

    /// The changing operation `op`, and every call after it (reads too), fails with an error for which
    /// [`FaultDisk::is_crash`] holds. Operation `op` has no effect.
    pub fn crash_before(&self, op: u64) {
        self.lock().faults.crash_at = Some(op);
    }

    /// True if this error means that the machine is gone, in contrast to an error to be handled.
    pub fn is_crash(error: &io::Error) -> bool {
        machine::is_crash(error)
    }

    /// True once a call came after the crash point.
    pub fn has_crashed(&self) -> bool {
        self.lock().faults.has_crashed
    }

    /// Number of changing operations so far, which is the number of the next one.
    pub fn ops(&self) -> u64 {
        self.lock().faults.next_op
    }

    /// What is on the disk after a crash now: what is durable, and of the rest whatever `rng` picks
    /// (sometimes nothing, sometimes all). May be called again and again.
    pub fn survivors(&self, rng: &mut Rng) -> Vec<u8> {
        self.lock().image(*self.file).survivors(rng)
    }

    /// What certainly survives a crash now, and nothing else.
    pub fn durable(&self) -> Vec<u8> {
        self.lock().image(*self.file).durable()
    }

    /// The bytes that a read sees now.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().image(*self.file).current().to_vec()
    }

    /// With `true`, reads and writes often move fewer bytes than asked for, and now and then fail with
    /// `Interrupted` without doing anything.
    pub fn short_io(&self, is_short: bool) {
        self.lock().faults.is_short = is_short;
    }

    /// The changing operation `op` fails with `kind`, without effect; later ones work again. If it is a
    /// sync, F4 holds.
    pub fn fail_at(&self, op: u64, kind: ErrorKind) {
        self.lock().faults.fail_at.insert(op, kind);
    }

    /// Sync number `n` (from 0) fails with `kind`; F4 holds.
    pub fn fail_sync_at(&self, n: u64, kind: ErrorKind) {
        self.lock().faults.fail_sync_at.insert(n, kind);
    }

    /// Read number `n` (from 0) fails with `kind`.
    pub fn fail_read_at(&self, n: u64, kind: ErrorKind) {
        self.lock().faults.fail_read_at.insert(n, kind);
    }

    /// The disk is full at `bytes`: a write across that point is short, one past it fails with `StorageFull`.
    pub fn capacity(&self, bytes: u64) {
        self.lock().faults.capacity = Some(bytes);
    }

    /// Flips bit `bit` (0 to 7) of the byte at `offset`, on the medium as well as in the cache.
    pub fn flip_bit(&self, offset: u64, bit: u32) {
        self.lock().image(*self.file).flip_bit(offset, bit);
    }

    /// Calls and bytes so far.
    pub fn counts(&self) -> DiskCounts {
        self.lock().faults.counts
    }

    /// Starts counting from zero. Operation numbers go on.
    pub fn reset_counts(&self) {
        self.lock().faults.counts = DiskCounts::default();
    }

    /// The changing operations so far, the last 1,000 of them.
    pub fn log(&self) -> Vec<DiskOp> {
        self.lock().faults.log()
    }

    /// The log as lines for a report.
    pub fn log_lines(&self) -> Vec<String> {
        self.log().iter().map(ToString::to_string).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        lock(&self.machine)
    }
}

fn lock(machine: &Mutex<Machine>) -> MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk for FaultDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.counts.reads += 1;
        machine.faults.check_alive()?;
        machine.faults.begin_read()?;
        let bytes = machine.image(*self.file).current();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let available = buf.len().min(bytes.len() - start);
        let len = machine.faults.transfer(available)?;
        buf[..len].copy_from_slice(&machine.image(*self.file).current()[start..start + len]);
        machine.faults.counts.bytes_read += len as u64;
        Ok(len)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.counts.writes += 1;
        machine.faults.check_alive()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let room = machine.room(*self.file, offset, buf.len());
        let len = match room {
            Ok(room) => machine.faults.transfer(room)?,
            Err(_) => 0,
        };
        machine.begin(*self.file, DiskOpKind::Write { offset, len })?;
        room?;
        let start = usize::try_from(offset).map_err(|_| ErrorKind::StorageFull)?;
        machine.image(*self.file).write(start, &buf[..len])?;
        machine.faults.counts.bytes_written += len as u64;
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.counts.syncs += 1;
        let result = machine.begin(*self.file, DiskOpKind::Sync);
        match &result {
            Ok(()) => machine.image(*self.file).sync(),
            Err(error) if FaultDisk::is_crash(error) => {}
            Err(_) => machine.image(*self.file).lose_dirty(),
        }
        result
    }

    fn len(&self) -> io::Result<u64> {
        let mut machine = self.lock();
        machine.faults.counts.len_calls += 1;
        machine.faults.check_alive()?;
        Ok(machine.image(*self.file).current().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.counts.set_lens += 1;
        machine.begin(*self.file, DiskOpKind::SetLen { len })?;
        if len > machine.limit(*self.file) {
            return Err(io::Error::from(ErrorKind::StorageFull));
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::StorageFull)?;
        machine.image(*self.file).set_len(len)
    }
}

/// In a controlled run another thread may come in before each call, as it may with a real disk.
fn scheduling_point() {
    #[cfg(feature = "controlled")]
    kit::sync::controlled::scheduling_point();
}

#[cfg(test)]
mod tests;
