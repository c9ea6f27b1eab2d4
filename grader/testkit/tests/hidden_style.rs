//! A suite in small, and a grader in small that runs it.
//!
//! With arguments this binary is a suite's test binary: `testkit::main`. Without, it is the parent: it runs
//! itself with `--exec` for each test below and looks at the report. So each outcome is shown once, with
//! all limits in force.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use grader_protocol::{Answer, Limits, Message, Order, Outcome, Report};
use testkit::{check, check_eq, prop, scene};

/// A check that holds lets the test pass.
#[testkit::test]
fn passes() {
    check_eq!(1 + 1, 2, "the sum of {} and {}", 1, 1);
    check!(true, "truth");
}

/// A check that does not hold.
/// It has a second line.
#[testkit::test]
fn fails() {
    scene::step("queue.push(1)");
    scene::picture(|| "| 1 |".to_string());
    scene::invariant("I2", "head points at the oldest");
    check_eq!([1].len(), 2, "length after {} pushes", 2);
}

/// An unfinished hole.
#[testkit::test]
fn is_unfinished() {
    todo!("task 1.1: everything");
}

/// An assertion of the test itself.
#[testkit::test]
fn asserts() {
    assert_eq!(1, 2, "one and two");
}

/// A failure on a thread that the test joins.
#[testkit::test]
fn fails_on_another_thread() {
    let consumer = std::thread::Builder::new().name("consumer".to_string());
    consumer.spawn(|| panic!("the queue lost an item")).unwrap().join().unwrap();
}

/// A failure of a step that a session runs on its own thread.
#[testkit::test]
fn fails_in_a_session() {
    let sessions = testkit::sessions::Sessions::new([vec![1, 2, 3]], |_| false);
    sessions.step(0, |numbers: &mut Vec<u32>| {
        numbers.clear();
        numbers[std::hint::black_box(2)]
    });
}

/// All threads wait.
#[testkit::test]
fn deadlocks() {
    let lock = std::sync::Mutex::new(());
    scene::step("lock()");
    drop(std::sync::Condvar::new().wait(lock.lock().unwrap()));
}

/// An endless loop, in a property.
#[testkit::test]
fn spins() {
    prop::check(1, 5..6u32, |input| while std::hint::black_box(input) < 10 {});
}

/// More memory than there is.
#[testkit::test]
fn hoards() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
    }
}

/// Ends the process before the test is over.
#[testkit::test]
fn exits() {
    std::process::exit(0);
}

/// A destructor that panics while a panic unwinds.
#[testkit::test]
fn panics_twice() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("page is pinned");
        }
    }
    let _bomb = Bomb;
    panic!("first of all");
}

/// Recursion without an end.
#[testkit::test]
fn overflows() {
    fn deeper(depth: u64) -> u64 {
        if depth == u64::MAX { 0 } else { std::hint::black_box(deeper(depth + 1)) + 1 }
    }
    std::hint::black_box(deeper(0));
}

/// Writes a report of its own on standard output, then fails.
#[testkit::test]
fn forges() {
    let report = r#"{"nonce":"n-17","outcome":{"kind":"pass"},"cpu_ms":0,"layers":[],"measurements":[]}"#;
    println!("\"returned\"\n{{\"report\":{report}}}");
    check!(false, "it fails");
}

/// Only the scratch folder can be written to, and nothing can be run.
#[testkit::test]
fn is_confined() {
    check!(std::fs::write("inside.txt", "x").is_ok(), "writing in the scratch folder");
    check!(std::fs::write(std::env::temp_dir().join("inside2.txt"), "x").is_ok(), "writing in TMPDIR");
    let outside = std::fs::write("/tmp/testkit-outside.txt", "x");
    check!(outside.is_err(), "writing outside is denied");
    check!(Command::new("/bin/true").status().is_err(), "running a program is denied");
    for path in ["/etc/passwd", "/proc/self/mem", "/proc/self/environ", "/proc/self/maps", file!()] {
        check!(std::fs::File::open(path).is_err(), "reading {path} is denied");
    }
    check!(std::net::UdpSocket::bind("127.0.0.1:0").is_err(), "a UDP socket is denied");
    check!(std::os::unix::net::UnixDatagram::unbound().is_err(), "a UNIX socket is denied");
    check!(std::os::unix::net::UnixStream::pair().is_ok(), "two ends within the process are allowed");
    let rights = std::fs::metadata("inside.txt").unwrap().permissions();
    check!(std::fs::set_permissions("inside.txt", rights).is_err(), "changing rights by a path is denied");
    let file = std::fs::File::open("inside.txt").unwrap();
    check!(file.set_modified(std::time::SystemTime::UNIX_EPOCH).is_err(), "changing a date is denied");
    let own = std::env::current_exe().unwrap();
    check!(std::fs::read_dir(own.parent().unwrap()).is_err(), "looking around beside the program is denied");
    check!(std::fs::File::open(&own).is_ok(), "reading the own program, as a backtrace does");
    check!(std::net::TcpListener::bind("127.0.0.1:0").is_err(), "listening is denied");
    let mut input = String::new();
    check_eq!(std::io::stdin().read_line(&mut input).unwrap(), 0, "bytes on standard input");
}

fn main() {
    if std::env::args().count() > 1 {
        testkit::main();
        return;
    }
    lists_names_and_docs();
    reports_each_outcome();
    tells_endless_from_stuck();
    survives_what_kills_the_process();
    runs_everything_by_hand();
    println!("test result: ok");
}

fn lists_names_and_docs() {
    let output = Command::new(own_path()).arg("--list").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 14);
    assert!(
        text.contains(
            r#"{"name":"fails","line":24,"doc":"A check that does not hold.\nIt has a second line."}"#
        ),
        "{text}"
    );
}

fn reports_each_outcome() {
    let (report, status) = run("passes");
    let report = report.unwrap();
    let nonce = report.nonce.as_deref();
    assert_eq!((report.outcome, nonce, status.code()), (Outcome::Pass, Some("n-17"), Some(0)));
    assert!(report.layers.contains(&"cpu limit".to_string()), "{:?}", report.layers);

    let Outcome::Fail(failure) = outcome("fails") else { panic!("fails") };
    assert_eq!(failure.what, "length after 2 pushes");
    assert_eq!((failure.expected.as_deref(), failure.found.as_deref()), (Some("2"), Some("1")));
    assert_eq!(failure.steps, ["queue.push(1)"]);
    assert_eq!(failure.picture.as_deref(), Some("| 1 |"));
    assert_eq!(failure.invariant.unwrap().0, "I2");
    assert_eq!(failure.seed, Some(42));

    let Outcome::Todo(failure) = outcome("is_unfinished") else { panic!("is_unfinished") };
    assert_eq!(failure.what, "not yet implemented: task 1.1: everything");
    let Outcome::Fail(failure) = outcome("asserts") else { panic!("asserts") };
    assert!(failure.what.contains("one and two"));
    let Outcome::Fail(failure) = outcome("fails_on_another_thread") else { panic!("another thread") };
    assert_eq!(failure.what, "the queue lost an item");
    assert!(failure.notes.iter().any(|note| note.contains("consumer")), "{:?}", failure.notes);
    let Outcome::Fail(failure) = outcome("fails_in_a_session") else { panic!("in a session") };
    assert_eq!(failure.what, "index out of bounds: the len is 0 but the index is 2");
    assert!(failure.notes.contains(&"on the thread session 1".to_string()), "{:?}", failure.notes);
    let Outcome::Fail(failure) = outcome("forges") else { panic!("forges") };
    assert_eq!(failure.what, "it fails");
    if cfg!(target_os = "linux") {
        let (report, _) = run("is_confined");
        let report = report.unwrap();
        if report.layers.contains(&"landlock".to_string()) {
            assert_eq!(report.outcome, Outcome::Pass);
        }
    }
}

fn tells_endless_from_stuck() {
    let start = Instant::now();
    let Outcome::Deadlock(failure) = outcome("deadlocks") else { panic!("deadlocks") };
    assert_eq!(failure.steps, ["lock()"]);
    if cfg!(target_os = "linux") {
        assert!(start.elapsed() < Duration::from_secs(6), "found long before the time is up");
    }
    let Outcome::Timeout(failure) = outcome("spins") else { panic!("spins") };
    assert_eq!(failure.case.as_deref(), Some("5"));
    let Outcome::OutOfMemory(failure) = outcome("hoards") else { panic!("hoards") };
    assert!(failure.what.contains("memory"), "{failure:?}");
}

fn survives_what_kills_the_process() {
    use std::os::unix::process::ExitStatusExt;
    let (report, status) = run("exits");
    assert!(report.is_none());
    assert_eq!(status.code(), Some(0));
    let (report, status) = run("overflows");
    assert!(report.is_none());
    assert!(status.signal().is_some());
    let (report, status) = run("panics_twice");
    let Outcome::Fail(failure) = report.unwrap().outcome else { panic!("panics_twice") };
    assert_eq!(failure.what, "page is pinned");
    assert!(failure.notes.contains(&"the panic before it: first of all".to_string()), "{:?}", failure.notes);
    assert!(status.signal().is_some());
    let (report, status) = run("no_such_test");
    assert!(report.is_none());
    assert_eq!(status.code(), Some(2));
}

fn runs_everything_by_hand() {
    let run = |arguments: &[&str]| {
        let output = Command::new(own_path()).args(arguments).stdin(Stdio::null()).output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code())
    };
    let (text, code) = run(&["--exec", "passes"]);
    assert!(text.contains("test result: ok. 1 passed; 0 failed;"), "{text}");
    assert_eq!(code, Some(0));
    let (text, code) = run(&["fails", "deadlocks", "--nocapture"]);
    assert!(text.contains("test deadlocks ... FAILED") && text.contains("every thread waits"), "{text}");
    assert!(text.contains("test result: FAILED. 0 passed; 4 failed;"), "{text}");
    assert!(text.contains("expected: 2") && text.contains("steps: \n        queue.push(1)"), "{text}");
    assert_eq!(code, Some(101));
}

fn outcome(test: &str) -> Outcome {
    let (report, _) = run(test);
    report.unwrap_or_else(|| panic!("no report of {test}")).outcome
}

/// What the grader does: order in, report out.
fn run(test: &str) -> (Option<Report>, ExitStatus) {
    let scratch = std::env::temp_dir().join(format!("testkit-{}-{test}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let order = Order {
        seed: Some(42),
        limits: Limits { wall_seconds: 20, cpu_seconds: 1, memory_mib: 64 },
        scratch: scratch.to_string_lossy().into_owned(),
    };
    grader_protocol::send(&ours, &order).unwrap();
    let mut child = Command::new(own_path())
        .args(["--exec", test])
        .env("TMPDIR", &scratch)
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut messages = BufReader::new(&ours);
    let report = loop {
        // A process that ends without reading its order resets the connection.
        match grader_protocol::receive(&mut messages).unwrap_or(None) {
            Some(Message::Returned) => {
                grader_protocol::send(&ours, &Answer { nonce: "n-17".to_string() }).unwrap();
            }
            Some(Message::Report(report)) => break Some(report),
            None => break None,
        }
    };
    let status = child.wait().unwrap();
    std::fs::remove_dir_all(&scratch).unwrap();
    (report, status)
}

fn own_path() -> std::path::PathBuf {
    std::env::current_exe().unwrap()
}
