//! The grader of the database labs: one binary, `cargo grade`.
//!
//! Layers, each of which uses only what stands below it:
//!
//! ```text
//!   cmd                        one module a command; starts from the arguments in cli
//!   author                     how a lab is made and checked
//!   blame                      whose lab is at fault
//!   grade                      one run, from sources to a report
//!   compile, run, perf         build the stage; run its tests; measure its gates
//!   stage                      the workspace that is built
//!   report, progress, live     how a run is shown and remembered
//!   request, observer          what to grade, and the interface that reports while it runs
//!   catalog, model             what a lab is, what a report is
//!   children, seal             processes, and the programs that they run
//!   scratch, lock              folders of processes, locks on files
//!   paint, functions           colour and line breaks, Rust functions in a text
//!   signals                    what is done before a signal ends the grader
//! ```

pub mod author;
pub mod blame;
pub mod catalog;
pub mod children;
pub mod clean;
pub mod cli;
pub mod cmd;
pub mod compile;
pub mod functions;
pub mod grade;
pub mod live;
pub mod lock;
pub mod model;
pub mod observer;
pub mod paint;
pub mod perf;
pub mod progress;
pub mod report;
pub mod request;
pub mod run;
pub mod scratch;
pub mod seal;
pub mod signals;
pub mod stage;
