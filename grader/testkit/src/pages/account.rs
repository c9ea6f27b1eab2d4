//! Every page of a file belongs to exactly one owner.

use std::collections::BTreeMap;

use super::allocation::{checksum, is_reserved};
use super::{Allocation, HeapWalk, TreeWalk, allocation, heap_walk, page, tree_walk, u32_at};

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The allocation state of the file.
    pub allocation: Allocation,
    /// The heaps, as they were asked for.
    pub heaps: Vec<HeapWalk>,
    /// The trees, as they were asked for.
    pub trees: Vec<TreeWalk>,
    /// What is wrong, also what is wrong in the allocation state and in the walks.
    pub problems: Vec<String>,
}

/// Reads the bytes of a file, as synced: its allocation state, the heaps with the first pages `heaps`, the
/// trees with the root pages `trees`, and the pages `extra`, which belong to other
/// structures. Every page that is not the disk manager's is either free or of exactly one of these, and every
/// page in use is sealed.
pub fn account(bytes: &[u8], heaps: &[u32], trees: &[u32], extra: &[u32]) -> Account {
    let mut account = Account {
        allocation: allocation(bytes),
        heaps: heaps.iter().map(|first| heap_walk(bytes, *first)).collect(),
        trees: trees.iter().map(|root| tree_walk(bytes, *root)).collect(),
        problems: Vec::new(),
    };
    account.problems.extend(account.allocation.problems.iter().cloned());
    account.problems.extend(account.heaps.iter().flat_map(|walk| walk.problems.iter().cloned()));
    account.problems.extend(account.trees.iter().flat_map(|walk| walk.problems.iter().cloned()));
    let mut owners: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (first, walk) in heaps.iter().zip(&account.heaps) {
        for id in &walk.pages {
            owners.entry(*id).or_default().push(format!("heap {first}"));
        }
    }
    for (root, walk) in trees.iter().zip(&account.trees) {
        for id in walk.pages() {
            owners.entry(id).or_default().push(format!("tree {root}"));
        }
    }
    for id in extra {
        owners.entry(*id).or_default().push("somebody else".into());
    }
    let problems = ownership(bytes, &account.allocation, &owners);
    account.problems.extend(problems);
    account
}

fn ownership(bytes: &[u8], allocation: &Allocation, owners: &BTreeMap<u32, Vec<String>>) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, names) in owners {
        if names.len() > 1 {
            problems.push(format!("page {id} is in {}", names.join(" and in ")));
        }
        if is_reserved(*id) {
            problems.push(format!("page {id} of {} is the disk manager's", names[0]));
        } else if !allocation.allocated.contains(id) {
            problems.push(format!("page {id} of {} is marked as free", names[0]));
        }
    }
    for id in &allocation.allocated {
        if !owners.contains_key(id) {
            problems.push(format!("page {id} is allocated and in no structure: it was lost"));
        }
        if let Some(page) = page(bytes, *id)
            && u32_at(page, 4) != checksum(page)
        {
            problems.push(format!("the checksum of page {id} is wrong"));
        }
    }
    problems
}
