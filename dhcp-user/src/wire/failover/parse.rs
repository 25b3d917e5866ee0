//! From octets to a message.
//!
//! ```text
//!  0        2      3                4      8     12
//!  | length | type | payload offset | time | xid | options ...
//! ```

use std::net::Ipv4Addr;

use super::option::{Code, Fields, Options};
use super::{
    Acknowledgement, Connect, ConnectAck, Malformed, Message, Packet, Reject, Rejection, State,
    StateReport, TlsReply, TlsRequest, Update,
};
use crate::wire::Stamp;

impl Packet {
    /// Octets of the header, and so of the shortest message (draft-12 §6.1).
    pub const HEADER_LEN: usize = 12;
    /// Octets of the longest message (draft-12 §6.1).
    pub const MAX_LEN: usize = 2048;

    /// How many octets the first message of a stream has, or `None` until the stream has told. They
    /// need not all be there yet.
    ///
    /// # Errors
    /// `MessageLength` for a length outside 12..=2048: there is no way to go on in the stream.
    pub fn len_of_first(stream: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(length) = stream.first_chunk() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes(*length));
        if (Self::HEADER_LEN..=Self::MAX_LEN).contains(&len) {
            Ok(Some(len))
        } else {
            Err(Malformed::MessageLength { value: len })
        }
    }

    /// Reads one whole message. Whether its digest is right is not asked here, but by
    /// [`verify`](super::verify).
    ///
    /// # Errors
    /// [`Malformed::Ignored`] for one that is to be left out; anything else closes the connection.
    pub fn parse(octets: &[u8]) -> Result<Self, Malformed> {
        let Some((header, _)) = octets.split_first_chunk::<{ Self::HEADER_LEN }>() else {
            return Err(Malformed::MessageLength { value: octets.len() });
        };
        let [l0, l1, kind, offset, t0, t1, t2, t3, x0, x1, x2, x3] = *header;
        let value = usize::from(u16::from_be_bytes([l0, l1]));
        if value != octets.len() || value > Self::MAX_LEN {
            return Err(Malformed::MessageLength { value });
        }
        let time = Stamp(u32::from_be_bytes([t0, t1, t2, t3]));
        let xid = u32::from_be_bytes([x0, x1, x2, x3]);
        // Departs from draft-12 §6.1, whose payload offset 8 lies inside the header of 12.
        let start = usize::from(offset).max(Self::HEADER_LEN);
        let payload = octets.get(start..).ok_or(Malformed::PayloadOffset { value: offset })?;
        let options = Options::new(payload);
        let message = match kind {
            3 => Message::BindingUpdate(each_address(options, Update::read)?),
            4 => Message::BindingAck(each_address(options, acknowledgement)?),
            0 | 13..=127 => return Err(Malformed::UnknownType { kind }),
            128..=255 => return Err(Malformed::Ignored { kind }),
            _ => single(kind, time, &fields(options)?)?,
        };
        Ok(Self { time, xid, message })
    }
}

/// A message that is about no address.
fn single(kind: u8, time: Stamp, fields: &Fields<'_>) -> Result<Message, Malformed> {
    Ok(match kind {
        1 => Message::PoolRequest,
        2 => {
            let transferred = fields.number(Code::AddressesTransferred);
            Message::PoolResponse {
                transferred: transferred.ok_or_else(|| missing(Code::AddressesTransferred))?,
            }
        }
        5 => Message::Connect(Box::new(connect(fields))),
        6 => Message::ConnectAck(Box::new(connect_ack(fields))),
        7 => Message::UpdateRequestAll,
        8 => Message::UpdateDone,
        9 => Message::UpdateRequest,
        10 => Message::State(state(time, fields)?),
        11 => Message::Contact,
        12 => {
            let has_text = fields.octets(Code::Message).is_some();
            let unexplained =
                || Rejection { reason: Reject::Unknown, text: fields.text(Code::Message) };
            Message::Disconnect(rejection(fields).or_else(|| has_text.then(unexplained)))
        }
        _ => return Err(Malformed::UnknownType { kind }),
    })
}

/// What a message says about each of its addresses (draft-12 §6.3): each begins what is said about
/// it, but for a message about one alone, where it may stand anywhere.
fn each_address<T>(
    options: Options<'_>,
    read: fn(&Fields<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let is_address =
        |option: &Result<(Code, &[u8]), _>| matches!(option, Ok((Code::AssignedIpAddress, _)));
    let addresses = options.clone().filter(is_address).count();
    if addresses <= 1 {
        return Ok(vec![read(&fields(options)?)?]);
    }
    let mut all = Vec::with_capacity(addresses);
    let mut group: Option<Fields<'_>> = None;
    for option in options {
        let (code, data) = option?;
        if code == Code::AssignedIpAddress
            && let Some(whole) = group.replace(Fields::default())
        {
            all.push(read(&whole)?);
        }
        let group = group.as_mut().ok_or(Malformed::Ungrouped { option: code.name() })?;
        group.add(code, data)?;
    }
    if let Some(last) = group {
        all.push(read(&last)?);
    }
    Ok(all)
}

fn fields(options: Options<'_>) -> Result<Fields<'_>, Malformed> {
    let mut fields = Fields::default();
    for option in options {
        let (code, data) = option?;
        fields.add(code, data)?;
    }
    Ok(fields)
}

fn acknowledgement(fields: &Fields<'_>) -> Result<Acknowledgement, Malformed> {
    Ok(Acknowledgement { address: address(fields)?, rejection: rejection(fields) })
}

fn connect(fields: &Fields<'_>) -> Connect {
    Connect {
        relationship: fields.boxed(Code::RelationshipName),
        max_unacked: fields.number(Code::MaxUnackedBndupd),
        receive_timer: fields.seconds(Code::ReceiveTimer),
        vendor: fields.boxed(Code::VendorClassIdentifier),
        version: fields.octet(Code::ProtocolVersion),
        tls: fields.octet(Code::TlsRequest).and_then(TlsRequest::from_octet),
        mclt: fields.seconds(Code::Mclt),
        buckets: fields.boxed(Code::HashBucketAssignment),
        delayed_service: fields.octet(Code::DelayedServiceParameter),
    }
}

fn connect_ack(fields: &Fields<'_>) -> ConnectAck {
    ConnectAck {
        relationship: fields.boxed(Code::RelationshipName),
        max_unacked: fields.number(Code::MaxUnackedBndupd),
        receive_timer: fields.seconds(Code::ReceiveTimer),
        vendor: fields.boxed(Code::VendorClassIdentifier),
        version: fields.octet(Code::ProtocolVersion),
        tls: fields.octet(Code::TlsReply).and_then(TlsReply::from_octet),
        rejection: rejection(fields),
    }
}

fn state(time: Stamp, fields: &Fields<'_>) -> Result<StateReport, Malformed> {
    let state = fields.octet(Code::ServerState).ok_or_else(|| missing(Code::ServerState))?;
    let flags = fields.octet(Code::ServerFlags).unwrap_or_default();
    Ok(StateReport {
        state: State::from_octet(state)
            .filter(|state| *state != State::Startup)
            .ok_or(Malformed::Value { option: Code::ServerState.name(), value: state })?,
        is_startup: flags & StateReport::STARTUP != 0,
        // A partner that does not say has had the state no later than it said so.
        since: fields.stamp(Code::StartTimeOfState).unwrap_or(time),
    })
}

/// A refusal, if there is a reason; a text alone is none.
fn rejection(fields: &Fields<'_>) -> Option<Rejection> {
    let reason = fields.octet(Code::RejectReason)?;
    let reason = Reject::from_octet(reason).unwrap_or(Reject::Unknown);
    Some(Rejection { reason, text: fields.text(Code::Message) })
}

pub(super) fn address(fields: &Fields<'_>) -> Result<Ipv4Addr, Malformed> {
    let address = fields.array::<4>(Code::AssignedIpAddress);
    address.map(Ipv4Addr::from).ok_or_else(|| missing(Code::AssignedIpAddress))
}

pub(super) fn missing(code: Code) -> Malformed {
    Malformed::Missing { option: code.name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with these octets behind its header.
    fn message(kind: u8, options: &[u8]) -> Vec<u8> {
        let mut octets = vec![0, 12 + options.len() as u8, kind, 12, 0, 0, 0, 9, 0, 0, 0, 7];
        octets.extend_from_slice(options);
        octets
    }

    fn read(kind: u8, options: &[u8]) -> Result<Message, Malformed> {
        Packet::parse(&message(kind, options)).map(|packet| packet.message)
    }

    const A: &[u8] = &[0, 2, 0, 4, 10, 0, 0, 1];
    const B: &[u8] = &[0, 2, 0, 4, 10, 0, 0, 2];
    const FREE: &[u8] = &[0, 3, 0, 1, 1];

    #[test]
    fn a_stream_tells_how_long_its_first_message_is() {
        assert_eq!(Packet::len_of_first(&[]), Ok(None));
        assert_eq!(Packet::len_of_first(&[0]), Ok(None));
        assert_eq!(Packet::len_of_first(&[0, 12]), Ok(Some(12)));
        assert_eq!(Packet::len_of_first(&[8, 0, 3, 12]), Ok(Some(2048)));
        for wrong in [[0, 0], [0, 11], [8, 1], [255, 255]] {
            let value = usize::from(u16::from_be_bytes(wrong));
            assert_eq!(Packet::len_of_first(&wrong), Err(Malformed::MessageLength { value }));
        }
    }

    #[test]
    fn a_message_of_another_length_than_it_says_is_refused() {
        let whole = message(11, &[]);
        assert!(Packet::parse(&whole).is_ok());
        assert_eq!(Packet::parse(&whole[..11]), Err(Malformed::MessageLength { value: 11 }));
        let long = [&whole[..], &[0]].concat();
        assert_eq!(Packet::parse(&long), Err(Malformed::MessageLength { value: 12 }));
    }

    /// draft-12 §6.1, and ISC dhcpd, which skips what a longer header has.
    #[test]
    fn options_begin_at_the_payload_offset_and_never_inside_the_header() {
        let state = [0, 24, 0, 1, 2];
        let mut longer = message(10, &[&[1, 2, 3, 4][..], &state[..]].concat());
        longer[3] = 16;
        assert!(Packet::parse(&longer).is_ok());
        let mut shorter = message(10, &state);
        shorter[3] = 8;
        assert!(Packet::parse(&shorter).is_ok());
        shorter[3] = 18;
        assert_eq!(Packet::parse(&shorter), Err(Malformed::PayloadOffset { value: 18 }));
    }

    #[test]
    fn unknown_types_close_the_connection_or_are_left_out_by_their_number() {
        for kind in [0, 13, 127] {
            assert_eq!(read(kind, &[]), Err(Malformed::UnknownType { kind }));
        }
        for kind in [128, 255] {
            assert_eq!(read(kind, &[]), Err(Malformed::Ignored { kind }));
        }
    }

    #[test]
    fn several_addresses_are_told_apart_and_one_may_stand_anywhere() {
        let Ok(Message::BindingUpdate(one)) = read(3, &[FREE, A].concat()) else { panic!() };
        assert_eq!(one[0].address, Ipv4Addr::new(10, 0, 0, 1));
        let Ok(Message::BindingUpdate(two)) = read(3, &[A, FREE, B, FREE].concat()) else {
            panic!()
        };
        let addresses: Vec<_> = two.iter().map(|update| update.address.octets()[3]).collect();
        assert_eq!(addresses, [1, 2]);
        assert_eq!(
            read(3, &[FREE, A, B, FREE].concat()),
            Err(Malformed::Ungrouped { option: "binding-status" })
        );
        assert_eq!(
            read(3, &[A, B, FREE].concat()),
            Err(Malformed::Missing { option: "binding-status" })
        );
        let Ok(Message::BindingAck(acks)) = read(4, &[A, &[0, 21, 0, 1, 15], B].concat()) else {
            panic!()
        };
        let reasons: Vec<_> = acks.iter().map(|ack| ack.rejection.is_some()).collect();
        assert_eq!(reasons, [true, false]);
    }

    #[test]
    fn a_message_without_what_it_is_about_is_refused() {
        for (kind, options, option) in [
            (2, &[][..], "addresses-transferred"),
            (3, FREE, "assigned-IP-address"),
            (3, A, "binding-status"),
            (4, &[], "assigned-IP-address"),
            (10, &[], "server-state"),
        ] {
            assert_eq!(read(kind, options), Err(Malformed::Missing { option }), "{kind}");
        }
    }

    #[test]
    fn a_known_option_comes_once_for_each_address() {
        for (kind, options, option) in [
            (3, [A, FREE, FREE].concat(), "binding-status"),
            (3, [A, FREE, B, FREE, FREE].concat(), "binding-status"),
            (11, [[0, 29, 0, 0], [0, 29, 0, 0]].concat(), "vendor-specific-options"),
        ] {
            assert_eq!(read(kind, &options), Err(Malformed::Duplicate { option }));
        }
        assert_eq!(read(11, &[0, 250, 0, 0, 0, 250, 0, 0]), Ok(Message::Contact));
    }

    #[test]
    fn options_have_their_lengths_and_end_with_the_message() {
        assert_eq!(
            read(11, &[0, 19, 0, 2, 0, 9]),
            Err(Malformed::OptionLength { option: "receive-timer", value: 2 })
        );
        assert_eq!(read(11, &[0, 28, 0, 2, 0]), Err(Malformed::Overrun { code: 28 }));
        assert_eq!(read(11, &[1, 28, 0]), Err(Malformed::Overrun { code: 284 }));
    }

    #[test]
    fn numbers_of_no_status_and_no_state_are_named() {
        for value in [0, 8, 255] {
            let status = [A, &[0, 3, 0, 1, value]].concat();
            assert_eq!(read(3, &status), Err(Malformed::Value { option: "binding-status", value }));
        }
        for value in [0, 1, 12, 253, 255] {
            let state = read(10, &[0, 24, 0, 1, value]);
            assert_eq!(state, Err(Malformed::Value { option: "server-state", value }));
        }
    }

    #[test]
    fn a_reason_of_no_meaning_is_still_a_refusal() {
        let Ok(Message::BindingAck(acks)) = read(4, &[A, &[0, 21, 0, 1, 99]].concat()) else {
            panic!()
        };
        assert_eq!(acks[0].rejection.as_ref().unwrap().reason, Reject::Unknown);
    }

    #[test]
    fn a_disconnect_says_why_as_far_as_it_does() {
        assert_eq!(read(12, &[]), Ok(Message::Disconnect(None)));
        let text = Rejection { reason: Reject::Unknown, text: "bye".to_owned() };
        assert_eq!(read(12, b"\0\x10\0\x03bye"), Ok(Message::Disconnect(Some(text))));
    }

    #[test]
    fn a_digest_is_about_the_octets_and_no_option_of_the_message() {
        let digest = [&[0, 17, 0, 17, 1][..], &[0; 16]].concat();
        assert_eq!(read(11, &digest), Ok(Message::Contact));
        let Ok(Message::BindingUpdate(updates)) =
            read(3, &[&digest[..], A, FREE, B, FREE].concat())
        else {
            panic!()
        };
        assert_eq!(updates.len(), 2);
        assert_eq!(
            read(11, &[&digest[..], &digest].concat()),
            Err(Malformed::Duplicate { option: "message-digest" })
        );
    }
}
