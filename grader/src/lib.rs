//! The grader of the database labs: one binary, `cargo grade`.
//!
//! ```text
//!   cli -> cmd -> grade -> stage -> build -> run, perf     the submission's verdict
//!           |       |
//!           |       +----> catalog, model                  what a lab is, what a report is
//!           +----> report, progress                        how it is told and kept
//!           +----> author                                  how a lab is made and checked
//! ```

pub mod author;
pub mod cli;
pub mod cmd;
