//! A page number that is given out again while the call that freed it has not returned yet.

use buffer_pool::Pager;
use slotted_page::PageId;
use testkit::check_eq;

use crate::pool_support::{
    Journal, KIND, check_frames, check_reads, fill, joined, make, must, pool_over, spawn_visit, visit,
};

/// One thread frees a page, one brings in another and may push the first out for it, one makes a new page and
/// may be given the number: the new page is not taken for the freed one.
#[testkit::test]
fn a_new_page_is_not_taken_for_the_freed_one() {
    testkit::schedule::pct(1_000, 3, || {
        let (tap, pool, ids) = pool_over(3, 3);
        let old = make(&pool);
        // Worth more than the page that is to go.
        (0..2).for_each(|_| [ids[0], ids[2]].iter().for_each(|id| visit(&pool, *id)));
        let page = must(pool.write(old), "write");
        let journal = Journal::default();
        let reader = spawn_visit(&journal, "reader", &pool, ids[1]);
        let below = pool.clone();
        let maker = journal.spawn("maker", move |journal| {
            journal.call("maker", "allocate", || {
                let mut page = below.allocate(KIND)?;
                fill(&mut page, 71);
                Ok::<PageId, buffer_pool::Error>(page.id())
            })
        });
        check_eq!(journal.call("main", &format!("free({old})"), || pool.free(page)), Ok(()), "free");
        let new = joined("allocate", maker);
        joined("pin", reader);
        check_reads(&pool, new, 71);
        check_eq!(pool.sync(), Ok(()), "sync");
        check_eq!(tap.tag_on_disk(new), Some(71), "the new page on the disk");
        check_frames(&pool, &ids);
    });
}
