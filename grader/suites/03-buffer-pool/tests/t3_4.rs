//! Task 3.4: the flush hook, and reads that do not count as a use.

mod hook;
mod once;
mod scans;
