//! Lab 5: locks, deadlocks, isolation levels, a table with transactions.
//!
//! Many transactions use one table at the same time, and each of them sees what its isolation level
//! promises. A transaction locks what it reads and writes; two that lock in a circle are noticed; and what
//! it changed can be taken back.
//!
//! ```text
//!   Table, Cursor (5.6)      rows by record id, ranges of an index
//!      |        \
//!   Transaction  Index (5.5)       keys and gaps
//!      |            |
//!      |         Locker (5.2, 5.4)      the locks of one transaction
//!      |            |
//!      |         LockTable (5.1, 5.2) -- deadlock (5.3)
//!      |            |
//!   Store, Unit  LockQueue, LockMode (5.1)
//!      |
//!   heap (lab 3), B+Tree (lab 4)
//! ```
//!
//! | file                         | what it is                                        | task          |
//! | ---------------------------- | ------------------------------------------------- | ------------- |
//! | [`mode`]                     | five lock modes                                   | 5.1           |
//! | [`queue`]                    | holders and waiters of one resource               | 5.1, 5.3      |
//! | [`lock_table`]               | all queues, and threads that wait                 | 5.1, 5.2, 5.5 |
//! | [`locker`]                   | the locks of one transaction                      | 5.2, 5.4      |
//! | [`deadlock`]                 | circles are found, or never made                  | 5.3           |
//! | [`isolation`]                | what a read locks                                 | 5.4           |
//! | [`index`]                    | an index under next-key locks                     | 5.5           |
//! | [`table`], [`scan`]          | rows and indexes in transactions                  | 5.6           |
//! | [`transaction`], `undo.rs`   | commit, rollback, savepoints                      | 5.6           |
//! | [`snapshot`]                 | versions in place of locks                        | 5.7, a bonus  |
//! | [`store`]                    | the seam to what is below                         | given         |
//! | `ids.rs`, `resource.rs`, `row.rs` | names, and the format of a row           | given         |
//! | `hash.rs`, `error.rs`, `dump.rs` | a hash, failures, pictures                 | given         |

pub mod deadlock;
mod dump;
mod error;
mod hash;
mod ids;
pub mod index;
pub mod isolation;
pub mod lock_table;
pub mod locker;
pub mod mode;
pub mod queue;
mod resource;
mod row;
pub mod scan;
pub mod snapshot;
pub mod store;
pub mod table;
pub mod transaction;
mod undo;

pub use deadlock::DeadlockPolicy;
pub use dump::{QueueSnapshot, dump_locks, waits_for_svg};
pub use error::{Error, LockError, StoreError, WaitEdge};
pub use ids::{IndexId, TableId, TxnId};
pub use index::Index;
pub use isolation::{Isolation, RowLock};
pub use lock_table::{LockConfig, LockTable};
pub use locker::{Locker, TxnState};
pub use mode::LockMode;
pub use queue::{Answer, LockQueue};
pub use resource::Resource;
pub use row::MAX_ROW_LEN;
pub use scan::{Cursor, Rows, Scan};
pub use store::{Mark, MemoryStore, Store, Undo, Unit};
pub use table::{IndexKey, RowKeys, Table};
pub use transaction::{Savepoint, Transaction, Transactions};
pub use undo::Structures;
