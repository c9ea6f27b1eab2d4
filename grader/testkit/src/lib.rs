//! What hidden tests are written with. No lab and no solution depends on it.
//!
//! ```text
//!   a suite's tests/t1_1.rs                        the suite's test binary
//!     #[testkit::test] fn ...   --- inventory -->  main() -> testkit::main()
//!       check_eq!, scene, Failure                    without arguments: runs all, in this process
//!       prop::check        a property, shrunk        --list: names and docs
//!       schedule::explore  threads, one seed         --exec NAME: one, for the grader
//!       disk::FaultDisk    a disk that fails       the suite's perf binary
//!       drops, alloc, counted: exact counts          main() -> testkit::perf::main(..)
//! ```
//!
//! - [`Failure`] and the check macros: how a test says what is wrong.
//! - [`scene`]: the operations so far and a picture, for whatever fails next.
//! - [`prop`], [`schedule`], [`disk`]: properties, thread interleavings, storage faults.
//! - [`sessions`]: threads that a test leads step by step, also through a wait.
//! - [`drops`], [`alloc`], [`counted`], [`hashers`], [`generate`]: counting and generating.
//! - [`fuse`]: keys and values whose code panics at a chosen call.
//! - [`bytes`]: contents for pages and records, made fast although the suites are not optimised.
//! - [`history`]: what transactions did, and which anomalies are in it.
//! - [`pages`]: what is in a file of pages, by code that shares nothing with the labs.
//! - [`perf`]: paired measurements of a learner's code beside the reference.
//! - [`harness`]: runs the tests and tells the grader how they ended.
//!
//! Everything random comes from [`seed`], so a failure always shows again with the same seed.

pub mod alloc;
pub mod bytes;
mod checks;
pub mod counted;
pub mod disk;
pub mod drops;
mod failure;
pub mod fuse;
pub mod generate;
pub mod harness;
pub mod hashers;
pub mod history;
pub mod pages;
pub mod perf;
pub mod prop;
pub mod scene;
#[cfg(feature = "controlled")]
pub mod schedule;
mod seeds;
pub mod sessions;

pub use failure::Failure;
pub use fastrand::Rng;
pub use generate as r#gen;
pub use harness::{Test, main};
pub use seeds::{rng, seed};
pub use testkit_macros::test;

#[doc(hidden)]
pub use inventory;
