//! Limits: how many leases each subscriber has by a server's own table, whoever granted them, and how
//! many the server has counted for it.

use std::collections::BTreeMap;

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{BindingStatus, Client, ItemKind};

use super::observer::name;
use super::places::{link_address, relay_address};
use super::sabotage::Sabotage;
use super::said::USER_CLASS;
use super::scenario::Side;
use super::server::Server;
use super::world::World;

/// A limit by its place in the configuration, and whose leases are counted.
pub(super) type Subscriber = (u32, Vec<u8>);

/// The limits of a scenario's two configurations.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LimitPlan {
    /// Leases behind one port of a relay.
    pub port: u32,
    /// Leases of the whole user class.
    pub class: u32,
}

impl LimitPlan {
    /// As a configuration has it; one with a deliberate fault allows more.
    pub(super) fn toml(self, sabotage: Option<Sabotage>) -> String {
        let more = u32::from(sabotage == Some(Sabotage::LimitOffByOne));
        let (port, class) = (self.port + more, self.class + more);
        format!(
            "[[class]]\nname = \"boxes\"\nmatch = {{ user-class = \"{USER_CLASS}\" }}\n\
             [[limit]]\nname = \"port\"\nper = \"circuit-id\"\nleases = {port}\n\
             [[limit]]\nname = \"boxes\"\nper = \"class\"\nclass = \"boxes\"\nleases = {class}\n\
             [[limit]]\nname = \"port6\"\nper = \"interface-id\"\nleases = {port}\n"
        )
    }

    fn most(self, (limit, _): &Subscriber) -> u32 {
        if [CLASS, OF_DHCPV6 | CLASS].contains(limit) { self.class } else { self.port }
    }
}

/// The limits by their places; those of DHCPv6 count for themselves.
const PORT: u32 = 0;
const CLASS: u32 = 1;
const PORT6: u32 = 2;
const OF_DHCPV6: u32 = 1 << 31;

/// Whom a lease of this client is counted for.
fn subscribers(client: &Client) -> Vec<Subscriber> {
    let item = |kind| client.item(kind);
    let is_v6 = matches!(client.key().kind, ItemKind::IaAddresses | ItemKind::IaPrefixes);
    let (port, class) = if is_v6 {
        let link = item(ItemKind::LinkAddress).unwrap_or(&[0; 16]);
        let port = item(ItemKind::InterfaceId).map(|id| [link, id].concat());
        (port.map(|key| (OF_DHCPV6 | PORT6, key)), OF_DHCPV6 | CLASS)
    } else {
        let relay = item(ItemKind::Relay).unwrap_or(&[0; 4]);
        let port = item(ItemKind::CircuitId).map(|id| [relay, id].concat());
        (port.map(|key| (PORT, key)), CLASS)
    };
    let class = item(ItemKind::UserClass).map(|_| (class, Vec::new()));
    port.into_iter().chain(class).collect()
}

impl Server {
    /// The leases of each subscriber that has any.
    pub(super) fn subscribers(&self) -> BTreeMap<Subscriber, u32> {
        let mut leases = BTreeMap::new();
        let Some(core) = self.core.as_ref().filter(|_| self.has_limits()) else { return leases };
        core.for_each(|_, binding| {
            let client = binding.client.as_ref();
            let client = client.filter(|_| binding.status == BindingStatus::Active);
            for subscriber in client.into_iter().flat_map(subscribers) {
                *leases.entry(subscriber).or_insert(0) += 1;
            }
        });
        leases
    }
}

impl World<'_> {
    /// What a server counts must be what there is, or it refuses clients for ever or none.
    pub(super) fn look_at_limits(&mut self) {
        if self.scenario.limits.is_none() {
            return;
        }
        for side in 0..2 {
            let Some(core) = &self.servers[side].core else { continue };
            let leases = self.servers[side].subscribers();
            let wrong = leases
                .iter()
                .find(|((limit, key), leases)| core.limits.held(*limit, key) != **leases);
            // Whoever has nothing left must not be counted either.
            let gone = self.subscribers_seen[side].iter().find(|subscriber| {
                let (limit, key) = subscriber;
                !leases.contains_key(*subscriber) && core.limits.held(*limit, key) > 0
            });
            let wrong = wrong.map(|(subscriber, leases)| (subscriber, *leases));
            if let Some((subscriber, leases)) = wrong.or(gone.map(|subscriber| (subscriber, 0))) {
                let text = format!(
                    "{} counts {} leases for {subscriber:?}, which has {leases}",
                    name(side),
                    core.limits.held(subscriber.0, &subscriber.1),
                );
                self.observer.fail("limits count what is leased", self.now, text);
            }
            self.subscribers_seen[side].extend(leases.into_keys());
        }
    }

    /// Whom a lease of this client would be counted for, and how many leases a server counts there.
    pub(super) fn counted(&self, number: usize, side: Side) -> Vec<(Subscriber, u32)> {
        let client = &self.clients[number];
        let core = self.servers[side].core.as_ref().filter(|_| self.scenario.limits.is_some());
        let Some(core) = core else { return Vec::new() };
        let (plan, network) = (&client.plan, client.network);
        let (link, port, class) = match client.protocol {
            Protocol::Dhcpv4 => (relay_address(network).octets().to_vec(), PORT, CLASS),
            Protocol::Dhcpv6 => {
                let link = link_address(network).octets().to_vec();
                (link, OF_DHCPV6 | PORT6, OF_DHCPV6 | CLASS)
            }
        };
        let id = plan.said.circuit_id().filter(|_| plan.relays > 0);
        let port = id.map(|id| (port, [&link, id.as_bytes()].concat()));
        let class = plan.said.user_class.then(|| (class, Vec::new()));
        let of = |subscriber: Subscriber| {
            let leases = core.limits.held(subscriber.0, &subscriber.1);
            (subscriber, leases)
        };
        port.into_iter().chain(class).map(of).collect()
    }

    /// A server has heard a client: nobody has come to more leases than it may have.
    pub(super) fn look_at_grant(
        &mut self,
        number: usize,
        side: Side,
        before: &[(Subscriber, u32)],
    ) {
        let Some(limits) = self.scenario.limits else { return };
        for ((subscriber, after), (_, before)) in self.counted(number, side).iter().zip(before) {
            if after > before && *after > limits.most(subscriber) {
                let text = format!("{} grants {subscriber:?} lease {after}", name(side));
                self.observer.fail("as many leases as the limit", self.now, text);
            }
        }
    }

    /// Whether this server may give the client one more lease.
    pub(super) fn is_within_limits(&self, number: usize, side: Side) -> bool {
        let Some(limits) = self.scenario.limits else { return true };
        let counted = self.counted(number, side);
        counted.iter().all(|(subscriber, leases)| *leases < limits.most(subscriber))
    }
}
