//! `[[reservation6]]`: addresses and prefixes for single clients, held against the networks.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use super::checks::{Subnets, check_place};
use super::family::Family as _;
use super::model::{Prefix, Protocol, Reservation6, ReservedFor, Scope};
use super::notebook::{Notebook, Span};
use super::option::Definitions;
use super::prefix;
use super::reader::{Placed, Section, Value};
use super::reservation::{Column, EXPECTED_HOST_NAME, client, host_name, if_it_says_something};
use super::reservation_file::{FromFiles, Row};
use super::scope;
use super::subnet::{Networks, PlacedPool};
use super::times::Times;

const EXPECTED_IDENTIFIER: &str = "give one of duid, hw-address, remote-id and interface-id";

/// Reservations, and where they stand.
#[derive(Debug, Default)]
pub(super) struct Reservations6 {
    list: Vec<Read>,
}

/// A reservation, and where each part of it stands.
#[derive(Debug)]
struct Read {
    reservation: Reservation6,
    client: Span,
    addresses: Vec<Placed<Ipv6Addr>>,
    prefixes: Vec<Placed<Prefix<Ipv6Addr>>>,
}

impl Reservations6 {
    /// Reads one `[[reservation6]]`.
    pub(super) fn read(
        &mut self,
        mut section: Section<'_>,
        wider: &Times,
        definitions: &Definitions,
        notes: &Notebook,
    ) {
        section.protocol = Some(Protocol::Dhcpv6);
        let whole = section.span;
        let identifiers =
            Column::IDENTIFIERS_V6.map(|column| (column, section.take(column.name())));
        let mut list =
            |key, example| section.take(key).map(|v| v.list(example)).unwrap_or_default();
        let addresses = list("addresses", "[\"2001:db8:1::7\"]");
        let prefixes = list("prefixes", "[\"2001:db8:8000::/56\"]");
        let read = |value: Value<'_>| {
            value.parsed(EXPECTED_HOST_NAME, |text| host_name(text).map(str::to_owned))
        };
        let host_name = section.take("host-name").and_then(read);
        let (scope, _) = scope::read(&mut section, wider, definitions, notes);
        section.finish();

        let address = |item: Value<'_>| {
            let address = item.parsed(Ipv6Addr::EXPECTED_ADDRESS, |text| text.parse().ok())?;
            Some(item.placed(address))
        };
        let prefix = |item: Value<'_>| {
            Some(item.placed(item.parsed(Ipv6Addr::EXPECTED_PREFIX, prefix::parse)?))
        };
        let addresses: Vec<_> = addresses.into_iter().filter_map(address).collect();
        let prefixes: Vec<_> = prefixes.into_iter().filter_map(prefix).collect();
        let client = client(identifiers, whole, EXPECTED_IDENTIFIER, notes);
        let Some((value, span)) = client else { return };
        let row = Row { client: Placed { value, span }, addresses, prefixes, host_name };
        self.push(row, if_it_says_something(scope));
    }

    /// Adds what a section or a row says.
    fn push(&mut self, row: Row<Ipv6Addr>, scope: Option<Box<Scope>>) {
        let Row { client, addresses, prefixes, host_name } = row;
        let reservation = Reservation6 {
            client: client.value,
            addresses: addresses.iter().map(|address| address.value).collect(),
            prefixes: prefixes.iter().map(|prefix| prefix.value).collect(),
            host_name,
            scope,
        };
        self.list.push(Read { reservation, client: client.span, addresses, prefixes });
    }

    /// Notes all that is wrong between the reservations, and between them and the networks.
    pub(super) fn check(
        &self,
        networks: &Networks<Ipv6Addr>,
        subnets: &Subnets<Ipv6Addr>,
        notes: &Notebook,
    ) {
        let mut pools: Vec<&PlacedPool<Ipv6Addr>> = networks.pools.iter().collect();
        pools.sort_by_key(|pool| pool.first);
        let mut clients: HashMap<(&ReservedFor, Option<usize>), Span> = HashMap::new();
        let mut taken = Vec::new();
        for read in &self.list {
            let mut network: Option<(usize, Span)> = None;
            let mut belongs = |to: usize, span: Span| {
                let (first, at) = *network.get_or_insert((to, span));
                if first != to {
                    let message = "one reservation for two networks";
                    notes.clash(span, at, message, "make one for each; the other is at");
                }
            };
            for address in &read.addresses {
                let subnet = subnets.around(address.value);
                if subnet.is_some() || subnets.is_complete {
                    check_place(address.value, subnet, address.span, notes);
                }
                if let Some(subnet) = subnet {
                    belongs(subnet.network, address.span);
                }
                let whole = Prefix { address: address.value, len: 128 };
                if let Some(pool) = overlapping(&pools, whole).filter(|pool| pool.delegates()) {
                    let message = format!("reserved address {} lies in {pool}", address.value);
                    notes.clash(address.span, pool.span, message, "take another; the pool is at");
                }
                taken.push(Placed { value: whole, span: address.span });
            }
            for prefix in &read.prefixes {
                let pool = overlapping(&pools, prefix.value);
                let subnet = subnets.around(prefix.value.first());
                match (pool, subnet) {
                    (Some(pool), _) => {
                        check_length(*prefix, pool, notes);
                        belongs(pool.subnet.network, prefix.span);
                    }
                    (None, Some(subnet)) => belongs(subnet.network, prefix.span),
                    (None, None) if read.addresses.is_empty() && subnets.is_complete => {
                        let message = format!("reserved prefix {} is on no network", prefix.value);
                        let help = "give an address beside it, or take it from a prefix pool";
                        notes.mistake(prefix.span, message, help);
                    }
                    (None, None) => {}
                }
                taken.push(*prefix);
            }
            // A client may have a reservation on each of several links.
            let key = (&read.reservation.client, network.map(|(network, _)| network));
            let first = *clients.entry(key).or_insert(read.client);
            if first != read.client {
                let message = "two reservations for one client on one network";
                notes.clash(read.client, first, message, "the other is at");
            }
        }
        check_apart(taken, notes);
    }

    /// What of it the server goes by.
    pub(super) fn into_model(self) -> Vec<Reservation6> {
        self.list.into_iter().map(|read| read.reservation).collect()
    }
}

impl FromFiles for Reservations6 {
    type Address = Ipv6Addr;
    const COLUMNS: &'static [Column] = &[
        Column::Duid,
        Column::HwAddress,
        Column::RemoteId,
        Column::InterfaceId,
        Column::Addresses,
        Column::Prefixes,
        Column::HostName,
    ];
    const IDENTIFIERS: &'static [Column] = &Column::IDENTIFIERS_V6;
    const EXPECTED_IDENTIFIER: &'static str = EXPECTED_IDENTIFIER;

    fn reserve(&mut self, rows: usize) {
        self.list.reserve(rows);
    }

    fn add(&mut self, row: Row<Ipv6Addr>) {
        self.push(row, None);
    }
}

/// A pool that has something of the prefix. Pools lie apart, so that the last one that begins in
/// it or before it is the one, if there is any.
fn overlapping<'p>(
    pools: &[&'p PlacedPool<Ipv6Addr>],
    prefix: Prefix<Ipv6Addr>,
) -> Option<&'p PlacedPool<Ipv6Addr>> {
    let after = pools.partition_point(|pool| pool.first <= prefix.last());
    let pool = *pools.get(after.checked_sub(1)?)?;
    (pool.last >= prefix.first()).then_some(pool)
}

fn check_length(prefix: Placed<Prefix<Ipv6Addr>>, pool: &PlacedPool<Ipv6Addr>, notes: &Notebook) {
    if pool.delegate == Some(prefix.value.len) {
        return;
    }
    let message = format!("reserved prefix {} overlaps {pool}", prefix.value);
    let help = match pool.delegate {
        Some(len) => format!("that one delegates /{len}: reserve one so long; it is at"),
        None => "what is on a link is delegated to nobody; the pool is at".to_owned(),
    };
    notes.clash(prefix.span, pool.span, message, help);
}

/// Notes what two reservations have in common.
fn check_apart(mut taken: Vec<Placed<Prefix<Ipv6Addr>>>, notes: &Notebook) {
    // An outer prefix sorts before those inside it; the sort is stable.
    taken.sort_by_key(|placed| placed.value);
    let mut reaching: Option<Placed<Prefix<Ipv6Addr>>> = None;
    for placed in taken {
        match reaching {
            Some(outer) if outer.value.overlaps(placed.value) => {
                let message = format!("{} is reserved twice", placed.value);
                notes.clash(placed.span, outer.span, message, "it is also reserved at");
            }
            _ => reaching = Some(placed),
        }
    }
}
