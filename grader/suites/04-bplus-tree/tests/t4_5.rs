//! Task 4.5.
