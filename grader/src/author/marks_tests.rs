use super::*;

const REFERENCE: &str = r#"//! A queue.

use std::mem;
//# hide
use std::cmp;
//# end

impl Queue {
    /// Counts.
    pub fn len(&self) -> usize {
        //# task 1.1 count the elements
        //+ // Nudge: count, do not subtract.
        let n = self.count;

        n
        //# end
    }

    //# hide
    fn helper(&self) {}
    //# end

    /// Puts.
    pub fn put(&mut self) {
        //# task 1.2 put one
        self.helper();
        //# end
    }

    //# hide
    fn last(&self) {}
    //# end
}

//+ // Write your helpers here.

//# hide
#[cfg(test)]
mod tests {}
//# end
"#;

const SKELETON: &str = r#"//! A queue.

use std::mem;

impl Queue {
    /// Counts.
    pub fn len(&self) -> usize {
        // Nudge: count, do not subtract.
        todo!("task 1.1: count the elements")
    }

    /// Puts.
    pub fn put(&mut self) {
        todo!("task 1.2: put one")
    }
}

// Write your helpers here.
"#;

/// The skeleton has no marks, no hidden line, and no blank line that rustfmt would take out.
#[test]
fn skeleton_is_what_a_learner_gets() {
    let marked = parse("queue.rs", REFERENCE).expect("the sample is well formed");
    assert_eq!(marked.skeleton(), SKELETON);
}

/// A stub keeps the other tasks and the hidden helpers, or it would not compile.
#[test]
fn a_stub_opens_one_task_only() {
    let stub = parse("queue.rs", REFERENCE).expect("the sample is well formed").stubbed("1.2");
    assert!(stub.contains("let n = self.count;"));
    assert!(stub.contains("fn helper"));
    assert!(stub.contains("todo!(\"task 1.2: put one\")"));
    assert!(!stub.contains("todo!(\"task 1.1"));
    assert!(!stub.contains("//+") && !stub.contains("Write your helpers"));
}

/// A file without marks is copied as it is, also when it holds two blank lines in a string.
#[test]
fn text_without_marks_is_untouched() {
    let text = "const A: &str = \"\n\n\n\";\n";
    assert_eq!(parse("a.rs", text).expect("no marks").skeleton(), text);
}

fn errors(text: &str) -> Vec<String> {
    let found = parse("f.rs", text).expect_err("must be refused");
    found.iter().map(ToString::to_string).collect()
}

/// Each mistake is reported with file and line, and one mistake does not hide the next.
#[test]
fn mistakes_are_named_with_their_line() {
    let cases = [
        ("//# task 1.1 x\na\n", "f.rs:1: this region is never closed: add `//# end`"),
        ("//# end\n", "f.rs:1: `//# end` without a region: `task` or `hide` is missing"),
        ("//# task 1.1\na\n//# end\n", "f.rs:1: say in a few words what to do: `//# task 1.1 what to do`"),
        ("//# task one x\na\n//# end\n", "f.rs:1: `one` is no task id: write `//# task 1.3 what to do`"),
        ("\n//# task 1.1 x\n\n//# end\n", "f.rs:2: this task region is empty"),
        ("//# hide\n//# end\n", "f.rs:1: this hide region is empty"),
        ("//# tsk 1.1 x\n", "f.rs:1: `//# tsk` is no mark: use `task`, `hide` or `end`"),
        ("a(); //# end\n", "f.rs:1: a mark stands alone on its line"),
        ("//# task 1.1 x\na\n  //# end\n", "f.rs:3: `//# end` is not indented like its region of line 1"),
        (
            "//# task 1.1 x\n//+ 1\n//+ 2\n//+ 3\n//+ 4\na\n//# end\n",
            "f.rs:5: at most 3 lines of nudges in a hole",
        ),
        (
            "//# hide\n//+ x\na\n//# end\n",
            "f.rs:2: `//+` inside a hidden region has no effect: the skeleton leaves the region out",
        ),
        (
            "//# task 1.1 a {b}\na\n//# end\n",
            "f.rs:1: the text becomes a `todo!` message: no quote, brace or backslash",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(errors(text), [expected], "for {text:?}");
    }
    let nested = errors("//# task 1.1 x\na\n//# hide\nb\n//# end\n//# end\n");
    assert_eq!(nested[0], "f.rs:3: regions do not nest: the one of line 1 is still open");
    assert_eq!(nested[1], "f.rs:6: `//# end` without a region: `task` or `hide` is missing");
}

/// A `todo!` that rustfmt would break over lines is refused, because the skeleton must be stable.
#[test]
fn a_hole_fits_a_line() {
    let text = format!("//# task 1.1 {}\na\n//# end\n", "x".repeat(100));
    assert!(errors(&text)[0].contains("columns wide"));
}
