//! The maintenance thread: what must be done now and then, and never on a worker's core.
//!
//! It ends leases whose time is up, writes snapshots, and says in the log when the journal's health
//! changes.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{error, info};

use super::instance::Instance;
use crate::dataplane::SteadyClock;
use crate::journal::{AppendError, Appender, Health, Sequence, SharedHealth, Snapshotter, Tended};
use crate::lease::{Binding, BindingStatus, Follower, ResourceId, WriterId};
use crate::server::v6::Replay;
use crate::wire::Stamp;

/// Between two rounds when nothing is waiting.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks for the end of a flush.
const FLUSH: Duration = Duration::from_millis(1);
/// Leases ended in one round: enough for a million a minute, few enough that a snapshot in progress
/// and a request to stop do not wait long.
const ENDED_PER_ROUND: usize = 4_096;

/// The running thread.
pub struct Maintenance {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    /// Begins.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn start(
        instance: Arc<Instance>,
        appender: Appender,
        snapshotter: Snapshotter,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut caretaker = Caretaker {
            follower: instance.views.follower(),
            instance,
            appender,
            snapshotter,
            clock: SteadyClock::start(),
            health: Health::Good,
            reserving: None,
            tending: true,
        };
        let thread = thread::Builder::new().name("maintenance".into()).spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                if !caretaker.round() {
                    thread::park_timeout(PAUSE);
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread, and with it its appender. A snapshot in progress is abandoned: the
    /// segments that it would have replaced are still there.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            error!("the maintenance thread had died");
        }
    }
}

/// Where the journal keeps up to where numbers of signed messages may have been told, in seconds.
const NUMBERS: &str = "dhcpv6/replay";

/// Up to where they may have been told, as the journal has it.
#[must_use]
pub fn reserved_numbers(notes: &BTreeMap<String, Vec<u8>>) -> Option<Stamp> {
    let octets = notes.get(NUMBERS)?.first_chunk()?;
    Some(Stamp(u32::from_be_bytes(*octets)))
}

/// Reserves the first numbers of a start, which waits for this one flush: who asks before is told no key, and
/// may not ask again for days. A disk that takes nothing is not waited for; the thread reserves them then.
///
/// # Errors
/// The journal does not take it.
pub fn reserve_first_numbers(
    replay: &Replay,
    now: Stamp,
    appender: &mut Appender,
    health: &SharedHealth,
) -> Result<(), AppendError> {
    let Some(until) = replay.wanted(now) else { return Ok(()) };
    let noted = appender.note(NUMBERS, &until.0.to_be_bytes())?;
    while appender.durable() < noted && health.is_good() {
        thread::sleep(FLUSH);
    }
    if appender.durable() >= noted {
        replay.reserve(until);
    }
    Ok(())
}

struct Caretaker {
    instance: Arc<Instance>,
    appender: Appender,
    follower: Follower,
    snapshotter: Snapshotter,
    clock: SteadyClock,
    /// As last seen, so that a change is said once.
    health: Health,
    /// Up to where numbers of DHCPv6 messages are being reserved, once the note of that is durable.
    reserving: Option<(Stamp, Sequence)>,
    /// Cleared when a snapshot fails, so that this too is said once; set when one succeeds.
    tending: bool,
}

impl Caretaker {
    /// One bounded round; whether the next should follow at once.
    fn round(&mut self) -> bool {
        self.watch_health();
        self.instance.drain_program_log();
        self.reserve_numbers();
        // Both are called each time: neither may starve the other.
        let sweeping = self.end_leases();
        let snapshotting = self.snapshot();
        sweeping || snapshotting
    }

    /// Has numbers for messages of DHCPv6 that are signed, where there are such.
    fn reserve_numbers(&mut self) {
        let Self { instance, appender, clock, reserving, .. } = self;
        let Some(reconfigure) = &instance.reconfigure else { return };
        let replay = &reconfigure.shared.replay;
        match *reserving {
            Some((until, noted)) if appender.durable() >= noted => {
                replay.reserve(until);
                *reserving = None;
            }
            None if instance.loaded.load().config.dhcpv6.reconfigure => {
                let until = replay.wanted(clock.now()).filter(|_| appender.room() > 0);
                *reserving = until.and_then(|until| {
                    let noted = appender.note(NUMBERS, &until.0.to_be_bytes());
                    Some((until, noted.ok()?))
                });
            }
            _ => {}
        }
    }

    /// Ends leases that are over; true if more are waiting.
    fn end_leases(&mut self) -> bool {
        let Self { instance, appender, follower, clock, .. } = self;
        let views = follower.turn();
        if !instance.health.is_good() {
            return false;
        }
        // Not more than the ring takes now, so that every change finds its place in the journal.
        let budget = appender.room().min(ENDED_PER_ROUND);
        let services = instance.services.load();
        let Some(_counting) = instance.limits.hold(services.generation()) else {
            return false; // a reload counts leases anew
        };
        let now = clock.now();
        let views = views.at(now);
        let (mut budget, mut done) = (budget, true);
        for table in instance.tables.both() {
            let changed = &mut |id: ResourceId, old: &Binding, new: &Binding| {
                // What is bound was given its number.
                let Some(resource) = table.resource(id) else { return };
                if old.status == BindingStatus::Active {
                    services.uncount_lease(&instance.limits, resource, old);
                }
                // A change that is not written is made again after a restart, by the same clock.
                let _ = appender.append(resource, new);
            };
            let sweep = table.expire(now, budget, WriterId::SWEEP, &views, changed);
            budget -= sweep.changed;
            done &= sweep.done;
        }
        !done
    }

    /// Tends segments and snapshots; true if a snapshot is half written.
    fn snapshot(&mut self) -> bool {
        match self.snapshotter.tend(&*self.instance.tables) {
            Ok(tended) => {
                self.tending = true;
                if let Tended::Written { bindings } = tended {
                    info!(bindings, "snapshot written");
                }
                tended == Tended::Working
            }
            Err(error) => {
                if std::mem::replace(&mut self.tending, false) {
                    error!(%error, "no snapshot can be written; the journal grows until one can");
                }
                false
            }
        }
    }

    fn watch_health(&mut self) {
        let health = self.instance.health.get();
        if std::mem::replace(&mut self.health, health) == health {
            return;
        }
        let reason = self.instance.health.reason().unwrap_or_default();
        match health {
            Health::Good => info!("the journal takes grants again: clients are answered"),
            Health::Full { .. } => {
                error!(reason, "the disk is full: no client is answered until there is room");
            }
            Health::Failed { .. } => error!(
                reason,
                "the journal failed: no client is answered until the disk is seen to and the \
                 server started again"
            ),
        }
    }
}
