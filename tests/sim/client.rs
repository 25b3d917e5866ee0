//! A client: RFC 2131 §4.4 or RFC 8415 §18.2, with a slow clock and wishes of its own.
//!
//! It says what it wants done as [`Words`] and hears what came of them; packets and their ways
//! are the world's. What both protocols have in common it does alike.

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::Resource;

use super::clock::{MINUTE, Millis, SECOND};
use super::packet::{Act, Heard, Kind, Words};
use super::random::Random;
use super::scenario::{ClientPlan, Scenario, Side};

/// RFC 2131 figure 5, less what does not wait. In DHCPv6 Confirm is what a client reboots by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Off,
    Selecting,
    Requesting { from: Side },
    Rebooting,
    Bound,
    Renewing,
    Rebinding,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) plan: ClientPlan,
    pub(super) protocol: Protocol,
    /// Whether its protocol is spoken on the other network, too.
    roams: bool,
    pub(super) network: usize,
    pub(super) stage: Stage,
    /// What it has, or had last, and until when: true times.
    pub(super) leases: Vec<(Resource, Millis)>,
    /// Whom it has it from.
    server: Side,
    /// When the first of it ends.
    ends: Millis,
    renews: Millis,
    rebinds: Millis,
    /// What it does next of its own accord, and when.
    bored: Millis,
    xid: u32,
    began: Millis,
    sent: Millis,
    tries: u32,
    /// How often it has booted anew: its host name tells.
    pub(super) reboots: u32,
    /// When it next has something to do; an earlier timer is stale.
    pub(super) next: Millis,
    /// Whether it wants something and hears nothing, and since when.
    pub(super) unanswered: Option<Millis>,
    random: Random,
}

/// What hearing a reply did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Ignored,
    Offered,
    Bound,
    /// It goes on with what it had.
    Stays,
    Refused,
}

/// What a timer did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    Waits,
    Asks,
    /// The lease is over.
    Lost,
    Releases,
    Declines,
    Dies,
    Moves,
    Reboots,
}

impl Client {
    pub(super) fn new(scenario: &Scenario, plan: &ClientPlan) -> Self {
        let protocol = scenario.protocols[plan.network];
        Self {
            protocol,
            roams: scenario.protocols.iter().all(|other| *other == protocol),
            network: plan.network,
            stage: Stage::Off,
            leases: Vec::new(),
            server: 0,
            ends: 0,
            renews: 0,
            rebinds: 0,
            bored: 0,
            xid: 0,
            began: 0,
            sent: 0,
            tries: 0,
            reboots: 0,
            next: plan.from,
            unanswered: None,
            random: Random::new(scenario.seed, 1_000 + u64::from(plan.number)),
            plan: plan.clone(),
        }
    }

    /// Whether it uses an address now.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.stage, Stage::Bound | Stage::Renewing | Stage::Rebinding)
    }

    /// Its timer has run down.
    pub(super) fn turn(&mut self, now: Millis, is_quiet: bool, say: &mut Vec<Words>) -> Turn {
        if self.is_bound() && now >= self.ends {
            self.restart(now);
            self.ask(now, say);
            return Turn::Lost;
        }
        if self.is_bound() && now >= self.bored && !is_quiet {
            return self.whim(now, say);
        }
        match self.stage {
            Stage::Off => {
                self.bored = now;
                if !self.leases.is_empty() && self.random.chance(700) {
                    self.reboot(now);
                } else {
                    self.restart(now);
                }
                self.ask(now, say);
                Turn::Asks
            }
            Stage::Bound if now >= self.renews => {
                self.begin(now, Stage::Renewing);
                self.ask(now, say);
                Turn::Asks
            }
            Stage::Bound => {
                self.wait_until_end(now);
                Turn::Waits
            }
            Stage::Renewing if now >= self.rebinds => {
                self.stage = Stage::Rebinding;
                self.tries = 0;
                self.ask(now, say);
                Turn::Asks
            }
            Stage::Requesting { .. } | Stage::Rebooting if self.tries >= 4 => {
                self.restart_asking(now);
                self.ask(now, say);
                Turn::Asks
            }
            _ => {
                self.ask(now, say);
                Turn::Asks
            }
        }
    }

    /// A reply has come.
    pub(super) fn hear(
        &mut self,
        now: Millis,
        heard: &Heard,
        from: Side,
        say: &mut Vec<Words>,
    ) -> Outcome {
        if heard.xid != self.xid || matches!(self.stage, Stage::Off | Stage::Bound) {
            return Outcome::Ignored;
        }
        match (heard.kind, self.stage) {
            (Kind::Offer, Stage::Selecting) => {
                self.stage = Stage::Requesting { from };
                self.leases = heard.leases.iter().map(|(resource, _)| (*resource, now)).collect();
                self.tries = 0;
                self.ask(now, say);
                Outcome::Offered
            }
            (Kind::Grant, stage) if self.may_take(heard, stage) => {
                self.bind(now, heard, from);
                Outcome::Bound
            }
            (Kind::Stay, Stage::Rebooting) => {
                self.stay(now);
                Outcome::Stays
            }
            (Kind::Refusal, stage) if stage != Stage::Selecting => {
                self.leases.clear();
                if matches!(stage, Stage::Requesting { .. }) {
                    self.restart_asking(now);
                } else {
                    self.restart(now);
                }
                self.next = now + SECOND;
                Outcome::Refused
            }
            _ => Outcome::Ignored,
        }
    }

    /// Whether it may bind what is granted at this stage: at once, only if it asked for that.
    fn may_take(&self, heard: &Heard, stage: Stage) -> bool {
        match self.protocol {
            Protocol::Dhcpv6 => stage != Stage::Selecting || self.plan.is_hasty,
            Protocol::Dhcpv4 => {
                let is_its = |it| self.leases.iter().any(|(its, _)| *its == it);
                stage != Stage::Selecting && heard.granted().all(is_its)
            }
        }
    }

    fn bind(&mut self, now: Millis, heard: &Heard, from: Side) {
        let span = |seconds: u32| {
            let millis = u64::from(seconds) * SECOND;
            millis + millis * self.plan.slow.unsigned_abs() / 1_000_000
        };
        // RFC 2131 §4.4.1: from when the request was sent.
        let sent = self.sent;
        if matches!(self.stage, Stage::Selecting | Stage::Requesting { .. }) {
            self.leases.clear();
        }
        // What is not spoken of stays as it is, and what lasts for no time is gone.
        self.leases.retain(|(had, _)| heard.leases.iter().all(|(told, _)| told != had));
        let told = heard.leases.iter().filter(|(_, seconds)| *seconds > 0);
        self.leases.extend(told.map(|(resource, seconds)| (*resource, sent + span(*seconds))));
        self.ends = self.leases.iter().map(|(_, ends)| *ends).min().unwrap_or(now);
        self.renews = sent + span(heard.renew);
        self.rebinds = sent + span(heard.rebind);
        self.server = from;
        self.stay(now);
    }

    /// It has what it has.
    fn stay(&mut self, now: Millis) {
        self.stage = Stage::Bound;
        self.unanswered = None;
        if self.bored <= now {
            self.bored = now + self.random.between(MINUTE, 2 * self.plan.patience);
        }
        self.wait_until_end(now);
    }

    fn wait_until_end(&mut self, now: Millis) {
        self.next = self.renews.min(self.bored.max(now + SECOND)).min(self.ends).max(now + 1);
    }

    fn whim(&mut self, now: Millis, say: &mut Vec<Words>) -> Turn {
        self.bored = now + self.random.between(MINUTE, 2 * self.plan.patience);
        match self.random.below(100) {
            0..25 => {
                self.release(say);
                self.sleep(now);
                Turn::Releases
            }
            25..30 if self.addresses().next().is_some() => {
                // Of a prefix nobody finds out that it is in use (RFC 8415 §18.2.8).
                let leases = self.addresses().collect();
                let act = Act::Decline(self.server);
                say.push(Words { act, xid: self.fresh(), secs: 0, leases });
                self.leases.clear();
                self.restart(now);
                self.next = now + 10 * SECOND;
                Turn::Declines
            }
            30..50 => {
                self.sleep(now);
                Turn::Dies
            }
            50..60 if self.roams => {
                self.network = 1 - self.network;
                self.reboot(now);
                self.ask(now, say);
                Turn::Moves
            }
            _ => {
                self.reboot(now);
                self.ask(now, say);
                Turn::Reboots
            }
        }
    }

    fn release(&mut self, say: &mut Vec<Words>) {
        let (act, leases) = (Act::Release(self.server), self.resources());
        say.push(Words { act, xid: self.fresh(), secs: 0, leases });
        // It may ask for them again.
        self.leases.iter_mut().for_each(|(_, ends)| *ends = 0);
    }

    /// What it has, or had last.
    pub(super) fn resources(&self) -> Vec<Resource> {
        self.leases.iter().map(|(resource, _)| *resource).collect()
    }

    /// The addresses among that.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Resource> {
        let resources = self.leases.iter().map(|(resource, _)| *resource);
        resources.filter(|resource| !matches!(resource, Resource::Prefix(_)))
    }

    fn sleep(&mut self, now: Millis) {
        self.stage = Stage::Off;
        self.unanswered = None;
        self.next = now + self.random.between(MINUTE, self.plan.patience);
    }

    /// From the beginning, as a client that has nothing.
    pub(super) fn restart(&mut self, now: Millis) {
        self.begin(now, Stage::Selecting);
    }

    /// As [`restart`](Self::restart), without losing count of how long it asks.
    fn restart_asking(&mut self, now: Millis) {
        let (since, began) = (self.unanswered, self.began);
        self.begin(now, Stage::Selecting);
        self.unanswered = since;
        self.began = began;
    }

    fn reboot(&mut self, now: Millis) {
        self.reboots += 1;
        let is_over = |(_, ends): &(Resource, Millis)| *ends <= now + SECOND;
        // A client of DHCPv4 asks for what it had, however long ago.
        if self.protocol == Protocol::Dhcpv6 && self.leases.iter().any(is_over) {
            return self.restart(now);
        }
        self.begin(now, Stage::Rebooting);
    }

    fn begin(&mut self, now: Millis, stage: Stage) {
        self.stage = stage;
        self.began = now;
        self.tries = 0;
        self.unanswered = Some(now);
        self.xid = self.fresh();
    }

    fn fresh(&mut self) -> u32 {
        // In DHCPv6 it has 24 bits.
        self.random.next() as u32 & 0x00ff_ffff
    }

    fn ask(&mut self, now: Millis, say: &mut Vec<Words>) {
        let secs = u16::try_from((now - self.began) / SECOND).unwrap_or(u16::MAX);
        let act = match self.stage {
            Stage::Selecting => Act::Select,
            Stage::Requesting { from } => Act::Request(from),
            Stage::Rebooting => Act::Reboot,
            Stage::Renewing => Act::Renew(self.server),
            Stage::Rebinding => Act::Rebind,
            Stage::Off | Stage::Bound => return,
        };
        say.push(Words { act, xid: self.xid, secs, leases: self.resources() });
        self.sent = now;
        // RFC 2131 §4.1: 4, 8, 16 ... and up to a second either way.
        let patience = (4_000 << self.tries.min(4)) - 1_000 + self.random.below(2_000);
        self.tries += 1;
        self.next = now + patience;
        if self.stage == Stage::Renewing {
            self.next = (now + patience.max(15 * SECOND)).min(self.rebinds.max(now + SECOND));
        }
        if matches!(self.stage, Stage::Renewing | Stage::Rebinding) {
            self.next = self.next.min(self.ends.max(now + 1));
        }
    }
}
