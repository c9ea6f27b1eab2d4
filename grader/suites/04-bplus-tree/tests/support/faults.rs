//! What every changing operation must bear: requests that fail, few frames, a full file, batches, damaged
//! nodes.

use std::collections::BTreeMap;

use bplus_tree::{BPlusTree, Error, Removal};
use buffer_pool::RecordId;
use pager_kit::{BatchPager, in_batch};
use slotted_page::header::{self, put_u32};
use slotted_page::slotted::OWNER_AT;
use slotted_page::{Lsn, PageBuf, PageId};
use testkit::{Failure, Rng, check, check_eq, step};

use super::keys;
use super::model::Story;
use super::pages::{Fault, Pages};
use super::raw::{Owner, entries_of, node};

/// A changing operation.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// `insert`.
    Insert(Vec<u8>, RecordId),
    /// `insert_with`, which is admitted.
    InsertWith(Vec<u8>, RecordId),
    /// `remove`.
    Remove(Vec<u8>, RecordId),
    /// `remove_with`, which is admitted.
    RemoveWith(Vec<u8>, RecordId),
    /// `replace`, of the first record id by the second.
    Replace(Vec<u8>, RecordId, RecordId),
}

impl Op {
    /// Does it to the tree alone. A remove that finds nothing is an error of the test.
    pub(crate) fn run<P: buffer_pool::Pager>(&self, tree: &BPlusTree, pager: &P) -> Result<(), Error> {
        match self {
            Op::Insert(key, record) => tree.insert(pager, key, *record),
            Op::InsertWith(key, record) => tree.insert_with(pager, key, *record, |_| true).map(|is_in| {
                check!(is_in, "insert_with of {}, which is admitted, gives true", keys::shown(key));
            }),
            Op::Remove(key, record) => tree.remove(pager, key, *record).map(|is_removed| {
                check!(is_removed, "remove of {}, which is there, gives true", keys::shown(key));
            }),
            Op::RemoveWith(key, record) => tree.remove_with(pager, key, *record, |_| true).map(|removal| {
                check_eq!(removal, Removal::Removed, "remove_with of {}, which is there", keys::shown(key));
            }),
            Op::Replace(key, old, new) => tree.replace(pager, key, *old, *new).map(|is_replaced| {
                check!(is_replaced, "replace of {}, which is there, gives true", keys::shown(key));
            }),
        }
    }

    /// Does it to the model alone.
    pub(crate) fn note(&self, story: &mut Story) {
        match self {
            Op::Insert(key, record) | Op::InsertWith(key, record) => {
                let result = story.model.insert(key, *record);
                check!(result.is_ok(), "the test inserts what is not there");
            }
            Op::Remove(key, record) | Op::RemoveWith(key, record) => drop(story.model.remove(key, *record)),
            Op::Replace(key, old, new) => {
                story.model.remove(key, *old);
                story.model.entries.insert((key.clone(), *new));
            }
        }
    }

    /// As a line of code.
    pub(crate) fn shown(&self) -> String {
        match self {
            Op::Insert(key, record) => format!("tree.insert(&pager, {}, {record})", keys::shown(key)),
            Op::InsertWith(key, record) => {
                format!("tree.insert_with(&pager, {}, {record}, |_| true)", keys::shown(key))
            }
            Op::Remove(key, record) => format!("tree.remove(&pager, {}, {record})", keys::shown(key)),
            Op::RemoveWith(key, record) => {
                format!("tree.remove_with(&pager, {}, {record}, |_| true)", keys::shown(key))
            }
            Op::Replace(key, old, new) => format!("tree.replace(&pager, {}, {old}, {new})", keys::shown(key)),
        }
    }
}

/// Does `op` with its page request 0 failing, then with request 1 failing, and so on until none fails any
/// more. Each failure must leave the tree as it was. Gives the number of failures.
pub(crate) fn with_every_failure(story: &mut Story, op: &Op, fault: Fault) -> u64 {
    for n in 0..200 {
        story.pages.fail_at(n, fault);
        step!("{}, page request {n} fails with {fault:?}", op.shown());
        let found = op.run(&story.tree, &story.pages);
        let is_over = story.pages.stop_failing();
        if is_over {
            check_eq!(found, Ok(()), "{} without a failure", op.shown());
            op.note(story);
            return n;
        }
        check_eq!(found, Err(Error::Pager(fault.error())), "{} with page request {n} failing", op.shown());
        check_eq!(story.pages.held(), 0, "guards held after an error");
        story.check();
    }
    panic!("an operation that asks for 200 pages");
}

/// Does `op` with 1 frame, then with 2, and so on until there are enough. Gives how many that were.
pub(crate) fn with_few_frames(story: &mut Story, op: &Op) -> usize {
    for frames in 1..100 {
        story.pages.limit_frames(frames);
        step!("{}, with {frames} frames", op.shown());
        let found = op.run(&story.tree, &story.pages);
        story.pages.limit_frames(usize::MAX);
        check_eq!(story.pages.held(), 0, "guards held after {}", op.shown());
        if found.is_ok() {
            op.note(story);
            return frames;
        }
        let expected = Error::Pager(buffer_pool::Error::AllPinned { frames });
        check_eq!(found, Err(expected), "{} with {frames} frames", op.shown());
        story.check();
    }
    panic!("an operation that needs 100 frames");
}

/// Does `op` in a batch that is given up, which must leave nothing, and then in one that is kept.
pub(crate) fn in_batches(story: &mut Story, op: &Op) {
    let before = all_bytes(&story.pages);
    step!("{}, in a batch that is given up", op.shown());
    let batch = BatchPager::new(&story.pages);
    let found = op.run(&story.tree, &batch);
    check_eq!(found, Ok(()), "{} in a batch", op.shown());
    check_eq!(batch.abort(), Ok(()), "giving up the batch");
    drop(batch);
    check!(
        all_bytes(&story.pages) == before,
        "{}: a batch that is given up leaves the bytes as they were",
        op.shown()
    );
    step!("{}, in a batch that is kept", op.shown());
    let found = in_batch(&story.pages, |batch| op.run(&story.tree, batch)).map(drop);
    check_eq!(found, Ok(()), "{} in a batch", op.shown());
    op.note(story);
    check_eq!(story.pages.held(), 0, "guards held after a batch");
}

/// The bytes of every page.
pub(crate) fn all_bytes(pages: &Pages) -> BTreeMap<PageId, PageBuf> {
    pages.allocated().into_iter().map(|id| (id, pages.bytes(id).expect("it is allocated"))).collect()
}

/// Damages a node of the tree so that it stays a sound page: what a program with a bug might have written.
pub(crate) fn damage(story: &Story, rng: &mut Rng) {
    let ids: Vec<PageId> = story.pages.allocated().into_iter().collect();
    let id = ids[rng.usize(..ids.len())];
    let other = [ids[rng.usize(..ids.len())], PageId::NONE, PageId(500), PageId(u32::MAX)][rng.usize(..4)];
    let mut page = story.pages.bytes(id).expect("it is allocated");
    let mut owner = Owner::of(&page);
    let mut entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
    let index = rng.usize(..entries.len().max(1));
    let what = rng.u32(..9);
    match what {
        0 => owner.level = [0, 1, 2, 9, u16::MAX][rng.usize(..5)],
        1 => owner.tree = other,
        2 => owner.next = other,
        3 => owner.previous = other,
        4 => entries.clear(),
        5 if !entries.is_empty() => entries[index].truncate(rng.usize(..11)),
        6 if !entries.is_empty() && entries[index].len() > 4 => {
            put_u32(&mut entries[index], 0, other.0);
        }
        7 if !entries.is_empty() => entries.swap(0, index),
        8 if !entries.is_empty() => {
            let fill = [0, 0xFF][rng.usize(..2)];
            entries[index].iter_mut().skip(4).for_each(|byte| *byte = fill);
        }
        _ => put_u32(&mut page, OWNER_AT + 8, other.0),
    }
    step!("{id} is damaged: change {what}, entry {index}, page {other}");
    if owner.level == 0 || !entries.is_empty() {
        page = node(id, owner, &entries);
    }
    story.pages.put(id, page);
}

/// Lets each link of each node lead to each page of the tree, one link at a time, and does `op` with every
/// key. It may give an error or nonsense, but no thread may ask for a page that it holds: it would wait for
/// itself. Gives the number of operations that gave an error.
pub(crate) fn with_every_wrong_link(
    make: impl Fn() -> Story,
    op: impl Fn(&Story, &[u8], RecordId) -> Result<(), Error>,
) -> usize {
    let mut errors = 0;
    let ids: Vec<PageId> = make().pages.allocated().into_iter().collect();
    for id in &ids {
        for target in &ids {
            for link in 0.. {
                testkit::scene::clear();
                let story = make();
                story.pages.check_no_order();
                if !lead_astray(&story.pages, *id, link, *target) {
                    break;
                }
                step!("// link {link} of {id} leads to {target}");
                for (key, record) in &story.model.entries {
                    errors += usize::from(op(&story, key, *record).is_err());
                    check_eq!(story.pages.held(), 0, "guards held after an operation with a wrong link");
                }
            }
        }
    }
    errors
}

/// Lets link `link` of a node lead to `target`: of a leaf the next leaf or the previous one, of an internal
/// node a child. False if it has no such link.
fn lead_astray(pages: &Pages, id: PageId, link: usize, target: PageId) -> bool {
    let page = pages.bytes(id).expect("it is allocated");
    let mut owner = Owner::of(&page);
    let mut entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
    match (owner.level, link) {
        (0, 0) => owner.next = target,
        (0, 1) => owner.previous = target,
        (1.., link) if link < entries.len() => put_u32(&mut entries[link], 0, target.0),
        _ => return false,
    }
    pages.put(id, node(id, owner, &entries));
    true
}

/// Does many operations on a damaged tree. They may give errors or nonsense, but each must come back and hold
/// nothing.
pub(crate) fn survives_damage(story: &Story, rng: &mut Rng, op: impl Fn(&Story, &[u8]) -> Result<(), Error>) {
    story.pages.check_no_order();
    let keys: Vec<Vec<u8>> = story.model.entries.iter().map(|entry| entry.0.clone()).collect();
    for _ in 0..30 {
        let key = &keys[rng.usize(..keys.len())];
        if let Err(error) = op(story, key)
            && matches!(
                error,
                Error::KeyTooLong { .. } | Error::NotSorted { .. } | Error::BadFillFactor { .. }
            )
        {
            Failure::new("the error of an operation on a damaged tree")
                .expected_text("one that says what is damaged")
                .found(error)
                .raise();
        }
        check_eq!(story.pages.held(), 0, "guards held after an operation on a damaged tree");
    }
}

/// Gives every page an LSN of its own, does `op`, and checks that the pages that were there and still are
/// have theirs.
pub(crate) fn keeps_lsns(story: &mut Story, op: &Op) {
    let before: BTreeMap<PageId, Lsn> =
        story.pages.allocated().into_iter().map(|id| (id, Lsn(1_000 + u64::from(id.0)))).collect();
    for (id, lsn) in &before {
        let mut page = story.pages.bytes(*id).expect("it is allocated");
        header::set_lsn(&mut page, *lsn);
        story.pages.put(*id, page);
    }
    step!("{}, where page n has LSN 1,000 + n", op.shown());
    check_eq!(op.run(&story.tree, &story.pages), Ok(()), "{}", op.shown());
    op.note(story);
    for (id, lsn) in before {
        if let Some(page) = story.pages.bytes(id) {
            check_eq!(
                header::lsn(&page),
                lsn,
                "LSN of {id}, which was in use before {} and is still",
                op.shown()
            );
        }
    }
}
