//! The check macros: an assertion that says what was looked at, what was found and what was expected.
//!
//! The arguments are: what the code under test gave, what every correct design gives, and in words what was
//! looked at.

/// Fails the test unless `found == expected`. The rest is a `format!` that says what was looked at.
///
/// ```should_panic
/// testkit::check_eq!(vec![1, 2].pop(), Some(1), "pop after pushing {} and {}", 1, 2);
/// ```
#[macro_export]
macro_rules! check_eq {
    ($found:expr, $expected:expr $(,)?) => {
        $crate::check_eq!($found, $expected, "{}", ::core::stringify!($found))
    };
    ($found:expr, $expected:expr, $($what:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if !(*found == *expected) {
                    $crate::Failure::new(::std::format!($($what)+))
                        .found_in(found, ::core::stringify!($found))
                        .expected(expected)
                        .raise();
                }
            }
        }
    };
}

/// Fails the test if `found == unwanted`.
#[macro_export]
macro_rules! check_ne {
    ($found:expr, $unwanted:expr $(,)?) => {
        $crate::check_ne!($found, $unwanted, "{}", ::core::stringify!($found))
    };
    ($found:expr, $unwanted:expr, $($what:tt)+) => {
        match (&$found, &$unwanted) {
            (found, unwanted) => {
                if *found == *unwanted {
                    $crate::Failure::new(::std::format!($($what)+))
                        .found(found)
                        .expected_text(::std::format!("anything but {unwanted:?}"))
                        .raise();
                }
            }
        }
    };
}

/// Fails the test unless the condition holds. The rest is a `format!` that says what must hold.
#[macro_export]
macro_rules! check {
    ($condition:expr $(,)?) => {
        $crate::check!($condition, "{}", ::core::stringify!($condition))
    };
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            $crate::Failure::new(::std::format!($($what)+))
                .found_text(::core::concat!("`", ::core::stringify!($condition), "` is false"))
                .raise();
        }
    };
}

/// Adds a step to the [`scene`](crate::scene); the text is only formatted if the scene records.
#[macro_export]
macro_rules! step {
    ($($text:tt)+) => {
        $crate::scene::step_with(|| ::std::format!($($text)+))
    };
}
