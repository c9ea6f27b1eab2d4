//! What every lab is given. Nothing here is an answer.
//!
//! - [`sync`]: mutex, reader-writer lock, condition variable, atomics and threads. Use these instead of
//!   `std::sync`, so that the grader can decide which thread runs next.
//! - [`disk`]: the bytes under the database: a file, or memory; and folders of files.
//! - [`draw`]: helpers that turn a structure into a text picture.

pub mod disk;
pub mod draw;
pub mod sync;
