//! `[[subnet4]]` and `[[shared-network]]`: which addresses are on which link, and the pools.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::class::Classes;
use super::model::{Network, Pool, Prefix, Scope, Subnet};
use super::notebook::{Notebook, Span, quote};
use super::option::Definitions;
use super::reader::{Placed, Section, Value, nearest};
use super::times::Times;
use super::{prefix, scope};

/// What subnets and shared networks refer to.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) global: &'a Times,
    pub(super) definitions: &'a Definitions,
    pub(super) classes: &'a Classes,
    pub(super) notes: &'a Notebook,
}

/// The networks, and what the cross checks want to know of the places in them.
#[derive(Debug, Default)]
pub(super) struct Networks {
    pub(super) list: Vec<Network>,
    /// Whether every subnet could be read: else what seems to be in none may be in one of those.
    pub(super) is_complete: bool,
    pub(super) subnets: Vec<PlacedSubnet>,
    pub(super) pools: Vec<PlacedPool>,
    pub(super) interfaces: Vec<Reach<String>>,
    pub(super) relays: Vec<Reach<Prefix>>,
}

/// A subnet and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedSubnet {
    pub(super) prefix: Prefix,
    /// Index of its network.
    pub(super) network: usize,
    pub(super) span: Span,
}

/// A pool's range, the subnet it belongs to, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedPool {
    pub(super) first: Ipv4Addr,
    pub(super) last: Ipv4Addr,
    pub(super) subnet: Prefix,
    pub(super) span: Span,
}

/// An interface or a relay, the network that it leads to, and where that stands.
#[derive(Clone, Debug)]
pub(super) struct Reach<T> {
    pub(super) by: T,
    /// Index of the network.
    pub(super) network: usize,
    pub(super) span: Span,
}

impl Networks {
    /// Reads shared networks and the subnets in them and beside them.
    pub(super) fn read(
        shared: Vec<Section<'_>>,
        subnets: Vec<Section<'_>>,
        context: Context<'_>,
    ) -> Self {
        let mut networks = Self::default();
        let mut named = Named::default();
        for section in shared {
            networks.read_shared(section, &mut named, context);
        }
        let count = subnets.len();
        for section in subnets {
            networks.read_subnet(section, &named, context);
        }
        networks.is_complete = networks.subnets.len() == count;
        // A shared network whose subnet has a mistake of its own is not empty as well.
        if context.notes.is_clean() {
            for (network, (span, _)) in networks.list.iter().zip(&named.places) {
                if network.subnets.is_empty() {
                    let message = format!("shared network {} has no subnet", quote(&network.name));
                    let help = format!("add shared-network = \"{}\" to its subnets", network.name);
                    context.notes.mistake(*span, message, help);
                }
            }
        }
        for network in &mut networks.list {
            for subnet in &mut network.subnets {
                subnet.pools.sort_by_key(|pool| pool.first);
            }
        }
        networks
    }

    fn read_shared(&mut self, mut section: Section<'_>, named: &mut Named, context: Context<'_>) {
        let Context { global, definitions, notes, .. } = context;
        let name = section.require("name", "name = \"metro\"").and_then(|v| Some((v.name()?, v)));
        let interfaces = section.take("interfaces").map(interfaces).unwrap_or_default();
        let relays = section.take("relays").map(relays).unwrap_or_default();
        let (scope, times) = scope::read(&mut section, global, definitions, notes);
        section.finish();
        let Some((name, value)) = name else { return };
        if let Some(first) = named.by_name.get(name) {
            let message = format!("shared network {} stands here twice", quote(name));
            notes.clash(value.span, named.places[*first].0, message, "the first one is at");
            return;
        }
        let index = self.list.len();
        named.by_name.insert(name.to_owned(), index);
        named.places.push((value.span, times));
        self.list.push(Network {
            name: name.to_owned(),
            scope,
            subnets: Vec::new(),
            interfaces: Vec::new(),
            relays: Vec::new(),
        });
        self.reach(index, interfaces, relays);
    }

    fn read_subnet(&mut self, mut section: Section<'_>, named: &Named, context: Context<'_>) {
        let Context { global, definitions, notes, .. } = context;
        let value = section.require("subnet", "subnet = \"10.0.0.0/8\"");
        let prefix = value.and_then(subnet_prefix);
        let shared = section.take("shared-network").and_then(|value| named.resolve(value));
        let interfaces = section.take("interfaces").map(interfaces).unwrap_or_default();
        let relays = section.take("relays").map(relays).unwrap_or_default();
        let around = shared.map_or(global, |index| &named.places[index].1);
        let (scope, times) = scope::read(&mut section, around, definitions, notes);
        let pools = section.take("pools").map(|v| v.list("[\"10.1.0.0-10.64.255.255\"]"));
        let pools: Vec<_> = pools
            .unwrap_or_default()
            .into_iter()
            .filter_map(|value| pool(value, &times, context))
            .collect();
        section.finish();

        let Some((prefix, value)) = prefix.zip(value) else { return };
        let network = shared.unwrap_or_else(|| {
            self.list.push(Network {
                name: prefix.to_string(),
                scope: Scope::default(),
                subnets: Vec::new(),
                interfaces: Vec::new(),
                relays: Vec::new(),
            });
            self.list.len() - 1
        });
        self.reach(network, interfaces, relays);
        self.subnets.push(PlacedSubnet { prefix, network, span: value.span });
        self.pools.extend(pools.iter().map(|pool| PlacedPool {
            first: pool.value.first,
            last: pool.value.last,
            subnet: prefix,
            span: pool.span,
        }));
        let pools = pools.into_iter().map(|pool| pool.value).collect();
        self.list[network].subnets.push(Subnet { prefix, scope, pools, failover: None });
    }

    /// Adds ways on which clients of a network are reached.
    fn reach(
        &mut self,
        network: usize,
        interfaces: Vec<Placed<String>>,
        relays: Vec<Placed<Prefix>>,
    ) {
        let list = &mut self.list[network];
        for Placed { value: by, span } in interfaces {
            if !list.interfaces.contains(&by) {
                list.interfaces.push(by.clone());
            }
            self.interfaces.push(Reach { by, network, span });
        }
        for Placed { value: by, span } in relays {
            if !list.relays.contains(&by) {
                list.relays.push(by);
            }
            self.relays.push(Reach { by, network, span });
        }
    }
}

/// Shared networks by name; the index is theirs in the list of networks, of which they come first.
#[derive(Default)]
struct Named {
    by_name: HashMap<String, usize>,
    /// Where each stands, and the times that hold in it.
    places: Vec<(Span, Times)>,
}

impl Named {
    fn resolve(&self, value: Value<'_>) -> Option<usize> {
        let name = value.text()?;
        self.by_name.get(name).copied().or_else(|| {
            value.wrong(match nearest(name, self.by_name.keys().map(String::as_str)) {
                Some(known) => format!("there is no such network; did you mean \"{known}\"?"),
                None => {
                    "there is no such network: add a [[shared-network]] of that name".to_owned()
                }
            })
        })
    }
}

fn subnet_prefix(value: Value<'_>) -> Option<Prefix> {
    let text = value.as_text().unwrap_or_default();
    let Some(prefix) = prefix::parse(text) else {
        // The commonest slip: a host's address with its length.
        let host = text.split_once('/').and_then(|(address, len)| {
            let len = len.parse().ok().filter(|len: &u8| *len <= 32)?;
            Some(Prefix::containing(address.parse().ok()?, len))
        });
        return value.wrong(match host {
            Some(meant) => format!("did you mean \"{meant}\"? ({})", prefix::EXPECTED),
            None => prefix::EXPECTED.to_owned(),
        });
    };
    // RFC 6890: this network, loopback, multicast and what lies above it.
    const NOT_FOR_HOSTS: [(Ipv4Addr, u8); 3] = [
        (Ipv4Addr::new(0, 0, 0, 0), 8),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(224, 0, 0, 0), 3),
    ];
    for (address, len) in NOT_FOR_HOSTS {
        let block = Prefix { address, len };
        if block.contains(prefix.first()) || prefix.contains(block.first()) {
            return value.wrong(format!("hosts have no addresses in {block} (RFC 6890)"));
        }
    }
    Some(prefix)
}

/// A range as text, or a table with the range, options, parameters and classes.
fn pool(value: Value<'_>, wider: &Times, context: Context<'_>) -> Option<Placed<Pool>> {
    let range = |value: Value<'_>| {
        let (first, last) = value.parsed(prefix::EXPECTED_RANGE, prefix::parse_range)?;
        Some(Pool { first, last, scope: Scope::default(), allow: Vec::new(), deny: Vec::new() })
    };
    if !value.is_table() {
        return range(value).map(|pool| value.placed(pool));
    }
    let mut section = value.section("pool")?;
    let place = section.require("range", "range = \"10.0.1.0-10.0.1.255\"");
    let allow = section.take("allow").map(|v| context.classes.resolve_all(v));
    let deny = section.take("deny").map(|v| context.classes.resolve_all(v));
    let (scope, _) = scope::read(&mut section, wider, context.definitions, context.notes);
    section.finish();
    let place = place?;
    let pool = range(place)?;
    Some(place.placed(Pool {
        scope,
        allow: allow.unwrap_or_default(),
        deny: deny.unwrap_or_default(),
        ..pool
    }))
}

fn interfaces(value: Value<'_>) -> Vec<Placed<String>> {
    value
        .list("[\"eth0\"]")
        .into_iter()
        .filter_map(|item| item.name().map(|name| item.placed(name.to_owned())))
        .collect()
}

/// Prefixes, or single addresses.
fn relays(value: Value<'_>) -> Vec<Placed<Prefix>> {
    let read = |text: &str| match text.parse() {
        Ok(address) => Some(Prefix { address, len: 32 }),
        Err(_) => prefix::parse(text),
    };
    value
        .list("[\"192.0.2.1\", \"198.51.100.0/24\"]")
        .into_iter()
        .filter_map(|item| {
            item.parsed("write a relay's address, or a prefix", read).map(|p| item.placed(p))
        })
        .collect()
}
