//! From a message to octets: options in the order in which ISC dhcpd writes them, and nothing that
//! the partner cannot take.

use super::digest;
use super::option::{Code, PREFIX_LEN, Writer, printable};
use super::{
    Acknowledgement, Connect, ConnectAck, Dialect, Message, Packet, Rejection, State, StateReport,
    Unencodable,
};
use crate::wire::Seconds;

/// Payload offset (draft-12 §6.1, whose text says 8 and whose figure has 12).
const PAYLOAD_OFFSET: u8 = Packet::HEADER_LEN as u8;
const PROTOCOL_BUCKETS_LEN: usize = 32;
/// With less a dhcpd sends CONTACT without a pause.
const MIN_RECEIVE_TIMER: Seconds = Seconds(3);

impl Packet {
    /// Appends the whole message as a partner with this `dialect` takes it; with a message-digest if
    /// there is a `secret`.
    ///
    /// The text of a refusal is cut to what the message has room for. Of an update, what
    /// `Update::encoded_len` leaves out is left out; towards dhcpd all that it does not read.
    ///
    /// # Errors
    /// The message cannot be sent; `into` is as it was.
    pub fn encode(
        &self,
        dialect: Dialect,
        secret: Option<&[u8]>,
        into: &mut Vec<u8>,
    ) -> Result<(), Unencodable> {
        check(&self.message, dialect)?;
        let start = into.len();
        into.extend_from_slice(&[0, 0, self.message.kind(), PAYLOAD_OFFSET]);
        into.extend_from_slice(&self.time.0.to_be_bytes());
        into.extend_from_slice(&self.xid.to_be_bytes());
        if secret.is_some() {
            Writer(into).parts(Code::MessageDigest, &[&[digest::HMAC_MD5], &[0; digest::LEN]]);
        }
        let room = Self::MAX_LEN - (into.len() - start);
        write(&self.message, dialect, room, &mut Writer(into));
        let octets = &mut into[start..];
        let len = octets.len();
        if len > Self::MAX_LEN {
            into.truncate(start);
            return Err(Unencodable::TooLong { len });
        }
        octets[..2].copy_from_slice(&(len as u16).to_be_bytes());
        if let Some(secret) = secret {
            digest::sign(octets, secret);
        }
        Ok(())
    }
}

impl Message {
    /// The message type (draft-12 §6.1).
    fn kind(&self) -> u8 {
        match self {
            Self::PoolRequest => 1,
            Self::PoolResponse { .. } => 2,
            Self::BindingUpdate(_) => 3,
            Self::BindingAck(_) => 4,
            Self::Connect(_) => 5,
            Self::ConnectAck(_) => 6,
            Self::UpdateRequestAll => 7,
            Self::UpdateDone => 8,
            Self::UpdateRequest => 9,
            Self::State(_) => 10,
            Self::Contact => 11,
            Self::Disconnect(_) => 12,
        }
    }
}

/// Whether the message has what it must have, and nothing that does harm. What a type cannot hold in
/// the first place, such as a binding-status that ends a dhcpd, is not asked.
fn check(message: &Message, dialect: Dialect) -> Result<(), Unencodable> {
    let must = |holds: bool, code: Code| {
        if holds { Ok(()) } else { Err(Unencodable::Missing { option: code.name() }) }
    };
    let addresses = match message {
        Message::BindingUpdate(updates) => updates.len(),
        // One that says several at once takes the answer so (draft-12 §6.3), whoever it is; dhcpd
        // never does.
        Message::BindingAck(answers) => {
            return must(!answers.is_empty(), Code::AssignedIpAddress);
        }
        Message::Connect(connect) => {
            let buckets = connect.buckets.as_ref().map(|buckets| buckets.len());
            must(connect.relationship.is_some(), Code::RelationshipName)?;
            must(connect.max_unacked.is_some_and(|most| most > 0), Code::MaxUnackedBndupd)?;
            must(connect.receive_timer >= Some(MIN_RECEIVE_TIMER), Code::ReceiveTimer)?;
            must(connect.mclt.is_some(), Code::Mclt)?;
            return must(buckets == Some(PROTOCOL_BUCKETS_LEN), Code::HashBucketAssignment);
        }
        Message::ConnectAck(ack) if ack.rejection.is_none() => {
            must(ack.relationship.is_some(), Code::RelationshipName)?;
            must(ack.max_unacked.is_some_and(|most| most > 0), Code::MaxUnackedBndupd)?;
            return must(ack.receive_timer >= Some(MIN_RECEIVE_TIMER), Code::ReceiveTimer);
        }
        Message::State(StateReport { state: State::Startup, .. }) => {
            return Err(Unencodable::Startup);
        }
        _ => return Ok(()),
    };
    match (addresses, dialect) {
        (0, _) => must(false, Code::AssignedIpAddress),
        (1, _) | (_, Dialect::Tandem) => Ok(()),
        (_, Dialect::Dhcpd) => Err(Unencodable::Batch { addresses }),
    }
}

/// Writes the options; texts into what of `room` the others leave.
fn write(message: &Message, dialect: Dialect, room: usize, writer: &mut Writer<'_>) {
    match message {
        Message::PoolRequest
        | Message::UpdateRequestAll
        | Message::UpdateDone
        | Message::UpdateRequest
        | Message::Contact
        | Message::Disconnect(None) => {}
        Message::PoolResponse { transferred } => {
            writer.number(Code::AddressesTransferred, *transferred);
        }
        Message::BindingUpdate(updates) => {
            updates.iter().for_each(|update| update.write(dialect, writer));
        }
        Message::BindingAck(all) => {
            let mut room = room.saturating_sub(all.iter().map(Acknowledgement::bare_len).sum());
            for ack in all {
                writer.octets(Code::AssignedIpAddress, &ack.address.octets());
                if let Some(rejection) = &ack.rejection {
                    room -= reject(rejection, room, writer);
                }
            }
        }
        Message::Connect(message) => connect(message, writer),
        Message::ConnectAck(message) => connect_ack(message, room, writer),
        Message::State(report) => {
            writer.octet(Code::ServerState, report.state as u8);
            writer
                .octet(Code::ServerFlags, if report.is_startup { StateReport::STARTUP } else { 0 });
            writer.stamp(Code::StartTimeOfState, report.since);
        }
        Message::Disconnect(Some(rejection)) => {
            reject(rejection, room.saturating_sub(REASON_LEN), writer);
        }
    }
}

fn connect(connect: &Connect, writer: &mut Writer<'_>) {
    if let Some(name) = &connect.relationship {
        writer.octets(Code::RelationshipName, name);
    }
    if let Some(most) = connect.max_unacked {
        writer.number(Code::MaxUnackedBndupd, most);
    }
    if let Some(Seconds(timer)) = connect.receive_timer {
        writer.number(Code::ReceiveTimer, timer);
    }
    if let Some(vendor) = &connect.vendor {
        writer.octets(Code::VendorClassIdentifier, vendor);
    }
    if let Some(version) = connect.version {
        writer.octet(Code::ProtocolVersion, version);
    }
    if let Some(tls) = connect.tls {
        writer.octet(Code::TlsRequest, tls as u8);
    }
    if let Some(Seconds(mclt)) = connect.mclt {
        writer.number(Code::Mclt, mclt);
    }
    if let Some(buckets) = &connect.buckets {
        writer.octets(Code::HashBucketAssignment, buckets);
    }
    if let Some(seconds) = connect.delayed_service {
        writer.octet(Code::DelayedServiceParameter, seconds);
    }
}

fn connect_ack(ack: &ConnectAck, room: usize, writer: &mut Writer<'_>) {
    let before = writer.0.len();
    if let Some(name) = &ack.relationship {
        writer.octets(Code::RelationshipName, name);
    }
    if let Some(most) = ack.max_unacked {
        writer.number(Code::MaxUnackedBndupd, most);
    }
    if let Some(Seconds(timer)) = ack.receive_timer {
        writer.number(Code::ReceiveTimer, timer);
    }
    if let Some(vendor) = &ack.vendor {
        writer.octets(Code::VendorClassIdentifier, vendor);
    }
    if let Some(version) = ack.version {
        writer.octet(Code::ProtocolVersion, version);
    }
    if let Some(tls) = ack.tls {
        writer.octet(Code::TlsReply, tls as u8);
    }
    if let Some(rejection) = &ack.rejection {
        let used = writer.0.len() - before + REASON_LEN;
        reject(rejection, room.saturating_sub(used), writer);
    }
}

/// Octets of reject-reason.
const REASON_LEN: usize = PREFIX_LEN + 1;

impl Acknowledgement {
    /// Octets without a text.
    fn bare_len(&self) -> usize {
        let reason = if self.rejection.is_some() { REASON_LEN } else { 0 };
        PREFIX_LEN + 4 + reason
    }
}

/// Writes a reason and as much of its text as `room` has; how much of that it took.
fn reject(rejection: &Rejection, room: usize, writer: &mut Writer<'_>) -> usize {
    writer.octet(Code::RejectReason, rejection.reason as u8);
    let text = printable(&rejection.text);
    let text = &text[..text.floor_char_boundary(room.saturating_sub(PREFIX_LEN))];
    if text.is_empty() {
        return 0;
    }
    writer.octets(Code::Message, text.as_bytes());
    PREFIX_LEN + text.len()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::wire::Stamp;
    use crate::wire::failover::{BindingStatus, Reject, Update};

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

    fn encode(message: Message, dialect: Dialect) -> Result<Vec<u8>, Unencodable> {
        let mut octets = vec![0xa5];
        let packet = Packet { time: Stamp(9), xid: 7, message };
        let encoded = packet.encode(dialect, None, &mut octets);
        assert!(encoded.is_ok() || octets == [0xa5], "what was there is as it was");
        encoded.map(|()| octets.split_off(1))
    }

    fn update() -> Update {
        Update::new(ADDRESS, BindingStatus::Free)
    }

    fn refused(text: &str) -> Rejection {
        Rejection { reason: Reject::Outdated, text: text.to_owned() }
    }

    fn connect() -> Connect {
        Connect {
            relationship: Some((*b"fo4").into()),
            max_unacked: Some(10),
            receive_timer: Some(Seconds(3)),
            mclt: Some(Seconds(0)),
            buckets: Some([0; 32].into()),
            ..Connect::default()
        }
    }

    /// Without the MCLT or 32 octets of buckets a dhcpd refuses, with a receive-timer below 3 it
    /// floods, and with a max-unacked-bndupd of 0 it sends no update ever.
    #[test]
    fn a_connect_that_does_harm_is_not_written() {
        let whole = connect();
        assert!(encode(Message::Connect(Box::new(whole.clone())), Dialect::Dhcpd).is_ok());
        let harmful = [
            (Connect { relationship: None, ..whole.clone() }, "relationship-name"),
            (Connect { max_unacked: Some(0), ..whole.clone() }, "max-unacked-bndupd"),
            (Connect { receive_timer: None, ..whole.clone() }, "receive-timer"),
            (Connect { receive_timer: Some(Seconds(2)), ..whole.clone() }, "receive-timer"),
            (Connect { mclt: None, ..whole.clone() }, "MCLT"),
            (Connect { buckets: None, ..whole.clone() }, "hash-bucket-assignment"),
            (Connect { buckets: Some([0; 31].into()), ..whole }, "hash-bucket-assignment"),
        ];
        for (connect, option) in harmful {
            let refused = encode(Message::Connect(Box::new(connect)), Dialect::Tandem);
            assert_eq!(refused, Err(Unencodable::Missing { option }));
        }
    }

    #[test]
    fn an_accepting_answer_is_whole_and_a_refusing_one_need_not_be() {
        let accepted = ConnectAck {
            relationship: Some((*b"fo4").into()),
            max_unacked: Some(10),
            receive_timer: Some(Seconds(30)),
            ..ConnectAck::default()
        };
        let encode = |ack| encode(Message::ConnectAck(Box::new(ack)), Dialect::Dhcpd);
        assert!(encode(accepted.clone()).is_ok());
        for (ack, option) in [
            (ConnectAck { relationship: None, ..accepted.clone() }, "relationship-name"),
            (ConnectAck { max_unacked: None, ..accepted.clone() }, "max-unacked-bndupd"),
            (ConnectAck { receive_timer: None, ..accepted }, "receive-timer"),
        ] {
            assert_eq!(encode(ack), Err(Unencodable::Missing { option }));
        }
        let ack = ConnectAck { rejection: Some(refused("")), ..ConnectAck::default() };
        assert!(encode(ack).is_ok());
    }

    /// draft-12 §9.3.1: the state is the one before, and a flag tells the rest.
    #[test]
    fn startup_is_not_reported() {
        let since = Stamp(9);
        let report = StateReport { state: State::Startup, is_startup: true, since };
        let refused = encode(Message::State(report), Dialect::Tandem);
        assert_eq!(refused, Err(Unencodable::Startup));
    }

    #[test]
    fn a_message_about_no_address_is_not_written() {
        let option = "assigned-IP-address";
        for message in [Message::BindingUpdate(vec![]), Message::BindingAck(vec![])] {
            assert_eq!(encode(message, Dialect::Tandem), Err(Unencodable::Missing { option }));
        }
    }

    #[test]
    fn batches_fill_a_message_up_to_its_limit() {
        let full = Update::BATCH_LEN / update().encoded_len();
        let batch = |len| Message::BindingUpdate(vec![update(); len]);
        let secret = Some(&b"secret"[..]);
        let packet = Packet { time: Stamp(9), xid: 7, message: batch(full) };
        assert_eq!(packet.encode(Dialect::Tandem, secret, &mut Vec::new()), Ok(()));
        let packet = Packet { message: batch(full + 1), ..packet };
        let len = 12 + 21 + (full + 1) * 13;
        let refused = packet.encode(Dialect::Tandem, secret, &mut Vec::new());
        assert_eq!(refused, Err(Unencodable::TooLong { len }));
        assert_eq!(encode(batch(2), Dialect::Dhcpd), Err(Unencodable::Batch { addresses: 2 }));
    }

    /// An option's length has two octets, which must not wrap around.
    #[test]
    fn an_identifier_that_leaves_no_room_is_refused() {
        for len in [2_048, 65_535, 65_536, 70_000] {
            let identifier = Some(vec![1; len].into());
            let message = Message::BindingUpdate(vec![Update { identifier, ..update() }]);
            let len = 12 + 13 + 4 + len;
            assert_eq!(encode(message, Dialect::Dhcpd), Err(Unencodable::TooLong { len }));
        }
    }

    #[test]
    fn every_address_of_the_largest_batch_can_be_refused_whatever_the_words() {
        let text = "word ".repeat(30);
        let refusal = Acknowledgement { address: ADDRESS, rejection: Some(refused(&text)) };
        let most = (Packet::MAX_LEN - Packet::HEADER_LEN) / update().encoded_len();
        for count in [1, 2, 20, 100, most] {
            let all = Message::BindingAck(vec![refusal.clone(); count]);
            let octets = encode(all, Dialect::Tandem).unwrap();
            let read = Packet::parse(&octets).unwrap();
            let Message::BindingAck(read) = read.message else { panic!() };
            assert_eq!(read.len(), count);
            assert!(read.iter().all(|ack| ack.rejection.is_some()));
            // Who comes first has the room.
            let first = &read[0].rejection.as_ref().unwrap().text;
            assert_eq!(first.len() == text.len(), count < most, "{count}: {first:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        let text = "ä".repeat(2_000);
        let octets = encode(Message::Disconnect(Some(refused(&text))), Dialect::Dhcpd).unwrap();
        // 12 of header, 5 of reason, 4 before the text: 2027 are left, and a letter takes two.
        assert_eq!(octets.len(), 2_047);
        let read = Packet::parse(&octets).unwrap();
        let Message::Disconnect(Some(read)) = read.message else { panic!() };
        assert_eq!(read.text, "ä".repeat(1_013));
        let ack = ConnectAck { rejection: Some(refused(&text)), ..ConnectAck::default() };
        let octets = encode(Message::ConnectAck(Box::new(ack)), Dialect::Dhcpd).unwrap();
        assert_eq!(octets.len(), 2_047);
    }

    #[test]
    fn an_end_that_dhcpd_could_not_tell_from_never_is_never() {
        for end in [0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let update = Update { expires: Some(Stamp(end)), ..update() };
            let octets = encode(Message::BindingUpdate(vec![update]), Dialect::Dhcpd).unwrap();
            assert_eq!(octets[25..], [0, 13, 0, 4, 0x7f, 255, 255, 255]);
        }
    }
}
