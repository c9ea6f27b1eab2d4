//! Whole pages over a [`Disk`] that may move fewer bytes than asked.
//!
//! Called by the disk manager alone. A read or write may be *short* or `Interrupted` (rules D1 and D4 of
//! [`kit::disk`]), and a page may lie past the end of the file; here, and nowhere above, that is dealt with.
//!
//! - F1: a page is read whole or not at all: the end of the file inside a page is an error, never zeros.
//! - F2: `Ok(0)` moved nothing and never will: it is not repeated. `Interrupted` says to try again, and is repeated as
//!   often as it comes.

use std::io;

use kit::disk::Disk;

use crate::{Corruption, Error, PAGE_SIZE, PageBuf, PageId};

/// Reads page `id` into `page`, without looking at what it holds.
///
/// # Errors
/// [`Corruption::PastEnd`] if the file ends before or inside the page, with the number of bytes there were;
/// [`Error::Io`] if the disk failed. `Interrupted` is not a failure. On error the bytes of `page` may be anything.
///
/// # Cost
/// One `read_at` if the disk gives all bytes at once.
pub(crate) fn read_whole(disk: &dyn Disk, id: PageId, page: &mut PageBuf) -> Result<(), Error> {
    //# task 2.6 read a whole page
    //+ // Nudge: what does `Ok(0)` mean for a read?
    let mut done = 0;
    while done < PAGE_SIZE {
        match disk.read_at(id.offset() + done as u64, &mut page[done..]) {
            Ok(0) => return Err(Corruption::PastEnd { page: id, found: done }.into()),
            Ok(moved) => done += moved,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
    //# end
}

/// Writes `page` as it stands in the place of page `id`.
///
/// # Errors
/// [`Error::Io`] if the disk failed; part of the page may have been written. `Interrupted` is not a failure. A write
/// that moves nothing is one, of kind `WriteZero`.
///
/// # Cost
/// One `write_at` if the disk takes all bytes at once.
pub(crate) fn write_whole(disk: &dyn Disk, id: PageId, page: &PageBuf) -> Result<(), Error> {
    //# task 2.6 write a whole page
    //+ // Nudge: what must `Ok(0)` not lead to?
    let mut done = 0;
    while done < PAGE_SIZE {
        match disk.write_at(id.offset() + done as u64, &page[done..]) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            Ok(moved) => done += moved,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
    //# end
}
