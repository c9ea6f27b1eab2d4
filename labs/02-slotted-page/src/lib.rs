//! Lab 2: how a database lays its bytes in a file.
//!
//! A file is a sequence of pages of 4,096 bytes. A page holds records, and a record holds a row. An index
//! finds rows by keys: strings of bytes that sort in the same order as the values.
//!
//! ```text
//!   row values --> codec --> record --> SlottedPage --> seal --> DiskManager
//!                  (2.4)     bytes      (2.1 - 2.3)     (2.5)    (2.6)  file
//! ```
//!
//! | file                                | what it is                                          | task     |
//! | ----------------------------------- | --------------------------------------------------- | -------- |
//! | `ids.rs`, `error.rs`, [`header`]    | page, slot and log numbers; errors; page header     | given    |
//! | [`slotted`]                         | records of any length in one page                   | 2.1-2.3  |
//! | [`checksum`]                        | CRC32C, sealing and verifying a page                | 2.5      |
//! | [`value`]                           | values, column types, and the order they sort in    | given    |
//! | [`row_codec`]                       | rows as records of bytes                            | 2.4      |
//! | [`key_codec`]                       | tuples as bytes that compare like the tuples        | 2.4      |
//! | [`disk_manager`]                    | the file: allocate, free, read, write, sync, open   | 2.6      |
//! | `file_io.rs`                        | its part: reads and writes of whole pages           | 2.6      |
//! | `allocation.rs`, `free_map.rs`      | its parts: the allocation state on disk, in memory  | 2.6      |
//! | `dump.rs`                           | text pictures of pages, rows, keys, files           | given    |

mod allocation;
pub mod checksum;
pub mod disk_manager;
mod dump;
mod error;
mod file_io;
mod free_map;
pub mod header;
mod ids;
pub mod key_codec;
pub mod row_codec;
pub mod slotted;
pub mod value;

pub use checksum::{crc32c, crc32c_append, page_checksum, seal, verify};
pub use disk_manager::{DiskManager, DiskStats};
pub use dump::{dump_disk, dump_key, dump_page, dump_row};
pub use error::{Corruption, Error, IoError};
pub use header::PageKind;
pub use ids::{Lsn, PageId, SlotId};
pub use key_codec::{KeyFault, SortOrder, decode_key, encode_key, prefix_end, push_value, read_value};
pub use row_codec::{MAX_COLUMNS, MAX_ROW_LEN, RowFault, Schema};
pub use slotted::{MAX_RECORD_LEN, MAX_SLOTS, OWNER_SIZE, Records, SlottedPage};
pub use value::{ColumnType, Value};

/// Length of every page in bytes. Memory pages have this size, and most drives write this many bytes at once.
pub const PAGE_SIZE: usize = 4096;

/// The bytes of one page. Functions take `&PageBuf`, so a slice of the wrong length is a type error, and no
/// code has to check the length.
pub type PageBuf = [u8; PAGE_SIZE];
