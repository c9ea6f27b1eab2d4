//! The fault folder keeps its own rules F5 to F8.

use super::*;

const LIMIT: usize = 10_000;

/// A listing in short: names with their bytes, as "a=12 b=".
fn short(files: &Files) -> String {
    let one = |(name, bytes): (&String, &Vec<u8>)| format!("{name}={}", String::from_utf8_lossy(bytes));
    files.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// All that a crash now may leave, in short.
fn outcomes(folder: &FaultFolder) -> Vec<String> {
    folder.outcomes(LIMIT).expect("a small history").iter().map(short).collect()
}

/// A folder whose files are durable and hold their own names.
fn with_files(names: &[&str]) -> FaultFolder {
    FaultFolder::from_files(names.iter().map(|name| (name.to_string(), name.as_bytes().to_vec())).collect())
}

fn write(folder: &FaultFolder, name: &str, bytes: &[u8]) -> io::Result<Arc<dyn Disk>> {
    let disk = folder.create(name)?;
    assert_eq!(disk.write_at(0, bytes)?, bytes.len());
    Ok(disk)
}

#[test]
fn a_file_that_was_synced_may_be_gone_if_its_folder_was_not() {
    let folder = FaultFolder::new();
    write(&folder, "wal", b"x").unwrap().sync().unwrap();
    assert_eq!(outcomes(&folder), ["", "wal=x"]);
    folder.sync().unwrap();
    assert_eq!(outcomes(&folder), ["wal=x"]);
    assert_eq!(short(&folder.durable()), "wal=x");
}

#[test]
fn a_name_that_was_synced_may_have_lost_its_bytes() {
    let folder = FaultFolder::new();
    let disk = write(&folder, "wal", b"x").unwrap();
    folder.sync().unwrap();
    assert_eq!(outcomes(&folder), ["wal=", "wal=\0", "wal=x"]);
    disk.sync().unwrap();
    assert_eq!(outcomes(&folder), ["wal=x"]);
}

#[test]
fn a_removed_file_may_come_back_until_the_folder_is_synced() {
    let folder = with_files(&["a"]);
    let open = folder.open("a").unwrap();
    folder.remove("a").unwrap();
    assert_eq!(outcomes(&folder), ["", "a=a"]);
    // It comes back with what was written to it after the removal.
    open.write_at(0, b"z").unwrap();
    assert_eq!(outcomes(&folder), ["", "a=a", "a=z"]);
    folder.sync().unwrap();
    assert_eq!(outcomes(&folder), [""]);
    assert_eq!(open.len().unwrap(), 1, "the open disk is still there");
}

#[test]
fn a_renamed_file_has_one_of_its_two_names() {
    let folder = with_files(&["a", "b"]);
    folder.rename("a", "c").unwrap();
    assert_eq!(outcomes(&folder), ["a=a b=b", "b=b c=a"]);
    folder.rename("c", "b").unwrap();
    assert_eq!(outcomes(&folder), ["a=a b=b", "b=a", "b=b c=a"]);
    folder.sync().unwrap();
    assert_eq!(outcomes(&folder), ["b=a"]);
}

/// Changes of different names survive in any combination; those of one name only in their order.
#[test]
fn changes_of_one_name_survive_in_order_and_others_in_any() {
    let folder = with_files(&["a"]);
    folder.create("b").unwrap();
    folder.remove("a").unwrap();
    assert_eq!(outcomes(&folder), ["", "a=a", "a=a b=", "b="]);
    folder.create("a").unwrap();
    assert_eq!(outcomes(&folder), ["", "a=", "a= b=", "a=a", "a=a b=", "b="]);
}

#[test]
fn a_folder_sync_that_failed_is_not_made_good_by_the_next_one() {
    let folder = with_files(&["a"]);
    folder.fail_folder_sync_at(0, ErrorKind::Other);
    folder.create("b").unwrap();
    folder.remove("a").unwrap();
    assert_eq!(folder.sync().unwrap_err().kind(), ErrorKind::Other);
    folder.sync().unwrap();
    assert_eq!(folder.list().unwrap(), ["b"], "callers still see the changes");
    assert_eq!(outcomes(&folder), ["", "a=a", "a=a b=", "b="]);
    // A newer change of the same name takes the lost one with it.
    folder.rename("b", "c").unwrap();
    folder.sync().unwrap();
    assert_eq!(outcomes(&folder), ["a=a c=", "c="]);
}

/// The steps of `kit::disk::Folder`, "To replace a file", without the one that `left_out` names.
fn replace(folder: &FaultFolder, left_out: &str) -> io::Result<()> {
    let new = write(folder, "new", b"2")?;
    if left_out != "file sync" {
        new.sync()?;
    }
    if left_out == "rename" {
        folder.remove("mark")?;
    }
    folder.rename("new", "mark")?;
    if left_out != "folder sync" { folder.sync() } else { Ok(()) }
}

/// What `mark` may hold after a crash before each operation of `replace`; and after its end.
fn marks_after_crashes(left_out: &str) -> (Vec<String>, Vec<String>) {
    let mark = |files: &Files| short(&files.iter().filter(|(name, _)| *name == "mark").map(pair).collect());
    let all_of = |crash_at: u64| {
        let folder = FaultFolder::from_files([("mark".to_string(), b"1".to_vec())].into());
        folder.crash_before(crash_at);
        let result = replace(&folder, left_out);
        assert_eq!(result.is_err_and(|error| FaultDisk::is_crash(&error)), folder.has_crashed());
        let all: BTreeSet<String> = folder.outcomes(LIMIT).unwrap().iter().map(mark).collect();
        (folder.has_crashed(), all)
    };
    let mut during = BTreeSet::new();
    for crash_at in 0.. {
        let (has_crashed, all) = all_of(crash_at);
        if !has_crashed {
            return (during.into_iter().collect(), all.into_iter().collect());
        }
        during.extend(all);
    }
    unreachable!("the history ends")
}

fn pair((name, bytes): (&String, &Vec<u8>)) -> (String, Vec<u8>) {
    (name.clone(), bytes.clone())
}

#[test]
fn a_file_replaced_by_the_rules_is_old_or_new_at_every_crash_point() {
    let (during, after) = marks_after_crashes("");
    assert_eq!(during, ["mark=1", "mark=2"]);
    assert_eq!(after, ["mark=2"]);
}

#[test]
fn each_step_left_out_of_a_replacement_is_seen() {
    assert_eq!(marks_after_crashes("file sync").1, ["mark=", "mark=\0", "mark=2"]);
    assert_eq!(marks_after_crashes("folder sync").1, ["mark=1", "mark=2"]);
    assert_eq!(marks_after_crashes("rename").0, ["", "mark=1", "mark=2"]);
}

/// Sampling picks only legal outcomes and, with enough seeds, every one of them.
#[test]
fn survivors_are_the_outcomes_and_a_seed_gives_the_same_ones() {
    let folder = with_files(&["a", "b"]);
    write(&folder, "c", b"c").unwrap();
    folder.rename("a", "d").unwrap();
    folder.remove("b").unwrap();
    folder.fail_folder_sync_at(0, ErrorKind::Other);
    folder.sync().unwrap_err();
    folder.create("b").unwrap().write_at(0, b"B").unwrap();
    let legal = folder.outcomes(LIMIT).unwrap();
    let pick = |seed| folder.survivors(&mut Rng::with_seed(seed));
    let seen: BTreeSet<Files> = (0..3_000).map(pick).collect();
    assert_eq!(seen, legal);
    // Four states of c, two of a and d, five of b.
    assert_eq!((legal.len(), folder.outcomes(39)), (4 * 2 * 5, None));
    assert_eq!(pick(7), pick(7));
}

#[test]
fn operations_of_the_folder_and_of_its_files_have_one_numbering() {
    let folder = FaultFolder::new();
    let disk = write(&folder, "a", b"12").unwrap();
    folder.rename("a", "b").unwrap();
    folder.fail_at(3, ErrorKind::PermissionDenied);
    folder.remove("b").unwrap_err();
    folder.crash_before(5);
    disk.sync().unwrap();
    assert!(folder.create("c").is_err_and(|error| FaultDisk::is_crash(&error)));
    let lines = ["op 0: create a", "op 1: write 2 bytes at 0 of a", "op 2: rename a to b"];
    assert_eq!(folder.log_lines()[..3], lines);
    assert_eq!(folder.log_lines()[3..], ["op 3: remove b (fails: permission denied)", "op 4: sync of b"]);
    let is_crash = |result: io::Result<()>| result.is_err_and(|error| FaultDisk::is_crash(&error));
    assert!(is_crash(disk.read_at(0, &mut [0]).map(drop)) && is_crash(disk.len().map(drop)));
    assert!(is_crash(folder.list().map(drop)) && is_crash(folder.open("b").map(drop)));
    assert!(is_crash(folder.sync()) && is_crash(folder.rename("b", "c")) && is_crash(folder.remove("b")));
    assert_eq!((folder.ops(), short(&folder.files())), (5, "b=12".to_string()));
    let counts = folder.folder_counts();
    assert_eq!((counts.creates, counts.renames, counts.removes, counts.syncs), (2, 2, 2, 1));
    assert_eq!((folder.counts().writes, folder.counts().syncs, counts.lists, counts.opens), (1, 1, 1, 1));
}

/// A call that asks for what is not there is no change: a test that crashes before each operation does not
/// see it.
#[test]
fn a_wrong_call_takes_no_number() {
    let folder = with_files(&["a"]);
    assert_eq!(folder.create("a").err().unwrap().kind(), ErrorKind::AlreadyExists);
    assert_eq!(folder.open("b").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(folder.remove("b").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(folder.rename("b", "a").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(folder.rename("a", "../a").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!((folder.ops(), outcomes(&folder)), (0, vec!["a=a".to_string()]));
}

#[test]
fn all_files_share_the_room_and_a_removed_one_gives_its_bytes_back_when_it_is_closed() {
    let folder = with_files(&["a"]);
    folder.capacity(10);
    let b = folder.create("b").unwrap();
    assert_eq!(b.write_at(0, &[7; 20]).unwrap(), 9);
    assert_eq!(b.write_at(9, &[7]).unwrap_err().kind(), ErrorKind::StorageFull);
    let c = folder.create("c").unwrap();
    assert_eq!(c.write_at(0, b"c").unwrap_err().kind(), ErrorKind::StorageFull);
    folder.remove("b").unwrap();
    assert_eq!(c.set_len(1).unwrap_err().kind(), ErrorKind::StorageFull, "b is still open");
    drop(b);
    assert_eq!(c.write_at(0, &[1; 20]).unwrap(), 9);
}

#[test]
fn reads_and_syncs_fail_where_a_test_asks_for_it() {
    let folder = with_files(&["a", "b"]);
    folder.fail_read_at(1, ErrorKind::TimedOut);
    folder.fail_sync_at(1, ErrorKind::Other);
    let (a, b) = (folder.open("a").unwrap(), folder.open("b").unwrap());
    assert_eq!(a.read_at(0, &mut [0]).unwrap(), 1);
    assert_eq!(b.read_at(0, &mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    a.write_at(0, b"A").unwrap();
    b.write_at(0, b"B").unwrap();
    a.sync().unwrap();
    b.sync().unwrap_err();
    b.sync().unwrap();
    assert_eq!(outcomes(&folder), ["a=A b=B", "a=A b=b"]);
    folder.disk("a").unwrap().flip_bit(0, 5);
    assert_eq!(short(&folder.durable()), "a=a b=b");
}

/// Two threads that look before they create: some schedule lets both look first.
#[cfg(feature = "controlled")]
#[test]
fn another_thread_may_come_in_before_each_call() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static LOST: AtomicUsize = AtomicUsize::new(0);
    crate::schedule::random(50, || {
        let folder = FaultFolder::new();
        let other = folder.clone();
        let create = |folder: &FaultFolder| {
            if folder.list().unwrap().is_empty() && folder.create("a").is_err() {
                LOST.fetch_add(1, Ordering::Relaxed);
            }
        };
        let thread = kit::sync::thread::spawn(move || create(&other));
        create(&folder);
        thread.join().unwrap();
        assert_eq!(folder.list().unwrap(), ["a"]);
    });
    let lost = LOST.load(Ordering::Relaxed);
    assert!(lost > 0 && lost < 50, "{lost}");
}
