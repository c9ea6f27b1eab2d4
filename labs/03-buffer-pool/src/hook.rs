//! What must happen before a page reaches the disk: the seam to the log of lab 6. Given.
//!
//! A log is of use only if the record of a change is on disk before the page that holds the change
//! (write-ahead logging). The pool writes the pages, so the pool calls the hook.

use slotted_page::{IoError, Lsn, PageId};

/// Called by the pool before it writes a changed page. In lab 6 the log is flushed here, up to the page's
/// LSN.
pub trait FlushHook: Send + Sync {
    /// `page` is about to be written; the last log record that changed it is `lsn`. The write happens only
    /// after `Ok`. No lock of the pool is held, and no thread changes the page meanwhile. The hook must not
    /// ask the pool for a page.
    ///
    /// # Errors
    /// The page is not written, stays in the pool, and the call that caused the write returns the error.
    fn before_write(&self, page: PageId, lsn: Lsn) -> Result<(), IoError>;
}

/// The hook of a pool without a log: does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl FlushHook for NoHook {
    fn before_write(&self, _page: PageId, _lsn: Lsn) -> Result<(), IoError> {
        Ok(())
    }
}
