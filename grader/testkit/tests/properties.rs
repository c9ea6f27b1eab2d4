//! Properties shrink, say what they found, and are the same each time.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use testkit::{check, check_eq, prop, scene};

fn failure_of(search: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(search)).expect_err("no counter-example was found");
    format!("{:#?}", payload.downcast::<testkit::Failure>().expect("it ends with a failure"))
}

#[test]
fn shrinks_to_the_smallest_case_and_records_only_that() {
    let text = failure_of(|| {
        prop::check(200, prop::proptest::collection::vec(0..1000u32, 0..50), |numbers| {
            for number in &numbers {
                scene::step(format!("sum += {number}"));
            }
            scene::picture(|| format!("{} numbers", numbers.len()));
            check!(numbers.iter().sum::<u32>() < 500, "the sum is below 500");
        });
    });
    assert!(text.contains(r#""[500]""#) || text.contains("case: Some(\n            \"["), "{text}");
    assert!(text.contains("the sum is below 500") && text.contains("1 numbers"), "{text}");
    assert!(text.contains("sum += 500"), "{text}");
    assert_eq!(text.matches("sum +=").count(), 1, "{text}");
}

#[test]
fn a_panic_in_the_code_under_test_is_shrunk_too() {
    let text = failure_of(|| {
        prop::check(500, any::<u8>(), |number| {
            let table = [0; 100];
            assert_eq!(table[usize::from(number)], 0);
        });
    });
    assert!(text.contains("index out of bounds") && text.contains("\"100\""), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_inputs() {
    let inputs = || {
        let seen = RefCell::new(Vec::new());
        prop::check(50, any::<u64>(), |number| seen.borrow_mut().push(number));
        seen.into_inner()
    };
    assert_eq!(inputs(), inputs());
    assert_eq!(testkit::rng().u64(..), testkit::rng().u64(..));
}

#[test]
fn what_depends_on_something_else_is_said_to() {
    let calls = RefCell::new(0);
    let text = failure_of(|| {
        prop::check(10, Just(1), |_| {
            *calls.borrow_mut() += 1;
            check_eq!(*calls.borrow() > 1, true, "whether this is a later call");
        });
    });
    assert!(text.contains("passed when it was run again"), "{text}");
}
