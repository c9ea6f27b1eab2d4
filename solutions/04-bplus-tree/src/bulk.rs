//! Building a tree from entries that are sorted already (task 4.5).
//!
//! Called through [`BPlusTree::bulk_load`]. Entries that come one by one in order fill the leaves from left
//! to right, and never touch a leaf again: so no search is needed, no split, and each node is written once.
//! Of each level only the right end is unfinished:
//!
//! ```text
//!   level 1     [node]----------------------- ... (unfinished)
//!                 |         |         |
//!   level 0     [leaf]-[leaf]- ... -[leaf]-  (unfinished)
//!
//!   input       a b c d e f g ... o p q r s t u v   w x y z ...
//!                                                   ^ next
//! ```
//!
//! A leaf names the leaf to its right. So that page is allocated before the leaf can be written and released.
//!
//# hide
//! What is *pending* of a level has not been given a page: one node that is full (closed), and one that takes
//! the next entries (open). When the open one is full too, the closed one is written and named to the level
//! above. The last two nodes of a level wait for the end of the input, when they can share what is left:
//!
//! ```text
//!   level 1     [ written ]--------------+   pending: page 5, page 8
//!                 |         |            |
//!   level 0     [leaf]-[leaf]- ... -[leaf 8]-[leaf 9: empty]   pending: s t | u v
//!                                                              closed ^     ^ open
//! ```
//!
//# end
//! Invariants:
//!
//! - F1: what is kept in memory of a level is at most two nodes, and at most three pages are latched,
//!   whatever the size of the tree: the root, the next leaf and the node that is being written. (Also the
//!   number of each page, because the pages are freed if the input turns out to be bad.)
//! - F2: a page is latched from when it is allocated until it is filled, and not touched again. So it is
//!   written to disk once.
//! - F3: a node is filled up to `fill_percent` of [`CAPACITY`], so that one entry more would be too much,
//!   except the last two of a level. These two use at least a fifth of [`CAPACITY`] each, or are one node. An
//!   internal node has two children at least.
//!
//! Why not fill each node to the brim? A tree that gets new entries afterwards would split a full leaf at
//! each of the first inserts. A tree that is only read is best filled to 100 %.
//!
//! Source: Graefe, "Modern B-tree techniques" (2011), section 5.5; Rosenberg and Snyder, "Time- and
//! space-optimality in B-trees" (1981), for trees that are as full as can be.

use buffer_pool::{Pager, RecordId};
use slotted_page::slotted::SLOT_SIZE;
use slotted_page::{PageId, header};

use crate::node::{CAPACITY, CHILD_LEN, Entry, LOW_WATER, NodeRef, kind_of};
use crate::{BPlusTree, Error, KeyMode, MAX_KEY_LEN};

/// A new tree of `entries`, see [`BPlusTree::bulk_load`]; F1 to F3 hold.
pub(crate) fn load<P: Pager, K: AsRef<[u8]>>(
    pager: &P,
    mode: KeyMode,
    fill_percent: u8,
    entries: impl IntoIterator<Item = (K, RecordId)>,
) -> Result<BPlusTree, Error> {
    //# task 4.5 build a tree
    //+ // Nudge: every node names the root's page, and the root is the node that is known last.
    //+ // `BPlusTree::at` makes the tree when its root page is filled.
    if !(50..=100).contains(&fill_percent) {
        return Err(Error::BadFillFactor { percent: fill_percent });
    }
    let mut loader = Loader::new(pager, mode, fill_percent)?;
    loader.push_all(entries)?;
    loader.finish()?;
    Ok(BPlusTree::at(loader.root, mode))
    //# end
}

//# hide
/// A tree in the making.
struct Loader<'p, P: Pager> {
    pager: &'p P,
    mode: KeyMode,
    /// Most bytes of a node that is closed.
    target: usize,
    /// The root's number, which each node names.
    root: PageId,
    /// The root, latched until it is known what goes into it.
    root_page: Option<P::Write<'p>>,
    /// The leaf that is written next, latched and empty: `None` before the first is written.
    next_leaf: Option<P::Write<'p>>,
    /// The leaf that was written last.
    previous: PageId,
    /// Every page but the root.
    pages: Vec<PageId>,
    /// What is pending of each level, leaves first.
    levels: Vec<Pending>,
    /// Whether the tree is complete. If not, the loader frees its pages when it is dropped: after an error,
    /// and also if the input panics.
    is_finished: bool,
}

/// Entries of a level that have no page yet, as they will lie in a node ([`NodeRef::raw`]).
struct Pending {
    /// Bytes before the record id in an entry: 0 or [`CHILD_LEN`].
    head: usize,
    bytes: Vec<u8>,
    /// Where each entry ends in `bytes`.
    ends: Vec<usize>,
    /// Entries of the closed node, the first ones; 0 if there is none.
    closed: usize,
    /// Whether a node of the level has been written.
    has_written: bool,
}

impl Pending {
    fn new(level: usize) -> Self {
        let head = if level == 0 { 0 } else { CHILD_LEN };
        Pending { head, bytes: Vec::new(), ends: Vec::new(), closed: 0, has_written: false }
    }

    /// Number of entries.
    fn len(&self) -> usize {
        self.ends.len()
    }

    /// Entry `index` as it will lie in a node.
    fn raw(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index]]
    }

    /// Key and record id of entry `index`.
    fn entry(&self, index: usize) -> Entry<'_> {
        let (record, key) = self.raw(index)[self.head..].split_first_chunk().expect("push wrote a record id");
        Entry { key, record: RecordId::from_bytes(*record) }
    }

    /// The child of entry `index`; [`PageId::NONE`] in a leaf.
    fn child(&self, index: usize) -> PageId {
        if self.head == 0 { PageId::NONE } else { PageId(header::get_u32(self.raw(index), 0)) }
    }

    /// Bytes that a node of the entries from `first` up to `end` (not included) uses. An internal node has no
    /// use for the key of its first separator.
    fn size(&self, first: usize, end: usize) -> usize {
        if first == end {
            return 0;
        }
        let unused = if self.head == 0 { 0 } else { self.entry(first).key.len() };
        self.ends[end - 1] - self.start(first) + (end - first) * SLOT_SIZE - unused
    }

    /// True if the open node has no room for one entry more with a key of `key_len` bytes, when it may use
    /// `target` bytes.
    fn is_full(&self, key_len: usize, target: usize) -> bool {
        let added = SLOT_SIZE + self.head + RecordId::LEN + key_len;
        self.len() > self.closed && self.size(self.closed, self.len()) + added > target
    }

    /// Adds an entry to the open node.
    fn push(&mut self, child: PageId, entry: Entry<'_>) {
        if self.head > 0 {
            self.bytes.extend_from_slice(&child.0.to_le_bytes());
        }
        self.bytes.extend_from_slice(&entry.record.to_bytes());
        self.bytes.extend_from_slice(entry.key);
        self.ends.push(self.bytes.len());
    }

    /// Closes the open node; the next entry opens another.
    fn close(&mut self) {
        self.closed = self.len();
    }

    /// Takes the first `count` entries out.
    fn remove(&mut self, count: usize) {
        let start = self.start(count);
        self.bytes.drain(..start);
        self.ends.drain(..count);
        self.ends.iter_mut().for_each(|end| *end -= start);
        self.closed = self.closed.saturating_sub(count);
    }

    /// Offset of the first byte of entry `index` in `bytes`; the end for one past the last.
    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] }
    }
}

impl<'p, P: Pager> Loader<'p, P> {
    /// Starts with the root, which is allocated first, since every node names it.
    fn new(pager: &'p P, mode: KeyMode, fill_percent: u8) -> Result<Self, Error> {
        let root_page = pager.allocate(kind_of(0))?;
        let root = header::id(&root_page);
        Ok(Loader {
            pager,
            mode,
            target: CAPACITY * usize::from(fill_percent) / 100,
            root,
            root_page: Some(root_page),
            next_leaf: None,
            previous: PageId::NONE,
            pages: Vec::new(),
            levels: vec![Pending::new(0)],
            is_finished: false,
        })
    }

    /// Takes in the whole input, an entry at a time.
    ///
    /// # Errors
    /// [`Error::KeyTooLong`], [`Error::NotSorted`] at the first entry that is not above the one before it;
    /// those of [`push`](Self::push).
    fn push_all<K: AsRef<[u8]>>(
        &mut self,
        entries: impl IntoIterator<Item = (K, RecordId)>,
    ) -> Result<(), Error> {
        for (index, (key, record)) in entries.into_iter().enumerate() {
            let key = key.as_ref();
            if key.len() > MAX_KEY_LEN {
                return Err(Error::KeyTooLong { len: key.len(), max: MAX_KEY_LEN });
            }
            let leaf = &self.levels[0];
            if let Some(last) = leaf.len().checked_sub(1).map(|last| leaf.entry(last)) {
                let is_above = match self.mode {
                    KeyMode::Unique => key > last.key,
                    KeyMode::Duplicates => (key, record) > (last.key, last.record),
                };
                if !is_above {
                    return Err(Error::NotSorted { index });
                }
            }
            self.push(0, PageId::NONE, Entry { key, record })?;
        }
        Ok(())
    }

    /// Adds an entry to what is pending of `level`; a level that is not there yet comes into being. If the
    /// open node is full, the closed one is written.
    ///
    /// # Errors
    /// Those of [`Pager::allocate`].
    fn push(&mut self, level: usize, child: PageId, entry: Entry<'_>) -> Result<(), Error> {
        if level == self.levels.len() {
            self.levels.push(Pending::new(level));
        }
        if self.levels[level].is_full(entry.key.len(), self.target) {
            if self.levels[level].closed > 0 {
                self.write(level, self.levels[level].closed, false)?;
            }
            self.levels[level].close();
        }
        self.levels[level].push(child, entry);
        Ok(())
    }

    /// Writes the first `count` pending entries of `level` as a node of their own, and names it to the level
    /// above. `is_last` says that it is the last node of its level.
    ///
    /// # Ensures
    /// F2; a leaf is linked to the one before it and, unless it is the last, to the one after it.
    ///
    /// # Errors
    /// Those of [`Pager::allocate`].
    fn write(&mut self, level: usize, count: usize, is_last: bool) -> Result<(), Error> {
        let page = match self.next_leaf.take_if(|_| level == 0) {
            Some(page) => page,
            None => self.allocate(level)?,
        };
        let id = header::id(&page);
        let mut node = NodeRef::init(page, self.root, level as u16, self.mode);
        if level == 0 {
            node.set_previous(self.previous);
            self.previous = id;
            if !is_last {
                let next = self.allocate(0)?;
                node.set_next(header::id(&next));
                self.next_leaf = Some(next);
            }
        }
        let first = self.levels[level].entry(0);
        let record = if self.mode == KeyMode::Unique { RecordId::MIN } else { first.record };
        let key = first.key.to_vec();
        self.fill(node, level, count)?;
        self.levels[level].has_written = true;
        self.push(level + 1, id, Entry { key: &key, record })
    }

    /// Writes all that is pending, from the leaves up to the root.
    ///
    /// # Ensures
    /// F3: if the last node of a level would be too small, it shares the entries of the one before it evenly,
    /// or becomes one with it. An internal node is never left with a single child.
    ///
    /// # Errors
    /// Those of [`Pager::allocate`].
    fn finish(&mut self) -> Result<(), Error> {
        let mut level = 0;
        loop {
            let pending = &self.levels[level];
            let (all, first) = (pending.len(), first_of_last_two(pending));
            if first == all && !pending.has_written {
                let page = self.root_page.take().expect("the root is filled once");
                let node = NodeRef::init(page, self.root, level as u16, self.mode);
                self.fill(node, level, all)?;
                self.is_finished = true;
                return Ok(());
            }
            self.write(level, first, first == all)?;
            if first < all {
                self.write(level, all - first, true)?;
            }
            level += 1;
        }
    }

    /// Moves the first `count` pending entries of `level` into `node`, and lets go of it.
    fn fill(&mut self, mut node: NodeRef<P::Write<'p>>, level: usize, count: usize) -> Result<(), Error> {
        let pending = &mut self.levels[level];
        for index in 0..count {
            if level > 0 && index == 0 {
                node.insert(0, pending.child(0), Entry::EMPTY)?;
            } else {
                node.insert_raw(index, pending.raw(index))?;
            }
        }
        pending.remove(count);
        Ok(())
    }

    /// A new page for a node of `level`.
    fn allocate(&mut self, level: usize) -> Result<P::Write<'p>, Error> {
        let page = self.pager.allocate(kind_of(level as u16))?;
        self.pages.push(header::id(&page));
        Ok(page)
    }

    /// Frees every page. What fails meanwhile is passed over: the caller has an error already.
    fn give_up(&mut self) {
        self.pages.push(self.root);
        // These two are latched still, and no nodes yet: a pool that wrote them and read them again would
        // refuse them.
        for page in [self.root_page.take(), self.next_leaf.take()].into_iter().flatten() {
            self.pages.retain(|id| *id != header::id(&page));
            let _ = self.pager.free(page);
        }
        while let Some(id) = self.pages.pop() {
            let _ = self.pager.write(id).and_then(|page| self.pager.free(page));
        }
    }
}

impl<P: Pager> Drop for Loader<'_, P> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.give_up();
        }
    }
}

/// How many of the pending entries go into the first of the last two nodes of a level; all of them if one
/// node is enough.
fn first_of_last_two(pending: &Pending) -> usize {
    let all = pending.len();
    let total = pending.size(0, all);
    // An internal node needs two children: three cannot be shared.
    let least = if pending.head == 0 { 1 } else { 2 };
    if pending.closed == 0 || all < 2 * least {
        return all;
    }
    if pending.size(pending.closed, all) >= LOW_WATER {
        return pending.closed;
    }
    if total < 2 * LOW_WATER {
        return all;
    }
    // The most even cut. The key that goes up from internal nodes may be long: then one node is enough.
    let smaller = |first: &usize| pending.size(0, *first).min(pending.size(*first, all));
    let first = (least..=all - least).max_by_key(smaller).expect("there are two nodes");
    if 5 * smaller(&first) < CAPACITY { all } else { first }
}
//# end
