//! An index under next-key locks (task 5.5).
//!
//! Called by the table for its indexes. Calls the B+Tree through units of the store, and the lock table.
//!
//! A lock on each row that was read does not stop a new row from appearing among them: a *phantom*. So a
//! serializable reader of a range also locks what it did not find: the gaps between the keys.
//!
//! ```text
//!   a reader of b..=e locks        Gap(b) Key(b)  Gap(d) Key(d)  Gap(g)
//!                              a     b      d        g
//!                          ----|-----|------|--------|---->
//!                                    ^^^^^^^^^^^^^^^^ nobody inserts here until it has ended
//! ```
//!
//! - G1: an entry with key `k` is added or taken out only by a transaction that holds `Key(k)` in IX or X.
//!   A reader that holds `Key(k)` in S knows all entries of `k`, also if there are none.
//! - G2: a key that the index does not have is added only if no other transaction holds the gap that it falls
//!   into. The gap is named by the next key, which is known only under the leaf's latch: it is asked for
//!   there without waiting ([`LockTable::passes`]). If it is held, the latches are let go, the gap is waited
//!   for, and the tree is asked again.
//! - G3: a new key cuts a gap into two. Whoever holds the old one gets the new one too, before the entry is
//!   visible.
//! - G4: when an entry is taken out, two gaps become one. Whoever holds the lower one gets the upper one,
//!   under the leaf's latch and without waiting: an undo must not fail for a lock.
//! - G5: a reader locks what it has read and reads it again, until both readings are equal. What it returns
//!   is what is locked.
//!
//! The gap that an inserter waited for is released when its entry is in: the intention lock, not what the
//! inserter holds of the gap as a reader. It may have become one while it waited (G4). So gaps are held by
//! readers alone, and two transactions that insert into the same gap never wait for each other.
//!
//! Source: Mohan, "ARIES/KVL", VLDB 1990, for next-key locks; Lomet, "Key Range Locking Strategies for
//! Improved Concurrency", VLDB 1993, for gaps apart from keys.

use std::ops::Bound;

use bplus_tree::{BPlusTree, Direction, Entry, Removal};
use buffer_pool::{Pager, RecordId};
use kit::sync::Arc;

use crate::store::{Store, TREE_PAGES, Undo, Unit};
use crate::undo::Op;
use crate::{Error, IndexId, LockMode, LockTable, Locker, Resource, RowLock};

/// An index: a tree with duplicates, and its name in the lock table.
#[derive(Clone)]
pub struct Index {
    id: IndexId,
    tree: Arc<BPlusTree>,
}

/// A key and the record that has it.
pub type OwnedEntry = (Vec<u8>, RecordId);

/// From where on a range is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// From one of its bounds: the lower one forward, the upper one backward.
    Start(Bound<Vec<u8>>),
    /// From just behind an entry.
    After(OwnedEntry),
}

/// Entries that follow each other in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// In the order of the walk.
    pub entries: Vec<OwnedEntry>,
    /// No entry of the range follows.
    pub is_end: bool,
    /// The gap behind the last entry of the range if it is read forward to its end; the gap above the range
    /// if it is read backward from its start.
    fence: Option<Resource>,
}

impl Index {
    /// The index called `id`, whose tree is `tree`, a tree with duplicates.
    pub fn new(id: IndexId, tree: Arc<BPlusTree>) -> Self {
        Index { id, tree }
    }

    /// Its name.
    pub fn id(&self) -> IndexId {
        self.id
    }

    /// Its tree.
    pub fn tree(&self) -> &BPlusTree {
        &self.tree
    }

    /// The name of a key in the lock table.
    pub fn key(&self, key: &[u8]) -> Resource {
        Resource::Key(self.id, key.into())
    }

    /// The gap below the entry `next`, or the end.
    pub fn gap(&self, next: Option<&[u8]>) -> Resource {
        match next {
            Some(key) => Resource::Gap(self.id, key.into()),
            None => Resource::End(self.id),
        }
    }

    /// The record ids of all entries of `key`, in ascending order. Nothing is locked.
    ///
    /// # Errors
    /// Those of the tree.
    pub fn records_of<P: Pager>(&self, pager: &P, key: &[u8]) -> Result<Vec<RecordId>, Error> {
        let bounds = (Bound::Included(key), Bound::Included(key));
        let entries = self.tree.range(pager, bounds, Direction::Forward)?;
        entries.map(|entry| Ok(entry?.1)).collect()
    }

    /// Adds an entry, in one unit whose undo takes it out again. False if the index has exactly this entry.
    ///
    /// # Requires
    /// The transaction holds the table in IX, and `Key(key)` in IX or X (G1).
    ///
    /// # Ensures
    /// G2 and G3. No latch is held and no unit is open while a lock is waited for. After the call the
    /// transaction holds no gap that it did not hold before, except for those that it inherited (G3, G4).
    ///
    /// # Errors
    /// The index is as before: those of [`Locker::lock`], of the tree and of the store.
    pub fn add<S: Store>(
        &self,
        store: &S,
        locker: &Locker,
        key: &[u8],
        row: RecordId,
    ) -> Result<bool, Error> {
        //# task 5.5 add an entry to an index
        //+ // Nudge: what may `admit` of `insert_with` do, and what not? See G2.
        //+ // Nudge: between the wait for the gap and the next attempt, another key may have come into it.
        //+ // Nudge: `LockTable::release_intention` gives the gap back, also if a lock on it was inherited.
        let locks = locker.table();
        let op = Op::EntryAdded { index: self.id, tree: self.tree.id(), key, row }.encode();
        let mut waited: Option<Waited> = None;
        loop {
            let mut busy = None;
            let unit = store.unit(locker.txn(), TREE_PAGES)?;
            let added = unit.run(|pager| {
                self.tree.insert_with(pager, key, row, |next| {
                    busy = None;
                    if next.is_some_and(|next| next.key == key) {
                        return true;
                    }
                    let gap = self.gap(next.map(|next| next.key));
                    if locks.passes(locker.txn(), &gap, LockMode::IX) {
                        locks.inherit(&gap, &self.gap(Some(key)));
                        return true;
                    }
                    busy = Some(gap);
                    false
                })
            });
            match added {
                Ok(true) => {
                    unit.end(Undo::Op(&op))?;
                    return Ok(true);
                }
                Ok(false) => drop(unit),
                Err(bplus_tree::Error::DuplicateKey { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            drop(waited.take());
            let gap = busy.expect("the tree was refused because of a gap");
            locker.lock(&gap, LockMode::IX)?;
            waited = Some(Waited { locker, gap });
        }
        //# end
    }

    /// Takes an entry out, if it is there.
    ///
    /// # Requires
    /// The transaction that added it is being undone, or the one that made it needless has committed and
    /// holds `Key(key)` still.
    ///
    /// # Ensures
    /// G4. It waits for no lock.
    ///
    /// # Errors
    /// Those of [`BPlusTree::remove`].
    pub fn take_out<P: Pager>(
        &self,
        pager: &P,
        locks: &LockTable,
        key: &[u8],
        row: RecordId,
    ) -> Result<(), Error> {
        //# task 5.5 take an entry out of an index
        let removal = self.tree.remove_with(pager, key, row, |next| {
            if next.is_none_or(|next| next.key != key) {
                locks.inherit(&self.gap(Some(key)), &self.gap(next.map(|next| next.key)));
            }
            true
        })?;
        debug_assert!(removal != Removal::Refused);
        Ok(())
        //# end
    }

    /// Locks `key` for a read, if the level asks for that, and returns the record ids of all its entries.
    ///
    /// # Ensures
    /// At serializable no entry of `key` comes or goes until the transaction ends, and nothing else is
    /// locked.
    ///
    /// # Errors
    /// Those of [`Locker::lock`] and of the tree.
    pub fn find<S: Store>(
        &self,
        store: &S,
        locker: &Locker,
        key: &[u8],
        strength: RowLock,
    ) -> Result<Vec<RecordId>, Error> {
        //# task 5.5 look up a key
        if locker.isolation().locks_ranges() {
            locker.lock(&self.key(key), strength.mode())?;
        }
        self.records_of(store.reader(), key)
        //# end
    }

    /// Reads the next entries of a range, at most `at_most` and at least one unless the range has no more,
    /// and locks them and the gaps between them if the level asks for that.
    ///
    /// # Ensures
    /// At serializable G5: until the transaction ends, no entry comes or goes in the part of the range that
    /// was read. Nothing beyond the next key behind the range is locked. At a weaker level no key and no gap
    /// is locked.
    ///
    /// # Errors
    /// Those of [`Locker::lock`] and of the tree. What was locked stays locked.
    pub fn read_range<S: Store>(
        &self,
        store: &S,
        locker: &Locker,
        range: (&Place, Bound<&[u8]>, Direction),
        at_most: usize,
        strength: RowLock,
    ) -> Result<Stretch, Error> {
        //# task 5.5 read a part of a range under locks
        //+ // Nudge: `stretch` reads without locks. Lock what it found, then see whether it is still true.
        let mut stretch = self.stretch(store.reader(), range, at_most)?;
        if !locker.isolation().locks_ranges() {
            return Ok(stretch);
        }
        loop {
            let mode = strength.mode();
            let mut last: Option<&[u8]> = None;
            for (key, _) in &stretch.entries {
                if last != Some(key) {
                    locker.lock(&self.gap(Some(key)), mode)?;
                    locker.lock(&self.key(key), mode)?;
                }
                last = Some(key);
            }
            if let Some(fence) = &stretch.fence {
                locker.lock(fence, mode)?;
            }
            let again = self.stretch(store.reader(), range, at_most)?;
            if again == stretch {
                return Ok(stretch);
            }
            stretch = again;
        }
        //# end
    }

    /// Reads the next entries of a range, without locks. Given.
    fn stretch<P: Pager>(
        &self,
        pager: &P,
        (from, to, direction): (&Place, Bound<&[u8]>, Direction),
        at_most: usize,
    ) -> Result<Stretch, Error> {
        let mut stretch = Stretch { entries: Vec::new(), is_end: true, fence: None };
        if direction == Direction::Backward
            && let Place::Start(start) = from
        {
            let above = match start {
                Bound::Included(key) => Bound::Excluded(key.as_slice()),
                Bound::Excluded(key) => Bound::Included(key.as_slice()),
                Bound::Unbounded => Bound::Unbounded,
            };
            let next = match start {
                Bound::Unbounded => None,
                _ => self
                    .tree
                    .range(pager, (above, Bound::Unbounded), Direction::Forward)?
                    .next()
                    .transpose()?,
            };
            stretch.fence = Some(self.gap(next.as_ref().map(|(key, _)| key.as_slice())));
        }
        let far_end = Bound::Unbounded;
        let walk = match (from, direction) {
            (Place::After((key, record)), _) => {
                self.tree.range_after(pager, Entry { key, record: *record }, far_end, direction)?
            }
            (Place::Start(low), Direction::Forward) => {
                self.tree.range(pager, (as_slice(low), far_end), direction)?
            }
            (Place::Start(high), Direction::Backward) => {
                self.tree.range(pager, (far_end, as_slice(high)), direction)?
            }
        };
        let mut beyond = None;
        for entry in walk {
            let (key, record) = entry?;
            if !is_within(&key, to, direction) {
                beyond = Some(key);
                break;
            }
            if stretch.entries.len() == at_most {
                stretch.is_end = false;
                break;
            }
            stretch.entries.push((key, record));
        }
        if stretch.is_end && direction == Direction::Forward {
            stretch.fence = Some(self.gap(beyond.as_deref()));
        }
        Ok(stretch)
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// True if `key` is not beyond the bound `to` of a walk.
fn is_within(key: &[u8], to: Bound<&[u8]>, direction: Direction) -> bool {
    match (to, direction) {
        (Bound::Unbounded, _) => true,
        (Bound::Included(to), Direction::Forward) => key <= to,
        (Bound::Excluded(to), Direction::Forward) => key < to,
        (Bound::Included(to), Direction::Backward) => key >= to,
        (Bound::Excluded(to), Direction::Backward) => key > to,
    }
}

//# hide
/// A gap that an inserter waited for, released when its entry is in.
struct Waited<'a> {
    locker: &'a Locker,
    gap: Resource,
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        self.locker.table().release_intention(self.locker.txn(), &self.gap);
    }
}
//# end
