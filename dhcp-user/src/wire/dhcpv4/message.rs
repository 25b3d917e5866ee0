//! A DHCPv4 or BOOTP message, read where it lies.

use std::net::Ipv4Addr;
use std::slice;

use super::scratch::Found;
use super::{BROADCAST_FLAG, MessageType, Scratch, field};
use crate::wire::option::code;
use crate::wire::relay::RelayInformation;
use crate::wire::{HardwareAddress, WireError};

/// A message laid over the octets it arrived in, its options found and joined.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    octets: &'a [u8],
    scratch: &'a Scratch,
    hardware: HardwareAddress,
}

impl<'a> Message<'a> {
    /// Reads what a UDP datagram carries. A message without the magic cookie is BOOTP's and has no
    /// options (RFC 1497).
    ///
    /// An option that ends past its field is an error; a missing end option is not, as many clients
    /// leave it out.
    ///
    /// # Errors
    /// `Truncated` for a message shorter than BOOTP's fixed fields or an option cut short, `Length`
    /// for an `hlen` past `chaddr`, `Value` or `Length` for an option overload that names no field, `Loop`
    /// for a second one.
    pub fn parse(octets: &'a [u8], scratch: &'a mut Scratch) -> Result<Self, WireError> {
        WireError::at_least("message", field::FIXED_LEN, octets)?;
        if octets.len() > usize::from(u16::MAX) {
            return Err(WireError::Length { field: "message", value: octets.len() });
        }
        let hlen = usize::from(octets[field::HLEN]);
        let hardware = octets[field::CHADDR]
            .get(..hlen)
            .and_then(|address| HardwareAddress::new(octets[field::HTYPE], address))
            .ok_or(WireError::Length { field: "hlen", value: hlen })?;
        if has_cookie(octets) {
            scratch.index(octets)?;
        } else {
            scratch.clear();
        }
        Ok(Self { octets, scratch, hardware })
    }

    /// `op`: [`BOOT_REQUEST`](super::BOOT_REQUEST) or [`BOOT_REPLY`](super::BOOT_REPLY).
    #[must_use]
    pub fn op(&self) -> u8 {
        self.octets[field::OP]
    }

    /// `htype`: ARP hardware type.
    #[must_use]
    pub fn htype(&self) -> u8 {
        self.octets[field::HTYPE]
    }

    /// `hops`: relays passed.
    #[must_use]
    pub fn hops(&self) -> u8 {
        self.octets[field::HOPS]
    }

    /// `xid`: the client's number for this exchange.
    #[must_use]
    pub fn xid(&self) -> u32 {
        let mut xid = [0; 4];
        xid.copy_from_slice(&self.octets[field::XID]);
        u32::from_be_bytes(xid)
    }

    /// `secs`: how long the client has been trying, in seconds.
    #[must_use]
    pub fn secs(&self) -> u16 {
        let at = field::SECS.start;
        u16::from_be_bytes([self.octets[at], self.octets[at + 1]])
    }

    /// `flags`, of which only [`BROADCAST_FLAG`] has a meaning.
    #[must_use]
    pub fn flags(&self) -> u16 {
        let at = field::FLAGS.start;
        u16::from_be_bytes([self.octets[at], self.octets[at + 1]])
    }

    /// Whether the client cannot take a unicast reply before it has its address.
    #[must_use]
    pub fn is_broadcast(&self) -> bool {
        self.flags() & BROADCAST_FLAG != 0
    }

    /// `ciaddr`: the address the client has already.
    #[must_use]
    pub fn ciaddr(&self) -> Ipv4Addr {
        self.address_at(field::CIADDR.start)
    }

    /// `yiaddr`: the address it gets.
    #[must_use]
    pub fn yiaddr(&self) -> Ipv4Addr {
        self.address_at(field::YIADDR.start)
    }

    /// `siaddr`: the next server to boot from.
    #[must_use]
    pub fn siaddr(&self) -> Ipv4Addr {
        self.address_at(field::SIADDR.start)
    }

    /// `giaddr`: the relay that passed it on first.
    #[must_use]
    pub fn giaddr(&self) -> Ipv4Addr {
        self.address_at(field::GIADDR.start)
    }

    /// `htype` and the first `hlen` octets of `chaddr`.
    #[must_use]
    pub fn hardware(&self) -> HardwareAddress {
        self.hardware
    }

    /// `chaddr` with its padding.
    #[must_use]
    pub fn chaddr(&self) -> &'a [u8] {
        &self.octets[field::CHADDR]
    }

    /// `sname` up to its first zero; options, if it was overloaded.
    #[must_use]
    pub fn sname(&self) -> &'a [u8] {
        until_zero(&self.octets[field::SNAME])
    }

    /// `file` up to its first zero; options, if it was overloaded.
    #[must_use]
    pub fn file(&self) -> &'a [u8] {
        until_zero(&self.octets[field::FILE])
    }

    /// Whether it has the magic cookie, and so options. BOOTP clients may send it, too: what makes
    /// it DHCP's is option 53.
    #[must_use]
    pub fn is_dhcp(&self) -> bool {
        has_cookie(self.octets)
    }

    /// Option 53, if there is a sound one of a type that RFC 2131 knows.
    #[must_use]
    pub fn message_type(&self) -> Option<MessageType> {
        MessageType::from_number(self.option_u8(code::MESSAGE_TYPE)?)
    }

    /// The data of an option, its parts joined (RFC 3396).
    #[must_use]
    pub fn option(&self, code: u8) -> Option<&'a [u8]> {
        self.scratch.option(self.octets, code)
    }

    /// The data of an option that is one octet; `None` also for any other length.
    #[must_use]
    pub fn option_u8(&self, code: u8) -> Option<u8> {
        self.option(code)?.try_into().ok().map(u8::from_be_bytes)
    }

    /// The data of an option that is one 16-bit number; `None` also for any other length.
    #[must_use]
    pub fn option_u16(&self, code: u8) -> Option<u16> {
        self.option(code)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// The data of an option that is one 32-bit number; `None` also for any other length.
    #[must_use]
    pub fn option_u32(&self, code: u8) -> Option<u32> {
        self.option(code)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// The data of an option that is one address; `None` also for any other length.
    #[must_use]
    pub fn option_address(&self, code: u8) -> Option<Ipv4Addr> {
        self.option_u32(code).map(Ipv4Addr::from_bits)
    }

    /// Option 82, once its sub-options have been checked.
    ///
    /// # Errors
    /// As [`RelayInformation::parse`].
    pub fn relay_information(&self) -> Result<Option<RelayInformation<'a>>, WireError> {
        self.option(code::RELAY_AGENT_INFORMATION).map(RelayInformation::parse).transpose()
    }

    /// All options but pad and end, each once, in the order of their first parts.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        Options { octets: self.octets, scratch: self.scratch, found: self.scratch.found().iter() }
    }

    /// The whole message as it arrived.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    fn address_at(&self, at: usize) -> Ipv4Addr {
        let octets = self.octets;
        Ipv4Addr::new(octets[at], octets[at + 1], octets[at + 2], octets[at + 3])
    }
}

/// The options of a [`Message`]: codes and data.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    octets: &'a [u8],
    scratch: &'a Scratch,
    found: slice::Iter<'a, Found>,
}

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let found = *self.found.next()?;
        Some((found.code, self.scratch.data(self.octets, found)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.found.size_hint()
    }
}

impl ExactSizeIterator for Options<'_> {}

fn has_cookie(octets: &[u8]) -> bool {
    octets.get(field::COOKIE).is_some_and(|cookie| cookie == field::MAGIC_COOKIE)
}

fn until_zero(octets: &[u8]) -> &[u8] {
    octets.split(|octet| *octet == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of which every field is told from every other, with these options.
    fn message(options: &[u8]) -> Vec<u8> {
        let mut octets = vec![1, 6, 3, 4, 5, 6, 7, 8, 9, 10, 0x80, 12];
        octets.extend(13..=44);
        octets.extend(b"server".iter().chain(&[0; 58]));
        octets.extend(b"boot".iter().chain(&[0; 124]));
        octets.extend(field::MAGIC_COOKIE);
        octets.extend(options);
        octets
    }

    /// Overloaded fields hold these octets, and then zeros.
    fn overloaded(options: &[u8], file: &[u8], sname: &[u8]) -> Vec<u8> {
        let mut octets = message(options);
        octets[field::SNAME].fill(0);
        octets[field::FILE].fill(0);
        octets[field::SNAME][..sname.len()].copy_from_slice(sname);
        octets[field::FILE][..file.len()].copy_from_slice(file);
        octets
    }

    fn options_of(octets: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, WireError> {
        let mut scratch = Scratch::new();
        let message = Message::parse(octets, &mut scratch)?;
        let options: Vec<_> = message.options().map(|(code, data)| (code, data.to_vec())).collect();
        for (code, data) in &options {
            assert_eq!(message.option(*code), Some(data.as_slice()));
        }
        Ok(options)
    }

    #[test]
    fn every_field_is_read_from_its_octets() {
        let octets = message(&[53, 1, 3, 50, 4, 192, 0, 2, 9, 57, 2, 5, 220, 255]);
        let mut scratch = Scratch::new();
        let message = Message::parse(&octets, &mut scratch).unwrap();
        assert_eq!((message.op(), message.htype(), message.hops()), (1, 6, 4));
        assert_eq!(message.xid(), 0x0506_0708);
        assert_eq!((message.secs(), message.flags()), (0x090a, 0x800c));
        assert!(message.is_broadcast());
        assert_eq!(message.ciaddr(), Ipv4Addr::new(13, 14, 15, 16));
        assert_eq!(message.yiaddr(), Ipv4Addr::new(17, 18, 19, 20));
        assert_eq!(message.siaddr(), Ipv4Addr::new(21, 22, 23, 24));
        assert_eq!(message.giaddr(), Ipv4Addr::new(25, 26, 27, 28));
        assert_eq!(Some(message.hardware()), HardwareAddress::new(6, &[29, 30, 31]));
        assert_eq!(message.chaddr(), (29..=44).collect::<Vec<u8>>());
        assert_eq!((message.sname(), message.file()), (&b"server"[..], &b"boot"[..]));
        assert!(message.is_dhcp());
        assert_eq!(message.message_type(), Some(MessageType::Request));
        assert_eq!(message.option_address(50), Some(Ipv4Addr::new(192, 0, 2, 9)));
        assert_eq!(message.option_u16(57), Some(1500));
        assert_eq!(message.option_u32(57), None);
        assert_eq!(message.option(61), None);
    }

    #[test]
    fn a_message_without_a_cookie_has_no_options_not_even_the_last_ones() {
        let mut scratch = Scratch::new();
        let dhcp = message(&[53, 1, 1, 12, 1, b'a', 12, 1, b'b', 255]);
        assert!(Message::parse(&dhcp, &mut scratch).unwrap().message_type().is_some());
        let bootp = &dhcp[..field::FIXED_LEN];
        let message = Message::parse(bootp, &mut scratch).unwrap();
        assert!(!message.is_dhcp());
        assert_eq!((message.message_type(), message.options().len()), (None, 0));
    }

    /// RFC 3396 §5: options, then `file`, then `sname`.
    #[test]
    fn an_option_in_parts_is_joined_in_the_order_of_the_fields() {
        let octets = overloaded(
            &[12, 2, b'a', b'b', 52, 1, 3, 12, 1, b'c', 0, 60, 1, b'v', 255, 12, 1, b'x'],
            &[0, 0, 12, 1, b'd', 255],
            &[61, 1, 7, 12, 2, b'e', b'f', 61, 1, 8],
        );
        let options =
            vec![(12, b"abcdef".to_vec()), (52, vec![3]), (60, b"v".to_vec()), (61, vec![7, 8])];
        assert_eq!(options_of(&octets), Ok(options));
    }

    #[test]
    fn fields_that_are_not_overloaded_hold_no_options() {
        let file = overloaded(&[52, 1, 1], &[12, 1, b'f'], &[15, 1, b's']);
        assert_eq!(options_of(&file), Ok(vec![(52, vec![1]), (12, b"f".to_vec())]));
        let sname = overloaded(&[52, 1, 2], &[12, 1, b'f'], &[15, 1, b's']);
        assert_eq!(options_of(&sname), Ok(vec![(52, vec![2]), (15, b"s".to_vec())]));
        let neither = overloaded(&[], &[12, 1, b'f'], &[15, 1, b's']);
        assert_eq!(options_of(&neither), Ok(vec![]));
    }

    #[test]
    fn an_overload_that_names_no_field_is_refused() {
        let field = "option overload";
        for value in [0, 4, 255] {
            let refused = WireError::Value { field, value: value.into() };
            assert_eq!(options_of(&message(&[52, 1, value])), Err(refused));
        }
        let twice = options_of(&message(&[52, 1, 1, 52, 1, 2]));
        assert_eq!(twice, Err(WireError::Loop { field }));
        let empty = options_of(&message(&[52, 0]));
        assert_eq!(empty, Err(WireError::Length { field, value: 0 }));
    }

    #[test]
    fn an_overload_inside_an_overloaded_field_is_refused() {
        let octets = overloaded(&[52, 1, 1, 255], &[52, 1, 3, 255], &[12, 1, b'x']);
        let refused = WireError::Loop { field: "option overload" };
        assert_eq!(options_of(&octets), Err(refused));
    }

    #[test]
    fn an_option_cut_short_is_refused_and_a_missing_end_is_not() {
        let truncated = |needed, had| Err(WireError::Truncated { field: "option", needed, had });
        assert_eq!(options_of(&message(&[12, 2, b'a'])), truncated(2, 1));
        assert_eq!(options_of(&message(&[12])), truncated(2, 1));
        assert_eq!(options_of(&message(&[0, 12, 0])), Ok(vec![(12, vec![])]));
        let mut file = overloaded(&[52, 1, 1], &[], &[]);
        file[field::FILE.end - 2..field::FILE.end].copy_from_slice(&[12, 1]);
        assert_eq!(options_of(&file), truncated(1, 0));
    }

    #[test]
    fn fixed_fields_that_are_cut_or_overrun_are_refused() {
        let octets = message(&[]);
        assert!(matches!(options_of(&octets[..235]), Err(WireError::Truncated { .. })));
        let mut long_address = octets.clone();
        long_address[field::HLEN] = 17;
        let refused = WireError::Length { field: "hlen", value: 17 };
        assert_eq!(options_of(&long_address), Err(refused));
        let jumbo = message(&vec![0; 65_536]);
        assert!(matches!(options_of(&jumbo), Err(WireError::Length { field: "message", .. })));
    }

    #[test]
    fn a_flood_of_pads_is_no_option_and_a_flood_of_parts_is_one() {
        let longest = usize::from(u16::MAX) - field::OPTIONS;
        assert_eq!(options_of(&message(&vec![0; longest])), Ok(vec![]));
        let parts = [12, 1, b'x'].repeat(longest / 3);
        assert_eq!(options_of(&message(&parts)), Ok(vec![(12, vec![b'x'; longest / 3])]));
        let all: Vec<u8> =
            (1..=254).filter(|code| *code != 52).flat_map(|code| [code, 0]).collect();
        assert_eq!(options_of(&message(&all)).map(|options| options.len()), Ok(253));
    }
}
