//! The row codec: the values of one row as one record of bytes.
//!
//! Code that stores typed rows calls it: the users of the table heap, and the operators of lab 8. The bytes
//! of a row contain the number of columns but not their types, so the [`Schema`] that wrote a row must read
//! it.
//!
//! # The format
//!
//! ```text
//!   0       2          fixed_start   ends_start      data_start        len
//!   +-------+----------+-------------+---------------+----------+------+
//!   | count | null map | fixed part  | end  end  end | text | bytes |.. |
//!   +-------+----------+-------------+---------------+----------+------+
//!                        8 8 1 8 ...   u16 each:  ----^--------^
//! ```
//!
//! | offset | size | field | meaning |
//! | --- | --- | --- | --- |
//! | 0 | 2 | count | number of columns, `u16` |
//! | 2 | ceil(count / 8) | null map | bit `i % 8` (lowest first) of byte `i / 8` is 1 if column `i` is NULL |
//! | `fixed_start` | sum of sizes | fixed part | Bool 1 byte (0 or 1), Int 8, Float 8, in column order |
//! | `ends_start` | 2 each | ends | the end of each Text or Bytes value, from the row's first byte, `u16` |
//! | `data_start` | the rest | data | the Text and Bytes values one after the other, in column order |
//!
//! Integers are little-endian, floats are their bits. A variable value begins where the one before it ends,
//! the first at `data_start`. So the place of each column is computed from the schema and at most two ends,
//! without reading the columns before it. For this the variable values come last, after the table of their
//! ends.
//!
//! # Invariants
//!
//! - C1: a row has exactly one encoding: spare bits of the null map are 0, a NULL's fixed bytes are 0, a
//!   NULL's variable value is empty, the last end is the length of the row.
//! - C2: decoding never panics and never reads outside the row: every length is checked before it is used.
//! - C3: decoding returns the encoded values with the same bits, also `-0.0` and the bits of a NaN.
//!
//! # What is left out, and its price
//!
//! Ends of 16 bits limit rows to [`MAX_ROW_LEN`] bytes. A page holds far less, so larger values would need
//! overflow pages, which these labs do not build. A NULL of a fixed type still takes its bytes in the fixed
//! part. The row does not contain its types, so adding a column means rewriting the table.
//!
//! Source: the tuple layout of CMU 15-445 lecture "Database Storage", and SQL Server's FixedVar row format;
//! compare SQLite's record format (sqlite.org/fileformat2.html, section 2.1), which must walk a header to
//! find a column.

use thiserror::Error;

use crate::error::Error;
use crate::value::{ColumnType, Value};

/// Longest encoded row, in bytes: the largest value of a 16-bit end.
pub const MAX_ROW_LEN: usize = u16::MAX as usize;

/// The greatest number of columns of a row.
pub const MAX_COLUMNS: usize = 1024;

/// Number of bytes of the column count.
const COUNT_LEN: usize = 2;

/// Number of bytes of one end.
const END_LEN: usize = 2;

/// The types of a row's columns, and where each column's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    types: Vec<ColumnType>,
    places: Vec<Place>,
    fixed_start: usize,
    ends_start: usize,
    data_start: usize,
}

/// Where a column's bytes are in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the fixed part.
    Fixed {
        /// Offset of the value from the row's first byte.
        offset: usize,
        /// Bytes of the value: 1 or 8.
        len: usize,
    },
    /// Among the variable values.
    Variable {
        /// Which of the variable values, counted from 0.
        index: usize,
    },
}

/// Why some bytes are not a row of the schema that reads them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowFault {
    /// There are fewer bytes than the parts before the data need.
    #[error("the row has {found} bytes, but a row of this schema has at least {needed}")]
    TooShort {
        /// Number of bytes of count, null map, fixed part and ends.
        needed: usize,
        /// Number of bytes of the row.
        found: usize,
    },
    /// The row was written with another number of columns.
    #[error("the row has {found} columns, but the schema has {expected}")]
    Count {
        /// Columns of the schema.
        expected: usize,
        /// The column count in the row.
        found: usize,
    },
    /// A bit of the null map after the last column is set.
    #[error("the last byte of the null map is {byte:#04x}, but its unused bits must be 0")]
    SpareBits {
        /// The last byte of the null map.
        byte: u8,
    },
    /// A column is NULL but has bytes.
    #[error("column {column} is NULL, but its bytes are not zero or not empty")]
    NullNotEmpty {
        /// The column.
        column: usize,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("column {column} is a bool, but its byte is {byte:#04x}")]
    BadBool {
        /// The column.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// A variable value ends before it begins, or is not inside the row.
    #[error("column {column} begins at {start} and ends at {end} in a row of {len} bytes")]
    BadEnd {
        /// The column.
        column: usize,
        /// Offset of its first byte.
        start: usize,
        /// Offset after its last byte.
        end: usize,
        /// Bytes of the row.
        len: usize,
    },
    /// Text that is not UTF-8.
    #[error("the text of column {column} is UTF-8 only for its first {valid_len} bytes")]
    NotUtf8 {
        /// The column.
        column: usize,
        /// Number of bytes of the value before the first invalid one.
        valid_len: usize,
    },
    /// There are bytes after the last value.
    #[error("the last value ends at {expected}, but the row has {found} bytes")]
    TrailingBytes {
        /// Offset at which the last value ends.
        expected: usize,
        /// Number of bytes of the row.
        found: usize,
    },
}

impl Schema {
    /// A schema of the columns `types`, in order. `types` may be empty.
    ///
    /// # Errors
    /// [`Error::TooManyColumns`] for more than [`MAX_COLUMNS`].
    pub fn new(types: &[ColumnType]) -> Result<Schema, Error> {
        if types.len() > MAX_COLUMNS {
            return Err(Error::TooManyColumns { found: types.len(), max: MAX_COLUMNS });
        }
        let fixed_start = COUNT_LEN + types.len().div_ceil(8);
        let mut offset = fixed_start;
        let mut variable_count = 0;
        let mut places = Vec::with_capacity(types.len());
        for column_type in types {
            if let Some(len) = column_type.fixed_len() {
                places.push(Place::Fixed { offset, len });
                offset += len;
            } else {
                places.push(Place::Variable { index: variable_count });
                variable_count += 1;
            }
        }
        let data_start = offset + variable_count * END_LEN;
        Ok(Schema { types: types.to_vec(), places, fixed_start, ends_start: offset, data_start })
    }

    /// The columns' types, in order.
    pub fn types(&self) -> &[ColumnType] {
        &self.types
    }

    /// Where each column's bytes are, in order.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Offset of the fixed part: the count and the null map come before it.
    pub fn fixed_start(&self) -> usize {
        self.fixed_start
    }

    /// Offset of the first end.
    pub fn ends_start(&self) -> usize {
        self.ends_start
    }

    /// Offset of the first variable value; also the length of the shortest row.
    pub fn data_start(&self) -> usize {
        self.data_start
    }

    /// Appends the row `values` to `out`.
    ///
    /// # Requires
    /// Nothing: wrong values are an error.
    ///
    /// # Ensures
    /// On success `out` has its old bytes, followed by the bytes of the format above, which
    /// [`Schema::decode`] turns into `values` again (C1, C3). On error `out` is not changed. Ends count
    /// from the row's first byte, not from the start of `out`.
    ///
    /// # Errors
    /// [`Error::ColumnCount`] if the numbers of values and columns differ, [`Error::ColumnType`] if a value
    /// is neither NULL nor of its column's type, [`Error::RowTooLarge`] if the row would be longer than
    /// [`MAX_ROW_LEN`].
    ///
    /// # Cost
    /// O(bytes written).
    pub fn encode(&self, values: &[Value], out: &mut Vec<u8>) -> Result<(), Error> {
        // Nudge: check everything before you append the first byte.
        // Nudge: how long is the row? Compute it as a usize, compare, and only then cast to u16.
        todo!("task 2.4: write a row")
    }

    /// The values of the row `bytes`, which must have no further bytes.
    ///
    /// # Requires
    /// Nothing: `bytes` may be anything.
    ///
    /// # Ensures
    /// Never panics (C2). If it succeeds, encoding the result gives `bytes` again (C1).
    ///
    /// # Errors
    /// [`Error::Row`] with the first [`RowFault`] in this order: `TooShort`, `Count`, `SpareBits`; then for
    /// each column in turn `BadEnd`, and after that `NullNotEmpty`, `BadBool` or `NotUtf8`; at last
    /// `TrailingBytes`.
    ///
    /// # Cost
    /// O(bytes).
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Value>, Error> {
        // Nudge: which parts may you index without a check, if `data_start <= bytes.len()`?
        todo!("task 2.4: read a row")
    }

    /// The value of one column of the row `bytes`. The other columns are not read.
    ///
    /// # Requires
    /// Nothing: `bytes` may be anything.
    ///
    /// # Ensures
    /// Never panics (C2). If [`Schema::decode`] accepts the row, the value is the same as there. If `decode`
    /// refuses it, the result is an error or a value: only the length, the count and this column are checked.
    /// So a value may even begin in the header, if the end of the column before it is wrong.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`]; [`Error::Row`] if the length, the count or this column is wrong.
    ///
    /// # Cost
    /// O(bytes of this value), for any number of columns.
    pub fn decode_column(&self, bytes: &[u8], column: usize) -> Result<Value, Error> {
        todo!("task 2.4: read one column of a row")
    }
}
