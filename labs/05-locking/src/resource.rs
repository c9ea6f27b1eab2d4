//! What can be locked. Given.
//!
//! ```text
//!                   Table(1)
//!             /        |           \
//!     Row(1, 3.4)   Key(1.0, b)   Gap(1.0, b)   End(1.0)
//!
//!     keys of an index       a         b              f
//!                       -----|---------|--------------|----------->
//!     what names them   Gap(a)  Gap(b)      Gap(f)        End
//! ```
//!
//! A key can be locked whether the index has an entry for it or not. A gap has the name of the key above it:
//! `Gap(f)` is all keys between `f` and the largest key that the index has below `f`.

use std::fmt;

use buffer_pool::RecordId;
use kit::sync::Arc;

use crate::{IndexId, TableId};

/// Something that a transaction locks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A table with all its rows and indexes.
    Table(TableId),
    /// A row.
    Row(TableId, RecordId),
    /// A key of an index, and all entries that have it.
    Key(IndexId, Arc<[u8]>),
    /// The keys between this key and the next smaller one of the index, both excluded.
    Gap(IndexId, Arc<[u8]>),
    /// The keys above the last one of the index.
    End(IndexId),
}

impl Resource {
    /// The table that it belongs to.
    pub fn table(&self) -> TableId {
        match self {
            Resource::Table(table) | Resource::Row(table, _) => *table,
            Resource::Key(index, _) | Resource::Gap(index, _) | Resource::End(index) => index.table,
        }
    }

    /// True for a part of a table: everything but [`Resource::Table`].
    pub fn is_part(&self) -> bool {
        !matches!(self, Resource::Table(_))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Table(table) => write!(f, "{table}"),
            Resource::Row(table, row) => write!(f, "row {}.{} of {table}", row.page.0, row.slot.0),
            Resource::Key(index, key) => write!(f, "key {} of {index}", ShownKey(key)),
            Resource::Gap(index, key) => write!(f, "gap below {} of {index}", ShownKey(key)),
            Resource::End(index) => write!(f, "end of {index}"),
        }
    }
}

/// Most bytes of a key that are shown.
const SHOWN: usize = 16;

/// A key as a person reads it: text in quotes if it is text, else hexadecimal; cut if it is long.
struct ShownKey<'a>(&'a [u8]);

impl fmt::Display for ShownKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        if shown.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            write!(f, "'{}'", String::from_utf8_lossy(shown))?;
        } else {
            f.write_str("0x")?;
            shown.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        if self.0.len() > SHOWN { write!(f, ".. ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}
