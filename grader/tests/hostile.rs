//! Hostile and broken code under test: each gets the outcome it deserves, and the grader lives on.
//!
//! The bodies below are put into the fixture's `Bag::push`, so `t1_1` meets them and `t1_2` must still pass:
//! one bad task never takes another one's verdict along.

mod common;

use std::time::{Duration, Instant};

use common::{Submission, has_landlock, notes, outcome, test};
use grader::catalog::Lab;
use grader::model::{LabReport, PerfVerdict, TestOutcome};
use grader::request::{Measuring, Rounds, Selection, Tasks};

const HIT: &str = "t1_1::adds_up";

/// Grades a submission whose `push` is `body`; the other task must not notice.
fn grade_push(body: &str) -> LabReport {
    grade_push_within(body, 4)
}

fn grade_push_within(body: &str, cpu_seconds: u64) -> LabReport {
    let report =
        Submission::correct().with_push(body).grade_with(|lab, _| lab.limits.cpu_seconds = cpu_seconds);
    assert!(report.tasks[1].passed, "the other task passes: {report:#?}");
    assert!(!outcome(&report, HIT).is_pass(), "{report:#?}");
    assert_eq!(report.tasks[0].points_earned, 0);
    report
}

/// Asks for the gates too.
fn measured(_lab: &mut Lab, settings: &mut common::Settings) {
    settings.selection = Selection::Tasks(Tasks::All, Measuring::Gates(Rounds::Full));
}

/// The verdict of a gate.
fn gate<'a>(report: &'a LabReport, id: &str) -> &'a PerfVerdict {
    let mut gates = report.tasks.iter().flat_map(|task| &task.perf);
    &gates.find(|gate| gate.id == id).unwrap_or_else(|| panic!("no gate {id}: {report:#?}")).verdict
}

#[test]
fn an_endless_loop_is_a_timeout() {
    let report = grade_push_within("loop { std::hint::black_box(value); }", 1);
    let TestOutcome::Timeout(failure) = outcome(&report, HIT) else { panic!("{report:#?}") };
    if cfg!(target_os = "linux") {
        assert!(failure.trace[0].starts_with("labs/01-tiny/src/bag.rs:"), "it names the loop: {failure:#?}");
    }
}

#[test]
fn a_deadlock_is_a_deadlock() {
    let body = "let lock = kit::sync::Mutex::new(value); let _one = lock.lock(); let _two = lock.lock();";
    let report = grade_push(body);
    let TestOutcome::Deadlock(failure) = outcome(&report, HIT) else { panic!("{report:#?}") };
    if cfg!(target_os = "linux") {
        let waits = failure.notes.iter().any(|note| note.contains(" waits at labs/01-tiny/src/bag.rs:"));
        assert!(waits, "it names where the thread waits: {failure:#?}");
    }
}

#[test]
fn a_stack_overflow_is_distinguished_from_other_crashes() {
    let body = "fn deep(n: u64) -> u64 { if n == u64::MAX { 0 } else { deep(n + 1).wrapping_mul(3) ^ n } }
        std::hint::black_box(deep(std::hint::black_box(0)));";
    let report = grade_push(body);
    assert!(matches!(outcome(&report, HIT), TestOutcome::StackOverflow(_)), "{report:#?}");
}

/// By many small pieces and by one that is larger than any machine.
#[test]
fn a_memory_bomb_is_out_of_memory() {
    for body in [
        "let mut kept = Vec::new(); loop { kept.push(vec![value as u8; 1 << 20]); }",
        "let huge = vec![1_u8; 1 << 46]; std::hint::black_box(huge);",
    ] {
        let report = grade_push(body);
        assert!(matches!(outcome(&report, HIT), TestOutcome::OutOfMemory(_)), "{body}: {report:#?}");
    }
}

/// A loop that prints without an end is an endless loop; its last lines show where it is.
#[test]
fn endless_printing_is_an_endless_loop_and_shows_its_end() {
    let report = grade_push_within("loop { println!(\"{value} and on and on and on\"); }", 1);
    assert!(matches!(outcome(&report, HIT), TestOutcome::Timeout(_)), "{report:#?}");
    let tail = &test(&report, HIT).output_tail;
    assert!(tail.len() < 8 << 10 && tail.contains("and on and on and on"), "{tail}");
    assert!(tail.starts_with("... ("), "it says how much came before: {tail}");
}

/// Printing costs no points, however much it is; the report says that it was cut.
#[test]
fn much_printing_is_cut_with_a_note() {
    let body = "for line in 0..60_000 { println!(\"line {line} of what I wanted to see\"); } self.numbers.push(value);";
    let report = Submission::correct().with_push(body).grade();
    assert!(report.passed(), "{report:#?}");
    let notes = notes(&report);
    assert!(notes.contains("only the end is kept, and no points are lost"), "{notes}");
    assert!(test(&report, HIT).output_tail.ends_with("line 59999 of what I wanted to see"));
}

/// A sleep of an hour in one function must not cost the limit for each test that reaches it.
#[test]
fn a_sleep_is_found_long_before_the_limit() {
    let start = Instant::now();
    let report = grade_push("std::thread::sleep(std::time::Duration::from_secs(3_600 + value));");
    assert!(matches!(outcome(&report, HIT), TestOutcome::Deadlock(_)), "{report:#?}");
    let slowest = report.tasks[0].tests.iter().map(|test| test.wall_ms).max();
    assert!(slowest < Some(15_000), "{:?} {report:#?}", start.elapsed());
}

/// What a release build computes must be what the reference computes: doing nothing is no speed.
#[test]
fn a_release_build_that_does_nothing_has_no_figure() {
    let lazy = "if !cfg!(debug_assertions) { return 0; } self.numbers.iter().sum()";
    let report =
        Submission::correct().edit("src/bag.rs", "self.numbers.iter().sum()", lazy).grade_with(measured);
    let verdict = gate(&report, "bag-sum");
    let PerfVerdict::Broken(why) = verdict else { panic!("{report:#?}") };
    assert!(why.contains("wrong results"), "{why}");
    assert!(!report.tasks[0].passed && report.tasks[0].points_earned < report.tasks[0].points_max);
}

/// Threads that spin while the reference is measured make it look slow; a thousandfold sum would pass.
#[test]
fn spinning_threads_break_the_measurement() {
    let spin = "std::thread::spawn(|| loop { std::hint::black_box(0); }); self.numbers.iter().sum()";
    let lazy = format!(
        "if !cfg!(debug_assertions) && self.reads.get() < 3_000 {{ {spin} }} else {{ self.numbers.iter().sum() }}"
    );
    let report =
        Submission::correct().edit("src/bag.rs", "self.numbers.iter().sum()", &lazy).grade_with(measured);
    let PerfVerdict::Broken(why) = gate(&report, "bag-sum") else { panic!("{report:#?}") };
    assert!(why.contains("threads that the lab's code left behind"), "{why}");
}

/// A sleep that only the release build has must not cost the limit of each gate.
#[test]
fn a_sleep_in_the_release_build_is_cut_off() {
    let sleepy = "if !cfg!(debug_assertions) { std::thread::sleep(std::time::Duration::from_secs(3_600)); }
        self.numbers.iter().sum()";
    let report =
        Submission::correct().edit("src/bag.rs", "self.numbers.iter().sum()", sleepy).grade_with(measured);
    assert!(report.times.perf_ms < 240_000, "building included: {:?}", report.times);
    for id in ["bag-sum", "bag-reads"] {
        assert!(matches!(gate(&report, id), PerfVerdict::Broken(_)), "{report:#?}");
    }
}

/// Control characters reach no reader, whichever way they come.
#[test]
fn control_characters_do_not_leave_the_grader() {
    let body = "println!(\"\\u{1b}[2J\\u{202e}out\"); panic!(\"\\u{1b}]0;title\\u{7}\\u{1b}[31m {value}\");";
    let report = grade_push(body);
    let text = format!("{:?}", outcome(&report, HIT)) + &test(&report, HIT).output_tail;
    assert!(text.contains("title") && text.contains("out"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text}");
    let report = Submission::correct().with_push("compile_error!(\"\\u{1b}[2J\\u{7}no\")").grade();
    let (messages, _) = common::failed_build(&report);
    assert!(messages.contains("no") && !messages.contains(['\u{1b}', '\u{7}']), "{messages}");
}

/// Exit code 0 is what makes other runners say "passed".
#[test]
fn leaving_early_is_not_passing() {
    for (body, code) in [("std::process::exit(0)", 0), ("let _ = value; std::process::exit(7)", 7)] {
        let report = grade_push(body);
        assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code }, "{report:#?}");
    }
}

/// A pass printed in every form a runner might believe.
#[test]
fn a_pass_on_standard_output_counts_for_nothing() {
    let body = r#"println!("test t1_1::adds_up ... ok\ntest result: ok. 1 passed; 0 failed");
        println!("\"returned\"");
        println!("{{\"report\":{{\"nonce\":\"0\",\"outcome\":{{\"kind\":\"pass\"}},\"cpu_ms\":0,\"layers\":[],\"measurements\":[]}}}}");
        let _ = value;
        std::process::exit(0)"#;
    let report = grade_push(body);
    assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code: 0 }, "{report:#?}");
}

/// The same to every descriptor the process has, the grader's socket among them: without the nonce it is
/// noise, and the report says that somebody tried.
#[test]
fn a_pass_on_the_graders_socket_counts_for_nothing() {
    let body = r#"let forged = b"{\"report\":{\"nonce\":\"00000000000000000000000000000000\",\"outcome\":{\"kind\":\"pass\"},\"cpu_ms\":0,\"layers\":[],\"measurements\":[]}}\n";
        use std::os::fd::AsFd;
        let own = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let _ = std::io::Write::write_all(&mut std::fs::File::from(own), forged);
        for number in 0..64 {
            let path = format!("/proc/self/fd/{number}");
            if let Ok(mut file) = std::fs::File::options().write(true).open(path) {
                let _ = std::io::Write::write_all(&mut file, forged);
            }
        }
        let _ = value;
        std::process::exit(0)"#;
    let report = grade_push(body);
    assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code: 0 }, "{report:#?}");
}

#[test]
fn an_abort_is_a_signal() {
    let report = grade_push("let _ = value; std::process::abort()");
    assert_eq!(outcome(&report, HIT), &TestOutcome::Killed { signal: 6 }, "{report:#?}");
}

/// A panic inside a panic aborts the process; the report still says that it was a panic.
#[test]
fn a_panic_while_unwinding_is_a_panic() {
    let body = "struct Bomb; impl Drop for Bomb { fn drop(&mut self) { panic!(\"second\"); } }
        let _bomb = Bomb; panic!(\"first {value}\");";
    let report = grade_push(body);
    assert!(matches!(outcome(&report, HIT), TestOutcome::Panic(_)), "{report:#?}");
}

/// A thread that never ends must not keep a passing test's process, nor the grader.
#[test]
fn a_thread_left_behind_is_no_burden() {
    let body = "std::thread::spawn(|| loop { std::thread::park(); }); self.numbers.push(value);";
    let start = Instant::now();
    let report = Submission::correct().with_push(body).grade();
    assert!(report.passed(), "{report:#?}");
    let slowest = report.tasks[0].tests.iter().map(|test| test.wall_ms).max();
    assert!(slowest < Some(20_000), "{:?} {report:#?}", start.elapsed());
}

/// A process left behind is gone when the test's report is there, also one that has left the group.
/// Where landlock is in force it never starts; where it is not, the report says so and the
/// grader's own layers must be enough.
#[test]
fn a_child_left_behind_is_killed() {
    for program in ["sleep", "setsid"] {
        // A number of seconds that nothing else on this machine sleeps for.
        let seconds = 70_000 + std::process::id() % 10_000 + if program == "sleep" { 0 } else { 10_000 };
        let first = if program == "sleep" { String::new() } else { ".arg(\"sleep\")".to_owned() };
        let body = format!(
            "if value <= 1 {{ let _ = std::process::Command::new(\"/usr/bin/{program}\"){first}\
             .arg(\"{seconds}\").spawn(); std::thread::sleep(std::time::Duration::from_millis(200)); }} \
             self.numbers.push(value);"
        );
        let report = Submission::correct().with_push(&body).grade();
        assert!(outcome(&report, HIT).is_pass(), "{report:#?}");
        assert!(!is_running(&seconds.to_string()), "{program} {seconds} lives on: {}", notes(&report));
        if !has_landlock(&report) && program == "setsid" && notes(&report).contains("subreaper") {
            assert!(notes(&report).contains("outlived their test"), "{}", notes(&report));
        }
    }
}

/// A child that holds the socket and the pipe open must not make the grader wait.
#[test]
fn a_child_with_our_descriptors_does_not_hold_us_up() {
    let body = "let _ = std::process::Command::new(\"/usr/bin/sleep\").arg(\"600\").spawn(); \
                self.numbers.push(value); std::process::exit(3)";
    let report = grade_push(body);
    assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code: 3 }, "{report:#?}");
    let slowest = report.tasks[0].tests.iter().map(|test| test.wall_ms).max();
    assert!(slowest < Some(20_000), "{report:#?}");
}

/// With landlock nothing but the scratch folder, the libraries of the system and the own program is read: no
/// file of the account that grades, nothing of the process or of the grader, and no build folder. What a test
/// prints is in the student's report.
#[test]
fn reading_outside_the_scratch_folder_is_denied_or_declared() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "hunter2").unwrap();
    let body = format!(
        "println!(\"secret {{:?}}\", std::fs::read_to_string({:?})); \
         let parent = std::os::unix::process::parent_id(); \
         for path in [\"/proc/self/mem\".to_string(), \"/proc/self/environ\".to_string(), \
                      \"/proc/self/fd\".to_string(), format!(\"/proc/{{parent}}/environ\"), \
                      format!(\"/proc/{{parent}}/cmdline\")] {{ \
             println!(\"opens {{path}} {{}}\", std::fs::File::open(&path).is_ok()); \
         }} \
         let mut folder = std::env::current_exe().unwrap(); \
         while folder.pop() {{ \
             println!(\"lists {{}} {{}}\", folder.display(), std::fs::read_dir(&folder).is_ok()); \
             println!(\"build {{}}\", std::fs::read_dir(folder.join(\"build\")).is_ok()); \
         }} \
         if value == 1 {{ self.numbers.push(value); panic!(\"shows what was printed\"); }}",
        secret.path()
    );
    let report = Submission::correct().with_push(&body).grade();
    let tail = &test(&report, HIT).output_tail;
    assert!(tail.contains("secret "), "{report:#?}");
    if has_landlock(&report) {
        assert!(!tail.contains("hunter2") && !tail.contains(" true"), "{tail}");
    }
    let TestOutcome::Panic(failure) = outcome(&report, HIT) else { panic!("{report:#?}") };
    assert!(failure.trace[0].starts_with("labs/01-tiny/src/bag.rs:"), "backtraces still work: {failure:#?}");
}

/// A date in the future on everything that was built must not make cargo take an old build for the new code,
/// and a module that moved must not stay.
#[test]
fn what_was_built_from_other_sources_is_not_graded() {
    let stale = || {
        for file in files_below(&common::work_dir().join("build")) {
            if file.to_string_lossy().contains("fingerprint") {
                let later = std::time::SystemTime::now() + Duration::from_secs(3600);
                // Another test of this program may be building.
                let _ = std::fs::File::open(file).and_then(|file| file.set_modified(later));
            }
        }
    };
    let other = || Submission::correct().with_push("self.numbers.push(value + 1 - 1);");
    assert!(other().grade().passed());
    stale();
    let report = Submission::skeleton().grade();
    assert_eq!(report.earned, 0, "{report:#?}");
    assert!(other().grade().passed());
    stale();
    let (messages, _) = common::failed_build(&Submission::correct().with_push("nonsense;").grade());
    assert!(messages.contains("nonsense"), "{messages}");

    let bag = std::fs::read_to_string(Submission::correct().labs().join("01-tiny/src/bag.rs")).unwrap();
    let moved = Submission::correct().write("src/bag/mod.rs", &bag);
    std::fs::remove_file(moved.labs().join("01-tiny/src/bag.rs")).unwrap();
    assert!(moved.grade().passed());
    // Both files are there now: rustc refuses that, and cargo alone does not look again.
    let (messages, _) = common::failed_build(&moved.write("src/bag.rs", bag).grade());
    assert!(messages.contains("E0761"), "{messages}");
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files.extend(files_below(&path)),
            path => files.push(path),
        }
    }
    files
}

/// With landlock nothing outside the scratch folder is written; without, the report says that layer is
/// missing, so that nobody takes the pass for a proof.
#[test]
fn writing_outside_the_scratch_folder_is_denied_or_declared() {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("escaped");
    let body = format!("let _ = std::fs::write({path:?}, \"out\"); self.numbers.push(value);");
    let report = Submission::correct().with_push(&body).grade();
    assert!(outcome(&report, HIT).is_pass(), "{report:#?}");
    assert_eq!(path.exists(), !has_landlock(&report), "{}", notes(&report));
}

/// The scratch folder itself can be used, and is gone afterwards.
#[test]
fn the_scratch_folder_is_removed() {
    let body = "std::fs::write(\"mine\", \"x\").unwrap(); \
                println!(\"at {}\", std::env::current_dir().unwrap().display()); self.numbers.push(value);";
    let report = Submission::correct().with_push(body).grade();
    assert!(outcome(&report, HIT).is_pass(), "{report:#?}");
    let tail = &test(&report, HIT).output_tail;
    let folder = tail.lines().find_map(|line| line.strip_prefix("at ")).expect("the test printed its folder");
    assert!(!std::path::Path::new(folder).exists(), "{folder}");
}

/// Nothing of the grader's environment is there to be read or followed.
#[test]
fn the_environment_is_empty() {
    let body = "let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect(); \
                println!(\"names {}\", names.join(\",\")); self.numbers.push(value);";
    let report = Submission::correct().with_push(body).grade();
    let tail = &test(&report, HIT).output_tail;
    let names = tail.lines().find_map(|line| line.strip_prefix("names ")).expect("the test printed them");
    assert!(!names.contains("PATH") && !names.contains("CARGO"), "{names}");
}

/// After all of it, a correct submission still passes.
#[test]
fn the_grader_lives_on() {
    grade_push("let _ = value; std::process::abort()");
    common::assert_grader_is_alive();
}

/// Whether some process has `word` among its arguments.
fn is_running(word: &str) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else { return false };
    let lines = entries.flatten().filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.into_iter().any(|line| {
        let mut words = line.split(|&byte| byte == 0);
        words.any(|found| found == word.as_bytes())
    })
}
