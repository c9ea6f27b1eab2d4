//! Asking the caller before a change (tasks 4.2, 4.3 and 4.6). Given.
//!
//! [`BPlusTree::insert_with`] and [`BPlusTree::remove_with`] ask their caller whether the change may be made.
//! They ask when the place of the entry is known and before the first byte changes, and they show the *next*
//! entry: the one that follows the inserted or removed entry in the order of the tree. In lab 5 the caller
//! looks there whether another transaction has locked the gap below the next entry. Only under the latch of
//! the leaf is it certain which entry that is.
//!
//! ```text
//!   insert "elk", next is "fox"           insert "gnu", next is "owl" in the leaf to the right
//!
//!     | cat dog . fox |                     | dog fox . |  ->  | owl yak |
//!       latched for writing                   for writing        for reading
//! ```
//!
//! - A1: while the caller is asked, the leaf that will change is latched for writing, and the leaf of the
//!   next entry at least for reading. Both stay latched until the change is made, so no entry comes or goes
//!   between the changed entry and the next one.
//! - A2: the caller is asked before the first change. If it refuses or panics, nothing is changed and no
//!   latch stays held.
//! - A3: [`BPlusTree::insert`] and [`BPlusTree::remove`] ask nobody, and read no page for the sake of the
//!   question.

use std::ops::Deref;

use buffer_pool::Pager;
use slotted_page::{PageBuf, PageId};

use crate::node::{Entry, NodeRef};
use crate::{BPlusTree, Error};

/// The question to the caller of a change: may it be made, if this is the next entry?
type Question<'c> = dyn FnMut(Option<Entry<'_>>) -> bool + 'c;

/// The caller's closure, or none: then every change is admitted.
pub(crate) struct Admit<'c>(Option<&'c mut Question<'c>>);

impl<'c> Admit<'c> {
    /// Admits every change.
    pub(crate) fn always() -> Self {
        Admit(None)
    }

    /// Asks `question`.
    pub(crate) fn by(question: &'c mut Question<'c>) -> Self {
        Admit(Some(question))
    }

    /// True if the caller is asked, and must see the next entry.
    pub(crate) fn needs_next(&self) -> bool {
        self.0.is_some()
    }

    /// True if the change is admitted. The next entry is entry `next` of `leaf`; if there is none, the first
    /// of `next_leaf`; and without a `next_leaf` there is no next entry.
    ///
    /// # Errors
    /// [`Error::BadNode`].
    pub(crate) fn ask<A, B>(
        &mut self,
        leaf: &NodeRef<A>,
        next: usize,
        next_leaf: Option<&NodeRef<B>>,
    ) -> Result<bool, Error>
    where
        A: Deref<Target = PageBuf>,
        B: Deref<Target = PageBuf>,
    {
        let Some(question) = &mut self.0 else { return Ok(true) };
        let entry = if next < leaf.len() {
            Some(leaf.entry(next)?)
        } else {
            next_leaf.map(|leaf| leaf.entry(0)).transpose()?
        };
        Ok(question(entry))
    }
}
