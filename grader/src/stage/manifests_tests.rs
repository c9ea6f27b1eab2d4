use super::*;

const LAB: &str = include_str!("../../tests/fixture/grader/suites/01-tiny/lab.toml");

/// What tasks share stays in; a helper that only another task uses is dead code here.
#[test]
fn a_tasks_program_leaves_the_other_tasks_out() {
    let lab = Lab::parse(Path::new("grader/suites/01-tiny"), LAB).unwrap();
    let main = "//! Tests.\n\nmod support;\nmod t1_1;\nmod t1_2;\n\nfn main() {}\n";
    let text = test_root_text(main, "1.2", &lab.tasks);
    assert_eq!(text, "#![allow(dead_code)]\n//! Tests.\n\nmod support;\nmod t1_2;\n\nfn main() {}\n");
    assert_eq!((test_program("1.2").as_str(), test_root("1.2").as_str()), ("t1_2", "main_t1_2.rs"));
}

/// A module of the same name is no reason to compile a crate.
#[test]
fn a_crate_is_named_where_a_path_starts_with_it() {
    assert!(names_crate("use lru::LruCache;", "lru"));
    assert!(!names_crate("use structures::lru::LruCache; mod lru;", "lru"));
    assert!(!names_crate("my_lru::x()", "lru"));
}

/// A course whose third lab stands on a kit that stands on a kit and on two labs.
fn course_with_kits() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("solutions/Cargo.toml", "[workspace.dependencies]\n");
    let needs = |names: &[&str]| -> String {
        let lines: String = names.iter().map(|name| format!("{name}.workspace = true\n")).collect();
        format!("[dependencies]\n{lines}")
    };
    let package = |name: &str| format!("[package]\nname = \"{name}\"\n");
    let labs: [(&str, &[&str], &[&str]); 4] = [
        ("01-a", &["kit"], &["a"]),
        ("02-b", &["a", "given-kit"], &["b", "page-kit"]),
        ("03-c", &["a"], &["c", "engine-kit"]),
        ("04-d", &["c"], &["d"]),
    ];
    for (id, lab_needs, suite_needs) in labs {
        let number = &id[1..2];
        let limits = "[limits]\nwall_seconds = 2\ncpu_seconds = 1\nmemory_mib = 64\n";
        let task = format!(
            "[[task]]\nid = \"{number}.1\"\ntitle = \"t\"\nfile = \"src/x.rs\"\nminutes = 15\npoints = 1\nhints = []\n"
        );
        let about = format!(
            "[lab]\nnumber = {number}\npackage = \"{}\"\ntitle = \"t\"\nsummary = \"s\"\nwhy = \"w\"\nhours = 1\n",
            &id[3..]
        );
        write(&format!("grader/suites/{id}/lab.toml"), &format!("{about}{limits}{task}"));
        write(&format!("grader/suites/{id}/Cargo.toml"), &needs(suite_needs));
        write(&format!("solutions/{id}/Cargo.toml"), &needs(lab_needs));
    }
    let kits: [(&str, &[&str]); 3] = [
        ("labs/given-kit", &["kit"]),
        ("grader/page-kit", &["b"]),
        ("grader/engine-kit", &["a", "page-kit"]),
    ];
    let mut list = String::new();
    for (folder, kit_needs) in kits {
        let name = folder.rsplit('/').next().unwrap();
        write(&format!("{folder}/Cargo.toml"), &format!("{}{}", package(name), needs(kit_needs)));
        list.push_str(&format!("[[kit]]\nfolder = \"{folder}\"\n"));
    }
    write(COURSE_FILE, &list);
    root
}

fn bound<'a>(kits: &'a [StagedKit], folder: &str) -> impl Fn(&str) -> Option<String> + use<'a> {
    let kit = kits.iter().find(|kit| kit.folder == folder);
    let manifest: Table = kit.unwrap_or_else(|| panic!("no {folder} in {kits:#?}")).manifest.parse().unwrap();
    move |name| manifest["dependencies"][name].get("package")?.as_str().map(str::to_owned)
}

/// What a suite uses through a kit must be the very labs that the tested lab was built on.
#[test]
fn a_kit_sits_where_the_labs_do_that_it_stands_on() {
    let root = course_with_kits();
    let course = Course::open(root.path()).unwrap();
    let manifests = Manifests::read(&course).unwrap();
    let lab = course.lab("3").unwrap();
    // Lab 3 itself needs only lab 1; lab 2 comes with the kits.
    let closure = manifests.closure(lab).unwrap();
    let numbers: Vec<u32> = closure.iter().map(|lab| lab.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let seats = BTreeMap::from([(1, Seat::Learner), (2, Seat::Patched), (3, Seat::Learner)]);
    let kits = manifests.kits(lab, &seats).unwrap();
    let folders: Vec<&str> = kits.iter().map(|kit| kit.folder.as_str()).collect();
    assert_eq!(
        folders,
        [
            "kits/reference-engine-kit",
            "kits/patched-engine-kit",
            "kits/reference-given-kit",
            "kits/reference-page-kit",
            "kits/patched-page-kit"
        ]
    );
    let engine = bound(&kits, "kits/patched-engine-kit");
    assert_eq!(engine("a").as_deref(), Some("learner-a"));
    assert_eq!(engine("page-kit").as_deref(), Some("patched-page-kit"));
    assert_eq!(bound(&kits, "kits/patched-page-kit")("b").as_deref(), Some("patched-b"));
    let engine = bound(&kits, "kits/reference-engine-kit");
    assert_eq!(engine("a").as_deref(), Some("reference-a"));
    assert_eq!(engine("page-kit").as_deref(), Some("reference-page-kit"));
    let learners = manifests.lab(course.lab("2").unwrap(), Seat::Patched, &seats).unwrap();
    let learners: Table = learners.parse().unwrap();
    assert_eq!(learners["dependencies"]["given-kit"]["package"].as_str(), Some("reference-given-kit"));
    assert_eq!(
        learners["dependencies"]["given-kit"]["path"].as_str(),
        Some("../../../kits/reference-given-kit")
    );
}

/// Lab 4 stands on lab 3, whose suite uses kits; lab 4's suite does not, so none is compiled for it.
#[test]
fn a_kit_of_an_earlier_suite_is_not_staged() {
    let root = course_with_kits();
    let course = Course::open(root.path()).unwrap();
    let manifests = Manifests::read(&course).unwrap();
    assert!(manifests.kits(course.lab("4").unwrap(), &BTreeMap::new()).unwrap().is_empty());
    assert!(manifests.kits(course.lab("1").unwrap(), &BTreeMap::new()).unwrap().is_empty());
}

/// A suite must not need a lab that the learner has not written yet.
#[test]
fn a_kit_of_a_later_lab_is_refused() {
    let root = course_with_kits();
    fs::write(
        root.path().join("grader/suites/01-a/Cargo.toml"),
        "[dependencies]\nengine-kit.workspace = true\n",
    )
    .unwrap();
    let course = Course::open(root.path()).unwrap();
    let error = Manifests::read(&course).unwrap().closure(course.lab("1").unwrap()).unwrap_err().to_string();
    assert_eq!(error, "lab 1 stands on b, which is the later lab 2");
}

/// The suites of labs 3 and 4 put pagers of the kit in the pool's place.
#[test]
fn the_suite_of_lab_4_uses_the_pagers_of_its_own_seat() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let course = Course::open(root).unwrap();
    let manifests = Manifests::read(&course).unwrap();
    let lab = course.lab("4").unwrap();
    let pool = |pool| BTreeMap::from([(1, Seat::Learner), (2, Seat::Learner), (3, pool), (4, Seat::Patched)]);
    let kits = manifests.kits(lab, &pool(Seat::Patched)).unwrap();
    let pagers = bound(&kits, "kits/patched-pager-kit");
    assert_eq!(pagers("buffer-pool").as_deref(), Some("patched-buffer-pool"));
    assert_eq!(pagers("slotted-page").as_deref(), Some("learner-slotted-page"));
    let files = Files::from([("tests/t4_1.rs".into(), b"use pager_kit::MemPager;".to_vec())]);
    let suite: Table = manifests.suite(lab, "suite", &files, &pool(Seat::Learner)).unwrap().parse().unwrap();
    assert_eq!(suite["dependencies"]["pager-kit"]["package"].as_str(), Some("learner-pager-kit"));
}

/// A version from the table keeps its features and gets those asked for on top.
#[test]
fn versions_come_from_the_reference() {
    let parse = |text: &str| text.parse::<Table>().unwrap();
    let versions = parse("a = \"1\"\nb = { version = \"2\", features = [\"x\"] }\nkit = { path = \"k\" }");
    let wanted =
        parse("a.workspace = true\nb = { workspace = true, features = [\"y\"] }\nkit.workspace = true");
    let bound = |name: &str| by_version(name, &wanted[name], &versions);
    assert_eq!(bound("a").unwrap()["version"].as_str(), Some("1"));
    assert_eq!(bound("b").unwrap()["features"].as_array().map(Vec::len), Some(2));
    assert!(bound("kit").is_err(), "a path would lead out of the stage");
}
