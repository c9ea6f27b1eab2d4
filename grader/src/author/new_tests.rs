use super::*;

const COURSE: &str = "# Head.\n\n[[kit]]\nfolder = \"k\"\n\n# About labs.\n[[coming]]\nid = \"02-b\"\ntitle = \"B\"\n\
                      summary = \"s\"\nwhy = \"w\"\nstands_on = [\"a\"]\n\n[[coming]]\nid = \"03-c\"\ntitle = \"C\"\n\
                      summary = \"s\"\nwhy = \"w\"\nstands_on = [\"a\", \"b\"]\n";

fn outline() -> Outline {
    let root = tempfile::tempdir().expect("a temporary folder");
    let lab = "[lab]\nnumber = 1\npackage = \"a\"\ntitle = \"A\"\nsummary = \"s\"\nwhy = \"w\"\n";
    write_file(&root.path().join("grader/suites/01-a/lab.toml"), lab.as_bytes()).expect("write a sample");
    write_file(&root.path().join("k/Cargo.toml"), b"[package]\nname = \"k\"\n").expect("write a sample");
    write_file(&root.path().join(COURSE_FILE), COURSE.as_bytes()).expect("write a sample");
    Outline::read(root.path()).expect("a good course")
}

#[test]
fn a_wrong_name_is_refused_with_its_reason() {
    let outline = outline();
    for (id, says) in [
        ("2-b", "does not name a lab"),
        ("locking", "does not name a lab"),
        ("../02-b", "does not name a lab"),
        ("01-a", "lab 1 exists already: grader/suites/01-a"),
        ("01-other", "lab 1 exists already: grader/suites/01-a"),
        ("02-c", "no [[coming]] entry with id = \"02-c\"; write one (it has 02-b, 03-c)"),
        ("03-c", "03-c stands on b, which does not exist yet"),
    ] {
        let error = entry(&outline, id).expect_err(id).to_string();
        assert!(error.contains(says), "{id}: {error}");
    }
    assert_eq!(entry(&outline, "02-b").expect("it is to come").title, "B");
}

/// Comments and the other entries stay as they are.
#[test]
fn the_entry_of_a_new_lab_is_deleted() {
    let first = without_entry(COURSE, "02-b").expect("an entry");
    assert!(
        first.starts_with("# Head.\n\n[[kit]]\nfolder = \"k\"\n\n# About labs.\n[[coming]]\nid = \"03-c\"\n")
    );
    let last = without_entry(COURSE, "03-c").expect("an entry");
    assert!(last.ends_with("stands_on = [\"a\"]\n") && !last.contains("03-c"), "{last}");
    assert!(without_entry(COURSE, "04-d").is_err());
}

#[test]
fn every_name_in_the_templates_is_filled_in() {
    let mut lab = outline().coming.remove(0);
    for stands_on in [vec![], vec!["a".to_owned(), "z".to_owned()]] {
        lab.stands_on = stands_on;
        for (_, path, template) in FILES {
            let text = filled(template, &lab);
            assert!(!text.contains("{{") && !filled(path, &lab).contains("{{"), "{path}: {text}");
            if path == "Cargo.toml" || path == "lab.toml" {
                text.parse::<toml::Table>().unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
            }
        }
    }
}
