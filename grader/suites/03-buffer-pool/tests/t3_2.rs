//! Task 3.2.
