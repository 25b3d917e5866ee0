//! A running server as the control thread sees it: the parts it reads, and the configuration in
//! force.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::clock::{self, rfc3339};
use super::filter::Filter;
use super::leases::Subnets;
use super::listing::Listing;
use super::partners::Partners;
use super::reconfigure::Reconfigurer;
use super::relationship::Relationship;
use super::status::{
    Configuration, Interface, Journal, Latencies, Latency, Limit, Packets, Pool, Reconfigure,
    Status,
};
use crate::config::model::{Allocator, Protocol};
use crate::config::{Config, model};
use crate::dataplane::{self, Count, Counters, InterfaceMode, Percentiles, Running};
use crate::failover;
use crate::journal::{Health, SharedHealth, Usage};
use crate::lease::{Limits, PoolCounts, PoolId, SharedViews, Tables};
use crate::server::v6::Progress;
use crate::server::{DropReason, Services};
use crate::wire::dhcpv6::Duid;
use crate::wire::{Ipv6Prefix, Stamp};

/// What the server is made of, shared between its threads.
pub struct Instance {
    /// The file that the configuration came from.
    pub file: PathBuf,
    /// When clients were first answered.
    pub started: Stamp,
    /// Every lease.
    pub tables: Arc<Tables>,
    /// Who the server is to clients of DHCPv6, where that is served.
    pub duid: Option<Duid>,
    /// Clients that are told to come back, where DHCPv6 is served.
    pub reconfigure: Option<Reconfigurer>,
    /// Leases of each subscriber.
    pub limits: Arc<Limits>,
    /// What workers answer by; a reload replaces it.
    pub services: Arc<ArcSwap<Services>>,
    /// What workers count.
    pub counters: Arc<Counters>,
    /// What workers measure.
    pub latencies: Arc<dataplane::Latencies>,
    /// Whether grants can be made durable.
    pub health: Arc<SharedHealth>,
    /// What may be done with the addresses of each relationship; the failover thread replaces it.
    pub views: Arc<SharedViews>,
    /// The relationships.
    pub partners: Partners,
    /// What each interface came up with.
    pub interfaces: Vec<InterfaceMode>,
    /// The workers and what they hold; nothing once they have stopped.
    pub dataplane: Mutex<Option<Running>>,
    /// The configuration in force.
    pub loaded: ArcSwap<Loaded>,
    /// Reloads that took effect.
    pub reloads: AtomicU64,
    /// Reloads that were refused.
    pub reloads_refused: AtomicU64,
}

/// A configuration in force.
pub struct Loaded {
    /// Itself.
    pub config: Config,
    /// Its subnets by address.
    pub subnets: Arc<Subnets>,
    /// Since when.
    pub at: Stamp,
}

impl Loaded {
    /// `config`, in force since `at`.
    #[must_use]
    pub fn new(config: Config, at: Stamp) -> Self {
        Self { subnets: Arc::new(Subnets::of(&config)), config, at }
    }
}

impl Instance {
    /// A listing of the leases that `filter` takes.
    #[must_use]
    pub fn listing(&self, filter: Filter) -> Listing {
        Listing::new(Arc::clone(&self.tables), Arc::clone(&self.loaded.load().subnets), filter)
    }

    /// Puts `services`, which count leases otherwise than those before, in their place, and counts
    /// anew which subscriber holds how many.
    pub fn recount_by(&self, services: Services) {
        let services = Arc::new(services);
        self.limits.recount(services.generation(), |limits| {
            self.services.store(Arc::clone(&services));
            services.count_all(limits, &self.tables);
        });
    }

    /// Passes on to the log what the XDP programs had to say.
    pub fn drain_program_log(&self) {
        if let Some(running) = &mut *self.dataplane() {
            running.drain_log();
        }
    }

    /// Has the XDP programs go by the service and the views that are in force, and the workers look at
    /// them: to be called after every change of either.
    pub fn tell_programs(&self) {
        if let Some(running) = &mut *self.dataplane() {
            running.set_services(&self.services.load(), &self.views.load());
        }
    }

    /// Takes no request any more, and ends the workers once the disk has what they wait for.
    pub fn stop_dataplane(&self) {
        let running = self.dataplane().take();
        if let Some(running) = running {
            running.stop();
        }
    }

    /// How the server is doing. Waits some milliseconds for workers to hand over latencies.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = clock::now();
        let loaded = self.loaded.load();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: rfc3339(self.started),
            uptime_s: u64::from(now.since(self.started).0),
            serving: self.health.is_good(),
            server_duid: self.duid.as_ref().map(Duid::to_string),
            configuration: Configuration {
                file: self.file.display().to_string(),
                loaded: rfc3339(loaded.at),
                reloads: self.reloads.load(Relaxed),
                reloads_refused: self.reloads_refused.load(Relaxed),
            },
            interfaces: self.interfaces.iter().map(Interface::from).collect(),
            packets: self.packets(),
            pools: self.pools(&loaded.config),
            latency: Latencies {
                wire_to_wire: self.latencies.wire_to_wire().into(),
                waiting_for_disk: self.latencies.waiting_for_disk().into(),
            },
            journal: self.journal(&loaded.config),
            limits: loaded.config.limits.iter().map(Limit::from).collect(),
            failover: self.relationships(),
            reconfigure: self.reconfigure.as_ref().map(|it| it.progress().into()),
        }
    }

    /// How the relationships with partners are, in the file's order.
    #[must_use]
    pub fn relationships(&self) -> Vec<Relationship> {
        let now = clock::now();
        let loaded = self.loaded.load();
        let of = |status: &failover::Status| {
            let configured =
                loaded.config.failover.iter().find(|it| it.terms.name == status.name)?;
            let layout = self.tables.serving(configured.terms.protocol).layout();
            Some(Relationship::new(now, status, configured, &layout))
        };
        self.partners.status().iter().filter_map(of).collect()
    }

    fn packets(&self) -> Packets {
        let mut packets = Packets::default();
        for &count in Count::ALL {
            let name = count.name();
            let (group, what) = match name.split_once('-') {
                Some(("received", what)) => (&mut packets.received, what),
                Some(("sent", what)) => (&mut packets.sent, what),
                Some(("dropped", what)) => (&mut packets.dropped, what),
                _ => (&mut packets.waited, name),
            };
            group.insert(what.to_owned(), self.counters.get(count));
        }
        for reason in DropReason::ALL {
            let [of_v4, of_v6] = [Protocol::Dhcpv4, Protocol::Dhcpv6]
                .map(|protocol| self.counters.dropped(protocol, reason.index()));
            *packets.dropped.entry(reason.name().to_owned()).or_default() += of_v4 + of_v6;
            packets.dropped_dhcpv6.insert(reason.name().to_owned(), of_v6);
        }
        let running = self.dataplane();
        let losses = running.as_ref().map(Running::losses).unwrap_or_default();
        packets.lost = [
            ("ring-full", losses.ring_full),
            ("no-frame", losses.no_frame),
            ("refused", losses.refused),
            ("buffer-full", losses.buffer_full),
        ]
        .map(|(what, count)| (what.to_owned(), count))
        .into();
        let programs = running.as_ref().map(Running::verdicts).unwrap_or_default();
        for (verdict, count) in programs.into_iter().flat_map(|program| program.counts) {
            *packets.verdicts.entry(verdict.name().to_owned()).or_default() += count;
        }
        packets
    }

    /// A panic elsewhere under the lock leaves workers that run or none.
    fn dataplane(&self) -> MutexGuard<'_, Option<Running>> {
        self.dataplane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pools(&self, config: &Config) -> Vec<Pool> {
        let mut pools = Vec::new();
        for network in &config.networks {
            for pool in network.subnets.iter().flat_map(|subnet| &subnet.pools) {
                let counts = self.tables.ipv4.counts(PoolId::of(pool));
                pools.push(Pool::new(&network.name, pool.first, pool.last, counts));
            }
        }
        let layout = self.tables.ipv6.layout();
        for network in &config.networks6 {
            for subnet in &network.subnets {
                for pool in &subnet.pools {
                    let Some(id) = layout.pool_named(pool) else { continue };
                    let split = layout.fixed_owner(id.0).is_some();
                    let counts = self.tables.ipv6.counts(id);
                    let counts = if split {
                        counts.of_both()
                    } else if pool.allocator == Allocator::Hash {
                        // What follows from who the client is, is not stored, unless a partner is told.
                        counts.with_unstored(layout.unnumbered(id))
                    } else {
                        counts
                    };
                    let pool = Pool::new(&network.name, pool.first, pool.last, counts);
                    pools.push(Pool { split, ..pool });
                }
                for pool in &subnet.prefix_pools {
                    let Some(id) = layout.prefix_pool_named(pool) else { continue };
                    let of = |address| Ipv6Prefix::containing(address, pool.delegate);
                    let (first, last) = (of(pool.prefix.first()), of(pool.prefix.last()));
                    let delegate = Some(pool.delegate);
                    let pool = Pool::new(&network.name, first, last, self.tables.ipv6.counts(id));
                    pools.push(Pool { delegate, ..pool });
                }
            }
        }
        pools
    }

    fn journal(&self, config: &Config) -> Journal {
        let (health, since) = match self.health.get() {
            Health::Good => ("good", None),
            Health::Full { since } => ("full", Some(since)),
            Health::Failed { since } => ("failed", Some(since)),
        };
        let reason = self.health.reason().unwrap_or_default();
        // Without the directory there is worse to tell than its size, and health tells it.
        let usage = Usage::of(&config.state_dir).unwrap_or_default();
        Journal {
            health: health.to_owned(),
            detail: since.map_or(String::new(), |at| format!("{reason}, since {}", rfc3339(at))),
            durable: config.journal.durable,
            segments: usage.segments,
            segment_octets: usage.segment_octets,
            kept_octets: usage.kept_octets,
            snapshot_octets: usage.snapshot_octets,
            // A clock that was set back makes the snapshot brand new.
            snapshot_age_s: usage.snapshot_at.map(|at| at.elapsed().map_or(0, |age| age.as_secs())),
        }
    }
}

impl Pool {
    fn new(network: &str, first: impl Display, last: impl Display, counts: PoolCounts) -> Self {
        let leased = u128::from(counts.active) * 1_000;
        Self {
            network: network.to_owned(),
            first: first.to_string(),
            last: last.to_string(),
            total: counts.total,
            active: counts.active,
            free: counts.free,
            backup: counts.backup,
            abandoned: counts.abandoned,
            fill_permille: leased.checked_div(counts.total.into()).unwrap_or(0) as u64,
            ..Self::default()
        }
    }
}

impl From<&InterfaceMode> for Interface {
    fn from(mode: &InterfaceMode) -> Self {
        Self {
            name: mode.interface.clone(),
            mode: mode.mode.name().to_owned(),
            why: mode.why_not_better.clone(),
            queues: mode.queues as u32,
            workers: mode.workers as u32,
            zero_copy: mode.zero_copy,
        }
    }
}

impl From<&model::Limit> for Limit {
    fn from(limit: &model::Limit) -> Self {
        Self { name: limit.name.clone(), leases: limit.leases }
    }
}

impl From<Progress> for Reconfigure {
    fn from(it: Progress) -> Self {
        Self {
            waiting: it.waiting as u64,
            under_way: it.under_way as u64,
            sent: it.sent,
            answered: it.answered,
            unanswered: it.unanswered,
            dropped: it.dropped,
        }
    }
}

impl From<Percentiles> for Latency {
    fn from(it: Percentiles) -> Self {
        let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
        Self {
            count: it.count,
            p50_us: us(it.p50),
            p90_us: us(it.p90),
            p99_us: us(it.p99),
            p999_us: us(it.p999),
            max_us: us(it.max),
        }
    }
}

#[cfg(test)]
impl Instance {
    /// A server without threads and data plane, its file and its state in `dir`.
    pub(super) fn sample(dir: &std::path::Path, configuration: &str) -> Self {
        let file = dir.join("tandem.toml");
        let text = format!("state-dir = {dir:?}\n{configuration}");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let tables = Arc::new(Tables::new(crate::lease::Layouts::of(&config).unwrap()));
        let recovery = crate::journal::Journal::open(dir, &config.journal, 1).unwrap();
        let (journal, _) = recovery.load(&*tables, 1).unwrap();
        let addresses = dataplane::addresses(&config).unwrap();
        let duid = (!config.networks6.is_empty()).then(|| Duid::new(&[0, 4, 1]).unwrap());
        let services = Services::new(&config, &tables, duid, &addresses);
        Self {
            file,
            started: clock::now(),
            tables,
            duid,
            reconfigure: None,
            limits: Arc::new(Limits::new()),
            services: Arc::new(ArcSwap::from_pointee(services)),
            counters: Arc::new(Counters::new(1, DropReason::ALL.len())),
            latencies: Arc::new(dataplane::Latencies::new()),
            health: journal.health,
            views: Arc::default(),
            partners: Partners::none(),
            interfaces: Vec::new(),
            dataplane: Mutex::new(None),
            loaded: ArcSwap::from_pointee(Loaded::new(config, clock::now())),
            reloads: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
        }
    }
}
