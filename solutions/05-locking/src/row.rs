//! How a row lies in the heap. Given.
//!
//! | offset | size | field                                                        |
//! | ------ | ---- | ------------------------------------------------------------ |
//! | 0      | 1    | 1 if the row is deleted, else 0                              |
//! | 1      | 2    | length of the row, little-endian                             |
//! | 3      | len  | the row                                                      |
//! | 3+len  | rest | zeros: room that the row had before, kept until the commit   |
//!
//! - R1: until its transaction has committed, a row takes at least as many bytes in the heap as it took
//!   before. So a rollback can write it back, wherever its neighbours grew meanwhile.

use buffer_pool::MAX_HEAP_RECORD_LEN;

use crate::Error;

/// Longest row of a table in bytes.
pub const MAX_ROW_LEN: usize = MAX_HEAP_RECORD_LEN - ROW_AT;

/// Where the row begins.
const ROW_AT: usize = 3;

/// A row in the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredRow<'a> {
    pub(crate) is_deleted: bool,
    pub(crate) row: &'a [u8],
    /// Bytes that it takes in the heap.
    pub(crate) len: usize,
}

/// The row as the heap keeps it, in at least `at_least` bytes.
pub(crate) fn encode(row: &[u8], at_least: usize) -> Vec<u8> {
    let len = u16::try_from(row.len()).expect("the length of a row was checked");
    let mut stored = Vec::with_capacity((ROW_AT + row.len()).max(at_least));
    stored.push(0);
    stored.extend(len.to_le_bytes());
    stored.extend_from_slice(row);
    stored.resize(stored.len().max(at_least), 0);
    stored
}

/// The row in the bytes of the heap.
///
/// # Errors
/// [`Error::Damaged`] if they hold none.
pub(crate) fn decode(stored: &[u8]) -> Result<StoredRow<'_>, Error> {
    let damaged = Error::Damaged { what: "a record of the heap is no row" };
    let Some((&[flag, low, high], rest)) = stored.split_first_chunk() else { return Err(damaged) };
    match rest.get(..usize::from(u16::from_le_bytes([low, high]))) {
        Some(row) if flag <= 1 => Ok(StoredRow { is_deleted: flag == 1, row, len: stored.len() }),
        _ => Err(damaged),
    }
}

/// Marks the row in `stored` as deleted, or takes the mark away.
///
/// # Errors
/// [`Error::Damaged`] if there is no row in it.
pub(crate) fn set_deleted(stored: &mut [u8], is_deleted: bool) -> Result<(), Error> {
    decode(stored)?;
    stored[0] = u8::from(is_deleted);
    Ok(())
}

/// # Errors
/// [`Error::RowTooLong`].
pub(crate) fn check_len(row: &[u8]) -> Result<(), Error> {
    match row.len() {
        len if len > MAX_ROW_LEN => Err(Error::RowTooLong { len, max: MAX_ROW_LEN }),
        _ => Ok(()),
    }
}
