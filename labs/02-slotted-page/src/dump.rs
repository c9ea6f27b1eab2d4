//! Text pictures of pages, rows, keys and files, for debugging and for the grader's reports. Given.
//!
//! The functions accept any bytes, right or wrong: each number from the page is limited to values that a page
//! can have before it is used.

use std::fmt::Write as _;

use kit::draw;

use crate::header::{self, MAGIC, get_u16};
use crate::slotted::{
    DEAD_BYTES_AT, FREE_SLOTS_AT, MAX_SLOTS, OWNER_AT, RECORD_START_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT,
};
use crate::{DiskManager, PAGE_SIZE, PageBuf, PageId, PageKind, Schema};

/// Pages drawn in a line of a file's picture.
const PAGES_A_LINE: usize = 64;
/// Lines of a file's picture.
const LINES_SHOWN: usize = 40;
/// The greatest number of slots shown.
const SLOTS_SHOWN: usize = 24;
/// The greatest number of bytes shown of a record.
const BYTES_SHOWN: usize = 8;

/// Draws `page`: header, map and slots if it is a slotted page, else its bytes.
pub fn dump_page(page: &PageBuf) -> String {
    let mut out = String::new();
    if header::magic(page) != MAGIC {
        let _ = writeln!(out, "not a page: magic is {:#010x}", header::magic(page));
        out.push_str(&draw::hex(page, 0));
        return out;
    }
    let (id, kind) = (header::id(page), header::kind(page));
    let checksum = header::checksum(page);
    if matches!(kind, PageKind::META | PageKind::FREE_MAP) {
        let identity = header::lsn(page).0;
        let _ = writeln!(out, "{id}, {kind}, file {identity:#018x}, checksum {checksum:#010x}");
        out.push_str(&draw::hex(&page[header::HEADER_SIZE..], header::HEADER_SIZE));
        return out;
    }
    let _ = writeln!(out, "{id}, {kind}, {}, checksum {checksum:#010x}", header::lsn(page));
    slotted(page, &mut out);
    out
}

/// Draws the bytes of a row part by part. If the row is too short, the bytes that exist are shown.
pub fn dump_row(schema: &Schema, row: &[u8]) -> String {
    let mut out = format!("row of {} bytes, schema of {} columns\n", row.len(), schema.types().len());
    let bounds = [0, 2, schema.fixed_start(), schema.ends_start(), schema.data_start(), row.len()];
    for (name, part) in ["count", "null map", "fixed part", "ends", "data"].into_iter().zip(bounds.windows(2))
    {
        let (start, end) = (part[0].min(row.len()), part[1].min(row.len()));
        let _ = writeln!(out, "{name}:");
        out.push_str(&draw::hex(&row[start..end.max(start)], start));
    }
    out
}

/// Draws the bytes of a key.
pub fn dump_key(key: &[u8]) -> String {
    let mut out = format!("key of {} bytes\n", key.len());
    out.push_str(&draw::hex(key, 0));
    out
}

/// Draws which pages of a file are used, 64 in a line, with the letters of [`DiskManager::usage`].
pub fn dump_disk(manager: &DiskManager) -> String {
    let stats = manager.stats();
    let mut out = format!(
        "{} pages: {} allocated, {} free, {} reserved",
        stats.page_count, stats.allocated, stats.free, stats.reserved
    );
    match manager.root() {
        Some(root) => drop(writeln!(out, "; root {}", root.0)),
        None => out.push_str("; no root\n"),
    }
    let usage: Vec<char> = manager.usage().chars().collect();
    for (line, pages) in usage.chunks(PAGES_A_LINE).take(LINES_SHOWN).enumerate() {
        let _ = writeln!(out, "{:7} {}", PageId((line * PAGES_A_LINE) as u32).0, String::from_iter(pages));
    }
    if usage.len() > PAGES_A_LINE * LINES_SHOWN {
        let _ = writeln!(out, "... {} more pages", usage.len() - PAGES_A_LINE * LINES_SHOWN);
    }
    out.push_str("M meta, m map, A allocated, R root, . free, h freed since the last sync\n");
    out
}

/// Draws the part of a slotted page after the common header.
fn slotted(page: &PageBuf, out: &mut String) {
    let field = |at| get_u16(page, at) as usize;
    let (count, start, dead) = (field(SLOT_COUNT_AT), field(RECORD_START_AT), field(DEAD_BYTES_AT));
    let slots_end = SLOTS_AT + SLOT_SIZE * count;
    let _ = writeln!(out, "{count} slots ({} free), {dead} dead bytes", field(FREE_SLOTS_AT));
    if slots_end <= start && start <= PAGE_SIZE {
        let gap = format!("gap, {} bytes", start - slots_end);
        let _ = writeln!(out, "0        {SLOTS_AT}        {slots_end:<6}{:19}{start:<12}{PAGE_SIZE}", "");
        let _ = writeln!(out, "| header | slots    | {gap:<22} | records   |");
    } else {
        let _ = writeln!(out, "broken (I1): slots end at {slots_end}, records start at {start}");
    }
    let owner = &page[OWNER_AT..SLOTS_AT];
    if owner.iter().any(|&byte| byte != 0) {
        let _ = writeln!(out, "owner's bytes {owner:02x?}");
    }
    let count = count.min(MAX_SLOTS);
    let rows: Vec<Vec<String>> = (0..count.min(SLOTS_SHOWN)).map(|index| slot_row(page, index)).collect();
    if !rows.is_empty() {
        out.push_str(&draw::table(&["slot", "offset", "len", "record"], &rows));
    }
    if count > SLOTS_SHOWN {
        let _ = writeln!(out, "... {} more slots", count - SLOTS_SHOWN);
    }
}

/// One slot as a row of the table.
fn slot_row(page: &PageBuf, index: usize) -> Vec<String> {
    let at = SLOTS_AT + SLOT_SIZE * index;
    let (offset, len) = (get_u16(page, at) as usize, get_u16(page, at + 2) as usize);
    let text = match page.get(offset..offset + len) {
        _ if offset == 0 && len == 0 => "free".to_string(),
        None => "broken (I2): outside of the page".to_string(),
        Some(record) => {
            let more = if len > BYTES_SHOWN { "..." } else { "" };
            format!("\"{}\"{more}", record[..len.min(BYTES_SHOWN)].escape_ascii())
        }
    };
    vec![index.to_string(), offset.to_string(), len.to_string(), text]
}
