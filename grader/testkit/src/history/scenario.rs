//! The classic scenarios of isolation: what each session does, in which order.
//!
//! They are statements without an engine: whatever runs them records what each transaction saw, and the
//! checker says whether the anomaly is there. Which level allows it is
//! [`Level::forbids`](super::Level::forbids) of what the scenario `shows`.
//!
//! Source: the anomalies are those of Adya's thesis and of the Hermitage project, whose names the table
//! gives; the statements and values are our own.

use super::{Anomaly, Predicate};

/// The rows before each scenario: id and value.
pub const START: [(i64, i64); 2] = [(1, 40), (2, 60)];

/// What a scan looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// All rows.
    All,
    /// Rows with this value.
    Value(i64),
    /// Rows whose value is a multiple of this.
    MultipleOf(i64),
}

/// A statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Do {
    /// Reads the row with this id.
    Read(i64),
    /// Reads all rows with a property.
    Scan(Find),
    /// Gives the row with this id a value.
    Set(i64, i64),
    /// Adds to the values of all rows.
    AddToAll(i64),
    /// Inserts a row with this id and value.
    Insert(i64, i64),
    /// Deletes all rows with this value.
    DeleteValue(i64),
    /// Commits.
    Commit,
    /// Rolls back.
    Abort,
}

/// An order of statements that invites an anomaly.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// What it is called in the table.
    pub name: &'static str,
    /// Its name in the Hermitage project.
    pub hermitage: &'static str,
    /// Any of these shows that the engine allows it.
    pub shows: &'static [Anomaly],
    /// The number of a session from 1, and what it does. A transaction begins with its session's first step.
    pub steps: &'static [(usize, Do)],
}

impl Find {
    /// As the checker's predicate.
    pub fn predicate(self) -> Predicate {
        match self {
            Find::All => Predicate::table(""),
            Find::Value(value) => Predicate::equals(value),
            Find::MultipleOf(divisor) => Predicate::multiple_of(divisor),
        }
    }
}

use Anomaly::*;
use Do::*;

/// All scenarios, from the anomalies that the weakest level forbids to those that only the strongest does.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "dirty write",
        hermitage: "G0",
        shows: &[DirtyWrite],
        steps: &[
            (1, Set(1, 41)),
            (2, Set(1, 42)),
            (2, Set(2, 62)),
            (1, Set(2, 61)),
            (1, Commit),
            (2, Commit),
        ],
    },
    Scenario {
        name: "aborted read",
        hermitage: "G1a",
        shows: &[AbortedRead],
        steps: &[(1, Set(1, 99)), (2, Read(1)), (1, Abort), (2, Commit)],
    },
    Scenario {
        name: "intermediate read",
        hermitage: "G1b",
        shows: &[IntermediateRead],
        steps: &[(1, Set(1, 99)), (2, Read(1)), (1, Set(1, 41)), (1, Commit), (2, Commit)],
    },
    Scenario {
        name: "circular information flow",
        hermitage: "G1c",
        shows: &[CircularFlow],
        steps: &[(1, Set(1, 41)), (2, Set(2, 62)), (1, Read(2)), (2, Read(1)), (1, Commit), (2, Commit)],
    },
    Scenario {
        name: "phantom",
        hermitage: "PMP",
        shows: &[Phantom],
        steps: &[
            (1, Scan(Find::Value(90))),
            (2, Insert(3, 90)),
            (2, Commit),
            (1, Scan(Find::MultipleOf(9))),
            (1, Commit),
        ],
    },
    Scenario {
        name: "phantom of a write",
        hermitage: "PMP, write predicate",
        shows: &[Phantom],
        steps: &[(1, AddToAll(20)), (2, DeleteValue(60)), (1, Commit), (2, Commit)],
    },
    Scenario {
        name: "lost update",
        hermitage: "P4",
        shows: &[LostUpdate],
        steps: &[(1, Read(1)), (2, Read(1)), (1, Set(1, 41)), (2, Set(1, 42)), (1, Commit), (2, Commit)],
    },
    Scenario {
        name: "non-repeatable read",
        hermitage: "",
        shows: &[NonRepeatableRead],
        steps: &[(1, Read(1)), (2, Set(1, 42)), (2, Commit), (1, Read(1)), (1, Commit)],
    },
    Scenario {
        name: "read skew",
        hermitage: "G-single",
        shows: &[ReadSkew],
        steps: &[(1, Read(1)), (2, Set(1, 42)), (2, Set(2, 58)), (2, Commit), (1, Read(2)), (1, Commit)],
    },
    Scenario {
        name: "read skew, by a scan",
        hermitage: "G-single, predicate",
        shows: &[Phantom, NonRepeatableRead, ReadSkew],
        steps: &[
            (1, Scan(Find::MultipleOf(20))),
            (2, Set(1, 45)),
            (2, Commit),
            (1, Scan(Find::MultipleOf(9))),
            (1, Commit),
        ],
    },
    Scenario {
        name: "read skew, by a deletion",
        hermitage: "G-single, write predicate",
        shows: &[ReadSkew],
        steps: &[
            (1, Read(1)),
            (2, Set(1, 42)),
            (2, Set(2, 58)),
            (2, Commit),
            (1, DeleteValue(60)),
            (1, Commit),
        ],
    },
    Scenario {
        name: "long fork",
        hermitage: "",
        shows: &[LongFork],
        steps: &[
            (3, Read(2)),
            (4, Read(1)),
            (1, Set(1, 41)),
            (1, Commit),
            (2, Set(2, 62)),
            (2, Commit),
            (3, Read(1)),
            (4, Read(2)),
            (3, Commit),
            (4, Commit),
        ],
    },
    Scenario {
        name: "write skew",
        hermitage: "G2-item",
        shows: &[WriteSkew],
        steps: &[
            (1, Read(1)),
            (1, Read(2)),
            (2, Read(1)),
            (2, Read(2)),
            (1, Set(1, 41)),
            (2, Set(2, 61)),
            (1, Commit),
            (2, Commit),
        ],
    },
    Scenario {
        name: "write skew over a predicate",
        hermitage: "G2",
        shows: &[PhantomSkew],
        steps: &[
            (1, Scan(Find::MultipleOf(9))),
            (2, Scan(Find::MultipleOf(9))),
            (1, Insert(3, 90)),
            (2, Insert(4, 99)),
            (1, Commit),
            (2, Commit),
        ],
    },
    Scenario {
        name: "write skew seen by a reader",
        hermitage: "G2, two edges",
        shows: &[AntiDependencyCycle],
        steps: &[
            (1, Scan(Find::All)),
            (2, Set(2, 65)),
            (2, Commit),
            (3, Scan(Find::All)),
            (3, Commit),
            (1, Set(1, 0)),
            (1, Commit),
        ],
    },
];
