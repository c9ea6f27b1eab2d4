//! A disk for files that are larger than memory.

use std::collections::HashMap;
use std::io;

use kit::disk::Disk;
use kit::sync::Mutex;
use slotted_page::{PAGE_SIZE, PageBuf};

/// A disk that stores only the pages that were written, so that large files need little memory.
#[derive(Default)]
pub(super) struct SparseDisk {
    state: Mutex<Sparse>,
}

/// The length, and the pages that were written.
type Sparse = (u64, HashMap<u64, Box<PageBuf>>);

impl Disk for SparseDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let state = self.state.lock();
        let available = state.0.saturating_sub(offset);
        let (page, at) = (offset / PAGE_SIZE as u64, (offset % PAGE_SIZE as u64) as usize);
        let len = buf.len().min(PAGE_SIZE - at).min(available as usize);
        match state.1.get(&page) {
            Some(bytes) => buf[..len].copy_from_slice(&bytes[at..at + len]),
            None => buf[..len].fill(0),
        }
        Ok(len)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        let (page, at) = (offset / PAGE_SIZE as u64, (offset % PAGE_SIZE as u64) as usize);
        let len = buf.len().min(PAGE_SIZE - at);
        let bytes = state.1.entry(page).or_insert_with(|| Box::new([0; PAGE_SIZE]));
        bytes[at..at + len].copy_from_slice(&buf[..len]);
        state.0 = state.0.max(offset + len as u64);
        Ok(len)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().0)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.0 = len;
        state.1.retain(|page, _| page * (PAGE_SIZE as u64) < len);
        Ok(())
    }
}
