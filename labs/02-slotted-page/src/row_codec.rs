//! The row codec: the values of one row as one record of bytes.
//!
//! Called by whoever stores typed rows (the table heap's users, lab 8's operators); calls nothing. A row
//! knows how many columns it has but not their types: the [`Schema`] that wrote it must read it.
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
//! | 2 | ceil(count / 8) | null map | bit `i % 8` (lowest first) of byte `i / 8` is 1 when column `i` is NULL |
//! | `fixed_start` | sum of fixed sizes | fixed part | Bool 1 byte (0 or 1), Int 8, Float 8, in column order |
//! | `ends_start` | 2 per variable column | ends | where each Text or Bytes value ends, from the row's first byte, `u16` |
//! | `data_start` | the rest | data | the Text and Bytes values one after the other, in column order |
//!
//! Integers are little-endian, floats are their bits. A variable value begins where the one before it ends, the
//! first at `data_start`. So each column is found with arithmetic and at most two 2-byte reads, whatever
//! stands before it: that is why the variable values come last, behind a table of ends.
//!
//! # Invariants
//!
//! - C1: a row has exactly one encoding: spare bits of the null map are 0, a NULL's fixed bytes are 0, a
//!   NULL's variable value is empty, the last end is the length of the row.
//! - C2: decoding never panics and never reads outside the row: every length is checked before it is used.
//! - C3: what was encoded comes back bit by bit, `-0.0` and the bits of a NaN included.
//!
//! # What is left out, and its price
//!
//! Ends of 16 bits keep rows at [`MAX_ROW_LEN`] bytes; a page holds far less, so larger values need overflow
//! pages, which these labs do not build. A NULL still takes the room of its fixed part. The row does not
//! carry its types, so adding a column means rewriting the table.
//!
//! Source: the tuple layout of CMU 15-445 lecture "Database Storage", and SQL Server's FixedVar row format; compare
//! SQLite's record format (sqlite.org/fileformat2.html, section 2.1), which must walk a header to find a column.

use thiserror::Error;

use crate::error::Error;
use crate::value::{ColumnType, Value};

/// Longest encoded row, in bytes: the largest value of a 16-bit end.
pub const MAX_ROW_LEN: usize = u16::MAX as usize;

/// Most columns a row may have.
pub const MAX_COLUMNS: usize = 1024;

/// Bytes of the column count in front.
const COUNT_LEN: usize = 2;

/// Bytes of one end.
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

/// Why bytes are not a row of the schema that was to read them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowFault {
    /// Fewer bytes than the parts before the data need.
    #[error("{found} bytes, but a row of this schema has at least {needed}")]
    TooShort {
        /// Bytes that count, null map, fixed part and ends take.
        needed: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The row was written with another number of columns.
    #[error("row of {found} columns read with a schema of {expected}")]
    Count {
        /// Columns of the schema.
        expected: usize,
        /// Columns the row says it has.
        found: usize,
    },
    /// A bit of the null map behind the last column is set.
    #[error("last byte of the null map is {byte:#04x}, its spare bits must be 0")]
    SpareBits {
        /// The last byte of the null map.
        byte: u8,
    },
    /// A column is NULL but has bytes.
    #[error("column {column} is NULL but its bytes are not empty")]
    NullNotEmpty {
        /// The column.
        column: usize,
    },
    /// A boolean that is neither 0 nor 1.
    #[error("column {column} is a bool with byte {byte:#04x}")]
    BadBool {
        /// The column.
        column: usize,
        /// The byte.
        byte: u8,
    },
    /// A variable value that ends before it begins, or outside the row.
    #[error("column {column} goes from {start} to {end} in a row of {len} bytes")]
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
    #[error("column {column} is text that is not UTF-8 after {valid_len} bytes")]
    NotUtf8 {
        /// The column.
        column: usize,
        /// Bytes of the value that are valid.
        valid_len: usize,
    },
    /// Bytes behind the last value.
    #[error("row ends at {expected}, but there are {found} bytes")]
    TrailingBytes {
        /// Where the last value ends.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
}

impl Schema {
    /// A schema of the columns `types`, in order. No columns at all is allowed.
    ///
    /// # Errors
    /// [`Error::TooManyColumns`] above [`MAX_COLUMNS`].
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
    /// Nothing: wrong values are refused.
    ///
    /// # Ensures
    /// On success `out` is what it was followed by the bytes of the format above, which [`Schema::decode`] turns
    /// back into `values` (C1, C3). On error `out` is unchanged. Ends count from the row's first byte,
    /// not from the front of `out`.
    ///
    /// # Errors
    /// [`Error::ColumnCount`] if there are not as many values as columns, [`Error::ColumnType`] if a value is neither
    /// NULL nor of its column's type, [`Error::RowTooLarge`] if the row would be longer than [`MAX_ROW_LEN`].
    ///
    /// # Cost
    /// O(bytes written).
    pub fn encode(&self, values: &[Value], out: &mut Vec<u8>) -> Result<(), Error> {
        // Nudge: check everything before you append the first byte.
        // Nudge: how long is the row? Work it out in usize, compare, and only then cast to u16.
        todo!("task 2.4: write a row")
    }

    /// The values of the row that is exactly `bytes`.
    ///
    /// # Requires
    /// Nothing: `bytes` may be anything.
    ///
    /// # Ensures
    /// Never panics (C2). If it succeeds, encoding the result gives `bytes` again (C1).
    ///
    /// # Errors
    /// [`Error::Row`] with the first [`RowFault`] in this order: too short, another column count, spare bits set; then
    /// column by column, in a column first an end out of order or out of the row, then a NULL with bytes, a bad bool, or
    /// text that is not UTF-8; last, bytes behind the last value.
    ///
    /// # Cost
    /// O(bytes).
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Value>, Error> {
        // Nudge: what may you index without a check, once you know `data_start <= bytes.len()`?
        todo!("task 2.4: read a row")
    }

    /// The value of one column of the row `bytes`, without looking at the others.
    ///
    /// # Requires
    /// Nothing: `bytes` may be anything.
    ///
    /// # Ensures
    /// Never panics (C2). For a row that [`Schema::decode`] accepts, the same value as there. For bytes that it
    /// refuses, either an error or a value: only the length, the count and this column's own bytes are checked.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`]; [`Error::Row`] if what it looks at is wrong.
    ///
    /// # Cost
    /// O(bytes of this value), whatever the number of columns.
    pub fn decode_column(&self, bytes: &[u8], column: usize) -> Result<Value, Error> {
        todo!("task 2.4: read one column of a row")
    }
}
