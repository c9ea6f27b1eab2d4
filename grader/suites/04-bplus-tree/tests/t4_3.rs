//! Task 4.3.
