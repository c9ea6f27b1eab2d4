//! Several threads on one manager, under schedules that the test chooses.

use std::collections::BTreeSet;
use std::io;

use kit::disk::Disk;
use kit::sync::{Arc, Condvar, Mutex, thread};
use slotted_page::{DiskManager, PageId};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

use super::{allocated, check_reads, open, page, read};

/// A disk on which, once armed, two calls must be under way at the same time before either goes on.
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

    /// Waits for the other one. If it cannot come because of a lock, the schedule ends in a deadlock.
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
        let reader = thread::spawn(move || check_reads(&other, id, 2));
        check_reads(&manager, ids[0], 1);
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
        let writer = thread::spawn(move || other.write_page(id, &page(id, 8)));
        check_eq!(manager.write_page(ids[0], &page(ids[0], 9)), Ok(()), "write_page");
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
        let other = manager.clone();
        let syncer = thread::spawn(move || other.sync());
        check_reads(&manager, ids[0], 1);
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
    });
}

/// Threads that allocate at once never get the same page, whether it is a new one or one used again.
#[testkit::test]
fn threads_never_get_the_same_page() {
    testkit::schedule::explore(150, || {
        let (_, manager, ids) = meeting(4);
        check_eq!(manager.free(ids[0]), Ok(()), "free");
        check_eq!(manager.free(ids[2]), Ok(()), "free");
        check_eq!(manager.sync(), Ok(()), "sync");
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let manager = manager.clone();
                thread::spawn(move || {
                    [manager.allocate(), manager.allocate()].map(|id| id.expect("there is room"))
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

/// A page freed while a sync runs may be in what that sync makes durable: it is not handed out before the next.
#[testkit::test]
fn a_page_freed_during_a_sync_is_safe() {
    testkit::schedule::explore(250, || {
        let (disk, manager, ids) = meeting(3);
        check_eq!(manager.free(ids[2]), Ok(()), "free, so that the sync has work");
        let young = manager.allocate().expect("there is room");
        check_eq!(manager.write_page(young, &page(young, 40)), Ok(()), "write_page");
        let other = manager.clone();
        let syncer = thread::spawn(move || other.sync());
        check_eq!(manager.free(ids[0]), Ok(()), "free");
        check_eq!(manager.free(young), Ok(()), "free");
        // The root tells afterwards which state the sync took: without it, these frees came later.
        check_eq!(manager.set_root(Some(ids[1])), Ok(()), "set_root");
        for _ in 0..2 {
            let id = manager.allocate().expect("there is room");
            check_eq!(manager.write_page(id, &page(id, 70)), Ok(()), "write_page");
        }
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
        for _ in 0..2 {
            let id = manager.allocate().expect("there is room");
            check_eq!(manager.write_page(id, &page(id, 71)), Ok(()), "write_page");
        }
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

/// A page taken again while a sync runs is not made durable with its former owner's bytes (P3).
#[testkit::test]
fn a_page_taken_during_a_sync_holds_nothing() {
    testkit::schedule::explore(250, || {
        let (disk, manager, ids) = meeting(3);
        check_eq!(manager.free(ids[0]), Ok(()), "free");
        check_eq!(manager.sync(), Ok(()), "sync");
        check_eq!(manager.free(ids[1]), Ok(()), "free, so that the second sync has work");
        let other = manager.clone();
        let syncer = thread::spawn(move || other.sync());
        let taken = manager.allocate().expect("there is room");
        check_eq!(syncer.join().expect("the sync ends"), Ok(()), "sync");
        let mut rng = testkit::rng();
        for bytes in [disk.disk.durable(), disk.disk.bytes(), disk.disk.survivors(&mut rng)] {
            let left = open(&FaultDisk::from_bytes(bytes));
            if left.is_allocated(taken) {
                check_reads(&left, taken, 0);
            }
        }
    });
}

/// Two syncs at once: each that returned Ok kept its promise about what came before it.
#[testkit::test]
fn syncs_at_once_keep_their_promises() {
    testkit::schedule::explore(150, || {
        let (disk, manager, ids) = meeting(3);
        let other = manager.clone();
        let id = ids[1];
        let syncer = thread::spawn(move || {
            check_eq!(other.free(id), Ok(()), "free");
            check_eq!(other.sync(), Ok(()), "sync of the other thread");
        });
        check_eq!(manager.write_page(ids[0], &page(ids[0], 30)), Ok(()), "write_page");
        let fresh = manager.allocate().expect("there is room");
        check_eq!(manager.sync(), Ok(()), "sync");
        syncer.join().expect("the other thread ends");
        let left = open(&FaultDisk::from_bytes(disk.disk.durable()));
        let expected = [ids[0], ids[2], fresh].into();
        check_eq!(allocated(&left), expected, "allocated pages after both syncs");
        check_reads(&left, ids[0], 30);
    });
}
