//! Any sequence of calls on one thread, guards kept and calls of the disk that fail included, against a plain
//! map of pages.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use buffer_pool::{BufferPool, Error, PageReadGuard, PageWriteGuard, Pager};
use kit::sync::Arc;
use proptest::collection::vec;
use proptest::prelude::*;
use slotted_page::PageId;
use testkit::{Failure, check, check_eq};

use crate::frame_support::check_pool;
use crate::pool_support::{
    Io, KIND, Tag, Tap, check_frames, check_page, check_reads, fill, io_error, not_allocated, pool_over,
};

/// A step; numbers choose among the pages there are, or were.
#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Change(usize),
    /// A write guard that only looks.
    Look(usize),
    /// A read guard that is kept.
    Keep(usize),
    /// A write guard that changes the page and is kept.
    KeepChanged(usize),
    /// One of the kept guards goes.
    Drop(usize),
    Allocate,
    Free(usize),
    Flush(usize),
    FlushAll,
    Sync,
    /// The next read, or write, of the page fails.
    Fail(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 0..64_usize;
    let step = prop_oneof![
        6 => n().prop_map(Step::Read),
        6 => n().prop_map(Step::Change),
        2 => n().prop_map(Step::Look),
        2 => n().prop_map(Step::Keep),
        2 => n().prop_map(Step::KeepChanged),
        4 => n().prop_map(Step::Drop),
        2 => Just(Step::Allocate),
        1 => n().prop_map(Step::Free),
        1 => n().prop_map(Step::Flush),
        1 => Just(Step::FlushAll),
        1 => Just(Step::Sync),
        1 => (n(), any::<bool>()).prop_map(|(n, is_read)| Step::Fail(n, is_read)),
    ];
    vec(step, 0..80)
}

/// A guard that the test keeps.
enum Kept<'p> {
    Read(PageReadGuard<'p>),
    Write(PageWriteGuard<'p>),
}

impl Kept<'_> {
    fn id(&self) -> PageId {
        match self {
            Kept::Read(page) => page.id(),
            Kept::Write(page) => page.id(),
        }
    }
}

/// The pool beside the plain map.
struct Both<'p> {
    tap: &'p Arc<Tap>,
    pool: &'p BufferPool,
    pages: BTreeMap<PageId, Tag>,
    /// Pages that were freed and not given out again.
    freed: Vec<PageId>,
    kept: Vec<Kept<'p>>,
    next_tag: Tag,
    /// Calls that failed because the disk did.
    failures: usize,
}

impl<'p> Both<'p> {
    fn page(&self, n: usize) -> PageId {
        let all: Vec<PageId> = self.pages.keys().chain(&self.freed).copied().collect();
        all[n % all.len()]
    }

    fn tag(&mut self) -> Tag {
        self.next_tag += 1;
        self.next_tag
    }

    /// What the call must give; `None` if the disk failed it.
    fn checked<T>(&mut self, what: &str, id: Option<PageId>, result: Result<T, Error>) -> Option<T> {
        let frames = self.pool.frame_count();
        let expected = match id {
            Some(id) if !self.pages.contains_key(&id) => Some(not_allocated(id)),
            _ if self.kept.len() == frames => Some(Error::AllPinned { frames }),
            _ => None,
        };
        match (result, expected) {
            (Ok(value), None) => Some(value),
            (Err(error), None) if error == io_error(ErrorKind::TimedOut) => {
                self.failures += 1;
                None
            }
            // A page that does not exist may also be refused because there is no frame for it.
            (Err(Error::AllPinned { .. }), Some(_)) if self.kept.len() == frames => None,
            (Err(error), Some(expected)) if error == expected => None,
            // The victim that had to make room could not be written.
            (Err(error), Some(_)) if error == io_error(ErrorKind::TimedOut) => None,
            (Ok(_), Some(expected)) => Failure::new(what).found_text("Ok").expected(expected).raise(),
            (Err(error), expected) => {
                let expected = expected.map_or("Ok".to_string(), |expected| format!("{expected:?}"));
                Failure::new(what).found(error).expected_text(expected).raise()
            }
        }
    }

    fn write(&mut self, id: PageId, is_change: bool) -> Option<PageWriteGuard<'p>> {
        testkit::step!("pool.write({id}) // {}", if is_change { "and changes it" } else { "and only looks" });
        let mut page = self.checked(&format!("write of {id}"), Some(id), self.pool.write(id))?;
        check_page(&page, id, self.pages[&id]);
        if is_change {
            let tag = self.tag();
            fill(&mut page, tag);
            self.pages.insert(id, tag);
        }
        Some(page)
    }

    fn read(&mut self, id: PageId) -> Option<PageReadGuard<'p>> {
        testkit::step!("pool.read({id})");
        let page = self.checked(&format!("read of {id}"), Some(id), self.pool.read(id))?;
        check_page(&page, id, self.pages[&id]);
        Some(page)
    }

    fn allocate(&mut self) {
        testkit::step!("pool.allocate(KIND)");
        if let Some(mut page) = self.checked("allocate", None, self.pool.allocate(KIND)) {
            let (id, tag) = (page.id(), self.tag());
            check!(!self.pages.contains_key(&id), "allocate gives {id}, which is in use");
            check_page(&page, id, 0);
            fill(&mut page, tag);
            self.freed.retain(|freed| *freed != id);
            self.pages.insert(id, tag);
        }
    }

    fn free(&mut self, id: PageId) {
        if let Some(page) = self.write(id, false) {
            testkit::step!("pool.free(page) // {id}");
            check_eq!(self.pool.free(page), Ok(()), "free of {id}");
            self.pages.remove(&id);
            self.freed.push(id);
        }
    }

    fn flush(&mut self, what: &str, result: Result<(), Error>) -> bool {
        testkit::step!("pool.{what}");
        let is_sound = result.is_ok() || result == Err(io_error(ErrorKind::TimedOut));
        check!(is_sound, "{what} gives Ok or the disk's error, not {result:?}");
        result.is_ok()
    }

    fn apply(&mut self, step: &Step) {
        let n = match step {
            Step::Read(n) | Step::Change(n) | Step::Look(n) | Step::Keep(n) | Step::KeepChanged(n) => *n,
            Step::Free(n) | Step::Flush(n) | Step::Fail(n, _) | Step::Drop(n) => *n,
            Step::Allocate | Step::FlushAll | Step::Sync => 0,
        };
        let id = self.page(n);
        let is_kept = self.kept.iter().any(|kept| kept.id() == id);
        let has_writer = self.kept.iter().any(|kept| matches!(kept, Kept::Write(_)));
        match step {
            Step::Fail(_, is_read) => {
                self.tap.fail(if *is_read { Io::Read(id) } else { Io::Write(id) }, 1, ErrorKind::TimedOut);
            }
            Step::Drop(_) if !self.kept.is_empty() => {
                let guard = self.kept.swap_remove(n % self.kept.len());
                testkit::step!("drop(the guard of {})", guard.id());
            }
            Step::Allocate => self.allocate(),
            // A thread that holds a page for writing must not wait for its latch.
            Step::FlushAll if !has_writer => drop(self.flush("flush_all()", self.pool.flush_all())),
            Step::Sync if !has_writer => {
                let is_done = self.flush("sync()", self.pool.sync());
                let is_lost =
                    self.pages.iter().find(|(id, tag)| is_done && self.tap.tag_on_disk(**id) != Some(**tag));
                check_eq!(is_lost, None, "a page that is not on the disk right after sync");
            }
            Step::Read(_) | Step::Change(_) | Step::Look(_) if is_kept => {
                let granted = self.pool.try_write(id).map(|page| page.is_some());
                check_eq!(granted, Ok(false), "whether try_write({id}) is granted while a guard lives");
            }
            Step::Read(_) => drop(self.read(id)),
            Step::Change(_) => drop(self.write(id, true)),
            Step::Look(_) => drop(self.write(id, false)),
            Step::Keep(_) if !is_kept => {
                let guard = self.read(id).map(Kept::Read);
                self.kept.extend(guard);
            }
            Step::KeepChanged(_) if !is_kept => {
                let guard = self.write(id, true).map(Kept::Write);
                self.kept.extend(guard);
            }
            Step::Free(_) if !is_kept && self.pages.len() > 1 => self.free(id),
            Step::Flush(_) if !is_kept => {
                let is_flushed = self.flush(&format!("flush({id})"), self.pool.flush(id));
                if let Some(tag) = self.pages.get(&id).filter(|_| is_flushed) {
                    check_eq!(self.tap.tag_on_disk(id), Some(*tag), "{id} on the disk right after its flush");
                }
            }
            _ => {}
        }
        check_pool(self.pool, &self.kept.iter().map(|kept| (kept.id(), 1)).collect());
    }

    /// Lets go of everything, and looks at every page once more.
    fn finish(mut self, frames: usize) {
        self.kept.clear();
        self.tap.forget_faults();
        for (id, tag) in &self.pages {
            check_reads(self.pool, *id, *tag);
        }
        check_eq!(self.pool.sync(), Ok(()), "sync at the end");
        for (id, tag) in &self.pages {
            check_eq!(self.tap.tag_on_disk(*id), Some(*tag), "{id} on the disk at the end");
        }
        check_eq!(self.pool.disk().stats().allocated as usize, self.pages.len(), "allocated pages");
        let some: Vec<PageId> = self.pages.keys().copied().take(frames).collect();
        check_frames(self.pool, &some);
        self.tap.check_whole();
    }
}

/// The pool holds what a plain map of pages holds, whatever is called in whatever order, and however often
/// the disk fails.
#[testkit::test]
fn any_sequence_is_that_of_a_plain_map() {
    testkit::prop::check(250, (1..5_usize, steps()), |(frames, steps)| {
        let (tap, pool, ids) = pool_over(5, frames);
        let pages = ids.iter().copied().zip(1..).collect();
        let (kept, freed) = (Vec::new(), Vec::new());
        let mut both = Both { tap: &tap, pool: &pool, pages, freed, kept, next_tag: 100, failures: 0 };
        for step in &steps {
            both.apply(step);
        }
        both.finish(frames);
    });
}
