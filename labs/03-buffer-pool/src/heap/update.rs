//! Changing a record under its record id (task 3.5).
//!
//! ```text
//!   fits at home              home: record
//!   was moved, fits there     home: forward --> body: record          the body is changed in place
//!   fits in neither           home: forward --> elsewhere: record     the old body, if any, is deleted
//! ```

use super::TableHeap;
use super::insert::check_len;
use super::latches::Latches;
use crate::{Error, Pager, RecordId};

impl TableHeap {
    /// Replaces the record `id` by `record`, of any length. The record id stays.
    ///
    /// # Ensures
    /// - If it fits at home, it is there afterwards, also if it had moved; else it stays in the page it moved
    ///   to, if it fits there; else it moves to a page with room, or to a new one. A place it is no longer in
    ///   is free.
    /// - All pages needed are latched before the first change: home by waiting, all others by trying. If
    ///   one cannot be had, everything is let go of and the update starts again (after
    ///   [`kit::sync::thread::yield_now`]).
    ///
    /// # Errors
    /// Nothing is changed: [`Error::RecordTooLong`], then those of finding the record (as for
    /// [`get_with`](Self::get_with)), then the pager's if a page is needed.
    ///
    /// # Cost
    /// One page as a rule; at most three at a time: home, the one it moves to, and the body's, or the first
    /// if a page is put behind the last.
    pub fn update<P: Pager>(&self, pager: &P, id: RecordId, record: &[u8]) -> Result<(), Error> {
        // Nudge: three cases, as in the module's picture; work out which it is before you change a byte.
        // Nudge: a new page can go anywhere in the chain, also behind one you hold.
        todo!("task 3.5: update a record")
    }
}
