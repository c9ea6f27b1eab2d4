//! Task 3.1.
