//! What the kernel refused, and what was asked of it.

use std::{fmt, io};

/// A system call of the AF_XDP layer that failed.
#[derive(Debug)]
pub struct XskError {
    /// The call, and the option where it has one.
    pub call: &'static str,
    /// What the kernel said.
    pub source: io::Error,
}

impl XskError {
    /// The call that this thread made last.
    pub(super) fn last(call: &'static str) -> Self {
        Self { call, source: io::Error::last_os_error() }
    }

    /// `result` as system calls give it: negative for an error that `errno` tells.
    pub(super) fn check(call: &'static str, result: i32) -> Result<i32, Self> {
        if result < 0 { Err(Self::last(call)) } else { Ok(result) }
    }
}

impl fmt::Display for XskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call, self.source)
    }
}

impl std::error::Error for XskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
