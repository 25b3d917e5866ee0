//! Who promises to answer whom, and whether it is kept.

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{Answers, Binding, Owner, View};
use dhcp_user::wire::failover::State;

use super::client::{Client, Stage};
use super::clock::MINUTE;
use super::observer::whose;
use super::places::{address, prefix};
use super::scenario::{Side, Time};
use super::server::Server;
use super::world::World;

impl World<'_> {
    /// Whether clients are kept waiting although somebody promised to answer them.
    pub(super) fn look(&mut self) {
        self.look_at_servers();
        self.look_at_limits();
        if self.is_quiet {
            return;
        }
        for number in 0..self.clients.len() {
            let is_asking = self.clients[number].unanswered.is_some();
            let promised = is_asking && self.is_promised(number);
            let since = self.troubles.promised[number].filter(|_| promised).unwrap_or(self.now);
            self.troubles.promised[number] = Some(since);
            let client = &self.clients[number];
            let Some(asking) = client.unanswered else { continue };
            let waited = self.now - asking.max(since);
            if waited > 6 * MINUTE {
                let text = format!(
                    "client {} in {:?} waits since {} for {:?}; states {:?}",
                    client.plan.number,
                    client.stage,
                    Time(asking),
                    client.resources(),
                    self.servers.each_ref().map(|server| server.states())
                );
                self.observer.fail("every client is served", self.now, text);
            }
        }
    }

    /// Whether a server promises to answer this client now.
    fn is_promised(&self, number: usize) -> bool {
        let client = &self.clients[number];
        if self.troubles.noise > 0 {
            return false;
        }
        let reachable = |side: Side| {
            self.is_awake(side)
                && self.troubles.unreachable[side] == 0
                && self.troubles.slow[side] == 0
        };
        let both_normal = (0..2).all(|side| {
            let state = self.servers[side].state(self.scenario.relationship(client.network));
            reachable(side) && state == Some(State::Normal)
        });
        (0..2).any(|side| {
            let server = &self.servers[side];
            let view = server.view(client.network).filter(|_| reachable(side));
            let Some(view) = view else { return false };
            let is_its = |it: &Binding| {
                it.status == dhcp_user::lease::BindingStatus::Active
                    && whose(it) == Some(client.plan.number)
            };
            let mut bound = client.resources().into_iter().filter_map(|it| server.binding(it));
            let knows = bound.any(|it| is_its(&it));
            match (client.stage, &view.answers) {
                (_, Answers::Nobody | Answers::Named)
                | (Stage::Off | Stage::Bound | Stage::Renewing, _) => false,
                // RFC 8156 §8.7: whom it knows, and names it.
                (_, Answers::Extensions) if client.protocol == Protocol::Dhcpv6 => false,
                (Stage::Rebinding, _) => knows,
                (_, Answers::Extensions) => false,
                _ if !self.is_within_limits(number, side) => false,
                (_, Answers::Everybody) => self.available(server, client, Some(view)) >= 3,
                (_, Answers::Shared(_)) => {
                    let left = self.available(server, client, None);
                    both_normal
                        && self.is_within_limits(number, 1 - side)
                        && left >= 4 + self.scenario.pools[client.network] / 4
                }
            }
        })
    }

    /// How many of what the client wants there are to give by this view, or by either server: the most of
    /// either kind.
    fn available(&self, server: &Server, client: &Client, view: Option<&View>) -> u32 {
        let Some(core) = &server.core else { return 0 };
        let network = client.network;
        let owner = view.map(|view| view.owner);
        let shared_out = |first| {
            let Some(counts) = core.counts(first) else { return 0 };
            let its = match owner {
                Some(Owner::Primary) => counts.free,
                Some(Owner::Secondary) => counts.backup,
                None => counts.free + counts.backup,
            };
            its as u32
        };
        match client.protocol {
            Protocol::Dhcpv4 => shared_out(address(Protocol::Dhcpv4, network, 0)),
            Protocol::Dhcpv6 => {
                let prefixes = if client.plan.prefix { shared_out(prefix(network, 0)) } else { 0 };
                let places = if client.plan.address { self.scenario.pools[network] } else { 0 };
                let is_free = |place: &u32| {
                    let resource = address(Protocol::Dhcpv6, network, *place);
                    owner.is_none_or(|owner| resource == resource.of_owner(owner))
                        && server.binding(resource).is_none_or(|it| it.is_available())
                };
                prefixes.max((0..places).filter(is_free).count() as u32)
            }
        }
    }
}
