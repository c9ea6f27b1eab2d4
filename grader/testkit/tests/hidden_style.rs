//! A suite in small: this binary has the same `main` as every hidden suite.

use testkit::{check, check_eq};

/// A check that holds lets the test pass.
#[testkit::test]
fn passes() {
    check_eq!(1 + 1, 2, "the sum of {} and {}", 1, 1);
    check!(true, "truth");
}

fn main() {
    testkit::main();
}
