//! Isolation levels, and what a read locks at each of them (task 5.4).
//!
//! Every level locks what it writes in X until its end. The levels differ in the locks of reads:
//!
//! | level            | a row that is read       | the keys between rows |
//! | ---------------- | ------------------------ | --------------------- |
//! | read uncommitted | no lock                  | no lock               |
//! | read committed   | S while it is looked at  | no lock               |
//! | repeatable read  | S until the end          | no lock               |
//! | serializable     | S until the end          | S until the end       |
//!
//! A read *for writing* ([`RowLock::Write`]) takes X until the end in place of S, at every level. Two
//! transactions that read a row in S and then write it both wait for the other to release its S: a deadlock
//! each time. With X from the start the second one waits before it reads.
//!
//! Source: Berenson and others, "A Critique of ANSI SQL Isolation Levels", SIGMOD 1995, table 2.

use std::fmt;

use crate::LockMode;

/// How much a transaction may notice of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Reads take no lock: they see changes that are not committed, and may be taken back.
    ReadUncommitted,
    /// Reads see committed rows. The same row may have changed when it is read again.
    ReadCommitted,
    /// A row that was read stays as it was. New rows may appear in a range that was read.
    RepeatableRead,
    /// As if the transactions ran one after the other.
    Serializable,
}

/// What a read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowLock {
    /// For reading: S, for as long as the level says.
    Read,
    /// For writing: X until the end, at every level.
    Write,
}

/// How long the lock of a read is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// While the row is looked at.
    Short,
    /// Until the end of the transaction.
    Long,
}

impl Isolation {
    /// All levels, the weakest first.
    pub const ALL: [Isolation; 4] = [
        Isolation::ReadUncommitted,
        Isolation::ReadCommitted,
        Isolation::RepeatableRead,
        Isolation::Serializable,
    ];

    /// The mode that a row is locked in when it is read, and for how long; `None`: it is not locked.
    pub fn row_lock(self, strength: RowLock) -> Option<(LockMode, Duration)> {
        //# task 5.4 say what a read locks
        //+ // Nudge: the table in the module's doc.
        match (strength, self) {
            (RowLock::Write, _) => Some((LockMode::X, Duration::Long)),
            (RowLock::Read, Isolation::ReadUncommitted) => None,
            (RowLock::Read, Isolation::ReadCommitted) => Some((LockMode::S, Duration::Short)),
            (RowLock::Read, _) => Some((LockMode::S, Duration::Long)),
        }
        //# end
    }

    /// True if a read of a range also locks the keys that it did not find.
    pub fn locks_ranges(self) -> bool {
        self == Isolation::Serializable
    }
}

impl RowLock {
    /// The mode in which a row, a key or a gap is locked for it.
    pub fn mode(self) -> LockMode {
        match self {
            RowLock::Read => LockMode::S,
            RowLock::Write => LockMode::X,
        }
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Isolation::ReadUncommitted => "read uncommitted",
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        })
    }
}
