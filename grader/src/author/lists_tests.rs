use super::*;

/// Every file with lists, the lists empty.
const FILES: [(&str, &str); 5] = [
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\n    # generated: members\n    # end\n]\nexclude = [\n    # generated: excluded\n    # end\n]\n\
         [workspace.dependencies]\n# generated: dependencies\n# end\nx = \"1\"\n",
    ),
    (
        "solutions/Cargo.toml",
        "members = [\n    # generated: members\n    # end\n]\n[workspace.dependencies]\n# generated: dependencies\n# end\n",
    ),
    ("README.md", "# A\n\n<!-- generated: labs -->\nstale line\n<!-- end -->\n\nrest\n"),
    ("handouts/src/00-introduction.md", "<!-- generated: labs -->\n<!-- end -->\n"),
    ("handouts/src/SUMMARY.md", "<!-- generated: labs -->\n<!-- end -->\n"),
];

/// A course with one lab, one lab to come, and a kit of each sort.
fn course() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in FILES {
        write_at(root.path(), path, text);
    }
    let lab =
        "[lab]\nnumber = 1\npackage = \"a\"\ntitle = \"A title\"\nsummary = \"an a\"\nwhy = \"it needs a\"\n";
    write_at(root.path(), "grader/suites/01-a/lab.toml", lab);
    for folder in [
        "labs/01-a",
        "labs/01-a/benches",
        "solutions/01-a",
        "solutions/01-a/benches",
        "grader/suites/01-a",
        "labs/net-kit",
        "solutions/sql-kit",
        "labs/sql-kit",
        "grader/pager-kit",
    ] {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        write_at(root.path(), &format!("{folder}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\n"));
    }
    let kits = ["labs/net-kit", "solutions/sql-kit", "grader/pager-kit"];
    let kits: String = kits.iter().map(|kit| format!("[[kit]]\nfolder = \"{kit}\"\n")).collect();
    let coming = "[[coming]]\nid = \"02-b\"\ntitle = \"B\"\nsummary = \"a b\"\nwhy = \"it needs b\"\nstands_on = [\"a\"]\n";
    write_at(root.path(), COURSE_FILE, &format!("{kits}{coming}"));
    root
}

fn write_at(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
    fs::write(path, text).expect("write a sample");
}

fn text(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("read a sample")
}

#[test]
fn every_list_follows_the_course() {
    let root = course();
    assert_eq!(write(root.path()).expect("write the lists").len(), FILES.len());
    let learner: toml::Table = text(root.path(), "Cargo.toml").parse().expect("a manifest");
    let workspace = &learner["workspace"];
    let paths = |value: &toml::Value| -> Vec<String> {
        let array = value.as_array().expect("an array");
        array.iter().map(|path| path.as_str().expect("a path").to_owned()).collect()
    };
    let members = ["labs/net-kit", "labs/sql-kit", "labs/01-a", "labs/01-a/benches"];
    assert_eq!(paths(&workspace["members"]), members);
    assert_eq!(paths(&workspace["exclude"]), ["grader/pager-kit"]);
    assert_eq!(workspace["dependencies"]["a"]["path"].as_str(), Some("labs/01-a"));
    assert_eq!(workspace["dependencies"]["sql-kit"]["path"].as_str(), Some("labs/sql-kit"));
    assert_eq!(workspace["dependencies"]["x"].as_str(), Some("1"), "what is written by hand stays");
    assert!(workspace["dependencies"].get("pager-kit").is_none());
    let reference: toml::Table = text(root.path(), "solutions/Cargo.toml").parse().expect("a manifest");
    let members = ["01-a", "01-a/benches", "../grader/suites/01-a", "sql-kit", "../grader/pager-kit"];
    assert_eq!(paths(&reference["members"]), members);
    let dependencies = &reference["workspace"]["dependencies"];
    assert_eq!(dependencies["net-kit"]["path"].as_str(), Some("../labs/net-kit"));
    assert_eq!(dependencies["pager-kit"]["path"].as_str(), Some("../grader/pager-kit"));
    let readme = text(root.path(), "README.md");
    assert!(readme.starts_with("# A\n\n<!-- generated: labs -->\n| lab |"), "{readme}");
    assert!(
        readme.contains("| 1 | an a | [`labs/01-a`](labs/01-a) |\n| 2 | a b | coming |\n<!-- end -->"),
        "{readme}"
    );
    assert!(readme.ends_with("<!-- end -->\n\nrest\n") && !readme.contains("stale line"), "{readme}");
    let introduction = text(root.path(), "handouts/src/00-introduction.md");
    assert!(introduction.contains("| [1](01-a.md) | an a | it needs a |\n| 2 (coming) | a b | it needs b |"));
    assert!(text(root.path(), "handouts/src/SUMMARY.md").contains("- [Lab 1: A title](01-a.md)\n"));
    assert_eq!(write(root.path()).expect("write again"), Vec::<PathBuf>::new());
}

/// A lab without benches is no member that cargo would look for in vain.
#[test]
fn only_folders_with_a_manifest_are_members() {
    let root = course();
    fs::remove_dir_all(root.path().join("labs/01-a/benches")).expect("remove the benches");
    write(root.path()).expect("write the lists");
    assert!(!text(root.path(), "Cargo.toml").contains("benches"));
}

/// A list that somebody edited is reported as a difference, with the lines that differ.
#[test]
fn an_edited_list_is_noticed() {
    let root = course();
    write(root.path()).expect("write the lists");
    let path = "solutions/Cargo.toml";
    let edited = text(root.path(), path).replace("\"../grader/suites/01-a\"", "\"../grader/suites/01-b\"");
    write_at(root.path(), path, &edited);
    let plan = plan(root.path()).expect("plan");
    let stale: Vec<&ListedFile> = plan.iter().filter(|file| !file.is_current()).collect();
    assert_eq!(stale.len(), 1);
    let diff = stale[0].diff();
    assert!(
        diff.contains("-    \"../grader/suites/01-b\",") && diff.contains("+    \"../grader/suites/01-a\",")
    );
}

/// With one mark missing nothing is written, not even the lists that come before it.
#[test]
fn a_missing_mark_writes_nothing() {
    for (find, replace, says) in [
        ("<!-- generated: labs -->", "<!-- labs -->", "must be there exactly once"),
        ("<!-- generated: labs -->", "<!-- generated: labs -->\n<!-- generated: labs -->", "exactly once"),
        ("<!-- end -->", "", "there is no line `<!-- end -->`"),
    ] {
        let root = course();
        let path = "handouts/src/SUMMARY.md";
        write_at(root.path(), path, &text(root.path(), path).replace(find, replace));
        let error = format!("{:#}", write(root.path()).expect_err("must be refused"));
        assert!(error.contains(path) && error.contains(says), "{error}");
        assert_eq!(text(root.path(), "Cargo.toml"), FILES[0].1);
    }
}
