//! The messages of both protocols, as a link carries them.

use crate::failover::{Greeting, Greeting6, Said};
use crate::wire::Stamp;
use crate::wire::failover::{Message, Packet};
use crate::wire::failover6;

/// What is to be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Spoken {
    /// In a relationship of DHCPv4.
    V4(Message),
    /// In one of DHCPv6.
    V6(failover6::Message),
}

/// What was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arrived {
    /// In a relationship of DHCPv4.
    V4(Packet),
    /// In one of DHCPv6.
    V6(failover6::Packet),
}

/// The greeting on one connection, in either protocol.
#[derive(Clone, Debug)]
pub(super) enum Opening {
    V4(Greeting),
    V6(Greeting6),
}

impl From<Message> for Spoken {
    fn from(message: Message) -> Self {
        Self::V4(message)
    }
}

impl From<failover6::Message> for Spoken {
    fn from(message: failover6::Message) -> Self {
        Self::V6(message)
    }
}

impl Arrived {
    /// xid, or transaction-id.
    #[must_use]
    pub fn xid(&self) -> u32 {
        match self {
            Self::V4(packet) => packet.xid,
            Self::V6(packet) => packet.xid,
        }
    }

    /// Whether the partner closes the connection.
    pub(super) fn is_disconnect(&self) -> bool {
        match self {
            Self::V4(packet) => matches!(packet.message, Message::Disconnect(_)),
            Self::V6(packet) => matches!(packet.message, failover6::Message::Disconnect(_)),
        }
    }
}

impl Opening {
    /// The connection is up.
    pub(super) fn begin(&mut self) -> Said<Spoken> {
        match self {
            Self::V4(greeting) => greeting.begin().of_either(),
            Self::V6(greeting) => greeting.begin().of_either(),
        }
    }

    /// TLS is up.
    pub(super) fn secured(&mut self) -> Said<Spoken> {
        match self {
            Self::V4(greeting) => greeting.secured().of_either(),
            Self::V6(greeting) => greeting.secured().of_either(),
        }
    }

    /// A message came, of the protocol that the connection's octets are read as.
    pub(super) fn handle(&mut self, now: Stamp, arrived: &Arrived) -> Said<Spoken> {
        match (self, arrived) {
            (Self::V4(greeting), Arrived::V4(packet)) => greeting.handle(now, packet).of_either(),
            (Self::V6(greeting), Arrived::V6(packet)) => greeting.handle(now, packet).of_either(),
            (Self::V4(_), Arrived::V6(_)) | (Self::V6(_), Arrived::V4(_)) => Said::Send(Vec::new()),
        }
    }
}

impl<M> Said<M>
where
    Spoken: From<M>,
{
    fn of_either(self) -> Said<Spoken> {
        let either = |said: Vec<(u32, M)>| -> Vec<(u32, Spoken)> {
            said.into_iter().map(|(xid, message)| (xid, message.into())).collect()
        };
        match self {
            Self::Send(said) => Said::Send(either(said)),
            Self::StartTls(said) => Said::StartTls(either(said)),
            Self::Done(said, greeted) => Said::Done(either(said), greeted),
            Self::Refuse(said, why) => Said::Refuse(either(said), why),
        }
    }
}
