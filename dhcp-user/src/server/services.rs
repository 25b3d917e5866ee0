//! The compiled configuration of both protocols.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::{Gate, Gates, InterfaceAddresses, Service, World, Worlds, v6};
use crate::config::Config;
use crate::lease::{Binding, Limits, Resource, Tables, Views};
use crate::wire::Stamp;
use crate::wire::dhcpv6::Duid;

/// What clients are told in either protocol, of one configuration: they change together.
#[derive(Debug)]
pub struct Services {
    /// DHCPv4, which answers nobody where no network is configured.
    pub ipv4: Service,
    /// DHCPv6, where it is served.
    pub ipv6: Option<v6::Service>,
}

impl Services {
    /// Compiles a checked configuration that `tables` have adopted. `interfaces` are the addresses that
    /// the kernel has, one entry for each interface of the configuration, in its order; `duid` is who
    /// the server is to clients of DHCPv6, which is not served without it.
    #[must_use]
    pub fn new(
        config: &Config,
        tables: &Tables,
        duid: Option<Duid>,
        interfaces: &[InterfaceAddresses],
    ) -> Self {
        let of_ipv6: Vec<Vec<Ipv6Addr>> = interfaces.iter().map(|it| it.ipv6.clone()).collect();
        let ipv6 = duid.filter(|_| !config.networks6.is_empty());
        let layout = &tables.ipv6.layout();
        Self {
            ipv4: Service::new(config, interfaces),
            ipv6: ipv6.map(|duid| v6::Service::new(config, layout, duid, &of_ipv6)),
        }
    }

    /// Tells clients of DHCPv6 keys for Reconfigures; see [`v6::Service::with_reconfigure`].
    #[must_use]
    pub fn with_reconfigure(self, reconfigure: &Arc<v6::Reconfigure>) -> Self {
        Self { ipv6: self.ipv6.map(|service| service.with_reconfigure(reconfigure)), ..self }
    }

    /// What requests meet at `now`.
    #[must_use]
    pub fn worlds<'a>(
        &'a self,
        now: Stamp,
        tables: &'a Tables,
        limits: &'a Limits,
        views: &'a Views,
    ) -> Worlds<'a> {
        let ipv6 = self.ipv6.as_ref();
        let (ipv4, table) = (&self.ipv4, &tables.ipv6);
        Worlds {
            ipv4: World { now, service: ipv4, table: &tables.ipv4, limits, views },
            ipv6: ipv6.map(|service| World { now, service, table, limits, views }),
        }
    }

    /// What holds for all requests of each protocol alike while `views` hold.
    #[must_use]
    pub fn gates(&self, views: &Views) -> Gates {
        let ipv6 = self.ipv6.as_ref().map_or(Gate::Absent, |service| service.gate(views));
        Gates { ipv4: self.ipv4.gate(views), ipv6 }
    }

    /// Counts leases as `generation` of limits; see [`Service::counting_as`].
    #[must_use]
    pub fn counting_as(self, generation: u32) -> Self {
        Self {
            ipv4: self.ipv4.counting_as(generation),
            ipv6: self.ipv6.map(|service| service.counting_as(generation)),
        }
    }

    /// The generation of limits that leases are counted by.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.ipv4.generation()
    }

    /// Counts every lease that there is: after recovery, and in [`Limits::recount`].
    pub fn count_all(&self, limits: &Limits, tables: &Tables) {
        tables.ipv4.for_each(|_, binding| self.ipv4.count_lease(limits, binding));
        if let Some(ipv6) = &self.ipv6 {
            tables.ipv6.for_each(|_, binding| ipv6.count_lease(limits, binding));
        }
    }

    /// Counts a lease for its subscribers; see [`Service::count_lease`].
    pub fn count_lease(&self, limits: &Limits, resource: Resource, binding: &Binding) {
        match (resource, &self.ipv6) {
            (Resource::Ipv4(_), _) => self.ipv4.count_lease(limits, binding),
            (_, Some(ipv6)) => ipv6.count_lease(limits, binding),
            (_, None) => {}
        }
    }

    /// Takes a lease that ended off its subscribers' counts; see [`Service::uncount_lease`].
    pub fn uncount_lease(&self, limits: &Limits, resource: Resource, ended: &Binding) {
        match (resource, &self.ipv6) {
            (Resource::Ipv4(_), _) => self.ipv4.uncount_lease(limits, ended),
            (_, Some(ipv6)) => ipv6.uncount_lease(limits, ended),
            (_, None) => {}
        }
    }
}
