//! The failover connection as TCP makes it: in order, late, and sometimes dead without a word.

use std::collections::VecDeque;

use dhcp_user::wire::failover::Packet;

use super::clock::Millis;
use super::random::Random;
use super::scenario::Side;

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// CONNECT or CONNECTACK, and the sender's clock in seconds.
    Greeting(u32),
    /// A message in octets, or typed where there are none.
    Message(Box<Packet>),
    /// FIN or RST.
    Closed,
}

/// All that is between the two.
#[derive(Debug)]
pub(super) struct Link {
    /// Counts connections; nothing of an earlier one arrives.
    pub(super) number: u64,
    /// Whether that side's end is open.
    pub(super) open: [bool; 2],
    /// Whether that side has been greeted.
    pub(super) greeted: [bool; 2],
    /// Why what that side sends does not arrive: so many reasons.
    muted: [u32; 2],
    /// What that side has sent.
    ways: [VecDeque<(Millis, Item)>; 2],
    delay: (Millis, Millis),
    random: Random,
}

impl Link {
    pub(super) fn new(seed: u64, delay: (Millis, Millis)) -> Self {
        Self {
            number: 0,
            open: [false; 2],
            greeted: [false; 2],
            muted: [0; 2],
            ways: [VecDeque::new(), VecDeque::new()],
            delay,
            random: Random::new(seed, 2),
        }
    }

    pub(super) fn mute(&mut self, side: Side) {
        self.muted[side] += 1;
    }

    pub(super) fn unmute(&mut self, side: Side) {
        self.muted[side] -= 1;
    }

    pub(super) fn is_muted(&self, side: Side) -> bool {
        self.muted[side] > 0
    }

    /// Whether a connection can be made and used.
    pub(super) fn is_whole(&self) -> bool {
        self.muted == [0; 2]
    }

    /// A new connection, if the network lets one be made and neither end holds another.
    pub(super) fn connect(&mut self) -> bool {
        if !self.is_whole() || self.open != [false; 2] {
            return false;
        }
        self.number += 1;
        self.open = [true; 2];
        self.greeted = [false; 2];
        self.ways.iter_mut().for_each(VecDeque::clear);
        true
    }

    /// When what `side` sends now arrives, unless it is muted by then.
    pub(super) fn send(&mut self, now: Millis, side: Side, item: Item) -> Millis {
        let (least, most) = self.delay;
        let last = self.ways[side].back().map_or(0, |(time, _)| *time);
        let arrives = (now + self.random.between(least, most)).max(last);
        self.ways[side].push_back((arrives, item));
        arrives
    }

    /// What of `side`'s has arrived, if anything.
    pub(super) fn arrived(&mut self, now: Millis, side: Side) -> Option<Item> {
        if self.muted[side] > 0 {
            return None;
        }
        let (_, item) = self.ways[side].pop_front_if(|(time, _)| *time <= now)?;
        Some(item)
    }

    /// When the next of `side`'s arrives.
    pub(super) fn next(&self, side: Side) -> Option<Millis> {
        Some(self.ways[side].front()?.0)
    }

    /// That end is closed, or gone; what it has not received is lost.
    pub(super) fn close(&mut self, side: Side) {
        self.open[side] = false;
        self.ways[1 - side].clear();
    }

    /// What is under way is lost in both directions.
    pub(super) fn drop_all(&mut self) {
        self.ways.iter_mut().for_each(VecDeque::clear);
    }
}
