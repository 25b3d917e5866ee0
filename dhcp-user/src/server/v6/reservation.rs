//! Addresses, prefixes and options kept for single clients.

use std::collections::HashSet;

use super::identity::Speaker;
use super::topology::Topology;
use crate::config::model::{Reservation6, Scope};
use crate::lease::Resource;
use crate::server::reservation::Clients;
use crate::wire::Ipv6Prefix;
use crate::wire::dhcpv6::IaKind;

/// All reservations, found by their client and by what they keep.
#[derive(Debug)]
pub(super) struct Reservations {
    rows: Vec<Reserved>,
    clients: Clients,
    kept: HashSet<Resource>,
}

/// What is kept for one client.
#[derive(Debug)]
pub(super) struct Reserved {
    addresses: Vec<Resource>,
    prefixes: Vec<Resource>,
    /// By index: where all of it is. `None` reserves options only, on every network.
    network: Option<usize>,
    pub(super) scope: Option<Box<Scope>>,
}

impl Reservations {
    pub(super) fn new(reservations: &[Reservation6], topology: &Topology) -> Self {
        let row = |row: &Reservation6| {
            let addresses: Vec<_> = row.addresses.iter().map(|it| Resource::from(*it)).collect();
            let prefix = |it: &crate::config::model::Prefix<_>| {
                Resource::from(Ipv6Prefix::containing(it.address, it.len))
            };
            let prefixes: Vec<_> = row.prefixes.iter().map(prefix).collect();
            let mut sites = addresses.iter().chain(&prefixes).map(|it| topology.site(*it));
            let network = sites.find_map(|site| site.map(|site| site.network));
            Reserved { addresses, prefixes, network, scope: row.scope.clone() }
        };
        let rows: Vec<_> = reservations.iter().map(row).collect();
        let kept = rows.iter().flat_map(|row| row.addresses.iter().chain(&row.prefixes)).copied();
        Self {
            kept: kept.collect(),
            clients: Clients::new(reservations.iter().map(|row| &row.client)),
            rows,
        }
    }

    /// What is kept for this client on a network.
    pub(super) fn of(&self, speaker: &Speaker<'_>, network: usize) -> Option<&Reserved> {
        if self.rows.is_empty() {
            return None;
        }
        let mut rows =
            self.clients.places(speaker.known()).filter_map(|place| self.rows.get(place));
        rows.find(|row| row.network.is_none_or(|its| its == network))
    }

    /// Whether it is kept for some client: nobody else gets it.
    pub(super) fn contains(&self, resource: Resource) -> bool {
        self.kept.contains(&resource)
    }
}

impl Reserved {
    /// What of one kind is kept.
    pub(super) fn of_kind(&self, kind: IaKind) -> &[Resource] {
        match kind {
            IaKind::Addresses => &self.addresses,
            IaKind::Prefixes => &self.prefixes,
        }
    }
}
