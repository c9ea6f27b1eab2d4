//! The hidden tests of lab {{number}}. A test's task is its module: `t{{number}}_1::...` belongs to task {{number}}.1.

mod t{{number}}_1;

fn main() {
    testkit::main()
}
