//! Makes folders equal to what is wanted, touching nothing that is already right (I1).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::Files;

/// Writes `bytes` to `path` unless they are there; whether it wrote.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// Makes `folder` hold exactly `files`.
pub fn write_folder(folder: &Path, files: &Files) -> Result<()> {
    remove_stale(folder, folder, files)?;
    for (path, bytes) in files {
        write_file(&folder.join(path), bytes)?;
    }
    Ok(())
}

/// Removes what `files` does not have; a folder where a file belongs is removed too.
fn remove_stale(root: &Path, folder: &Path, files: &Files) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let relative = path.strip_prefix(root).expect("read_dir gives paths below the folder");
        if entry.file_type()?.is_dir() {
            if files.keys().any(|file| file.starts_with(relative) && file != relative) {
                remove_stale(root, &path, files)?;
            } else {
                fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
        } else if !files.contains_key(relative) || entry.file_type()?.is_symlink() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect()
    }

    /// Rewriting equal bytes would make cargo compile again.
    #[test]
    fn an_unchanged_file_keeps_its_time() {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &files(&[("src/a.rs", "a"), ("src/b.rs", "b")])).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH;
        for name in ["src/a.rs", "src/b.rs"] {
            let file = fs::File::options().write(true).open(dir.path().join(name)).unwrap();
            file.set_modified(old).unwrap();
        }
        write_folder(dir.path(), &files(&[("src/a.rs", "a"), ("src/b.rs", "changed")])).unwrap();
        let time = |name| fs::metadata(dir.path().join(name)).unwrap().modified().unwrap();
        assert_eq!(time("src/a.rs"), old);
        assert_ne!(time("src/b.rs"), old);
    }

    /// A module that was renamed must not be found under its old name.
    #[test]
    fn stale_files_and_folders_go() {
        let dir = tempfile::tempdir().unwrap();
        write_folder(dir.path(), &files(&[("a/b/c.rs", "1"), ("d.rs", "2"), ("e", "3")])).unwrap();
        write_folder(dir.path(), &files(&[("d.rs", "2"), ("e/f.rs", "4")])).unwrap();
        assert!(!dir.path().join("a").exists());
        assert_eq!(fs::read(dir.path().join("e/f.rs")).unwrap(), b"4");
        write_folder(dir.path(), &files(&[("e", "5")])).unwrap();
        assert_eq!(fs::read(dir.path().join("e")).unwrap(), b"5");
        assert!(!dir.path().join("d.rs").exists());
    }
}
