//! `[[shared-network]]`, and the ways on which a network's clients are reached.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::family::Family;
use super::model::Protocol::Dhcpv6;
use super::model::{Prefix, Scope};
use super::notebook::{Notebook, Span, quote};
use super::octets;
use super::prefix;
use super::reader::{Placed, Section, Value, nearest};
use super::scope;
use super::subnet::Context;
use super::times::Times;

/// The shared networks, for the subnets that name them.
#[derive(Default)]
pub(super) struct SharedNetworks {
    pub(super) list: Vec<SharedNetwork>,
    by_name: HashMap<String, usize>,
}

/// One link, before it is known which subnets are on it.
pub(super) struct SharedNetwork {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) scope: Scope,
    /// The times that hold in it.
    pub(super) times: Times,
    pub(super) ways: Ways<Ipv4Addr>,
    pub(super) ways6: Ways<Ipv6Addr>,
}

/// What leads to a network beside the addresses of its subnets.
#[derive(Clone, Debug)]
pub(super) struct Ways<A> {
    pub(super) interfaces: Vec<Placed<String>>,
    pub(super) relays: Vec<Placed<Prefix<A>>>,
    /// None for DHCPv4.
    pub(super) interface_ids: Vec<Placed<Vec<u8>>>,
}

impl SharedNetworks {
    /// Reads them all.
    pub(super) fn read(sections: Vec<Section<'_>>, context: Context<'_>) -> Self {
        let mut shared = Self::default();
        for section in sections {
            shared.read_one(section, context);
        }
        shared
    }

    fn read_one(&mut self, mut section: Section<'_>, context: Context<'_>) {
        let Context { global, definitions, notes, .. } = context;
        let name = section.require("name", "name = \"metro\"").and_then(|v| Some((v.name()?, v)));
        let (ways, ways6) = ways_of_both(&mut section);
        let (scope, times) = scope::read(&mut section, global, definitions, notes);
        section.finish();
        let Some((name, value)) = name else { return };
        if let Some(first) = self.by_name.get(name) {
            let message = format!("shared network {} stands here twice", quote(name));
            notes.clash(value.span, self.list[*first].span, message, "the first one is at");
            return;
        }
        self.by_name.insert(name.to_owned(), self.list.len());
        let name = name.to_owned();
        self.list.push(SharedNetwork { name, span: value.span, scope, times, ways, ways6 });
    }

    /// Notes those that no subnet is in.
    pub(super) fn check(&self, has_subnet: impl Fn(usize) -> bool, notes: &Notebook) {
        // One whose subnet has a mistake of its own is not empty as well.
        if !notes.is_clean() {
            return;
        }
        for (_, network) in self.list.iter().enumerate().filter(|(index, _)| !has_subnet(*index)) {
            let message = format!("shared network {} has no subnet", quote(&network.name));
            let help = format!("add shared-network = \"{}\" to its subnets", network.name);
            notes.mistake(network.span, message, help);
        }
    }

    /// The index of the network that a value names.
    pub(super) fn resolve(&self, value: Value<'_>) -> Option<usize> {
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

impl<A: Family> Ways<A> {
    /// Those of a subnet.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let interfaces = section.take("interfaces").map(interfaces).unwrap_or_default();
        let relays = section.take("relays").map(|v| v.list(A::SOME_RELAYS)).unwrap_or_default();
        let relays = relays.into_iter().filter_map(|item| {
            let relay = item.parsed("write a relay's address, or a prefix", relay)?;
            Some(item.placed(relay))
        });
        let (relays, interface_ids) = (relays.collect(), interface_ids(section));
        Self { interfaces, relays, interface_ids }
    }
}

/// Those of a shared network, whose relays may have addresses of both families.
fn ways_of_both(section: &mut Section<'_>) -> (Ways<Ipv4Addr>, Ways<Ipv6Addr>) {
    let interfaces = section.take("interfaces").map(interfaces).unwrap_or_default();
    let mut ways =
        Ways { interfaces: interfaces.clone(), relays: Vec::new(), interface_ids: Vec::new() };
    let mut ways6 = Ways { interfaces, relays: Vec::new(), interface_ids: interface_ids(section) };
    let relays = section.take("relays").map(|value| value.list(Ipv4Addr::SOME_RELAYS));
    for item in relays.unwrap_or_default() {
        let text = item.as_text().unwrap_or_default();
        if let Some(relay) = relay(text) {
            ways.relays.push(item.placed(relay));
        } else if let Some(relay) = relay(text) {
            ways6.relays.push(item.placed(relay));
        } else {
            item.wrong::<()>("write a relay's address, or a prefix");
        }
    }
    (ways, ways6)
}

fn interfaces(value: Value<'_>) -> Vec<Placed<String>> {
    value
        .list("[\"eth0\"]")
        .into_iter()
        .filter_map(|item| item.name().map(|name| item.placed(name.to_owned())))
        .collect()
}

/// A prefix, or a single address.
fn relay<A: Family>(text: &str) -> Option<Prefix<A>> {
    match text.parse() {
        Ok(address) => Some(Prefix { address, len: A::LEN }),
        Err(_) => prefix::parse(text),
    }
}

fn interface_ids(section: &mut Section<'_>) -> Vec<Placed<Vec<u8>>> {
    let ids = section.take_of(Dhcpv6, "interface-ids").map(|value| value.list("[\"eth0/1\"]"));
    let read = |item: Value<'_>| Some(item.placed(item.parsed(octets::EXPECTED, octets::parse)?));
    ids.unwrap_or_default().into_iter().filter_map(read).collect()
}
