//! The options (draft-12 §12) as octets: one table of what is known of them, a walk over those of a
//! message, and the writer of them.
//!
//! ```text
//! | code (2) | length of the data (2) | data ... |
//! ```

use super::Malformed;
use crate::wire::{Seconds, Stamp};

/// An option that the draft knows; the number is its code, and draft-12 §12.n defines code n.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum Code {
    AddressesTransferred = 1,
    AssignedIpAddress = 2,
    BindingStatus = 3,
    ClientIdentifier = 4,
    ClientHardwareAddress = 5,
    ClientLastTransactionTime = 6,
    ClientReplyOptions = 7,
    ClientRequestOptions = 8,
    Ddns = 9,
    DelayedServiceParameter = 10,
    HashBucketAssignment = 11,
    IpFlags = 12,
    LeaseExpirationTime = 13,
    MaxUnackedBndupd = 14,
    Mclt = 15,
    Message = 16,
    MessageDigest = 17,
    PotentialExpirationTime = 18,
    ReceiveTimer = 19,
    ProtocolVersion = 20,
    RejectReason = 21,
    RelationshipName = 22,
    ServerFlags = 23,
    ServerState = 24,
    StartTimeOfState = 25,
    TlsReply = 26,
    TlsRequest = 27,
    VendorClassIdentifier = 28,
    VendorSpecificOptions = 29,
}

/// How many octets of data an option has.
enum Size {
    Exactly(usize),
    AtLeast(usize),
}

/// Octets of code and length.
pub(super) const PREFIX_LEN: usize = 4;

/// "Never" on the wire, and everything later: ISC dhcpd's largest time, 2038-01-19 03:14:07 UTC.
const NEVER: u32 = 0x7fff_ffff;

/// Every code's name and length, by code less one.
#[rustfmt::skip]
const TABLE: [(Code, &str, Size); 29] = [
    (Code::AddressesTransferred, "addresses-transferred", Size::Exactly(4)),
    (Code::AssignedIpAddress, "assigned-IP-address", Size::Exactly(4)),
    (Code::BindingStatus, "binding-status", Size::Exactly(1)),
    (Code::ClientIdentifier, "client-identifier", Size::AtLeast(0)),
    (Code::ClientHardwareAddress, "client-hardware-address", Size::AtLeast(0)),
    (Code::ClientLastTransactionTime, "client-last-transaction-time", Size::Exactly(4)),
    (Code::ClientReplyOptions, "client-reply-options", Size::AtLeast(0)),
    (Code::ClientRequestOptions, "client-request-options", Size::AtLeast(0)),
    (Code::Ddns, "DDNS", Size::AtLeast(2)),
    (Code::DelayedServiceParameter, "delayed-service-parameter", Size::Exactly(1)),
    // 32, but the greeting refuses another length in words.
    (Code::HashBucketAssignment, "hash-bucket-assignment", Size::AtLeast(0)),
    (Code::IpFlags, "IP-flags", Size::Exactly(2)),
    (Code::LeaseExpirationTime, "lease-expiration-time", Size::Exactly(4)),
    (Code::MaxUnackedBndupd, "max-unacked-bndupd", Size::Exactly(4)),
    (Code::Mclt, "MCLT", Size::Exactly(4)),
    (Code::Message, "message", Size::AtLeast(0)),
    (Code::MessageDigest, "message-digest", Size::Exactly(17)),
    (Code::PotentialExpirationTime, "potential-expiration-time", Size::Exactly(4)),
    (Code::ReceiveTimer, "receive-timer", Size::Exactly(4)),
    (Code::ProtocolVersion, "protocol-version", Size::Exactly(1)),
    (Code::RejectReason, "reject-reason", Size::Exactly(1)),
    (Code::RelationshipName, "relationship-name", Size::AtLeast(0)),
    (Code::ServerFlags, "server-flags", Size::Exactly(1)),
    (Code::ServerState, "server-state", Size::Exactly(1)),
    (Code::StartTimeOfState, "start-time-of-state", Size::Exactly(4)),
    (Code::TlsReply, "TLS-reply", Size::Exactly(1)),
    (Code::TlsRequest, "TLS-request", Size::Exactly(1)),
    (Code::VendorClassIdentifier, "vendor-class-identifier", Size::AtLeast(0)),
    (Code::VendorSpecificOptions, "vendor-specific-options", Size::AtLeast(0)),
];

impl Code {
    /// The specification's name.
    pub(super) fn name(self) -> &'static str {
        let (_, name, _) = &TABLE[self as usize - 1];
        name
    }

    fn known(code: u16) -> Option<(Self, &'static Size)> {
        let (known, _, size) = TABLE.get(usize::from(code).checked_sub(1)?)?;
        Some((*known, size))
    }
}

/// The known options of a message, front to back; unknown ones are left out (draft-12 §6.2).
///
/// So is message-digest: it is about the octets and not of what they say.
#[derive(Clone, Debug)]
pub(super) struct Options<'a> {
    left: &'a [u8],
    has_digest: bool,
}

impl<'a> Options<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { left: payload, has_digest: false }
    }

    /// The next option of any code, or `None` at the end.
    fn step(&mut self) -> Result<Option<(u16, &'a [u8])>, Malformed> {
        let Some((prefix, rest)) = self.left.split_first_chunk::<PREFIX_LEN>() else {
            return match *self.left {
                [] => Ok(None),
                // Not even a whole prefix is there; of its code perhaps one octet.
                [high, ref low @ ..] => {
                    let low = low.first().copied().unwrap_or_default();
                    Err(Malformed::Overrun { code: u16::from_be_bytes([high, low]) })
                }
            };
        };
        let [a, b, c, d] = *prefix;
        let code = u16::from_be_bytes([a, b]);
        let len = usize::from(u16::from_be_bytes([c, d]));
        let (data, rest) = rest.split_at_checked(len).ok_or(Malformed::Overrun { code })?;
        self.left = rest;
        Ok(Some((code, data)))
    }

    fn step_known(&mut self) -> Result<Option<(Code, &'a [u8])>, Malformed> {
        while let Some((code, data)) = self.step()? {
            let Some((code, size)) = Code::known(code) else { continue };
            let fits = match *size {
                Size::Exactly(len) => data.len() == len,
                Size::AtLeast(len) => data.len() >= len,
            };
            if !fits {
                return Err(Malformed::OptionLength { option: code.name(), value: data.len() });
            }
            if code != Code::MessageDigest {
                return Ok(Some((code, data)));
            }
            if std::mem::replace(&mut self.has_digest, true) {
                return Err(Malformed::Duplicate { option: code.name() });
            }
        }
        Ok(None)
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(Code, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step_known().transpose();
        if let Some(Err(_)) = next {
            self.left = &[];
        }
        next
    }
}

/// The options of one message, or of one address in it: each once.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>([Option<&'a [u8]>; TABLE.len()]);

impl<'a> Fields<'a> {
    /// Adds one that comes for the first time.
    pub(super) fn add(&mut self, code: Code, data: &'a [u8]) -> Result<(), Malformed> {
        let field = &mut self.0[code as usize - 1];
        if field.replace(data).is_some() {
            return Err(Malformed::Duplicate { option: code.name() });
        }
        Ok(())
    }

    pub(super) fn octets(&self, code: Code) -> Option<&'a [u8]> {
        self.0[code as usize - 1]
    }

    pub(super) fn boxed(&self, code: Code) -> Option<Box<[u8]>> {
        self.octets(code).map(Box::from)
    }

    pub(super) fn octet(&self, code: Code) -> Option<u8> {
        self.octets(code)?.first().copied()
    }

    pub(super) fn array<const N: usize>(&self, code: Code) -> Option<[u8; N]> {
        self.octets(code)?.first_chunk().copied()
    }

    pub(super) fn number(&self, code: Code) -> Option<u32> {
        self.array(code).map(u32::from_be_bytes)
    }

    pub(super) fn seconds(&self, code: Code) -> Option<Seconds> {
        self.number(code).map(Seconds)
    }

    /// A time in the past: of any value.
    pub(super) fn stamp(&self, code: Code) -> Option<Stamp> {
        self.number(code).map(Stamp)
    }

    /// An end, which may be never.
    pub(super) fn end(&self, code: Code) -> Option<Stamp> {
        let end = self.stamp(code)?;
        Some(if end.0 >= NEVER { Stamp::NEVER } else { end })
    }

    /// Text for people; empty if there is none.
    pub(super) fn text(&self, code: Code) -> String {
        readable(self.octets(code).unwrap_or_default())
    }
}

/// Text of a partner's as a log can have it.
pub(in crate::wire) fn readable(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => printable(text),
        Err(_) => octets
            .iter()
            .map(|octet| if octet.is_ascii() { char::from(*octet) } else { '?' })
            .map(|letter| if letter.is_control() { '?' } else { letter })
            .collect(),
    }
}

/// Text without what would end a line of a log or a string of a partner's; no longer than `text`.
pub(in crate::wire) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Appends options to a message.
#[derive(Debug)]
pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    /// One option, its data in parts. One that is longer than an option can be makes the message too
    /// long as well, which its encoder finds out.
    pub(super) fn parts(&mut self, code: Code, parts: &[&[u8]]) {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        self.0.extend_from_slice(&[0, code as u8]);
        self.0.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }

    pub(super) fn octets(&mut self, code: Code, octets: &[u8]) {
        self.parts(code, &[octets]);
    }

    pub(super) fn octet(&mut self, code: Code, octet: u8) {
        self.octets(code, &[octet]);
    }

    pub(super) fn number(&mut self, code: Code, number: u32) {
        self.octets(code, &number.to_be_bytes());
    }

    /// A time in the past.
    pub(super) fn stamp(&mut self, code: Code, stamp: Stamp) {
        self.number(code, stamp.0);
    }

    /// An end, which may be never; one that dhcpd could not tell from never is written as that.
    pub(super) fn end(&mut self, code: Code, end: Stamp) {
        self.number(code, end.0.min(NEVER));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_option_at_the_place_of_its_code() {
        for (place, (code, name, _)) in TABLE.iter().enumerate() {
            assert_eq!(*code as usize, place + 1, "{name}");
        }
    }

    #[test]
    fn unknown_codes_are_left_out() {
        let octets = [0, 0, 0, 1, 9, 0, 30, 0, 0, 1, 24, 0, 1, 7, 0, 24, 0, 1, 2];
        let known: Result<Vec<_>, _> = Options::new(&octets).collect();
        assert_eq!(known, Ok(vec![(Code::ServerState, &[2_u8][..])]));
    }

    #[test]
    fn text_cannot_end_a_line_and_does_not_grow() {
        let read = |data: &[u8]| {
            let mut fields = Fields::default();
            fields.add(Code::Message, data).unwrap();
            fields.text(Code::Message)
        };
        assert_eq!(read("schön".as_bytes()), "schön");
        assert_eq!(read(b"one\ntwo\0"), "one?two?");
        assert_eq!(read(b"\xff\x1b[0m\xe4"), "??[0m?");
    }
}
