//! Task 4.6.
