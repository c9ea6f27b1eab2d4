//! The bytes under the database.
//!
//! [`Disk`] is what a file offers and no more: positioned reads and writes that may be *short*, a
//! `sync` before which nothing is durable, and a length. [`FileDisk`] is a real file, [`MemDisk`] is
//! memory for tests and examples. The grader puts its own disk here, one that loses unsynced
//! writes, tears them, and counts every call. A [`Folder`] holds several disks under names.
//!
//! Rules that every implementation keeps:
//!
//! - D1: `read_at` and `write_at` move *at least one and at most* `buf.len()` bytes and return how many; the
//!   caller goes on with the rest. A read at or past the end returns 0.
//! - D2: a write past the end makes the file longer; bytes between the old end and the write are zero.
//! - D3: what was written before a `sync` that returned `Ok` survives a crash. Of later writes any
//!   part may survive, in any order.
//! - D4: an error of kind `Interrupted` means nothing was moved and the call may be made again.

mod folder;

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::sync::RwLock;

pub use folder::{FileFolder, Folder, MAX_NAME, MemFolder, check_name};

/// A growable array of bytes that may survive a crash.
pub trait Disk: Send + Sync {
    /// Reads into `buf` from byte `offset` and returns how many bytes were read: possibly fewer
    /// than `buf.len()`, and 0 only at the end of the file or for an empty `buf`.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes from `buf` at byte `offset` and returns how many bytes were written: possibly fewer
    /// than `buf.len()`. A full disk is an error of kind `StorageFull`.
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize>;

    /// Makes every earlier write and length change durable. After an error nothing is known about
    /// the writes since the last successful sync, and a second `sync` does not bring them back.
    fn sync(&self) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True if the length is 0.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file to `len` bytes, or makes it longer with zero bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;
}

/// A file.
#[derive(Debug)]
pub struct FileDisk {
    file: File,
}

impl FileDisk {
    /// Opens the file at `path` for reading and writing, and creates it if it is not there. The name of a
    /// file that was created is not durable before its folder is synced: use a [`FileFolder`] where that
    /// matters.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        Ok(FileDisk { file })
    }
}

impl Disk for FileDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buf, offset)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::write_at(&self.file, buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// A disk in memory: nothing survives the value itself, `sync` does nothing.
#[derive(Debug, Default)]
pub struct MemDisk {
    bytes: RwLock<Vec<u8>>,
}

impl MemDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// A disk that holds `bytes`.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        MemDisk { bytes: RwLock::new(bytes) }
    }

    /// A copy of all bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bytes.read().clone()
    }
}

impl Disk for MemDisk {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bytes.read();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let len = buf.len().min(bytes.len() - start);
        buf[..len].copy_from_slice(&bytes[start..start + len]);
        Ok(len)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut bytes = self.bytes.write();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
        let end = start.checked_add(buf.len()).ok_or(io::ErrorKind::StorageFull)?;
        grow(&mut bytes, end)?;
        bytes[start..end].copy_from_slice(buf);
        Ok(buf.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.bytes.write();
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::StorageFull)?;
        bytes.truncate(len);
        grow(&mut bytes, len)
    }
}

/// Makes `bytes` at least `len` long, or fails as a full disk does.
fn grow(bytes: &mut Vec<u8>, len: usize) -> io::Result<()> {
    if len > bytes.len() {
        bytes.try_reserve(len - bytes.len()).map_err(|_| io::ErrorKind::StorageFull)?;
        bytes.resize(len, 0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaves_like_a_file(disk: &dyn Disk) {
        assert_eq!(disk.len().unwrap(), 0);
        assert_eq!(disk.write_at(4, b"data").unwrap(), 4);
        assert_eq!(disk.len().unwrap(), 8);
        let mut buf = [9; 16];
        assert_eq!(disk.read_at(0, &mut buf).unwrap(), 8);
        assert_eq!(&buf[..8], b"\0\0\0\0data");
        assert_eq!(disk.read_at(8, &mut buf).unwrap(), 0);
        assert_eq!(disk.read_at(1 << 40, &mut buf).unwrap(), 0);
        disk.set_len(5).unwrap();
        disk.set_len(6).unwrap();
        assert_eq!(disk.read_at(4, &mut buf).unwrap(), 2);
        assert_eq!(&buf[..2], b"d\0");
        disk.sync().unwrap();
    }

    #[test]
    fn memory_disk_behaves_like_a_file() {
        behaves_like_a_file(&MemDisk::new());
    }

    #[test]
    fn file_disk_behaves_like_a_file() {
        let path = std::env::temp_dir().join(format!("kit-disk-{}", std::process::id()));
        let disk = FileDisk::open(&path).unwrap();
        behaves_like_a_file(&disk);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn memory_disk_reports_a_size_nobody_has_as_a_full_disk() {
        let disk = MemDisk::new();
        assert_eq!(disk.write_at(u64::MAX - 1, b"xyz").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.set_len(u64::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
