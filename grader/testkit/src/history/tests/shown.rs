//! What a person sees: the notation, the story, the drawing, the failure of a test.

use std::panic::AssertUnwindSafe;

use super::*;
use crate::Failure;

const WRITE_SKEW: &str = "start(x=50, y=50) r1(x=50) r1(y=50) r2(x=50) r2(y=50) w1(x=-10) w2(y=-20) c1 c2";

#[test]
fn the_story_says_which_operation_each_edge_is() {
    let report = report(WRITE_SKEW);
    let story = report.story(&report.findings()[0]);
    let expected = "\
write skew (G2-item): no serial order of T1, T2 gives what they saw

  step  T1                       T2
     1  begins
     2  reads x: 50 (the start)
     3  reads y: 50 (the start)
     4                           begins
     5                           reads x: 50 (the start)
     6                           reads y: 50 (the start)
     7  writes x = -10
     8                           writes y = -20
     9  commits
    10                           commits

  T2 -rw x-> T1  T2 reads x in step 5, and T1 writes the next version in step 7.
  T1 -rw y-> T2  T1 reads y in step 3, and T2 writes the next version in step 8.
                 So T2 would have to come before itself: T2 before T1 before T2.
";
    assert_eq!(story, expected);
}

#[test]
fn the_story_of_a_phantom_names_the_scan_and_the_row() {
    let report = report("start(1=10) s1(1..9: 1=10) w2(5=20) c2 s1(1..9: 1=10, 5=20) c1");
    let story = report.story(&report.findings()[0]);
    assert!(
        story.contains("T1's scan of 1..9 in step 2 does not return 5, and T2 adds it in step 4."),
        "{story}"
    );
    assert!(story.contains("T2 writes 5 in step 4, and T1 reads that version in step 6."), "{story}");
    assert!(story.contains("scans 1..9: 1 = 10, 5 = 20"), "{story}");
}

#[test]
fn what_is_printed_can_be_parsed_again() {
    let texts = [
        WRITE_SKEW,
        "w1(x=1) w1(x=2) r2(x@1.1) w1(x=-) r2(x=-) a1 u2",
        "b1 s1(all: ) w2(accounts/7=3, accounts/8=4) s2(accounts/all: accounts/7=3) s2(accounts/1..9: ) c2",
        "start(1=3) s1(=3: 1=3) s1(%3: 1=3) w1.5(1=4) c1",
    ];
    for text in texts {
        let first: History = text.parse().unwrap();
        let printed = first.to_string();
        let second: History = printed.parse().unwrap_or_else(|error| panic!("{error} in {printed}"));
        assert_eq!(printed, second.to_string(), "of {text}");
        let anomalies = |history: &History| history.check(&Order::Writes).map(|report| report.anomalies());
        assert_eq!(anomalies(&first), anomalies(&second), "of {text}");
    }
}

/// Whatever a text says, it is refused or judged, and what was judged can be shown.
#[test]
fn no_text_makes_the_parser_or_the_checker_panic() {
    let heads = "start( r1( r2( w1( w2.2( w1.0( s1( s2( c1 a2 u1 b3 c0 c10000 c10001 ( x";
    let heads: Vec<&str> = heads.split(' ').collect();
    let entries = "x=1 x=2 x=- x@1 x@0.1 x@2.2 x@9.9 1=0 1=- 1@1 2=3 t/1=4 t/1=- %0: %-1: %3: =1: =: 1..9: 9..1: t/1..5: \
                   all: t/all: x 7 = @ % / . : ) ( \u{fc}=1 x=-9223372036854775808 2=9223372036854775807 x@4294967295";
    let entries: Vec<&str> = entries.split(' ').collect();
    let mut rng = crate::Rng::with_seed(1);
    let mut judged = 0;
    for _ in 0..40_000 {
        let mut text = String::new();
        for _ in 0..rng.usize(1..8) {
            text += heads[rng.usize(..heads.len())];
            for _ in 0..rng.usize(..3) {
                text += entries[rng.usize(..entries.len())];
                text += ["", ",", ", "][rng.usize(..3)];
            }
            text += [")", ") ", " "][rng.usize(..3)];
        }
        let Ok(history) = text.parse::<History>() else { continue };
        let Ok(report) = history.check(&Order::Writes) else { continue };
        judged += 1;
        let _ = (report.to_string(), history.to_string(), history.svg());
    }
    assert!(judged > 1_000, "only {judged} texts were judged");
}

#[test]
fn a_version_fits_into_the_integer_of_a_row() {
    for (writer, write) in [(0, 1), (1, 1), (3, 70_000), (4_000_000, 2_000_000_000)] {
        let version = Version { writer: Txn(writer), write };
        assert!(version.to_i64() > 0);
        assert_eq!(Version::from_i64(version.to_i64()), version);
    }
}

#[test]
fn a_forbidden_anomaly_ends_the_test_with_the_story_and_the_history() {
    let report = report(WRITE_SKEW);
    report.expect(Level::Snapshot, "two transfers");
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| {
        report.expect(Level::Serializable, "two transfers");
    }));
    let payload = ended.expect_err("write skew is forbidden");
    let text = format!("{:#?}", payload.downcast::<Failure>().expect("it ends with a failure"));
    for part in [
        "two transfers: serializable forbids this anomaly",
        "no write skew (G2-item)",
        "T2 -rw x-> T1 -rw y-> T2",
        "reads x: 50 (the start)",
        "the history: start(x=50, y=50) b1 r1(x@0.1)",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_failure_shows_the_engine_at_the_moment_in_which_the_anomaly_was_complete() {
    let mut history = History::new();
    let version = history.start("x", 50);
    let (one, two) = (history.begin(1), history.begin(2));
    history.read(one, "x", Some(version));
    for txn in [two, one] {
        let version = history.next_version(txn);
        history.write(txn, "x", version, Some(60));
        history.picture(|| format!("{txn} holds x\n"));
        history.commit(txn);
        history.picture(|| "nobody holds x\n".into());
    }
    let report = history.check(&Order::Writes).unwrap();
    let expect = || report.expect(Level::Serializable, "two writers");
    let payload = std::panic::catch_unwind(AssertUnwindSafe(expect)).expect_err("a lost update");
    let text = format!("{:?}", payload.downcast::<Failure>().expect("it ends with a failure"));
    for part in
        ["no lost update (G2-item)", "T1 reads x in step 3", "before itself", "after step 6:\\nT1 holds x"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("begins") && !text.contains("nobody"), "{text}");
}

#[test]
fn a_drawing_has_a_lane_for_each_transaction_and_an_arrow_for_each_edge() {
    let report = report("start(x=0, y=0) r1(x=0) w2(x=1) w2(y=1) c2 r1(y=1) w3(z=1) c1 a3");
    let svg = report.svg(&report.findings()[0]);
    assert_eq!(svg.matches("class=\"lane\"").count(), 2, "T3 takes no part: {svg}");
    assert_eq!(svg.matches("marker-end").count(), 2, "{svg}");
    assert!(svg.contains(">rw x</text>") && svg.contains(">wr y</text>"), "{svg}");
    let whole = report.history().svg();
    assert_eq!(whole.matches("class=\"lane\"").count(), 2, "{whole}");
    assert_eq!(whole.matches("class=\"lost\"").count(), 1, "T3 was rolled back: {whole}");
    for drawing in [svg, whole] {
        assert!(drawing.starts_with("<svg ") && drawing.ends_with("</svg>\n"));
        let inside = drawing.replace("&gt;", "").replace("&lt;", "").replace("&amp;", "");
        assert!(!inside.contains('&'), "{drawing}");
        assert!(drawing.contains("&gt;") || !drawing.contains("->"), "{drawing}");
    }
}

/// The handout of lab 5 names the command that makes its drawing.
#[test]
fn the_drawing_in_the_handout_is_that_of_the_history_beside_it() {
    let handouts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../handouts/src/");
    let read = |name: &str| std::fs::read_to_string(format!("{handouts}{name}")).unwrap();
    let handout = read("05-locking.md");
    let (_, after) = handout.split_once("--example history -- \"").expect("the command");
    let (history, _) = after.split_once('"').expect("the end of the history");
    let report = report(history);
    assert_eq!(report.anomalies(), [Anomaly::WriteSkew]);
    let finding = &report.findings()[0];
    assert_eq!(report.svg(finding), read("images/05-write-skew.svg"));
    assert!(handout.contains(&format!("```text\n{}```", report.story(finding))), "{}", report.story(finding));
}
