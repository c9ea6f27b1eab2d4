//! The layout of a node, and the search in it (task 4.1).
//!
//! A node is a slotted page used in order: slot `i` is the `i`-th smallest entry. A [`NodeRef`] is a view, as
//! [`SlottedPage`] is: the bytes belong to the pager, and the view keeps the guard that leads to them. The
//! tree and its iterators see pages only through it.
//!
//! ```text
//!   internal, level 1       | page 7 | page 9, "dog" | page 4, "owl" |
//!                             /            |                \
//!                     < "dog"     "dog" <= .. < "owl"        >= "owl"
//!                       /                  |                    \
//!   leaf, level 0   | ant | cat |  <->  | dog | fox |  <->  | owl | yak |
//! ```
//!
//! The kind is [`PageKind::BTREE_LEAF`] or [`PageKind::BTREE_INTERNAL`]. The owner's bytes of the page
//! (numbers little-endian):
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 0 | 4 | previous | leaf: the leaf to the left, 0 for none; internal: 0 |
//! | 4 | 4 | next | leaf: the leaf to the right, 0 for none; internal: 0 |
//! | 8 | 4 | tree | the root page, which names the tree and never changes |
//! | 12 | 2 | level | 0 for a leaf, one more for each level up |
//! | 14 | 2 | mode | 0 unique, 1 duplicates |
//!
//! An entry, `head` being 0 in a leaf and 4 in an internal node:
//!
//! ```text
//!   0        head                 head + 6
//!   +--------+--------------------+------------------------+
//!   | child  |     record id      |  key, up to 998 bytes  |
//!   +--------+--------------------+------------------------+
//!    little-    big-endian, as        as it was given
//!    endian     RecordId::to_bytes
//! ```
//!
//! Record id and key of an internal entry are its *separator*: everything in the child and right of it is at
//! or above the separator, everything to the left is below. The first entry's separator is empty (record id
//! zero, no key) and stands for "below everything", whatever it would compare as.
//!
//! Invariants of a node:
//!
//! - N1: entries rise, strictly, by key (bytes as numbers), then by record id. In a unique tree keys alone
//!   rise strictly, and separators have record id zero.
//! - N2: a leaf has an entry, unless it is the root; an internal node has two children, or one where D3 in
//!   `delete.rs` says so.
//! - N3: the first separator of an internal node is empty.
//! - N4: no slot is free, and no key is longer than [`MAX_KEY_LEN`].
//!
//! Left out: separators are whole keys, though the first bytes that tell two neighbours apart would do
//! (suffix truncation), and keys of a node that begin alike repeat the common bytes (prefix compression).
//! Both make the fanout larger for long keys, and every comparison and split harder to follow.
//!
//! Source: Bayer and McCreight, "Organization and maintenance of large ordered indices" (1972); Comer, "The
//! ubiquitous B-tree" (1979), section 3 for leaves in a row; Graefe, "Modern B-tree techniques" (2011),
//! section 3 for the layout.

use std::cmp::Ordering;
use std::ops::{Deref, DerefMut};

use buffer_pool::RecordId;
use slotted_page::header::{self, get_u16, get_u32, put_u16, put_u32};
use slotted_page::slotted::{OWNER_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT};
use slotted_page::{Corruption, PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage};

use crate::{Error, KeyMode, MAX_KEY_LEN, NodeDamage};

const PREVIOUS_AT: usize = OWNER_AT;
const NEXT_AT: usize = PREVIOUS_AT + 4;
const TREE_AT: usize = NEXT_AT + 4;
const LEVEL_AT: usize = TREE_AT + 4;
const MODE_AT: usize = LEVEL_AT + 2;

/// Bytes of a child in front of an internal entry.
pub const CHILD_LEN: usize = 4;
/// Bytes of a node for entries and their slots.
pub const CAPACITY: usize = PAGE_SIZE - SLOTS_AT;
/// Most bytes that one entry takes, its slot included: a quarter of [`CAPACITY`].
pub const MAX_ENTRY_SIZE: usize = SLOT_SIZE + CHILD_LEN + RecordId::LEN + MAX_KEY_LEN;
/// A node that uses fewer bytes is merged with a sibling, or takes entries from it. A third and not a half,
/// so that a delete right after a split does not undo it.
pub const LOW_WATER: usize = CAPACITY / 3;

/// What entries are ordered by: an entry of a leaf is nothing else, an internal entry has it as separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'n> {
    /// The key.
    pub key: &'n [u8],
    /// The record it stands for; in a separator, where the child begins among equal keys.
    pub record: RecordId,
}

impl Entry<'_> {
    /// The separator of a first child.
    pub const EMPTY: Entry<'static> = Entry { key: &[], record: RecordId::MIN };
}

/// A view of a node. `B` leads to the bytes: a guard of the pager, or a plain reference.
pub struct NodeRef<B> {
    page: SlottedPage<B>,
    /// Bytes before the record id in an entry: 0 or [`CHILD_LEN`].
    head: usize,
}

impl<B: Deref<Target = PageBuf>> NodeRef<B> {
    /// Takes `page` for a node of the tree `tree`, at level `level` if that is known.
    ///
    /// # Requires
    /// The bytes are a sound slotted page, if their kind is one of a node: the pool has seen to that when it
    /// read them.
    ///
    /// # Errors
    /// [`Error::BadNode`]: [`NodeDamage::OtherTree`], [`NodeDamage::BadLevel`], [`NodeDamage::NoChild`]; and
    /// what [`slotted_page::Corruption::WrongKind`] is for, if it is no node at all.
    ///
    /// # Cost
    /// O(1).
    pub fn open(page: B, tree: PageId, level: Option<u16>) -> Result<Self, Error> {
        let kind = header::kind(&page);
        if kind != PageKind::BTREE_LEAF && kind != PageKind::BTREE_INTERNAL {
            let expected = kind_of(level.unwrap_or(0));
            return Err(slotted_page::Error::from(Corruption::WrongKind { expected, found: kind }).into());
        }
        let head = if kind == PageKind::BTREE_LEAF { 0 } else { CHILD_LEN };
        let node = NodeRef { page: SlottedPage::assume_valid(page), head };
        let found = node.level();
        let expected = level.unwrap_or(if node.is_leaf() { 0 } else { found.max(1) });
        if node.tree() != tree {
            Err(node.damaged(NodeDamage::OtherTree { found: node.tree() }))
        } else if found != expected || node.is_leaf() != (found == 0) {
            Err(node.damaged(NodeDamage::BadLevel { expected, found }))
        } else if !node.is_leaf() && node.is_empty() {
            Err(node.damaged(NodeDamage::NoChild))
        } else {
            Ok(node)
        }
    }

    /// Gives the guard back.
    pub fn into_inner(self) -> B {
        self.page.into_inner()
    }

    /// The page's number.
    #[inline]
    pub fn id(&self) -> PageId {
        self.page.id()
    }

    /// True for a leaf.
    #[inline]
    pub fn is_leaf(&self) -> bool {
        self.head == 0
    }

    /// The leaf to the left, or [`PageId::NONE`].
    #[inline]
    pub fn previous(&self) -> PageId {
        PageId(get_u32(self.bytes(), PREVIOUS_AT))
    }

    /// The leaf to the right, or [`PageId::NONE`].
    #[inline]
    pub fn next(&self) -> PageId {
        PageId(get_u32(self.bytes(), NEXT_AT))
    }

    /// The root page of the tree that the node says it belongs to.
    #[inline]
    pub fn tree(&self) -> PageId {
        PageId(get_u32(self.bytes(), TREE_AT))
    }

    /// Levels below the node.
    #[inline]
    pub fn level(&self) -> u16 {
        get_u16(self.bytes(), LEVEL_AT)
    }

    /// Whether the tree is unique. Any mode but 0 is taken for duplicates.
    #[inline]
    pub fn mode(&self) -> KeyMode {
        if get_u16(self.bytes(), MODE_AT) == 0 { KeyMode::Unique } else { KeyMode::Duplicates }
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        get_u16(self.bytes(), SLOT_COUNT_AT) as usize
    }

    /// True if there is no entry.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that entries and their slots take, of [`CAPACITY`].
    #[inline]
    pub fn used_bytes(&self) -> usize {
        CAPACITY - self.page.free_bytes()
    }

    /// Bytes left for entries and their slots.
    #[inline]
    pub fn free_bytes(&self) -> usize {
        self.page.free_bytes()
    }

    /// Entry `index` as it lies in the page.
    ///
    /// # Errors
    /// [`NodeDamage::ShortEntry`], [`NodeDamage::LongEntry`]. An index at or past [`len`](Self::len) is a
    /// mistake of the caller, and counts as an entry of no bytes.
    #[inline]
    pub fn raw(&self, index: usize) -> Result<&[u8], Error> {
        match self.page.get(SlotId(index as u16)) {
            Some(raw) if raw.len() < self.head + RecordId::LEN => Err(self.short(index, raw.len())),
            Some(raw) if raw.len() > MAX_ENTRY_SIZE - SLOT_SIZE => {
                Err(self.damaged(NodeDamage::LongEntry { index, len: raw.len() }))
            }
            Some(raw) => Ok(raw),
            None => Err(self.short(index, 0)),
        }
    }

    /// Key and record id of entry `index`: of an internal node, its separator.
    ///
    /// # Errors
    /// As [`raw`](Self::raw).
    #[inline]
    pub fn entry(&self, index: usize) -> Result<Entry<'_>, Error> {
        let raw = &self.raw(index)?[self.head..];
        let (record, key) = raw.split_first_chunk().ok_or_else(|| self.short(index, raw.len()))?;
        Ok(Entry { key, record: RecordId::from_bytes(*record) })
    }

    /// The child of entry `index` of an internal node.
    ///
    /// # Errors
    /// As [`raw`](Self::raw).
    #[inline]
    pub fn child(&self, index: usize) -> Result<PageId, Error> {
        debug_assert!(!self.is_leaf(), "a leaf has no child");
        Ok(PageId(get_u32(self.raw(index)?, 0)))
    }

    /// Bytes that entry `index` takes, its slot included.
    ///
    /// # Errors
    /// As [`raw`](Self::raw).
    pub fn entry_size(&self, index: usize) -> Result<usize, Error> {
        Ok(self.raw(index)?.len() + SLOT_SIZE)
    }

    /// Bytes that an entry with this key would take here, its slot included.
    pub fn size_for(&self, key: &[u8]) -> usize {
        SLOT_SIZE + self.head + RecordId::LEN + key.len()
    }

    /// Number of entries below (`key`, `record`): where it is, or would be put.
    ///
    /// # Requires
    /// A leaf, with its entries in order (N1). Else the answer is of no use, but there is no panic.
    ///
    /// # Errors
    /// [`NodeDamage::ShortEntry`] for an entry that was looked at.
    ///
    /// # Cost
    /// O(log len) comparisons, no allocation. A binary search needs `log2(len) + 1`; the reference makes half
    /// as many again, but three at a time that do not wait for each other: most of the time is waiting for
    /// memory.
    #[inline]
    pub fn lower_bound(&self, key: &[u8], record: RecordId) -> Result<usize, Error> {
        //# task 4.1 find an entry's place in a leaf
        self.partition(0, key, record, false)
        //# end
    }

    /// Number of entries at or below (`key`, `record`).
    ///
    /// # Requires, Errors, Cost
    /// As [`lower_bound`](Self::lower_bound).
    #[inline]
    pub fn upper_bound(&self, key: &[u8], record: RecordId) -> Result<usize, Error> {
        //# task 4.1 count the entries of a leaf up to a bound
        self.partition(0, key, record, true)
        //# end
    }

    /// Index of the child in whose range (`key`, `record`) lies.
    ///
    /// # Requires
    /// An internal node, with its separators in order (N1). Else the answer is of no use, but there is no
    /// panic.
    ///
    /// # Ensures
    /// The last entry whose separator is at or below (`key`, `record`), and 0 if there is none: the first
    /// separator is not compared (N3).
    ///
    /// # Errors
    /// [`NodeDamage::ShortEntry`] for an entry that was looked at.
    ///
    /// # Cost
    /// O(log len) comparisons, no allocation.
    #[inline]
    pub fn child_index(&self, key: &[u8], record: RecordId) -> Result<usize, Error> {
        //# task 4.1 choose the child to go to
        //+ // Nudge: what is equal to a separator lies on which side of it?
        Ok(self.partition(1, key, record, true)? - 1)
        //# end
    }

    //# hide
    /// Number of entries below (`key`, `record`), or at it too if `or_equal`. The first `known` are taken to
    /// be.
    ///
    /// Looks at three entries at a time, which cut what is left into four parts: their bytes are fetched
    /// together, where a binary search would wait for each before it knows the next.
    #[inline]
    fn partition(&self, known: usize, key: &[u8], record: RecordId, or_equal: bool) -> Result<usize, Error> {
        let bytes = self.bytes();
        let target = Target { prefix: prefix(key), key, record, or_equal };
        let check = |index| match is_below(bytes, index, self.head, &target) {
            Some(is_below) => Ok(usize::from(is_below)),
            None => Err(self.short_at(index)),
        };
        // All entries before `low` belong, and none from `low + left` on.
        let (mut low, mut left) = (known, self.len().saturating_sub(known));
        while left >= 4 {
            let part = left / 4;
            let parts = check(low + part - 1)? + check(low + 2 * part - 1)? + check(low + 3 * part - 1)?;
            low += parts * part;
            left = if parts == 3 { left - 3 * part } else { part - 1 };
        }
        let mut last = 0;
        for index in low..low + left {
            last += check(index)?;
        }
        Ok(low + last)
    }
    //# end

    /// The error for this node.
    #[cold]
    pub(crate) fn damaged(&self, what: NodeDamage) -> Error {
        Error::BadNode { page: self.id(), what }
    }

    #[cold]
    fn short(&self, index: usize, len: usize) -> Error {
        self.damaged(NodeDamage::ShortEntry { index, len })
    }

    //# hide
    /// The error for an entry that a search stumbled over.
    #[cold]
    fn short_at(&self, index: usize) -> Error {
        let len = self.page.get(SlotId(index as u16)).map_or(0, <[u8]>::len);
        self.short(index, len)
    }
    //# end

    /// The page's bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> &PageBuf {
        self.page.bytes()
    }
}

impl<B: DerefMut<Target = PageBuf>> NodeRef<B> {
    /// Makes `page` an empty node of level `level`, whatever was in it. Its number stays, and its LSN, which
    /// must never go back while the page is in use.
    pub fn init(page: B, tree: PageId, level: u16, mode: KeyMode) -> Self {
        let (id, lsn) = (header::id(&page), header::lsn(&page));
        let mut page = SlottedPage::init(page, id, kind_of(level));
        page.set_lsn(lsn);
        let owner = page.owner_mut();
        put_u32(owner, TREE_AT - OWNER_AT, tree.0);
        put_u16(owner, LEVEL_AT - OWNER_AT, level);
        put_u16(owner, MODE_AT - OWNER_AT, u16::from(mode == KeyMode::Duplicates));
        NodeRef { page, head: if level == 0 { 0 } else { CHILD_LEN } }
    }

    /// Stores the leaf to the left.
    pub fn set_previous(&mut self, leaf: PageId) {
        put_u32(self.page.owner_mut(), PREVIOUS_AT - OWNER_AT, leaf.0);
    }

    /// Stores the leaf to the right.
    pub fn set_next(&mut self, leaf: PageId) {
        put_u32(self.page.owner_mut(), NEXT_AT - OWNER_AT, leaf.0);
    }

    /// Puts an entry at `index`, and moves those from there on up by one. `child` is not looked at in a leaf.
    ///
    /// # Errors
    /// Nothing is changed: what `insert_at` of a slotted page says, in particular if there is no room.
    pub fn insert(&mut self, index: usize, child: PageId, entry: Entry<'_>) -> Result<(), Error> {
        let mut buffer = [0; MAX_ENTRY_SIZE];
        let len = self.encode(&mut buffer, child, entry);
        Ok(self.page.insert_at(SlotId(index as u16), &buffer[..len])?)
    }

    /// Puts an entry that was [`raw`](Self::raw) in another node of the same level at `index`.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_raw(&mut self, index: usize, raw: &[u8]) -> Result<(), Error> {
        Ok(self.page.insert_at(SlotId(index as u16), raw)?)
    }

    /// Takes entry `index` out, and moves those after it down by one.
    ///
    /// # Errors
    /// Nothing is changed: there is no such entry.
    pub fn remove(&mut self, index: usize) -> Result<(), Error> {
        Ok(self.page.remove_at(SlotId(index as u16))?)
    }

    /// Replaces the record id of entry `index` of a leaf; its key stays.
    ///
    /// # Errors
    /// Nothing is changed: [`NodeDamage::ShortEntry`], or there is no such entry.
    pub fn set_record(&mut self, index: usize, record: RecordId) -> Result<(), Error> {
        let raw = self.raw(index)?;
        let (mut buffer, len) = ([0; MAX_ENTRY_SIZE], raw.len());
        buffer[..len].copy_from_slice(raw);
        buffer[self.head..self.head + RecordId::LEN].copy_from_slice(&record.to_bytes());
        Ok(self.page.update(SlotId(index as u16), &buffer[..len])?)
    }

    /// Replaces the separator of entry `index` of an internal node; its child stays.
    ///
    /// # Errors
    /// Nothing is changed: there is no room, or no such entry.
    pub fn set_separator(&mut self, index: usize, separator: Entry<'_>) -> Result<(), Error> {
        let child = self.child(index)?;
        let mut buffer = [0; MAX_ENTRY_SIZE];
        let len = self.encode(&mut buffer, child, separator);
        Ok(self.page.update(SlotId(index as u16), &buffer[..len])?)
    }

    /// Writes an entry to the front of `buffer` and returns its length.
    fn encode(&self, buffer: &mut [u8; MAX_ENTRY_SIZE], child: PageId, entry: Entry<'_>) -> usize {
        put_u32(buffer, 0, child.0);
        let key_at = self.head + RecordId::LEN;
        buffer[self.head..key_at].copy_from_slice(&entry.record.to_bytes());
        buffer[key_at..key_at + entry.key.len()].copy_from_slice(entry.key);
        key_at + entry.key.len()
    }
}

/// The kind of a node's page.
pub(crate) fn kind_of(level: u16) -> PageKind {
    if level == 0 { PageKind::BTREE_LEAF } else { PageKind::BTREE_INTERNAL }
}

//# hide
/// What a search looks for.
struct Target<'k> {
    /// The first eight bytes of the key.
    prefix: u64,
    key: &'k [u8],
    record: RecordId,
    /// Whether an entry that is equal counts as below.
    or_equal: bool,
}

/// The first eight bytes of `key` as one number, zeros where it is shorter. Where two prefixes differ, the
/// keys differ the same way; where they are equal, nothing is known.
#[inline]
fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => key.iter().enumerate().fold(0, |sum, (at, &byte)| sum | u64::from(byte) << (56 - 8 * at)),
    }
}

/// Whether entry `index` is below the target, straight from the page's bytes; `None` if the entry is no
/// entry. Most comparisons end with the first eight bytes.
#[inline(always)]
fn is_below(bytes: &PageBuf, index: usize, head: usize, target: &Target<'_>) -> Option<bool> {
    let slot = get_u32(bytes, SLOTS_AT + index * SLOT_SIZE) as usize;
    let (offset, len) = (slot & 0xFFFF, slot >> 16);
    let entry = bytes.get(offset + head..offset + len)?;
    let (record, key) = entry.split_first_chunk()?;
    match key.first_chunk() {
        Some(first) if u64::from_be_bytes(*first) != target.prefix => {
            Some(u64::from_be_bytes(*first) < target.prefix)
        }
        _ => Some(is_below_in_full(Entry { key, record: RecordId::from_bytes(*record) }, target)),
    }
}

/// As [`is_below`], of an entry that begins as the target does, or is shorter.
#[inline(never)]
fn is_below_in_full(entry: Entry<'_>, target: &Target<'_>) -> bool {
    match entry.key.cmp(target.key).then(entry.record.cmp(&target.record)) {
        Ordering::Less => true,
        Ordering::Equal => target.or_equal,
        Ordering::Greater => false,
    }
}
//# end
