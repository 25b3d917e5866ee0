//! Writes a message, and relays' messages around it, into a buffer that may hold anything.

use std::net::Ipv6Addr;

use super::options::HEADER_LEN;
use super::{MessageType, OptionWriter, ReconfigureKey, Relay, Relays, authentication};
use crate::wire::Full;
use crate::wire::option::v6::code;

/// A message being written. Nothing of what the buffer held before gets into it.
#[derive(Debug)]
pub struct Writer<'b> {
    options: OptionWriter<'b>,
    /// Where the options that hold the message begin, the outermost first; those past `relays` are
    /// not in use.
    relay_messages: [u16; Relays::MAX_COUNT],
    relays: usize,
    /// Where the message itself begins.
    start: usize,
    /// Where the digest goes, and the key that it is made with.
    signature: Option<(usize, ReconfigureKey)>,
}

impl<'b> Writer<'b> {
    /// Begins a message to somebody on the link.
    ///
    /// # Errors
    /// `Full` if not even its header fits.
    pub fn message(
        buffer: &'b mut [u8],
        kind: MessageType,
        transaction_id: u32,
    ) -> Result<Self, Full> {
        Self::reply(buffer, &Relays::NONE, kind, transaction_id)
    }

    /// Begins a message to a client behind `relays`, wrapped in a Relay-reply for each of them with
    /// its own hop-count, link-address, peer-address and what it must have back (RFC 8415 §19.3).
    ///
    /// # Errors
    /// `Full` if what the relays take up leaves no room for the message's header.
    pub fn reply(
        buffer: &'b mut [u8],
        relays: &Relays<'_>,
        kind: MessageType,
        transaction_id: u32,
    ) -> Result<Self, Full> {
        let mut options = OptionWriter::new(buffer, 0);
        let mut relay_messages = [0; Relays::MAX_COUNT];
        let mut count = 0;
        for (place, relay) in relay_messages.iter_mut().zip(relays.iter()) {
            relay_header(
                &mut options,
                MessageType::RelayReply,
                relay.hop_count(),
                relay.link_address(),
                relay.peer_address(),
            )?;
            relay.echoed().try_for_each(|(code, data)| options.push(code, data))?;
            // A writer's positions have two octets.
            *place = options.position() as u16;
            options.write(&code::RELAY_MESSAGE.to_be_bytes())?;
            options.write(&[0; 2])?;
            count += 1;
        }
        let start = options.position();
        let [_, a, b, c] = transaction_id.to_be_bytes();
        options.write(&[kind as u8, a, b, c])?;
        Ok(Self { options, relay_messages, relays: count, start, signature: None })
    }

    /// Writes what a relay sends towards the server for a `message` that it heard, with the options
    /// that `add` adds, and says how long it is.
    ///
    /// # Errors
    /// `Full` if it does not fit.
    pub fn forward(
        buffer: &mut [u8],
        hop_count: u8,
        link_address: Ipv6Addr,
        peer_address: Ipv6Addr,
        message: &[u8],
        add: impl FnOnce(&mut OptionWriter<'_>) -> Result<(), Full>,
    ) -> Result<usize, Full> {
        let mut options = OptionWriter::new(buffer, 0);
        let kind = MessageType::RelayForward;
        relay_header(&mut options, kind, hop_count, link_address, peer_address)?;
        add(&mut options)?;
        options.push(code::RELAY_MESSAGE, message)?;
        Ok(options.position())
    }

    /// Sets how long all of it may become, relays included, in octets; more than the buffer has
    /// changes nothing, and what is written already stays.
    pub fn limit(&mut self, len: usize) -> &mut Self {
        self.options.limit(len);
        self
    }

    /// The message's options.
    pub fn options(&mut self) -> &mut OptionWriter<'b> {
        &mut self.options
    }

    /// Adds an authentication by which the client knows that a Reconfigure is ours: made of the whole
    /// message when it is finished (RFC 8415 §20.4.2).
    ///
    /// # Errors
    /// `Full` if it does not fit: the client would not take the message without.
    pub fn sign(&mut self, replay: u64, key: ReconfigureKey) -> Result<(), Full> {
        let unsigned = authentication::unsigned(replay);
        self.options.push(code::AUTHENTICATION, &unsigned)?;
        let at = self.options.position() - key.0.len() - self.start;
        self.signature = Some((at, key));
        Ok(())
    }

    /// Ends the message and says how long it is, relays included.
    #[must_use]
    pub fn finish(mut self) -> usize {
        let end = self.options.position();
        let written = self.options.written_mut();
        if let Some((at, key)) = &self.signature {
            authentication::sign(&mut written[self.start..], *at, key);
        }
        for place in &self.relay_messages[..self.relays] {
            let place = usize::from(*place);
            let len = (end - place - HEADER_LEN) as u16;
            written[place + 2..place + HEADER_LEN].copy_from_slice(&len.to_be_bytes());
        }
        end
    }
}

fn relay_header(
    options: &mut OptionWriter<'_>,
    kind: MessageType,
    hop_count: u8,
    link_address: Ipv6Addr,
    peer_address: Ipv6Addr,
) -> Result<(), Full> {
    let mut header = [0; Relay::HEADER_LEN];
    header[..2].copy_from_slice(&[kind as u8, hop_count]);
    header[2..18].copy_from_slice(&link_address.octets());
    header[18..].copy_from_slice(&peer_address.octets());
    options.write(&header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seconds;
    use crate::wire::dhcpv6::{
        Datagram, HOP_COUNT_LIMIT, IaKind, Iaid, Message, OLD_HOP_COUNT_LIMIT,
    };

    const LINK: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
    const PEER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa1);
    const KEY: ReconfigureKey = ReconfigureKey([7; 16]);

    /// A Solicit through so many relays.
    fn forwarded(count: u8) -> Vec<u8> {
        let mut octets = vec![1, 0xaa, 0xbb, 0xcc];
        for hops in 0..count {
            let mut buffer = vec![0xa5; octets.len() + 60];
            let len = Writer::forward(&mut buffer, hops, LINK, PEER, &octets, |options| {
                options.push(code::REMOTE_ID, &[0, 0, 0, 9, hops])?;
                options.push(code::INTERFACE_ID, &[hops])
            });
            buffer.truncate(len.unwrap());
            octets = buffer;
        }
        octets
    }

    #[test]
    fn a_reply_to_a_client_on_the_link_is_these_octets() {
        let mut buffer = [0xa5; 100];
        let mut writer = Writer::message(&mut buffer, MessageType::Reply, 0xff00_0102).unwrap();
        writer.options().push(code::SERVER_ID, &[0, 3, 0, 1, 9]).unwrap();
        let len = writer.finish();
        assert_eq!(buffer[..len], [7, 0, 1, 2, 0, 2, 0, 5, 0, 3, 0, 1, 9]);
        assert!(buffer[len..].iter().all(|octet| *octet == 0xa5), "wrote past its end");
    }

    /// RFC 8415 §19.3: the Relay-reply mirrors the Relay-forward.
    #[test]
    fn a_reply_through_relays_is_wrapped_as_the_request_was() {
        for count in [1, 3, 9, 33] {
            let request = forwarded(count);
            let request = Datagram::parse(&request, OLD_HOP_COUNT_LIMIT).unwrap();
            let mut buffer = vec![0xa5; 4_000];
            let mut writer =
                Writer::reply(&mut buffer, &request.relays, MessageType::Advertise, 0xaa_bbcc)
                    .unwrap();
            let times = [Seconds(1), Seconds(2)];
            writer.options().ia(IaKind::Addresses, Iaid(3), times, |_| Ok(())).unwrap();
            let len = writer.finish();
            let reply = Datagram::parse(&buffer[..len], OLD_HOP_COUNT_LIMIT).unwrap();
            assert_eq!(reply.message.kind(), MessageType::Advertise);
            assert_eq!(reply.message.ias().count(), 1);
            assert_eq!(reply.relays.count(), usize::from(count));
            for (back, forth) in reply.relays.iter().zip(request.relays.iter()) {
                assert_eq!(back.kind(), MessageType::RelayReply);
                assert_eq!(back.hop_count(), forth.hop_count());
                assert_eq!((back.link_address(), back.peer_address()), (LINK, PEER));
                assert_eq!(back.interface_id(), Some(&[forth.hop_count()][..]));
                assert_eq!(back.options().iter().count(), 2, "and nothing that is not for it");
            }
        }
    }

    #[test]
    fn a_buffer_of_any_size_is_never_overrun() {
        let request = forwarded(2);
        let request = Datagram::parse(&request, HOP_COUNT_LIMIT).unwrap();
        let mut least = None;
        for room in 0..120 {
            let mut buffer = vec![0; room];
            let Ok(mut writer) = Writer::reply(&mut buffer, &request.relays, MessageType::Reply, 1)
            else {
                continue;
            };
            least.get_or_insert(room);
            let fits = writer.options().push(99, &[0; 20]).is_ok();
            let len = writer.finish();
            assert_eq!(fits, room >= 90 + 24);
            let reply = Datagram::parse(&buffer[..len], HOP_COUNT_LIMIT).unwrap();
            assert_eq!(reply.message.options().has(99), fits);
        }
        // Two relays of 34 with an Interface-Id of 5 and the option around the next, and a header.
        assert_eq!(least, Some(90));
    }

    #[test]
    fn a_limit_is_kept() {
        let mut buffer = [0; 100];
        let mut writer = Writer::message(&mut buffer, MessageType::Reply, 1).unwrap();
        writer.limit(12);
        assert_eq!(writer.options().push(1, &[0; 5]), Err(Full));
        assert_eq!(writer.options().push(1, &[0; 4]), Ok(()));
        assert_eq!(writer.finish(), 12);
    }

    /// RFC 8415 §20.4: the client takes a Reconfigure only with a digest made with its key.
    #[test]
    fn a_reconfigure_is_known_by_its_key_and_by_every_octet_of_it() {
        let mut buffer = [0xa5; 200];
        let request = forwarded(1);
        let request = Datagram::parse(&request, HOP_COUNT_LIMIT).unwrap();
        let mut writer =
            Writer::reply(&mut buffer, &request.relays, MessageType::Reconfigure, 0).unwrap();
        writer.options().push_u8(code::RECONFIGURE_MESSAGE, 6).unwrap();
        writer.sign(77, KEY).unwrap();
        writer.options().push(code::SERVER_ID, &[1, 2, 3]).unwrap();
        let len = writer.finish();
        let reply = Datagram::parse(&buffer[..len], HOP_COUNT_LIMIT).unwrap();
        assert_eq!(reply.message.reconfigure_message(), Some(MessageType::Rebind));
        assert_eq!(reply.message.authentication().map(|found| found.replay), Some(77));
        assert!(reply.message.is_signed_with(&KEY));
        assert!(!reply.message.is_signed_with(&ReconfigureKey([8; 16])));
        let octets = reply.message.octets().to_vec();
        for at in 0..octets.len() {
            let mut changed = octets.clone();
            changed[at] ^= 1;
            let known = Message::parse(&changed).is_ok_and(|message| message.is_signed_with(&KEY));
            assert!(!known, "octet {at}");
        }
    }

    #[test]
    fn a_client_is_told_its_key() {
        let mut buffer = [0; 100];
        let mut writer = Writer::message(&mut buffer, MessageType::Reply, 1).unwrap();
        writer.options().reconfigure_key(5, &KEY).unwrap();
        let len = writer.finish();
        let message = Message::parse(&buffer[..len]).unwrap();
        let authentication = message.authentication().unwrap();
        assert_eq!((authentication.replay, authentication.reconfigure_key()), (5, Some(KEY)));
        assert!(!message.is_signed_with(&KEY), "telling a key proves nothing");
        assert_eq!(format!("{KEY:?}"), "ReconfigureKey(..)");
    }
}
