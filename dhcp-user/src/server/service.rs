//! The compiled configuration.

use super::InterfaceAddresses;
use super::account::Counts;
use super::class::classify;
use super::identity::Speaker;
use super::limit::{LimitSet, Subscriber};
use super::network::Topology;
use super::reservation::Reservations;
use crate::config::Config;
use crate::config::model::{Class, Identity, Leniency};
use crate::lease::{Binding, Client, Limits, NetworkId};

/// Everything that decides what a client is told, but for the leases. Immutable: a reload compiles
/// another one, and the table adopts the layout of the same configuration.
#[derive(Debug)]
pub struct Service {
    pub(super) topology: Topology,
    /// By the index that [`Topology`] counts networks with.
    pub(super) network_ids: Vec<NetworkId>,
    pub(super) classes: Vec<Class>,
    pub(super) reservations: Reservations,
    pub(super) limit_set: LimitSet,
    pub(super) identity: Identity,
    pub(super) leniency: Leniency,
}

impl Service {
    /// Compiles a checked configuration. `interfaces` are the addresses that the kernel has, one
    /// entry for each interface of the configuration, in its order.
    #[must_use]
    pub fn new(config: &Config, interfaces: &[InterfaceAddresses]) -> Self {
        Self {
            topology: Topology::new(config, interfaces),
            network_ids: config.networks.iter().map(NetworkId::of).collect(),
            classes: config.classes.clone(),
            reservations: Reservations::new(&config.reservations),
            limit_set: LimitSet::new(&config.limits, 0),
            identity: config.identity.clone(),
            leniency: config.leniency,
        }
    }

    /// Counts leases as `generation` of limits, which [`Limits::recount`] has to bring into force: for
    /// one that a reload compiled and that counts otherwise than the one before.
    #[must_use]
    pub fn counting_as(mut self, generation: u32) -> Self {
        self.limit_set = self.limit_set.counting_as(generation);
        self
    }

    /// The generation of limits that leases are counted by.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.limit_set.generation()
    }

    /// Counts a lease that was granted earlier for its subscribers: for each binding once, after
    /// recovery, and in [`Limits::recount`] after a reload that changed limits or classes.
    pub fn count_lease(&self, limits: &Limits, binding: &Binding) {
        self.count(limits, binding);
    }

    /// Takes a lease off its subscribers' counts: for each binding that the table's sweep ended.
    /// `ended` still names the client that had the lease.
    pub fn uncount_lease(&self, limits: &Limits, ended: &Binding) {
        self.uncount(limits, ended);
    }

    /// The classes that a client is in.
    pub(super) fn classify(&self, speaker: &Speaker<'_>, members: &mut Vec<usize>) {
        members.clear();
        classify(&self.classes, speaker, members);
    }
}

impl Counts for Service {
    fn limit_set(&self) -> &LimitSet {
        &self.limit_set
    }

    fn subscribers_of(&self, client: &Client) -> Vec<Subscriber> {
        let speaker = Speaker::stored(client);
        speaker.map_or_else(Vec::new, |it| self.limit_set.stored(&self.classes, &it))
    }
}
