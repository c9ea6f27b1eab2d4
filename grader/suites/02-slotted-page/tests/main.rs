//! The hidden tests of lab 2. A test's task is its module: `t2_1::...` belongs to task 2.1.

mod codec_fuzz;
mod disk_fuzz;
mod page_fuzz;
mod page_strategies;
mod page_support;
mod t2_1;
mod t2_2;
mod t2_3;
mod t2_4;
mod t2_5;
mod t2_6;

fn main() {
    testkit::main()
}
