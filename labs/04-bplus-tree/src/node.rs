//! The layout of a node, and the search in it (task 4.1).
//!
//! A node is a slotted page used in order: slot `i` is the `i`-th smallest entry. Kind
//! [`BTREE_LEAF`](slotted_page::PageKind::BTREE_LEAF) or [`BTREE_INTERNAL`](slotted_page::PageKind::BTREE_INTERNAL). Its owner's bytes
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
//! An entry of a leaf: record id (6 bytes, big-endian as [`RecordId::to_bytes`](buffer_pool::RecordId::to_bytes)), then the key.
//!
//! An entry of an internal node: child (4 bytes, little-endian), record id (6 bytes), then the key; record id and key are the
//! separator: everything in the child and right of it is at or above it, everything to the left is below. The first
//! entry's separator is empty (record id zero, no key) and stands for "below everything".
//!
//! Entries are ordered by key (bytes compared as numbers), then by record id. In a unique tree separators have record id zero.
