//! What waits to be written on one connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::codec::Spoken;
use crate::config::model::Protocol;
use crate::failover::Dialect;
use crate::wire::failover::{Message, Reject, Rejection};
use crate::wire::failover6;

/// Messages that may wait before [`Outbox::room`] is gone: what is sent unasked stops there.
const ROOM: usize = 4_096;
/// Messages that may wait at all, answers included. A partner has at the most 1000 updates of its own
/// unanswered, so one for whom so many wait does not read, and the link is closed.
const WAITING_MAX: usize = 16_384;

/// What waits to be written on one connection. Filled by the driver, emptied by the connection's
/// task; nobody waits for the other here.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    protocol: Protocol,
    dialect: Dialect,
    /// Rung when there is something in it, or no more will come.
    bell: Notify,
    /// Rung when nothing of it may be written any more.
    abandoned: Notify,
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<(u32, Spoken)>,
    /// The largest xid that was used on this connection, which a DISCONNECT goes beyond.
    last_xid: u32,
    /// No more will come.
    is_closing: bool,
    /// There were too many.
    is_burst: bool,
}

/// What [`Outbox::next`] finds.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// The batch has something in it.
    Messages,
    /// No more will come, and all has been taken.
    Closing,
    /// The partner does not read.
    Burst,
}

impl Outbox {
    /// Empty, on a connection that has used xids up to `last_xid`, to a partner of that dialect.
    pub(super) fn new(last_xid: u32, protocol: Protocol, dialect: Dialect) -> Self {
        let messages = VecDeque::new();
        let queue = Queue { messages, last_xid, is_closing: false, is_burst: false };
        let (bell, abandoned) = (Notify::new(), Notify::new());
        Self { queue: Mutex::new(queue), protocol, dialect, bell, abandoned }
    }

    /// Puts a message behind those that wait; nothing follows a [`close`](Self::close).
    pub(super) fn push(&self, xid: u32, message: impl Into<Spoken>) {
        let mut queue = self.lock();
        if queue.is_closing {
            return;
        }
        if queue.messages.len() >= WAITING_MAX {
            queue.is_burst = true;
        } else {
            queue.last_xid = queue.last_xid.max(xid);
            queue.messages.push_back((xid, message.into()));
        }
        drop(queue);
        self.bell.notify_one();
    }

    /// The connection is to be closed once all that waits is written, with a DISCONNECT as the last
    /// if there is a reason to tell. Departs from draft-12 §8.3 with a dhcpd that was silent for too long:
    /// it is told nothing, and what it has not acknowledged to the kernel it shall not read any more. It
    /// compares no times, and would take it for news.
    pub(super) fn close(&self, reason: Option<Rejection>) {
        let is_silent = reason.as_ref().is_some_and(|why| why.reason == Reject::NoTraffic);
        if is_silent && self.dialect == Dialect::Dhcpd {
            let mut queue = self.lock();
            queue.messages.clear();
            queue.is_closing = true;
            drop(queue);
            self.abandoned.notify_one();
            return;
        }
        if let Some(rejection) = reason {
            let xid = self.lock().last_xid.wrapping_add(1);
            match self.protocol {
                Protocol::Dhcpv4 => self.push(xid, Message::Disconnect(Some(rejection))),
                // Three octets; nothing follows that it could be taken for.
                Protocol::Dhcpv6 => {
                    let why = failover6::Refusal::from(&rejection);
                    self.push(xid & 0x00ff_ffff, failover6::Message::Disconnect(Some(why)));
                }
            }
        }
        self.lock().is_closing = true;
        self.bell.notify_one();
    }

    /// Returns when what is being written must not be, nor what the kernel has of it. Once.
    pub(super) async fn abandoned(&self) {
        self.abandoned.notified().await;
    }

    /// How many more messages may be sent unasked.
    pub(super) fn room(&self) -> usize {
        ROOM.saturating_sub(self.lock().messages.len())
    }

    /// Waits for messages, and moves all that there are into `batch`, which is empty.
    pub(super) async fn next(&self, batch: &mut VecDeque<(u32, Spoken)>) -> Next {
        loop {
            {
                let mut queue = self.lock();
                if queue.is_burst {
                    return Next::Burst;
                }
                if !queue.messages.is_empty() {
                    std::mem::swap(&mut queue.messages, batch);
                    return Next::Messages;
                }
                if queue.is_closing {
                    return Next::Closing;
                }
            }
            // One waits at a time, and what rang before is remembered.
            self.bell.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goodbye() -> Rejection {
        Rejection { reason: Reject::NoTraffic, text: "silence".to_owned() }
    }

    #[tokio::test]
    async fn a_disconnect_comes_last_with_an_xid_of_its_own_and_nothing_follows() {
        let (outbox, mut batch) =
            (Outbox::new(7, Protocol::Dhcpv4, Dialect::Tandem), VecDeque::new());
        outbox.push(9, Message::Contact);
        outbox.push(3, Message::UpdateDone);
        outbox.close(Some(goodbye()));
        outbox.push(11, Message::Contact);
        assert_eq!(outbox.next(&mut batch).await, Next::Messages);
        let expected = [
            (9, Message::Contact),
            (3, Message::UpdateDone),
            (10, Message::Disconnect(Some(goodbye()))),
        ]
        .map(|(xid, message)| (xid, Spoken::V4(message)));
        assert_eq!(batch.drain(..).collect::<Vec<_>>(), expected);
        assert_eq!(outbox.next(&mut batch).await, Next::Closing);
    }

    #[tokio::test]
    async fn nothing_more_is_for_a_dhcpd_that_was_silent() {
        let (outbox, mut batch) =
            (Outbox::new(7, Protocol::Dhcpv4, Dialect::Dhcpd), VecDeque::new());
        outbox.push(9, Message::Contact);
        outbox.close(Some(goodbye()));
        outbox.abandoned().await;
        outbox.push(10, Message::Contact);
        assert_eq!(outbox.next(&mut batch).await, Next::Closing);
    }

    #[tokio::test]
    async fn room_ends_before_the_outbox_bursts() {
        let outbox = Outbox::new(0, Protocol::Dhcpv4, Dialect::Tandem);
        assert_eq!(outbox.room(), ROOM);
        for _ in 0..WAITING_MAX {
            outbox.push(1, Message::Contact);
        }
        assert_eq!(outbox.room(), 0);
        outbox.push(1, Message::Contact);
        assert_eq!(outbox.next(&mut VecDeque::new()).await, Next::Burst);
    }
}
