//! Text picture of a page, for your own debugging and for the grader's reports. Given.
//!
//! It takes any bytes, right or wrong: every number from the page is cut down to what a page can have
//! before it is used.

use std::fmt::Write as _;

use kit::draw;

use crate::header::{self, MAGIC, get_u16};
use crate::slotted::{
    DEAD_BYTES_AT, FREE_SLOTS_AT, MAX_SLOTS, OWNER_AT, RECORD_START_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT,
};
use crate::{PAGE_SIZE, PageBuf, PageKind};

/// Most slots that are listed.
const SLOTS_SHOWN: usize = 24;
/// Most bytes of a record that are shown.
const BYTES_SHOWN: usize = 24;

/// Draws `page`, whatever its bytes: header, map and slots of a slotted page, else its bytes.
pub fn dump_page(page: &PageBuf) -> String {
    let mut out = String::new();
    if header::magic(page) != MAGIC {
        let _ = writeln!(out, "not a page: magic is {:#010x}", header::magic(page));
        out.push_str(&draw::hex(page, 0));
        return out;
    }
    let (id, kind) = (header::id(page), header::kind(page));
    let _ = writeln!(out, "{id}, {kind}, {}, checksum {:#010x}", header::lsn(page), header::checksum(page));
    if matches!(kind, PageKind::META | PageKind::FREE_MAP) {
        out.push_str(&draw::hex(&page[header::HEADER_SIZE..], header::HEADER_SIZE));
        return out;
    }
    slotted(page, &mut out);
    out
}

/// Draws what a slotted page has after the common header.
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
