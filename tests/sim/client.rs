//! A client: RFC 2131 §4.4, with a slow clock and wishes of its own.
//!
//! It says what it wants done as [`Intent`]s and hears what came of them; packets and their ways
//! are the world's.

use std::net::Ipv4Addr;

use dhcp_user::wire::dhcpv4::MessageType;

use super::clock::{MINUTE, Millis, SECOND};
use super::packet::{Heard, Words};
use super::random::Random;
use super::scenario::{ClientPlan, Side};

/// What a client does with its packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intent {
    pub(super) words: Words,
    /// `None`: to both, by the relay.
    pub(super) to: Option<Side>,
    /// From its own address, past the relay.
    pub(super) unicast: bool,
}

/// RFC 2131 figure 5, less what does not wait.
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
    pub(super) network: usize,
    pub(super) stage: Stage,
    /// What it has, or had last.
    pub(super) address: Option<Ipv4Addr>,
    /// Whom it has it from.
    server: Side,
    /// True times.
    pub(super) ends: Millis,
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
    pub(super) fn new(seed: u64, plan: &ClientPlan) -> Self {
        Self {
            network: plan.network,
            stage: Stage::Off,
            address: None,
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
            random: Random::new(seed, 1_000 + u64::from(plan.number)),
            plan: plan.clone(),
        }
    }

    /// Whether it uses an address now.
    pub(super) fn is_bound(&self) -> bool {
        matches!(self.stage, Stage::Bound | Stage::Renewing | Stage::Rebinding)
    }

    /// Its timer has run down.
    pub(super) fn turn(&mut self, now: Millis, is_quiet: bool, say: &mut Vec<Intent>) -> Turn {
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
                match self.address {
                    Some(_) if self.random.chance(700) => self.reboot(now),
                    _ => self.restart(now),
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
        heard: Heard,
        from: Side,
        say: &mut Vec<Intent>,
    ) -> Outcome {
        if heard.xid != self.xid || matches!(self.stage, Stage::Off | Stage::Bound) {
            return Outcome::Ignored;
        }
        match (heard.kind, self.stage) {
            (MessageType::Offer, Stage::Selecting) => {
                self.stage = Stage::Requesting { from };
                self.address = Some(heard.address);
                self.tries = 0;
                self.ask(now, say);
                Outcome::Offered
            }
            (MessageType::Ack, Stage::Requesting { .. } | Stage::Rebooting)
            | (MessageType::Ack, Stage::Renewing | Stage::Rebinding)
                if self.address == Some(heard.address) =>
            {
                self.bind(now, heard, from);
                Outcome::Bound
            }
            (MessageType::Nak, stage) if stage != Stage::Selecting => {
                self.address = None;
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

    fn bind(&mut self, now: Millis, heard: Heard, from: Side) {
        let span = |seconds: u32| {
            let millis = u64::from(seconds) * SECOND;
            millis + millis * self.plan.slow.unsigned_abs() / 1_000_000
        };
        // RFC 2131 §4.4.1: from when the request was sent.
        self.ends = self.sent + span(heard.lease);
        self.renews = self.sent + span(heard.renew);
        self.rebinds = self.sent + span(heard.rebind);
        self.server = from;
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

    fn whim(&mut self, now: Millis, say: &mut Vec<Intent>) -> Turn {
        self.bored = now + self.random.between(MINUTE, 2 * self.plan.patience);
        match self.random.below(100) {
            0..25 => {
                self.release(say);
                self.sleep(now);
                Turn::Releases
            }
            25..30 => {
                let words = Words {
                    asked: self.address,
                    server: Some(self.server),
                    ..Words::new(MessageType::Decline, self.fresh(), 0)
                };
                say.push(Intent { words, to: None, unicast: false });
                self.address = None;
                self.restart(now);
                self.next = now + 10 * SECOND;
                Turn::Declines
            }
            30..50 => {
                self.sleep(now);
                Turn::Dies
            }
            50..60 => {
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

    fn release(&mut self, say: &mut Vec<Intent>) {
        let words = Words {
            ciaddr: self.address,
            server: Some(self.server),
            ..Words::new(MessageType::Release, self.fresh(), 0)
        };
        say.push(Intent { words, to: Some(self.server), unicast: true });
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
        self.random.next() as u32
    }

    fn ask(&mut self, now: Millis, say: &mut Vec<Intent>) {
        let secs = u16::try_from((now - self.began) / SECOND).unwrap_or(u16::MAX);
        let words = |kind| Words::new(kind, self.xid, secs);
        let request = words(MessageType::Request);
        let (words, to, unicast) = match self.stage {
            Stage::Selecting => (words(MessageType::Discover), None, false),
            Stage::Requesting { from } => {
                (Words { asked: self.address, server: Some(from), ..request }, None, false)
            }
            Stage::Rebooting => (Words { asked: self.address, ..request }, None, false),
            Stage::Renewing => (Words { ciaddr: self.address, ..request }, Some(self.server), true),
            Stage::Rebinding => (Words { ciaddr: self.address, ..request }, None, false),
            Stage::Off | Stage::Bound => return,
        };
        say.push(Intent { words, to, unicast });
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
