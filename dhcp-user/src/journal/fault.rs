//! A disk that fails on command, below the running server; only with the feature `fault-injection`.
//!
//! While `<state-dir>/fault` exists, the words in it say what fails; without it nothing does.
//!
//! | word | what happens |
//! |---|---|
//! | `enospc` | nothing can be created, reserved or written: no space left |
//! | `fail-write` | a write fails with an input/output error |
//! | `short-write` | half of a write reaches the file, then it fails so |
//! | `fail-fdatasync` | a flush fails with an input/output error, after the write went through |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::disk::{Disk, File, Octets};

/// Any disk, with faults.
pub(super) struct FaultyDisk<D> {
    disk: D,
    control: Control,
}

impl<D: Disk> FaultyDisk<D> {
    pub(super) fn new(disk: D, state_dir: &Path) -> Self {
        Self { disk, control: Control(state_dir.join("fault")) }
    }
}

/// The file that says what fails.
#[derive(Clone)]
struct Control(PathBuf);

impl Control {
    fn says(&self, word: &str) -> bool {
        fs::read_to_string(&self.0)
            .is_ok_and(|words| words.split_whitespace().any(|said| said == word))
    }

    fn room(&self) -> io::Result<()> {
        if self.says("enospc") { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }
}

impl<D: Disk> Disk for FaultyDisk<D> {
    fn path(&self) -> &Path {
        self.disk.path()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Octets> {
        self.disk.read(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.control.room()?;
        let file = self.disk.create(name)?;
        Ok(Box::new(FaultyFile { file, control: self.control.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
}

struct FaultyFile {
    file: Box<dyn File>,
    control: Control,
}

impl File for FaultyFile {
    fn allocate(&self, len: u64) -> io::Result<()> {
        self.control.room()?;
        self.file.allocate(len)
    }

    fn write_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.control.room()?;
        if self.control.says("fail-write") {
            return Err(Errno::IO.into());
        }
        if self.control.says("short-write") {
            self.file.write_at(&octets[..octets.len() / 2], offset)?;
            return Err(Errno::IO.into());
        }
        self.file.write_at(octets, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.control.says("fail-fdatasync") {
            return Err(Errno::IO.into());
        }
        self.file.sync()
    }
}
