//! The walkers on bytes made by hand: no problem is found in good ones, and each kind of damage is reported
//! with its page.

use super::*;

/// A page with records in their order, `None` for a free slot.
fn slotted_page(id: u32, kind: u16, owner: [u8; 16], records: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    page[..4].copy_from_slice(MAGIC);
    page[8..12].copy_from_slice(&id.to_le_bytes());
    page[12..14].copy_from_slice(&kind.to_le_bytes());
    page[32..48].copy_from_slice(&owner);
    let mut start = PAGE;
    for (slot, record) in records.iter().enumerate() {
        let Some(record) = record else { continue };
        start -= record.len();
        page[start..start + record.len()].copy_from_slice(record);
        let at = 48 + 4 * slot;
        page[at..at + 2].copy_from_slice(&(start as u16).to_le_bytes());
        page[at + 2..at + 4].copy_from_slice(&(record.len() as u16).to_le_bytes());
    }
    let free = records.iter().filter(|record| record.is_none()).count();
    page[24..26].copy_from_slice(&(records.len() as u16).to_le_bytes());
    page[26..28].copy_from_slice(&(free as u16).to_le_bytes());
    page[28..30].copy_from_slice(&(start as u16).to_le_bytes());
    page
}

/// A file of `pages`, each at its place.
fn file(pages: &[Vec<u8>]) -> Vec<u8> {
    let last = pages.iter().map(|page| u32_at(page, 8)).max().unwrap();
    let mut bytes = vec![0; (last as usize + 1) * PAGE];
    for page in pages {
        let at = u32_at(page, 8) as usize * PAGE;
        bytes[at..at + PAGE].copy_from_slice(page);
    }
    bytes
}

fn rid_bytes(rid: Rid) -> Vec<u8> {
    [&rid.0.to_be_bytes()[..], &rid.1.to_be_bytes()[..]].concat()
}

fn heap_page(id: u32, next: u32, heap: u32, last: u32, records: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut owner = [0; 16];
    for (at, link) in [next, heap, last].into_iter().enumerate() {
        owner[4 * at..4 * at + 4].copy_from_slice(&link.to_le_bytes());
    }
    slotted_page(id, HEAP, owner, records)
}

fn at_home(data: &[u8]) -> Option<Vec<u8>> {
    let padding = 6_usize.saturating_sub(data.len());
    Some([&[padding as u8], data, &vec![0xEE; padding][..]].concat())
}

fn forward(to: Rid) -> Option<Vec<u8>> {
    Some([vec![0x80], rid_bytes(to)].concat())
}

fn moved(home: Rid, data: &[u8]) -> Option<Vec<u8>> {
    Some([vec![0x81], rid_bytes(home), data.to_vec()].concat())
}

/// Two pages, 6 and then 4; record 6.2 lives in 4.0.
fn heap() -> [Vec<u8>; 2] {
    let first = [at_home(b"ab"), None, forward((4, 0)), at_home(b"longer than seven")];
    [heap_page(6, 4, 6, 4, &first), heap_page(4, 0, 6, 0, &[moved((6, 2), b"far away"), at_home(b"")])]
}

fn node(id: u32, links: [u32; 2], level: u16, entries: &[Option<Vec<u8>>]) -> Vec<u8> {
    let mut owner = [0; 16];
    owner[..4].copy_from_slice(&links[0].to_le_bytes());
    owner[4..8].copy_from_slice(&links[1].to_le_bytes());
    owner[8..12].copy_from_slice(&5_u32.to_le_bytes());
    owner[12..14].copy_from_slice(&level.to_le_bytes());
    slotted_page(id, if level == 0 { LEAF } else { INTERNAL }, owner, entries)
}

fn entry(key: &str, rid: Rid) -> Option<Vec<u8>> {
    Some([rid_bytes(rid), key.as_bytes().to_vec()].concat())
}

fn child(page: u32, separator: &str) -> Option<Vec<u8>> {
    let rid = rid_bytes((0, 0));
    Some([page.to_le_bytes().to_vec(), rid, separator.as_bytes().to_vec()].concat())
}

/// Root 5 with the leaves 9, 7 and 8.
fn tree() -> [Vec<u8>; 4] {
    [
        node(5, [0, 0], 1, &[child(9, ""), child(7, "dog"), child(8, "owl")]),
        node(9, [0, 7], 0, &[entry("ant", (1, 1)), entry("cat", (1, 2))]),
        node(7, [9, 8], 0, &[entry("dog", (1, 3)), entry("fox", (1, 4))]),
        node(8, [7, 0], 0, &[entry("owl", (1, 5))]),
    ]
}

/// Changes `bytes` of the tree at page `id` and offset `at`, and returns the problems found.
fn problems_after(mut bytes: Vec<u8>, id: u32, at: usize, with: &[u8]) -> Vec<String> {
    let at = id as usize * PAGE + at;
    bytes[at..at + with.len()].copy_from_slice(with);
    tree_walk(&bytes, 5).problems
}

fn says(problems: &[String], part: &str) {
    assert!(problems.iter().any(|problem| problem.contains(part)), "{part:?} is not in {problems:#?}");
}

#[test]
fn a_sound_heap_is_read_with_its_forwards() {
    let walk = heap_walk(&file(&heap()), 6);
    assert_eq!(walk.problems, Vec::<String>::new());
    assert_eq!(walk.pages, [6, 4]);
    let expected: [(Rid, &[u8]); 4] =
        [((4, 1), b""), ((6, 0), b"ab"), ((6, 2), b"far away"), ((6, 3), b"longer than seven")];
    assert_eq!(walk.records, expected.map(|(rid, data)| (rid, data.to_vec())).into());
    assert_eq!(walk.forwards, [((6, 2), (4, 0))].into());
}

#[test]
fn what_is_wrong_with_a_heap_is_problems_of() {
    let [first, second] = heap();
    let problems_of = |pages: &[Vec<u8>]| heap_walk(&file(pages), 6).problems;
    let other = heap_page(4, 6, 9, 0, &[at_home(b"x")]);
    let problems = problems_of(&[first.clone(), other]);
    says(&problems, "page 4 of heap 6 leads back to page 6");
    says(&problems, "page 4 names heap 9");
    says(&problems, "the forward at 6.2 leads to 4.0, where no moved record is");
    says(
        &problems_of(&[heap_page(6, 0, 6, 4, &[]), second.clone()]),
        "says that its last page is 4, it is 6",
    );
    says(&problems_of(&[heap_page(6, 4, 6, 4, &[]), second.clone()]), "moved to 4.0 has its home at 6.2");
    let mut torn = first.clone();
    torn[48..50].copy_from_slice(&100_u16.to_le_bytes());
    says(&problems_of(&[torn, second.clone()]), "page 6 breaks I2: slot 0 is 7 bytes at 100");
    let tags = heap_page(4, 0, 6, 4, &[Some(vec![7; 9]), Some(vec![0]), None]);
    let problems = problems_of(&[first.clone(), tags]);
    says(&problems, "record 4.0 has no sound tag");
    says(&problems, "record 4.1 is 1 bytes long");
    says(&problems, "breaks I5: the last slot, 2, is free");
    says(&problems, "page 4, not the first of heap 6, says that the last page is 4");
    says(&problems_of(&[heap_page(6, 80, 6, 80, &[])]), "page 80 is past the end of the file");
    says(&heap_walk(&file(&tree()), 5).problems, "page 5 of heap 5 is of kind B+Tree internal");
}

#[test]
fn a_sound_tree_is_read_from_left_to_right() {
    let walk = tree_walk(&file(&tree()), 5);
    assert_eq!(walk.problems, Vec::<String>::new());
    assert_eq!((walk.height, walk.leaves(), walk.has_duplicates), (2, vec![9, 7, 8], false));
    let keys: Vec<&[u8]> = walk.entries.iter().map(|(key, _)| key.as_slice()).collect();
    assert_eq!(keys, [&b"ant"[..], b"cat", b"dog", b"fox", b"owl"]);
    assert_eq!(walk.entries[4].1, (1, 5));
    assert_eq!(walk.nodes[1], Node { page: 9, level: 0, entries: 2, used_bytes: 2 * (4 + 6 + 3) });
    let empty = file(&[node(5, [0, 0], 0, &[])]);
    assert_eq!(tree_walk(&empty, 5).problems, Vec::<String>::new());
}

#[test]
fn what_is_wrong_with_a_tree_is_problems_of() {
    let sound = file(&tree());
    says(
        &problems_after(sound.clone(), 7, 36, &9_u32.to_le_bytes()),
        "leaf 7 says that leaf 9 is to its right, it is 8",
    );
    says(
        &problems_after(sound.clone(), 9, 32, &7_u32.to_le_bytes()),
        "leaf 9 says that leaf 7 is to its left, it is 0",
    );
    says(&problems_after(sound.clone(), 8, 40, &6_u32.to_le_bytes()), "page 8 names tree 6");
    says(
        &problems_after(sound.clone(), 8, 44, &2_u16.to_le_bytes()),
        "page 8 is of kind B+Tree leaf and at level 2",
    );
    says(
        &problems_after(sound.clone(), 8, 46, &1_u16.to_le_bytes()),
        "page 8 is of mode 1, the root of mode 0",
    );
    says(&problems_after(sound.clone(), 8, 0, &[0; PAGE]), "page 8 is all zeros");
    says(&problems_after(sound.clone(), 8, 8, &[1]), "page 8 says that it is page 1");
    // The last byte of a page is the last of its first entry's key.
    says(
        &problems_after(sound.clone(), 7, PAGE - 3, b"cow"),
        "page 7: entry 0, \"cow\" of record 1.3, is below its separator \"dog\"",
    );
    says(
        &problems_after(sound.clone(), 7, PAGE - 3, b"gnu"),
        "page 7: entry 1, \"fox\" of record 1.4, does not come after",
    );
    says(
        &problems_after(sound, 9, PAGE - 9 - 3, b"dog"),
        "page 9: entry 1, \"dog\" of record 1.2, is not below \"dog\"",
    );
    let [root, left, middle, right] = tree();
    let with_root = |entries: &[Option<Vec<u8>>]| {
        let pages = [node(5, [0, 0], 1, entries), left.clone(), middle.clone(), right.clone()];
        tree_walk(&file(&pages), 5).problems
    };
    says(&with_root(&[child(9, "")]), "the root, page 5, has one child");
    let pages = [node(5, [0, 0], 1, &[child(9, "")]), left.clone(), middle.clone(), right.clone()];
    let problems = tree_walk(&file(&pages), 5).problems_but_a_high_root();
    assert!(problems.iter().all(|problem| !problem.contains("has one child")), "{problems:?}");
    says(&with_root(&[]), "page 5 is internal and has no child");
    says(&with_root(&[child(9, ""), child(9, "dog")]), "page 9 can be reached in two ways");
    says(
        &with_root(&[child(9, "a"), child(7, "dog")]),
        "page 5: the first separator is not empty, it is \"a\"",
    );
    says(&with_root(&[child(9, ""), Some(vec![1; 9])]), "page 5: entry 1 has 9 bytes");
    let empty = [root, left, middle, node(8, [7, 0], 0, &[])];
    says(&tree_walk(&file(&empty), 5).problems, "page 8 is an empty leaf");
}

/// A file of 12 pages in which `allocated` are in use; page 0 is newer than page 1.
fn with_books(pages: &[Vec<u8>], allocated: &[u32]) -> Vec<u8> {
    let mut bytes = file(pages);
    bytes.resize(12 * PAGE, 0);
    for (id, epoch) in [(0_u32, 9_u64), (1, 8)] {
        let mut meta = slotted_page(id, META, [0; 16], &[]);
        meta[24..28].copy_from_slice(&1_u32.to_le_bytes());
        meta[28..32].copy_from_slice(&12_u32.to_le_bytes());
        meta[32..40].copy_from_slice(&epoch.to_le_bytes());
        meta[48] = 1;
        bytes[id as usize * PAGE..][..PAGE].copy_from_slice(&meta);
    }
    let mut map = slotted_page(3, FREE_MAP, [0; 16], &[]);
    map[24..].fill(0);
    for id in allocated.iter().chain(&[2, 3]) {
        let index = *id as usize - 2;
        map[32 + index / 8] |= 1 << (index % 8);
    }
    bytes[3 * PAGE..4 * PAGE].copy_from_slice(&map);
    for page in bytes.chunks_mut(PAGE).filter(|page| page[0] != 0) {
        let sum = allocation::checksum(page);
        page[4..8].copy_from_slice(&sum.to_le_bytes());
    }
    bytes
}

#[test]
fn every_page_of_a_sound_file_is_accounted_for() {
    let pages = [&heap()[..], &tree()[..]].concat();
    let bytes = with_books(&pages, &[4, 5, 6, 7, 8, 9, 10]);
    let found = account(&bytes, &[6], &[5], &[10]);
    says(&found.problems, "the checksum of page 10 is wrong");
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    let allocation = &found.allocation;
    assert_eq!(
        (allocation.page_count, allocation.epoch, allocation.root, allocation.allocated.len()),
        (12, 9, 0, 7)
    );
    assert_eq!((found.heaps[0].records.len(), found.trees[0].entries.len()), (4, 5));
}

#[test]
fn a_lost_page_and_one_with_two_owners_are_problems_of() {
    let pages = [&heap()[..], &tree()[..]].concat();
    let mut bytes = with_books(&pages, &[4, 5, 6, 7, 8, 11]);
    let problems = account(&bytes, &[6], &[5], &[7, 3]).problems;
    says(&problems, "page 11 is allocated and in no structure");
    says(&problems, "page 9 of tree 5 is marked as free");
    says(&problems, "page 7 is in tree 5 and in somebody else");
    says(&problems, "page 3 of somebody else is the disk manager's");
    bytes[40] ^= 1;
    assert_eq!(allocation(&bytes).epoch, 8, "the other meta page is taken");
    bytes[PAGE + 40] ^= 1;
    says(&allocation(&bytes).problems, "neither meta page is sound");
}

#[test]
fn pages_of_another_file_or_version_are_problems() {
    let sound = with_books(&heap(), &[6, 7]);
    assert!(allocation(&sound).problems.is_empty(), "{:?}", allocation(&sound).problems);
    let with = |id: usize, at: usize| {
        let mut bytes = sound.clone();
        let page = &mut bytes[id * PAGE..][..PAGE];
        page[at] ^= 2;
        let sum = allocation::checksum(page);
        page[4..8].copy_from_slice(&sum.to_le_bytes());
        allocation(&bytes).problems
    };
    says(&with(3, 20), "page 3, the map of group 0, is of another file");
    says(&with(1, 20), "the meta pages have the identities of two files");
    says(&with(1, 24), "a meta page has version 3");
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    let mut page = vec![0; PAGE];
    assert_eq!(allocation::checksum(&page), 0x98F9_4189);
    page[4] = 1;
    assert_eq!(allocation::checksum(&page), 0x98F9_4189, "its own bytes do not count");
}
