//! Several threads on one manager, under schedules that the test chooses.

use std::collections::BTreeSet;
use std::io;

use kit::disk::Disk;
use kit::sync::{Arc, Condvar, Mutex, thread};
use slotted_page::{DiskManager, Error, PageId};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

use super::{allocated, check_reads, open, page, read};

/// A disk on which, once armed, two calls must run at the same time before either returns.
struct MeetingDisk {
    disk: FaultDisk,
    state: Mutex<Meeting>,
    arrived: Condvar,
}

struct Meeting {
    /// Which calls meet; none before the disk is armed.
    kinds: &'static [Kind],
    inside: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Read,
    Write,
    Sync,
}

impl MeetingDisk {
    fn new(disk: FaultDisk) -> Arc<Self> {
        let state = Mutex::new(Meeting { kinds: &[], inside: 0 });
        Arc::new(MeetingDisk { disk, state, arrived: Condvar::new() })
    }

    fn arm(&self, kinds: &'static [Kind]) {
        *self.state.lock() = Meeting { kinds, inside: 0 };
    }

    /// Waits for the other call. If a lock prevents that call, the schedule ends in a deadlock.
    fn meet(&self, kind: Kind) {
        let mut state = self.state.lock();
        if state.kinds.contains(&kind) {
            state.inside += 1;
            self.arrived.notify_all();
            while state.inside < 2 {
                state = self.arrived.wait(state);
            }
        }
    }
}

impl Disk for MeetingDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.meet(Kind::Read);
        self.disk.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.meet(Kind::Write);
        self.disk.write_at(offset, buf)
    }
    fn sync(&self) -> io::Result<()> {
        self.meet(Kind::Sync);
        self.disk.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }
}

/// The calls of all threads in their order, for the report of the thread that fails.
#[derive(Clone, Default)]
struct Journal(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl Journal {
    /// Makes a call for the named thread, and records its begin and its end.
    fn call<T: std::fmt::Debug>(&self, thread_name: &str, what: &str, call: impl FnOnce() -> T) -> T {
        self.note(format!("{thread_name}: {what} begins"));
        let result = call();
        self.note(format!("{thread_name}: {what} gives {result:?}"));
        result
    }

    /// Adds a line. The report of this thread then has all lines so far, of all threads.
    fn note(&self, line: String) {
        if testkit::scene::is_quiet() {
            return;
        }
        let mut lines = self.0.lock().expect("no thread panics while it holds the lock");
        lines.push(line);
        testkit::scene::clear();
        for line in lines.iter() {
            testkit::step!("{line}");
        }
    }

    /// Starts a thread that reports what it does.
    fn spawn<T: Send + 'static>(
        &self,
        thread_name: &'static str,
        body: impl FnOnce(&Journal) -> T + Send + 'static,
    ) -> thread::JoinHandle<T> {
        let journal = self.clone();
        let spawned = thread::Builder::new().name(thread_name.to_string()).spawn(move || body(&journal));
        spawned.expect("a thread can be started")
    }
}

/// A manager with `pages` written pages, tags from 1 on, on a disk whose calls can be made to meet.
fn meeting(pages: usize) -> (Arc<MeetingDisk>, Arc<DiskManager>, Vec<PageId>) {
    let disk = MeetingDisk::new(FaultDisk::new());
    let manager = DiskManager::create(disk.clone()).expect("create on a disk that works");
    let ids: Vec<PageId> = (0..pages).map(|_| manager.allocate().expect("the disk has room")).collect();
    for (tag, id) in (1..).zip(&ids) {
        manager.write_page(*id, &page(*id, tag)).expect("the page is allocated");
    }
    manager.sync().expect("the disk works");
    (disk, Arc::new(manager), ids)
}

/// Two pages are read at the same time: a buffer pool waits for the disk, not for a lock.
#[testkit::test]
fn reads_overlap() {
    testkit::schedule::explore(30, || {
        let (disk, manager, ids) = meeting(2);
        disk.arm(&[Kind::Read]);
        let (other, id) = (manager.clone(), ids[1]);
        let journal = Journal::default();
        let reader = journal.spawn("reader", move |journal| {
            journal.call("reader", &format!("read_page({id})"), || check_reads(&other, id, 2))
        });
        journal.call("main", &format!("read_page({})", ids[0]), || check_reads(&manager, ids[0], 1));
        reader.join().expect("the reader ends");
    });
}

/// Two pages are written at the same time.
#[testkit::test]
fn writes_overlap() {
    testkit::schedule::explore(30, || {
        let (disk, manager, ids) = meeting(2);
        disk.arm(&[Kind::Write]);
        let (other, id) = (manager.clone(), ids[1]);
        let journal = Journal::default();
        let writer = journal.spawn("writer", move |journal| {
            journal.call("writer", &format!("write_page({id})"), || other.write_page(id, &page(id, 8)))
        });
        let what = format!("write_page({})", ids[0]);
        let written = journal.call("main", &what, || manager.write_page(ids[0], &page(ids[0], 9)));
        check_eq!(written, Ok(()), "write_page");
        check_eq!(writer.join().expect("the writer ends"), Ok(()), "write_page of the other thread");
        check_reads(&manager, ids[0], 9);
        check_reads(&manager, ids[1], 8);
    });
}

/// Pages can be read while a sync waits for the disk, which takes a thousand times longer.
#[testkit::test]
fn reads_do_not_wait_for_a_sync() {
    testkit::schedule::explore(30, || {
        let (disk, manager, ids) = meeting(2);
        check_eq!(manager.free(ids[1]), Ok(()), "free");
        disk.arm(&[Kind::Read, Kind::Sync]);
        let (journal, other) = (Journal::default(), manager.clone());
        let syncer =
            journal.spawn("syncer", move |journal| journal.call("syncer", "sync()", || other.sync()));
        journal.call("main", &format!("read_page({})", ids[0]), || check_reads(&manager, ids[0], 1));
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
    });
}

/// Threads that allocate at the same time never get the same page, neither a new one nor a reused one.
#[testkit::test]
fn threads_never_get_the_same_page() {
    testkit::schedule::explore(150, || {
        let (_, manager, ids) = meeting(4);
        check_eq!(manager.free(ids[0]), Ok(()), "free");
        check_eq!(manager.free(ids[2]), Ok(()), "free");
        check_eq!(manager.sync(), Ok(()), "sync");
        let journal = Journal::default();
        let threads: Vec<_> = ["one", "two", "three"]
            .into_iter()
            .map(|thread_name| {
                let manager = manager.clone();
                journal.spawn(thread_name, move |journal| {
                    [(); 2].map(|()| {
                        journal.call(thread_name, "allocate()", || manager.allocate()).expect("there is room")
                    })
                })
            })
            .collect();
        let mut seen: BTreeSet<PageId> = [ids[1], ids[3]].into();
        for id in threads.into_iter().flat_map(|thread| thread.join().expect("the thread ends")) {
            check!(seen.insert(id), "two owners were given {id}");
            check_reads(&manager, id, 0);
        }
        check_eq!(allocated(&manager), seen, "allocated pages");
    });
}

/// A page freed while a sync runs may be part of the state of that sync: it is not allocated before the next.
#[testkit::test]
fn a_page_freed_during_a_sync_is_held() {
    testkit::schedule::explore(250, || {
        let (disk, manager, ids) = meeting(3);
        check_eq!(manager.free(ids[2]), Ok(()), "free, so that the sync has work");
        let young = manager.allocate().expect("there is room");
        check_eq!(manager.write_page(young, &page(young, 40)), Ok(()), "write_page");
        let (journal, other) = (Journal::default(), manager.clone());
        let syncer =
            journal.spawn("syncer", move |journal| journal.call("syncer", "sync()", || other.sync()));
        let free = |id| journal.call("main", &format!("free({id})"), || manager.free(id));
        check_eq!(free(ids[0]), Ok(()), "free");
        check_eq!(free(young), Ok(()), "free");
        // The root tells afterwards which state the sync took: without it, these frees came later.
        let root = ids[1];
        let set = journal.call("main", &format!("set_root({root})"), || manager.set_root(Some(root)));
        check_eq!(set, Ok(()), "set_root");
        let use_two = |tag| {
            for _ in 0..2 {
                let id = journal.call("main", "allocate()", || manager.allocate()).expect("there is room");
                let what = format!("write_page({id}, content {tag})");
                let written = journal.call("main", &what, || manager.write_page(id, &page(id, tag)));
                check_eq!(written, Ok(()), "write_page");
            }
        };
        use_two(70);
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
        use_two(71);
        journal.note("main: the file is opened as it stands".to_string());
        let left = open(&FaultDisk::from_bytes(disk.disk.bytes()));
        let had_root = left.root().is_some();
        for (id, tag) in [(ids[0], 1), (ids[1], 2), (young, 40)] {
            if left.is_allocated(id) && (id != young || !had_root) {
                check_eq!(
                    read(&left, id),
                    Ok(tag),
                    "the tag of {id}, which the sync that ran has as allocated"
                );
            }
        }
        check_eq!(
            left.is_allocated(ids[0]) && had_root,
            false,
            "whether {} is there though freed before the root was set",
            ids[0]
        );
    });
}

/// A reused page is not read with its former owner's bytes (P3): if a caller with an old link reads it while
/// they are being cleared, the read returns that it is not allocated, or was never written.
#[testkit::test]
fn a_reused_page_is_not_read_before_it_is_cleared() {
    testkit::schedule::explore(300, || {
        let (_, manager, _) = meeting(1);
        let id = manager.allocate().expect("there is room");
        check_eq!(manager.write_page(id, &page(id, 40)), Ok(()), "write_page");
        check_eq!(manager.free(id), Ok(()), "free");
        let (journal, other) = (Journal::default(), manager.clone());
        let reader = journal.spawn("reader", move |journal| {
            for _ in 0..3 {
                let found = journal.call("reader", &format!("read_page({id})"), || read(&other, id));
                let is_sound = matches!(found, Ok(0 | 70)) || found == Err(Error::NotAllocated { page: id });
                check!(
                    is_sound,
                    "a page that was freed reads as the tag of its next owner, not as {found:?}"
                );
            }
        });
        let taken = journal.call("main", "allocate()", || manager.allocate()).expect("there is room");
        check_eq!(taken, id, "the page that is handed out: the freed one, which no sync has seen");
        let written = journal.call("main", "write_page", || manager.write_page(id, &page(id, 70)));
        check_eq!(written, Ok(()), "write_page");
        reader.join().expect("the reader ends");
        check_reads(&manager, id, 70);
    });
}

/// A disk that makes one call in the middle of its next write, as another thread might.
struct CallingDisk {
    disk: FaultDisk,
    call: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Disk for CallingDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let call = self.call.lock().take();
        if let Some(call) = call {
            call();
        }
        self.disk.write_at(offset, buf)
    }
    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.set_len(len)
    }
}

/// While `allocate` overwrites the old bytes of a page, it holds no lock, and a caller with an old link
/// cannot free the page: else the page would be allocated a second time.
#[testkit::test]
fn a_page_that_is_being_cleared_is_not_freed_and_blocks_no_call() {
    // Under the scheduler a thread that waits for itself is found at once.
    testkit::schedule::explore(4, || {
        let disk = Arc::new(CallingDisk { disk: FaultDisk::new(), call: Mutex::new(None) });
        let manager = Arc::new(DiskManager::create(disk.clone()).expect("create on a disk that works"));
        let id = manager.allocate().expect("there is room");
        check_eq!(manager.write_page(id, &page(id, 40)), Ok(()), "write_page");
        check_eq!(manager.free(id), Ok(()), "free({id}), which no sync has seen");
        let (other, second) = (manager.clone(), Arc::new(Mutex::new(None)));
        let given = second.clone();
        testkit::step!("manager.allocate()  // clears {id}, and in the middle of this write another caller");
        testkit::step!("//   calls stats(), free({id}), set_root({id}), allocate()");
        *disk.call.lock() = Some(Box::new(move || {
            let _ = other.stats();
            let refused = Err(Error::NotAllocated { page: id });
            check_eq!(other.free(id), refused, "free({id}) while allocate clears it");
            let refused = Err(Error::NotAllocated { page: id });
            check_eq!(other.set_root(Some(id)), refused, "set_root({id}) while allocate clears it");
            *given.lock() = Some(other.allocate().expect("there is room"));
        }));
        let first = manager.allocate().expect("there is room");
        let third = manager.allocate().expect("there is room");
        let mut all: Vec<PageId> = second.lock().iter().copied().chain([first, third]).collect();
        all.sort_unstable();
        let given = all.len();
        all.dedup();
        check_eq!(all.len(), given, "different pages among {given} that were allocated, {all:?}");
    });
}

/// A page that is reused while a sync runs is not made durable with its former owner's bytes (P3).
#[testkit::test]
fn a_page_reused_during_a_sync_holds_no_old_bytes() {
    testkit::schedule::explore(250, || {
        let (disk, manager, ids) = meeting(3);
        check_eq!(manager.free(ids[0]), Ok(()), "free");
        check_eq!(manager.sync(), Ok(()), "sync");
        check_eq!(manager.free(ids[1]), Ok(()), "free, so that the second sync has work");
        let (journal, other) = (Journal::default(), manager.clone());
        let syncer =
            journal.spawn("syncer", move |journal| journal.call("syncer", "sync()", || other.sync()));
        let taken = journal.call("main", "allocate()", || manager.allocate()).expect("there is room");
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
        journal.note("main: the power fails, the file is opened".to_string());
        let mut rng = testkit::rng();
        for bytes in [disk.disk.durable(), disk.disk.bytes(), disk.disk.survivors(&mut rng)] {
            let left = open(&FaultDisk::from_bytes(bytes));
            if left.is_allocated(taken) {
                check_reads(&left, taken, 0);
            }
        }
    });
}

/// A page cannot become the root and be freed at the same time: a free root makes a file that cannot be
/// opened.
#[testkit::test]
fn a_page_is_never_root_and_free() {
    testkit::schedule::explore(150, || {
        let (disk, manager, ids) = meeting(2);
        let (other, id) = (manager.clone(), ids[1]);
        let journal = Journal::default();
        let owner = journal
            .spawn("owner", move |journal| journal.call("owner", &format!("free({id})"), || other.free(id)));
        let set = journal.call("main", &format!("set_root({id})"), || manager.set_root(Some(id)));
        let freed = owner.join().expect("the other thread ends");
        let expected = match set {
            Ok(()) => (Ok(()), Err(Error::RootPage { page: id })),
            Err(_) => (Err(Error::NotAllocated { page: id }), Ok(())),
        };
        check_eq!((set, freed), expected, "set_root({id}) and a free({id}) at the same time");
        check_eq!(manager.sync(), Ok(()), "sync");
        let left = open(&FaultDisk::from_bytes(disk.disk.durable()));
        check_eq!(left.root().is_some(), left.is_allocated(id), "whether the root is there, and the page");
    });
}

/// Two syncs at the same time: each that returned Ok made the changes before it durable.
#[testkit::test]
fn concurrent_syncs_each_make_earlier_changes_durable() {
    testkit::schedule::explore(150, || {
        let (disk, manager, ids) = meeting(3);
        let (journal, other, id) = (Journal::default(), manager.clone(), ids[1]);
        let syncer = journal.spawn("syncer", move |journal| {
            let freed = journal.call("syncer", &format!("free({id})"), || other.free(id));
            check_eq!(freed, Ok(()), "free");
            let synced = journal.call("syncer", "sync()", || other.sync());
            check_eq!(synced, Ok(()), "sync of the other thread");
        });
        let what = format!("write_page({})", ids[0]);
        let written = journal.call("main", &what, || manager.write_page(ids[0], &page(ids[0], 30)));
        check_eq!(written, Ok(()), "write_page");
        let fresh = journal.call("main", "allocate()", || manager.allocate()).expect("there is room");
        check_eq!(journal.call("main", "sync()", || manager.sync()), Ok(()), "sync");
        syncer.join().expect("the other thread ends");
        journal.note("main: the power fails, the file is opened".to_string());
        let left = open(&FaultDisk::from_bytes(disk.disk.durable()));
        let expected = [ids[0], ids[2], fresh].into();
        check_eq!(allocated(&left), expected, "allocated pages after both syncs");
        check_reads(&left, ids[0], 30);
    });
}
