//! What a fault disk or folder was asked to do: counts, and the log of changing operations.

use std::fmt;
use std::io::ErrorKind;

/// Calls and bytes since the last `reset_counts`, of one [`super::FaultDisk`] or of all files in a
/// [`super::FaultFolder`] together. Failed calls count too.
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

/// Calls of a [`super::FaultFolder`] itself since the last `reset_counts`. Failed calls count too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FolderCounts {
    /// Calls of `create`.
    pub creates: u64,
    /// Calls of `open`.
    pub opens: u64,
    /// Calls of `rename`.
    pub renames: u64,
    /// Calls of `remove`.
    pub removes: u64,
    /// Calls of `list`.
    pub lists: u64,
    /// Calls of the folder's `sync`.
    pub syncs: u64,
}

/// A changing operation, as it was carried out. Prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskOp {
    /// Its number, from 0.
    pub op: u64,
    /// The name of its file at that time; empty for a disk that is in no folder, for a file that was removed,
    /// and for operations of the folder.
    pub file: String,
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
    /// Made the bytes of the file durable.
    Sync,
    /// Set the length to `len`.
    SetLen {
        /// The new length.
        len: u64,
    },
    /// Created a file.
    Create {
        /// Its name.
        name: String,
    },
    /// Gave a file another name.
    Rename {
        /// The name it had.
        from: String,
        /// The name it got.
        to: String,
    },
    /// Took a file's name away.
    Remove {
        /// That name.
        name: String,
    },
    /// Made the names of the folder durable.
    SyncFolder,
}

impl fmt::Display for DiskOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op {}: ", self.op)?;
        match &self.kind {
            DiskOpKind::Write { offset, len } => write!(f, "write {len} bytes at {offset}")?,
            DiskOpKind::Sync => f.write_str("sync")?,
            DiskOpKind::SetLen { len } => write!(f, "set_len {len}")?,
            DiskOpKind::Create { name } => write!(f, "create {name}")?,
            DiskOpKind::Rename { from, to } => write!(f, "rename {from} to {to}")?,
            DiskOpKind::Remove { name } => write!(f, "remove {name}")?,
            DiskOpKind::SyncFolder => f.write_str("sync the folder")?,
        }
        if !self.file.is_empty() {
            write!(f, " of {}", self.file)?;
        }
        match self.error {
            Some(kind) => write!(f, " (fails: {kind})"),
            None => Ok(()),
        }
    }
}
