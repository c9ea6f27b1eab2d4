//! The hidden tests of lab 4. A test's task is its module: `t4_1::...` belongs to task 4.1.

mod support;
mod t4_1;
mod t4_2;
mod t4_3;
mod t4_4;
mod t4_5;
mod t4_6;

fn main() {
    testkit::main()
}
