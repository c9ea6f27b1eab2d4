//! A folder that fails the way real ones fail: [`FaultFolder`].
//!
//! ```text
//!   create, rename, remove  -->  names  -- sync -->  durable names
//!                                  |                      |
//!                                  | each change on       | always
//!                                  v its own, or not      v
//!                                 names after a crash; the bytes of each file follow F1 to F4
//! ```
//!
//! The model of the names, beside F1 to F4 for the bytes:
//!
//! - F5: a name change (create, rename, remove) before a `sync` of the folder that returned `Ok` survives. No
//!   crash leaves half of a rename.
//! - F6: of later changes each survives or not, independent of their order, but a change survives only if
//!   every earlier change of the same name does.
//! - F7: the sync of a file does not save its name, and the sync of the folder does not save the bytes of a
//!   file. Of a file that was never synced, any part of the bytes may survive under its name, also none.
//! - F8: after a failed `sync` of the folder the changes before it may or may not survive, and a later `sync`
//!   does not save them, except those on which a newer saved change of the same name stands.
//!
//! [`kit::disk::Folder`] says where this is harsher or milder than real file systems. Not modelled: a medium
//! that reports a sync and does not carry it out, and damage to names that nobody changed.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use kit::disk::{Disk, Folder, check_name};

use super::machine::{FileId, Machine};
use super::ops::{DiskCounts, DiskOp, DiskOpKind, FolderCounts};
use super::{FaultDisk, Files, scheduling_point};

/// The folder. Clones are handles to the same folder, so that a test keeps one and gives one away.
#[derive(Debug, Clone)]
pub struct FaultFolder {
    machine: Arc<Mutex<Machine>>,
}

impl Default for FaultFolder {
    fn default() -> Self {
        Self::new()
    }
}

impl FaultFolder {
    /// An empty folder that does not fail until a test asks for it.
    pub fn new() -> Self {
        Self::from_files(Files::new())
    }

    /// A folder that holds `files`, names and bytes all durable: what is there after a restart.
    ///
    /// # Panics
    ///
    /// If a name is not one that a [`Folder`] takes.
    pub fn from_files(files: Files) -> Self {
        for name in files.keys() {
            check_name(name).expect("the test gives plain names");
        }
        FaultFolder { machine: Arc::new(Mutex::new(Machine::new(files))) }
    }

    /// An empty folder whose own choices (short transfers) come from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        let folder = Self::new();
        folder.reseed(seed);
        folder
    }

    /// From here on the folder's own choices come from `seed`.
    pub fn reseed(&self, seed: u64) {
        self.lock().faults.rng = Rng::with_seed(seed);
    }

    /// The changing operation `op` of the folder or of a file, and every call after it (reads too), fails
    /// with an error for which [`FaultDisk::is_crash`] holds. Operation `op` has no effect.
    pub fn crash_before(&self, op: u64) {
        self.lock().faults.crash_at = Some(op);
    }

    /// True once a call came after the crash point.
    pub fn has_crashed(&self) -> bool {
        self.lock().faults.has_crashed
    }

    /// Number of changing operations so far, which is the number of the next one.
    pub fn ops(&self) -> u64 {
        self.lock().faults.next_op
    }

    /// The files after a crash now: what is durable, and of the rest whatever `rng` picks (sometimes nothing,
    /// sometimes all). May be called again and again; the same generator state gives the same files.
    pub fn survivors(&self, rng: &mut Rng) -> Files {
        let machine = self.lock();
        let listing = machine.names.survivors(rng);
        machine.files(&listing, |image| image.survivors(rng))
    }

    /// All that a crash now may leave, or `None` if it is more than `limit`. For small histories: the number
    /// doubles with each independent name change and each sector that is not synced.
    pub fn outcomes(&self, limit: usize) -> Option<BTreeSet<Files>> {
        let machine = self.lock();
        let mut all = BTreeSet::new();
        for listing in machine.names.outcomes(limit)? {
            let mut states = vec![Files::new()];
            for (name, &file) in &listing {
                let contents = machine.outcomes_of(file, limit)?;
                if states.len().saturating_mul(contents.len()) > limit {
                    return None;
                }
                let with = |state: &Files, bytes: &Vec<u8>| {
                    let mut state = state.clone();
                    state.insert(name.clone(), bytes.clone());
                    state
                };
                states = states
                    .iter()
                    .flat_map(|state| contents.iter().map(move |bytes| with(state, bytes)))
                    .collect();
            }
            all.extend(states);
            if all.len() > limit {
                return None;
            }
        }
        Some(all)
    }

    /// What certainly survives a crash now: the durable names, and the durable bytes of those files.
    pub fn durable(&self) -> Files {
        let machine = self.lock();
        machine.files(machine.names.durable(), |image| image.durable())
    }

    /// The names and bytes that a caller sees now.
    pub fn files(&self) -> Files {
        let machine = self.lock();
        machine.files(machine.names.current(), |image| image.current().to_vec())
    }

    /// A handle to the file called `name`, if there is one. This is no call of the folder: nothing is
    /// counted.
    pub fn disk(&self, name: &str) -> Option<FaultDisk> {
        let mut machine = self.lock();
        let file = machine.names.get(name)?;
        Some(self.handle(&mut machine, file))
    }

    /// With `true`, reads and writes often move fewer bytes than asked for, and now and then fail with
    /// `Interrupted` without doing anything.
    pub fn short_io(&self, is_short: bool) {
        self.lock().faults.is_short = is_short;
    }

    /// The changing operation `op` fails with `kind`, without effect; later ones work again. If it is a sync,
    /// F4 or F8 holds.
    pub fn fail_at(&self, op: u64, kind: ErrorKind) {
        self.lock().faults.fail_at.insert(op, kind);
    }

    /// Sync number `n` (from 0) among the syncs of all files fails with `kind`; F4 holds for its file.
    pub fn fail_sync_at(&self, n: u64, kind: ErrorKind) {
        self.lock().faults.fail_sync_at.insert(n, kind);
    }

    /// Sync number `n` (from 0) of the folder itself fails with `kind`; F8 holds.
    pub fn fail_folder_sync_at(&self, n: u64, kind: ErrorKind) {
        self.lock().faults.fail_folder_sync_at.insert(n, kind);
    }

    /// Read number `n` (from 0) among the reads of all files fails with `kind`.
    pub fn fail_read_at(&self, n: u64, kind: ErrorKind) {
        self.lock().faults.fail_read_at.insert(n, kind);
    }

    /// The disk is full when all files together have `bytes` bytes: a write across that point is short, one
    /// past it fails with `StorageFull`. A removed file counts as long as somebody has it open. Names take no
    /// room.
    pub fn capacity(&self, bytes: u64) {
        self.lock().faults.capacity = Some(bytes);
    }

    /// Calls and bytes of all files together.
    pub fn counts(&self) -> DiskCounts {
        self.lock().faults.counts
    }

    /// Calls of the folder itself.
    pub fn folder_counts(&self) -> FolderCounts {
        self.lock().faults.folder_counts
    }

    /// Starts counting from zero. Operation numbers go on.
    pub fn reset_counts(&self) {
        let mut machine = self.lock();
        machine.faults.counts = DiskCounts::default();
        machine.faults.folder_counts = FolderCounts::default();
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
        super::lock(&self.machine)
    }

    fn handle(&self, machine: &mut Machine, file: FileId) -> FaultDisk {
        FaultDisk { machine: Arc::clone(&self.machine), file: machine.open(file) }
    }
}

impl Folder for FaultFolder {
    fn create(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.creates += 1;
        machine.faults.check_alive()?;
        check_name(name)?;
        if machine.names.get(name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        machine.faults.begin(String::new(), DiskOpKind::Create { name: name.to_string() })?;
        let file = machine.add_file(Vec::new());
        machine.names.change(vec![(name.to_string(), Some(file))]);
        Ok(Arc::new(self.handle(&mut machine, file)))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn Disk>> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.opens += 1;
        machine.faults.check_alive()?;
        check_name(name)?;
        let file = machine.names.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(self.handle(&mut machine, file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.renames += 1;
        machine.faults.check_alive()?;
        check_name(from)?;
        check_name(to)?;
        let file = machine.names.get(from).ok_or(ErrorKind::NotFound)?;
        let kind = DiskOpKind::Rename { from: from.to_string(), to: to.to_string() };
        machine.faults.begin(String::new(), kind)?;
        if from != to {
            machine.names.change(vec![(from.to_string(), None), (to.to_string(), Some(file))]);
            machine.forget_unreachable();
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.removes += 1;
        machine.faults.check_alive()?;
        check_name(name)?;
        machine.names.get(name).ok_or(ErrorKind::NotFound)?;
        machine.faults.begin(String::new(), DiskOpKind::Remove { name: name.to_string() })?;
        machine.names.change(vec![(name.to_string(), None)]);
        machine.forget_unreachable();
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.lists += 1;
        machine.faults.check_alive()?;
        Ok(machine.names.current().keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        scheduling_point();
        let mut machine = self.lock();
        machine.faults.folder_counts.syncs += 1;
        let result = machine.faults.begin(String::new(), DiskOpKind::SyncFolder);
        match &result {
            Ok(()) => machine.names.sync(),
            Err(error) if FaultDisk::is_crash(error) => {}
            Err(_) => machine.names.lose_pending(),
        }
        machine.forget_unreachable();
        result
    }
}

#[cfg(test)]
mod tests;
