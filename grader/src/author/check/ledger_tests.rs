use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;

/// A course of one lab, in a repository of its own.
struct Small {
    folder: tempfile::TempDir,
}

const LAB_TOML: &str = include_str!("../../../tests/fixture/grader/suites/01-tiny/lab.toml");

impl Small {
    fn new() -> Self {
        let small = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (path, text) in [
            ("solutions/01-tiny/src/lib.rs", "fn a() {}\n"),
            ("solutions/01-tiny/Cargo.toml", "[package]\nname = \"tiny\"\n"),
            ("solutions/Cargo.toml", "[workspace.package]\nedition = \"2024\"\n"),
            ("solutions/Cargo.lock", "version = 4\n"),
            ("labs/kit/src/lib.rs", ""),
            ("labs/kit/Cargo.toml", ""),
            ("grader/protocol/Cargo.toml", ""),
            ("grader/testkit/Cargo.toml", ""),
            ("grader/testkit-macros/Cargo.toml", ""),
            ("grader/src/grade.rs", "fn grade() {}\n"),
            ("grader/src/report/terminal.rs", "fn show() {}\n"),
            ("grader/suites/01-tiny/lab.toml", LAB_TOML),
            ("grader/suites/01-tiny/Cargo.toml", ""),
            ("grader/suites/01-tiny/tests/main.rs", "fn main() {}\n"),
            ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.95.0\"\n"),
            ("handouts/src/01-tiny.md", "# Tiny\n"),
        ] {
            small.write(path, text);
        }
        for number in 0..MUTANTS {
            small.write(&mutant(number), "task = \"1.1\"\n");
        }
        small.git(&["init", "--quiet", "--initial-branch", "main"]);
        small
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
        assert!(git.args(arguments).status().expect("git runs").success(), "git {arguments:?}");
    }

    /// Commits everything, as if `hours` after the first of the year.
    fn commit(&self, hours: u32) {
        let date = format!("{} +0000", 1_767_225_600 + i64::from(hours) * 3600);
        self.git(&["add", "--all"]);
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.org"]);
        git.args(["commit", "--quiet", "--allow-empty", "--message", "x"]);
        git.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", &date);
        assert!(git.status().expect("git runs").success());
    }

    fn course(&self) -> Course {
        Course::open(self.folder.path()).expect("the course is well formed")
    }

    fn base(&self, since: Option<&str>) -> Base {
        Base::of(self.folder.path(), since, None)
    }

    /// Proves every step that is due and commits the record.
    fn prove(&self, hours: u32) {
        let course = self.course();
        let steps = steps(&self.mutants());
        let mut ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
        ledger.drop_unknown(&names(&steps)).unwrap();
        for step in &steps {
            if ledger.is_due(&step.name, true) {
                ledger.enter(&step.name, &[("hit".to_owned(), 1.5)].into()).unwrap();
            }
        }
        self.commit(hours);
    }

    /// The names of the mutants' files.
    fn mutants(&self) -> Vec<PathBuf> {
        let suite = self.folder.path().join("grader/suites/01-tiny");
        crate::author::generate::files_below(&suite, Path::new("mutants")).unwrap()
    }

    /// The problems of the record, and what the gate runs.
    fn gate(&self, since: Option<&str>, seed: Option<u64>) -> (Vec<String>, BTreeSet<String>) {
        let course = self.course();
        let steps = steps(&self.mutants());
        let ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
        let base = Base::of(self.folder.path(), since, seed);
        (ledger.problems(&names(&steps)).problems, ledger.picked(&steps, &base))
    }

    /// A line of the record is replaced.
    fn edit_record(&self, find: &str, replace: &str) {
        let path = format!("grader/suites/01-tiny/{FILE}");
        let text = fs::read_to_string(self.folder.path().join(&path)).expect("the record");
        assert!(text.contains(find), "{find} is not in {text}");
        self.write(&path, &text.replacen(find, replace, 1));
    }
}

const MUTANTS: usize = 60;

fn mutant(number: usize) -> String {
    format!("grader/suites/01-tiny/mutants/wrong-{number:02}.toml")
}

fn steps(mutants: &[PathBuf]) -> Vec<Step<'static>> {
    let step = |part, room, name: String| Step::new(part, room, name, |_| Ok(Found::default()));
    let mut steps = vec![
        step(Part::Reference, Room::First, "reference".into()),
        step(Part::Skeleton, Room::First, "skeleton".into()),
        step(Part::Gates, Room::Measures, "gates".into()),
    ];
    for path in mutants {
        let name = format!("mutant {}", path.file_stem().unwrap().to_string_lossy());
        steps.push(step(Part::Mutants, Room::Beside, name).of_patch(path));
    }
    steps
}

fn names(steps: &[Step<'_>]) -> BTreeSet<String> {
    steps.iter().map(|step| step.name.clone()).collect()
}

/// What nobody changed is not proven again, except for a sample; the reference runs always.
#[test]
fn a_lab_that_did_not_change_runs_its_reference_and_a_small_sample() {
    let small = Small::new();
    small.prove(0);
    small.commit(24);
    let (problems, runs) = small.gate(None, None);
    assert_eq!(problems, Vec::<String>::new());
    assert!(runs.contains("reference"), "{runs:?}");
    assert!(runs.len() <= 1 + QUIET.tests + QUIET.gates, "{runs:?}");
}

/// Without a record nothing is proven, whatever the base.
#[test]
fn a_lab_without_a_record_is_a_problem_and_runs_whole() {
    let small = Small::new();
    small.commit(0);
    small.commit(24);
    let (problems, runs) = small.gate(None, None);
    assert!(problems[0].starts_with("not proven yet: gates, mutant wrong-00"), "{problems:?}");
    assert_eq!(problems[1], "run: cargo grade author check --record --lab 1");
    assert_eq!(runs.len(), 3 + MUTANTS);
}

/// A change of the lab makes its record stale and everything run. A change of one mutant does that to the
/// mutant.
#[test]
fn a_changed_lab_is_stale_and_a_changed_mutant_only_itself() {
    let small = Small::new();
    small.prove(0);
    small.commit(24);
    small.write(&mutant(7), "task = \"1.2\"\n");
    let (problems, runs) = small.gate(None, None);
    assert_eq!(problems[0], "the lab changed since it was proven: mutant wrong-07");
    assert!(runs.contains("mutant wrong-07") && runs.len() < MUTANTS, "{runs:?}");
    small.write("solutions/01-tiny/src/lib.rs", "fn b() {}\n");
    let (problems, runs) = small.gate(None, None);
    assert!(problems[0].ends_with("and 58 more"), "{problems:?}");
    assert_eq!(runs.len(), 3 + MUTANTS);
}

/// Recorded again, a change is no problem, but it is proven again by every gate until the base has it too.
#[test]
fn what_changed_since_the_base_runs_whole_although_the_record_is_current() {
    let small = Small::new();
    small.prove(0);
    small.write("solutions/01-tiny/src/lib.rs", "fn b() {}\n");
    small.prove(24);
    let (problems, runs) = small.gate(None, None);
    assert_eq!((problems.len(), runs.len()), (0, 3 + MUTANTS));
    assert!(small.gate(Some("HEAD"), None).1.len() < MUTANTS);
    small.commit(48);
    assert!(small.gate(None, None).1.len() < MUTANTS, "the base has the change by now");
}

/// A change that was taken back is none.
#[test]
fn a_change_that_was_taken_back_runs_nothing_more() {
    let small = Small::new();
    small.prove(0);
    small.write("solutions/01-tiny/src/lib.rs", "fn b() {}\n");
    small.prove(24);
    small.write("solutions/01-tiny/src/lib.rs", "fn a() {}\n");
    small.prove(25);
    let (problems, runs) = small.gate(None, None);
    assert_eq!(problems, Vec::<String>::new());
    assert!(runs.len() < MUTANTS, "{runs:?}");
}

/// What the lab stands on, the toolchain included, leaves the record valid and makes the sample larger.
#[test]
fn a_change_below_makes_the_sample_larger() {
    for (path, text) in [
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.96.0\"\n"),
        ("grader/src/grade.rs", "fn grade() { }\n"),
        ("labs/kit/src/lib.rs", "pub fn new() {}\n"),
    ] {
        let small = Small::new();
        small.prove(0);
        small.commit(24);
        small.write(path, text);
        let (problems, runs) = small.gate(None, None);
        assert_eq!(problems, Vec::<String>::new(), "{path}");
        assert!(runs.contains("skeleton"), "{path}: {runs:?}");
        let sampled = runs.iter().filter(|name| name.starts_with("mutant")).count();
        assert_eq!(sampled, MOVED.tests, "{path}: {runs:?}");
    }
}

/// Handouts, hints and reports cannot change a verdict.
#[test]
fn what_cannot_change_a_verdict_changes_no_key() {
    let small = Small::new();
    small.prove(0);
    small.commit(24);
    let before = small.gate(None, None);
    small.write("handouts/src/01-tiny.md", "# Tiny, again\n");
    small.write("grader/src/report/terminal.rs", "fn show() { }\n");
    small.write("grader/suites/01-tiny/lab.toml", &LAB_TOML.replace("Keep every number.", "Keep each one."));
    assert_eq!(small.gate(None, None), before);
    small.write("grader/suites/01-tiny/lab.toml", &LAB_TOML.replace("max = 5.0", "max = 4.0"));
    assert!(small.gate(None, None).0[0].starts_with("the lab changed"));
}

/// The keys of an entry, its figures and its name are sealed.
#[test]
fn an_entry_that_was_edited_is_noticed() {
    for (find, replace) in [
        ("\"mutant wrong-03\" = { own = \"", "\"mutant wrong-03\" = { own = \"0"),
        ("ratios = { \"hit\" = 1.5 }", "ratios = { \"hit\" = 1.4 }"),
        ("\"mutant wrong-03\" =", "\"mutant wrong-99\" ="),
    ] {
        let small = Small::new();
        small.prove(0);
        small.commit(24);
        small.edit_record(find, replace);
        let problems = small.gate(None, None).0;
        assert!(!problems.is_empty(), "{replace} was not noticed");
    }
    let small = Small::new();
    small.prove(0);
    small.edit_record("\"hit\" = 1.5", "\"hit\" = 1.4");
    let (problems, runs) = small.gate(None, None);
    assert_eq!(problems[0], "the entry was edited by hand: gates");
    assert!(runs.contains("gates"));
}

/// A record with the marks of a merge is no record.
#[test]
fn a_record_in_conflict_is_an_error() {
    let small = Small::new();
    small.prove(0);
    small.edit_record("[proven]", "[proven]\n<<<<<<< ours");
    let course = small.course();
    assert!(Ledger::open(&course, &course.labs[0], &steps(&small.mutants())).is_err());
}

/// A renamed mutant has no entry, and its old entry has no step; proving it again sets both right.
#[test]
fn a_renamed_mutant_is_missing_and_its_old_entry_is_too_many() {
    let small = Small::new();
    small.prove(0);
    let folder = small.folder.path();
    fs::rename(folder.join(mutant(5)), folder.join(mutant(77))).unwrap();
    let (problems, runs) = small.gate(None, None);
    assert_eq!(problems[..2], ["not proven yet: mutant wrong-77", "there is no such step: mutant wrong-05"]);
    assert!(runs.contains("mutant wrong-77"));
    small.prove(24);
    assert_eq!(small.gate(None, None).0, Vec::<String>::new());
}

/// Another seed is another sample, the same seed the same; in the end every step had its turn.
#[test]
fn the_seed_chooses_the_sample() {
    let small = Small::new();
    small.prove(0);
    small.commit(24);
    let sample = |seed| small.gate(None, Some(seed)).1;
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
    let seen: BTreeSet<String> = (0..100).flat_map(sample).collect();
    assert_eq!(seen.len(), 3 + MUTANTS);
    let by_commit = |small: &Small| small.base(None).seed;
    let before = by_commit(&small);
    small.commit(25);
    assert_ne!(before, by_commit(&small));
}

/// The base is old enough, the newest of those, and everything where there is none.
#[test]
fn the_base_is_the_newest_commit_that_is_old_enough() {
    let small = Small::new();
    small.commit(0);
    assert_eq!(small.base(None).commit, None);
    small.commit(1);
    small.commit(8);
    small.commit(13);
    let commit = |name: &str| small.base(Some(name)).commit.expect("it is there");
    assert_eq!(small.base(None).commit, Some(commit("HEAD~2")));
    small.commit(20);
    assert_eq!(small.base(None).commit, Some(commit("HEAD~2")));
    let unknown = small.base(Some("0000000000000000000000000000000000000000"));
    assert_eq!(unknown.commit, None);
    assert!(unknown.says.starts_with("everything"), "{}", unknown.says);
}

/// A clone whose history was cut off cannot know what changed.
#[test]
fn a_shallow_clone_has_no_base() {
    let small = Small::new();
    small.commit(0);
    small.commit(24);
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", small.folder.path().display());
    small.git(&["clone", "--quiet", "--depth", "1", &from, &clone.path().to_string_lossy()]);
    assert_eq!(Base::of(clone.path(), None, None).commit, None);
    assert_eq!(Base::of(Path::new("/"), None, None).commit, None);
}

/// What is proven while a file changes was proven on nobody knows what.
#[test]
fn nothing_is_entered_when_a_file_changed_meanwhile() {
    let small = Small::new();
    let course = small.course();
    let steps = steps(&small.mutants());
    let mut ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
    ledger.enter("reference", &BTreeMap::new()).unwrap();
    small.write("solutions/01-tiny/src/lib.rs", "fn b() {}\n");
    assert!(ledger.enter("skeleton", &BTreeMap::new()).is_err());
    let record = Record::read(&course.labs[0]).unwrap();
    assert_eq!(record.names().collect::<Vec<_>>(), ["reference"]);
}

/// An interrupted run goes on where it stopped: what was entered is not due again.
#[test]
fn a_record_is_continued() {
    let small = Small::new();
    let course = small.course();
    let steps = steps(&small.mutants());
    let mut ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
    ledger.enter("reference", &BTreeMap::new()).unwrap();
    drop(ledger);
    let ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
    assert!(!ledger.is_due("reference", true) && ledger.is_due("skeleton", true));
    small.write("labs/kit/src/lib.rs", "pub fn new() {}\n");
    let ledger = Ledger::open(&course, &course.labs[0], &steps).unwrap();
    assert!(ledger.is_due("reference", true) && !ledger.is_due("reference", false));
}
