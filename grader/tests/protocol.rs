//! What the grader takes for a report, played by shell scripts in the place of a test program.

use std::path::Path;
use std::time::Duration;

use grader::run::process::{Ended, Job, run};
use grader_protocol::{Limits, Outcome};

/// Runs a script that has the socket as its standard input. `say` sends a line, and `hear` reads one.
fn play(script: &str) -> Ended {
    let tools = "say() { printf '%s\\n' \"$1\" >&0; }; hear() { read -r line <&0; }; hear; ";
    let script = format!("{tools}{script}");
    let job = Job {
        program: Path::new("/bin/sh"),
        arguments: &["-c", &script],
        seed: None,
        limits: Limits { wall_seconds: 20, cpu_seconds: 20, memory_mib: 64 },
        wall: Duration::from_secs(20),
        has_order: true,
    };
    run(&job).unwrap()
}

/// A report of a pass with this nonce, as JSON.
fn pass(nonce: &str) -> String {
    format!(
        r#"{{"report":{{"nonce":{nonce},"outcome":{{"kind":"pass"}},"cpu_ms":1,"layers":[],"measurements":[]}}}}"#
    )
}

/// The nonce stands in the answer alone, which comes after the test has returned.
#[test]
fn a_pass_counts_with_the_nonce_that_answers() {
    let ended = play(
        r#"case "$line" in *nonce*) exit 9;; esac
        say '"returned"'; hear; nonce=${line#*:\"}; nonce=${nonce%%\"*}
        say "{\"report\":{\"nonce\":\"$nonce\",\"outcome\":{\"kind\":\"pass\"},\"cpu_ms\":1,\"layers\":[],\"measurements\":[]}}""#,
    );
    assert_eq!(ended.report.map(|report| report.outcome), Some(Outcome::Pass), "{:?}", ended.status);
    assert!(!ended.saw_forgery);
}

#[test]
fn a_pass_without_the_nonce_is_forged() {
    for script in [
        format!("say '{}'", pass("null")),
        format!("say '{}'", pass("\"0\"")),
        format!("say '\"returned\"'; hear; say '{}'", pass("\"0\"")),
        format!("say '{}'; say '\"returned\"'; hear", pass("null")),
        "say '\"returned\"'; hear".to_owned(),
        "say '\"returned\"'; hear; say '\"returned\"'".to_owned(),
        "say 'passed'".to_owned(),
    ] {
        let ended = play(&script);
        assert!(ended.report.is_none() && ended.saw_forgery, "{script}: {:?}", ended.report);
    }
}

/// The watchdog reports while the learner's code still runs, and must not bring a nonce into its memory.
#[test]
fn a_failure_needs_no_nonce() {
    let ended = play(
        r#"say '{"report":{"nonce":null,"outcome":{"kind":"todo","what":"x","expected":null,"found":null,"steps":[],"case":null,"picture":null,"invariant":null,"notes":[],"trace":[],"seed":null},"cpu_ms":1,"layers":[],"measurements":[]}}'"#,
    );
    assert!(
        matches!(ended.report.map(|report| report.outcome), Some(Outcome::Todo(_))),
        "{:?}",
        ended.status
    );
    assert!(!ended.saw_forgery);
}
