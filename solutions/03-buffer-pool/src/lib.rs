//! Lab 3: pages in memory, and records of a table in those pages.

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
pub mod scan;

pub use dump::{dump_heap, dump_pool};
pub use error::{Error, HeapDamage};
pub use frame_table::{Access, Claim, FrameId, FrameTable, Lookup};
pub use guard::{PageReadGuard, PageWriteGuard};
pub use heap::{MAX_HEAP_RECORD_LEN, TableHeap};
pub use hook::{FlushHook, NoHook};
pub use pager::Pager;
pub use pins::PinCounts;
pub use pool::{BufferPool, Pin, PoolStats};
pub use record_id::RecordId;
pub use scan::Scan;
