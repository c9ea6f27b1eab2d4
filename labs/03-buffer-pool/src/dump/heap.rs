//! The picture of a heap.

use std::fmt::Write as _;

use kit::draw;
use slotted_page::{PageId, SlotId};

use crate::heap::chain::CircleCheck;
use crate::heap::format::{self, Stored};
use crate::{Error, HeapDamage, Pager, TableHeap};

/// Most bytes of a record that are shown.
const BYTES_SHOWN: usize = 8;

/// Draws the pages of a heap with what is in their slots.
///
/// # Errors
/// The pager's, [`Error::NotInHeap`], [`HeapDamage::Circle`]. Slots that make no sense are drawn as such.
pub fn dump_heap<P: Pager>(pager: &P, heap: &TableHeap) -> Result<String, Error> {
    let mut out = format!("heap {}\n", heap.id().0);
    let (mut id, mut circle) = (heap.id(), CircleCheck::new());
    while id != PageId::NONE {
        if circle.is_back_at(id) {
            return Err(Error::BadHeapPage { page: id, what: HeapDamage::Circle });
        }
        let bytes = pager.read(id)?;
        let page = format::view(&*bytes, heap.id())?;
        let next = format::next(&page);
        let _ = write!(
            out,
            "{id}: {} slots, {} bytes free, next {}",
            page.slot_count(),
            page.free_bytes(),
            next.0
        );
        let _ = match format::last(&page) {
            PageId::NONE => writeln!(out),
            last => writeln!(out, ", last {}", last.0),
        };
        let slots = (0..page.slot_count()).map(|index| row(index, page.get(SlotId(index as u16))));
        let rows: Vec<Vec<String>> = slots.collect();
        if !rows.is_empty() {
            out.push_str(&draw::table(&["slot", "len", "what", "data"], &rows));
        }
        id = next;
    }
    Ok(out)
}

/// One slot as a row of the table.
fn row(index: usize, bytes: Option<&[u8]>) -> Vec<String> {
    let (len, what, data) = match bytes.map(|bytes| (Stored::parse(bytes), bytes)) {
        None => (0, "free".to_string(), &[][..]),
        Some((None, bytes)) => (bytes.len(), "broken (H4)".to_string(), bytes),
        Some((Some(Stored::Home(data)), _)) => (data.len(), "record".to_string(), data),
        Some((Some(Stored::Forward(target)), _)) => {
            (0, format!("forward to {}.{}", target.page.0, target.slot.0), &[][..])
        }
        Some((Some(Stored::Moved { home, data }), _)) => {
            (data.len(), format!("moved, home {}.{}", home.page.0, home.slot.0), data)
        }
    };
    let shown = data[..data.len().min(BYTES_SHOWN)].escape_ascii().to_string();
    let dots = if data.len() > BYTES_SHOWN { "..." } else { "" };
    vec![index.to_string(), len.to_string(), what, format!("{shown}{dots}")]
}
