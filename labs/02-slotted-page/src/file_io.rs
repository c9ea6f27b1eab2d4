//! Reads and writes whole pages on a [`Disk`] that may transfer fewer bytes than requested.
//!
//! Only the disk manager calls this. A read or write may be *short* or `Interrupted` (rules D1 and D4 of
//! [`kit::disk`]), and a page may be after the end of the file. Only this file handles these cases.
//!
//! - F1: a page is read whole or not at all: if the file ends inside a page, the result is an error, not
//!   zeros.
//! - F2: a call that returned `Ok(0)` is not repeated, because it would transfer nothing again. A call that
//!   returned `Interrupted` is repeated, as often as that happens.

use std::io;

use kit::disk::Disk;

use crate::{Corruption, Error, PAGE_SIZE, PageBuf, PageId};

/// Reads page `id` into `page`. It does not check the content.
///
/// # Errors
/// [`Corruption::PastEnd`] with the number of bytes found if the file ends before or inside the page;
/// [`Error::Io`] if the disk failed. `Interrupted` is not an error. After an error `page` may hold any bytes.
///
/// # Cost
/// One `read_at` if the disk returns all bytes at once.
pub(crate) fn read_whole(disk: &dyn Disk, id: PageId, page: &mut PageBuf) -> Result<(), Error> {
    // Nudge: what does `Ok(0)` mean for a read?
    todo!("task 2.6: read a whole page")
}

/// Writes the bytes of `page` to the place of page `id`. It does not seal the page.
///
/// # Errors
/// [`Error::Io`] if the disk failed; part of the page may have been written. `Interrupted` is not an error. A
/// write that returns `Ok(0)` is an error of kind `WriteZero`.
///
/// # Cost
/// One `write_at` if the disk takes all bytes at once.
pub(crate) fn write_whole(disk: &dyn Disk, id: PageId, page: &PageBuf) -> Result<(), Error> {
    // Nudge: what happens in your loop if every write returns `Ok(0)`?
    todo!("task 2.6: write a whole page")
}
