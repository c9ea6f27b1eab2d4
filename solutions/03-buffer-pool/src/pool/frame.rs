//! A frame: the bytes of one page, with what goes with them. Given.

use kit::sync::RwLock;
use kit::sync::atomic::{AtomicBool, Ordering};
use slotted_page::{PAGE_SIZE, PageBuf};

/// Room for one page.
pub(crate) struct Frame {
    /// The page's bytes under the page's latch.
    pub(crate) bytes: RwLock<PageBuf>,
    /// True if the bytes are newer than those on disk.
    is_dirty: AtomicBool,
}

impl Frame {
    /// A frame without a page.
    pub(crate) fn new() -> Self {
        Frame { bytes: RwLock::new([0; PAGE_SIZE]), is_dirty: AtomicBool::new(false) }
    }

    /// True if the bytes are newer than those on disk.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_dirty.load(Ordering::Acquire)
    }

    /// Says whether the bytes are newer than those on disk. Only under the latch.
    pub(crate) fn set_dirty(&self, is_dirty: bool) {
        self.is_dirty.store(is_dirty, Ordering::Release);
    }
}
