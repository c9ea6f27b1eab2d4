//! The hidden tests of lab {{number}}. The module of a test says its task: `t{{number}}_1::...` belongs to
//! task {{number}}.1.

mod t{{number}}_1;

fn main() {
    testkit::main()
}
