//! The real folder, the one in memory and the faulty one keep the same contract: `kit::disk::Folder`.
//!
//! What a crash leaves is not in here: only the faulty folder can crash.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use kit::disk::{Disk, FileFolder, Folder, MAX_NAME, MemFolder};
use testkit::disk::FaultFolder;
use testkit::prop;
use testkit::prop::proptest::prelude::*;

/// An empty folder of the temporary folder, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("testkit-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs `test` on an empty folder of each kind.
fn on_each(name: &str, test: impl Fn(&dyn Folder)) {
    let scratch = Scratch::new(name);
    test(&FileFolder::open(&scratch.0).expect("the temporary folder can be written"));
    test(&MemFolder::new());
    test(&FaultFolder::new());
}

fn error_of<T>(result: std::io::Result<T>) -> ErrorKind {
    result.err().expect("the call fails").kind()
}

/// All bytes of a file.
fn bytes_of(disk: &dyn Disk) -> Vec<u8> {
    let mut bytes = vec![0; disk.len().unwrap() as usize];
    assert_eq!(disk.read_at(0, &mut bytes).unwrap(), bytes.len());
    bytes
}

#[test]
fn creates_opens_and_lists_in_order() {
    on_each("order", |folder| {
        assert_eq!(folder.list().unwrap(), Vec::<String>::new());
        for name in ["wal-10", "wal-2", "b.new", "0"] {
            let disk = folder.create(name).unwrap();
            assert_eq!(disk.len().unwrap(), 0);
            assert_eq!(disk.write_at(0, name.as_bytes()).unwrap(), name.len());
            disk.sync().unwrap();
        }
        folder.sync().unwrap();
        assert_eq!(folder.list().unwrap(), ["0", "b.new", "wal-10", "wal-2"]);
        let (first, second) = (folder.open("b.new").unwrap(), folder.open("b.new").unwrap());
        first.write_at(5, b"!").unwrap();
        assert_eq!(bytes_of(&*second), b"b.new!", "two handles see the same bytes");
    });
}

#[test]
fn a_wrong_call_changes_nothing_and_says_what_is_wrong() {
    on_each("wrong", |folder| {
        folder.create("a").unwrap().write_at(0, b"kept").unwrap();
        assert_eq!(error_of(folder.create("a")), ErrorKind::AlreadyExists);
        assert_eq!(error_of(folder.open("b")), ErrorKind::NotFound);
        assert_eq!(error_of(folder.remove("b")), ErrorKind::NotFound);
        assert_eq!(error_of(folder.rename("b", "a")), ErrorKind::NotFound);
        assert_eq!(error_of(folder.rename("b", "b")), ErrorKind::NotFound);
        let long = "n".repeat(MAX_NAME + 1);
        for name in ["", ".", "..", "../a", "a/b", "A", ".a", &long] {
            assert_eq!(error_of(folder.create(name)), ErrorKind::InvalidInput, "create {name:?}");
            assert_eq!(error_of(folder.open(name)), ErrorKind::InvalidInput, "open {name:?}");
            assert_eq!(error_of(folder.remove(name)), ErrorKind::InvalidInput, "remove {name:?}");
            assert_eq!(error_of(folder.rename(name, "b")), ErrorKind::InvalidInput, "rename {name:?}");
            assert_eq!(error_of(folder.rename("a", name)), ErrorKind::InvalidInput, "rename to {name:?}");
        }
        assert_eq!(folder.list().unwrap(), ["a"]);
        assert_eq!(bytes_of(&*folder.open("a").unwrap()), b"kept");
    });
}

#[test]
fn an_open_disk_outlives_its_name() {
    on_each("open", |folder| {
        let disk = folder.create("a").unwrap();
        disk.write_at(0, b"one").unwrap();
        folder.rename("a", "b").unwrap();
        disk.write_at(3, b"two").unwrap();
        assert_eq!(bytes_of(&*folder.open("b").unwrap()), b"onetwo");
        folder.rename("b", "b").unwrap();
        folder.remove("b").unwrap();
        disk.sync().unwrap();
        assert_eq!(bytes_of(&*disk), b"onetwo");
        let other = folder.create("b").unwrap();
        assert_eq!(other.len().unwrap(), 0, "the name stands for another file now");
        assert_eq!(bytes_of(&*disk), b"onetwo");
    });
}

#[test]
fn a_rename_replaces_and_the_replaced_file_stays_open() {
    on_each("replace", |folder| {
        let old = folder.create("mark").unwrap();
        old.write_at(0, b"old").unwrap();
        folder.create("mark.new").unwrap().write_at(0, b"new").unwrap();
        folder.rename("mark.new", "mark").unwrap();
        assert_eq!(folder.list().unwrap(), ["mark"]);
        assert_eq!(bytes_of(&*folder.open("mark").unwrap()), b"new");
        assert_eq!(bytes_of(&*old), b"old");
    });
}

/// One call, with numbers in place of names.
#[derive(Debug, Clone)]
enum Call {
    Create(u8),
    Append(u8, u8),
    Rename(u8, u8),
    Remove(u8),
    Sync,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let name = 0..4u8;
    let one = prop_oneof![
        name.clone().prop_map(Call::Create),
        (name.clone(), any::<u8>()).prop_map(|(name, byte)| Call::Append(name, byte)),
        (name.clone(), name.clone()).prop_map(|(from, to)| Call::Rename(from, to)),
        name.prop_map(Call::Remove),
        Just(Call::Sync),
    ];
    prop::proptest::collection::vec(one, 0..40)
}

/// Carries out the calls on a folder: what each one says, and what is there at the end.
fn carry_out(folder: &dyn Folder, calls: &[Call]) -> (Vec<Option<ErrorKind>>, BTreeMap<String, Vec<u8>>) {
    let name = |n: &u8| format!("file-{n}");
    let append = |disk: Arc<dyn Disk>, byte| disk.write_at(disk.len()?, &[byte]).map(drop);
    let carry_out = |call: &Call| match call {
        Call::Create(n) => folder.create(&name(n)).map(drop),
        Call::Append(n, byte) => folder.open(&name(n)).and_then(|disk| append(disk, *byte)),
        Call::Rename(from, to) => folder.rename(&name(from), &name(to)),
        Call::Remove(n) => folder.remove(&name(n)),
        Call::Sync => folder.sync(),
    };
    let said = calls.iter().map(|call| carry_out(call).err().map(|error| error.kind())).collect();
    let names = folder.list().unwrap().into_iter();
    (said, names.map(|name| (name.clone(), bytes_of(&*folder.open(&name).unwrap()))).collect())
}

/// The model: a plain map from names to bytes.
fn carry_out_on_a_map(calls: &[Call]) -> (Vec<Option<ErrorKind>>, BTreeMap<String, Vec<u8>>) {
    let name = |n: &u8| format!("file-{n}");
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut said = Vec::new();
    for call in calls {
        let missing = match call {
            Call::Create(n) | Call::Append(n, _) | Call::Rename(n, _) | Call::Remove(n) => {
                !files.contains_key(&name(n))
            }
            Call::Sync => false,
        };
        said.push(match call {
            Call::Create(_) if !missing => Some(ErrorKind::AlreadyExists),
            Call::Append(..) | Call::Rename(..) | Call::Remove(_) if missing => Some(ErrorKind::NotFound),
            _ => None,
        });
        match call {
            Call::Create(n) => drop(files.entry(name(n)).or_default()),
            Call::Append(n, byte) => files.get_mut(&name(n)).into_iter().for_each(|bytes| bytes.push(*byte)),
            Call::Rename(from, to) => {
                if let Some(bytes) = files.remove(&name(from)) {
                    files.insert(name(to), bytes);
                }
            }
            Call::Remove(n) => drop(files.remove(&name(n))),
            Call::Sync => {}
        }
    }
    (said, files)
}

#[test]
fn any_history_gives_what_a_plain_map_gives() {
    prop::check(300, calls(), |calls| {
        let wanted = carry_out_on_a_map(&calls);
        assert_eq!(carry_out(&MemFolder::new(), &calls), wanted, "in memory");
        let fault = FaultFolder::new();
        assert_eq!(carry_out(&fault, &calls), wanted, "faulty");
        assert_eq!(fault.files(), wanted.1);
    });
    prop::check(30, calls(), |calls| {
        let scratch = Scratch::new("map");
        let folder = FileFolder::open(&scratch.0).unwrap();
        assert_eq!(carry_out(&folder, &calls), carry_out_on_a_map(&calls), "real");
    });
}
