//! Ordinary submissions: right, unfinished and wrong ones, each with the outcome a learner must see.

mod common;

use common::{Submission, course, failed_build, outcome, test, work_dir};
use grader::grade::grade;
use grader::model::{BuildReport, TestOutcome};
use grader::observer::{Observer, Silent};
use grader::request::{Measuring, Request, Rounds, Selection, Sources, Tasks};

/// Every test, and then every gate.
fn measured() -> Selection {
    Selection::Tasks(Tasks::All, Measuring::Gates(Rounds::Full))
}

/// A correct solution gets every test's points, from a learner's folder and from the reference.
#[test]
fn correct_solutions_pass() {
    let report = Submission::correct().grade();
    assert!(report.passed(), "{report:#?}");
    assert_eq!((report.earned, report.max), (90, 100), "the gates' points are not earned without measuring");
    let report = Submission::skeleton().grade_with(|_, settings| settings.sources = Some(Sources::Reference));
    assert!(report.passed(), "{report:#?}");
}

/// A fresh skeleton fails everywhere at once, as "to do" and not as a mistake.
#[test]
fn a_skeleton_is_to_do() {
    let report = Submission::skeleton().grade();
    for name in ["t1_1::adds_up", "t1_1::bags_are_apart", "t1_2::counts", "t1_2::counts_from_two_threads"] {
        assert!(matches!(outcome(&report, name), TestOutcome::Todo(_)), "{:#?}", test(&report, name));
    }
    assert_eq!(report.earned, 0);
    assert!(test(&report, "t1_1::adds_up").doc.starts_with("A bag keeps what it was given"));
}

/// A wrong answer says what was expected and what was found, and half the tests are half the points.
#[test]
fn a_wrong_answer_is_a_failure_with_facts() {
    let report = Submission::correct().with_push("self.numbers = vec![value];").grade();
    let TestOutcome::Fail(failure) = outcome(&report, "t1_1::adds_up") else { panic!("{report:#?}") };
    assert_eq!((failure.expected.as_deref(), failure.found.as_deref()), (Some("55"), Some("10")));
    assert!(outcome(&report, "t1_1::bags_are_apart").is_pass());
    assert_eq!(report.tasks[0].points_earned, 20);
    assert!(!report.tasks[0].passed && report.tasks[1].passed);
}

/// A learner's panic names the learner's line, by the path the learner knows.
#[test]
fn a_panic_names_the_line() {
    let report = Submission::correct().with_push("self.numbers[value as usize] = value;").grade();
    let TestOutcome::Panic(failure) = outcome(&report, "t1_1::adds_up") else { panic!("{report:#?}") };
    assert!(failure.trace[0].starts_with("labs/01-tiny/src/bag.rs:"), "{failure:#?}");
}

/// rustc's own words, with the learner's path, and nothing of the hidden tests.
#[test]
fn a_compile_error_is_shown_as_rustc_shows_it() {
    let report = Submission::correct().with_push("self.numbers.push(\"seven\");").grade();
    let (messages, _) = failed_build(&report);
    assert!(messages.contains("error[E0308]: mismatched types"), "{messages}");
    assert!(messages.contains("--> labs/01-tiny/src/bag.rs:"), "{messages}");
    assert!(!messages.contains('\u{1b}'), "{messages}");
    assert_eq!(report.earned, 0);
    assert_eq!(report.max, 100);
}

/// The report names the signature, what it was and what it is, instead of showing a type error in
/// a file never seen.
#[test]
fn a_changed_signature_is_named() {
    let submission = Submission::correct().edit("src/bag.rs", "value: u64", "value: &u64");
    let report = submission.with_push("self.numbers.push(*value);").grade();
    let (_, notes) = failed_build(&report);
    assert!(notes.contains("the tests use `pub fn push(&mut self, value: u64)` of `Bag`"), "{notes}");
    assert!(notes.contains("has `pub fn push(&mut self, value: &u64)`"), "{notes}");
    assert!(notes.contains("labs/01-tiny/src/bag.rs:"), "{notes}");
    assert!(!notes.contains("sum"), "only what the errors are about: {notes}");
}

/// The same for an item that is gone or no longer public.
#[test]
fn a_removed_item_is_named() {
    let report = Submission::correct().edit("src/bag.rs", "pub fn sum", "pub(crate) fn sum").grade();
    let (_, notes) = failed_build(&report);
    assert!(notes.contains("`pub fn sum(&self) -> u64` of `Bag`"), "{notes}");
    assert!(notes.contains("no such public item"), "{notes}");
}

/// A module that lib.rs names but nobody wrote, and a lab without lib.rs.
#[test]
fn missing_files_are_named() {
    let submission = Submission::correct();
    std::fs::remove_file(submission.labs().join("01-tiny/src/bag.rs")).unwrap();
    let (messages, _) = failed_build(&submission.grade());
    assert!(messages.contains("file not found for module `bag`"), "{messages}");
    let submission = Submission::correct();
    std::fs::remove_file(submission.labs().join("01-tiny/src/lib.rs")).unwrap();
    let (_, notes) = failed_build(&submission.grade());
    assert!(notes.contains("labs/01-tiny/src/lib.rs is missing"), "{notes}");
    let submission = Submission::correct();
    std::fs::remove_dir_all(submission.labs().join("01-tiny")).unwrap();
    let (_, notes) = failed_build(&submission.grade());
    assert!(notes.contains("labs/01-tiny/src is missing"), "{notes}");
}

/// Only the tests asked for run; a test that does not exist is an error, not a pass.
#[test]
fn tests_can_be_chosen() {
    let report = Submission::correct().grade_with(|_, settings| {
        settings.selection = Selection::Tasks(Tasks::One("1.2".into()), Measuring::Off)
    });
    assert_eq!(report.tasks.len(), 1);
    assert_eq!(report.tasks[0].tests.len(), 2);
    let report = Submission::correct().grade_with(|_, settings| {
        settings.selection = Selection::NamePart { task: None, part: "adds_up".into() }
    });
    let count: usize = report.tasks.iter().map(|task| task.tests.len()).sum();
    assert_eq!(count, 1);
    assert!(matches!(report.build, BuildReport::Ok { .. }));
}

/// A patched reference is graded beside the learner's, without getting in its way.
#[test]
fn a_patched_reference_is_graded() {
    let path = course().root.join("solutions/01-tiny/src/bag.rs");
    let text = std::fs::read_to_string(path).unwrap().replace("self.numbers.push(value);", "");
    let files = [("01-tiny/src/bag.rs".into(), text)].into();
    let report = Submission::correct().grade_with(|_, settings| {
        settings.sources = Some(Sources::Patched { files });
    });
    assert!(matches!(outcome(&report, "t1_1::adds_up"), TestOutcome::Fail(_)), "{report:#?}");
    assert!(report.tasks[1].passed);
}

/// Count and ratio of a correct solution pass, and so do their points; a thousandfold one fails.
#[test]
fn gates_are_measured() {
    let report = Submission::correct().grade_with(|_, settings| settings.selection = measured());
    assert_eq!((report.earned, report.max), (100, 100), "{report:#?}");
    let slow = "(0..50).for_each(|_| { std::hint::black_box(self.numbers.iter().sum::<u64>()); }); self.numbers.iter().sum()";
    let slow = Submission::correct().edit("src/bag.rs", "self.numbers.iter().sum()", slow);
    let report = slow.grade_with(|_, settings| settings.selection = measured());
    assert_eq!(report.tasks[0].points_earned, 45, "{report:#?}");
    assert!(!report.tasks[0].passed);
}

/// An old copy beside a module is no part of the lab: rustc does not read it.
#[test]
fn a_stray_file_does_not_hide_a_changed_signature() {
    let old = std::fs::read_to_string(Submission::correct().labs().join("01-tiny/src/bag.rs")).unwrap();
    let submission = Submission::correct()
        .edit("src/bag.rs", "pub fn push(&mut self, value: u64)", "pub fn push(&mut self, value: &u64)")
        .edit("src/bag.rs", "self.numbers.push(value)", "self.numbers.push(*value)")
        .write("src/bag_old.rs", old);
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("a public item they use was changed"), "{why}");
    assert!(why.contains("labs/01-tiny/src/bag.rs:") && why.contains("value: &u64"), "{why}");
}

/// Each reason why tests do not compile against a lab has its own sentence; a changed item is not every
/// reason.
#[test]
fn what_does_not_fit_is_said_and_not_guessed() {
    let allocator =
        "#[global_allocator]\nstatic ALLOCATOR: std::alloc::System = std::alloc::System;\npub mod bag;";
    let (_, why) = failed_build(&Submission::correct().edit("src/lib.rs", "pub mod bag;", allocator).grade());
    assert!(why.contains("labs/01-tiny/src/lib.rs:"), "{why}");
    assert!(why.contains("declares a `#[global_allocator]`") && !why.contains("public item"), "{why}");

    let constant = Submission::correct()
        .edit("src/bag.rs", "pub struct Bag {", "pub struct Bag<const N: usize = 0> {")
        .edit("src/bag.rs", "    /// Puts a number in.", CONSTANT)
        .with_push("let () = Self::CHECK; self.numbers.push(value);");
    let (messages, why) = failed_build(&constant.grade());
    assert!(messages.contains("E0080"), "{messages}");
    assert!(why.contains("the constant at labs/01-tiny/src/bag.rs:"), "{why}");
    assert!(!why.contains("public item"), "{why}");

    let not_send = Submission::correct()
        .edit(
            "src/counter.rs",
            "pub struct Counter {",
            "pub struct Counter { _own: std::marker::PhantomData<*mut u8>,",
        )
        .edit("src/counter.rs", "Counter { count:", "Counter { _own: std::marker::PhantomData, count:");
    let (messages, why) = failed_build(&not_send.grade());
    assert!(messages.contains("cannot be"), "{messages}");
    assert!(why.contains("Every public item has the skeleton's signature"), "{why}");
}

/// A constant that only the type of the hidden tests evaluates.
const CONSTANT: &str =
    "}\nimpl<const N: usize> Bag<N> {\n    const CHECK: () = assert!(N > 0);\n    /// Puts a number in.";

/// Two graders on one stage take turns, and the one that waits says so.
#[test]
fn graders_on_one_stage_wait_for_each_other() {
    /// Lets the lock go when the grader says that it waits.
    struct Holder {
        lock: Option<std::fs::File>,
    }

    impl Observer for Holder {
        fn say(&mut self, line: &str) {
            if line.contains("waiting for another grader") {
                self.lock = None;
            }
        }
    }

    let work = tempfile::tempdir().unwrap();
    let lock = std::fs::File::create(work.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let submission = Submission::correct().write("src/bag.rs", b"\xff");
    let course = course();
    let mut request = Request::new(&course.labs[0], Sources::labs(submission.labs()));
    request.resources.work_dir = Some(work.path().to_path_buf());
    let mut holder = Holder { lock: Some(lock) };
    let report = grade(&course, &request, &mut holder).unwrap();
    assert!(holder.lock.is_none(), "the grader waited");
    assert!(failed_build(&report).1.contains("is not UTF-8"));
}

/// The grader has several stages that share a build folder: products of one are not taken for those of
/// another (F4). The dates are no help, since the sources of the first stage are the older ones.
#[test]
fn a_build_for_another_stage_is_not_taken_for_this_one() {
    let course = course();
    let (right, wrong) =
        (Submission::correct(), Submission::correct().with_push("self.numbers = vec![value];"));
    let passes = |submission: &Submission, stage: &'static str| {
        let mut request = Request::new(&course.labs[0], Sources::labs(submission.labs()));
        request.selection = Selection::Tasks(Tasks::All, Measuring::Off);
        request.resources.work_dir = Some(work_dir());
        request.resources.stage = stage;
        outcome(&grade(&course, &request, &mut Silent).unwrap(), "t1_1::adds_up").is_pass()
    };
    assert!(passes(&right, "stage-first"));
    assert!(!passes(&wrong, "stage-second"));
    assert!(passes(&right, "stage-first"));
    assert!(!passes(&wrong, "stage-second"));
}

/// After a save the learner looks at what failed before, so it runs first and is shown at once.
#[test]
fn what_failed_runs_first_the_next_time() {
    use grader::model::TestReport;

    /// Keeps the names in the order in which the tests end.
    #[derive(Default)]
    struct Ends(Vec<String>);

    impl Observer for Ends {
        fn say(&mut self, _line: &str) {}

        fn test_done(&mut self, test: &TestReport) {
            self.0.push(test.name.clone());
        }
    }

    let course = course();
    let submission = Submission::correct().with_add("");
    let mut request = Request::new(&course.labs[0], Sources::labs(submission.labs()));
    request.selection = Selection::Tasks(Tasks::All, Measuring::Off);
    request.resources.work_dir = Some(work_dir());
    request.resources.test_jobs = 1;
    // No other test of this program writes this stage's history.
    request.resources.stage = "stage-earlier";
    let report = grade(&course, &request, &mut Ends::default()).unwrap();
    let tests = || report.tasks.iter().flat_map(|task| &task.tests);
    let failed: Vec<&str> =
        tests().filter(|test| !test.outcome.is_pass()).map(|test| test.name.as_str()).collect();
    assert!(!failed.is_empty() && failed.len() < tests().count(), "{report:#?}");
    let mut ends = Ends::default();
    let again = grade(&course, &request, &mut ends).unwrap();
    let mut first: Vec<&str> = ends.0[..failed.len()].iter().map(String::as_str).collect();
    first.sort_unstable();
    let mut expected = failed.clone();
    expected.sort_unstable();
    assert_eq!(first, expected);
    let order = |report: &grader::model::LabReport| -> Vec<String> {
        report.tasks.iter().flat_map(|task| &task.tests).map(|test| test.name.clone()).collect()
    };
    assert_eq!(order(&again), order(&report), "the report keeps the order of the suite");
}
