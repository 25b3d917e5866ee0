//! What each part cannot see alone: overlaps, duplicates, and what lies outside of what.
//!
//! Everything is sorted or hashed once, so that a million reservations take no longer than reading
//! them did.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::net::Ipv4Addr;

use super::family::Family;
use super::model::{Prefix, ReservedFor};
use super::notebook::{Notebook, Span, quote};
use super::pool_checks;
use super::reader::nearest;
use super::reservation::Reservations;
use super::subnet::{Networks, PlacedSubnet, Reach};

/// Notes all that is wrong between the networks of one family. `interfaces` are those that networks
/// may name, if that is known. Gives back the subnets, to find what else belongs to them.
pub(super) fn check_networks<A: Family>(
    networks: &Networks<A>,
    interfaces: Option<&[String]>,
    notes: &Notebook,
) -> Subnets<A> {
    let subnets = check_subnets(networks, notes);
    pool_checks::check(networks, notes);
    check_reach("relay", &networks.relays, notes);
    check_reach("interface", &networks.interfaces, notes);
    check_reach("Interface-Id", &networks.interface_ids, notes);
    if let Some(interfaces) = interfaces {
        check_served(&networks.interfaces, interfaces, notes);
    }
    subnets
}

/// Subnets in order of address.
pub(super) struct Subnets<A> {
    sorted: Vec<PlacedSubnet<A>>,
    pub(super) is_complete: bool,
}

impl<A: Family> Subnets<A> {
    pub(super) fn around(&self, address: A) -> Option<&PlacedSubnet<A>> {
        let after = self.sorted.partition_point(|subnet| subnet.prefix.first() <= address);
        self.sorted.get(after.checked_sub(1)?).filter(|subnet| subnet.prefix.contains(address))
    }
}

fn check_subnets<A: Family>(networks: &Networks<A>, notes: &Notebook) -> Subnets<A> {
    let mut sorted = networks.subnets.clone();
    sorted.sort_by_key(|subnet| (subnet.prefix.first(), subnet.prefix.len));
    let mut reaching: Option<PlacedSubnet<A>> = None;
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

/// The address of the subnet that no host may have, if `holds` says that it is meant.
pub(super) fn not_a_host<A: Family>(
    subnet: Prefix<A>,
    holds: impl Fn(A) -> bool,
) -> Option<(A, &'static str)> {
    A::ends(subnet).into_iter().find(|(address, _)| holds(*address))
}

pub(super) fn first_to_last_host<A: Family>(subnet: Prefix<A>) -> String {
    let is_end = |address| A::ends(subnet).iter().any(|(end, _)| *end == address);
    let (first, last) = (subnet.first(), subnet.last());
    let first = A::of_number(first.number() + u128::from(is_end(first)));
    let last = A::of_number(last.number() - u128::from(is_end(last)));
    format!("hosts have {first}-{last}")
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

/// Notes all that is wrong between the reservations, and between them and the subnets.
pub(super) fn check_reservations(
    reservations: &Reservations,
    subnets: &Subnets<Ipv4Addr>,
    notes: &Notebook,
) {
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

pub(super) fn check_place<A: Family>(
    address: A,
    subnet: Option<&PlacedSubnet<A>>,
    span: Span,
    notes: &Notebook,
) {
    let Some(subnet) = subnet else {
        let message = format!("reserved address {address} is in no subnet");
        let help = format!("add its [[{}]], or change the address", A::SUBNET);
        notes.mistake(span, message, help);
        return;
    };
    if let Some((_, what)) = not_a_host(subnet.prefix, |end| end == address) {
        let message = format!("reserved address {address} is {what} of {}", subnet.prefix);
        notes.mistake(span, message, first_to_last_host(subnet.prefix));
    }
}
