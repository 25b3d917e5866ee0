//! Stable storage: what was granted outlives the process, the machine's power and a torn write.
//!
//! A worker appends each changed binding, whole, to a ring of its own; one commit thread gathers all
//! rings into a batch, writes it, flushes once, and publishes to every worker how far its records
//! are durable. Whatever arrives during a flush goes out with the next one, so batches grow with the
//! load by themselves. Records are whole bindings with a version, and of two the higher one holds:
//! replay is idempotent, and order between workers does not matter.
//!
//! ```text
//!  worker ── ring ──┐                       journal/segment-0000000000000007   being written
//!  worker ── ring ──┼─ commit thread ────▶  journal/segment-0000000000000008   prepared ahead
//!  control ─ ring ──┘
//!  maintenance ─────── snapshotter ──────▶  journal/snapshot-0000000000000007  all before segment 7
//! ```
//!
//! Besides bindings it keeps notes, small named octet strings of which the newest of a name holds.
//!
//! A start maps the newest snapshot, replays the segments after it and goes on in a new segment:
//! [`Journal::open`], then [`Recovery::load`], which gives the parts to hand to their threads.

mod append;
mod batch;
mod bell;
mod commit;
#[cfg(test)]
mod crash;
mod disk;
mod error;
mod health;
mod lock;
mod map;
mod notes;
mod record;
mod recovery;
mod replay;
mod ring;
mod segment;
#[cfg(test)]
mod simulated;
mod snapshot;
mod snapshotter;
mod spare;
mod sync;
mod table;
mod usage;

use std::path::Path;
use std::sync::Arc;

pub use append::{AppendError, Appender, Sequence};
pub use commit::Committer;
pub use disk::{Disk, File, Octets};
pub use error::OpenError;
pub use health::{Health, SharedHealth};
pub use record::{MAX_CLIENT_LEN, MAX_NAME_LEN, MAX_NOTE_LEN, MAX_RECORD_LEN};
pub use recovery::{Recovered, Recovery, Store, Torn};
pub use snapshotter::{Cursor, Snapshotter, Source, Tended};
pub use usage::Usage;

use crate::config::model;

/// An open journal, in parts that go to different threads.
pub struct Journal {
    /// One for each thread that changes bindings, as many as [`Journal::open`] was asked for.
    pub appenders: Vec<Appender>,
    /// For the commit thread.
    pub committer: Committer,
    /// For the maintenance thread.
    pub snapshotter: Snapshotter,
    /// For everyone who answers clients or reports.
    pub health: Arc<SharedHealth>,
}

impl Journal {
    /// Locks the state directory, and creates what is not there, for its owner alone. It stays
    /// locked until all that comes of this is dropped.
    ///
    /// # Errors
    /// [`OpenError::Locked`] if another server has it.
    pub fn open(
        state_dir: &Path,
        settings: &model::Journal,
        appenders: usize,
    ) -> Result<Recovery, OpenError> {
        let disk = disk::RealDisk::open(state_dir)?;
        Ok(Self::open_on(Arc::new(disk), settings, appenders))
    }

    /// The same on any disk: a simulated one, in tests.
    pub fn open_on(disk: Arc<dyn Disk>, settings: &model::Journal, appenders: usize) -> Recovery {
        Recovery::new(disk, *settings, appenders)
    }
}
