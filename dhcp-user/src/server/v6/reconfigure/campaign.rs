//! Clients that are to come back: who waits for its turn, who was told, and when it is told again
//! (RFC 8415 §15, §18.3.11).

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Mark, Reconfigure, Target, Unwilling, Way};
use crate::lease::ResourceId;
use crate::server::v6::World;
use crate::wire::Stamp;
use crate::wire::dhcpv6::{Duid, MessageType};

/// REC_TIMEOUT, in milliseconds (RFC 8415 §7.6).
const TIMEOUT_MS: u64 = 2_000;
/// REC_MAX_RC (RFC 8415 §7.6).
const MOST_SENT: u32 = 8;
/// Clients that are told for the first time in one turn.
const BEGUN_PER_TURN: usize = 20;
/// Clients that wait for their turn, at the most; see [`Campaign::take`].
const MOST_WAITING: usize = if cfg!(test) { 100 } else { 4_000_000 };
/// Octets of a Reconfigure at the longest: two DUIDs, the authentication, what is asked for, and a header.
const LONGEST: usize = 2 * (4 + Duid::MAX_LEN) + 32 + 5 + 4;

/// Clients by an address of theirs, and what they are to send.
#[derive(Debug)]
pub struct Order {
    /// Renew, Rebind or Information-request; `None` has a client extend its leases, by the message that
    /// whichever server of a pair answers will take.
    pub wanted: Option<MessageType>,
    /// When it was given: a client that has extended its leases since has come already.
    pub at: Stamp,
    /// The addresses.
    pub addresses: VecDeque<ResourceId>,
}

/// All orders that are being carried out.
#[derive(Debug, Default)]
pub struct Campaign {
    orders: VecDeque<Order>,
    under_way: Vec<Errand>,
    progress: Progress,
}

/// How that goes; counts are since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Progress {
    /// Clients whose turn has not come.
    pub waiting: usize,
    /// Clients that were told and have not come.
    pub under_way: usize,
    /// Messages sent, each repetition one of them.
    pub sent: u64,
    /// Clients that came, or had come before their turn.
    pub answered: u64,
    /// Clients that did not come however often they were told.
    pub unanswered: u64,
    /// Clients that could not be told when their turn came, or any more.
    pub dropped: u64,
}

/// One client.
#[derive(Debug)]
struct Errand {
    id: ResourceId,
    wanted: MessageType,
    mark: Mark,
    /// Where it is waited for, whatever becomes of the configuration.
    shared: Arc<Reconfigure>,
    sent: u32,
    /// RT, from the last message to the next.
    timeout_ms: u64,
    /// When that is.
    due_ms: u64,
}

impl Campaign {
    /// Takes an order.
    ///
    /// # Errors
    /// The order, if too many clients wait already.
    pub fn take(&mut self, order: Order) -> Result<(), Order> {
        if self.progress.waiting + order.addresses.len() > MOST_WAITING {
            return Err(order);
        }
        self.progress.waiting += order.addresses.len();
        self.orders.push_back(order);
        Ok(())
    }

    /// How it goes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { under_way: self.under_way.len(), ..self.progress }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.orders.is_empty() && self.under_way.is_empty()
    }

    /// Does what is due: to be called some times a second while there is anything to do, and not more
    /// often, for so many clients are begun with in each turn. `clock_ms` only ever grows; `send` has a
    /// message leave, from and to the ports of servers and clients.
    pub fn turn(
        &mut self,
        world: &World<'_>,
        clock_ms: u64,
        draw: &mut dyn FnMut() -> u128,
        send: &mut dyn FnMut(Way, &[u8]),
    ) {
        let Self { under_way, progress, .. } = self;
        under_way.retain_mut(|errand| errand.go_on(world, clock_ms, progress, draw, send));
        for _ in 0..BEGUN_PER_TURN.min(self.progress.waiting) {
            self.begin_next(world, clock_ms, draw, send);
        }
    }

    fn begin_next(
        &mut self,
        world: &World<'_>,
        clock_ms: u64,
        draw: &mut dyn FnMut() -> u128,
        send: &mut dyn FnMut(Way, &[u8]),
    ) {
        let Some(order) = self.orders.front_mut() else { return };
        let (wanted, at) = (order.wanted, order.at);
        let Some(id) = order.addresses.pop_front() else { return };
        let progress = &mut self.progress;
        progress.waiting -= 1;
        let extends_leases = wanted != Some(MessageType::InformationRequest);
        match world.target(id).ok().zip(world.service.keys.as_ref()) {
            None => progress.dropped += 1,
            Some((target, _)) if target.heard > at && extends_leases => progress.answered += 1,
            // By another address of its, it is told already.
            Some((target, keys)) if !keys.shared.awaited.is_answered(target.mark) => {}
            Some((target, keys)) if !keys.shared.awaited.begin(target.mark) => {
                progress.waiting += 1;
                order.addresses.push_back(id);
            }
            Some((target, keys)) => {
                let extends =
                    if target.is_partners { MessageType::Rebind } else { MessageType::Renew };
                let mut errand = Errand {
                    id,
                    wanted: wanted.unwrap_or(extends),
                    mark: target.mark,
                    shared: Arc::clone(&keys.shared),
                    sent: 0,
                    timeout_ms: 0,
                    due_ms: clock_ms,
                };
                if errand.go_on(world, clock_ms, progress, draw, send) {
                    self.under_way.push(errand);
                }
            }
        }
        // Orders take turns: behind one for many who are off the next would wait for hours.
        let order = self.orders.pop_front().filter(|order| !order.addresses.is_empty());
        self.orders.extend(order);
    }
}

impl Errand {
    /// Has the client told again if it is time for that; whether it is still to come.
    fn go_on(
        &mut self,
        world: &World<'_>,
        clock_ms: u64,
        progress: &mut Progress,
        draw: &mut dyn FnMut() -> u128,
        send: &mut dyn FnMut(Way, &[u8]),
    ) -> bool {
        let awaited = &self.shared.awaited;
        if awaited.is_answered(self.mark) {
            progress.answered += 1;
        } else if clock_ms < self.due_ms {
            return true;
        } else if self.sent == MOST_SENT {
            progress.unanswered += 1;
        } else if self.tell(world, send).is_ok() {
            // RFC 8415 §15: about twice as long each time, in thousandths.
            let (last, times) =
                if self.sent == 0 { (TIMEOUT_MS, 900) } else { (self.timeout_ms, 1_900) };
            self.timeout_ms = last * (times + (draw() % 201) as u64) / 1_000;
            self.due_ms = clock_ms + self.timeout_ms;
            progress.sent += 1;
            self.sent += 1;
            return true;
        } else {
            progress.dropped += 1;
        }
        awaited.end(self.mark);
        false
    }

    fn tell(&self, world: &World<'_>, send: &mut dyn FnMut(Way, &[u8])) -> Result<(), Unwilling> {
        let Target { way, duid, mark, .. } = world.target(self.id)?;
        let keys = world.service.keys.as_ref().filter(|_| mark == self.mark);
        let keys = keys.ok_or(Unwilling::NotLeased)?;
        let mut buffer = [0; LONGEST];
        let written = world.service.reconfigure((world.now, keys), &duid, self.wanted, &mut buffer);
        // There is room for the longest.
        let len = written.map_err(|crate::wire::Full| Unwilling::NotAccepting)?;
        send(way, &buffer[..len]);
        Ok(())
    }
}
