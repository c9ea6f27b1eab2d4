//! Each anomaly in a history made by hand, and histories that only look like one.

use super::*;

/// Histories with exactly these anomalies.
const EXAMPLES: &[(Anomaly, &str)] = &[
    (Anomaly::DirtyWrite, "w1(x=1) w2(x=2) w2(y=2) c2 w1(y=1) c1"),
    (Anomaly::AbortedRead, "start(x=0) w1(x=1) r2(x=1) a1 c2"),
    // A transaction that never ended counts as rolled back.
    (Anomaly::AbortedRead, "start(x=0) w1(x=1) r2(x=1) c2"),
    (Anomaly::AbortedRead, "start(x=0) w1(x=-) r2(x=-) a1 c2"),
    (Anomaly::AbortedRead, "start(1=1) w1(1=-) s2(1..9: ) a1 c2"),
    (Anomaly::AbortedRead, "w1(1=1) s2(1..9: 1=1) a1 c2"),
    (Anomaly::IntermediateRead, "start(x=0) w1(x=1) r2(x=1) w1(x=2) c1 c2"),
    (Anomaly::IntermediateRead, "start(x=0) w1(x=-) r2(x=-) w1(x=2) c1 c2"),
    // Whether T1 committed is not known, and wrong in both cases.
    (Anomaly::IntermediateRead, "start(x=0) w1(x=-) w1(x=2) u1 r2(x=-) c2"),
    (Anomaly::CircularFlow, "start(x=0, y=0) w1(x=1) w2(y=2) r1(y=2) r2(x=1) c1 c2"),
    // T2 sees the row that T1 inserted by a scan, T1 sees what T2 wrote.
    (Anomaly::CircularFlow, "start(x=0) w1(5=1) w2(x=2) r1(x=2) s2(1..9: 5=1) c1 c2"),
    (Anomaly::LostUpdate, "start(x=10) r1(x=10) r2(x=10) w1(x=11) w2(x=12) c1 c2"),
    (Anomaly::LostUpdate, "start(x=1) r1(x=1) w2(x=2) c2 w3(x=3) c3 w1(x=4) c1"),
    (Anomaly::NonRepeatableRead, "start(x=0) r1(x=0) w2(x=1) c2 r1(x=1) c1"),
    // Back in time.
    (Anomaly::NonRepeatableRead, "start(x=0) w2(x=1) c2 r1(x=1) r1(x=0) c1"),
    (Anomaly::NonRepeatableRead, "start(1=1, 2=2) s1(1..9: 1=1, 2=2) w2(2=-) c2 s1(1..9: 1=1) c1"),
    (Anomaly::ReadSkew, "start(x=0, y=0) r1(x=0) w2(x=1) w2(y=1) c2 r1(y=1) c1"),
    (Anomaly::SingleAntiDependency, "start(x=0, y=0) r1(x=0) w2(x=1) w2(y=2) c2 w1(y=3) c1"),
    (Anomaly::WriteSkew, "start(x=50, y=50) r1(x=50) r1(y=50) r2(x=50) r2(y=50) w1(x=-10) w2(y=-20) c1 c2"),
    (Anomaly::LongFork, "start(x=0, y=0) w1(x=1) c1 w2(y=2) c2 r3(x=1) r3(y=0) c3 r4(x=0) r4(y=2) c4"),
    (
        Anomaly::AntiDependencyCycle,
        "start(x=0, y=0, z=0) r1(x=0) r2(y=0) r3(z=0) w1(z=1) w2(x=2) w3(y=3) c1 c2 c3",
    ),
    // A transaction that only reads completes the cycle: without it the history is serializable.
    (
        Anomaly::AntiDependencyCycle,
        "start(x=0, y=0) r2(x=0) r2(y=0) r1(y=0) w1(y=20) c1 r3(x=0) r3(y=20) c3 w2(x=-11) c2",
    ),
    (Anomaly::Phantom, "start(1=10) s1(1..9: 1=10) w2(5=20) c2 s1(1..9: 1=10, 5=20) c1"),
    (Anomaly::Phantom, "r1(x=-) w2(x=1) c2 r1(x=1) c1"),
    (Anomaly::Phantom, "start(1=10, 2=20) s1(=30: ) w2(3=30) c2 s1(%3: 3=30) c1"),
    // The value moves a row into what the scan looks for.
    (Anomaly::Phantom, "start(1=10) s1(=30: ) w2(1=30) c2 s1(=30: 1=30) c1"),
    // The scan misses a row whose sum T1 sees: a phantom without a second scan.
    (Anomaly::Phantom, "start(sum=0) s1(1..9: ) w2(3=7) w2(sum=7) c2 r1(sum=7) c1"),
    (Anomaly::PhantomSkew, "s1(all: ) s2(all: ) w1(1=1) w2(2=2) c1 c2"),
    (Anomaly::OwnWriteMissed, "start(x=0) w1(x=1) r1(x=0) c1"),
    (Anomaly::OwnWriteMissed, "w1(5=1) s1(1..9: ) c1"),
    (Anomaly::OwnWriteMissed, "start(x=0) w1(x=-) r1(x=0) c1"),
    (Anomaly::Unexplained, "start(1=10) s1(1..9: ) c1"),
    (Anomaly::Unexplained, "start(1=10) s1(2..9: 1=10) c1"),
    (Anomaly::Unexplained, "start(x=1) r1(x=-) c1"),
    // Its own write, before it wrote it.
    (Anomaly::Unexplained, "start(x=1) r1(x@1.1) w1(x=2) c1"),
];

#[test]
fn each_anomaly_is_found_and_nothing_else() {
    for (anomaly, text) in EXAMPLES {
        let report = report(text);
        assert_eq!(report.anomalies(), [*anomaly], "{text}\n{report}");
    }
    for anomaly in Anomaly::ALL {
        assert!(EXAMPLES.iter().any(|(other, _)| *other == anomaly), "no example of {anomaly}");
    }
}

#[test]
fn a_history_that_only_looks_like_an_anomaly_passes() {
    let innocent = [
        // Concurrent, but T1 comes first.
        "start(x=0, y=0) r1(x=0) w2(x=1) c2 r1(y=0) c1",
        // The reader of an uncommitted value was rolled back too.
        "start(x=0) w1(x=1) r2(x=1) a1 a2",
        // The writer was rolled back, and nobody saw it.
        "start(x=0) w1(x=1) a1 r2(x=0) c2",
        // A read of the own write that is later replaced.
        "start(x=0) w1(x=1) r1(x=1) w1(x=2) c1",
        // Each transaction sees the one before it.
        "start(x=0) r1(x=0) w1(x=1) c1 r2(x=1) w2(x=2) c2 r3(x=2) c3",
        // A row outside the range is no phantom.
        "start(1=10) s1(1..4: 1=10) w2(5=20) c2 s1(1..4: 1=10) c1",
        // A row that came and went between two scans, with a value that the scan does not look for.
        "s1(=30: ) w2(7=40) c2 w3(7=-) c3 s1(=30: ) c1",
        // T3 reads a snapshot from before T1. An absent x may be "not yet" as well as "no longer".
        "start(y=0) r3(y=0) w1(x=1) w1(y=1) c1 w2(x=-) c2 r3(x=-) c3",
        // The commit of T1 was not answered; T2 saw that it happened.
        "start(x=0) w1(x=1) u1 r2(x=1) c2",
        // Nobody saw it: it may have been rolled back.
        "start(x=0) w1(x=1) u1 r2(x=0) c2",
        // The commit of T1 was not answered; it may have removed the row, or made its value another one.
        "start(x=0) w1(x=-) u1 r2(x=-) c2",
        "start(1=30) w1(1=40) u1 s2(=30: ) c2",
        // T2 may have removed the row that T1 inserted, so T3 need not come before T1.
        "w1(x=5) w1(y=1) c1 w2(x=-) u2 r3(y=1) r3(x=-) c3",
        "w1(5=5) w1(y=1) c1 w2(5=-) u2 r3(y=1) s3(1..9: ) c3",
        // T1 may have removed it, even though a later transaction did so and was rolled back.
        "start(x=0) w1(x=-) u1 w2(x=-) a2 r3(x=-) c3",
        // A scan of no keys.
        "start(1=1) w1(2=2) s1(9..1: ) c1",
        // Deleted and inserted again by one transaction.
        "start(x=0) w1(x=-) w1(x=5) c1 r2(x=5) c2",
        // A scan in the middle of the own changes.
        "start(1=1, 2=2) w1(1=-) w1(3=3) s1(1..9: 2=2, 3=3) c1",
    ];
    for text in innocent {
        let report = report(text);
        assert!(report.findings().is_empty(), "{text}\n{report}");
    }
}

#[test]
fn a_level_forbids_what_it_should_and_no_more() {
    use Level::*;
    let weakest = |anomaly: Anomaly| {
        let levels: Vec<Level> = Level::ALL.into_iter().filter(|level| level.forbids(anomaly)).collect();
        levels[0]
    };
    for anomaly in Anomaly::ALL {
        let expected = match anomaly.class() {
            Class::Broken | Class::G0 => ReadUncommitted,
            Class::G1a | Class::G1b | Class::G1c => ReadCommitted,
            Class::G2Item => RepeatableRead,
            Class::G2 if anomaly == Anomaly::Phantom => Snapshot,
            Class::G2 => Serializable,
        };
        assert_eq!(weakest(anomaly), expected, "{anomaly}");
        assert!(Serializable.forbids(anomaly), "{anomaly}");
    }
    let snapshot_allows: Vec<Anomaly> =
        Anomaly::ALL.into_iter().filter(|anomaly| !Snapshot.forbids(*anomaly)).collect();
    assert_eq!(snapshot_allows, [Anomaly::WriteSkew, Anomaly::AntiDependencyCycle, Anomaly::PhantomSkew]);
}

#[test]
fn with_mixed_levels_each_transaction_has_what_its_own_level_promises() {
    let found = |text: &str, levels: [Level; 2]| {
        let history: History = text.parse().unwrap();
        let levels = [(Txn(1), levels[0]), (Txn(2), levels[1])].into();
        history.check_mixed(&Order::Writes, &levels).unwrap().anomalies()
    };
    let strong = Level::Serializable;
    let twice = "start(x=0) r1(x=0) w2(x=1) c2 r1(x=1) c1";
    assert_eq!(found(twice, [Level::ReadCommitted, strong]), []);
    assert_eq!(found(twice, [strong, Level::ReadUncommitted]), [Anomaly::NonRepeatableRead]);
    let dirty = "start(x=0) w1(x=1) r2(x=1) a1 c2";
    assert_eq!(found(dirty, [strong, Level::ReadUncommitted]), []);
    assert_eq!(found(dirty, [Level::ReadUncommitted, Level::ReadCommitted]), [Anomaly::AbortedRead]);
    let phantom = "start(1=10) s1(1..9: 1=10) w2(5=20) c2 s1(1..9: 1=10, 5=20) c1";
    assert_eq!(found(phantom, [Level::RepeatableRead, strong]), []);
    assert_eq!(found(phantom, [strong, Level::ReadUncommitted]), [Anomaly::Phantom]);
    let dirty_write = "w1(x=1) w2(x=2) w2(y=2) c2 w1(y=1) c1";
    assert_eq!(found(dirty_write, [Level::ReadUncommitted; 2]), [Anomaly::DirtyWrite]);
}

#[test]
fn the_order_of_versions_decides_between_a_dirty_write_and_none() {
    let text = "w1(x=1) w2(x=2) w2(y=2) c2 w1(y=1) c1";
    let history: History = text.parse().unwrap();
    let by = |order: Order| history.check(&order).unwrap().anomalies();
    assert_eq!(by(Order::Writes), [Anomaly::DirtyWrite]);
    assert_eq!(by(Order::Commits), []);
    let first = |txn: u32, write: u32| Version { writer: Txn(txn), write };
    let given = |x: [Version; 2]| {
        let y = vec![first(1, 2), first(2, 2)];
        Order::Given([("x".into(), x.to_vec()), ("y".into(), y)].into())
    };
    assert_eq!(by(given([first(1, 1), first(2, 1)])), []);
    assert_eq!(by(given([first(2, 1), first(1, 1)])), [Anomaly::DirtyWrite]);
    let incomplete = Order::Given([("x".into(), vec![first(1, 1)])].into());
    assert!(matches!(history.check(&incomplete), Err(HistoryError::WrongOrder { .. })));
}

#[test]
fn a_history_with_a_mistake_is_refused_with_its_step() {
    let error = |text: &str| text.parse::<History>().unwrap().check(&Order::Writes).unwrap_err();
    assert_eq!(error("w1(x=1) c1 w1(y=1)"), HistoryError::AfterEnd { step: 4, txn: Txn(1) });
    let version = Version { writer: Txn(7), write: 1 };
    assert_eq!(error("r1(x@7.1) c1"), HistoryError::UnknownVersion { step: 2, item: "x".into(), version });
    let version = Version { writer: Txn(1), write: 1 };
    assert_eq!(
        error("w1(x=1) w1.1(x=2) c1"),
        HistoryError::SameVersion { step: 3, item: "x".into(), version }
    );
    let what = |text: &str| text.parse::<History>().unwrap_err().to_string();
    assert_eq!(what("q1(x)"), "`q1(x)`: operations are b, r, w, s, c, a and u");
    assert_eq!(what("s1(%0: )"), "`s1(%0: )`: a divisor is at least 1");
    assert_eq!(what("s1(%-1: )"), "`s1(%-1: )`: a divisor is at least 1");
    assert_eq!(what("c4000000000"), "`c4000000000`: transactions are numbered up to 10000");
    assert_eq!(what("r1(x=5)"), "`r1(x=5)`: nothing has written 5 to x so far");
    assert!(what("w1(x=5) w2(x=5) r3(x=5)").contains("name one, as in x@1"));
}
