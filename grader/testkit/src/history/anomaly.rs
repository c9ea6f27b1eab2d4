//! The names of what can go wrong, and which isolation level forbids it.

use std::fmt;

/// What goes wrong in a history.
///
/// A cycle has the most special name that fits it. All items of one cycle are the same in a lost update and
/// in a non-repeatable read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// A read or a scan gave what no state of the rows explains.
    Unexplained,
    /// A transaction did not see its own last write.
    OwnWriteMissed,
    /// Writes of two transactions are mixed: a cycle of `ww` edges.
    DirtyWrite,
    /// A committed transaction read what another wrote that did not commit.
    AbortedRead,
    /// A committed transaction read a value that its writer replaced before it committed.
    IntermediateRead,
    /// Each of several transactions saw what the next one wrote: a cycle of `ww` and `wr` edges.
    CircularFlow,
    /// A transaction wrote over a change that it had not seen when it read the item.
    LostUpdate,
    /// A transaction read one item twice and saw two states of it.
    NonRepeatableRead,
    /// A transaction saw one item as it was before another transaction, and a second one as it was after it.
    ReadSkew,
    /// Any other cycle with one `rw` edge.
    SingleAntiDependency,
    /// Two transactions each read what the other one then wrote.
    WriteSkew,
    /// Two readers saw two writers in opposite orders; more generally, a cycle in which no `rw` edge follows
    /// another.
    LongFork,
    /// Any other cycle whose `rw` edges are all about items.
    AntiDependencyCycle,
    /// A scan missed a row that belongs to it, or saw one that does not: a cycle with one `rw` edge, of a
    /// predicate.
    Phantom,
    /// A cycle with several `rw` edges, at least one of them of a predicate.
    PhantomSkew,
}

/// The class of an anomaly in Adya's definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Not an order of correct operations: an operation itself gave a wrong answer.
    Broken,
    /// A cycle of `ww` edges.
    G0,
    /// A read of a transaction that did not commit.
    G1a,
    /// A read of a version that was not its writer's last.
    G1b,
    /// A cycle of `ww` and `wr` edges.
    G1c,
    /// A cycle with `rw` edges, all of items.
    G2Item,
    /// A cycle with `rw` edges, some of predicates.
    G2,
}

/// An isolation level, as the set of anomalies that it forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Forbids dirty writes (PL-1).
    ReadUncommitted,
    /// Forbids dirty writes and dirty reads (PL-2).
    ReadCommitted,
    /// Forbids all but phantoms (PL-2.99).
    RepeatableRead,
    /// Each transaction reads one state, and of two that write one item at the same time only one commits.
    /// Forbids every cycle in which no `rw` edge follows another.
    Snapshot,
    /// Forbids all (PL-3).
    Serializable,
}

impl Anomaly {
    /// All anomalies, from the most to the least severe.
    pub const ALL: [Anomaly; 15] = [
        Anomaly::Unexplained,
        Anomaly::OwnWriteMissed,
        Anomaly::DirtyWrite,
        Anomaly::AbortedRead,
        Anomaly::IntermediateRead,
        Anomaly::CircularFlow,
        Anomaly::LostUpdate,
        Anomaly::NonRepeatableRead,
        Anomaly::ReadSkew,
        Anomaly::SingleAntiDependency,
        Anomaly::WriteSkew,
        Anomaly::LongFork,
        Anomaly::AntiDependencyCycle,
        Anomaly::Phantom,
        Anomaly::PhantomSkew,
    ];

    /// Its class.
    pub fn class(self) -> Class {
        match self {
            Anomaly::Unexplained | Anomaly::OwnWriteMissed => Class::Broken,
            Anomaly::DirtyWrite => Class::G0,
            Anomaly::AbortedRead => Class::G1a,
            Anomaly::IntermediateRead => Class::G1b,
            Anomaly::CircularFlow => Class::G1c,
            Anomaly::LostUpdate
            | Anomaly::NonRepeatableRead
            | Anomaly::ReadSkew
            | Anomaly::SingleAntiDependency
            | Anomaly::WriteSkew
            | Anomaly::LongFork
            | Anomaly::AntiDependencyCycle => Class::G2Item,
            Anomaly::Phantom | Anomaly::PhantomSkew => Class::G2,
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Anomaly::Unexplained => "unexplained read",
            Anomaly::OwnWriteMissed => "own write not seen",
            Anomaly::DirtyWrite => "dirty write",
            Anomaly::AbortedRead => "aborted read",
            Anomaly::IntermediateRead => "intermediate read",
            Anomaly::CircularFlow => "circular information flow",
            Anomaly::LostUpdate => "lost update",
            Anomaly::NonRepeatableRead => "non-repeatable read",
            Anomaly::ReadSkew => "read skew",
            Anomaly::SingleAntiDependency => "single anti-dependency",
            Anomaly::WriteSkew => "write skew",
            Anomaly::LongFork => "long fork",
            Anomaly::AntiDependencyCycle => "anti-dependency cycle",
            Anomaly::Phantom => "phantom",
            Anomaly::PhantomSkew => "write skew over a predicate",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class() {
            Class::Broken => f.write_str(self.name()),
            class => write!(f, "{} ({class})", self.name()),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Broken => "broken",
            Class::G0 => "G0",
            Class::G1a => "G1a",
            Class::G1b => "G1b",
            Class::G1c => "G1c",
            Class::G2Item => "G2-item",
            Class::G2 => "G2",
        })
    }
}

impl Level {
    /// All levels, from the weakest on. Neither of repeatable read and snapshot contains the other.
    pub const ALL: [Level; 5] = [
        Level::ReadUncommitted,
        Level::ReadCommitted,
        Level::RepeatableRead,
        Level::Snapshot,
        Level::Serializable,
    ];

    /// Whether a history of transactions at this level must not have the anomaly.
    pub fn forbids(self, anomaly: Anomaly) -> bool {
        let class = anomaly.class();
        match self {
            Level::ReadUncommitted => class <= Class::G0,
            Level::ReadCommitted => class <= Class::G1c,
            Level::RepeatableRead => class <= Class::G2Item,
            Level::Snapshot => {
                !matches!(anomaly, Anomaly::WriteSkew | Anomaly::AntiDependencyCycle | Anomaly::PhantomSkew)
            }
            Level::Serializable => true,
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Level::ReadUncommitted => "read uncommitted",
            Level::ReadCommitted => "read committed",
            Level::RepeatableRead => "repeatable read",
            Level::Snapshot => "snapshot isolation",
            Level::Serializable => "serializable",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
