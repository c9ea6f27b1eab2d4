//! A table heap: the chain of pages and the records in it (lab 3, task 3.5).

use std::collections::BTreeMap;

use super::{HEAP, PAGE, Rid, kind, kind_name, page_with_header, rid_at, slotted, u32_at};

const FORWARD: u8 = 0x80;
const MOVED: u8 = 0x81;
/// Tag and record id.
const FORWARD_LEN: usize = 7;

/// What is in a heap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeapWalk {
    /// The pages, along the chain.
    pub pages: Vec<u32>,
    /// The records by record id, forwards followed.
    pub records: BTreeMap<Rid, Vec<u8>>,
    /// Forwards: from where to where.
    pub forwards: BTreeMap<Rid, Rid>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// Records that moved: by where they are, their home and their bytes.
type Moved<'b> = BTreeMap<Rid, (Rid, &'b [u8])>;

/// Walks over the heap whose first page is `first`, along the chain.
pub fn heap_walk(bytes: &[u8], first: u32) -> HeapWalk {
    let mut walk = HeapWalk::default();
    let mut moved = Moved::new();
    let mut last_stored = 0;
    let (mut id, mut from) = (first, None);
    let most_pages = bytes.len() / PAGE;
    let mut seen = vec![false; most_pages];
    while id != 0 {
        if seen.get(id as usize).is_some_and(|seen| *seen) {
            walk.problems
                .push(format!("page {} of heap {first} leads back to page {id}", from.unwrap_or(id)));
            break;
        }
        let Some(page) = page_with_header(bytes, id, &mut walk.problems) else { break };
        if kind(page) != HEAP {
            let found = kind_name(kind(page));
            walk.problems.push(format!("page {id} of heap {first} is of kind {found}"));
            break;
        }
        seen[id as usize] = true;
        walk.pages.push(id);
        let owner = walk.page(id, page, &mut moved);
        let (heap, last) = (u32_at(owner, 4), u32_at(owner, 8));
        if heap != first {
            walk.problems.push(format!("page {id} names heap {heap}, and is in the chain of heap {first}"));
        }
        if id == first {
            last_stored = last;
        } else if last != 0 {
            walk.problems
                .push(format!("page {id}, not the first of heap {first}, says that the last page is {last}"));
        }
        if owner[12..16] != [0; 4] {
            walk.problems.push(format!("page {id}: the unused bytes of the owner's are not 0"));
        }
        (id, from) = (u32_at(owner, 0), Some(id));
    }
    if let Some(last) = walk.pages.last().filter(|last| **last != last_stored) {
        walk.problems.push(format!("heap {first} says that its last page is {last_stored}, it is {last}"));
    }
    walk.resolve(&moved);
    walk
}

impl HeapWalk {
    /// Takes the records of one page in, and returns the owner's bytes.
    fn page<'b>(&mut self, id: u32, page: &'b [u8], moved: &mut Moved<'b>) -> &'b [u8] {
        let slotted = slotted(page);
        self.problems.extend(slotted.problems.iter().map(|problem| format!("page {id} {problem}")));
        for (slot, record) in slotted.records.iter().enumerate() {
            let rid = (id, slot as u16);
            match record {
                None => {}
                Some([FORWARD, rest @ ..]) if rest.len() == 6 => {
                    self.forwards.insert(rid, rid_at(rest, 0));
                }
                Some([MOVED, rest @ ..]) if rest.len() >= 6 => {
                    moved.insert(rid, (rid_at(rest, 0), &rest[6..]));
                }
                Some(bytes) => self.at_home(rid, bytes),
            }
        }
        slotted.owner
    }

    fn at_home(&mut self, rid: Rid, bytes: &[u8]) {
        let padding = bytes.first().copied().map(usize::from);
        match padding {
            Some(padding) if padding < FORWARD_LEN && bytes.len() > padding => {
                if bytes.len() < FORWARD_LEN {
                    let len = bytes.len();
                    self.problems.push(format!(
                        "record {}.{} is {len} bytes long: no forward fits in its place",
                        rid.0, rid.1
                    ));
                }
                self.records.insert(rid, bytes[1..bytes.len() - padding].to_vec());
            }
            _ => self.problems.push(format!("record {}.{} has no sound tag", rid.0, rid.1)),
        }
    }

    /// Each forward has its body, each body its forward.
    fn resolve(&mut self, moved: &Moved<'_>) {
        for (home, target) in &self.forwards {
            match moved.get(target) {
                Some((named, bytes)) if named == home => {
                    self.records.insert(*home, bytes.to_vec());
                }
                Some((named, _)) => self.problems.push(format!(
                    "the forward at {}.{} leads to {}.{}, whose home is {}.{}",
                    home.0, home.1, target.0, target.1, named.0, named.1
                )),
                None => self.problems.push(format!(
                    "the forward at {}.{} leads to {}.{}, where no moved record is",
                    home.0, home.1, target.0, target.1
                )),
            }
        }
        for (place, (home, _)) in moved {
            if self.forwards.get(home) != Some(place) {
                self.problems.push(format!(
                    "the record moved to {}.{} has its home at {}.{}, which does not lead to it",
                    place.0, place.1, home.0, home.1
                ));
            }
        }
    }
}
