//! Lab 2: how a database lays its bytes in a file.
//!
//! A file is a row of pages of 4,096 bytes. A page holds records, a record holds a row, and an index
//! finds rows by keys whose bytes sort as their values do.
//!
//! ```text
//!   row values --> codec --> record --> SlottedPage --> seal --> DiskManager
//!                  (2.4)     bytes      (2.1 - 2.3)     (2.5)    (2.6)  file
//! ```
//!
//! | file                                | what it is                                          | task     |
//! | ----------------------------------- | --------------------------------------------------- | -------- |
//! | `ids.rs`, `error.rs`, [`header`]    | page, slot and log numbers; failures; page header   | given    |
//! | [`slotted`]                         | records of any length in one page                   | 2.1-2.3  |
//! | [`checksum`]                        | CRC32C, sealing and verifying a page                | 2.5      |
//! | `dump.rs`                           | text picture of a page                              | given    |

pub mod checksum;
mod dump;
mod error;
pub mod header;
mod ids;
pub mod slotted;

pub use checksum::{crc32c, crc32c_append, page_checksum, seal, verify};
pub use dump::dump_page;
pub use error::{Corruption, Error, IoError};
pub use header::PageKind;
pub use ids::{Lsn, PageId, SlotId};
pub use slotted::{MAX_RECORD_LEN, MAX_SLOTS, OWNER_SIZE, Records, SlottedPage};

/// Length of every page in bytes: the size of a memory page, and of what most drives write at once.
pub const PAGE_SIZE: usize = 4096;

/// The bytes of one page. Functions take `&PageBuf`, so a slice of the wrong length is a type error and
/// no code needs to check for one.
pub type PageBuf = [u8; PAGE_SIZE];
