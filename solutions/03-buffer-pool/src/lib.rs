//! Lab 3: pages in memory, and records of a table in those pages.
//!
//! A file is larger than memory. The buffer pool keeps the pages that are in use in frames of memory, and
//! reads and writes the others when they are needed: a caller that asks for a page gets a guard, and through
//! it the bytes. The table heap keeps records of any length in such pages, each under a record id for life.
//!
//! ```text
//!   TableHeap, Scan (3.5, 3.6)     B+Tree (lab 4)
//!            |                          |
//!            +------ trait Pager -------+
//!                        |
//!                   guards (3.3)
//!                        |
//!      BufferPool (3.2, 3.4) --- FrameTable (3.1) --- HashMap, LruK
//!        |           |                                    (lab 1)
//!    FlushHook   DiskManager
//!    (lab 6)     (lab 2)
//! ```
//!
//! | file                                      | what it is                                | task     |
//! | ----------------------------------------- | ----------------------------------------- | -------- |
//! | [`frame_table`]                           | which page is where, and which may go     | 3.1, 3.4 |
//! | [`pool`], `pool/load.rs`                  | pages come in, go out and are flushed     | 3.2, 3.4 |
//! | [`guard`], `pool/write_new.rs`            | the only door to a page's bytes           | 3.3, 3.4 |
//! | [`heap`]                                  | records in a chain of pages               | 3.5      |
//! | `heap/scan.rs`: [`Scan`]                  | all records of a heap                     | 3.6      |
//! | [`pager`], [`hook`]                       | the seams to what is above and below      | given    |
//! | [`pins`], `pool/frame.rs`, `page_hash.rs` | pin counts, frames, a hash of page numbers | given    |
//! | `record_id.rs`, `error.rs`, `dump/`       | names of records, failures, text pictures | given    |
//!
//! The tasks of the pool (3.1 to 3.4) and those of the heap (3.5, 3.6) meet only in the trait [`Pager`].
//!
//! Public items are fixed: later labs and the tests use them. What is private may be replaced, also where it
//! is given, and how the work behind a public function is cut is free.

mod dump;
mod error;
pub mod frame_table;
pub mod guard;
pub mod heap;
pub mod hook;
mod page_hash;
pub mod pager;
pub mod pins;
pub mod pool;
mod record_id;

pub use dump::{dump_heap, dump_pool};
pub use error::{Error, HeapDamage};
pub use frame_table::{Access, Claim, FrameId, FrameTable, Lookup};
pub use guard::{PageReadGuard, PageWriteGuard};
pub use heap::{MAX_HEAP_RECORD_LEN, Scan, TableHeap};
pub use hook::{FlushHook, NoHook};
pub use pager::Pager;
pub use pins::PinCounts;
pub use pool::{BufferPool, Pin, PoolStats};
pub use record_id::RecordId;
