//! Hostile submissions that attack before any test runs: through files, cargo and the compiler.

mod common;

use std::fs;

use common::{Submission, failed_build, notes, outcome};
use grader::model::TestOutcome;

/// A body that leaves a mark if anything of the submission's is run while building.
fn marker() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ran").to_string_lossy().into_owned();
    (folder, path)
}

/// A build script would run with all rights of whoever grades.
#[test]
fn a_build_script_never_runs() {
    let (folder, path) = marker();
    let script = format!("fn main() {{ std::fs::write({path:?}, \"ran\").unwrap(); }}");
    let manifest = fs::read_to_string(Submission::correct().labs().join("01-tiny/Cargo.toml")).unwrap();
    let manifest = manifest.replace("[dependencies]", "build = \"build.rs\"\n\n[dependencies]");
    let report = Submission::correct().write("build.rs", script).write("Cargo.toml", manifest).grade();
    assert!(report.passed(), "{report:#?}");
    assert!(!folder.path().join("ran").exists());
    assert!(notes(&report).contains("labs/01-tiny/build.rs has no effect"), "{}", notes(&report));
    assert!(notes(&report).contains("labs/01-tiny/Cargo.toml was edited"), "{}", notes(&report));
}

/// What a lab teaches is written by hand; a crate that does it is not there to be used.
#[test]
fn an_added_dependency_is_not_there() {
    let manifest = fs::read_to_string(Submission::correct().labs().join("01-tiny/Cargo.toml")).unwrap();
    let manifest = manifest.replace("[dependencies]", "[dependencies]\nfastrand = \"2\"");
    let submission = Submission::correct().write("Cargo.toml", manifest);
    let report = submission.with_push("self.numbers.push(value + fastrand::u64(..1));").grade();
    let (messages, _) = failed_build(&report);
    assert!(messages.contains("fastrand"), "{messages}");
    assert!(notes(&report).contains("labs/01-tiny/Cargo.toml was edited"), "{}", notes(&report));
}

/// A runner that always succeeds and a wrapper that runs anything, at every level cargo would look at.
#[test]
fn a_cargo_configuration_has_no_effect() {
    let (folder, path) = marker();
    let wrapper = folder.path().join("wrapper.sh");
    fs::write(&wrapper, format!("#!/bin/sh\ntouch {path}\nexec \"$@\"\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&wrapper, mode).unwrap();
    let config = format!(
        "[build]\nrustc-wrapper = {wrapper:?}\nrustflags = [\"--cfg\", \"hacked\"]\n\
         [target.'cfg(all())']\nrunner = \"true\"\n[env]\nHACKED = \"1\"\n"
    );
    let submission =
        Submission::correct().with_push("if !cfg!(hacked) { let _ = value; panic!(\"honest\"); }");
    let submission = submission.write(".cargo/config.toml", &config).write("../.cargo/config.toml", &config);
    let submission = submission.write("../../.cargo/config.toml", &config);
    let report = submission.grade();
    assert!(matches!(outcome(&report, "t1_1::adds_up"), TestOutcome::Panic(_)), "{report:#?}");
    assert!(!folder.path().join("ran").exists(), "the wrapper ran");
    let notes = notes(&report);
    for part in
        ["labs/01-tiny/.cargo has no effect", "labs/.cargo/config.toml has no effect", "\n.cargo/config.toml"]
    {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

/// The reference and the hidden tests lie in the same stage: a submission must not take them in.
#[test]
fn sources_outside_src_are_refused() {
    let body = "#[path = \"../../../solutions/01-tiny/src/bag.rs\"]\npub mod bag;";
    let report = Submission::correct().edit("src/lib.rs", "pub mod bag;", body).grade();
    let (_, why) = failed_build(&report);
    assert!(why.contains("takes in solutions/01-tiny/src/bag.rs"), "{why}");
    let body = "let _ = include_str!(\"/etc/passwd\"); self.numbers.push(value);";
    let (_, why) = failed_build(&Submission::correct().with_push(body).grade());
    assert!(why.contains("takes in /etc/passwd"), "{why}");
    let body =
        "let _ = include_bytes!(\"../../../grader/suites/01-tiny/tests/t1_1.rs\"); self.numbers.push(value);";
    let (_, why) = failed_build(&Submission::correct().with_push(body).grade());
    assert!(why.contains("grader/suites/01-tiny/tests/t1_1.rs"), "{why}");
}

/// Also when the code does not compile: the message of the compiler can hold the text of the file.
#[test]
fn a_message_of_the_compiler_shows_no_text_of_a_file_outside_src() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    fs::write(secret.path(), "hunter2 is the password\n").unwrap();
    let path = secret.path().to_str().unwrap();
    for body in [
        format!("include!({path:?}); self.numbers.push(value);"),
        format!("const _: () = panic!(\"{{}}\", include_str!({path:?})); self.numbers.push(value);"),
        format!("const _: () = panic!(include_str!({path:?})); self.numbers.push(value);"),
        format!("compile_error!(include_str!({path:?})); self.numbers.push(value);"),
        format!("compile_error!(concat!(include_str!({path:?}))); self.numbers.push(value);"),
        format!("let _: u64 = include_str!({path:?}); self.numbers.push(value);"),
        format!("let _ = include_str!({path:?}); self.numbers.push(\"seven\");"),
        format!("use core::include_str as s; compile_error!(s!({path:?})); self.numbers.push(value);"),
        format!(
            "macro_rules! m {{ ($i:ident) => {{ compile_error!($i!({path:?})) }} }} m!(include_str); \
                 self.numbers.push(value);"
        ),
    ] {
        let (messages, why) = failed_build(&Submission::correct().with_push(&body).grade());
        assert!(!messages.contains("hunter2") && !why.contains("hunter2"), "{body}: {messages} {why}");
        assert!(why.contains("outside its src/"), "{body}: {messages} {why}");
    }
}

/// A link in a submission could name any file of whoever grades.
#[test]
fn links_that_leave_src_are_refused() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("bag.rs"), "pub struct Bag;").unwrap();
    let submission = Submission::correct();
    let file = submission.labs().join("01-tiny/src/bag.rs");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(outside.path().join("bag.rs"), &file).unwrap();
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("labs/01-tiny/src/bag.rs is a link that leaves src/"), "{why}");

    let submission = Submission::correct();
    let folder = submission.labs().join("01-tiny/src");
    fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(common::course().root.join("solutions/01-tiny/src"), &folder).unwrap();
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("labs/01-tiny/src is a link"), "{why}");

    let submission = Submission::correct();
    let folder = submission.labs().join("01-tiny");
    fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(common::course().root.join("solutions/01-tiny"), &folder).unwrap();
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("is a link"), "{why}");
}

/// A named pipe would make a careless reader wait for ever.
#[test]
fn only_regular_files_are_read() {
    let submission = Submission::correct();
    let path = submission.labs().join("01-tiny/src/pipe.rs");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("labs/01-tiny/src/pipe.rs is not a regular file"), "{why}");
}

#[test]
fn huge_and_many_files_are_refused() {
    let report = Submission::correct().write("src/huge.rs", vec![b' '; 2 << 20]).grade();
    let (_, why) = failed_build(&report);
    assert!(why.contains("labs/01-tiny/src/huge.rs is larger than 1024 KiB"), "{why}");
    let mut submission = Submission::correct();
    for number in 0..600 {
        submission = submission.write(&format!("src/many/m{number}.rs"), "");
    }
    let (_, why) = failed_build(&submission.grade());
    assert!(why.contains("more than 500 files"), "{why}");
}

#[test]
fn text_that_is_not_utf_8_is_named_with_its_line() {
    let report = Submission::correct().write("src/bag.rs", b"//! fine\n//! \xff\n").grade();
    let (_, why) = failed_build(&report);
    assert!(why.contains("labs/01-tiny/src/bag.rs:2 is not UTF-8"), "{why}");
}

/// Other files are nobody's intent to cheat, but a learner should know that they do not count.
#[test]
fn other_files_are_named_and_ignored() {
    let report = Submission::correct().write("src/notes.txt", "mine").write("src/.swp", "x").grade();
    assert!(report.passed(), "{report:#?}");
    assert!(notes(&report).contains("labs/01-tiny/src/notes.txt has no effect"), "{}", notes(&report));
    assert!(!notes(&report).contains(".swp"));
}

/// Emacs puts a link to nothing beside the file, macOS archives a file that is no text, Vim a file that
/// changes while one types. None of them is source code, whatever its name ends with.
#[test]
fn hidden_files_are_not_source_code() {
    let submission = Submission::correct().write("src/._bag.rs", b"\0\x05\x16\x07\xff");
    let submission = submission.write("src/.hidden/bag.rs", b"\xff").write("src/.bag.rs.swp", b"\xff");
    std::os::unix::fs::symlink("me@host.1:2", submission.labs().join("01-tiny/src/.#bag.rs")).unwrap();
    let report = submission.grade();
    assert!(report.passed(), "{report:#?}");
    assert!(!notes(&report).contains("src/"), "{}", notes(&report));
}

/// A constant that never ends keeps rustc busy for ever.
#[test]
fn a_compilation_without_end_is_stopped() {
    // The testkit must be there already: the limit is on one crate, but a first build has large ones.
    common::assert_grader_is_alive();
    let endless = "\n#[allow(long_running_const_eval)]\npub const ENDLESS: u64 = { let mut n: u64 = 0; \
                   while n != u64::MAX { n = (n + 1) % 1_000_000; } n };\n";
    let report = Submission::correct()
        .edit("src/lib.rs", "pub mod bag;", &format!("{endless}pub mod bag;"))
        .grade_with(|_, settings| settings.compile_seconds = 15);
    let (_, why) = failed_build(&report);
    assert!(why.contains("compiling labs/01-tiny took longer than 15 s"), "{why}");
    common::assert_grader_is_alive();
}

/// A macro that grows without end is rustc's to refuse.
#[test]
fn endless_macros_are_a_compile_error() {
    let body = "macro_rules! grow { ($($t:tt)*) => { grow!($($t)* 1) } } grow!(1); self.numbers.push(value);";
    let (messages, why) = failed_build(&Submission::correct().with_push(body).grade());
    assert!(messages.contains("recursion limit"), "{messages} {why}");
}

/// `unsafe` could read the nonce out of the harness's memory.
#[test]
fn unsafe_code_does_not_compile() {
    let body = "#[allow(unsafe_code)] unsafe { std::hint::unreachable_unchecked() }";
    let (messages, _) = failed_build(&Submission::correct().with_push(body).grade());
    assert!(messages.contains("unsafe"), "{messages}");
}

/// A submission that does nothing but name what the course has under the same name.
#[test]
fn a_package_of_the_course_cannot_be_replaced() {
    let report = Submission::correct()
        .write("../kit/src/lib.rs", "compile_error!(\"not the kit\");")
        .write("../../grader/testkit/src/lib.rs", "pub fn main() {}")
        .grade();
    assert!(report.passed(), "{report:#?}");
}
