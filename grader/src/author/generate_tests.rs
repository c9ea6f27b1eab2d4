use super::*;

fn course() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, text: &str| {
        write_file(&root.path().join(path), text.as_bytes()).expect("write a sample");
    };
    write("solutions/Cargo.toml", "[workspace]\n");
    write("solutions/01-a/Cargo.toml", "[package]\nname = \"a\"\n");
    write("solutions/01-a/src/lib.rs", "fn f() {\n    //# task 1.1 answer\n    42\n    //# end\n}\n");
    write("solutions/01-a/tests/visible.rs", "fn t() {}\n");
    write("labs/kit/src/lib.rs", "given\n");
    root
}

fn generator(root: &Path) -> Generator<'_> {
    let known = BTreeSet::from(["1.1".to_string()]);
    Generator { root, only: &[], tasks: BTreeMap::from([("01-a".to_string(), known)]) }
}

fn text(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("read a sample")
}

/// The second run has nothing to do, or `--check` could never pass.
#[test]
fn generates_once_and_is_then_up_to_date() {
    let root = course();
    let written = generator(root.path()).write().expect("generate");
    assert_eq!(written.changed.len(), 3);
    assert!(written.backups.is_empty());
    assert_eq!(text(root.path(), "labs/01-a/src/lib.rs"), "fn f() {\n    todo!(\"task 1.1: answer\")\n}\n");
    assert_eq!(text(root.path(), "labs/kit/src/lib.rs"), "given\n");
    assert!(generator(root.path()).plan().expect("plan").changes.is_empty());
}

/// A file that somebody edited is copied before it is overwritten or removed. A file as the last generation
/// wrote it is not copied.
#[test]
fn keeps_what_somebody_wrote() {
    let root = course();
    generator(root.path()).write().expect("generate");
    write_file(&root.path().join("labs/01-a/src/lib.rs"), b"my work\n").expect("edit");
    write_file(&root.path().join("labs/01-a/src/mine.rs"), b"my helper\n").expect("add");
    write_file(&root.path().join("solutions/01-a/tests/visible.rs"), b"fn u() {}\n").expect("edit");
    let written = generator(root.path()).write().expect("generate");
    assert_eq!(written.changed.len(), 3);
    let kept: Vec<String> = written.backups.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(kept, ["my work\n", "my helper\n"]);
    assert!(!root.path().join("labs/01-a/src/mine.rs").exists());
}

/// One wrong mark stops everything before a byte is written.
#[test]
fn a_wrong_mark_writes_nothing() {
    let root = course();
    let bad = "fn f() {\n    //# task 1.9 answer\n    42\n    //# end\n}\n//# hide\n";
    write_file(&root.path().join("solutions/01-a/src/bad.rs"), bad.as_bytes()).expect("write");
    let error = generator(root.path()).write().expect_err("must be refused").to_string();
    assert!(error.contains("solutions/01-a/src/bad.rs:6: this region is never closed"), "{error}");
    write_file(&root.path().join("solutions/01-a/src/bad.rs"), &bad.as_bytes()[..bad.len() - 9])
        .expect("write");
    let error = generator(root.path()).write().expect_err("must be refused").to_string();
    assert!(
        error.contains("solutions/01-a/src/bad.rs:2: no task 1.9 in grader/suites/01-a/lab.toml"),
        "{error}"
    );
    assert!(!root.path().join("labs/01-a").exists());
}

/// The diff names both sides.
#[test]
fn shows_how_a_file_differs() {
    let root = course();
    generator(root.path()).write().expect("generate");
    write_file(&root.path().join("labs/01-a/tests/visible.rs"), b"fn x() {}\n").expect("edit");
    let generator = generator(root.path());
    let plan = generator.plan().expect("plan");
    let diff = generator.diff(&plan, Path::new("01-a/tests/visible.rs"));
    assert!(diff.contains("-fn x() {}") && diff.contains("+fn t() {}"), "{diff}");
}

/// The folder's name is a calendar date.
#[test]
fn names_a_backup_by_its_time() {
    assert_eq!(utc_name(0), "1970-01-01T00-00-00Z");
    assert_eq!(utc_name(951_827_696), "2000-02-29T12-34-56Z");
    assert_eq!(utc_name(1_795_340_825), "2026-11-22T09-47-05Z");
}
