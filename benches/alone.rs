//! One measurement at a time in a directory: two would disturb each other, and share files.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Held until it goes, however that comes.
#[derive(Debug)]
pub(crate) struct Alone {
    _lock: File,
}

impl Alone {
    /// # Errors
    /// If another measurement uses this directory.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let lock = File::create(directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("another measurement uses {}", directory.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context("the directory's lock"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_refused_while_the_first_measures() {
        let directory = tempfile::tempdir().unwrap();
        let first = Alone::in_directory(directory.path()).unwrap();
        assert!(Alone::in_directory(directory.path()).is_err());
        drop(first);
        Alone::in_directory(directory.path()).unwrap();
    }
}
