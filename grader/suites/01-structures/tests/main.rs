//! Hidden tests of lab 1. `cargo test -p structures-suite` runs them all; `-- t1_3` those of a task.

mod t1_1;
mod t1_2;
mod t1_3;
mod t1_4;
mod t1_5;

fn main() {
    testkit::main()
}
