//! Each rule on a good and on a bad sample.

use super::*;

fn of(path: &str, text: &str) -> Vec<(Rule, usize)> {
    broken(Path::new(path), text).into_iter().map(|place| (place.rule, place.line)).collect()
}

const CLEAN: [(Rule, usize); 0] = [];

#[test]
fn a_comment_line_has_at_most_110_columns() {
    let line = |len: usize| format!("// {}\n", "x".repeat(len - 3));
    assert_eq!(of("a.rs", &line(110)), CLEAN);
    assert_eq!(of("a.rs", &format!("\n{}", line(111))), [(Rule::CommentWidth, 2)]);
    let code = format!("fn f() {{ g({}); }}\n", "x".repeat(120));
    assert_eq!(of("a.rs", &code), CLEAN, "code is the formatter's");
    assert_eq!(of("a.rs", &format!("let a = 1;{} // late\n", " ".repeat(100))), [(Rule::CommentWidth, 1)]);
    assert_eq!(of("a.rs", &format!("let s = \"// {}\";\n", "x".repeat(120))), CLEAN, "no comment, a string");
    let block = format!("/* one\n{}\n*/\n", "x".repeat(111));
    assert_eq!(of("a.rs", &block), [(Rule::CommentWidth, 2)]);
    assert_eq!(
        of("a.toml", &format!("# {}\na = \"{}\"\n", "x".repeat(109), "y".repeat(120))),
        [(Rule::CommentWidth, 1)]
    );
    // A column is a character, not a byte.
    assert_eq!(of("a.rs", &format!("// {}\n", "é".repeat(107))), CLEAN);
}

#[test]
fn a_function_has_at_most_70_lines() {
    let function = |lines: usize| format!("\nfn long() {{\n{}}}\n", "    x();\n".repeat(lines - 2));
    assert_eq!(of("a.rs", &function(70)), CLEAN);
    assert_eq!(of("a.rs", &function(71)), [(Rule::FunctionLength, 2)]);
    // Braces in texts, comments and characters do not count.
    let tricky = "fn f<'a>(x: &'a str) -> [u8; { 1 }] {\n    g('{', b'\\'', \"}\", r#\"}\"}\"#); // }\n}\n";
    let text = format!("{tricky}{}", "\n".repeat(90));
    assert_eq!(of("a.rs", &text), CLEAN);
    assert_eq!(Scan::new(&text).functions()[0].lines, 3);
    assert_eq!(Scan::new("trait T { fn declared(&self); fn given(&self) {} }").functions().len(), 1);
}

#[test]
fn a_file_has_at_most_600_lines_without_its_tests() {
    let long = "use a::b;\n".repeat(601);
    assert_eq!(of("src/a.rs", &long), [(Rule::FileLength, 1)]);
    assert_eq!(of("tests/a.rs", &long), CLEAN);
    assert_eq!(of("src/a/tests.rs", &long), CLEAN);
    let tested =
        format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "use a::b;\n".repeat(590), "\n".repeat(50));
    assert_eq!(of("src/a.rs", &tested), CLEAN);
}

#[test]
fn a_module_is_a_file_beside_its_folder() {
    assert_eq!(of("src/a/mod.rs", ""), [(Rule::ModuleFile, 1)]);
    assert_eq!(of("src/a.rs", ""), CLEAN);
    assert_eq!(of("grader/tests/common/mod.rs", ""), CLEAN);
}

#[test]
fn a_bare_who_is_found_in_comments_strings_and_names() {
    let bad = [
        "// Who asks for it waits.\n",
        "// The lock is free for\n// who comes first.\n",
        "const A: &str = \"says who it is\";\n",
        "fn tells_who_waits() {}\n",
        "// The learner. Who waits?\n",
    ];
    for text in bad {
        assert_eq!(of("a.rs", text).len(), 1, "{text}");
        assert_eq!(of("a.rs", text)[0].0, Rule::PlainEnglish, "{text}");
    }
    assert_eq!(of("a.rs", bad[1]), [(Rule::PlainEnglish, 2)]);
    let good = [
        "// A learner who reads this, those who write it, whose it is and whoever asks.\n",
        "// The code `who` is code.\n",
        "let who = 1;\n",
        "// A reader,\n// who has not written it.\n",
    ];
    for text in good {
        assert_eq!(of("a.rs", text), CLEAN, "{text}");
    }
}

#[test]
fn images_are_found_in_prose_and_not_in_code() {
    assert_eq!(
        of("a.md", "A page on its\nway.\n\nIt is told.\n"),
        [(Rule::PlainEnglish, 1), (Rule::PlainEnglish, 4)]
    );
    assert_eq!(of("a.md", "```text\ntold\n```\nThe word `told`.\nOn its. Way.\n"), CLEAN);
    assert_eq!(of("a.toml", "hints = [\"\"\"\nIt leads nowhere.\n\"\"\"]\n"), [(Rule::PlainEnglish, 2)]);
    assert_eq!(of("a.rs", "/// It passes by.\nfn f() {}\n"), [(Rule::PlainEnglish, 1)]);
}

#[test]
fn two_variants_of_one_error_print_different_texts() {
    let same = "enum A {\n    #[error(\"too {0}\")]\n    B(u8),\n    #[error(\n        \"too {0}\"\n    )]\n    C(u8),\n}\n";
    assert_eq!(of("a.rs", same), [(Rule::ErrorTexts, 5)]);
    assert_eq!(of("a.rs", &same.replacen("too", "not", 1)), CLEAN);
    let two = "enum A {\n    #[error(\"a\")]\n    B,\n}\nenum C {\n    #[error(\"a\")]\n    D,\n}\n";
    assert_eq!(of("a.rs", two), CLEAN, "two enums");
}

#[test]
fn more_places_than_allowed_are_a_problem_and_fewer_can_be_lowered() {
    let at = |count: usize| (0..count).map(|line| format!("a.rs:{line}: wide")).collect::<Vec<_>>();
    let places: Places = [((Rule::CommentWidth, "grader/src".to_string()), at(2))].into();
    let debts = |text: &str| toml::from_str::<Debts>(text).expect("well formed");
    let allowed = |count: usize| debts(&format!("[comment-width]\n\"grader/src\" = {count}\n"));
    assert_eq!(compare(&places, &allowed(2)), (vec![], vec![]));
    let (problems, lower) = compare(&places, &allowed(1));
    assert_eq!((problems.len(), lower.len()), (1, 0));
    assert!(
        problems[0].contains("2 places in grader/src, 1 allowed") && problems[0].contains("a.rs:1: wide")
    );
    assert_eq!(compare(&places, &allowed(3)), (vec![], vec!["comment-width in grader/src to 2".to_string()]));
    assert_eq!(compare(&places, &Debts::new()).0.len(), 1, "no entry allows nothing");
    assert_eq!(compare(&Places::new(), &debts("[no-rule]\n\"a\" = 1\n")).0.len(), 1);
}

#[test]
fn places_are_counted_by_folder() {
    assert_eq!(folder(Path::new("README.md")), ".");
    assert_eq!(folder(Path::new("grader/README.md")), "grader");
    assert_eq!(folder(Path::new("grader/src/author/new.rs")), "grader/src");
    assert_eq!(folder(Path::new("grader/suites/01-structures/tests/t1_1.rs")), "grader/suites/01-structures");
    assert_eq!(folder(Path::new("solutions/01-structures/src/lru.rs")), "solutions/01-structures");
}
