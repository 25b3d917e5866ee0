//! One server for each state directory: a lock that ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::OpenError;

const NAME: &str = "lock";

/// The state directory is this process's until this is dropped. The file stays, with the process
/// number in it for whoever is refused; only the lock on it (`flock`) counts.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// # Errors
    /// [`OpenError::Locked`] with the holder's process number, if another server has it.
    pub(super) fn take(state_dir: &Path) -> Result<Self, OpenError> {
        let path = state_dir.join(NAME);
        let io = |error| OpenError::io("lock", &path, error);
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only for the text: whatever is in the file, the directory is taken.
                let _ = (&file).take(32).read_to_string(&mut holder);
                return Err(OpenError::Locked { path, pid: holder.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_by_the_number_of_the_first_until_that_one_ends() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(dir.path()).unwrap();
        let refused = Lock::take(dir.path()).err().expect("one lock only");
        let text = refused.to_string();
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        drop(first);
        assert!(Lock::take(dir.path()).is_ok());
    }
}
