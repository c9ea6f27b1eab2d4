//! Task 3.4: the flush hook, and pages that are only passed by.

mod hook;
mod once;
mod scans;
