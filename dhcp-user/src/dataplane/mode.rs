//! What the rest of the program may ask of the data plane besides starting it.

use std::fmt;
use std::io;

use crate::config::Config;

/// How packets reach us on one interface.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// XDP in the driver, AF_XDP rings.
    Native,
    /// XDP above the driver, AF_XDP rings.
    Generic,
    /// AF_PACKET sockets alone.
    Socket,
}

/// What one interface came up with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceMode {
    /// The kernel's name of it.
    pub interface: String,
    /// How packets reach us on it.
    pub mode: Mode,
    /// Whether the driver puts packets into our memory itself.
    pub zero_copy: bool,
    /// Receive queues with a ring on each.
    pub queues: usize,
    /// Workers that serve it.
    pub workers: usize,
    /// Why it is not a better mode; empty if there is none or none was wanted.
    pub why_not_better: String,
}

/// Why the data plane did not start. Nothing is left attached.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The operating system refused something without which there is no serving.
    System {
        /// What was tried, and on what.
        attempt: String,
        /// What it said.
        source: io::Error,
    },
    /// The mode that the configuration insists on does not work here.
    Mode {
        /// On which interface.
        interface: String,
        /// Which mode.
        mode: Mode,
        /// Why.
        reason: String,
    },
    /// Workers and what was made for them differ in number: a mistake of the caller's.
    Workers {
        /// As [`cores`] says.
        expected: usize,
        /// Handed in.
        found: usize,
    },
}

/// The cores that workers will be pinned to, ascending: one worker each. Those that the interfaces
/// name, and where one names none, every core this process may run on.
///
/// # Errors
/// Whatever `sched_getaffinity` says.
pub fn cores(config: &Config) -> Result<Vec<usize>, StartError> {
    let mut cores: Vec<usize> =
        config.interfaces.iter().flat_map(|interface| interface.workers.iter().copied()).collect();
    if config.interfaces.iter().any(|interface| interface.workers.is_empty()) {
        cores.extend(super::affinity::allowed().map_err(|source| StartError::System {
            attempt: "sched_getaffinity".to_owned(),
            source,
        })?);
    }
    cores.sort_unstable();
    cores.dedup();
    Ok(cores)
}

/// Leaves the workers' cores to them: the calling thread, and all that it starts from now on but the
/// workers, run on others, if there are any. A worker that has to share its core takes no packets
/// meanwhile, and those that come are lost once its ring is full.
pub fn keep_off_workers(config: &Config) {
    let kept_off = cores(config)
        .map_err(|error| error.to_string())
        .and_then(|cores| super::affinity::keep_off(&cores).map_err(|error| error.to_string()));
    if let Err(error) = kept_off {
        tracing::warn!(%error, "other threads may run on the workers' cores");
    }
}

impl Mode {
    /// As the configuration and status call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "xdp",
            Self::Generic => "xdp-generic",
            Self::Socket => "socket",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { attempt, source } => {
                write!(f, "{attempt}: {source}")?;
                if source.kind() == io::ErrorKind::PermissionDenied {
                    f.write_str("; start as root, or with the capabilities of tandem.service")?;
                }
                Ok(())
            }
            Self::Mode { interface, mode, reason } => {
                write!(f, "interface {interface} cannot be served in mode {mode}: {reason}")
            }
            Self::Workers { expected, found } => {
                write!(f, "{found} workers' worth of counters or journal for {expected} workers")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::Mode { .. } | Self::Workers { .. } => None,
        }
    }
}
