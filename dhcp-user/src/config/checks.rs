//! What each part cannot see alone: overlaps, duplicates, and what lies outside of what.
//!
//! Everything is sorted or hashed once, so that a million reservations take no longer than reading
//! them did.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::net::Ipv4Addr;

use super::model::{Prefix, ReservedFor};
use super::notebook::{Notebook, Span, quote};
use super::reader::nearest;
use super::reservation::Reservations;
use super::subnet::{Networks, PlacedPool, PlacedSubnet, Reach};

/// Notes all that is wrong between the parts. `interfaces` are those that networks may name, if
/// that is known.
pub(super) fn check(
    networks: &Networks,
    reservations: &Reservations,
    interfaces: Option<&[String]>,
    notes: &Notebook,
) {
    let subnets = check_subnets(networks, notes);
    check_pools(&networks.pools, notes);
    check_reach("relay", &networks.relays, notes);
    check_reach("interface", &networks.interfaces, notes);
    if let Some(interfaces) = interfaces {
        check_served(&networks.interfaces, interfaces, notes);
    }
    check_reservations(reservations, &subnets, notes);
}

/// Subnets in order of address.
struct Subnets {
    sorted: Vec<PlacedSubnet>,
    is_complete: bool,
}

impl Subnets {
    fn around(&self, address: Ipv4Addr) -> Option<&PlacedSubnet> {
        let after = self.sorted.partition_point(|subnet| subnet.prefix.first() <= address);
        self.sorted.get(after.checked_sub(1)?).filter(|subnet| subnet.prefix.contains(address))
    }
}

fn check_subnets(networks: &Networks, notes: &Notebook) -> Subnets {
    let mut sorted = networks.subnets.clone();
    sorted.sort_by_key(|subnet| (subnet.prefix.first(), subnet.prefix.len));
    let mut reaching: Option<PlacedSubnet> = None;
    for subnet in &sorted {
        match reaching {
            // Two prefixes overlap only if one holds the other, and the outer one sorts first.
            Some(outer) if subnet.prefix.first() <= outer.prefix.last() => {
                let message = format!("subnet {} overlaps {}", subnet.prefix, outer.prefix);
                notes.clash(subnet.span, outer.span, message, "subnets lie apart; the other is at");
            }
            _ => reaching = Some(*subnet),
        }
    }
    Subnets { sorted, is_complete: networks.is_complete }
}

fn check_pools(pools: &[PlacedPool], notes: &Notebook) {
    let mut inside = Vec::with_capacity(pools.len());
    for pool in pools {
        let PlacedPool { first, last, subnet, span } = *pool;
        if !subnet.contains(first) || !subnet.contains(last) {
            let message = format!("pool {first}-{last} is not inside its subnet {subnet}");
            let help = format!("{subnet} is {}-{}", subnet.first(), subnet.last());
            notes.mistake(span, message, help);
            continue;
        }
        inside.push(*pool);
        if let Some((address, what)) =
            not_a_host(subnet, |address| first <= address && address <= last)
        {
            let message = format!("pool {first}-{last} holds {address}, {what} of {subnet}");
            notes.mistake(span, message, first_to_last_host(subnet));
        }
    }
    inside.sort_by_key(|pool| (pool.first, pool.last));
    let mut reaching: Option<PlacedPool> = None;
    for pool in inside {
        if let Some(outer) = reaching
            && pool.first <= outer.last
        {
            let message = format!(
                "pool {}-{} overlaps {}-{}",
                pool.first, pool.last, outer.first, outer.last
            );
            notes.clash(pool.span, outer.span, message, "pools lie apart; the other is at");
        }
        if reaching.is_none_or(|outer| pool.last > outer.last) {
            reaching = Some(pool);
        }
    }
}

/// The subnet's own or broadcast address, if `holds` says that it is meant; a /31 and a /32 have
/// none (RFC 3021).
fn not_a_host(
    subnet: Prefix,
    holds: impl Fn(Ipv4Addr) -> bool,
) -> Option<(Ipv4Addr, &'static str)> {
    if subnet.len >= 31 {
        return None;
    }
    let ends = [(subnet.first(), "the network address"), (subnet.last(), "the broadcast address")];
    ends.into_iter().find(|(address, _)| holds(*address))
}

fn first_to_last_host(subnet: Prefix) -> String {
    let (first, last) = (subnet.first().to_bits(), subnet.last().to_bits());
    let (first, last) = (first.saturating_add(1), last.saturating_sub(1));
    format!("hosts have {}-{}", Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last))
}

/// What leads to two networks leads to none for sure.
fn check_reach<T: Display + Eq + Hash>(what: &str, reaches: &[Reach<T>], notes: &Notebook) {
    let mut seen: HashMap<&T, &Reach<T>> = HashMap::with_capacity(reaches.len());
    for reach in reaches {
        let first = *seen.entry(&reach.by).or_insert(reach);
        if first.network != reach.network {
            let message = format!("{what} {} leads to two networks", quote(&reach.by));
            notes.clash(reach.span, first.span, message, "it can lead to one; the other is at");
        }
    }
}

fn check_served(named: &[Reach<String>], interfaces: &[String], notes: &Notebook) {
    let known: HashSet<&str> = interfaces.iter().map(String::as_str).collect();
    for reach in named.iter().filter(|reach| !known.contains(reach.by.as_str())) {
        let help = match nearest(&reach.by, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "add an [[interface]] of that name".to_owned(),
        };
        let message = format!("interface {} is not served", quote(&reach.by));
        notes.mistake(reach.span, message, help);
    }
}

fn check_reservations(reservations: &Reservations, subnets: &Subnets, notes: &Notebook) {
    let count = reservations.list.len();
    let mut addresses: HashMap<Ipv4Addr, Span> = HashMap::with_capacity(count);
    let mut clients: HashMap<(&ReservedFor, Option<usize>), Span> = HashMap::with_capacity(count);
    for (reservation, span) in reservations.list.iter().zip(&reservations.spans) {
        let mut network = None;
        if let Some(address) = reservation.address {
            let subnet = subnets.around(address);
            network = subnet.map(|subnet| subnet.network);
            if subnet.is_some() || subnets.is_complete {
                check_place(address, subnet, *span, notes);
            }
            match addresses.entry(address) {
                Entry::Vacant(free) => _ = free.insert(*span),
                Entry::Occupied(first) => {
                    let message = format!("{address} is reserved twice");
                    notes.clash(*span, *first.get(), message, "it is also reserved at");
                }
            }
        }
        // A client may have an address on each of several links.
        match clients.entry((&reservation.client, network)) {
            Entry::Vacant(free) => _ = free.insert(*span),
            Entry::Occupied(first) => {
                let message = "two reservations for one client on one network";
                notes.clash(*span, *first.get(), message, "the other is at");
            }
        }
    }
}

fn check_place(address: Ipv4Addr, subnet: Option<&PlacedSubnet>, span: Span, notes: &Notebook) {
    let Some(subnet) = subnet else {
        let message = format!("reserved address {address} is in no subnet");
        notes.mistake(span, message, "add its [[subnet4]], or change the address");
        return;
    };
    if let Some((_, what)) = not_a_host(subnet.prefix, |end| end == address) {
        let message = format!("reserved address {address} is {what} of {}", subnet.prefix);
        notes.mistake(span, message, first_to_last_host(subnet.prefix));
    }
}
