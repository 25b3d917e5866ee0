//! The compiled configuration of DHCPv6.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::identity::Speaker;
use super::own::Own;
use super::reconfigure::{Keys, Reconfigure};
use super::reservation::Reservations;
use super::topology::Topology;
use crate::config::Config;
use crate::config::model::{Class, Dhcpv6};
use crate::lease::{Binding, Client, Layout, Limits};
use crate::server::InterfaceIndex;
use crate::server::account::Counts;
use crate::server::limit::{LimitSet, Subscriber};
use crate::wire::dhcpv6::Duid;

/// Everything that decides what a client is told, but for the leases. Immutable: a reload compiles
/// another one, once the table has adopted the layout that it goes by.
#[derive(Debug)]
pub struct Service {
    pub(super) topology: Topology,
    own: Own,
    pub(super) classes: Vec<Class>,
    pub(super) reservations: Reservations,
    pub(super) limit_set: LimitSet,
    /// Who this server is to its clients.
    pub(super) duid: Duid,
    pub(super) settings: Dhcpv6,
    /// Where clients may be told to come back.
    pub(super) keys: Option<Keys>,
}

impl Service {
    /// Compiles a checked configuration, of which `layout` is the table's. `interfaces` are the
    /// addresses that the kernel has, one entry for each interface of the configuration, in its order.
    #[must_use]
    pub fn new(config: &Config, layout: &Layout, duid: Duid, interfaces: &[Vec<Ipv6Addr>]) -> Self {
        let topology = Topology::new(config, layout, interfaces);
        Self {
            reservations: Reservations::new(&config.reservations6, &topology),
            topology,
            own: Own::new(interfaces),
            classes: config.classes.clone(),
            limit_set: LimitSet::new(&config.limits, 0).of_dhcpv6(),
            duid,
            settings: config.dhcpv6.clone(),
            keys: None,
        }
    }

    /// Tells clients that accept Reconfigures their keys, if the configuration wants that.
    #[must_use]
    pub fn with_reconfigure(mut self, reconfigure: &Arc<Reconfigure>) -> Self {
        self.keys = self
            .settings
            .reconfigure
            .then(|| Keys::new(reconfigure, self.settings.secret.as_ref()));
        self
    }

    /// Counts leases as `generation` of limits; see [`crate::server::Service::counting_as`].
    #[must_use]
    pub fn counting_as(mut self, generation: u32) -> Self {
        self.limit_set = self.limit_set.counting_as(generation);
        self
    }

    /// Who this server is to its clients.
    #[must_use]
    pub fn duid(&self) -> &Duid {
        &self.duid
    }

    /// The relationships, by index, of all subnets there are.
    pub(crate) fn relationships(&self) -> impl Iterator<Item = Option<u16>> {
        self.topology.relationships()
    }

    /// Whether what is sent there is for this server: to one of the groups of DHCPv6, or to it alone.
    #[must_use]
    pub fn is_addressed(&self, destination: Ipv6Addr) -> bool {
        self.own.has(destination)
    }

    /// Which of our addresses a reply to `to` comes from, to a request that went to `asked`; `None` if the
    /// interface has none.
    #[must_use]
    pub fn source(
        &self,
        interface: InterfaceIndex,
        asked: Ipv6Addr,
        to: Ipv6Addr,
    ) -> Option<Ipv6Addr> {
        self.own.source(interface, asked, to)
    }

    /// Counts a lease that was granted earlier for its subscribers.
    pub fn count_lease(&self, limits: &Limits, binding: &Binding) {
        self.count(limits, binding);
    }

    /// Takes a lease off its subscribers' counts: for each binding that the table's sweep ended.
    /// `ended` still names the client that had the lease.
    pub fn uncount_lease(&self, limits: &Limits, ended: &Binding) {
        self.uncount(limits, ended);
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
