//! Opening a file after an interrupted sync, and interruptions of `open` itself.

use std::io;

use kit::disk::Disk;
use kit::sync::Arc;
use kit::sync::atomic::{AtomicU64, Ordering};
use slotted_page::{DiskManager, PageId};
use testkit::disk::FaultDisk;
use testkit::{check, check_eq};

use super::story::{AllocationState, Op, Story, check_allocation, handle, long_script};
use super::{allocate, allocated, check_reads, filled, free, open, read, sync, write};

/// A crash during the `open` after a crash changes nothing: the next `open` finds the same state.
#[testkit::test]
fn a_crash_while_opening_changes_nothing() {
    let script = long_script(3, 50);
    let disk = FaultDisk::new();
    Story::create(disk.clone(), false).expect("no crash was asked for").run(&script);
    let ops = disk.ops();
    for crash_at in 12..ops {
        let disk = FaultDisk::new();
        disk.crash_before(crash_at);
        let Some(mut story) = Story::create(disk, crash_at % 2 == 0) else { continue };
        story.run(&script);
        let mut rng = testkit::rng();
        for _ in 0..3 {
            let left = story.disk.survivors(&mut rng);
            let found = story.model.check_recovered(&story.crash(left.clone())).1;
            for again in 0..8 {
                let disk = FaultDisk::from_bytes(left.clone());
                disk.crash_before(again);
                let result = DiskManager::open(Arc::new(disk.clone())).map(drop);
                let twice = open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
                check_allocation(&twice, &[&found], "after a second crash while opening");
                if result.is_ok() {
                    break;
                }
            }
        }
    }
}

/// The state that `open` found is durable. The program may have ended during a sync with the new state only
/// in the system's cache; after a power failure the older state must not be restored, because its pages may
/// be reused since.
#[testkit::test]
fn what_open_found_is_durable() {
    let mut died = 0;
    for seed in 0..7 {
        for calls in 0..24 {
            died += u32::from(die_and_go_on(seed, calls));
        }
    }
    check!(died > 20, "the program died {died} times inside a sync");
}

/// The program ends after `calls` calls of a sync, and is started again; after some work the machine
/// crashes. False if the sync needed fewer calls.
fn die_and_go_on(seed: u64, calls: u64) -> bool {
    testkit::scene::clear();
    let disk = FaultDisk::with_seed(seed);
    let program = Arc::new(Mortal { disk: handle(&disk, false), calls_left: AtomicU64::new(u64::MAX) });
    let manager = DiskManager::create(program.clone()).expect("create on a disk that works");
    let ids: Vec<PageId> = (0..6).map(|_| allocate(&manager)).collect();
    for (tag, id) in (1..).zip(&ids) {
        write(&manager, *id, tag);
    }
    sync(&manager);
    for id in &ids[..3] {
        free(&manager, *id);
    }
    let fresh = allocate(&manager);
    write(&manager, fresh, 50);
    disk.short_io(!seed.is_multiple_of(3));
    program.calls_left.store(calls, Ordering::SeqCst);
    testkit::step!("manager.sync() // the program dies after {calls} calls of the disk");
    if manager.sync().is_ok() {
        return false;
    }
    drop(manager);
    disk.short_io(false);
    let manager = open(&disk);
    let found = AllocationState { pages: allocated(&manager), root: manager.root() };
    let held: Vec<_> = found.pages.iter().map(|id| (*id, read(&manager, *id))).collect();
    for _ in 0..6 {
        let id = allocate(&manager);
        write(&manager, id, 60);
    }
    let mut rng = testkit::rng();
    for _ in 0..10 {
        testkit::step!("// the machine crashes");
        let left = open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
        check_allocation(
            &left,
            &[&found],
            "after the program died in a sync, opened the file again, and the machine crashed",
        );
        for (id, tag) in &held {
            check_eq!(&read(&left, *id), tag, "the tag of {id}, which open had found");
        }
    }
    sync(&manager);
    let left = open(&FaultDisk::from_bytes(disk.durable()));
    check_eq!(allocated(&left).len(), found.pages.len() + 6, "allocated pages after going on");
    true
}

/// If the program ended during a sync and the power fails during the next `open`, one meta page may be only
/// in the system's cache. If `open` overwrites the other before it has synced, no undamaged meta page may
/// be left.
#[testkit::test]
fn a_power_loss_during_open_leaves_one_sync_or_the_next() {
    let mut rng = testkit::rng();
    let (mut died, mut lost) = (0, 0);
    for calls in 0..40 {
        for op in 0..24 {
            let Some((disk, allowed)) = die_in_a_sync(calls) else { break };
            died += u32::from(op == 0);
            disk.crash_before(disk.ops() + op);
            testkit::step!("DiskManager::open(disk) // the power fails before its operation {op}");
            let is_open = DiskManager::open(handle(&disk, true)).is_ok();
            for _ in 0..12 {
                let left = open(&FaultDisk::from_bytes(disk.survivors(&mut rng)));
                check_allocation(&left, &allowed.each_ref(), "after a power loss while opening");
            }
            if is_open {
                break;
            }
            lost += 1;
        }
    }
    check!(died > 10 && lost > 10, "{died} deaths inside a sync, {lost} power losses inside open");
}

/// A disk on which the program ended after `calls` calls of a sync, and the two states that may be found on
/// it. `None` if the sync needed fewer calls.
fn die_in_a_sync(calls: u64) -> Option<(FaultDisk, [AllocationState; 2])> {
    testkit::scene::clear();
    let disk = FaultDisk::new();
    let program = Arc::new(Mortal { disk: handle(&disk, true), calls_left: AtomicU64::new(u64::MAX) });
    let manager = DiskManager::create(program.clone()).expect("create on a disk that works");
    let ids: Vec<PageId> = (0..3).map(|_| allocate(&manager)).collect();
    sync(&manager);
    let old = AllocationState { pages: allocated(&manager), root: manager.root() };
    free(&manager, ids[0]);
    check_eq!(manager.set_root(Some(ids[2])), Ok(()), "set_root of an allocated page");
    let new = AllocationState { pages: allocated(&manager), root: manager.root() };
    program.calls_left.store(calls, Ordering::SeqCst);
    testkit::step!("manager.sync() // the program dies after {calls} calls of the disk");
    manager.sync().is_err().then_some((disk, [old, new]))
}

/// A disk for a program that ends after some changing calls; the system's cache keeps its writes.
struct Mortal {
    disk: Arc<dyn Disk>,
    calls_left: AtomicU64,
}

impl Mortal {
    fn live(&self) -> io::Result<()> {
        let left = self.calls_left.load(Ordering::SeqCst);
        self.calls_left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { Err(io::Error::other("the program is dead")) } else { Ok(()) }
    }
}

impl Disk for Mortal {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        self.live()?;
        self.disk.write_at(offset, buf)
    }
    fn sync(&self) -> io::Result<()> {
        self.live()?;
        self.disk.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.live()?;
        self.disk.set_len(len)
    }
}

/// Opening a file after a clean sync changes nothing, any number of times.
#[testkit::test]
fn opening_changes_nothing() {
    let (disk, manager, ids) = filled(9);
    free(&manager, ids[4]);
    sync(&manager);
    drop(manager);
    let before = open(&disk).stats();
    let bytes = disk.bytes();
    disk.reset_counts();
    for _ in 0..5 {
        check_eq!(open(&disk).stats(), before, "stats after opening again");
    }
    check!(disk.bytes() == bytes, "opening a file that is in order must not change its bytes");
    let counts = disk.counts();
    check_eq!(
        (counts.writes, counts.set_lens),
        (0, 0),
        "writes and length changes of opening a file in order"
    );
}

/// Bytes after the last page are not a page: `open` cuts them off, so that new pages are zeros.
#[testkit::test]
fn bytes_after_the_last_page_are_cut_off() {
    let (disk, manager, ids) = filled(4);
    let len = PageId(manager.stats().page_count).offset() as usize;
    drop(manager);
    for extra in [1, 511, 512, 4_095, 4_096, 4_097, 40_000] {
        let mut bytes = disk.durable();
        bytes.truncate(len);
        let garbage = super::page(ids[3], 99);
        bytes.extend(garbage.iter().cycle().take(extra));
        let left = FaultDisk::from_bytes(bytes);
        let manager = open(&left);
        check_eq!(
            allocated(&manager),
            ids.iter().copied().collect(),
            "allocated pages of a file {extra} bytes too long"
        );
        for _ in 0..12 {
            let id = allocate(&manager);
            check_reads(&manager, id, 0);
        }
        sync(&manager);
    }
}

/// A long script without faults: the model and the manager agree at each step, also after reopening.
#[testkit::test]
fn a_long_story_without_faults() {
    for seed in 10..14 {
        let mut story = Story::create(FaultDisk::new(), false).expect("no crash was asked for");
        for part in long_script(seed, 400).chunks(20) {
            story.run(part);
            story.check_contents();
        }
        story.run(&[Op::Sync, Op::Reopen]);
        story.check_contents();
    }
}
