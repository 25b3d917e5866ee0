//! Client FQDN, option 81 of DHCPv4 (RFC 4702) and 39 of DHCPv6 (RFC 4704): the name a client wants,
//! and who is to tell the DNS.
//!
//! ```text
//!  0                     1        2        3
//!  | MBZ (4) | N E O S   | RCODE1 | RCODE2 | domain name ...       DHCPv4
//!
//!  0                     1
//!  | MBZ (5) | N O S     | domain name ...                         DHCPv6
//! ```

use super::WireError;
use super::dns::Name;

/// S: the server is to update the A record (RFC 4702 §2.1).
const S: u8 = 0b0001;
/// O: the server has overridden S.
const O: u8 = 0b0010;
/// E: the name is in DNS encoding, not in ASCII.
const E: u8 = 0b0100;
/// N: the server is to do no update at all.
const N: u8 = 0b1000;

/// N of DHCPv6, where a name is always in DNS encoding and needs no E (RFC 4704 §4.1).
const N_OF_V6: u8 = 0b0100;

/// What a server that has done no update says in RCODE1 and RCODE2 (RFC 4702 §2.2).
const RCODE: u8 = 255;
const HEADER_LEN: usize = 3;

/// What a client says in its FQDN option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fqdn {
    /// As DHCPv4 has them.
    flags: u8,
    /// Whether it is DHCPv6's, and so is the answer.
    is_v6: bool,
    /// Its name; the root if it leaves that to the server.
    pub name: Name,
    /// Whether the name is whole; a partial one lacks its domain (RFC 4702 §2.3).
    pub is_complete: bool,
}

impl Fqdn {
    /// Reads the data of an option 81 in either encoding.
    ///
    /// # Errors
    /// `Truncated` for one without its flags, or a label cut short; `Length` for a label or name
    /// that is too long or empty; `Value` for octets that are neither labels nor ASCII.
    pub fn parse(data: &[u8]) -> Result<Self, WireError> {
        WireError::at_least("client FQDN", HEADER_LEN, data)?;
        let (header, name) = data.split_at(HEADER_LEN);
        let flags = header[0] & (S | O | E | N);
        let (name, is_complete) =
            if flags & E != 0 { parse_encoded(name)? } else { parse_ascii(name)? };
        Ok(Self { flags, is_v6: false, name, is_complete })
    }

    /// Reads the data of an option 39 of DHCPv6.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_v6(data: &[u8]) -> Result<Self, WireError> {
        let (flags, name) = data.split_first().ok_or(WireError::Truncated {
            field: "client FQDN",
            needed: 1,
            had: 0,
        })?;
        let no_update = if flags & N_OF_V6 != 0 { N } else { 0 };
        let (name, is_complete) = parse_encoded(name)?;
        Ok(Self { flags: flags & (S | O) | no_update | E, is_v6: true, name, is_complete })
    }

    /// Whether the client asks the server to update its A record.
    #[must_use]
    pub fn wants_server_update(&self) -> bool {
        self.flags & S != 0
    }

    /// Whether the client asks for no update by the server at all.
    #[must_use]
    pub fn wants_no_update(&self) -> bool {
        self.flags & N != 0
    }

    /// What a server that updates no DNS answers: N set, S clear, O where that is not what the
    /// client asked for, and the name in the encoding it came in (RFC 4702 §4, RFC 4704 §6). A
    /// partial name is completed with `domain`, unless that makes it too long.
    #[must_use]
    pub fn answer(&self, domain: Option<&Name>) -> Answer {
        let (name, is_complete) = match domain.and_then(|domain| self.name.within(domain)) {
            // The domain alone is no name for a client that gave none.
            Some(name) if !self.is_complete && !self.name.is_root() => (name, true),
            _ => (self.name, self.is_complete),
        };
        let overridden = if self.wants_server_update() { O } else { 0 };
        let mut answer = Answer { len: 0, octets: [0; Answer::MAX_LEN] };
        if self.is_v6 {
            answer.push(&[N_OF_V6 | overridden]);
        } else {
            answer.push(&[N | overridden | self.flags & E, RCODE, RCODE]);
        }
        if self.flags & E != 0 {
            let len = name.octets().len() - usize::from(!is_complete);
            answer.push(&name.octets()[..len]);
        } else {
            for (index, label) in name.labels().enumerate() {
                answer.push(if index == 0 { b"" } else { b"." });
                answer.push(label);
            }
        }
        answer
    }
}

/// The data of the option to send.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    len: usize,
    octets: [u8; Self::MAX_LEN],
}

impl Answer {
    /// Flags, codes and the longest name.
    pub const MAX_LEN: usize = HEADER_LEN + Name::MAX_LEN;

    /// The data.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// A name takes no more octets in ASCII than in DNS encoding, so there is always room.
    fn push(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        self.octets[self.len..end].copy_from_slice(octets);
        self.len = end;
    }
}

/// Labels without compression; a partial name has no root at its end (RFC 4702 §2.3.1).
fn parse_encoded(mut octets: &[u8]) -> Result<(Name, bool), WireError> {
    let mut name = Name::ROOT;
    while let Some((len, after)) = octets.split_first() {
        let len = usize::from(*len);
        if len == 0 {
            // Whatever is behind the root is padding of clients that count wrong.
            return Ok((name, !name.is_root()));
        }
        if len > Name::MAX_LABEL_LEN {
            return Err(WireError::Value { field: "label type", value: len as u32 >> 6 });
        }
        WireError::at_least("domain name", len, after)?;
        let (label, after) = after.split_at(len);
        push(&mut name, label)?;
        octets = after;
    }
    Ok((name, false))
}

/// Text; one with a dot is whole (RFC 4702 §2.3.2).
fn parse_ascii(octets: &[u8]) -> Result<(Name, bool), WireError> {
    // Some clients terminate it.
    let text = octets.split(|octet| *octet == 0).next().unwrap_or_default();
    if let Some(octet) = text.iter().find(|octet| !octet.is_ascii_graphic()) {
        return Err(WireError::Value { field: "domain name", value: (*octet).into() });
    }
    let mut name = Name::ROOT;
    let labels = text.strip_suffix(b".").unwrap_or(text);
    if !labels.is_empty() {
        labels.split(|octet| *octet == b'.').try_for_each(|label| push(&mut name, label))?;
    }
    Ok((name, text.contains(&b'.') && !name.is_root()))
}

fn push(name: &mut Name, label: &[u8]) -> Result<(), WireError> {
    let value = name.octets().len() + 1 + label.len();
    name.push(label).ok_or(WireError::Length { field: "domain name", value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain() -> Name {
        "example.net".parse().unwrap()
    }

    #[test]
    fn a_partial_name_in_dns_encoding_is_completed_with_the_domain() {
        let fqdn = Fqdn::parse(b"\x05\0\0\x05alice").unwrap();
        assert!(fqdn.wants_server_update());
        assert_eq!((fqdn.name.to_string().as_str(), fqdn.is_complete), ("alice", false));
        assert_eq!(
            fqdn.answer(Some(&domain())).octets(),
            b"\x0e\xff\xff\x05alice\x07example\x03net\0"
        );
        assert_eq!(fqdn.answer(None).octets(), b"\x0e\xff\xff\x05alice");
    }

    #[test]
    fn a_whole_name_is_echoed_in_the_encoding_it_came_in() {
        let encoded = Fqdn::parse(b"\x04\0\0\x05alice\x03lab\0").unwrap();
        assert!(encoded.is_complete);
        assert_eq!(encoded.answer(Some(&domain())).octets(), b"\x0c\xff\xff\x05alice\x03lab\0");
        let ascii = Fqdn::parse(b"\x00\0\0alice.lab").unwrap();
        assert!(ascii.is_complete);
        assert_eq!(ascii.answer(Some(&domain())).octets(), b"\x08\xff\xffalice.lab");
    }

    /// RFC 4702 §4: O says that the reply's S is not the client's.
    #[test]
    fn a_client_that_asked_for_no_update_is_not_told_that_it_was_overridden() {
        let fqdn = Fqdn::parse(b"\x0c\0\0").unwrap();
        assert!(fqdn.wants_no_update());
        assert_eq!(fqdn.answer(Some(&domain())).octets(), b"\x0c\xff\xff");
        assert_eq!(Fqdn::parse(b"\x08\0\0").unwrap().answer(None).octets(), b"\x08\xff\xff");
    }

    #[test]
    fn reserved_flags_of_the_client_are_not_echoed() {
        assert_eq!(Fqdn::parse(b"\xf0\0\0a").unwrap().answer(None).octets()[0], N);
    }

    #[test]
    fn a_name_as_long_as_names_get_is_answered_and_not_completed() {
        let label = [b'a'; 63];
        let mut data = b"\x04\0\0".to_vec();
        for len in [63, 63, 63, 61] {
            data.push(len as u8);
            data.extend_from_slice(&label[..len]);
        }
        let fqdn = Fqdn::parse(&data).unwrap();
        assert_eq!(fqdn.answer(Some(&domain())).octets()[3..], data[3..]);
        data.push(1);
        data.push(b'a');
        assert!(matches!(Fqdn::parse(&data), Err(WireError::Length { .. })));
    }

    /// RFC 4704 §4.1: the flags are others, and there are no codes.
    #[test]
    fn a_name_of_dhcpv6_is_answered_as_dhcpv6_has_it() {
        let partial = Fqdn::parse_v6(b"\xf9\x05alice").unwrap();
        assert!(partial.wants_server_update() && !partial.wants_no_update());
        assert_eq!(partial.answer(Some(&domain())).octets(), b"\x06\x05alice\x07example\x03net\0");
        assert_eq!(partial.answer(None).octets(), b"\x06\x05alice");
        let whole = Fqdn::parse_v6(b"\x04\x05alice\x03lab\0").unwrap();
        assert!(whole.is_complete && whole.wants_no_update());
        assert_eq!(whole.answer(Some(&domain())).octets(), b"\x04\x05alice\x03lab\0");
        let none = Fqdn::parse_v6(&[0]).unwrap();
        assert_eq!(none.answer(Some(&domain())).octets(), [4]);
        assert!(matches!(Fqdn::parse_v6(&[]), Err(WireError::Truncated { .. })));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert!(matches!(Fqdn::parse(b"\x00\0"), Err(WireError::Truncated { .. })));
        assert!(matches!(Fqdn::parse(b"\x04\0\0\x05ali"), Err(WireError::Truncated { .. })));
        assert!(matches!(Fqdn::parse(b"\x04\0\0\xc0\x03"), Err(WireError::Value { .. })));
        assert!(matches!(Fqdn::parse(b"\x00\0\0a..b"), Err(WireError::Length { .. })));
        assert!(matches!(Fqdn::parse(b"\x00\0\0a b"), Err(WireError::Value { .. })));
    }
}
