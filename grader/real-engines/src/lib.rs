//! Runs the classic scenarios of isolation on SQLite and PostgreSQL, records what each transaction saw, and
//! asks the checker of `testkit::history` which anomalies are in it.
//!
//! ```text
//!   scenario     sessions and statements, in an order that invites one anomaly (testkit::history::scenario)
//!      |
//!    play ----> one statement at a time; a session that waits is asked again after each step of another one
//!      |              sqlite: in this process          postgres: a psql process for each session
//!      v
//!   History ---> check ---> "yes": the anomaly is there; "no": it waited, or it was refused
//! ```
//!
//! `cargo run --manifest-path solutions/Cargo.toml -p real-engines` prints the table. The rows are those of
//! the Hermitage project. The handout of lab 5 has a table of what was measured.
//!
//! Every row carries the version that its last writer put there, so a read names exactly what it saw.

mod engine;
pub mod postgres;
pub mod sqlite;

pub use engine::{Engine, Session, run};
