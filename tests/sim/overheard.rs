//! What the observer makes of what the servers say to each other.

use dhcp_user::lease::BindingStatus;
use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::{Message, Update};

use super::clock::Millis;
use super::observer::{Observer, client_of, held, name, whose};
use super::scenario::{Relationship, Side};
use super::server::Server;

impl Observer {
    /// A message leaves a server: what it tells must be durable.
    pub(super) fn sends(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        xid: u32,
        message: &Message,
    ) {
        let side = server.side;
        match message {
            Message::State(report)
                if !report.is_startup
                    && !server.disk.states[relationship].contains(&report.state) =>
            {
                let saved = server.disk.saved[relationship].map(|saved| saved.state);
                let text =
                    format!("{} says {}; on its disk is {saved:?}", name(side), report.state);
                self.fail("durable before the STATE", now, text);
            }
            Message::BindingUpdate(updates) => {
                self.updates += updates.len() as u64;
                for update in updates {
                    self.check_update(now, server, update);
                }
                self.known[relationship][side].under_way.insert(xid, updates.clone());
            }
            Message::BindingAck(answers) => {
                for answer in answers {
                    let taken = answer.rejection.is_none();
                    let theirs = &self.known[relationship][1 - side].under_way;
                    let update = theirs.get(&xid).and_then(|updates| {
                        updates.iter().find(|update| update.address == answer.address)
                    });
                    if let Some(update) = update.filter(|_| taken).cloned() {
                        self.check_taken(now, server, &update);
                        self.taken(relationship, side, &update);
                    }
                    let expected = &mut self.known[relationship][side].expected;
                    let expected = expected.remove(&(xid, answer.address));
                    if expected.is_some_and(|expected| expected != taken) {
                        let text = format!(
                            "{} {} {}, which another client has by its own records",
                            name(side),
                            if taken { "takes" } else { "refuses" },
                            answer.address
                        );
                        self.fail_about(
                            "of two clients the primary's has the address",
                            now,
                            (answer.address, None),
                            text,
                        );
                    }
                }
            }
            _ => {}
        }
    }

    /// What is told of a binding must outlast a crash.
    fn check_update(&mut self, now: Millis, server: &Server, update: &Update) {
        let durable = server.disk.bindings.get(&update.address);
        let status = durable.map_or(BindingStatus::Free, |durable| durable.status);
        let is_kept = match update.status {
            // A server that has not used an address has no record of it.
            BindingStatus::Free => true,
            BindingStatus::Active => durable.is_some_and(|durable| {
                durable.status != BindingStatus::Active
                    || durable
                        .sent_potential
                        .max(durable.expires)
                        .max(durable.received_potential)
                        .max(durable.acked_potential)
                        >= update.potential.unwrap_or(Stamp::ZERO)
            }),
            other => {
                other == status
                    || server
                        .binding(update.address)
                        .is_some_and(|binding| binding.status != other && durable.is_some())
            }
        };
        if !is_kept {
            let text = format!(
                "{} tells the partner {:?} of {}; its disk has {status:?}",
                name(server.side),
                update.status,
                update.address
            );
            self.fail_about(
                "durable before the BNDUPD",
                now,
                (update.address, client_of(update)),
                text,
            );
        }
    }

    /// What is acknowledged must outlast a crash.
    fn check_taken(&mut self, now: Millis, server: &Server, update: &Update) {
        let side = server.side;
        let durable = server.disk.bindings.get(&update.address);
        let announced = self.as_clock_of(now, side, update.potential.unwrap_or(Stamp::ZERO));
        let tolerance = if self.is_exact { 0 } else { 20 };
        let is_kept = match update.status {
            BindingStatus::Active => durable.is_some_and(|durable| {
                durable.status != BindingStatus::Active
                    || whose(durable) == client_of(update)
                        && durable.received_potential.0.saturating_add(tolerance) >= announced.0
            }),
            BindingStatus::Free
            | BindingStatus::Expired
            | BindingStatus::Released
            | BindingStatus::Reset => true,
            other => durable.is_some_and(|durable| {
                durable.status == other
                    || server.binding(update.address).is_some_and(|it| it.status != other)
            }),
        };
        if !is_kept {
            let text = format!(
                "{} takes {:?} of {} until {}; its disk has {:?}",
                name(side),
                update.status,
                update.address,
                announced.0,
                durable.map(|durable| (
                    durable.status,
                    whose(durable),
                    durable.received_potential.0
                ))
            );
            self.fail_about(
                "durable before the BNDACK",
                now,
                (update.address, client_of(update)),
                text,
            );
        }
    }

    /// A message arrives, before the server knows.
    pub(super) fn arrives(
        &mut self,
        now: Millis,
        servers: &[Server; 2],
        relationship: Relationship,
        to: Side,
        xid: u32,
        message: &Message,
    ) {
        let server = &servers[to];
        match message {
            Message::BindingUpdate(updates) => {
                for update in updates {
                    self.expect(now, server, relationship, xid, update);
                }
            }
            Message::BindingAck(answers) => {
                let under_way = &mut self.known[relationship][to].under_way;
                let updates = under_way.remove(&xid).unwrap_or_default();
                for update in updates {
                    let answer = answers.iter().find(|answer| answer.address == update.address);
                    if answer.is_some_and(|answer| answer.rejection.is_none()) {
                        self.acknowledged(relationship, to, &update);
                    }
                }
            }
            Message::UpdateRequest | Message::UpdateRequestAll => {
                let all = *message == Message::UpdateRequestAll;
                self.known[relationship][1 - to].asked_for = held(server, relationship, all);
            }
            Message::UpdateDone => self.check_done(now, servers, relationship, to),
            _ => {}
        }
    }

    /// The update is announced, and the accept table says what must become of it.
    fn expect(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        xid: u32,
        update: &Update,
    ) {
        let side = server.side;
        let own = server.binding(update.address);
        let stamp = self.clocks[side].at(now);
        // draft-12 §7.1.3, rule 5.
        let rival = own.filter(|own| {
            own.status == BindingStatus::Active
                && update.status == BindingStatus::Active
                && own.expires > stamp.after(dhcp_user::wire::Seconds(30))
                && whose(own) != client_of(update)
        });
        // Two updates of one address that cross are another matter (spec §6.3).
        let mut under_way = self.known[relationship][side].under_way.values().flatten();
        let crosses = under_way.any(|own| own.address == update.address);
        let rival = rival.filter(|_| !crosses);
        if rival.is_some() {
            let is_secondary = side != relationship;
            let expected = &mut self.known[relationship][side].expected;
            expected.insert((xid, update.address), is_secondary);
        }
        let announced = self.as_clock_of(now, side, update.potential.unwrap_or(Stamp::ZERO));
        let known = &mut self.known[relationship][side];
        if update.status == BindingStatus::Active {
            // Taken or not: the partner remembers what it has announced.
            let last = known.announced.entry(update.address).or_default();
            *last = announced.max(*last);
        } else {
            let last = known.announced.get(&update.address).copied();
            known.before_end.insert(update.address, last.unwrap_or(Stamp::ZERO));
        }
    }

    /// The server has taken the update: what was promised of a lease that is over counts no more.
    fn taken(&mut self, relationship: Relationship, side: Side, update: &Update) {
        if update.status == BindingStatus::Active {
            return;
        }
        let known = &mut self.known[relationship][side];
        known.acknowledged.remove(&update.address);
        let before = known.before_end.remove(&update.address);
        if known.announced.get(&update.address).copied() == before {
            known.announced.remove(&update.address);
        }
    }

    fn acknowledged(&mut self, relationship: Relationship, side: Side, update: &Update) {
        let potential = update.potential.unwrap_or(Stamp::ZERO);
        let known = &mut self.known[relationship][side];
        if update.status != BindingStatus::Active {
            known.announced.remove(&update.address);
            known.acknowledged.remove(&update.address);
        }
        let known = known.acknowledged.entry(update.address).or_default();
        *known = potential.max(*known);
    }

    /// UPDDONE: what was asked for must be here.
    fn check_done(
        &mut self,
        now: Millis,
        servers: &[Server; 2],
        relationship: Relationship,
        to: Side,
    ) {
        let asked_for = std::mem::take(&mut self.known[relationship][to].asked_for);
        for (address, (client, expires)) in asked_for {
            let theirs = servers[1 - to].binding(address);
            let still = theirs.is_some_and(|theirs| {
                theirs.status == BindingStatus::Active
                    && whose(&theirs) == Some(client)
                    && theirs.expires == expires
            });
            let ours = servers[to].binding(address);
            let is_unknown = ours.is_none_or(|ours| ours.is_available());
            let is_over =
                expires <= self.clocks[1 - to].at(now).after(dhcp_user::wire::Seconds(30));
            if still && is_unknown && !is_over {
                let text = format!(
                    "{} is told that it has everything, and does not know that client {client} \
                     has {address}",
                    name(to)
                );
                self.fail_about("all is sent before UPDDONE", now, (address, Some(client)), text);
            }
        }
    }

    /// The connection is gone, and all that was under way on it.
    pub(super) fn disconnected(&mut self, relationship: Relationship, side: Side) {
        let known = &mut self.known[relationship][side];
        known.under_way.clear();
        known.expected.clear();
        known.asked_for.clear();
    }
}
