//! Counts calls, fails at a chosen one, and watches rule U1: [`CountingPager`].
//!
//! A call is counted whether it succeeds or not. Numbers of calls start from 0.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use buffer_pool::{Error, Pager};
use kit::sync::thread::{self, ThreadId};
use slotted_page::{PageBuf, PageId, PageKind, header};

/// A call of a pager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`Pager::read`].
    Read,
    /// [`Pager::read_once`].
    ReadOnce,
    /// [`Pager::write`].
    Write,
    /// [`Pager::try_write`].
    TryWrite,
    /// [`Pager::allocate`].
    Allocate,
    /// [`Pager::free`].
    Free,
}

/// How often what was called, of one page or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `read`.
    pub reads: u64,
    /// Calls of `read_once`.
    pub read_onces: u64,
    /// Calls of `write`.
    pub writes: u64,
    /// Calls of `try_write` that gave the page.
    pub try_granted: u64,
    /// Calls of `try_write` that gave `None`.
    pub try_refused: u64,
    /// Calls of `allocate`.
    pub allocates: u64,
    /// Calls of `free`.
    pub frees: u64,
    /// Write guards, those of new pages included, through which bytes were borrowed `&mut`.
    pub changed: u64,
    /// Calls that returned an error.
    pub failed: u64,
}

impl Counts {
    /// Pages asked for to look at them.
    pub fn all_reads(&self) -> u64 {
        self.reads + self.read_onces
    }

    /// Write latches taken, those of new pages not counted.
    pub fn write_latches(&self) -> u64 {
        self.writes + self.try_granted
    }
}

/// What an [`Event`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The page was given out by this call.
    Given(Call),
    /// `try_write` gave `None`.
    Refused,
    /// The guard was let go.
    Dropped,
    /// The page was freed, which lets its guard go.
    Freed,
}

/// A step: a thread gets a page or gives it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The thread.
    pub thread: ThreadId,
    /// What happened.
    pub what: What,
    /// To which page.
    pub page: PageId,
    /// The pages that this thread holds after it, the oldest first.
    pub held: Vec<PageId>,
}

/// A pager that passes every call on to `P`.
pub struct CountingPager<P> {
    inner: P,
    state: Mutex<State>,
}

/// Never locked while the inner pager is called.
#[derive(Default)]
struct State {
    counts: Counts,
    pages: BTreeMap<PageId, Counts>,
    held: Vec<(ThreadId, PageId)>,
    max_held: usize,
    max_pins: usize,
    next_call: u64,
    next_of: BTreeMap<Call, u64>,
    fail_at: BTreeMap<u64, Error>,
    fail_call: BTreeMap<(Call, u64), Error>,
    events: Option<Vec<Event>>,
}

/// A held page; let go on drop.
struct Held<'a> {
    state: &'a Mutex<State>,
    thread: ThreadId,
    page: PageId,
}

/// Shared access to a page of a [`CountingPager`].
pub struct CountedRead<'a, P: Pager + 'a> {
    guard: P::Read<'a>,
    _held: Held<'a>,
}

/// Exclusive access to a page of a [`CountingPager`].
pub struct CountedWrite<'a, P: Pager + 'a> {
    guard: P::Write<'a>,
    held: Held<'a>,
    is_changed: bool,
}

impl<P: Pager> CountingPager<P> {
    /// Counts what is asked of `inner`.
    pub fn new(inner: P) -> Self {
        CountingPager { inner, state: Mutex::default() }
    }

    /// The pager below. What is asked of it directly is not counted.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// The pager below.
    pub fn into_inner(self) -> P {
        self.inner
    }

    /// What was counted since the last [`take`](Self::take).
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// What was counted of one page since the last [`take`](Self::take).
    pub fn of(&self, page: PageId) -> Counts {
        self.state().pages.get(&page).copied().unwrap_or_default()
    }

    /// The pages that were asked for since the last [`take`](Self::take), with what was counted of each.
    pub fn pages(&self) -> BTreeMap<PageId, Counts> {
        self.state().pages.clone()
    }

    /// What was counted, and starts again from zero: counts, those of the pages, and both maxima.
    pub fn take(&self) -> Counts {
        let mut state = self.state();
        state.pages.clear();
        state.max_held = 0;
        state.max_pins = 0;
        std::mem::take(&mut state.counts)
    }

    /// Most guards that one thread held at once since the last [`take`](Self::take).
    pub fn max_held(&self) -> usize {
        self.state().max_held
    }

    /// Most guards that all threads together held at once since the last [`take`](Self::take).
    pub fn max_held_by_all(&self) -> usize {
        self.state().max_pins
    }

    /// Pages that some thread holds now, sorted. Empty after each operation, also after one that failed.
    pub fn held(&self) -> Vec<PageId> {
        let mut held: Vec<PageId> = self.state().held.iter().map(|(_, page)| *page).collect();
        held.sort();
        held
    }

    /// Number of calls so far of whatever kind, which is the number of the next one.
    pub fn calls(&self) -> u64 {
        self.state().next_call
    }

    /// Number of calls of this kind so far, which is the number of the next one.
    pub fn calls_of(&self, call: Call) -> u64 {
        self.state().next_of.get(&call).copied().unwrap_or(0)
    }

    /// Call number `n`, of whatever kind, fails with `error` and has no effect.
    pub fn fail_at(&self, n: u64, error: Error) {
        self.state().fail_at.insert(n, error);
    }

    /// Call number `n` of this kind fails with `error` and has no effect.
    pub fn fail_call(&self, call: Call, n: u64, error: Error) {
        self.state().fail_call.insert((call, n), error);
    }

    /// Forgets the errors that have not struck yet.
    pub fn fail_no_more(&self) {
        let mut state = self.state();
        state.fail_at.clear();
        state.fail_call.clear();
    }

    /// From here on each page that a thread gets or gives back is recorded.
    pub fn record(&self) {
        self.state().events.get_or_insert_default();
    }

    /// What was recorded, which ends the recording.
    pub fn take_events(&self) -> Vec<Event> {
        self.state().events.take().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Counts a call; the error that is due at it, if one is.
    fn begin(&self, call: Call, page: Option<PageId>) -> Result<(), Error> {
        let mut state = self.state();
        let n = state.next_call;
        state.next_call += 1;
        let of = state.next_of.entry(call).or_default();
        let n_of = *of;
        *of += 1;
        // Whether a try is granted is known later.
        if call != Call::TryWrite {
            state.count(page, |counts| *counts.of(call) += 1);
        }
        let by_kind = state.fail_call.remove(&(call, n_of));
        match state.fail_at.remove(&n).or(by_kind) {
            Some(error) => {
                state.count(page, |counts| counts.failed += 1);
                Err(error)
            }
            None => Ok(()),
        }
    }

    /// Rule U1, before the page is waited for.
    #[track_caller]
    fn check_u1(&self, page: PageId) {
        let thread = thread::current().id();
        let is_held = self.state().held.contains(&(thread, page));
        assert!(!is_held, "U1: this thread asks for {page}, of which it already holds a guard");
    }

    fn passed_on<T>(&self, page: Option<PageId>, result: Result<T, Error>) -> Result<T, Error> {
        if result.is_err() {
            self.state().count(page, |counts| counts.failed += 1);
        }
        result
    }

    fn hold(&self, call: Call, page: PageId) -> Held<'_> {
        let thread = thread::current().id();
        let mut state = self.state();
        state.held.push((thread, page));
        let own = state.held.iter().filter(|(holder, _)| *holder == thread).count();
        state.max_held = state.max_held.max(own);
        state.max_pins = state.max_pins.max(state.held.len());
        state.note(thread, What::Given(call), page);
        Held { state: &self.state, thread, page }
    }

    fn held_write<'a>(&'a self, call: Call, page: PageId, guard: P::Write<'a>) -> CountedWrite<'a, P> {
        CountedWrite { guard, held: self.hold(call, page), is_changed: false }
    }
}

impl Counts {
    fn of(&mut self, call: Call) -> &mut u64 {
        match call {
            Call::Read => &mut self.reads,
            Call::ReadOnce => &mut self.read_onces,
            Call::Write => &mut self.writes,
            Call::TryWrite => &mut self.try_granted,
            Call::Allocate => &mut self.allocates,
            Call::Free => &mut self.frees,
        }
    }
}

impl State {
    fn count(&mut self, page: Option<PageId>, change: impl Fn(&mut Counts)) {
        change(&mut self.counts);
        if let Some(page) = page {
            change(self.pages.entry(page).or_default());
        }
    }

    fn note(&mut self, thread: ThreadId, what: What, page: PageId) {
        let own = self.held.iter().filter(|(holder, _)| *holder == thread);
        let held = own.map(|(_, page)| *page).collect();
        if let Some(events) = &mut self.events {
            events.push(Event { thread, what, page, held });
        }
    }

    fn let_go(&mut self, thread: ThreadId, page: PageId) {
        let at = self.held.iter().rposition(|held| *held == (thread, page));
        self.held.remove(at.expect("what is held was put there when it was given out"));
    }
}

impl<P: Pager> Pager for CountingPager<P> {
    type Read<'a>
        = CountedRead<'a, P>
    where
        Self: 'a;
    type Write<'a>
        = CountedWrite<'a, P>
    where
        Self: 'a;

    #[track_caller]
    fn read(&self, id: PageId) -> Result<CountedRead<'_, P>, Error> {
        self.check_u1(id);
        self.begin(Call::Read, Some(id))?;
        let guard = self.passed_on(Some(id), self.inner.read(id))?;
        Ok(CountedRead { guard, _held: self.hold(Call::Read, id) })
    }

    #[track_caller]
    fn read_once(&self, id: PageId) -> Result<CountedRead<'_, P>, Error> {
        self.check_u1(id);
        self.begin(Call::ReadOnce, Some(id))?;
        let guard = self.passed_on(Some(id), self.inner.read_once(id))?;
        Ok(CountedRead { guard, _held: self.hold(Call::ReadOnce, id) })
    }

    #[track_caller]
    fn write(&self, id: PageId) -> Result<CountedWrite<'_, P>, Error> {
        self.check_u1(id);
        self.begin(Call::Write, Some(id))?;
        let guard = self.passed_on(Some(id), self.inner.write(id))?;
        Ok(self.held_write(Call::Write, id, guard))
    }

    #[track_caller]
    fn try_write(&self, id: PageId) -> Result<Option<CountedWrite<'_, P>>, Error> {
        self.check_u1(id);
        self.begin(Call::TryWrite, Some(id))?;
        let guard = self.passed_on(Some(id), self.inner.try_write(id))?;
        let mut state = self.state();
        let Some(guard) = guard else {
            state.count(Some(id), |counts| counts.try_refused += 1);
            state.note(thread::current().id(), What::Refused, id);
            return Ok(None);
        };
        state.count(Some(id), |counts| counts.try_granted += 1);
        drop(state);
        Ok(Some(self.held_write(Call::TryWrite, id, guard)))
    }

    fn allocate(&self, kind: PageKind) -> Result<CountedWrite<'_, P>, Error> {
        self.begin(Call::Allocate, None)?;
        let guard = self.passed_on(None, self.inner.allocate(kind))?;
        let id = header::id(&guard);
        self.state().pages.entry(id).or_default().allocates += 1;
        Ok(self.held_write(Call::Allocate, id, guard))
    }

    fn free<'a>(&'a self, page: CountedWrite<'a, P>) -> Result<(), Error> {
        let CountedWrite { guard, held, .. } = page;
        let id = held.page;
        self.begin(Call::Free, Some(id))?;
        let result = self.inner.free(guard);
        if result.is_ok() {
            self.state().note(held.thread, What::Freed, id);
        }
        self.passed_on(Some(id), result)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = lock(self.state);
        state.let_go(self.thread, self.page);
        state.note(self.thread, What::Dropped, self.page);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Pager> Deref for CountedRead<'_, P> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        &self.guard
    }
}

impl<P: Pager> Deref for CountedWrite<'_, P> {
    type Target = PageBuf;

    fn deref(&self) -> &PageBuf {
        &self.guard
    }
}

impl<P: Pager> DerefMut for CountedWrite<'_, P> {
    fn deref_mut(&mut self) -> &mut PageBuf {
        if !self.is_changed {
            self.is_changed = true;
            lock(self.held.state).count(Some(self.held.page), |counts| counts.changed += 1);
        }
        &mut self.guard
    }
}
