//! Hostile and broken code under test: each gets the outcome it deserves, and the grader lives on.
//!
//! The bodies below are put into the fixture's `Bag::push`, so `t1_1` meets them and `t1_2` must still pass:
//! one bad task never takes another one's verdict along.

mod common;

use std::time::{Duration, Instant};

use common::{Submission, has_landlock, notes, outcome, test};
use grader::model::{LabReport, TestOutcome};

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

#[test]
fn an_endless_loop_is_a_timeout() {
    let report = grade_push_within("loop { std::hint::black_box(value); }", 1);
    assert!(matches!(outcome(&report, HIT), TestOutcome::Timeout(_)), "{report:#?}");
}

#[test]
fn a_deadlock_is_a_deadlock() {
    let body = "let lock = kit::sync::Mutex::new(value); let _one = lock.lock(); let _two = lock.lock();";
    let report = grade_push(body);
    assert!(matches!(outcome(&report, HIT), TestOutcome::Deadlock(_)), "{report:#?}");
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

#[test]
fn an_output_flood_is_cut_off() {
    let report = grade_push("loop { println!(\"{value} and on and on and on\"); }");
    assert_eq!(outcome(&report, HIT), &TestOutcome::OutputFlood, "{report:#?}");
    assert!(test(&report, HIT).output_tail.len() < 8 << 10);
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
        println!("{{\"nonce\":\"0\",\"outcome\":{{\"kind\":\"pass\"}},\"cpu_ms\":0,\"layers\":[],\"measurements\":[]}}");
        let _ = value;
        std::process::exit(0)"#;
    let report = grade_push(body);
    assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code: 0 }, "{report:#?}");
}

/// The same to every descriptor the process has, the grader's socket among them: without the nonce it is
/// noise, and the report says that somebody tried.
#[test]
fn a_pass_on_the_graders_socket_counts_for_nothing() {
    let body = r#"let forged = b"{\"nonce\":\"00000000000000000000000000000000\",\"outcome\":{\"kind\":\"pass\"},\"cpu_ms\":0,\"layers\":[],\"measurements\":[]}\n";
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
    let start = Instant::now();
    let report = grade_push(body);
    assert_eq!(outcome(&report, HIT), &TestOutcome::ExitedEarly { code: 3 }, "{report:#?}");
    assert!(start.elapsed() < Duration::from_secs(300));
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
