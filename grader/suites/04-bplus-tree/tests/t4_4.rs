//! Task 4.4.
