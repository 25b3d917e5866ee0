//! Who promises to answer whom, and whether it is kept.

use dhcp_user::lease::Answers;
use dhcp_user::wire::failover::State;

use super::client::Stage;
use super::clock::MINUTE;
use super::observer::whose;
use super::scenario::{Side, Time};
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
            let promised = self.is_promised(number);
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
                    client.address,
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
            let knows =
                client.address.and_then(|address| server.binding(address)).is_some_and(|it| {
                    it.status == dhcp_user::lease::BindingStatus::Active
                        && whose(&it) == Some(client.plan.number)
                        && it.client.is_some()
                });
            match (client.stage, &view.answers) {
                (_, Answers::Nobody | Answers::Named)
                | (Stage::Off | Stage::Bound | Stage::Renewing, _) => false,
                (Stage::Rebinding, _) => knows,
                (_, Answers::Extensions) => false,
                _ if !self.is_within_limits(number, side) => false,
                (_, Answers::Everybody) => server.available(client.network) >= 3,
                (_, Answers::Shared(_)) => {
                    let left = server.available_to_both(client.network);
                    both_normal
                        && self.is_within_limits(number, 1 - side)
                        && left >= 4 + self.scenario.pools[client.network] / 4
                }
            }
        })
    }
}
