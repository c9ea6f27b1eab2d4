//! Task 3.3.
