//! Failover connections as TCP makes them: in order, late, sometimes dead without a word, and now and
//! then two at once, when both servers have dialled.

use std::collections::{BTreeMap, VecDeque};

use dhcp_user::failover::Dialect;
use dhcp_user::failover::link::Opening;

use super::clock::{Millis, SECOND};
use super::random::Random;
use super::scenario::{Relationship, Side};

/// How long a greeting may take, as the product has it.
const GREETING: Millis = 15 * SECOND;

/// What travels.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A message.
    Octets(Vec<u8>),
    /// FIN or RST.
    Closed,
}

/// What one end of a connection is to the server there.
#[derive(Debug)]
pub(super) enum End {
    /// It greets, since then.
    Greeting(Box<Opening>, Millis),
    /// It is the link.
    Link(Dialect),
}

#[derive(Debug)]
struct Connection {
    relationship: Relationship,
    by: Side,
    /// None where it is closed.
    ends: [Option<End>; 2],
    /// What each side has sent, and when it arrives.
    ways: [VecDeque<(Millis, Item)>; 2],
}

/// All that is between the two.
#[derive(Debug)]
pub(super) struct Link {
    /// By number, which none has twice.
    connections: BTreeMap<u64, Connection>,
    made: u64,
    /// Why what that side sends does not arrive: so many reasons.
    muted: [u32; 2],
    delay: (Millis, Millis),
    random: Random,
}

impl Link {
    pub(super) fn new(seed: u64, delay: (Millis, Millis)) -> Self {
        let random = Random::new(seed, 2);
        Self { connections: BTreeMap::new(), made: 0, muted: [0; 2], delay, random }
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

    /// Which connection is that side's link.
    pub(super) fn of(&self, relationship: Relationship, side: Side) -> Option<u64> {
        let is_link = |it: &Connection| {
            it.relationship == relationship && matches!(it.ends[side], Some(End::Link(_)))
        };
        Some(*self.connections.iter().find(|(_, it)| is_link(it))?.0)
    }

    /// A connection that this side has opened, and on which it greets.
    pub(super) fn is_dialling(&self, relationship: Relationship, side: Side) -> bool {
        let greets = |it: &Connection| {
            it.relationship == relationship && matches!(it.ends[side], Some(End::Greeting(..)))
        };
        self.connections.values().any(|it| it.by == side && greets(it))
    }

    /// Connections that this side has an end of.
    pub(super) fn numbers(&self, side: Side) -> Vec<u64> {
        let has = |it: &Connection| it.ends[side].is_some();
        self.connections.iter().filter(|(_, it)| has(it)).map(|(number, _)| *number).collect()
    }

    /// In which relationship a connection is; nothing if it is gone.
    pub(super) fn relationship(&self, number: u64) -> Option<Relationship> {
        Some(self.connections.get(&number)?.relationship)
    }

    /// Connections on which that side has greeted for too long.
    pub(super) fn late(&self, side: Side, now: Millis) -> Vec<u64> {
        let is_late = |number: &u64| {
            let end = &self.connections[number].ends[side];
            matches!(end, Some(End::Greeting(_, since)) if now - since >= GREETING)
        };
        self.numbers(side).into_iter().filter(is_late).collect()
    }

    /// A new connection, if the network lets one be made.
    pub(super) fn connect(
        &mut self,
        now: Millis,
        relationship: Relationship,
        by: Side,
        ends: [Opening; 2],
    ) -> Option<u64> {
        if !self.is_whole() {
            return None;
        }
        self.made += 1;
        let ends = ends.map(|greeting| Some(End::Greeting(Box::new(greeting), now)));
        let ways = [VecDeque::new(), VecDeque::new()];
        self.connections.insert(self.made, Connection { relationship, by, ends, ways });
        Some(self.made)
    }

    /// What a connection is to that side; nothing if it is closed there.
    pub(super) fn end(&mut self, number: u64, side: Side) -> Option<&mut End> {
        self.connections.get_mut(&number)?.ends[side].as_mut()
    }

    /// When what `side` sends now arrives, unless it is muted by then; never if there is no such
    /// connection any more.
    pub(super) fn send(
        &mut self,
        now: Millis,
        number: u64,
        side: Side,
        item: Item,
    ) -> Option<Millis> {
        let connection = self.connections.get_mut(&number)?;
        let (least, most) = self.delay;
        let last = connection.ways[side].back().map_or(0, |(time, _)| *time);
        let arrives = (now + self.random.between(least, most)).max(last);
        connection.ways[side].push_back((arrives, item));
        Some(arrives)
    }

    /// What of `side`'s has arrived, if anything.
    pub(super) fn arrived(&mut self, now: Millis, number: u64, side: Side) -> Option<Item> {
        if self.is_muted(side) {
            return None;
        }
        let way = &mut self.connections.get_mut(&number)?.ways[side];
        let (_, item) = way.pop_front_if(|(time, _)| *time <= now)?;
        Some(item)
    }

    /// When the next of `side`'s arrives.
    pub(super) fn next(&self, number: u64, side: Side) -> Option<Millis> {
        Some(self.connections.get(&number)?.ways[side].front()?.0)
    }

    /// That end is closed, or gone; what it has not received is lost. What it has sent arrives still.
    pub(super) fn close(&mut self, number: u64, side: Side) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.ends[side] = None;
        connection.ways[1 - side].clear();
        if connection.ends.iter().all(Option::is_none) {
            self.connections.remove(&number);
        }
    }

    /// Every connection is reset at both ends.
    pub(super) fn reset(&mut self) {
        self.connections.clear();
    }
}
