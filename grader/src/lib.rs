//! The grader of the database labs: one binary, `cargo grade`.
//!
//! ```text
//!   cli -> cmd -> grade -> stage -> compile -> run, perf     the submission's verdict
//!           +----> blame -> grade                          whose lab is at fault
//!           |       |
//!           |       +----> catalog, model                  what a lab is, what a report is
//!           +----> report, progress                        how it is told and kept
//!           +----> author                                  how a lab is made and checked
//! ```

pub mod author;
pub mod blame;
pub mod catalog;
pub mod cli;
pub mod cmd;
pub mod compile;
pub mod functions;
pub mod grade;
pub mod model;
pub mod perf;
pub mod progress;
pub mod report;
pub mod run;
pub mod stage;
