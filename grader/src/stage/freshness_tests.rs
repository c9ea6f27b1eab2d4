use super::*;
use crate::observer::Silent;

fn course() -> Course {
    Course::open(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()).unwrap()
}

fn files(list: &[(&str, &str)]) -> Files {
    list.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
}

/// Moving a module to another file changes what is built, and so does a file that is added or removed.
#[test]
fn names_count_as_well_as_bytes_and_manifests_do_not() {
    let one = digest(&files(&[("src/lib.rs", "mod a;"), ("src/a.rs", "x")]));
    assert_eq!(one, digest(&files(&[("src/lib.rs", "mod a;"), ("src/a.rs", "x"), ("Cargo.toml", "y")])));
    for other in [
        files(&[("src/lib.rs", "mod a;"), ("src/a/mod.rs", "x")]),
        files(&[("src/lib.rs", "mod a;"), ("src/a.rs", "y")]),
        files(&[("src/lib.rs", "mod a;")]),
        files(&[("src/lib.rs", "mod a;x"), ("src/a.rs", "")]),
    ] {
        assert_ne!(one, digest(&other), "{other:?}");
    }
}

/// Whatever can contain the code is built again; what cannot stays.
#[test]
fn a_change_reaches_whatever_can_stand_on_it() {
    let course = course();
    let of_lab_2 = affected(&course, "labs/02-slotted-page");
    for package in ["learner-slotted-page", "learner-buffer-pool", "patched-buffer-pool", "learner-pager-kit"]
    {
        assert!(of_lab_2.contains(package), "{package}: {of_lab_2:?}");
    }
    for package in ["suite-slotted-page", "suite-bplus-tree", "perf-learner-buffer-pool", "perf-bplus-tree"] {
        assert!(of_lab_2.contains(package), "{package}: {of_lab_2:?}");
    }
    for package in ["learner-structures", "reference-buffer-pool", "suite-structures", "testkit", "kit"] {
        assert!(!of_lab_2.contains(package), "{package}: {of_lab_2:?}");
    }
    let of_kit = affected(&course, "labs/kit");
    for package in ["kit", "testkit", "reference-structures", "perf-reference-structures", "suite-bplus-tree"]
    {
        assert!(of_kit.contains(package), "{package}: {of_kit:?}");
    }
    let of_suite = affected(&course, "grader/suites/03-buffer-pool");
    assert!(of_suite.contains("suite-buffer-pool") && !of_suite.contains("learner-buffer-pool"));
    assert!(!affected(&course, "patched/solutions/01-structures").contains("learner-structures"));
}

/// A build is forgotten when its sources change, whatever the dates say, and only then.
#[test]
fn a_fingerprint_lives_as_long_as_its_sources() {
    let build = tempfile::tempdir().unwrap();
    let course = course();
    let fingerprint =
        |package: &str| build.path().join("debug/.fingerprint").join(format!("{package}-0123456789abcdef"));
    let contents = |text: &str| Contents::from([("labs/01-structures".to_owned(), text.to_owned())]);
    let forget = |text: &str| forget_stale(&course, build.path(), &contents(text), &mut Silent).unwrap();
    let compile = || {
        for package in ["learner-structures", "suite-structures", "serde"] {
            fs::create_dir_all(fingerprint(package)).unwrap();
        }
    };
    compile();
    forget("one");
    assert!(!fingerprint("learner-structures").exists(), "what was built before the first record is unknown");
    assert!(fingerprint("serde").exists());
    compile();
    forget("one");
    assert!(fingerprint("learner-structures").exists() && fingerprint("suite-structures").exists());
    forget("two");
    assert!(!fingerprint("learner-structures").exists() && !fingerprint("suite-structures").exists());
    compile();
    forget("one");
    assert!(!fingerprint("learner-structures").exists(), "going back is a change too");
    compile();
    // The record was lost in the middle of a change.
    fs::remove_file(build.path().join(RECORD)).unwrap();
    forget("one");
    assert!(!fingerprint("learner-structures").exists());
}
