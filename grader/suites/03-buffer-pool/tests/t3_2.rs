//! Task 3.2: the pool without guards. What pages hold is seen on the disk; pages become dirty by being made.

mod basic;
mod claims;
mod faults;
mod threads;
mod traces;
