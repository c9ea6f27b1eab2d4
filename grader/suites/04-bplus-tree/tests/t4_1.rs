//! Task 4.1.
