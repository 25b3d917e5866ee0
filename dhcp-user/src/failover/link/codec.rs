//! The messages of both protocols, as a link carries them.

use crate::config::model::Protocol;
use crate::failover::{Event, Greeting, Greeting6, Said, Settings, Tls};
use crate::wire::Stamp;
use crate::wire::dhcpv6::StatusCode;
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
pub enum Opening {
    /// In a relationship of DHCPv4.
    V4(Greeting),
    /// In one of DHCPv6.
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

    /// It, as the endpoint hears of it that was read at `read_at`.
    #[must_use]
    pub fn event(&self, read_at: Stamp) -> Event<'_> {
        match self {
            Self::V4(packet) => Event::Received(packet),
            Self::V6(packet) => Event::Received6(packet, read_at),
        }
    }

    /// Whether the partner closes the connection for a reason that will be there the next time, too. In
    /// DHCPv6, where nobody but the primary connects, one that stops or has heard nothing for long is to
    /// be met again soon: it is those that refuse for good to whom one comes more rarely (RFC 8156 §6.1).
    pub(super) fn refuses_us(&self) -> bool {
        match self {
            Self::V4(packet) => matches!(packet.message, Message::Disconnect(_)),
            Self::V6(packet) => match &packet.message {
                failover6::Message::Disconnect(Some(why)) => matches!(
                    why.status,
                    StatusCode::NOT_CONFIGURED
                        | StatusCode::NOT_ALLOWED
                        | StatusCode::NOT_SUPPORTED
                        | StatusCode::TLS_CONNECTION_REFUSED
                        | StatusCode::CONFIGURATION_CONFLICT
                        | StatusCode::EXCESSIVE_TIME_SKEW
                ),
                _ => false,
            },
        }
    }
}

impl Opening {
    /// For a connection that is just up.
    #[must_use]
    pub fn new(settings: &Settings, tls: Tls) -> Self {
        match settings.terms.protocol {
            Protocol::Dhcpv4 => Self::V4(Greeting::new(settings, tls)),
            Protocol::Dhcpv6 => Self::V6(Greeting6::new(settings, tls)),
        }
    }

    /// See [`Greeting::later_than`]; DHCPv6 has no such rule.
    #[must_use]
    pub(super) fn later_than(self, last: Option<Stamp>) -> Self {
        match self {
            Self::V4(greeting) => Self::V4(greeting.later_than(last)),
            Self::V6(_) => self,
        }
    }

    /// The connection is up: what is said first, if anything.
    pub fn begin(&mut self) -> Said<Spoken> {
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
    pub fn handle(&mut self, now: Stamp, arrived: &Arrived) -> Said<Spoken> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A secondary that was stopped, or whose primary hung, waits for nobody but that.
    #[test]
    fn a_partner_of_dhcpv6_that_went_is_met_again_soon_and_one_that_refuses_is_not() {
        let refuses = |status: Option<StatusCode>| {
            let why = status.map(|status| failover6::Refusal { status, text: String::new() });
            let message = failover6::Message::Disconnect(why);
            Arrived::V6(failover6::Packet { xid: 1, sent: None, message }).refuses_us()
        };
        assert!(!refuses(None));
        assert!(!refuses(Some(StatusCode::UNSPEC_FAIL)));
        assert!(!refuses(Some(StatusCode::SERVER_SHUTTING_DOWN)));
        assert!(refuses(Some(StatusCode::CONFIGURATION_CONFLICT)));
        assert!(refuses(Some(StatusCode::EXCESSIVE_TIME_SKEW)));
    }
}
