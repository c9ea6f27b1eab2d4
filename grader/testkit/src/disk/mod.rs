//! A disk that fails the way disks fail: [`FaultDisk`].
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
//!   order of the writes; a sector written several times may be left in any of its states since the sync. So a
//!   page may be torn between sectors, never inside one.
//! - F3: a length change survives or not, independent of the data; bytes the file gains without data are zero.
//! - F4: after a failed `sync` nothing is known of the sectors that were dirty, and a later `sync` does not
//!   write them, unless they are written again.
//!
//! Changing operations (write, sync, set_len) are numbered from 0 over the disk's life; that number is where a
//! test puts a crash or an error.

mod sectors;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use kit::disk::Disk;

use sectors::Image;

/// The unit that a disk writes as a whole.
pub const SECTOR: usize = 512;

/// Changing operations kept in the log.
const MAX_LOG: usize = 1_000;

/// Calls and bytes since the last [`FaultDisk::reset_counts`]. Failed calls count too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Calls of `read_at`.
    pub reads: u64,
    /// Calls of `write_at`.
    pub writes: u64,
    /// Calls of `sync`.
    pub syncs: u64,
    /// Calls of `set_len`.
    pub set_lens: u64,
    /// Calls of `len`.
    pub len_calls: u64,
    /// Bytes handed out by reads.
    pub bytes_read: u64,
    /// Bytes taken by writes.
    pub bytes_written: u64,
}

/// A changing operation, as it was carried out. Prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskOp {
    /// Its number, from 0.
    pub op: u64,
    /// What it did.
    pub kind: DiskOpKind,
    /// The error it returned, if it did.
    pub error: Option<ErrorKind>,
}

/// What a [`DiskOp`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskOpKind {
    /// Wrote `len` bytes at `offset`.
    Write {
        /// Where.
        offset: u64,
        /// How many bytes were taken.
        len: usize,
    },
    /// Made everything durable.
    Sync,
    /// Set the length to `len`.
    SetLen {
        /// The new length.
        len: u64,
    },
}

/// The disk. Clones are handles to the same disk, so that a test keeps one and gives one away.
#[derive(Debug, Clone)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    image: Image,
    /// Number of the next changing operation.
    next_op: u64,
    next_sync: u64,
    next_read: u64,
    crash_at: Option<u64>,
    has_crashed: bool,
    fail_at: BTreeMap<u64, ErrorKind>,
    fail_sync_at: BTreeMap<u64, ErrorKind>,
    fail_read_at: BTreeMap<u64, ErrorKind>,
    capacity: Option<u64>,
    is_short: bool,
    rng: Rng,
    counts: DiskCounts,
    log: Vec<DiskOp>,
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

/// Looks through whatever the error was wrapped in. (An `io::Error` inside an `io::Error` is not its source.)
fn is_crash(error: &(dyn Error + 'static)) -> bool {
    error.is::<Crashed>()
        || error.downcast_ref::<io::Error>().is_some_and(FaultDisk::is_crash)
        || error.source().is_some_and(is_crash)
}

impl Default for FaultDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultDisk {
    /// An empty disk that does not fail until it is told to.
    pub fn new() -> Self {
        Self::from_bytes(Vec::new())
    }

    /// A disk that holds `bytes`, all durable: what is there after a restart.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let state = State {
            image: Image::new(bytes),
            next_op: 0,
            next_sync: 0,
            next_read: 0,
            crash_at: None,
            has_crashed: false,
            fail_at: BTreeMap::new(),
            fail_sync_at: BTreeMap::new(),
            fail_read_at: BTreeMap::new(),
            capacity: None,
            is_short: false,
            rng: Rng::with_seed(crate::seed()),
            counts: DiskCounts::default(),
            log: Vec::new(),
        };
        FaultDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// An empty disk whose own choices (short transfers) come from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        let disk = Self::new();
        disk.reseed(seed);
        disk
    }

    /// From here on the disk's own choices come from `seed`.
    pub fn reseed(&self, seed: u64) {
        self.lock().rng = Rng::with_seed(seed);
    }

    /// The changing operation `op`, and every call after it (reads too), fails with an error for which
    /// [`FaultDisk::is_crash`] holds. Operation `op` has no effect.
    pub fn crash_before(&self, op: u64) {
        self.lock().crash_at = Some(op);
    }

    /// True if this error means that the machine is gone, in contrast to an error to be handled.
    pub fn is_crash(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| is_crash(inner))
    }

    /// True once a call came after the crash point.
    pub fn has_crashed(&self) -> bool {
        self.lock().has_crashed
    }

    /// Number of changing operations so far, which is the number of the next one.
    pub fn ops(&self) -> u64 {
        self.lock().next_op
    }

    /// What is on the disk after a crash now: what is durable, and of the rest whatever `rng` picks
    /// (sometimes nothing, sometimes all). May be called again and again.
    pub fn survivors(&self, rng: &mut Rng) -> Vec<u8> {
        self.lock().image.survivors(rng)
    }

    /// What certainly survives a crash now, and nothing else.
    pub fn durable(&self) -> Vec<u8> {
        self.lock().image.durable()
    }

    /// The bytes that a read sees now.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().image.current().to_vec()
    }

    /// With `true`, reads and writes often move fewer bytes than asked for, and now and then fail with
    /// `Interrupted` without doing anything.
    pub fn short_io(&self, is_short: bool) {
        self.lock().is_short = is_short;
    }

    /// The changing operation `op` fails with `kind`, without effect; later ones work again. If it is a
    /// sync, F4 holds.
    pub fn fail_at(&self, op: u64, kind: ErrorKind) {
        self.lock().fail_at.insert(op, kind);
    }

    /// Sync number `n` (from 0) fails with `kind`; F4 holds.
    pub fn fail_sync_at(&self, n: u64, kind: ErrorKind) {
        self.lock().fail_sync_at.insert(n, kind);
    }

    /// Read number `n` (from 0) fails with `kind`.
    pub fn fail_read_at(&self, n: u64, kind: ErrorKind) {
        self.lock().fail_read_at.insert(n, kind);
    }

    /// The disk is full at `bytes`: a write across that point is short, one past it fails with `StorageFull`.
    pub fn capacity(&self, bytes: u64) {
        self.lock().capacity = Some(bytes);
    }

    /// Flips bit `bit` (0 to 7) of the byte at `offset`, on the medium as well as in the cache.
    pub fn flip_bit(&self, offset: u64, bit: u32) {
        self.lock().image.flip_bit(offset, bit);
    }

    /// Calls and bytes so far.
    pub fn counts(&self) -> DiskCounts {
        self.lock().counts
    }

    /// Starts counting from zero. Operation numbers go on.
    pub fn reset_counts(&self) {
        self.lock().counts = DiskCounts::default();
    }

    /// The changing operations so far, the last 1,000 of them.
    pub fn log(&self) -> Vec<DiskOp> {
        self.lock().log.clone()
    }

    /// The log as lines for a report.
    pub fn log_lines(&self) -> Vec<String> {
        self.log().iter().map(ToString::to_string).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check_alive(&mut self) -> io::Result<()> {
        if self.crash_at.is_some_and(|at| self.next_op >= at) && self.has_crashed {
            return Err(io::Error::other(Crashed));
        }
        Ok(())
    }

    /// Takes the next operation number; the error that is due there, if one is.
    fn begin(&mut self, kind: DiskOpKind) -> io::Result<()> {
        self.check_alive()?;
        if self.crash_at.is_some_and(|at| self.next_op >= at) {
            self.has_crashed = true;
            return Err(io::Error::other(Crashed));
        }
        let op = self.next_op;
        self.next_op += 1;
        let mut error = self.fail_at.get(&op).copied();
        if kind == DiskOpKind::Sync {
            error = error.or_else(|| self.fail_sync_at.get(&self.next_sync).copied());
            self.next_sync += 1;
        }
        if self.log.len() == MAX_LOG {
            self.log.remove(0);
        }
        self.log.push(DiskOp { op, kind, error });
        error.map_or(Ok(()), |kind| Err(io::Error::new(kind, "the test made this operation fail")))
    }

    /// How many of `len` bytes a transfer moves, or `Interrupted`.
    fn transfer(&mut self, len: usize) -> io::Result<usize> {
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

    /// The end of a change to `len` bytes, if the disk is so large.
    fn check_room(&self, start: u64, len: usize) -> io::Result<usize> {
        let limit = self.capacity.unwrap_or(u64::MAX).min(isize::MAX as u64);
        if start >= limit && len > 0 {
            return Err(io::Error::from(ErrorKind::StorageFull));
        }
        Ok(len.min(usize::try_from(limit - start).unwrap_or(usize::MAX)))
    }
}

impl Disk for FaultDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        scheduling_point();
        let mut state = self.lock();
        state.counts.reads += 1;
        state.check_alive()?;
        let n = state.next_read;
        state.next_read += 1;
        if let Some(kind) = state.fail_read_at.get(&n) {
            return Err(io::Error::new(*kind, "the test made this read fail"));
        }
        let bytes = state.image.current();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let available = buf.len().min(bytes.len() - start);
        let len = state.transfer(available)?;
        buf[..len].copy_from_slice(&state.image.current()[start..start + len]);
        state.counts.bytes_read += len as u64;
        Ok(len)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        scheduling_point();
        let mut state = self.lock();
        state.counts.writes += 1;
        state.check_alive()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let room = state.check_room(offset, buf.len());
        let len = match room {
            Ok(room) => state.transfer(room)?,
            Err(_) => 0,
        };
        state.begin(DiskOpKind::Write { offset, len })?;
        room?;
        let start = usize::try_from(offset).map_err(|_| ErrorKind::StorageFull)?;
        state.image.write(start, &buf[..len])?;
        state.counts.bytes_written += len as u64;
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        scheduling_point();
        let mut state = self.lock();
        state.counts.syncs += 1;
        let result = state.begin(DiskOpKind::Sync);
        match &result {
            Ok(()) => state.image.sync(),
            Err(error) if FaultDisk::is_crash(error) => {}
            Err(_) => state.image.lose_dirty(),
        }
        result
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.lock();
        state.counts.len_calls += 1;
        state.check_alive()?;
        Ok(state.image.current().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        scheduling_point();
        let mut state = self.lock();
        state.counts.set_lens += 1;
        state.begin(DiskOpKind::SetLen { len })?;
        if state.capacity.is_some_and(|capacity| len > capacity) {
            return Err(io::Error::from(ErrorKind::StorageFull));
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::StorageFull)?;
        state.image.set_len(len)
    }
}

/// In a controlled run another thread may come in before each call, as it may with a real disk.
fn scheduling_point() {
    #[cfg(feature = "controlled")]
    kit::sync::controlled::scheduling_point();
}

impl fmt::Display for DiskOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DiskOpKind::Write { offset, len } => write!(f, "op {}: write {len} bytes at {offset}", self.op)?,
            DiskOpKind::Sync => write!(f, "op {}: sync", self.op)?,
            DiskOpKind::SetLen { len } => write!(f, "op {}: set_len {len}", self.op)?,
        }
        match self.error {
            Some(kind) => write!(f, " (fails: {kind})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
