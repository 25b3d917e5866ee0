//! What happens to one relationship, in the order in which its endpoint hears of it.
//!
//! What the partner said goes before time, and before an operator: after a stall of ours a partner that
//! was heard all the while must not be taken to have been silent because nobody listened.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::{Duration, Instant};

use crate::failover::link::{Arrived, LinkEvent};
use crate::failover::{Command, Greeted, Lost};
use crate::wire::Stamp;

/// A tick that comes so late shows that we did not run for a while.
const LATE: Duration = Duration::from_secs(1);

/// What has happened and was not handled.
#[derive(Debug)]
pub(super) struct Inbox {
    inputs: VecDeque<Input>,
    /// The endpoint wants the link closed: what still comes on it is not heard.
    is_deaf: bool,
    ticked: Instant,
    /// Whether the last tick was passed over.
    was_late: bool,
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Input {
    Up(Greeted),
    /// And when it was read.
    Packet(Stamp, Arrived),
    Lost(Lost),
    Followed,
    Tick,
    Order(Command, oneshot::Sender<Result<(), String>>),
    Leave,
}

impl Inbox {
    pub(super) fn new(now: Instant) -> Self {
        Self { inputs: VecDeque::new(), is_deaf: false, ticked: now, was_late: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    /// What is next.
    pub(super) fn first(&self) -> Option<&Input> {
        self.inputs.front()
    }

    /// Takes what is next.
    pub(super) fn pop(&mut self) -> Option<Input> {
        self.inputs.pop_front()
    }

    /// Something happened on the link.
    pub(super) fn take(&mut self, event: LinkEvent) {
        if matches!(event, LinkEvent::Up(_) | LinkEvent::Lost(_)) {
            self.is_deaf = false;
        }
        match event {
            LinkEvent::Up(greeted) => self.inputs.push_back(Input::Up(greeted)),
            LinkEvent::Packets(_) if self.is_deaf => {}
            LinkEvent::Packets(packets) => {
                self.inputs
                    .extend(packets.into_iter().map(|(read, packet)| Input::Packet(read, packet)));
            }
            LinkEvent::Lost(lost) => self.inputs.push_back(Input::Lost(lost)),
        }
    }

    /// Whether what is next has to let go before whatever the link has to tell.
    pub(super) fn gives_way(&self) -> bool {
        matches!(self.first(), Some(Input::Tick | Input::Order(..)))
    }

    /// What the link has told goes first.
    pub(super) fn let_go_before(&mut self, events: impl Iterator<Item = LinkEvent>) {
        let waiting = std::mem::take(&mut self.inputs);
        events.for_each(|event| self.take(event));
        self.inputs.extend(waiting);
    }

    /// Some time has passed. After a stall one tick is left out: the link has not been read either.
    pub(super) fn tick(&mut self, now: Instant) {
        let is_late = now.duration_since(self.ticked) > LATE && !self.was_late;
        (self.ticked, self.was_late) = (now, is_late);
        if self.inputs.is_empty() && !is_late {
            self.inputs.push_back(Input::Tick);
        }
    }

    /// An operator wants something, or the process ends.
    pub(super) fn push(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    /// Everybody goes by the view that was published last: to be heard before any other one is.
    pub(super) fn followed(&mut self) {
        self.inputs.push_front(Input::Followed);
    }

    /// The endpoint wants the link closed. What waits behind its end is said on the next one.
    pub(super) fn deafen(&mut self) {
        let end = self.inputs.iter().position(|it| matches!(it, Input::Up(_) | Input::Lost(_)));
        self.is_deaf = end.is_none();
        let behind = self.inputs.split_off(end.unwrap_or(self.inputs.len()));
        self.inputs.retain(|input| !matches!(input, Input::Packet(..)));
        self.inputs.extend(behind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::failover::{Message, Packet};

    fn said(xid: u32) -> LinkEvent {
        let packet = Packet { time: Stamp(1), xid, message: Message::Contact };
        LinkEvent::Packets(vec![(Stamp(1), Arrived::V4(packet))])
    }

    /// The number of a message, nothing for a tick.
    fn order(inbox: &mut Inbox) -> Vec<Option<u32>> {
        let number = |input| match input {
            Input::Packet(_, packet) => Some(packet.xid()),
            _ => None,
        };
        std::iter::from_fn(|| inbox.pop()).map(number).collect()
    }

    /// The disk had no room for a while, and the partner has spoken all the time.
    #[test]
    fn what_the_partner_said_during_a_stall_is_heard_before_time_passes() {
        let now = Instant::now();
        let mut inbox = Inbox::new(now);
        inbox.tick(now);
        assert!(inbox.gives_way());
        inbox.let_go_before([said(1), said(2)].into_iter());
        assert!(!inbox.gives_way());
        assert_eq!(order(&mut inbox), [Some(1), Some(2), None]);
    }

    #[test]
    fn after_a_stall_one_tick_is_left_out_and_not_two() {
        let mut now = Instant::now();
        let mut inbox = Inbox::new(now);
        let mut ticks = Vec::new();
        for seconds in [0, 30, 0, 30, 30] {
            now += Duration::from_secs(seconds);
            inbox.tick(now);
            ticks.push(order(&mut inbox).len());
        }
        assert_eq!(ticks, [1, 0, 1, 0, 1]);
    }

    #[test]
    fn on_a_link_that_is_to_be_closed_nothing_is_heard_but_its_end() {
        let mut inbox = Inbox::new(Instant::now());
        inbox.take(said(1));
        inbox.deafen();
        inbox.take(said(2));
        inbox.take(LinkEvent::Lost(Lost::Asked));
        assert_eq!(order(&mut inbox), [None]);
        inbox.take(said(3));
        assert_eq!(order(&mut inbox), [Some(3)]);
    }

    /// Much may wait after a stall: the end of a link, and what came on the next.
    #[test]
    fn what_is_said_on_the_next_link_is_heard_though_the_last_one_is_to_be_closed() {
        let mut inbox = Inbox::new(Instant::now());
        let events = [said(1), LinkEvent::Lost(Lost::Closed), said(2)];
        inbox.let_go_before(events.into_iter());
        inbox.deafen();
        assert_eq!(order(&mut inbox), [None, Some(2)]);
        inbox.deafen();
        inbox.let_go_before([LinkEvent::Lost(Lost::Asked), said(3)].into_iter());
        assert_eq!(order(&mut inbox), [None, Some(3)]);
    }
}
