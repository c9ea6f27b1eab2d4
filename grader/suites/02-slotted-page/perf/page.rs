//! Workloads of the slotted page: how many records fit and how long an insert takes (task 2.1), and repeated
//! deletes and inserts (task 2.2).

use slotted_page::{PAGE_SIZE, PageBuf, PageId, PageKind, SlotId, SlottedPage};
use testkit::perf::{Digest, Workload};

/// Records in the count of pages.
const FILL_RECORDS: usize = 20_000;
/// Pages filled with short records in a round.
const INSERT_PAGES: usize = 100;
/// Pages that churn.
const CHURN_PAGES: usize = 4;
/// Records that every design puts into a page of records of 8 to 40 bytes, and more.
const FULL_PAGE: usize = 90;
/// Records deleted from each page in a round.
const CHURN_DELETES: usize = 1_000;

/// The workloads of tasks 2.1 and 2.2.
pub(crate) fn workloads() -> Vec<Workload> {
    vec![
        Workload::counted("page-fill", pages_filled),
        Workload::timed("page-insert", || {
            let mut bytes: Box<PageBuf> = Box::new([0; PAGE_SIZE]);
            Box::new(move || {
                let mut digest = Digest::new();
                for number in 0..INSERT_PAGES {
                    let mut page = SlottedPage::init(&mut *bytes, PageId(number as u32), PageKind::HEAP);
                    while page.insert(&[number as u8; 8]).is_ok() {}
                    let last = SlotId(page.record_count() as u16 - 1);
                    digest.add(page.record_count() as u64);
                    digest.add(page.get(last).map_or(0, |record| u64::from(record[7])));
                }
                digest
            })
        }),
        Workload::timed("page-churn", || {
            let mut pages: Vec<PageBuf> = vec![[0; PAGE_SIZE]; CHURN_PAGES];
            Box::new(move || {
                let mut digest = Digest::new();
                for (number, bytes) in pages.iter_mut().enumerate() {
                    digest.join(churn(bytes, number as u64));
                }
                digest
            })
        }),
    ]
}

/// Numbers that look random and are the same everywhere.
struct Noise(u64);

impl Noise {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 33) as usize % bound
    }
}

/// Pages that [`FILL_RECORDS`] records take, each put into the last page, or a new one if it is full.
fn pages_filled() -> f64 {
    let mut noise = Noise(1);
    let mut bytes = [0; PAGE_SIZE];
    let mut pages = 1;
    let mut page = SlottedPage::init(&mut bytes, PageId(1), PageKind::HEAP);
    for _ in 0..FILL_RECORDS {
        // Mostly short, so that slot entries matter; sometimes a long one.
        let len = if noise.below(10) == 0 { noise.below(1_500) } else { noise.below(60) };
        let record = &[7; 1_500][..len];
        if page.insert(record).is_err() {
            pages += 1;
            page = SlottedPage::init(page.into_inner(), PageId(pages), PageKind::HEAP);
            page.insert(record).expect("an empty page takes 1,500 bytes");
        }
    }
    f64::from(pages)
}

/// Fills a page, then deletes one record and inserts until the page is full again, many times. When a page is
/// full depends on the design, by a few bytes, and so does which record is deleted. The digest holds what
/// does not: each record is there, as it was put in, and there are many.
fn churn(bytes: &mut PageBuf, seed: u64) -> Digest {
    let mut noise = Noise(seed);
    let mut page = SlottedPage::init(bytes, PageId(1), PageKind::HEAP);
    let mut slots: Vec<(SlotId, usize)> = Vec::with_capacity(1_024);
    let mut digest = Digest::new();
    let mut len = 24;
    for _ in 0..CHURN_DELETES {
        while let Ok(slot) = page.insert(&[3; 64][..len]) {
            slots.push((slot, len));
            len = 8 + noise.below(33);
        }
        // The choice of the record does not depend on the slots that a design chooses.
        digest.add((slots.len() >= FULL_PAGE).into());
        let (victim, len) = slots.swap_remove(noise.below(slots.len()));
        digest.add(page.get(victim).is_some_and(|record| record == &[3; 64][..len]).into());
        page.delete(victim).expect("the slot is in use");
    }
    let is_right = |(slot, len): &(SlotId, usize)| page.get(*slot) == Some(&[3; 64][..*len]);
    digest.add(slots.iter().all(is_right).into());
    digest
}
