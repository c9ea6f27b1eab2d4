//! The public examples of lab {{number}}. Read them beside the task; run them with
//! `cargo test -p {{package}}`. The grader has more, and harder ones.

mod t{{number}}_1 {
    use {{library}}::first;

    /// TO WRITE: examples that show a learner what the task asks for.
    #[test]
    fn an_example_of_the_first_task() {
        assert_eq!(first(), Ok(()), "write task {{number}}.1 in solutions/{{id}}/src/first.rs");
    }
}
