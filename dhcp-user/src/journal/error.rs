//! Why the journal cannot be opened, and what an operator can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::lease::Resource;

/// Why the journal cannot be opened. `Display` says what was found, where, and what an operator can
/// do about it.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another server uses the state directory.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The other server's process, if it could be told.
        pid: Option<u32>,
    },
    /// A system call failed.
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Something that was durable is not as it was written.
    Damaged {
        /// The file it was in.
        path: PathBuf,
        /// Where in the file, in octets.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A lease that this server cannot hold.
    NoPlace {
        /// The file it was in.
        path: PathBuf,
        /// What is leased.
        resource: Resource,
    },
    /// A file that must be there is not.
    Missing {
        /// The file.
        path: PathBuf,
    },
}

impl OpenError {
    pub(super) fn io(action: &'static str, path: &Path, error: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), error }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path, pid: Some(pid) } => {
                write!(f, "{}: held by another server, process {pid}", path.display())
            }
            Self::Locked { path, pid: None } => {
                write!(f, "{}: held by another server", path.display())
            }
            Self::Io { action, path, error } => {
                write!(f, "cannot {action} {}: {error}", path.display())
            }
            Self::Damaged { path, offset, what } => write!(
                f,
                "{} is damaged at offset {offset}: {what}. Leases that clients hold may be lost, so \
                 nothing was changed and no client is served. {ADVICE}",
                path.display()
            ),
            Self::NoPlace { path, resource } => write!(
                f,
                "{} has a lease of {resource}, for which this server has no place: a newer version \
                 wrote it. Nothing was changed and no client is served",
                path.display()
            ),
            Self::Missing { path } => write!(
                f,
                "{} is missing. Leases that clients hold may be lost, so nothing was changed and \
                 no client is served. {ADVICE}",
                path.display()
            ),
        }
    }
}

const ADVICE: &str = "Check the disk; then put the journal directory back from a copy, or move it \
                      away to start without any lease: clients keep theirs, so serve from other \
                      pools, or with probing on, until the longest lease has ended";

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
