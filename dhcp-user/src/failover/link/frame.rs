//! Messages in a stream of octets: where each ends, who signed it, and the way back.

use std::collections::VecDeque;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::codec::{Arrived, Spoken};
use super::tls;
use crate::config::model::{Protocol, Secret};
use crate::failover::{Dialect, Side};
use crate::wire::Stamp;
use crate::wire::failover::{Malformed, Packet, Reject, Rejection, Unencodable, verify};
use crate::wire::failover6;

/// Octets read and not yet understood, at the most: many messages, so that a system call brings many.
const INBOX_LEN: usize = 64 * 1024;
/// Octets written at once, but for the message that goes beyond.
const WRITE_LEN: usize = 64 * 1024;

/// Why nothing more is read from a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The partner closed it, or the network did.
    Closed,
    /// TLS has ended it; in words.
    Tls {
        /// Who did not want to go on.
        by: Side,
        /// Why.
        why: String,
    },
    /// This is no message.
    Malformed(Malformed),
    /// The message-digest is not what it should be.
    Unproven {
        /// What is wrong with it.
        reason: Reject,
        /// The message; not to be believed.
        packet: Option<Box<Packet>>,
    },
}

/// What was read of a connection and not yet understood.
#[derive(Debug)]
pub(super) struct Inbox {
    octets: BytesMut,
    protocol: Protocol,
    secret: Option<Secret>,
}

impl Inbox {
    /// Empty; what comes must be signed with `secret`, or not at all. In DHCPv6 nothing is (RFC 8156
    /// §10).
    pub(super) fn new(protocol: Protocol, secret: Option<Secret>) -> Self {
        Self { octets: BytesMut::new(), protocol, secret }
    }

    /// The next message, if it is there whole.
    pub(super) fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        match self.protocol {
            Protocol::Dhcpv4 => Ok(self.take_v4()?.map(Arrived::V4)),
            Protocol::Dhcpv6 => Ok(self.take_v6()?.map(Arrived::V6)),
        }
    }

    fn take_v6(&mut self) -> Result<Option<failover6::Packet>, Fault> {
        use failover6::Packet;
        loop {
            let len = Packet::len_of_first(&self.octets).map_err(Fault::Malformed)?;
            let Some(len) = len.filter(|len| *len <= self.octets.len()) else { return Ok(None) };
            let parsed = Packet::parse(&self.octets[..len]);
            self.octets.advance(len);
            match parsed {
                Ok(packet) => return Ok(Some(packet)),
                Err(Malformed::Ignored { .. }) => {}
                Err(malformed) => return Err(Fault::Malformed(malformed)),
            }
        }
    }

    fn take_v4(&mut self) -> Result<Option<Packet>, Fault> {
        loop {
            let len = Packet::len_of_first(&self.octets).map_err(Fault::Malformed)?;
            let Some(len) = len.filter(|len| *len <= self.octets.len()) else { return Ok(None) };
            let parsed = Packet::parse(&self.octets[..len]);
            if let Err(reason) = verify(&self.octets[..len], self.secret()) {
                return Err(Fault::Unproven { reason, packet: parsed.ok().map(Box::new) });
            }
            self.octets.advance(len);
            match parsed {
                Ok(packet) => return Ok(Some(packet)),
                Err(Malformed::Ignored { .. }) => {}
                Err(malformed) => return Err(Fault::Malformed(malformed)),
            }
        }
    }

    /// Waits for more octets. Loses nothing when it is dropped while waiting.
    pub(super) async fn fill(&mut self, input: &mut (impl AsyncRead + Unpin)) -> Result<(), Fault> {
        // What is left is less than a message, so there is room.
        self.octets.reserve(INBOX_LEN.saturating_sub(self.octets.len()));
        match input.read_buf(&mut self.octets).await {
            Ok(1..) => Ok(()),
            Ok(0) => Err(Fault::Closed),
            Err(error) => Err(tls::fault(&error).unwrap_or(Fault::Closed)),
        }
    }

    /// Whether nothing is there that was not yet taken.
    pub(super) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    fn secret(&self) -> Option<&[u8]> {
        self.secret.as_ref().map(|secret| &*secret.0)
    }
}

/// Turns messages into octets.
#[derive(Debug)]
pub(super) struct Scribe {
    dialect: Dialect,
    secret: Option<Secret>,
}

impl Scribe {
    /// For a partner that takes `dialect`; signs with `secret`.
    pub(super) fn new(dialect: Dialect, secret: Option<Secret>) -> Self {
        Self { dialect, secret }
    }

    /// Appends as many `messages` as are written at once to `into`, as of `now`, and says how many.
    /// One that cannot be sent is left out.
    ///
    /// # Errors
    /// About the last one that was left out; the others are there all the same.
    pub(super) fn write(
        &self,
        now: Stamp,
        messages: &mut VecDeque<(u32, Spoken)>,
        into: &mut Vec<u8>,
    ) -> (u64, Result<(), Unencodable>) {
        let (mut written, mut outcome) = (0, Ok(()));
        let secret = self.secret.as_ref().map(|secret| &*secret.0);
        while into.len() < WRITE_LEN
            && let Some((xid, message)) = messages.pop_front()
        {
            let encoded = match message {
                Spoken::V4(message) => {
                    Packet { time: now, xid, message }.encode(self.dialect, secret, into)
                }
                Spoken::V6(message) => {
                    use failover6::{Message, Packet};
                    let is_timed = !matches!(message, Message::StartTls | Message::TlsReply(_));
                    Packet { xid, sent: is_timed.then_some(now), message }.encode(into)
                }
            };
            match encoded {
                Ok(()) => written += 1,
                Err(unencodable) => outcome = Err(unencodable),
            }
        }
        (written, outcome)
    }
}

impl Fault {
    /// What to tell the partner of a link that is up, if anything.
    pub(super) fn farewell(&self, protocol: Protocol) -> Option<Rejection> {
        match (self, protocol) {
            // draft-12 §6.2 and dhcpd have no word for it.
            (Self::Malformed(malformed), Protocol::Dhcpv6) => {
                Some(Rejection { reason: Reject::Unspecified, text: malformed.to_string() })
            }
            _ => self.rejection(),
        }
    }

    /// What to tell the partner about its message-digest, if it is that.
    pub(super) fn rejection(&self) -> Option<Rejection> {
        let Self::Unproven { reason, .. } = self else { return None };
        let text = match reason {
            Reject::MissingDigest => "a message without message-digest",
            Reject::DigestNotConfigured => "a message-digest, and no secret is configured",
            _ => "a message-digest that is not right",
        };
        Some(Rejection { reason: *reason, text: text.to_owned() })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the partner closed the connection"),
            Self::Tls { why, .. } => f.write_str(why),
            Self::Malformed(malformed) => write!(f, "{malformed}"),
            Self::Unproven { .. } => {
                f.write_str(&self.rejection().map(|rejection| rejection.text).unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failover::link::fixture::secret;
    use crate::wire::failover::{Message, State, StateReport};

    const NOW: Stamp = Stamp(1_000_000_000);

    /// Some messages, and their octets.
    fn sample(with: Option<Secret>) -> (Vec<(u32, Message)>, Vec<u8>) {
        let state = StateReport { state: State::Normal, is_startup: false, since: NOW };
        let messages =
            vec![(1, Message::State(state)), (2, Message::Contact), (3, Message::UpdateRequest)];
        let mut octets = Vec::new();
        let scribe = Scribe::new(Dialect::Dhcpd, with);
        let mut said: VecDeque<_> =
            messages.iter().cloned().map(|(xid, message)| (xid, message.into())).collect();
        let written = scribe.write(NOW, &mut said, &mut octets);
        assert_eq!(written, (3, Ok(())));
        (messages, octets)
    }

    fn all(inbox: &mut Inbox) -> Vec<(u32, Message)> {
        let mut packets = Vec::new();
        while let Some(Arrived::V4(packet)) = inbox.take().unwrap() {
            packets.push((packet.xid, packet.message));
        }
        packets
    }

    #[tokio::test]
    async fn messages_come_out_whole_however_they_were_split_and_merged() {
        let (messages, octets) = sample(None);
        for cut in 0..=octets.len() {
            let (first, second) = octets.split_at(cut);
            let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
            let mut heard = Vec::new();
            for mut piece in [first, second].into_iter().filter(|piece| !piece.is_empty()) {
                inbox.fill(&mut piece).await.unwrap();
                heard.extend(all(&mut inbox));
            }
            assert_eq!(heard, messages, "cut at {cut}");
            assert!(inbox.is_empty());
        }
    }

    #[test]
    fn a_length_that_no_message_has_is_a_fault_before_the_rest_has_come() {
        for length in [0_u16, 11, 2_049, u16::MAX] {
            let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
            inbox.octets.extend_from_slice(&length.to_be_bytes());
            assert!(matches!(inbox.take(), Err(Fault::Malformed(_))), "{length}");
        }
        let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
        inbox.octets.extend_from_slice(&2_048_u16.to_be_bytes());
        assert_eq!(inbox.take(), Ok(None));
    }

    #[tokio::test]
    async fn no_more_is_read_than_there_is_place_for() {
        let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
        let mut endless = tokio::io::repeat(0);
        inbox.fill(&mut endless).await.unwrap();
        assert!(inbox.octets.len() <= INBOX_LEN);
        assert!(inbox.octets.capacity() <= 2 * INBOX_LEN);
    }

    #[test]
    fn a_message_of_a_type_that_may_be_ignored_is() {
        let (_, contact) = sample(None);
        let mut inbox = Inbox::new(Protocol::Dhcpv4, None);
        inbox.octets.extend_from_slice(&[0, 12, 200, 12, 0, 0, 0, 0, 0, 0, 0, 9]);
        inbox.octets.extend_from_slice(&contact);
        assert_eq!(all(&mut inbox).len(), 3);
    }

    #[test]
    fn a_digest_must_be_there_be_right_or_not_be_there() {
        let ours = || secret("between us");
        let cases = [
            (ours(), secret("another one"), Reject::DigestMismatch),
            (None, ours(), Reject::MissingDigest),
            (ours(), None, Reject::DigestNotConfigured),
        ];
        for (theirs, ours, expected) in cases {
            let mut inbox = Inbox::new(Protocol::Dhcpv4, ours);
            inbox.octets.extend_from_slice(&sample(theirs).1);
            let fault = inbox.take().unwrap_err();
            assert_eq!(fault.rejection().map(|rejection| rejection.reason), Some(expected));
        }
        let mut inbox = Inbox::new(Protocol::Dhcpv4, ours());
        inbox.octets.extend_from_slice(&sample(ours()).1);
        assert_eq!(all(&mut inbox).len(), 3);
    }
}
