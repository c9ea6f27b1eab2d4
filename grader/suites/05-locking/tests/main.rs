//! The hidden tests of lab 5. The module of a test says its task: `t5_1::...` belongs to task 5.1.

mod support;
mod t5_1;
mod t5_2;
mod t5_3;
mod t5_4;
mod t5_5;
mod t5_6;
mod t5_7;

fn main() {
    testkit::main()
}
