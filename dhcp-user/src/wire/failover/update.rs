//! One update as octets, both ways.

use std::net::Ipv4Addr;

use super::option::{Code, Fields, PREFIX_LEN, Writer};
use super::parse::{address, missing};
use super::{BindingStatus, Ddns, Dialect, IpFlags, Malformed, Packet, Update, digest};

/// What stands before DHCP options in client-request-options and client-reply-options: the magic
/// cookie (RFC 2131 §3).
const MAGIC: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

impl Update {
    /// Octets of updates that fit in one message, with room for a message-digest beside them.
    pub const BATCH_LEN: usize = Packet::MAX_LEN - Packet::HEADER_LEN - digest::OPTION_LEN;

    /// An update that says nothing but what the address is.
    #[must_use]
    pub fn new(address: Ipv4Addr, status: BindingStatus) -> Self {
        Self {
            address,
            status,
            identifier: None,
            hardware: None,
            expires: None,
            potential: None,
            starts: None,
            cltt: None,
            flags: IpFlags::default(),
            request_options: None,
            reply_options: None,
            ddns: None,
        }
    }

    /// Octets that it takes in a message to a partner that reads everything; to dhcpd it takes no
    /// more. A message has room for [`BATCH_LEN`](Self::BATCH_LEN) of them.
    ///
    /// Where one update alone would take more, client-reply-options are left out, or where that is not
    /// enough client-request-options: the client can be served without either. One that is still
    /// longer cannot be sent at all; only an identifier or a DDNS name of more than about 1,900
    /// octets does that.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let (reply, request) = self.said();
        self.bare_len() + said_len(reply) + said_len(request)
    }

    /// Reads what a message says about one address.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, Malformed> {
        let status =
            fields.octet(Code::BindingStatus).ok_or_else(|| missing(Code::BindingStatus))?;
        Ok(Self {
            address: address(fields)?,
            status: BindingStatus::from_octet(status)
                .ok_or(Malformed::Value { option: Code::BindingStatus.name(), value: status })?,
            identifier: unless_empty(fields.boxed(Code::ClientIdentifier)),
            hardware: unless_empty(fields.boxed(Code::ClientHardwareAddress)),
            expires: fields.end(Code::LeaseExpirationTime),
            potential: fields.end(Code::PotentialExpirationTime),
            starts: fields.stamp(Code::StartTimeOfState),
            cltt: fields.stamp(Code::ClientLastTransactionTime),
            flags: fields.array(Code::IpFlags).map(IpFlags::from_octets).unwrap_or_default(),
            request_options: behind_magic(fields.octets(Code::ClientRequestOptions)),
            reply_options: behind_magic(fields.octets(Code::ClientReplyOptions)),
            ddns: fields.octets(Code::Ddns).and_then(ddns),
        })
    }

    /// Appends it in dhcpd's order.
    pub(super) fn write(&self, dialect: Dialect, writer: &mut Writer<'_>) {
        writer.octets(Code::AssignedIpAddress, &self.address.octets());
        writer.octet(Code::BindingStatus, self.status as u8);
        if let Some(identifier) = kept(self.identifier.as_deref()) {
            writer.octets(Code::ClientIdentifier, identifier);
        }
        if let Some(hardware) = kept(self.hardware.as_deref()) {
            writer.octets(Code::ClientHardwareAddress, hardware);
        }
        if let Some(expires) = self.expires {
            writer.end(Code::LeaseExpirationTime, expires);
        }
        if let Some(potential) = self.potential {
            writer.end(Code::PotentialExpirationTime, potential);
        }
        if let Some(starts) = self.starts {
            writer.stamp(Code::StartTimeOfState, starts);
        }
        if let Some(cltt) = self.cltt {
            writer.stamp(Code::ClientLastTransactionTime, cltt);
        }
        if self.flags != IpFlags::default() {
            writer.octets(Code::IpFlags, &self.flags.bits().to_be_bytes());
        }
        if dialect == Dialect::Dhcpd {
            // It does not read the rest, and closes the link over DDNS.
            return;
        }
        if let Some(ddns) = &self.ddns {
            writer.parts(Code::Ddns, &[&ddns.flags.to_be_bytes(), &ddns.name]);
        }
        let (reply, request) = self.said();
        if let Some(request) = request {
            writer.parts(Code::ClientRequestOptions, &[&MAGIC, request]);
        }
        if let Some(reply) = reply {
            writer.parts(Code::ClientReplyOptions, &[&MAGIC, reply]);
        }
    }

    /// Reply and request options as far as there is room for them.
    fn said(&self) -> (Option<&[u8]>, Option<&[u8]>) {
        let room = Self::BATCH_LEN.saturating_sub(self.bare_len());
        let request = self.request_options.as_deref().filter(|all| said_len(Some(all)) <= room);
        let room = room - said_len(request);
        let reply = self.reply_options.as_deref().filter(|all| said_len(Some(all)) <= room);
        (reply, request)
    }

    /// Octets without reply and request options.
    fn bare_len(&self) -> usize {
        let times = [self.expires, self.potential, self.starts, self.cltt];
        let times = times.into_iter().flatten().count();
        let client = [kept(self.identifier.as_deref()), kept(self.hardware.as_deref())];
        let client = client.into_iter().flatten().map(|octets| PREFIX_LEN + octets.len());
        let flags = if self.flags == IpFlags::default() { 0 } else { PREFIX_LEN + 2 };
        let ddns = self.ddns.as_ref().map_or(0, |ddns| PREFIX_LEN + 2 + ddns.name.len());
        let fixed = 2 * PREFIX_LEN + 4 + 1;
        fixed + client.sum::<usize>() + times * (PREFIX_LEN + 4) + flags + ddns
    }
}

impl IpFlags {
    /// R (draft-12 §12.12).
    const RESERVED_BIT: u16 = 0x0001;
    /// B.
    const BOOTP_BIT: u16 = 0x0002;

    fn from_octets(octets: [u8; 2]) -> Self {
        let bits = u16::from_be_bytes(octets);
        Self { reserved: bits & Self::RESERVED_BIT != 0, bootp: bits & Self::BOOTP_BIT != 0 }
    }

    fn bits(self) -> u16 {
        let reserved = if self.reserved { Self::RESERVED_BIT } else { 0 };
        let bootp = if self.bootp { Self::BOOTP_BIT } else { 0 };
        reserved | bootp
    }
}

fn said_len(options: Option<&[u8]>) -> usize {
    options.map_or(0, |options| PREFIX_LEN + MAGIC.len() + options.len())
}

/// An option that dhcpd cannot take empty.
fn kept(octets: Option<&[u8]>) -> Option<&[u8]> {
    octets.filter(|octets| !octets.is_empty())
}

fn ddns(data: &[u8]) -> Option<Ddns> {
    let (flags, name) = data.split_first_chunk()?;
    Some(Ddns { flags: u16::from_be_bytes(*flags), name: name.into() })
}

/// DHCP options; those of another protocol have another magic and mean nothing to us.
fn behind_magic(data: Option<&[u8]>) -> Option<Box<[u8]>> {
    data?.strip_prefix(&MAGIC).map(Box::from)
}

fn unless_empty(octets: Option<Box<[u8]>>) -> Option<Box<[u8]>> {
    octets.filter(|octets| !octets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Stamp;
    use crate::wire::failover::Message;

    /// The update that a message has with these options beside an address.
    fn read(options: &[u8]) -> Update {
        let mut octets = vec![0, 25 + options.len() as u8, 3, 12, 0, 0, 0, 9, 0, 0, 0, 7];
        octets.extend_from_slice(&[0, 2, 0, 4, 10, 0, 0, 1, 0, 3, 0, 1, 1]);
        octets.extend_from_slice(options);
        let packet = Packet::parse(&octets).unwrap();
        let Message::BindingUpdate(mut updates) = packet.message else { panic!() };
        updates.remove(0)
    }

    fn written(update: &Update, dialect: Dialect) -> Vec<u8> {
        let mut octets = Vec::new();
        update.write(dialect, &mut Writer(&mut octets));
        octets
    }

    #[test]
    fn an_end_too_late_for_the_format_is_never_and_other_times_are_what_they_are() {
        let times = |octets: [u8; 4]| {
            let codes = [13, 18, 25, 6];
            let options: Vec<_> = codes
                .into_iter()
                .flat_map(|code| [&[0, code, 0, 4][..], &octets].concat())
                .collect();
            let update = read(&options);
            [update.expires, update.potential, update.starts, update.cltt].map(Option::unwrap)
        };
        let late = Stamp(0x7fff_ffff);
        assert_eq!(times([0x7f, 255, 255, 255]), [Stamp::NEVER, Stamp::NEVER, late, late]);
        let late = Stamp(0x8000_0000);
        assert_eq!(times([0x80, 0, 0, 0]), [Stamp::NEVER, Stamp::NEVER, late, late]);
        assert_eq!(times([0x7f, 255, 255, 254]), [Stamp(0x7fff_fffe); 4]);
    }

    #[test]
    fn what_a_client_said_is_kept_without_its_magic_and_left_out_under_another() {
        let said = |magic: [u8; 4]| {
            let option = [&[0, 8, 0, 7][..], &magic, &[12, 1, b'a']].concat();
            read(&option).request_options
        };
        assert_eq!(said(MAGIC).as_deref(), Some(&[12, 1, b'a'][..]));
        assert_eq!(said([1, 2, 3, 4]), None);
    }

    fn full() -> Update {
        let mut update = Update::new(Ipv4Addr::new(10, 0, 0, 1), BindingStatus::Active);
        update.identifier = Some([7; 9].into());
        update.hardware = Some([1, 2, 0, 0, 0, 0, 1].into());
        update.expires = Some(Stamp::NEVER);
        update.potential = Some(Stamp(70));
        update.starts = Some(Stamp(5));
        update.cltt = Some(Stamp(6));
        update.flags = IpFlags { reserved: true, bootp: true };
        update.request_options = Some([12, 1, b'a'].into());
        update.reply_options = Some([58, 4, 0, 0, 0, 9].into());
        update.ddns = Some(Ddns { flags: 0x8001, name: [1, b'a', 0].into() });
        update
    }

    #[test]
    fn an_update_takes_the_octets_that_it_says() {
        let full = full();
        let octets = written(&full, Dialect::Tandem);
        assert_eq!(octets.len(), full.encoded_len());
        assert_eq!(read(&octets[13..]), Update { status: BindingStatus::Free, ..full });
    }

    /// Each option that dhcpd 4.4.3 reads, in its order; DDNS makes it close the link.
    #[test]
    fn a_dhcpd_gets_nothing_but_what_it_reads() {
        let octets = written(&full(), Dialect::Dhcpd);
        let mut codes = Vec::new();
        let mut left = &octets[..];
        while let [_, code, _, len, rest @ ..] = left {
            codes.push(*code);
            left = &rest[usize::from(*len)..];
        }
        assert_eq!(codes, [2, 3, 4, 5, 13, 18, 25, 6, 12]);
    }

    #[test]
    fn what_the_client_can_do_without_gives_way_to_a_long_identifier() {
        let mut update = full();
        update.identifier = Some(vec![7; 1_800].into());
        update.request_options = Some(vec![0; 60].into());
        update.reply_options = Some(vec![0; 60].into());
        update.ddns = None;
        let kept = |update: &Update| {
            let octets = written(update, Dialect::Tandem);
            assert_eq!(octets.len(), update.encoded_len());
            let said = update.said();
            (said.1.is_some(), said.0.is_some())
        };
        assert_eq!(kept(&update), (true, true));
        assert!(update.encoded_len() <= Update::BATCH_LEN);
        update.reply_options = Some(vec![0; 100].into());
        assert_eq!(kept(&update), (true, false));
        update.request_options = Some(vec![0; 200].into());
        assert_eq!(kept(&update), (false, true));
        update.identifier = Some(vec![7; 2_000].into());
        assert_eq!(kept(&update), (false, false));
        assert!(update.encoded_len() > Update::BATCH_LEN);
    }

    #[test]
    fn an_empty_client_is_none() {
        let update = read(&[0, 4, 0, 0, 0, 5, 0, 0]);
        assert_eq!((&update.identifier, &update.hardware), (&None, &None));
        let empty = Update { identifier: Some([].into()), hardware: Some([].into()), ..update };
        assert_eq!(written(&empty, Dialect::Dhcpd).len(), 13);
        assert_eq!(empty.encoded_len(), 13);
    }
}
