//! Which subnets a relationship shares with its partner: `subnets` of `[[failover]]`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::failover::{Subnets, once};
use super::family::Family;
use super::model::{Prefix, Protocol};
use super::notebook::{Notebook, Span};
use super::prefix;
use super::reader::Value;
use super::subnet::Networks;

/// The subnets of both families by prefix, and the relationships that have them already.
pub(super) struct Places<'n> {
    v4: OfFamily<'n, Ipv4Addr>,
    v6: OfFamily<'n, Ipv6Addr>,
    taken: HashMap<(IpAddr, u8), Span>,
}

struct OfFamily<'n, A> {
    networks: &'n mut Networks<A>,
    /// Each subnet's place in the list of networks.
    places: HashMap<Prefix<A>, (usize, usize)>,
}

/// What a subnet that was found brings to a relationship.
enum Found {
    /// So many pools.
    Pools(usize),
    /// Nothing is known of it, and that is a mistake, or the consequence of one.
    Nothing,
}

/// The protocol that all these subnets are of. Those of two are a mistake, and what cannot be read
/// is of none.
pub(super) fn protocol(value: Value<'_>, notes: &Notebook) -> Option<Protocol> {
    let mut first: Option<(Protocol, Span)> = None;
    let items = if value.is_list() { value.list("") } else { Vec::new() };
    for item in items {
        let text = item.as_text().unwrap_or_default();
        let protocol = if prefix::parse::<Ipv4Addr>(text).is_some() {
            Protocol::Dhcpv4
        } else if prefix::parse::<Ipv6Addr>(text).is_some() {
            Protocol::Dhcpv6
        } else {
            continue;
        };
        let (of_first, at) = *first.get_or_insert((protocol, item.span));
        if protocol != of_first {
            let message = format!("subnets of {protocol} and of {of_first} in one relationship");
            let help = "make a [[failover]] for each, with names of their own; the other is at";
            notes.clash(item.span, at, message, help);
            return None;
        }
    }
    first.map(|(protocol, _)| protocol)
}

impl<'n> Places<'n> {
    pub(super) fn of(subnets: Subnets<'n>) -> Self {
        let Subnets { v4, v6 } = subnets;
        Self { v4: OfFamily::of(v4), v6: OfFamily::of(v6), taken: HashMap::new() }
    }

    /// Gives the subnets of `value` to the relationship at `place`.
    pub(super) fn assign(&mut self, value: Value<'_>, place: u16, notes: &Notebook) {
        let items = value.list("[\"10.0.0.0/8\"]");
        if items.is_empty() && value.is_list() {
            value.wrong::<()>("a relationship serves at least one subnet");
        }
        let (mut pools, mut are_known) = (0, !items.is_empty());
        for item in items {
            match self.assign_one(item, place, notes) {
                Found::Pools(count) => pools += count,
                Found::Nothing => are_known = false,
            }
        }
        if are_known && pools == 0 && notes.is_clean() {
            let message = "the subnets of this relationship have no pool";
            notes.mistake(
                value.span,
                message,
                "add `pools` to one of them: a partner shares pools",
            );
        }
    }

    fn assign_one(&mut self, item: Value<'_>, place: u16, notes: &Notebook) -> Found {
        let text = item.as_text().unwrap_or_default();
        let taken = &mut self.taken;
        if let Some(prefix) = prefix::parse(text) {
            return self.v6.assign(item, prefix, place, taken, notes);
        }
        match item.parsed(Ipv4Addr::EXPECTED_PREFIX, prefix::parse) {
            Some(prefix) => self.v4.assign(item, prefix, place, taken, notes),
            None => Found::Nothing,
        }
    }
}

impl<'n, A: Family + Into<IpAddr>> OfFamily<'n, A> {
    fn of(networks: &'n mut Networks<A>) -> Self {
        let places = networks.list.iter().enumerate().flat_map(|(network, list)| {
            let subnets = list.subnets.iter().enumerate();
            subnets.map(move |(subnet, it)| (it.prefix, (network, subnet)))
        });
        let places = places.collect();
        Self { networks, places }
    }

    fn assign(
        &mut self,
        item: Value<'_>,
        prefix: Prefix<A>,
        place: u16,
        taken: &mut HashMap<(IpAddr, u8), Span>,
        notes: &Notebook,
    ) -> Found {
        once(taken, (prefix.address.into(), prefix.len), item.span, notes, || {
            format!("subnet {prefix} is in two relationships, or twice in one")
        });
        let Some(&(network, subnet)) = self.places.get(&prefix) else {
            if self.networks.is_complete {
                self.unknown(item, prefix);
            }
            return Found::Nothing;
        };
        let subnet = &mut self.networks.list[network].subnets[subnet];
        subnet.failover = Some(place);
        Found::Pools(subnet.pools.len() + subnet.prefix_pools.len())
    }

    fn unknown(&self, item: Value<'_>, prefix: Prefix<A>) {
        let kind = A::SUBNET;
        item.wrong::<()>(match self.places.keys().find(|known| known.overlaps(prefix)) {
            Some(known) => format!("there is no such [[{kind}]]; did you mean \"{known}\"?"),
            None => format!("there is no such [[{kind}]]: whole subnets are shared, as they stand"),
        });
    }
}
