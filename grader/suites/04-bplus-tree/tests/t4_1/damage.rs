//! Nodes that make no sense: an error that names them, never a panic, and never a thread that waits for
//! itself.

use bplus_tree::{Error, KeyMode, MAX_KEY_LEN};
use buffer_pool::RecordId;
use slotted_page::{PageId, PageKind, header};
use testkit::{check, check_eq, step};

use super::{NODE, owner, three_levels, view};
use crate::support::raw::{Entry, Owner, Shape, entries_of, leaf_entry, node};
use crate::support::{Pages, Story, keys};

/// Changes entry `index` of a node.
fn forge(pages: &Pages, id: PageId, index: usize, change: impl Fn(&mut Vec<u8>)) {
    let page = pages.bytes(id).expect("it is there");
    let mut entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
    change(&mut entries[index]);
    pages.put(id, node(id, Owner::of(&page), &entries));
}

/// An entry too short for what it must hold is damage, named with its page: never a panic.
#[testkit::test]
fn short_entries_are_damage() {
    let levels_of = |story: &Story| story.check().height;
    for depth in 0..3 {
        for len in 0..if depth == 2 { 6 } else { 10 } {
            let (story, levels) = three_levels();
            check_eq!(levels_of(&story), 3, "levels of the test's tree");
            for index in 0..3 {
                forge(&story.pages, levels[depth], index, |entry| entry.truncate(len));
            }
            step!("the first entries of {} were cut to {len} bytes", levels[depth]);
            let found = story.tree.get(&story.pages, &keys::number(10));
            let is_right = matches!(&found, Err(Error::BadNode { page, .. }) if *page == levels[depth]);
            check!(is_right, "get of number(10) gives {found:?}, expected BadNode for {}", levels[depth]);
            check_eq!(story.pages.held(), 0, "guards held after an error");
        }
    }
}

/// A child that is not one level below, of another tree, no node at all or free: an error, never a wrong
/// answer or a panic.
#[testkit::test]
fn a_child_that_is_no_child_is_an_error() {
    for depth in [1, 2] {
        for what in ["level", "tree", "kind", "free", "page 0", "far away"] {
            let (story, levels) = three_levels();
            let id = levels[depth];
            let mut page = story.pages.bytes(id).expect("it is there");
            let owner = Owner::of(&page);
            let entries: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
            match what {
                "level" => page = node(id, Owner { level: 3, ..owner }, &entries),
                "tree" => page = node(id, Owner { tree: PageId(99), ..owner }, &entries),
                "kind" => header::init(&mut page, id, PageKind::HEAP),
                "free" => drop_page(&story.pages, id),
                _ => {
                    let to = if what == "page 0" { PageId(0) } else { PageId(u32::MAX) };
                    let put = |entry: &mut Vec<u8>| entry[..4].copy_from_slice(&to.0.to_le_bytes());
                    forge(&story.pages, levels[depth - 1], 0, put);
                }
            }
            if matches!(what, "level" | "tree" | "kind") {
                story.pages.put(id, page);
            }
            step!("the child {id} at depth {depth} has a wrong {what}");
            let found = story.tree.get(&story.pages, &keys::number(10));
            check!(found.is_err(), "get through a child with a wrong {what} gives {found:?}");
            if matches!(what, "level" | "tree") {
                let is_right = matches!(&found, Err(Error::BadNode { page, .. }) if *page == id);
                check!(is_right, "get gives {found:?}, expected BadNode for {id}");
            }
            check_eq!(story.pages.held(), 0, "guards held after an error");
        }
    }
}

/// The kind in the header, the level and the kind's own sort of entries belong together. A page of another
/// kind is no node, whatever its owner's bytes say.
#[testkit::test]
fn a_kind_that_does_not_fit_the_level_is_an_error() {
    let other = PageKind(31);
    for (depth, kind) in [
        (2, PageKind::BTREE_INTERNAL),
        (1, PageKind::BTREE_LEAF),
        (1, PageKind::HEAP),
        (2, PageKind::HEAP),
        (1, other),
        (2, other),
    ] {
        let (story, levels) = three_levels();
        let id = levels[depth];
        let mut page = story.pages.bytes(id).expect("it is there");
        header::put_u16(&mut page, header::KIND_AT, kind.0);
        story.pages.put(id, page);
        step!(
            "the kind of {id} at depth {depth} was made {kind}; its bytes are those of the node that it was"
        );
        let found = story.tree.get(&story.pages, &keys::number(10));
        check!(found.is_err(), "get through a node of kind {kind} gives {found:?}, expected an error");
        check_eq!(story.pages.held(), 0, "guards held after an error");
    }
}

fn drop_page(pages: &Pages, id: PageId) {
    use buffer_pool::Pager;
    let guard = pages.write(id).expect("it is there");
    pages.free(guard).expect("a page in memory can be freed");
}

/// Children that lead back up are an error: a thread that asked for a page it holds would wait for ever.
#[testkit::test]
fn circles_end_in_an_error() {
    for (from, to) in [(0, 0), (1, 1), (1, 0)] {
        let (story, levels) = three_levels();
        let target = levels[to].0.to_le_bytes();
        story.pages.check_no_order();
        forge(&story.pages, levels[from], 0, |entry| entry[..4].copy_from_slice(&target));
        step!("the first child of {} is {}", levels[from], levels[to]);
        let found = story.tree.get(&story.pages, &keys::number(10));
        check!(matches!(found, Err(Error::BadNode { .. })), "get through a circle gives {found:?}");
        check_eq!(story.pages.held(), 0, "guards held after an error");
    }
}

/// A leaf that links to itself or to the root as the next one is an error for a look-up that goes on there.
#[testkit::test]
fn a_leaf_that_links_back_ends_in_an_error() {
    let separator = |_: &Entry, right: &Entry| right.clone();
    let shape = Shape { has_duplicates: true, per_leaf: 3, fanout: 4, separator: &separator };
    let entries: Vec<Entry> = (1..=9).map(|at| (keys::number(at), keys::record(at))).collect();
    for target in 0..2 {
        let pages = Pages::new();
        let root = shape.build(&pages, &entries);
        let story = Story::open(pages, root, &entries, KeyMode::Duplicates);
        let leaf = story.check().leaves[0];
        let target = [leaf, root][target];
        let page = story.pages.bytes(leaf).expect("it is there");
        let bytes: Vec<Vec<u8>> = entries_of(&page).into_iter().map(<[u8]>::to_vec).collect();
        story.pages.put(leaf, node(leaf, Owner { next: target, ..Owner::of(&page) }, &bytes));
        story.pages.check_no_order();
        step!("the leaf after {leaf} is {target}");
        // All of the first leaf is below this key, and so is the separator.
        let found = story.tree.get(&story.pages, &[keys::number(3), vec![0]].concat());
        check!(matches!(found, Err(Error::BadNode { .. })), "get that goes on to {target} gives {found:?}");
        check_eq!(story.pages.held(), 0, "guards held after an error");
    }
}

/// An entry longer than any key makes is damage.
#[testkit::test]
fn long_entries_are_damage() {
    for len in [MAX_KEY_LEN + 1, MAX_KEY_LEN + 40, 3_000] {
        let page = node(NODE, owner(0, true), &[leaf_entry(&vec![b'k'; len + 4], keys::record(1))]);
        // A search may look at the entry, but must come back.
        let _ = view(&page, 0).lower_bound(&vec![b'k'; len], RecordId::MIN);
        let found = view(&page, 0).entry(0).map(|entry| entry.key.len());
        let is_right = matches!(found, Err(Error::BadNode { .. }));
        check!(is_right, "an entry with a key of {} bytes gives {found:?}, expected BadNode", len + 4);
    }
}

/// An internal node without a child is damage.
#[testkit::test]
fn an_internal_node_without_a_child_is_damage() {
    for depth in 0..2 {
        let (story, levels) = three_levels();
        let owner = Owner::of(&story.pages.bytes(levels[depth]).expect("it is there"));
        story.pages.put(levels[depth], node(levels[depth], owner, &[]));
        let found = story.tree.get(&story.pages, &keys::number(10));
        let is_right = matches!(&found, Err(Error::BadNode { page, .. }) if *page == levels[depth]);
        check!(is_right, "get gives {found:?}, expected BadNode for {}", levels[depth]);
    }
}
