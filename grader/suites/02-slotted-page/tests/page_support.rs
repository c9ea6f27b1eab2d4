//! Shared by the page tests: a second reader and a second writer of the page format, written from its
//! documentation alone, and a model of a page's records.

use std::collections::BTreeMap;
use std::fmt;

use slotted_page::header::{get_u16, put_u16};
use slotted_page::slotted::{
    DEAD_BYTES_AT, FREE_SLOTS_AT, OWNER_AT, RECORD_START_AT, SLOT_COUNT_AT, SLOT_SIZE, SLOTS_AT,
};
use slotted_page::{
    Error, Lsn, MAX_RECORD_LEN, PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage, header,
};
use testkit::{Failure, check, check_eq, step};

/// The page that most tests work on.
pub(crate) type OwnedPage = SlottedPage<Box<PageBuf>>;

/// Number of the page that the tests make.
pub(crate) const ID: PageId = PageId(0x0102_0304);

/// An empty page in a buffer with other bytes.
pub(crate) fn new_page() -> OwnedPage {
    SlottedPage::init(Box::new([0xA5; PAGE_SIZE]), ID, PageKind::HEAP)
}

/// `len` bytes that differ between records and within one.
pub(crate) fn record(len: usize, tag: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(31) ^ tag.wrapping_mul(167) ^ 0x5A) as u8).collect()
}

/// The invariant of `slotted` that the bytes break: its id, its text, and what was found.
pub(crate) type Broken = (&'static str, &'static str, String);

/// Reads the records of a page by the module documentation of `slotted`, and checks I1 to I5.
pub(crate) fn parse(page: &PageBuf) -> Result<BTreeMap<SlotId, Vec<u8>>, Broken> {
    let field = |at| get_u16(page, at) as usize;
    let (count, start) = (field(SLOT_COUNT_AT), field(RECORD_START_AT));
    let slots_end = SLOTS_AT + SLOT_SIZE * count;
    if slots_end > start || start > PAGE_SIZE {
        let text = "48 + 4 * slot count <= record start <= 4096";
        return Err(("I1", text, format!("{count} slots, so {slots_end}, and record start {start}")));
    }
    let (mut records, mut owner, mut free) = (BTreeMap::new(), vec![None; PAGE_SIZE], 0);
    for index in 0..count {
        let (offset, len) = (field(SLOTS_AT + SLOT_SIZE * index), field(SLOTS_AT + SLOT_SIZE * index + 2));
        if (offset, len) == (0, 0) {
            free += 1;
            continue;
        }
        if offset < start || offset + len > PAGE_SIZE {
            let text = "each record lies between record start and 4096";
            return Err(("I2", text, format!("slot {index}: {len} bytes at {offset}, record start {start}")));
        }
        for (at, byte_owner) in owner.iter_mut().enumerate().skip(offset).take(len) {
            if let Some(other) = byte_owner.replace(index) {
                return Err((
                    "I2",
                    "no two records share a byte",
                    format!("slots {other} and {index} at {at}"),
                ));
            }
        }
        records.insert(SlotId(index as u16), page[offset..offset + len].to_vec());
    }
    let dead = PAGE_SIZE - start - records.values().map(Vec::len).sum::<usize>();
    if field(DEAD_BYTES_AT) != dead {
        let text = "dead bytes = 4096 - record start - the lengths of all records";
        return Err(("I3", text, format!("{} stored, {dead} counted", field(DEAD_BYTES_AT))));
    }
    if field(FREE_SLOTS_AT) != free {
        let text = "free slots = the number of slots with offset 0";
        return Err(("I4", text, format!("{} stored, {free} counted", field(FREE_SLOTS_AT))));
    }
    if count > 0 && !records.contains_key(&SlotId((count - 1) as u16)) {
        return Err(("I5", "the last slot is used", format!("slot {} of {count} is free", count - 1)));
    }
    Ok(records)
}

/// The model of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    /// Every record under its slot.
    pub(crate) records: BTreeMap<SlotId, Vec<u8>>,
}

impl Model {
    /// Entries of the slot array: all up to the last used one (I5).
    pub(crate) fn slot_count(&self) -> usize {
        self.records.last_key_value().map_or(0, |(last, _)| last.index() + 1)
    }

    /// Slots below the last used one that are free.
    pub(crate) fn free_slots(&self) -> usize {
        self.slot_count() - self.records.len()
    }

    /// Bytes that are neither header, slot nor record.
    pub(crate) fn free_bytes(&self) -> usize {
        let used: usize = self.records.values().map(Vec::len).sum();
        PAGE_SIZE - SLOTS_AT - SLOT_SIZE * self.slot_count() - used
    }

    /// The longest record that an insert takes.
    pub(crate) fn free_space(&self) -> Option<usize> {
        self.free_bytes().checked_sub(if self.free_slots() > 0 { 0 } else { SLOT_SIZE })
    }

    /// Compares the whole `page` with the model: bytes, records, counts and free space.
    pub(crate) fn check(&self, page: &OwnedPage) {
        testkit::scene::picture(|| page.dump());
        match parse(page.bytes()) {
            Err((id, text, found)) => Failure::new(format!("invariant {id} on the page's bytes"))
                .invariant(id, text)
                .expected_text(text)
                .found_text(found)
                .raise(),
            Ok(stored) => check_eq!(stored, self.records, "the records, read from the page's bytes"),
        }
        let seen: Vec<(SlotId, Vec<u8>)> =
            page.records().map(|(slot, bytes)| (slot, bytes.to_vec())).collect();
        let expected: Vec<(SlotId, Vec<u8>)> = self.records.clone().into_iter().collect();
        check_eq!(seen, expected, "records(), in slot order");
        for index in (0..self.slot_count() + 2).chain([65_535]) {
            let slot = SlotId(index as u16);
            check_eq!(page.get(slot), self.records.get(&slot).map(Vec::as_slice), "get({slot:?})");
        }
        check_eq!(page.slot_count(), self.slot_count(), "slot_count()");
        check_eq!(page.free_slots(), self.free_slots(), "free_slots()");
        check_eq!(page.free_bytes(), self.free_bytes(), "free_bytes()");
        check_eq!(page.free_space_for_insert(), self.free_space(), "free_space_for_insert()");
        check_eq!((page.id(), page.kind()), (ID, PageKind::HEAP), "the header's page id and kind");
    }

    /// Inserts into both and compares the outcome.
    pub(crate) fn insert(&mut self, page: &mut OwnedPage, bytes: &[u8]) -> Option<SlotId> {
        step!("page.insert(&[_; {}])", bytes.len());
        let before = *page.bytes();
        let found = page.insert(bytes);
        if let Some(error) = self.why_not(bytes.len(), if self.free_slots() > 0 { 0 } else { 1 }) {
            check_eq!(found, Err(error), "insert of {} bytes", bytes.len());
            check_unchanged(page, &before);
            return None;
        }
        let Ok(slot) = found else {
            Failure::new(format!("insert of {} bytes", bytes.len()))
                .expected_text(format!("a slot, since {} bytes are free", self.free_bytes()))
                .found(found)
                .picture(page.dump())
                .raise()
        };
        check!(!self.records.contains_key(&slot), "insert returned {slot:?}, which holds another record");
        if self.free_slots() > 0 {
            check!(slot.index() < self.slot_count(), "insert returned {slot:?} while a lower slot is free");
        } else {
            check_eq!(
                slot.index(),
                self.slot_count(),
                "the slot of an insert into a page without free slots"
            );
        }
        self.records.insert(slot, bytes.to_vec());
        Some(slot)
    }

    /// Deletes from both and compares the outcome.
    pub(crate) fn delete(&mut self, page: &mut OwnedPage, slot: SlotId) {
        step!("page.delete({slot:?})");
        let before = *page.bytes();
        let expected = self.records.remove(&slot).map(|_| ()).ok_or(Error::NoRecord { slot });
        check_eq!(page.delete(slot), expected, "delete({slot:?})");
        if expected.is_err() {
            check_unchanged(page, &before);
        }
    }

    /// Inserts into a given slot of both and compares the outcome.
    pub(crate) fn insert_into(&mut self, page: &mut OwnedPage, slot: SlotId, bytes: &[u8]) {
        step!("page.insert_into({slot:?}, &[_; {}])", bytes.len());
        let before = *page.bytes();
        let new_slots = (slot.index() + 1).saturating_sub(self.slot_count());
        let expected = match self.why_not(bytes.len(), new_slots) {
            _ if self.records.contains_key(&slot) => Err(Error::SlotInUse { slot }),
            Some(error) => Err(error),
            None => Ok(()),
        };
        check_eq!(page.insert_into(slot, bytes), expected, "insert_into({slot:?}) of {} bytes", bytes.len());
        match expected {
            Ok(()) => drop(self.records.insert(slot, bytes.to_vec())),
            Err(_) => check_unchanged(page, &before),
        }
    }

    /// Updates both and compares the outcome.
    pub(crate) fn update(&mut self, page: &mut OwnedPage, slot: SlotId, bytes: &[u8]) {
        step!("page.update({slot:?}, &[_; {}])", bytes.len());
        let before = *page.bytes();
        let (len, free) = (bytes.len(), self.free_bytes());
        let expected = match self.records.get(&slot) {
            None => Err(Error::NoRecord { slot }),
            Some(_) if len > MAX_RECORD_LEN => Err(Error::RecordTooLarge { len, max: MAX_RECORD_LEN }),
            Some(old) if len > free + old.len() => {
                Err(Error::PageFull { needed: len, free: free + old.len() })
            }
            Some(_) => Ok(()),
        };
        check_eq!(page.update(slot, bytes), expected, "update({slot:?}) to {len} bytes");
        match expected {
            Ok(()) => drop(self.records.insert(slot, bytes.to_vec())),
            Err(_) => check_unchanged(page, &before),
        }
    }

    /// The error of an insert of `len` bytes that adds `new_slots` slots, if it must fail.
    fn why_not(&self, len: usize, new_slots: usize) -> Option<Error> {
        let (needed, free) = (len + SLOT_SIZE * new_slots, self.free_bytes());
        if len > MAX_RECORD_LEN {
            return Some(Error::RecordTooLarge { len, max: MAX_RECORD_LEN });
        }
        (needed > free).then_some(Error::PageFull { needed, free })
    }
}

/// Fails unless every byte of the page is as it was.
pub(crate) fn check_unchanged(page: &OwnedPage, before: &PageBuf) {
    let changed = page.bytes().iter().zip(before).position(|(now, old)| now != old);
    check_eq!(changed, None, "offset of the first byte that a failed call changed");
}

/// Offset and length of every record.
pub(crate) fn places(page: &OwnedPage) -> BTreeMap<SlotId, (u16, u16)> {
    let bytes = page.bytes();
    let place = |at| (get_u16(&bytes[..], at), get_u16(&bytes[..], at + 2));
    let slots =
        (0..page.slot_count()).map(|index| (SlotId(index as u16), place(SLOTS_AT + SLOT_SIZE * index)));
    slots.filter(|(_, place)| *place != (0, 0)).collect()
}

/// Fails if a record of `before` other than that of `changed` has moved.
pub(crate) fn check_no_other_moved(
    before: &BTreeMap<SlotId, (u16, u16)>,
    page: &OwnedPage,
    changed: SlotId,
    call: &str,
) {
    let after = places(page);
    for (slot, place) in before.iter().filter(|(slot, _)| **slot != changed) {
        let what = "offset and length of a record that the call does not change";
        check_eq!(
            after.get(slot),
            Some(place),
            "{what}, {slot}, after {call} with a gap that is wide enough"
        );
    }
}

/// A page as another program may have written it: `slots` in slot order, `None` for a free one, each record
/// with a number of dead bytes below it; `order` is the order of the records, from the end down.
#[derive(Clone)]
pub(crate) struct Foreign {
    /// Record and dead bytes below it, for each slot; `None` is a free slot.
    pub(crate) slots: Vec<Option<(Vec<u8>, usize)>>,
    /// A permutation of the slots.
    pub(crate) order: Vec<usize>,
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.slots.iter().map(|slot| slot.as_ref().map(|(bytes, dead)| (bytes.len(), dead)));
        let lengths: Vec<_> = lengths.collect();
        write!(f, "page with slots (length, dead bytes below) {lengths:?}, lying in order {:?}", self.order)
    }
}

impl Foreign {
    /// The bytes of the page. Records that do not fit and free slots at the end are left out.
    pub(crate) fn build(&self) -> Box<PageBuf> {
        let mut page = Box::new([0x77; PAGE_SIZE]);
        header::init(&mut page, ID, PageKind::HEAP);
        header::set_lsn(&mut page, Lsn(77));
        page[OWNER_AT..SLOTS_AT].fill(0x6B);
        let lowest = SLOTS_AT + SLOT_SIZE * self.slots.len();
        let (mut start, mut placed, mut dead) = (PAGE_SIZE, vec![(0, 0); self.slots.len()], 0);
        for &index in &self.order {
            let Some((bytes, gap)) = &self.slots[index] else { continue };
            if start < lowest + bytes.len() + gap {
                continue;
            }
            start -= bytes.len();
            page[start..start + bytes.len()].copy_from_slice(bytes);
            placed[index] = (start, bytes.len());
            start -= gap;
            page[start..start + gap].fill(0xDD);
            dead += gap;
        }
        while placed.last() == Some(&(0, 0)) {
            placed.pop();
        }
        let free = placed.iter().filter(|&&place| place == (0, 0)).count();
        // What was left in the gap by records that lay there before.
        page[SLOTS_AT + SLOT_SIZE * placed.len()..start].fill(0xEE);
        for (at, value) in [
            (SLOT_COUNT_AT, placed.len()),
            (FREE_SLOTS_AT, free),
            (RECORD_START_AT, start),
            (DEAD_BYTES_AT, dead),
        ] {
            put_u16(&mut page[..], at, value as u16);
        }
        for (index, (offset, len)) in placed.into_iter().enumerate() {
            put_u16(&mut page[..], SLOTS_AT + SLOT_SIZE * index, offset as u16);
            put_u16(&mut page[..], SLOTS_AT + SLOT_SIZE * index + 2, len as u16);
        }
        page
    }
}

/// Opens bytes that are a page, and the model of what they hold.
pub(crate) fn open(bytes: Box<PageBuf>) -> (OwnedPage, Model) {
    let records = parse(&bytes).expect("the test's own page keeps the invariants");
    match SlottedPage::open(bytes, PageKind::HEAP) {
        Ok(page) => (page, Model { records }),
        Err(error) => {
            Failure::new("open of a page that keeps I1 to I5").expected_text("Ok").found(error).raise()
        }
    }
}
