//! Task 3.5.
