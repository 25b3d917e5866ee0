//! What the two servers say to each other: connections, greetings on them by the product's own rules,
//! and messages as octets.

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::{Arrived, Opening, Spoken};
use dhcp_user::failover::{Dialect, Event as Happening, Lost, Said, Tls};

use super::clock::{Millis, SECOND};
use super::link::{End, Item};
use super::observer::{name, on};
use super::sabotage::Sabotage;
use super::scenario::{Relationship, Side};
use super::telling::{self, Telling};
use super::world::{Event, World};

/// Between two attempts to connect, as the product's default.
const RECONNECT: Millis = 5 * SECOND;

impl World<'_> {
    /// What an endpoint says leaves on its link, if there is one.
    pub(super) fn send(
        &mut self,
        relationship: Relationship,
        side: Side,
        xid: u32,
        message: Spoken,
    ) {
        let Some(number) = self.link.of(relationship, side) else { return };
        let on = on(relationship);
        self.say(|| format!("{}{on} -> {} xid {xid}", name(side), super::words::message(&message)));
        let telling = Telling::of(&message);
        self.observer.sends(self.now, &self.servers[side], relationship, xid, &telling);
        self.put_message(number, side, xid, message);
    }

    fn put_message(&mut self, number: u64, side: Side, xid: u32, message: Spoken) {
        let dialect = match self.link.end(number, side) {
            Some(End::Link(dialect)) => *dialect,
            _ => Dialect::default(),
        };
        let packet = telling::arrived(self.servers[side].clock.at(self.now), xid, message);
        match telling::encode(&packet, dialect) {
            Ok(octets) => self.put(number, side, Item::Octets(octets)),
            Err(why) => {
                let text = format!("{}: {why}: {packet:?}", name(side));
                self.observer.fail("every message has octets", self.now, text);
            }
        }
    }

    fn put(&mut self, number: u64, side: Side, item: Item) {
        if let Some(arrives) = self.link.send(self.now, number, side, item) {
            self.at(arrives, Event::Arrive(number, side));
        }
    }

    /// This end is closed; the other learns of it as far as the network lets it.
    pub(super) fn close(&mut self, number: u64, side: Side) {
        self.put(number, side, Item::Closed);
        self.link.close(number, side);
    }

    /// The link is closed here, and the endpoint told so.
    pub(super) fn hang_up(&mut self, relationship: Relationship, side: Side, why: Lost) {
        let Some(number) = self.link.of(relationship, side) else { return };
        self.close(number, side);
        self.lost(relationship, side, why);
    }

    /// Every connection is reset.
    pub(super) fn reset(&mut self) {
        let ends = (0..self.scenario.relationships).flat_map(|it| [(it, 0), (it, 1)]);
        let links: Vec<_> = ends.filter(|(it, side)| self.link.of(*it, *side).is_some()).collect();
        self.link.reset();
        for (relationship, side) in links {
            self.lost(relationship, side, Lost::Closed);
        }
    }

    /// The endpoint learns that its link is gone.
    fn lost(&mut self, relationship: Relationship, side: Side, why: Lost) {
        self.say(|| format!("{}{} has lost the link: {why:?}", name(side), on(relationship)));
        self.observer.disconnected(relationship, side);
        self.tell(relationship, side, Happening::LinkLost(why));
    }

    /// Dials, if there is no link; again after a while.
    pub(super) fn connect(&mut self, side: Side) {
        let life = self.servers[side].life;
        self.after(RECONNECT, Event::Connect(side, life));
        for number in self.link.late(side, self.now) {
            self.close(number, side);
        }
        for relationship in 0..self.scenario.relationships {
            self.dial(relationship, side);
        }
    }

    fn dial(&mut self, relationship: Relationship, side: Side) {
        let is_busy =
            self.link.of(relationship, side).is_some() || self.link.is_dialling(relationship, side);
        let protocol = self.protocol(relationship);
        // In DHCPv6 the primary alone calls (RFC 8156 §6.1).
        let dials = protocol == Protocol::Dhcpv4 || side == relationship;
        if is_busy || !dials || !self.is_awake(1 - side) {
            return;
        }
        let greetings = self.servers.each_ref().map(|server| {
            let settings = server.settings(relationship);
            Opening::new(settings, Tls::Off)
        });
        let made = self.link.connect(self.now, relationship, side, greetings);
        let Some(number) = made else { return };
        for end in 0..2 {
            if protocol == Protocol::Dhcpv4 && self.link.of(relationship, end).is_some() {
                // One link at a time, and the first stays.
                self.close(number, end);
            } else if let Some(End::Greeting(greeting, _)) = self.link.end(number, end) {
                let said = greeting.begin();
                self.carry_said(number, end, said);
            }
        }
    }

    /// What `from` sent on that connection arrives at the other.
    pub(super) fn arrive(&mut self, number: u64, from: Side) {
        let to = 1 - from;
        while let Some(item) = self.link.arrived(self.now, number, from) {
            let Some(relationship) = self.link.relationship(number) else { return };
            let is_link = match self.link.end(number, to) {
                _ if !self.servers[to].is_up() => continue,
                None => {
                    // Nobody is there: RST.
                    if !matches!(item, Item::Closed) {
                        self.put(number, to, Item::Closed);
                    }
                    continue;
                }
                Some(end) => matches!(end, End::Link(_)),
            };
            match item {
                Item::Closed => {
                    self.link.close(number, to);
                    if is_link {
                        self.lost(relationship, to, Lost::Closed);
                    }
                }
                Item::Octets(octets) => {
                    match telling::parse(self.protocol(relationship), &octets) {
                        Ok(packet) if is_link => self.message(relationship, to, &packet),
                        Ok(packet) => self.greet(number, to, &packet),
                        Err(why) => {
                            let text = format!("{} reads {octets:?}: {why}", name(to));
                            self.observer.fail("every message is read", self.now, text);
                        }
                    }
                }
            }
        }
        if let Some(next) = self.link.next(number, from).filter(|_| !self.link.is_muted(from)) {
            self.at(next, Event::Arrive(number, from));
        }
    }

    /// What that side sent is under way again.
    pub(super) fn unmute(&mut self, side: Side) {
        self.link.unmute(side);
        for number in self.link.numbers(1 - side) {
            self.after(0, Event::Arrive(number, side));
        }
    }

    fn greet(&mut self, number: u64, side: Side, packet: &Arrived) {
        let now = self.servers[side].clock.at(self.now);
        if let Some(End::Greeting(greeting, _)) = self.link.end(number, side) {
            let mut packet = packet.clone();
            if let Some(fault) = self.sabotage {
                fault.received(now, &mut packet);
            }
            let said = greeting.handle(now, &packet);
            self.carry_said(number, side, said);
        }
    }

    fn carry_said(&mut self, number: u64, side: Side, said: Said<Spoken>) {
        let Some(relationship) = self.link.relationship(number) else { return };
        match said {
            Said::Send(messages) => self.put_all(number, side, messages),
            Said::Done(..)
                if self.protocol(relationship) == Protocol::Dhcpv4
                    && self.link.of(relationship, side).is_some() =>
            {
                self.close(number, side);
            }
            Said::Done(messages, greeted) => {
                // A primary of DHCPv6 that comes again has lost its link.
                self.hang_up(relationship, side, Lost::Closed);
                self.put_all(number, side, messages);
                if let Some(end) = self.link.end(number, side) {
                    *end = End::Link(greeted.dialect);
                }
                for other in self.link.numbers(side) {
                    if other != number && self.link.relationship(other) == Some(relationship) {
                        self.close(other, side);
                    }
                }
                let on = on(relationship);
                self.say(|| format!("{}{on} has a link: connection {number}", name(side)));
                self.tell(relationship, side, Happening::LinkUp(greeted));
            }
            Said::Refuse(messages, why) => {
                self.say(|| format!("{} refuses the greeting: {why}", name(side)));
                self.put_all(number, side, messages);
                self.close(number, side);
            }
            Said::StartTls(_) => {
                self.observer.fail("no TLS unasked", self.now, name(side).to_owned());
            }
        }
    }

    fn put_all(&mut self, number: u64, side: Side, messages: Vec<(u32, Spoken)>) {
        for (xid, message) in messages {
            self.put_message(number, side, xid, message);
        }
    }

    fn protocol(&self, relationship: Relationship) -> Protocol {
        self.scenario.protocols[relationship]
    }

    fn message(&mut self, relationship: Relationship, to: Side, packet: &Arrived) {
        let telling = Telling::of(&telling::spoken(packet));
        self.observer.arrives(self.now, &self.servers, relationship, to, packet.xid(), &telling);
        if self.sabotage == Some(Sabotage::RuleFiveSwapped) {
            self.servers[to].give_in(relationship, &telling);
        }
        let early = self.sabotage == Some(Sabotage::UpdateDoneEarly)
            && matches!(telling, Telling::Request { .. });
        if early {
            let done = telling::update_done(self.protocol(relationship));
            self.send(relationship, to, packet.xid(), done);
        }
        let now = self.servers[to].clock.at(self.now);
        let mut packet = packet.clone();
        if let Some(fault) = self.sabotage {
            fault.received(now, &mut packet);
        }
        self.tell(relationship, to, packet.event(now));
    }
}
