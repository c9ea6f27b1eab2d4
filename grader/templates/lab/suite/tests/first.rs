//! Task {{number}}.1: TO WRITE: what these tests look at.

use testkit::check_eq;

use {{library}}::first;

/// TO WRITE: what must hold, and why it could break. A test asserts only what every correct design has.
#[testkit::test]
fn the_first_task_is_written() {
    check_eq!(
        first(),
        Ok(()),
        "the reference of task {{number}}.1: write it in solutions/{{id}}/src/first.rs, and replace this test in \
         grader/suites/{{id}}/tests/t{{number}}_1.rs"
    );
}
