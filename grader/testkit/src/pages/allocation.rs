//! The disk manager's own pages: two meta pages, and the free map in pairs of pages (lab 2, task 2.6).

use std::collections::BTreeSet;

use super::{FREE_MAP, MAGIC, META, kind, page, u32_at, u64_at};

/// Version of the format.
const VERSION: u32 = 1;
/// Pages of a group, its map included.
const GROUP: u32 = 32_512;
/// First page of group 0.
const FIRST_GROUP: u32 = 2;
/// Pages at the front of a group that hold its map.
const MAPS: u32 = 2;

/// The allocation state of a file, as of the last sync.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Pages of the file, the disk manager's own included.
    pub page_count: u32,
    /// How many times the allocation state was made durable.
    pub epoch: u64,
    /// The root page, 0 if none.
    pub root: u32,
    /// The allocated pages; none of the disk manager's own.
    pub allocated: BTreeSet<u32>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// True for meta and map pages.
pub(super) fn is_reserved(id: u32) -> bool {
    id < FIRST_GROUP || (id - FIRST_GROUP) % GROUP < MAPS
}

/// Reads the allocation state from the bytes of a file.
pub fn allocation(bytes: &[u8]) -> Allocation {
    let metas = (0..FIRST_GROUP).filter_map(|id| page(bytes, id).filter(|page| is_sealed(page, id, META)));
    let metas: Vec<&[u8]> = metas.collect();
    let newer = metas.iter().copied().reduce(|a, b| if u64_at(b, 32) > u64_at(a, 32) { b } else { a });
    let Some(meta) = newer else {
        return Allocation { problems: vec!["neither meta page is sound".into()], ..Allocation::default() };
    };
    let mut allocation = Allocation {
        page_count: u32_at(meta, 28),
        epoch: u64_at(meta, 32),
        root: u32_at(meta, 40),
        ..Allocation::default()
    };
    for other in metas {
        if u32_at(other, 24) != VERSION {
            allocation.problems.push(format!("a meta page has version {}", u32_at(other, 24)));
        }
        if identity(other) != identity(meta) {
            allocation.problems.push("the meta pages have the identities of two files".into());
        }
    }
    let pages_there = bytes.len() / super::PAGE;
    if pages_there < allocation.page_count as usize {
        allocation.problems.push(format!(
            "the allocation state has {} pages, the file has {pages_there}",
            allocation.page_count
        ));
    }
    let groups = allocation.page_count.saturating_sub(FIRST_GROUP).div_ceil(GROUP);
    for group in 0..groups {
        let copy = u32::from(meta[48 + group as usize / 8] >> (group % 8) & 1);
        let id = FIRST_GROUP + group * GROUP + copy;
        let Some(map) = page(bytes, id).filter(|page| is_sealed(page, id, FREE_MAP)) else {
            allocation.problems.push(format!("page {id}, the map of group {group}, is not sound"));
            continue;
        };
        if identity(map) != identity(meta) {
            allocation.problems.push(format!("page {id}, the map of group {group}, is of another file"));
        }
        read_map(map, group, &mut allocation);
    }
    if allocation.root != 0 && !allocation.allocated.contains(&allocation.root) {
        allocation.problems.push(format!("the root, page {}, is not allocated", allocation.root));
    }
    allocation
}

fn read_map(map: &[u8], group: u32, allocation: &mut Allocation) {
    let first = FIRST_GROUP + group * GROUP;
    for index in 0..GROUP {
        let is_used = map[32 + index as usize / 8] >> (index % 8) & 1 == 1;
        let id = first + index;
        if index < MAPS && !is_used {
            allocation.problems.push(format!("the map page {id} is marked as free"));
        } else if is_used && id >= allocation.page_count {
            allocation.problems.push(format!("page {id} is marked as used, past the end of the file"));
        } else if is_used && index >= MAPS {
            allocation.allocated.insert(id);
        }
    }
}

/// The number that all meta and map pages of a file have in the place of the LSN.
fn identity(page: &[u8]) -> u64 {
    u64_at(page, 16)
}

/// A whole page of that place and kind.
fn is_sealed(page: &[u8], id: u32, wanted: u16) -> bool {
    &page[..4] == MAGIC && u32_at(page, 8) == id && kind(page) == wanted && u32_at(page, 4) == checksum(page)
}

/// CRC32C of a page with the checksum's own bytes as zero.
pub(super) fn checksum(page: &[u8]) -> u32 {
    let bytes = page.iter().enumerate().map(|(at, byte)| if (4..8).contains(&at) { 0 } else { *byte });
    !bytes.fold(u32::MAX, |crc, byte| {
        let index = (crc as u8 ^ byte) as usize;
        crc >> 8 ^ TABLE[index]
    })
}

/// The CRC of each byte.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};
