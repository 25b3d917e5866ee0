//! What the journal asks of a disk, and the real one.
//!
//! What it assumes: what was written before a successful [`File::sync`] stays; of what was written
//! after it any part may be there after a crash, in pieces of any size; a rename is there wholly or
//! not at all, and stays after [`Disk::sync_dir`]; blocks that are not written do not change.

use std::fs;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::{OpenError, map};

/// A directory of files, each known by its name.
pub trait Disk: Send + Sync {
    /// The directory, as an operator knows it.
    fn path(&self) -> &Path;
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// All octets of a file.
    fn read(&self, name: &str) -> io::Result<Octets>;
    /// A new, empty file; one of that name is emptied.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// A file that is there, as it is.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Gives a file another name; one that had it is gone.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names durable: creations, renames, removals.
    fn sync_dir(&self) -> io::Result<()>;
}

/// A file being written.
pub trait File: Send {
    /// Makes it `len` octets long, with room for all of them: what it has beyond is given up, what it
    /// lacks reads as zeros.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Writes all octets.
    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable: `fdatasync`.
    fn sync(&self) -> io::Result<()>;
}

/// A file's octets, for as long as this lives.
pub enum Octets {
    /// Mapped, read when touched.
    Mapped(memmap2::Mmap),
    /// In memory.
    Owned(Vec<u8>),
}

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(octets) => octets,
        }
    }
}

/// The journal's directory in a state directory of the host, and the lock on that.
pub(super) struct RealDisk {
    path: PathBuf,
    _lock: Lock,
}

/// Where a state directory keeps its journal.
pub(super) fn directory(state_dir: &Path) -> PathBuf {
    state_dir.join("journal")
}

impl RealDisk {
    /// Locks the state directory, and creates what is not there, for its owner alone.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another server has it.
    pub(super) fn open(state_dir: &Path) -> Result<Self, OpenError> {
        let path = directory(state_dir);
        let make = |path: &Path| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|error| OpenError::io("create", path, error))
        };
        make(state_dir)?;
        let lock = Lock::take(state_dir)?;
        make(&path)?;
        // The directory's own name must last as well.
        let synced = fs::File::open(state_dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| OpenError::io("flush", state_dir, error))?;
        Ok(Self { path, _lock: lock })
    }
}

impl Disk for RealDisk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Octets> {
        let file = fs::File::open(self.path.join(name))?;
        // An empty file cannot be mapped.
        if file.metadata()?.len() == 0 {
            return Ok(Octets::Owned(Vec::new()));
        }
        map::file(&file).map(Octets::Mapped)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Box::new(RealFile(options.open(self.path.join(name))?)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().write(true).open(self.path.join(name))?;
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn allocate(&self, len: u64) -> io::Result<()> {
        let before = self.0.metadata()?.len();
        if before > len {
            self.0.set_len(len)?;
        }
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), 0, len) {
            // Not every file system can; then the zeros are written, once for a segment.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let zeros = vec![0; 1 << 20];
                let mut at = before;
                while at < len {
                    let piece = (len - at).min(zeros.len() as u64);
                    self.0.write_all_at(&zeros[..piece as usize], at)?;
                    at += piece;
                }
                Ok(())
            }
            done => Ok(done?),
        }
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(octets, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Whether an error says that there is no room: on the disk, in a quota, in the file-size limit, or
/// for one more open file. Then nothing is wrong with the disk, and later there may be room.
pub(super) fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let code = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        || matches!(code, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn only_a_want_of_room_is_waited_for() {
        let is_waited_for = |code: Errno| is_full(&code.into());
        for code in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::MFILE, Errno::NFILE] {
            assert!(is_waited_for(code), "{code}");
        }
        for code in [Errno::IO, Errno::ROFS, Errno::NODEV, Errno::ACCESS] {
            assert!(!is_waited_for(code), "{code}");
        }
    }
}
