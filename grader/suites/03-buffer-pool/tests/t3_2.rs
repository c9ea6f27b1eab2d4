//! Task 3.2: the pool without guards. What pages hold is seen on the disk; pages become dirty by being made.

mod basic;
mod faults;
mod settle;
mod threads;
mod traces;
