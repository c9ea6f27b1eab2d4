//! What transactions did, and which anomalies are in it.
//!
//! ```text
//!   a test or a program                            this module
//!     history.start("x", 50)
//!     t = history.begin(session)                   model     the events, in order of time
//!     history.read(t, "x", Some(version))          versions  which version a read selected
//!     history.write(t, "x", version, Some(60))     graph     what depends on what
//!     history.commit(t)                            cycles    the shortest cycle of each kind
//!                                                  anomaly   its name, and the levels that forbid it
//!     history.check(Order::Writes)  ------------>  Report    findings, each with a story and an SVG
//! ```
//!
//! A history does not come from the code that it judges: a test notes what it asked for and what it was
//! given. A row carries the [`Version`] that its last writer put there, so a read names exactly what it saw.
//!
//! The graph is Adya's direct serialization graph. Its nodes are the committed transactions, and an edge from
//! T1 to T2 says that T1 must come before T2 in every serial order:
//!
//! | edge | T1 | T2 |
//! | --- | --- | --- |
//! | `ww` | wrote a version | wrote the next version of the same item |
//! | `wr` | wrote a version | read it |
//! | `rw` | read a version | wrote the next one |
//!
//! `wr` and `rw` exist for items and for predicates. A predicate edge says that a row's change added the row
//! to what a scan looks for, or removed it from there. Finding no row under a key is a predicate read too,
//! because there is no row that could be read.
//!
//! - H1: no false alarm. Every edge holds in each explanation of what was read. An absent row does not say
//!   whether it was never there or was deleted, and by whom. Such a read selects a range of versions: its
//!   `wr` edge comes from the first of them, its `rw` edge goes to what follows the last. If the row may have
//!   been removed by a transaction whose commit was not answered, the read has no edge.
//! - H2: a history without an anomaly is conflict-serializable, if every read names a version (the tests
//!   compare the checker with a search through all serial orders).
//! - H3: the same history gives the same report, byte for byte.
//!
//! Left out: real time. A history whose serial order contradicts the clock passes (that is linearizability,
//! which is another checker's work). Transactions that did not commit are in no cycle.
//!
//! Source: Adya, "Weak Consistency: A Generalized Theory and Optimistic Implementations for Distributed
//! Transactions", 1999, chapters 3 and 4; Berenson and others, "A Critique of ANSI SQL Isolation Levels",
//! SIGMOD 1995, for the older names; Cerone and Gotsman, "Analysing Snapshot Isolation", JACM 2018, for
//! snapshots.

mod anomaly;
mod check;
mod cycles;
mod graph;
mod model;
mod notation;
pub mod play;
pub mod scenario;
mod story;
mod svg;
mod versions;

#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, Class, Level};
pub use check::{Finding, Report};
pub use graph::{Dependency, Kind};
pub use model::{Event, History, Item, Predicate, Step, Txn, Version};
pub use notation::NotationError;
pub use versions::{HistoryError, Order};
