//! Pages in memory, behind the interface of a pager, with a watch on whoever uses them.
//!
//! A page that is freed is handed out again at once, so that whoever still uses its number is found out. All
//! latches are those of `kit::sync`, so that the scheduler of a test can stop a thread at each of them.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use buffer_pool::{Error, Pager};
use kit::sync::thread::{self, ThreadId};
use kit::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, header};
use testkit::Failure;

use super::raw;

/// Number of the first page that is handed out; those below are the disk manager's.
const FIRST: u32 = 3;

/// The pages.
pub(crate) struct Pages {
    slots: Vec<RwLock<Option<Box<PageBuf>>>>,
    state: Mutex<State>,
}

/// How often what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// `read` and `read_once`.
    pub(crate) reads: u64,
    /// `write`, and `try_write` that was granted.
    pub(crate) writes: u64,
    /// `try_write` that was refused.
    pub(crate) refused: u64,
    /// `allocate`.
    pub(crate) allocates: u64,
    /// `free`.
    pub(crate) frees: u64,
    /// Most guards held at once.
    pub(crate) most_held: usize,
}

/// What a request is made to fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every frame is pinned.
    AllPinned,
    /// The file is full.
    Full,
}

impl Fault {
    /// The error of a request that was made to fail.
    pub(crate) fn error(self) -> Error {
        match self {
            Fault::AllPinned => Error::AllPinned { frames: 1 },
            Fault::Full => slotted_page::Error::FileFull { max: 1 }.into(),
        }
    }
}

struct State {
    /// One more at each allocation and each free: odd while the page is allocated.
    generations: Vec<u32>,
    /// Pages that were freed; the last is handed out first.
    free: Vec<PageId>,
    next: u32,
    counts: Counts,
    held: Vec<(ThreadId, PageId)>,
    changed: BTreeSet<PageId>,
    /// Pages that were asked for with `read`, `write` or `try_write`, in order, since the watch began.
    asked: Vec<PageId>,
    fault: Option<(u64, Fault)>,
    /// Calls of `free` until one fails.
    free_fault: Option<u64>,
    frames: usize,
    max_pages: usize,
    refuses: Option<u64>,
    /// Calls of `try_write` that are refused first of all.
    refuse_next: u64,
    is_order_checked: bool,
}

impl Pages {
    /// Room for 2,000 pages.
    pub(crate) fn new() -> Self {
        Self::with_capacity(2_000)
    }

    /// Room for `capacity` pages.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let state = State {
            generations: vec![0; capacity],
            free: Vec::new(),
            next: 0,
            counts: Counts::default(),
            held: Vec::new(),
            changed: BTreeSet::new(),
            asked: Vec::new(),
            fault: None,
            free_fault: None,
            frames: usize::MAX,
            max_pages: capacity,
            refuses: None,
            refuse_next: 0,
            is_order_checked: true,
        };
        Pages { slots: (0..capacity).map(|_| RwLock::new(None)).collect(), state: Mutex::new(state) }
    }

    /// Takes the next page number without a request that counts, and puts `fill`'s bytes there.
    pub(crate) fn place(&self, page: PageBuf) -> PageId {
        let id = self.take_number().expect("the test leaves room");
        *self.slots[index(id)].write() = Some(Box::new(page));
        id
    }

    /// Puts bytes over a page that is there.
    pub(crate) fn put(&self, id: PageId, page: PageBuf) {
        *self.slots[index(id)].write() = Some(Box::new(page));
    }

    /// The bytes of a page, if it is allocated and nobody writes it.
    pub(crate) fn bytes(&self, id: PageId) -> Option<PageBuf> {
        let slot = self.slots.get((id.0.checked_sub(FIRST)?) as usize)?;
        slot.try_read().and_then(|page| page.as_ref().map(|page| **page))
    }

    /// True if somebody holds the page's latch, for reading or for writing.
    pub(crate) fn is_latched(&self, id: PageId) -> bool {
        self.slots[index(id)].try_write().is_none()
    }

    /// The pages that are allocated.
    pub(crate) fn allocated(&self) -> BTreeSet<PageId> {
        let state = self.lock();
        let odd = |&(_, generation): &(usize, &u32)| generation % 2 == 1;
        state.generations.iter().enumerate().filter(odd).map(|(index, _)| number(index)).collect()
    }

    /// Counts since the last [`watch`](Self::watch).
    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Pages that were asked for since the last [`watch`](Self::watch), in order.
    pub(crate) fn asked(&self) -> Vec<PageId> {
        self.lock().asked.clone()
    }

    /// Pages that were changed since the last [`watch`](Self::watch).
    pub(crate) fn changed(&self) -> BTreeSet<PageId> {
        self.lock().changed.clone()
    }

    /// Starts counting from zero.
    pub(crate) fn watch(&self) {
        let mut state = self.lock();
        state.counts = Counts::default();
        state.changed.clear();
        state.asked.clear();
    }

    /// Guards that are held now, by anybody.
    pub(crate) fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// Request number `n` from now on (from 0; `free` does not count) fails, once.
    pub(crate) fn fail_at(&self, n: u64, fault: Fault) {
        self.lock().fault = Some((n, fault));
    }

    /// No request fails that was to. True if it was still to come.
    pub(crate) fn stop_failing(&self) -> bool {
        self.lock().fault.take().is_some()
    }

    /// Call number `n` of `free` from now on (from 0) fails, once; its page stays allocated.
    pub(crate) fn fail_free(&self, n: u64) {
        self.lock().free_fault = Some(n);
    }

    /// No `free` fails that was to. True if it was still to come.
    pub(crate) fn stop_failing_frees(&self) -> bool {
        self.lock().free_fault.take().is_some()
    }

    /// From now on at most `frames` pages can be held at once.
    pub(crate) fn limit_frames(&self, frames: usize) {
        self.lock().frames = frames;
    }

    /// From now on at most `pages` pages can be allocated at once.
    pub(crate) fn limit_pages(&self, pages: usize) {
        self.lock().max_pages = pages;
    }

    /// From now on every second `try_write` is refused, whoever has the latch.
    pub(crate) fn refuse_every_second_try(&self) {
        self.lock().refuses = Some(0);
    }

    /// The next `tries` calls of `try_write` are refused, whoever has the latch.
    pub(crate) fn refuse_tries(&self, tries: u64) {
        self.lock().refuse_next = tries;
    }

    /// From now on rule U2 is not checked, because the test's own links make no sense. Rule U1 is: a thread
    /// that asks for a page it holds would wait for ever.
    pub(crate) fn check_no_order(&self) {
        self.lock().is_order_checked = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_number(&self) -> Result<PageId, Error> {
        let mut state = self.lock();
        let in_use = state.next as usize - state.free.len();
        if in_use >= state.max_pages {
            return Err(slotted_page::Error::FileFull { max: state.max_pages as u32 }.into());
        }
        let id = state.free.pop().unwrap_or_else(|| {
            state.next += 1;
            number(state.next as usize - 1)
        });
        state.generations[index(id)] += 1;
        Ok(id)
    }

    /// The common start of a request; what is held is registered before the latch is waited for.
    fn begin(&self, id: PageId, is_patient: bool) -> Result<(Hold<'_>, u32), Error> {
        let me = thread::current().id();
        let mut state = self.lock();
        state.take_fault()?;
        state.asked.push(id);
        let mine: Vec<PageId> = state.held.iter().filter(|(who, _)| *who == me).map(|held| held.1).collect();
        if mine.contains(&id) {
            drop(state);
            broken(
                "U1",
                "at most one guard a page at a time in one thread",
                format!("{id} is asked for again"),
            );
        }
        if is_patient && state.is_order_checked {
            drop(state);
            self.check_order(id, &mine);
            state = self.lock();
        }
        let generation = id.0.checked_sub(FIRST).and_then(|at| state.generations.get(at as usize)).copied();
        let Some(generation) = generation.filter(|generation| generation % 2 == 1) else {
            return Err(slotted_page::Error::NotAllocated { page: id }.into());
        };
        state.pin(id)?;
        state.hold(me, id);
        Ok((Hold { pages: self, thread: me, page: id }, generation))
    }

    /// True if the page is still the one that was asked for.
    fn is_still(&self, id: PageId, generation: u32) -> Result<(), Error> {
        if self.lock().generations[index(id)] == generation {
            return Ok(());
        }
        Err(slotted_page::Error::NotAllocated { page: id }.into())
    }

    /// Rule U2, as far as the bytes tell: nobody waits for the left neighbour or the parent of a page that it
    /// holds.
    fn check_order(&self, id: PageId, mine: &[PageId]) {
        let Some(page) = self.bytes(id) else { return };
        for held in mine {
            if raw::next_of(&page) == Some(*held) {
                let found = format!("waits for {id} while it holds {held}, which is right of it");
                broken("U2", "left before right, else try_write", found);
            }
            if raw::children_of(&page).contains(held) {
                let found = format!("waits for {id} while it holds {held}, its child");
                broken("U2", "parent before child", found);
            }
        }
    }

    fn note_change(&self, id: PageId) {
        self.lock().changed.insert(id);
    }
}

impl State {
    fn take_fault(&mut self) -> Result<(), Error> {
        match self.fault {
            Some((0, fault)) => {
                self.fault = None;
                Err(fault.error())
            }
            Some((n, fault)) => {
                self.fault = Some((n - 1, fault));
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn is_next_refused(&mut self) -> bool {
        if self.refuse_next > 0 {
            self.refuse_next -= 1;
            return true;
        }
        let Some(tries) = &mut self.refuses else { return false };
        *tries += 1;
        *tries % 2 == 1
    }

    fn pin(&self, id: PageId) -> Result<(), Error> {
        let mut pinned: BTreeSet<PageId> = self.held.iter().map(|held| held.1).collect();
        pinned.insert(id);
        if pinned.len() > self.frames {
            return Err(Error::AllPinned { frames: self.frames });
        }
        Ok(())
    }

    fn hold(&mut self, thread: ThreadId, id: PageId) {
        self.held.push((thread, id));
        self.counts.most_held = self.counts.most_held.max(self.held.len());
    }
}

impl Pager for Pages {
    type Read<'a> = ReadGuard<'a>;
    type Write<'a> = WriteGuard<'a>;

    fn read(&self, id: PageId) -> Result<ReadGuard<'_>, Error> {
        let (hold, generation) = self.begin(id, true)?;
        self.lock().counts.reads += 1;
        let page = self.slots[index(id)].read();
        self.is_still(id, generation)?;
        Ok(ReadGuard { _hold: hold, page })
    }

    fn write(&self, id: PageId) -> Result<WriteGuard<'_>, Error> {
        let (hold, generation) = self.begin(id, true)?;
        self.lock().counts.writes += 1;
        let page = self.slots[index(id)].write();
        self.is_still(id, generation)?;
        Ok(WriteGuard { hold, page })
    }

    fn try_write(&self, id: PageId) -> Result<Option<WriteGuard<'_>>, Error> {
        let (hold, generation) = self.begin(id, false)?;
        let is_refused = self.lock().is_next_refused();
        let page = if is_refused { None } else { self.slots[index(id)].try_write() };
        let Some(page) = page else {
            self.lock().counts.refused += 1;
            return Ok(None);
        };
        self.lock().counts.writes += 1;
        self.is_still(id, generation)?;
        Ok(Some(WriteGuard { hold, page }))
    }

    fn allocate(&self, kind: PageKind) -> Result<WriteGuard<'_>, Error> {
        let me = thread::current().id();
        {
            let mut state = self.lock();
            state.take_fault()?;
            state.pin(PageId::NONE)?;
            state.counts.allocates += 1;
        }
        let id = self.take_number()?;
        self.lock().hold(me, id);
        let hold = Hold { pages: self, thread: me, page: id };
        let mut page = self.slots[index(id)].write();
        let mut bytes = Box::new([0; PAGE_SIZE]);
        header::init(&mut bytes, id, kind);
        *page = Some(bytes);
        self.note_change(id);
        Ok(WriteGuard { hold, page })
    }

    fn free<'a>(&'a self, page: WriteGuard<'a>) -> Result<(), Error> {
        let fault = self.lock().free_fault.take();
        if fault == Some(0) {
            return Err(Fault::Full.error());
        }
        self.lock().free_fault = fault.map(|left| left - 1);
        let WriteGuard { hold, mut page } = page;
        let id = hold.page;
        *page = None;
        {
            let mut state = self.lock();
            state.generations[index(id)] += 1;
            state.counts.frees += 1;
            state.changed.remove(&id);
        }
        drop(page);
        drop(hold);
        self.lock().free.push(id);
        Ok(())
    }
}

/// Counts a page as held while it lives.
struct Hold<'a> {
    pages: &'a Pages,
    thread: ThreadId,
    page: PageId,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.pages.lock();
        let at = state.held.iter().position(|held| *held == (self.thread, self.page));
        if let Some(at) = at {
            state.held.swap_remove(at);
        }
    }
}

/// Shared access to a page.
pub(crate) struct ReadGuard<'a> {
    _hold: Hold<'a>,
    page: RwLockReadGuard<'a, Option<Box<PageBuf>>>,
}

/// Exclusive access to a page.
pub(crate) struct WriteGuard<'a> {
    hold: Hold<'a>,
    page: RwLockWriteGuard<'a, Option<Box<PageBuf>>>,
}

impl Deref for ReadGuard<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        self.page.as_ref().expect("the page is allocated while a guard lives")
    }
}

impl Deref for WriteGuard<'_> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        self.page.as_ref().expect("the page is allocated while a guard lives")
    }
}

impl DerefMut for WriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        self.hold.pages.note_change(self.hold.page);
        self.page.as_mut().expect("the page is allocated while a guard lives")
    }
}

fn index(id: PageId) -> usize {
    (id.0 - FIRST) as usize
}

fn number(index: usize) -> PageId {
    PageId(index as u32 + FIRST)
}

fn broken(id: &str, text: &str, found: String) -> ! {
    Failure::new(format!("rule {id} of the pager"))
        .invariant(id, text)
        .expected_text(text)
        .found_text(found)
        .raise()
}
