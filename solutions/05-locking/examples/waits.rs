//! A deadlock of three transactions, from a live lock table: as text, and as the drawing of the handout.
//!
//! `cargo run -p locking --example waits` prints the text; with the name of a file it also writes the drawing
//! there. Tasks 5.1 and 5.2 must be done, and `blockers` of task 5.3.

use buffer_pool::RecordId;
use kit::sync::{Arc, thread};
use locking::{
    DeadlockPolicy, LockConfig, LockMode, LockTable, Resource, TableId, TxnId, dump_locks, waits_for_svg,
};
use slotted_page::{PageId, SlotId};

fn main() -> std::io::Result<()> {
    // Nobody looks for circles, so that there is time to draw one.
    let config = LockConfig { policy: DeadlockPolicy::Patient, ..LockConfig::default() };
    let locks = Arc::new(LockTable::new(config));
    let row = |slot| Resource::Row(TableId(1), RecordId { page: PageId(3), slot: SlotId(slot) });
    for number in 1..=3 {
        locks.lock(TxnId(number), &row(number as u16), LockMode::X).expect("nobody else is there");
    }
    let waits = [(1, 2, LockMode::S), (2, 3, LockMode::X), (3, 1, LockMode::X), (4, 1, LockMode::S)];
    let threads = waits.map(|(number, slot, mode)| {
        let (table, row) = (Arc::clone(&locks), row(slot));
        let thread = thread::spawn(move || {
            let result = table.lock(TxnId(number), &row, mode);
            table.unlock_all(TxnId(number));
            result.is_ok()
        });
        while !locks.is_waiting(TxnId(number)) {
            thread::yield_now();
        }
        thread
    });
    print!("{}", dump_locks(&locks));
    let drawing = waits_for_svg(&locks);
    locks.cancel(TxnId(2));
    for thread in threads {
        thread.join().expect("a wait ends");
    }
    match std::env::args().nth(1) {
        Some(path) => std::fs::write(path, drawing),
        None => Ok(()),
    }
}
