//! Task 4.2.
