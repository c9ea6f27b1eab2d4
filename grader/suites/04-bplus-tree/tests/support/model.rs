//! A tree beside a sorted set that says what it must hold.

use std::collections::BTreeSet;
use std::ops::Bound;

use bplus_tree::{BPlusTree, Error, KeyMode, Latching, MAX_KEY_LEN, Removal, dump_tree};
use buffer_pool::{Pager, RecordId};
use testkit::{Failure, Rng, check_eq, scene, step};

use super::keys::{self, shown};
use super::pages::Pages;
use super::raw::Entry;
use super::walk::{Walked, walk, walk_with_a_high_root};

/// What is compared.
const ENTRIES: &str = "the entries, read from the bytes of the tree's pages";

/// Leaves of a tree that is drawn although nothing is wrong yet.
const SMALL_TREE: usize = 8;

/// What a tree must hold.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// Unique or not.
    pub(crate) mode: KeyMode,
    /// The entries.
    pub(crate) entries: BTreeSet<Entry>,
}

impl Model {
    /// Nothing yet.
    pub(crate) fn new(mode: KeyMode) -> Self {
        Model { mode, entries: BTreeSet::new() }
    }

    /// The smallest record id of a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<RecordId> {
        let from = (key.to_vec(), RecordId::MIN);
        self.entries.range(from..).next().filter(|entry| entry.0 == key).map(|entry| entry.1)
    }

    /// What an insert must give; the entry is in the model afterwards if that is `Ok`.
    pub(crate) fn insert(&mut self, key: &[u8], record: RecordId) -> Result<(), Error> {
        if key.len() > MAX_KEY_LEN {
            return Err(Error::KeyTooLong { len: key.len(), max: MAX_KEY_LEN });
        }
        let existing = match self.mode {
            KeyMode::Unique => self.get(key),
            KeyMode::Duplicates => self.entries.contains(&(key.to_vec(), record)).then_some(record),
        };
        if let Some(existing) = existing {
            return Err(Error::DuplicateKey { existing });
        }
        self.entries.insert((key.to_vec(), record));
        Ok(())
    }

    /// The smallest entry above this one.
    pub(crate) fn next(&self, key: &[u8], record: RecordId) -> Option<&Entry> {
        let above = (Bound::Excluded((key.to_vec(), record)), Bound::Unbounded);
        self.entries.range(above).next()
    }

    /// What a remove must give.
    pub(crate) fn remove(&mut self, key: &[u8], record: RecordId) -> bool {
        self.entries.remove(&(key.to_vec(), record))
    }

    /// Compares the entries with those that were found.
    pub(crate) fn check(&self, found: &[Entry], what: &str) {
        if self.entries.iter().ne(found) {
            let found_set: BTreeSet<Entry> = found.iter().cloned().collect();
            let list = |set: Vec<&Entry>| {
                set.iter().take(8).map(|entry| super::walk::shown(entry)).collect::<Vec<_>>().join(", ")
            };
            let missing = list(self.entries.difference(&found_set).collect());
            let strange = list(found_set.difference(&self.entries).collect());
            Failure::new(what)
                .expected_text(format!("{} entries", self.entries.len()))
                .found_text(format!("{} entries", found.len()))
                .note(format!("missing: {missing}"))
                .note(format!("not expected: {strange}"))
                .raise()
        }
    }
}

/// A tree in memory and its model.
pub(crate) struct Story {
    /// The pages.
    pub(crate) pages: Pages,
    /// The tree.
    pub(crate) tree: BPlusTree,
    /// What it must hold.
    pub(crate) model: Model,
}

impl Story {
    /// An empty tree that latches its whole path.
    pub(crate) fn new(mode: KeyMode) -> Self {
        Self::with(Pages::new(), mode, Latching::WholePath)
    }

    /// An empty tree in these pages.
    pub(crate) fn with(pages: Pages, mode: KeyMode, latching: Latching) -> Self {
        step!(
            "let tree = BPlusTree::create(&pager, KeyMode::{mode:?})?.with_latching(Latching::{latching:?})"
        );
        let tree = match BPlusTree::create(&pages, mode) {
            Ok(tree) => tree.with_latching(latching),
            Err(error) => Failure::new("create of a tree").expected_text("Ok").found(error).raise(),
        };
        check_eq!(tree.mode(), mode, "mode() of a new tree");
        Story { pages, tree, model: Model::new(mode) }
    }

    /// With the keys 10, 20, .. `10 * count` of `len` bytes, inserted in an order of `seed`; without a seed
    /// in rising order.
    pub(crate) fn with_tens(mut self, count: u64, len: usize, seed: Option<u64>) -> Self {
        let mut numbers: Vec<u64> = (1..=count).collect();
        if let Some(seed) = seed {
            Rng::with_seed(seed).shuffle(&mut numbers);
        }
        for number in numbers {
            self.insert(&keys::long(10 * number, len), keys::record(number));
        }
        scene::clear();
        step!("// a tree of the keys 10, 20, .. {} of {len} bytes", 10 * count);
        self
    }

    /// A tree with the same bytes in other pages. No page of this one was ever freed.
    pub(crate) fn copy(&self) -> Self {
        let allocated = self.pages.allocated();
        let pages = Pages::with_capacity(allocated.len() + 40);
        for id in allocated {
            let page = self.pages.bytes(id).expect("it is allocated");
            assert_eq!(pages.place(page), id, "pages are numbered in the order in which they are placed");
        }
        let tree = BPlusTree::open(&pages, self.tree.id()).expect("a copy of a tree");
        Story { pages, tree: tree.with_latching(Latching::WholePath), model: self.model.clone() }
    }

    /// A tree that was put there by hand.
    pub(crate) fn open(pages: Pages, root: slotted_page::PageId, entries: &[Entry], mode: KeyMode) -> Self {
        step!("let tree = BPlusTree::open(&pager, {root})?");
        let tree = match BPlusTree::open(&pages, root) {
            Ok(tree) => tree.with_latching(Latching::WholePath),
            Err(error) => Failure::new("open of a tree").expected_text("Ok").found(error).raise(),
        };
        check_eq!((tree.id(), tree.mode()), (root, mode), "id() and mode() of an opened tree");
        Story { pages, tree, model: Model { mode, entries: entries.iter().cloned().collect() } }
    }

    /// Inserts into both and compares.
    pub(crate) fn insert(&mut self, key: &[u8], record: RecordId) {
        step!("tree.insert(&pager, {}, {record})", shown(key));
        let expected = self.model.insert(key, record);
        let found = self.tree.insert(&self.pages, key, record);
        if found != expected {
            self.draw();
        }
        check_eq!(found, expected, "insert of {}", shown(key));
        self.check_let_go("insert");
    }

    /// Inserts into both and compares, if the test's `admit` agrees. Each question must show the next entry.
    pub(crate) fn insert_with(&mut self, key: &[u8], record: RecordId, is_admitted: bool) {
        step!("tree.insert_with(&pager, {}, {record}, |_| {is_admitted})", shown(key));
        let expected_next = self.model.next(key, record).cloned();
        let mut trial = self.model.clone();
        let expected = match trial.insert(key, record) {
            Ok(()) => Ok(is_admitted),
            Err(error) => Err(error),
        };
        let mut questions = Vec::new();
        let found = self.tree.insert_with(&self.pages, key, record, |next| {
            questions.push(next.map(|entry| (entry.key.to_vec(), entry.record)));
            is_admitted
        });
        if found != expected {
            self.draw();
        }
        check_eq!(found, expected, "insert_with of {}", shown(key));
        self.check_questions(&questions, expected.is_ok(), expected_next.as_ref(), key);
        if is_admitted {
            self.model = trial;
        }
        self.check_let_go("insert_with");
    }

    /// Removes from both and compares, if the test's `admit` agrees. Each question must show the next entry.
    pub(crate) fn remove_with(&mut self, key: &[u8], record: RecordId, is_admitted: bool) {
        step!("tree.remove_with(&pager, {}, {record}, |_| {is_admitted})", shown(key));
        let expected_next = self.model.next(key, record).cloned();
        let is_there = self.model.entries.contains(&(key.to_vec(), record));
        let expected = match (is_there, is_admitted) {
            (false, _) => Removal::Absent,
            (true, false) => Removal::Refused,
            (true, true) => Removal::Removed,
        };
        let mut questions = Vec::new();
        let found = self.tree.remove_with(&self.pages, key, record, |next| {
            questions.push(next.map(|entry| (entry.key.to_vec(), entry.record)));
            is_admitted
        });
        if found != Ok(expected) {
            self.draw();
        }
        check_eq!(found, Ok(expected), "remove_with of {} for {record}", shown(key));
        self.check_questions(&questions, is_there, expected_next.as_ref(), key);
        if expected == Removal::Removed {
            self.model.remove(key, record);
        }
        self.check_let_go("remove_with");
    }

    /// What `admit` was shown in an operation that had to ask, or not.
    fn check_questions(
        &self,
        questions: &[Option<Entry>],
        is_asking: bool,
        expected: Option<&Entry>,
        key: &[u8],
    ) {
        check_eq!(!questions.is_empty(), is_asking, "admit was called, for {}", shown(key));
        for next in questions {
            if next.as_ref() != expected {
                self.draw();
            }
            let text = |entry: Option<&Entry>| entry.map_or("the end".to_string(), super::walk::shown);
            check_eq!(
                text(next.as_ref()),
                text(expected),
                "the next entry that admit gets for {}",
                shown(key)
            );
        }
    }

    /// Removes from both and compares.
    pub(crate) fn remove(&mut self, key: &[u8], record: RecordId) {
        step!("tree.remove(&pager, {}, {record})", shown(key));
        let expected = self.model.remove(key, record);
        let found = self.tree.remove(&self.pages, key, record);
        if found != Ok(expected) {
            self.draw();
        }
        check_eq!(found, Ok(expected), "remove of {} for {record}", shown(key));
        self.check_let_go("remove");
    }

    /// Looks a key up in both and compares.
    pub(crate) fn get(&self, key: &[u8]) {
        let found = self.tree.get(&self.pages, key);
        if found != Ok(self.model.get(key)) {
            self.draw();
            step!("tree.get(&pager, {})", shown(key));
        }
        check_eq!(found, Ok(self.model.get(key)), "get of {}", shown(key));
        self.check_let_go("get");
    }

    /// Reads the tree from its bytes, checks the format's rules, and compares with the model. A small tree is
    /// drawn, as the picture of whatever fails next; a large one is drawn if it is wrong.
    pub(crate) fn check(&self) -> Walked {
        let walked = walk(&self.pages, self.tree.id(), || self.draw());
        if walked.leaves.len() <= SMALL_TREE || self.model.entries.iter().ne(&walked.entries) {
            self.draw();
        }
        self.model.check(&walked.entries, ENTRIES);
        walked
    }

    /// As [`check`](Self::check), but the root may have one child.
    pub(crate) fn check_with_a_high_root(&self) -> Walked {
        self.draw();
        let walked = walk_with_a_high_root(&self.pages, self.tree.id());
        self.model.check(&walked.entries, ENTRIES);
        walked
    }

    /// Reads the tree from its bytes and checks the format's rules.
    pub(crate) fn check_quietly(&self) -> Walked {
        walk(&self.pages, self.tree.id(), || self.draw())
    }

    /// Looks up every key that the tree has.
    pub(crate) fn check_gets(&self) {
        for (key, _) in &self.model.entries {
            self.get(key);
        }
    }

    /// The tree as the picture of whatever fails next.
    pub(crate) fn draw(&self) {
        draw(&self.pages, &self.tree);
    }

    fn check_let_go(&self, what: &str) {
        check_eq!(self.pages.held(), 0, "guards that are still held after {what}");
    }
}

/// The tree as the picture of whatever fails next.
pub(crate) fn draw<P: Pager>(pager: &P, tree: &BPlusTree) {
    scene::picture(|| dump_tree(pager, tree).unwrap_or_else(|error| format!("no picture: {error}")));
}
