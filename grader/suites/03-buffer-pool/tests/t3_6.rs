//! Task 3.6.
