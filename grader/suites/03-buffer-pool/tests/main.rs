//! The hidden tests of lab 3. A test's task is its module: `t3_1::...` belongs to task 3.1.

mod frame_support;
mod heap_support;
mod pool_support;
mod support;
mod t3_1;
mod t3_2;
mod t3_3;
mod t3_4;
mod t3_5;
mod t3_6;

fn main() {
    testkit::main()
}
