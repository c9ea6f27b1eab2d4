//! Task 3.4.
