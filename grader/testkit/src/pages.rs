//! What is in a file of pages, read from its bytes by code that shares nothing with the labs.
//!
//! ```text
//!   bytes of a file, or of pages in memory
//!     allocation(bytes)        what the disk manager's pages say: which pages are allocated
//!     heap_walk(bytes, first)  every page of a heap, every record
//!     tree_walk(bytes, root)   every node of a B+Tree, every entry
//!     tree_walk_with(read, ..) the same of pages that do not lie in a file
//!     account(bytes, ..)       all of them together: every page belongs to exactly one
//! ```
//!
//! A walk never stops at the first problem and never panics: it returns what it found and every problem as a
//! sentence with page numbers. [`expect_sound`] makes a failure of them. The formats are those of labs 2 to
//! 4, with constants of their own, so that a lab that writes and reads the same wrong format is found.

mod account;
mod allocation;
mod heap;
mod slotted;
mod tree;

#[cfg(test)]
mod tests;

pub use account::{Account, account};
pub use allocation::{Allocation, allocation};
pub use heap::{HeapWalk, heap_walk};
pub use slotted::{Slotted, slotted};
pub use tree::{Node, TreeWalk, tree_walk, tree_walk_with};

use crate::Failure;

/// Length of a page in bytes.
pub const PAGE: usize = 4096;

/// A record id: page and slot.
pub type Rid = (u32, u16);

/// First four bytes of every page.
const MAGIC: &[u8; 4] = b"DLPG";
/// Kinds of pages.
const META: u16 = 1;
const FREE_MAP: u16 = 2;
const HEAP: u16 = 3;
const LEAF: u16 = 4;
const INTERNAL: u16 = 5;

/// Most problems reported of one walk.
const MAX_REPORTED: usize = 8;

/// Ends the test if there are `problems`; `what` says what was looked at.
pub fn expect_sound(what: &str, problems: &[String]) {
    let Some(first) = problems.first() else { return };
    let mut failure = Failure::new(what).expected_text("nothing wrong").found_text(first);
    for problem in problems.iter().take(MAX_REPORTED).skip(1) {
        failure = failure.note(format!("also: {problem}"));
    }
    if problems.len() > MAX_REPORTED {
        failure = failure.note(format!("and {} more", problems.len() - MAX_REPORTED));
    }
    failure.raise()
}

/// The bytes of page `id`, if the file has them all.
fn page(bytes: &[u8], id: u32) -> Option<&[u8]> {
    let start = id as usize * PAGE;
    bytes.get(start..start + PAGE)
}

/// The bytes of page `id`, if they begin with a header that names it.
fn page_with_header<'b>(bytes: &'b [u8], id: u32, problems: &mut Vec<String>) -> Option<&'b [u8]> {
    let Some(page) = page(bytes, id) else {
        problems.push(format!("page {id} is past the end of the file"));
        return None;
    };
    has_header(page, id, problems).then_some(page)
}

/// Whether `page` begins with a header. A header that names another page than `id` is reported as a problem.
fn has_header(page: &[u8], id: u32, problems: &mut Vec<String>) -> bool {
    if page.iter().all(|byte| *byte == 0) {
        problems.push(format!("page {id} is all zeros"));
        return false;
    }
    if &page[..4] != MAGIC {
        problems.push(format!("page {id} does not begin with DLPG"));
        return false;
    }
    if u32_at(page, 8) != id {
        problems.push(format!("page {id} says that it is page {}", u32_at(page, 8)));
    }
    true
}

/// The kind in a page's header.
fn kind(page: &[u8]) -> u16 {
    u16_at(page, 12)
}

/// A kind in words.
fn kind_name(kind: u16) -> String {
    match kind {
        META => "meta".into(),
        FREE_MAP => "free map".into(),
        HEAP => "heap".into(),
        LEAF => "B+Tree leaf".into(),
        INTERNAL => "B+Tree internal".into(),
        other => format!("kind {other}"),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// A record id as records keep it: big-endian, page and slot.
fn rid_at(bytes: &[u8], at: usize) -> Rid {
    let page = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (page, u16::from_be_bytes(bytes[at + 4..at + 6].try_into().expect("two bytes")))
}

/// The start of a key, for a sentence.
fn key_text(key: &[u8]) -> String {
    let start = &key[..key.len().min(12)];
    let more = if key.len() > start.len() { format!("... of {} bytes", key.len()) } else { String::new() };
    format!("\"{}\"{more}", start.escape_ascii())
}
