//! The order in which a learner should read failures.
//!
//! One mistake often fails twenty tests. The report shows one of them, and it should be one that ordinary use
//! of the structure reaches: a tree that loses a key is easier to follow than a forged page that is refused
//! in another way. The suite states the order by where a test stands:
//!
//! | rank | tests |
//! | --- | --- |
//! | 0 | of the task's own module (`t3_5::name`) and of `basic` |
//! | 1 | of other modules |
//! | 2 | of modules whose name says that several threads run: `threads`, `schedules`, `stress` |
//! | 3 | of modules whose name says that something fails: `faults`, `crash`, `damage`, `hostile`, ... |
//!
//! In a module the order of the source counts: a suite's author writes the plain test first. A failure that a
//! controlled schedule found has rank 2 wherever its test stands, and a failed disk or a forged page in a
//! rank 0 module stays there, so put such tests at the end of the file or into a module of their own.

use crate::model::TestReport;

/// Last words of a module's name for tests with several threads.
const THREADS: [&str; 4] = ["threads", "schedules", "stress", "blocking"];

/// Last words of a module's name for tests in which something fails, or somebody does what nobody should.
const FAULTS: [&str; 8] =
    ["faults", "errors", "crash", "damage", "forged", "hostile", "recovery", "children"];

/// Rank of a module, and its name: tests of one module stay together.
pub fn place(test: &str) -> (u8, String) {
    let modules: Vec<&str> = test.split("::").collect();
    let inner = match modules.as_slice() {
        [_task, inner @ .., _name] => inner.join("::"),
        _ => String::new(),
    };
    let word = inner.rsplit([':', '_']).next().unwrap_or_default();
    let rank = match word {
        "" | "basic" => 0,
        word if THREADS.contains(&word) => 2,
        word if FAULTS.contains(&word) => 3,
        _ => 1,
    };
    (rank, inner)
}

/// Rank of a failure: that of its test's module, or that of threads if only some schedule shows it.
pub fn rank(test: &TestReport) -> u8 {
    let notes = test.outcome.failure().map_or(&[][..], |failure| failure.notes.as_slice());
    let is_of_a_schedule = notes.iter().any(|note| note.starts_with("found by schedule "));
    let own = place(&test.name).0;
    if is_of_a_schedule { own.max(2) } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_use_comes_before_threads_and_faults() {
        let rank = |name| place(name).0;
        assert_eq!(rank("t4_3::what_is_removed_is_gone"), 0);
        assert_eq!(rank("t3_5::basic::a_record_comes_back"), 0);
        assert_eq!(rank("t3_5::model::agrees"), 1);
        assert_eq!(rank("t3_5::two_heaps::stay_apart"), 1);
        assert_eq!(rank("t3_5::threads::inserts_at_once"), 2);
        assert_eq!(rank("t4_3::only_children::a_free_that_fails"), 3);
        assert_eq!(rank("t2_4::row_hostile::a_cut_row"), 3);
        assert!(place("t3_5::basic::z") < place("t3_5::model::a"));
        assert!(place("t3_5::z") < place("t3_5::basic::a"), "the task's own module is first");
    }
}
