//! What the observer makes of what the servers say to each other.

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{Binding, BindingStatus, Resource};
use dhcp_user::wire::Stamp;

use super::clock::Millis;
use super::observer::{Observer, held, name, whose};
use super::scenario::{Relationship, Side};
use super::server::Server;
use super::telling::{Telling, Told};
use super::words::binding;

impl Observer {
    /// A message leaves a server: what it tells must be durable.
    pub(super) fn sends(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        xid: u32,
        message: &Telling,
    ) {
        let side = server.side;
        match message {
            Telling::State { state, is_startup: false, .. }
                if !server.disk.states[relationship].contains(state) =>
            {
                let saved = server.disk.saved[relationship].map(|saved| saved.state);
                let text = format!("{} says {state}; on its disk is {saved:?}", name(side));
                self.fail("durable before the STATE", now, text);
            }
            Telling::Updates(updates) => {
                self.updates += updates.len() as u64;
                for update in updates {
                    self.check_update(now, server, update);
                }
                self.known[relationship][side].under_way.insert(xid, updates.clone());
            }
            Telling::Answers(answers) => {
                for (resource, why) in answers {
                    self.answers(now, server, relationship, xid, (*resource, why.is_none()));
                }
            }
            _ => {}
        }
    }

    /// An update is answered: one that is taken must be durable.
    fn answers(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        xid: u32,
        (resource, taken): (Resource, bool),
    ) {
        let side = server.side;
        let theirs = self.known[relationship][1 - side].under_way.get(&xid);
        let update = theirs.and_then(|updates| updates.iter().find(|it| it.resource == resource));
        if let Some(update) = update.filter(|_| taken).cloned() {
            self.check_taken(now, server, &update);
            self.taken(relationship, side, &update);
        }
        let expected = self.known[relationship][side].expected.remove(&(xid, resource));
        if expected.is_some_and(|expected| expected != taken) {
            let text = format!(
                "{} {} {resource}, which another client has by its own records",
                name(side),
                if taken { "takes" } else { "refuses" },
            );
            let promise = "of two clients the primary's has the address";
            self.fail_about(promise, now, (resource, None), text);
        }
    }

    /// What is told of a binding must outlast a crash.
    fn check_update(&mut self, now: Millis, server: &Server, update: &Told) {
        let durable = server.disk.bindings.get(&update.resource);
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
                    || server.disk.last.contains(&(update.resource, other))
                    || server
                        .binding(update.resource)
                        .is_some_and(|binding| binding.status != other && durable.is_some())
            }
        };
        if !is_kept {
            let text = format!(
                "{} tells the partner {:?} of {}; its disk has {status:?}",
                name(server.side),
                update.status,
                update.resource
            );
            self.fail_about(
                "durable before the BNDUPD",
                now,
                (update.resource, update.client),
                text,
            );
        }
    }

    /// What is acknowledged must outlast a crash.
    fn check_taken(&mut self, now: Millis, server: &Server, update: &Told) {
        let side = server.side;
        let durable = server.disk.bindings.get(&update.resource);
        let told = (update.resource, update.potential.unwrap_or(Stamp::ZERO));
        let announced = self.as_clock_of(now, side, told);
        let tolerance = if self.is_exact { 0 } else { 20 };
        let is_kept = match update.status {
            BindingStatus::Active => durable.is_some_and(|durable| {
                durable.status != BindingStatus::Active
                    || whose(durable) == update.client
                        && durable.received_potential.0.saturating_add(tolerance) >= announced.0
            }),
            BindingStatus::Free
            | BindingStatus::Expired
            | BindingStatus::Released
            | BindingStatus::Reset => true,
            other => durable.is_some_and(|durable| {
                durable.status == other
                    || server.binding(update.resource).is_some_and(|it| it.status != other)
            }),
        };
        if !is_kept {
            let text = format!(
                "{} takes {:?} of {} until {}; its disk has {:?}",
                name(side),
                update.status,
                update.resource,
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
                (update.resource, update.client),
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
        message: &Telling,
    ) {
        let server = &servers[to];
        match message {
            Telling::Updates(updates) => {
                for update in updates {
                    self.expect(now, server, relationship, xid, update);
                }
            }
            Telling::Answers(answers) => {
                let under_way = &mut self.known[relationship][to].under_way;
                let updates = under_way.remove(&xid).unwrap_or_default();
                for update in updates {
                    let answer = answers.iter().find(|(it, _)| *it == update.resource);
                    if answer.is_some_and(|(_, why)| why.is_none()) {
                        self.acknowledged(relationship, to, &update);
                    }
                }
            }
            Telling::Request { all } => {
                self.known[relationship][1 - to].asked_for = held(server, relationship, *all);
            }
            Telling::UpdateDone => self.check_done(now, servers, relationship, to),
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
        update: &Told,
    ) {
        let side = server.side;
        let own = server.binding(update.resource);
        let stamp = self.clocks[side].at(now);
        // draft-12 §7.1.3, rule 5.
        let rival = own.filter(|own| {
            own.status == BindingStatus::Active
                && update.status == BindingStatus::Active
                && own.expires > stamp.after(dhcp_user::wire::Seconds(30))
                && whose(own) != update.client
        });
        // Two updates of one address that cross are another matter (spec §6.3).
        let mut under_way = self.known[relationship][side].under_way.values().flatten();
        let crosses = under_way.any(|own| own.resource == update.resource);
        let rival = rival.filter(|_| !crosses);
        let is_secondary = side != relationship;
        let taken = rival.and_then(|own| match self.protocol(update.resource) {
            Protocol::Dhcpv4 => Some(is_secondary),
            Protocol::Dhcpv6 if is_secondary => Some(true),
            // RFC 8156 §7.5.4: unless it was heard since; about the moment itself nothing is said.
            Protocol::Dhcpv6 => match update.cltt?.0.checked_sub(own.starts.0) {
                None | Some(0..4) => Some(false),
                Some(4..8) => None,
                Some(_) => Some(true),
            },
        });
        if let Some(taken) = taken {
            let expected = &mut self.known[relationship][side].expected;
            expected.insert((xid, update.resource), taken);
        }
        let told = (update.resource, update.potential.unwrap_or(Stamp::ZERO));
        let announced = self.as_clock_of(now, side, told);
        let known = &mut self.known[relationship][side];
        if update.status == BindingStatus::Active {
            // Taken or not: the partner remembers what it has announced.
            let last = known.announced.entry(update.resource).or_default();
            *last = announced.max(*last);
        } else {
            let last = known.announced.get(&update.resource).copied();
            known.before_end.insert(update.resource, last.unwrap_or(Stamp::ZERO));
        }
    }

    /// The server has taken the update: what was promised of a lease that is over counts no more.
    fn taken(&mut self, relationship: Relationship, side: Side, update: &Told) {
        if update.status == BindingStatus::Active {
            return;
        }
        let known = &mut self.known[relationship][side];
        known.acknowledged.remove(&update.resource);
        let before = known.before_end.remove(&update.resource);
        if known.announced.get(&update.resource).copied() == before {
            known.announced.remove(&update.resource);
        }
    }

    fn acknowledged(&mut self, relationship: Relationship, side: Side, update: &Told) {
        let potential = update.potential.unwrap_or(Stamp::ZERO);
        let known = &mut self.known[relationship][side];
        if update.status != BindingStatus::Active {
            known.announced.remove(&update.resource);
            known.acknowledged.remove(&update.resource);
        }
        let known = known.acknowledged.entry(update.resource).or_default();
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
            let still = theirs.as_ref().is_some_and(|theirs| {
                theirs.status == BindingStatus::Active
                    && whose(theirs) == Some(client)
                    && theirs.expires == expires
            });
            let ours = servers[to].binding(address);
            // Its client may have been heard here since, and have left; or after two wrong operators another.
            let has_left = |ours: &Binding| {
                (whose(ours) == Some(client) || self.excused.is_some())
                    && theirs.as_ref().is_some_and(|theirs| ours.cltt > theirs.cltt)
            };
            let is_unknown = ours.as_ref().is_none_or(|it| it.is_available() && !has_left(it));
            let is_over =
                expires <= self.clocks[1 - to].at(now).after(dhcp_user::wire::Seconds(30));
            if still && is_unknown && !is_over {
                let text = format!(
                    "{} is told that it has everything, and does not know that client {client} \
                     has {address}\n  here  {}\n  there {}",
                    name(to),
                    binding(ours.as_ref()),
                    binding(theirs.as_ref())
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
