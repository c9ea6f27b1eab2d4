//! Scripts of operations, run beside a model that knows which states a crash may leave.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use kit::disk::Disk;
use kit::sync::Arc;
use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::{DiskManager, Error, PAGE_SIZE, PageId};
use testkit::disk::{DiskOpKind, FaultDisk};
use testkit::{Failure, check, check_eq};

use super::{Tag, allocated, is_crash, page, read};

/// A step of a script. The numbers choose one of the allocated pages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Allocate a page.
    Allocate,
    /// Write one of the allocated pages.
    Write(usize),
    /// Free one of the allocated pages.
    Free(usize),
    /// Make one of the allocated pages the root.
    SetRoot(usize),
    /// Have no root.
    ClearRoot,
    /// Sync.
    Sync,
    /// Drop the manager, without a sync, and open the file again.
    Reopen,
}

/// Scripts of up to `len` steps.
pub(super) fn scripts(len: usize) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        5 => Just(Op::Allocate),
        5 => any::<usize>().prop_map(Op::Write),
        4 => any::<usize>().prop_map(Op::Free),
        1 => any::<usize>().prop_map(Op::SetRoot),
        1 => Just(Op::ClearRoot),
        4 => Just(Op::Sync),
        1 => Just(Op::Reopen),
    ];
    vec(op, 1..len)
}

/// A script for the tests that try every operation of the disk.
pub(super) fn long_script(seed: u64, len: usize) -> Vec<Op> {
    let mut rng = testkit::rng();
    rng.seed(seed);
    let mut script = vec![Op::Allocate, Op::Write(0), Op::Allocate, Op::Sync];
    while script.len() < len {
        let n = rng.usize(..);
        script.push(match rng.u32(..21) {
            0..=4 => Op::Allocate,
            5..=9 => Op::Write(n),
            10..=14 => Op::Free(n),
            15 => Op::SetRoot(n),
            16 => Op::ClearRoot,
            17 => Op::Reopen,
            _ => Op::Sync,
        });
    }
    script
}

/// Which pages are allocated, and the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AllocationState {
    /// The allocated pages.
    pub(super) pages: BTreeSet<PageId>,
    /// The root.
    pub(super) root: Option<PageId>,
}

/// The model of a file while a script runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    /// The owner's view.
    pub(super) now: AllocationState,
    /// At the last sync that returned Ok.
    pub(super) durable: AllocationState,
    /// The states of later syncs that did not return Ok.
    pub(super) running: Vec<AllocationState>,
    /// Contents at the last sync that returned Ok.
    contents: BTreeMap<PageId, Tag>,
    /// Contents written since, the last one last. A page that is allocated anew begins with 0.
    since: BTreeMap<PageId, Vec<Tag>>,
    next_tag: Tag,
    /// The steps so far, for the report.
    steps: Vec<String>,
}

/// A file, its manager and its model. After a crash the manager is gone.
pub(super) struct Story {
    /// The disk under the manager.
    pub(super) disk: FaultDisk,
    /// The manager, until a crash.
    pub(super) manager: Option<DiskManager>,
    /// Whether the manager sees the disk through [`Pieces`].
    is_in_pieces: bool,
    /// What is known.
    pub(super) model: Model,
}

impl Story {
    /// Creates a file on `disk`; `None` if it crashes during that.
    pub(super) fn create(disk: FaultDisk, is_in_pieces: bool) -> Option<Story> {
        testkit::scene::clear();
        let mut model = Model::default();
        model.tell("DiskManager::create(disk)");
        match DiskManager::create(handle(&disk, is_in_pieces)) {
            Ok(manager) => Some(Story { disk, manager: Some(manager), is_in_pieces, model }),
            Err(error) if is_crash(&error) => None,
            Err(error) => Failure::new("create").found(error).expected_text("Ok").raise(),
        }
    }

    /// Continues with the file that a crash left on `disk`. Torn pages are written again.
    pub(super) fn go_on(self, disk: FaultDisk, manager: DiskManager, found: AllocationState) -> Story {
        drop(manager);
        let manager = match DiskManager::open(handle(&disk, self.is_in_pieces)) {
            Ok(manager) => manager,
            Err(error) => {
                Failure::new("open once more after a crash").found(error).expected_text("Ok").raise()
            }
        };
        let (next_tag, steps) = (self.model.next_tag, self.model.steps);
        let mut model = Model { now: found.clone(), durable: found, next_tag, steps, ..Model::default() };
        model.tell("DiskManager::open(what the crash left)");
        for id in &model.now.pages {
            match super::read(&manager, *id) {
                Ok(tag) => drop(model.contents.insert(*id, tag)),
                Err(_) => {
                    model.next_tag += 1;
                    super::write(&manager, *id, model.next_tag);
                    model.since.insert(*id, vec![0, model.next_tag]);
                }
            }
        }
        Story { disk, manager: Some(manager), is_in_pieces: self.is_in_pieces, model }
    }

    /// Runs the script to its end, or to the crash. True if it reached the end.
    pub(super) fn run(&mut self, script: &[Op]) -> bool {
        for op in script {
            match self.step(*op) {
                Ok(()) => {}
                Err(error) if is_crash(&error) => {
                    self.manager = None;
                    self.model.tell("// the machine crashes");
                    return false;
                }
                Err(error) => Failure::new(format!("{op:?} on a disk without errors"))
                    .found(error)
                    .expected_text("Ok")
                    .raise(),
            }
        }
        true
    }

    /// Runs one step, and adds its error to the report. After an error of the disk the model changes only by
    /// what the failed call may have done.
    pub(super) fn step(&mut self, op: Op) -> Result<(), Error> {
        let result = self.take_step(op);
        if let Err(error) = &result {
            self.model.tell(&format!("// gave Err: {error}"));
        }
        result
    }

    fn take_step(&mut self, op: Op) -> Result<(), Error> {
        let Some(manager) = &self.manager else { return Ok(()) };
        let model = &mut self.model;
        let pick = |n: usize| model.now.pages.iter().nth(n % model.now.pages.len().max(1)).copied();
        match op {
            Op::Allocate => {
                model.tell("manager.allocate()");
                let id = manager.allocate()?;
                model.tell(&format!("// gave {id}"));
                check!(!model.now.pages.contains(&id), "allocate gave {id}, which is allocated");
                if model.durable.pages.contains(&id) {
                    Failure::new(format!("allocate gave {id}, which was freed after the last sync"))
                        .invariant("P2", "a page that a crash would bring back is not handed out")
                        .raise();
                }
                model.now.pages.insert(id);
                model.since.entry(id).or_default().push(0);
            }
            Op::Write(n) => {
                let Some(id) = pick(n) else { return Ok(()) };
                model.next_tag += 1;
                model.tell(&format!("manager.write_page({id}, content {})", model.next_tag));
                model.since.entry(id).or_default().push(model.next_tag);
                manager.write_page(id, &page(id, model.next_tag))?;
            }
            Op::Free(n) => {
                let Some(id) = pick(n).filter(|id| model.now.root != Some(*id)) else { return Ok(()) };
                model.tell(&format!("manager.free({id})"));
                manager.free(id)?;
                model.now.pages.remove(&id);
            }
            Op::SetRoot(n) => {
                let Some(id) = pick(n) else { return Ok(()) };
                model.tell(&format!("manager.set_root(Some({id}))"));
                manager.set_root(Some(id))?;
                model.now.root = Some(id);
            }
            Op::ClearRoot => {
                model.tell("manager.set_root(None)");
                manager.set_root(None)?;
                model.now.root = None;
            }
            Op::Sync => {
                model.tell("manager.sync()");
                model.running.push(model.now.clone());
                manager.sync()?;
                model.synced();
            }
            Op::Reopen => {
                model.tell("drop(manager); DiskManager::open(disk)");
                self.manager = None;
                let manager = DiskManager::open(handle(&self.disk, self.is_in_pieces))?;
                let found = check_allocation(&manager, &model.possible(), "after opening the file again");
                model.now = found.clone();
                model.durable = found;
                model.running.clear();
                self.manager = Some(manager);
            }
        }
        Ok(())
    }

    /// A disk with the outcome `left` of a crash now. The report is that of this outcome alone: the steps,
    /// and the fate of each call of the disk that no sync made durable.
    pub(super) fn crash(&self, left: Vec<u8>) -> FaultDisk {
        if !testkit::scene::is_quiet() {
            testkit::scene::clear();
            for line in self.model.steps.iter().chain(&fates(&self.disk, &left)) {
                testkit::step!("{line}");
            }
        }
        FaultDisk::from_bytes(left)
    }

    /// Checks that every allocated page reads as it was last written. Not after an error of the disk.
    pub(super) fn check_contents(&self) {
        let Some(manager) = &self.manager else { return };
        for id in &self.model.now.pages {
            let last = self.model.since.get(id).and_then(|tags| tags.last()).or(self.model.contents.get(id));
            check_eq!(
                read(manager, *id),
                Ok(last.copied().unwrap_or(0)),
                "the tag of {id} (0: never written)"
            );
        }
    }
}

/// The disk that the manager uses.
pub(super) fn handle(disk: &FaultDisk, is_in_pieces: bool) -> Arc<dyn Disk> {
    if is_in_pieces { Arc::new(Pieces(disk.clone())) } else { Arc::new(disk.clone()) }
}

/// The calls of the disk since its last sync, the pieces of a page taken together, and whether they are in
/// `left`.
fn fates(disk: &FaultDisk, left: &[u8]) -> Vec<String> {
    const MOST: usize = 12;
    let log = disk.log();
    let is_sync = |at: &usize| log[*at].kind == DiskOpKind::Sync && log[*at].error.is_none();
    let first = (0..log.len()).rev().find(is_sync).map_or(0, |at| at + 1);
    let mut calls: Vec<(String, Option<(usize, usize)>)> = Vec::new();
    for call in &log[first..] {
        let place = match call.kind {
            DiskOpKind::Write { offset, len } if call.error.is_none() => (offset as usize, len),
            _ => {
                calls.push((format!("// disk: {call}"), None));
                continue;
            }
        };
        match (place, calls.last_mut()) {
            ((start, len), Some((_, Some((_, end))))) if start == *end && start % PAGE_SIZE != 0 => {
                *end += len
            }
            ((start, len), _) => calls.push((String::new(), Some((start, start + len)))),
        }
    }
    let (written, durable) = (disk.bytes(), disk.durable());
    let line = |(other, place): &(String, Option<(usize, usize)>)| {
        let Some((start, end)) = *place else { return other.clone() };
        let found = left.get(start..end);
        let fate = match () {
            () if found == written.get(start..end) => "reached the disk",
            () if found.is_none() || found == durable.get(start..end) => "was lost",
            () => "reached the disk in part",
        };
        let (page, at) = (start / PAGE_SIZE, start % PAGE_SIZE);
        format!("// disk: the write of page {page}, bytes {at} to {}, {fate}", at + end - start)
    };
    let skipped = calls.len().saturating_sub(MOST);
    let more = (skipped > 0).then(|| format!("// disk: {skipped} calls since its last sync"));
    let length = format!("// disk: the file is {} bytes long after the crash", left.len());
    more.into_iter().chain(calls[skipped..].iter().map(line)).chain([length]).collect()
}

/// A disk that writes the start of a page in small pieces, each a write of its own: a crash may happen
/// between two of them, and then it tears the page between its most important numbers.
struct Pieces(FaultDisk);

impl Disk for Pieces {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let most = match offset % PAGE_SIZE as u64 {
            0 => 6,
            1..64 => 13,
            _ => PAGE_SIZE,
        };
        self.0.write_at(offset, &buf[..buf.len().min(most)])
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}

impl Model {
    /// Adds the next step to the report.
    pub(super) fn tell(&mut self, line: &str) {
        if !testkit::scene::is_quiet() {
            testkit::step!("{line}");
            self.steps.push(line.to_string());
        }
    }

    /// The sync returned Ok: the present state is durable.
    fn synced(&mut self) {
        self.running.clear();
        self.durable = self.now.clone();
        for (id, tags) in std::mem::take(&mut self.since) {
            self.contents.insert(id, tags.last().copied().unwrap_or(0));
        }
        let durable = &self.durable.pages;
        self.contents.retain(|id, _| durable.contains(id));
    }

    /// The states that a crash may leave now.
    pub(super) fn possible(&self) -> Vec<&AllocationState> {
        std::iter::once(&self.durable).chain(&self.running).collect()
    }

    /// Checks that the file after a crash can be opened and has a state that the model allows; returns that
    /// state.
    pub(super) fn check_recovered(&self, disk: &FaultDisk) -> (DiskManager, AllocationState) {
        testkit::step!("DiskManager::open(what the crash left)");
        let manager = match DiskManager::open(Arc::new(disk.clone())) {
            Ok(manager) => manager,
            Err(error) => Failure::new("open after a crash")
                .found(error)
                .expected_text("Ok: a crash at any point leaves a file that can be opened")
                .invariant("P1", "all or nothing: open finds the pages and the root of one sync")
                .raise(),
        };
        let found = check_allocation(&manager, &self.possible(), "after the crash");
        for id in &found.pages {
            self.check_content(&manager, *id);
        }
        (manager, found)
    }

    /// Checks one page after a crash: unchanged if it was not written since the last sync, else anything
    /// that was written to it, or an error.
    fn check_content(&self, manager: &DiskManager, id: PageId) {
        let found = read(manager, id);
        let old = self.contents.get(&id).copied().unwrap_or(0);
        let is_old = self.durable.pages.contains(&id);
        let is = |tag: Tag| found.as_ref() == Ok(&tag);
        let (is_right, expected, (invariant, text)) = match self.since.get(&id) {
            None => (
                is(old),
                format!("Ok({old}): it was not written since the last sync"),
                ("P2", "what was not written since the last sync has its bytes"),
            ),
            Some(tags) if !is_old && tags.iter().all(|tag| *tag == 0) => (
                is(0),
                "Ok(0): it was allocated and not written".to_string(),
                ("P3", "a page that is allocated and not written holds nothing"),
            ),
            Some(tags) => (
                matches!(found, Err(Error::Corrupt(_))) || is(old) || tags.iter().any(|tag| is(*tag)),
                format!("Ok({old}) as before, Ok of one of {tags:?} as written since, or Err(Corrupt(..))"),
                ("P4", "a page written since the last sync is as before, as written, or an error"),
            ),
        };
        if !is_right {
            Failure::new(format!("the tag of {id} after the crash (0: never written)"))
                .expected_text(expected)
                .found(&found)
                .invariant(invariant, text)
                .raise();
        }
    }
}

/// Checks that the manager's pages and root are one of `allowed`, and returns it.
pub(super) fn check_allocation(
    manager: &DiskManager,
    allowed: &[&AllocationState],
    when: &str,
) -> AllocationState {
    testkit::scene::picture(|| slotted_page::dump_disk(manager));
    let found = AllocationState { pages: allocated(manager), root: manager.root() };
    if !allowed.contains(&&found) {
        let mut failure = Failure::new(format!("allocated pages and root {when}"));
        failure = failure.found(&found).expected_text(format!("{:?}", allowed[0]));
        failure = failure.invariant("P1", "all or nothing: the pages and the root of one sync");
        if let Some(other) = allowed.get(1) {
            failure = failure.note(format!("or what the unfinished sync was to make durable: {other:?}"));
        }
        failure.raise();
    }
    found
}
