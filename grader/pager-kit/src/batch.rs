//! Keeps the write guards of changed pages until the end, as the mini-transactions of lab 6 do:
//! [`BatchPager`].
//!
//! ```text
//!   write(7) -> guard     &mut bytes: before-image     drop: parked
//!   write(9) -> guard     only looked at               drop: let go
//!   read(7)  -> the parked guard again                 drop: parked again
//!   free(8)               kept, gone for this batch
//!   commit()              7 let go, 8 freed below
//! ```
//!
//! A batch is one unit of work of one thread (rule U4 of [`Pager`]): [`operation`](BatchPager::operation)
//! runs the one operation of a heap or tree that it is for, and no page is given out after it. What a batch
//! keeps is held against all others until [`commit`](BatchPager::commit) or [`abort`](BatchPager::abort); a
//! batch that is dropped is aborted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut, Range};

use buffer_pool::{Error, Pager};
use slotted_page::{Lsn, PAGE_SIZE, PageBuf, PageId, PageKind, header};

/// A pager over `P` that keeps what was changed.
pub struct BatchPager<'p, P: Pager> {
    pager: &'p P,
    state: RefCell<State<'p, P>>,
}

struct State<'p, P: Pager + 'p> {
    /// Changed pages of which no guard is out.
    parked: BTreeMap<PageId, Page<'p, P>>,
    /// Pages of which a guard is out.
    open: BTreeSet<PageId>,
    /// Pages to be freed at the end.
    freed: BTreeMap<PageId, Page<'p, P>>,
    phase: Phase,
}

/// What rule U4 says of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No operation was run.
    Unused,
    /// An operation runs.
    Running,
    /// The operation has ended: only commit and abort are left.
    Done,
}

/// A page that was opened for writing.
struct Page<'p, P: Pager + 'p> {
    guard: P::Write<'p>,
    /// The bytes before the first change; `None` until then, and for a new page.
    before: Option<Box<PageBuf>>,
    /// Allocated in this batch.
    is_new: bool,
}

/// What a batch did to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageChange {
    /// The page.
    pub page: PageId,
    /// It was allocated in this batch.
    pub is_new: bool,
    /// It was freed in this batch.
    pub is_freed: bool,
    /// The bytes that are not as they were, as few as possible; of a new page those that are not zero.
    pub ranges: Vec<Range<usize>>,
}

impl PageChange {
    /// Number of bytes that changed.
    pub fn byte_count(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }
}

/// Shared access to a page of a [`BatchPager`].
pub struct BatchRead<'a, 'p, P: Pager> {
    batch: &'a BatchPager<'p, P>,
    id: PageId,
    /// `None` only inside of `drop`.
    page: Option<Readable<'p, P>>,
}

enum Readable<'p, P: Pager + 'p> {
    Unchanged(P::Read<'p>),
    Parked(Page<'p, P>),
}

/// Exclusive access to a page of a [`BatchPager`].
pub struct BatchWrite<'a, 'p, P: Pager> {
    batch: &'a BatchPager<'p, P>,
    id: PageId,
    /// `None` only inside of `drop` and once the page is freed.
    page: Option<Page<'p, P>>,
}

/// Runs `work`, which is one operation (U4), in a batch over `pager`: committed if it succeeds, else aborted.
/// What it returns, and what it changed.
///
/// # Errors
/// Those of `work`, of commit and of abort.
pub fn in_batch<'p, P: Pager, R, E: From<Error>>(
    pager: &'p P,
    work: impl FnOnce(&BatchPager<'p, P>) -> Result<R, E>,
) -> Result<(R, Vec<PageChange>), E> {
    let batch = BatchPager::new(pager);
    match batch.operation(work) {
        Ok(result) => {
            let changes = batch.commit()?;
            Ok((result, changes))
        }
        Err(error) => {
            batch.abort()?;
            Err(error)
        }
    }
}

impl<'p, P: Pager> BatchPager<'p, P> {
    /// An empty batch.
    pub fn new(pager: &'p P) -> Self {
        let state = State {
            parked: BTreeMap::new(),
            open: BTreeSet::new(),
            freed: BTreeMap::new(),
            phase: Phase::Unused,
        };
        BatchPager { pager, state: RefCell::new(state) }
    }

    /// Runs the one operation of a heap or tree that this batch is for.
    ///
    /// # Panics
    /// Rule U4: an operation was run in this batch before, and neither committed nor aborted; `work` asks
    /// this batch for a page after the operation has ended, as an iterator would; or a guard is out when it
    /// ends.
    #[track_caller]
    pub fn operation<R>(&self, work: impl FnOnce(&Self) -> R) -> R {
        let phase = std::mem::replace(&mut self.state.borrow_mut().phase, Phase::Running);
        assert!(phase == Phase::Unused, "U4: a second operation in one batch");
        let result = work(self);
        self.check_nothing_open("left by its operation");
        self.state.borrow_mut().phase = Phase::Done;
        result
    }

    /// The pager below.
    pub fn inner(&self) -> &'p P {
        self.pager
    }

    /// Pages kept until the end, sorted: those changed, those new, those to be freed.
    pub fn kept(&self) -> Vec<PageId> {
        let state = self.state.borrow();
        let mut kept: Vec<PageId> = state.parked.keys().chain(state.freed.keys()).copied().collect();
        kept.sort();
        kept
    }

    /// What was done so far to the pages of which no guard is out, sorted by page. A page that was borrowed
    /// `&mut` and is as it was has no ranges.
    pub fn changes(&self) -> Vec<PageChange> {
        let state = self.state.borrow();
        let mut changes: Vec<PageChange> =
            state.parked.iter().map(|(id, page)| page.change(*id, false)).collect();
        changes.extend(state.freed.iter().map(|(id, page)| page.change(*id, true)));
        changes.sort_by_key(|change| change.page);
        changes
    }

    /// Lets all pages go with their changes, and frees those to be freed. The batch is empty again.
    ///
    /// # Errors
    /// Those of `free` below; all other pages are done all the same.
    ///
    /// # Panics
    /// A guard is out.
    #[track_caller]
    pub fn commit(&self) -> Result<Vec<PageChange>, Error> {
        self.finish(None)
    }

    /// As [`commit`](Self::commit); every changed page and every page to be freed gets the LSN `lsn`, as if
    /// one log record described all of it.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    ///
    /// # Panics
    /// A guard is out.
    #[track_caller]
    pub fn commit_at(&self, lsn: Lsn) -> Result<Vec<PageChange>, Error> {
        self.finish(Some(lsn))
    }

    /// Puts all bytes back, frees the new pages, and lets all go: as if nothing had been done.
    ///
    /// # Errors
    /// Those of `free` below; all other pages are done all the same.
    ///
    /// # Panics
    /// A guard is out.
    #[track_caller]
    pub fn abort(&self) -> Result<(), Error> {
        self.check_nothing_open("aborted");
        self.roll_back()
    }

    #[track_caller]
    fn finish(&self, lsn: Option<Lsn>) -> Result<Vec<PageChange>, Error> {
        self.check_nothing_open("committed");
        let changes = self.changes();
        let (mut parked, mut freed) = self.take();
        if let Some(lsn) = lsn {
            let pages = parked.values_mut().chain(freed.values_mut());
            pages.for_each(|page| header::set_lsn(&mut page.guard, lsn));
        }
        drop(parked);
        let mut result = Ok(changes);
        for page in freed.into_values() {
            if let Err(error) = self.pager.free(page.guard) {
                result = result.and(Err(error));
            }
        }
        result
    }

    fn roll_back(&self) -> Result<(), Error> {
        let (parked, freed) = self.take();
        let mut result = Ok(());
        for mut page in parked.into_values().chain(freed.into_values()) {
            if page.is_new {
                result = result.and(self.pager.free(page.guard));
            } else if let Some(before) = &page.before {
                page.guard.copy_from_slice(&before[..]);
            }
        }
        result
    }

    fn take(&self) -> (BTreeMap<PageId, Page<'p, P>>, BTreeMap<PageId, Page<'p, P>>) {
        let mut state = self.state.borrow_mut();
        state.phase = Phase::Unused;
        (std::mem::take(&mut state.parked), std::mem::take(&mut state.freed))
    }

    #[track_caller]
    fn check_nothing_open(&self, done: &str) {
        let open = self.state.borrow().open.clone();
        assert!(open.is_empty(), "a batch is {done} while guards are out: {open:?}");
    }

    /// Rule U4, before a page is given out.
    #[track_caller]
    fn check_u4(&self) {
        let is_done = self.state.borrow().phase == Phase::Done;
        assert!(!is_done, "U4: this batch is asked for a page after its operation has ended");
    }

    /// Before a page is opened: rules U1 and U4, and whether it was freed. The page, if it is parked.
    #[track_caller]
    fn begin(&self, id: PageId) -> Result<Option<Page<'p, P>>, Error> {
        self.check_u4();
        let mut state = self.state.borrow_mut();
        let is_open = state.open.contains(&id);
        assert!(!is_open, "U1: this thread asks for {id}, of which it already holds a guard");
        if state.freed.contains_key(&id) {
            return Err(slotted_page::Error::NotAllocated { page: id }.into());
        }
        Ok(state.parked.remove(&id))
    }

    fn open_read(&self, id: PageId, page: Readable<'p, P>) -> BatchRead<'_, 'p, P> {
        self.state.borrow_mut().open.insert(id);
        BatchRead { batch: self, id, page: Some(page) }
    }

    fn open_write(&self, id: PageId, page: Page<'p, P>) -> BatchWrite<'_, 'p, P> {
        self.state.borrow_mut().open.insert(id);
        BatchWrite { batch: self, id, page: Some(page) }
    }

    /// A guard is let go: what was changed is parked.
    fn close(&self, id: PageId, page: Page<'p, P>) {
        let mut state = self.state.borrow_mut();
        state.open.remove(&id);
        if page.is_new || page.before.is_some() {
            state.parked.insert(id, page);
        }
    }
}

impl<P: Pager> Drop for BatchPager<'_, P> {
    fn drop(&mut self) {
        // A destructor cannot return an error.
        let _ = self.roll_back();
    }
}

impl<'p, P: Pager> Page<'p, P> {
    fn unchanged(guard: P::Write<'p>) -> Self {
        Page { guard, before: None, is_new: false }
    }

    fn change(&self, page: PageId, is_freed: bool) -> PageChange {
        let ranges = match &self.before {
            Some(before) => differences(before, &self.guard),
            None if self.is_new => differences(&[0; PAGE_SIZE], &self.guard),
            None => Vec::new(),
        };
        PageChange { page, is_new: self.is_new, is_freed, ranges }
    }
}

/// The runs of bytes in which the two differ.
fn differences(before: &PageBuf, after: &PageBuf) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for at in (0..PAGE_SIZE).filter(|at| before[*at] != after[*at]) {
        match ranges.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges
}

impl<'p, P: Pager> Pager for BatchPager<'p, P> {
    type Read<'a>
        = BatchRead<'a, 'p, P>
    where
        Self: 'a;
    type Write<'a>
        = BatchWrite<'a, 'p, P>
    where
        Self: 'a;

    #[track_caller]
    fn read(&self, id: PageId) -> Result<BatchRead<'_, 'p, P>, Error> {
        let page = match self.begin(id)? {
            Some(page) => Readable::Parked(page),
            None => Readable::Unchanged(self.pager.read(id)?),
        };
        Ok(self.open_read(id, page))
    }

    #[track_caller]
    fn read_once(&self, id: PageId) -> Result<BatchRead<'_, 'p, P>, Error> {
        let page = match self.begin(id)? {
            Some(page) => Readable::Parked(page),
            None => Readable::Unchanged(self.pager.read_once(id)?),
        };
        Ok(self.open_read(id, page))
    }

    #[track_caller]
    fn write(&self, id: PageId) -> Result<BatchWrite<'_, 'p, P>, Error> {
        let page = match self.begin(id)? {
            Some(page) => page,
            None => Page::unchanged(self.pager.write(id)?),
        };
        Ok(self.open_write(id, page))
    }

    #[track_caller]
    fn try_write(&self, id: PageId) -> Result<Option<BatchWrite<'_, 'p, P>>, Error> {
        let page = match self.begin(id)? {
            Some(page) => Some(page),
            None => self.pager.try_write(id)?.map(Page::unchanged),
        };
        Ok(page.map(|page| self.open_write(id, page)))
    }

    #[track_caller]
    fn allocate(&self, kind: PageKind) -> Result<BatchWrite<'_, 'p, P>, Error> {
        self.check_u4();
        let guard = self.pager.allocate(kind)?;
        let id = header::id(&guard);
        Ok(self.open_write(id, Page { guard, before: None, is_new: true }))
    }

    fn free<'a>(&'a self, mut page: BatchWrite<'a, 'p, P>) -> Result<(), Error> {
        let kept = page.page.take().expect("only drop and free take the page out");
        let mut state = self.state.borrow_mut();
        state.open.remove(&page.id);
        state.freed.insert(page.id, kept);
        Ok(())
    }
}

impl<P: Pager> Drop for BatchRead<'_, '_, P> {
    fn drop(&mut self) {
        match self.page.take() {
            Some(Readable::Parked(page)) => self.batch.close(self.id, page),
            unchanged => {
                drop(unchanged);
                self.batch.state.borrow_mut().open.remove(&self.id);
            }
        }
    }
}

impl<P: Pager> Drop for BatchWrite<'_, '_, P> {
    fn drop(&mut self) {
        if let Some(page) = self.page.take() {
            self.batch.close(self.id, page);
        }
    }
}

impl<P: Pager> Deref for BatchRead<'_, '_, P> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        match self.page.as_ref().expect("only drop takes the page out") {
            Readable::Unchanged(guard) => guard,
            Readable::Parked(page) => &page.guard,
        }
    }
}

impl<P: Pager> Deref for BatchWrite<'_, '_, P> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        &self.page.as_ref().expect("only drop and free take the page out").guard
    }
}

impl<P: Pager> DerefMut for BatchWrite<'_, '_, P> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        let page = self.page.as_mut().expect("only drop and free take the page out");
        if page.before.is_none() && !page.is_new {
            page.before = Some(Box::new(*page.guard));
        }
        &mut page.guard
    }
}
