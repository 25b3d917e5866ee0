//! Identity associations, and the addresses and prefixes in them.
//!
//! ```text
//!  IA_NA 3, IA_PD 25: | IAID (4) | T1 (4) | T2 (4) | options ...
//!  IA Address 5:      | address (16) | preferred-lifetime (4) | valid-lifetime (4) | options ...
//!  IA Prefix 26:      | preferred-lifetime (4) | valid-lifetime (4) | prefix-length (1) | prefix (16) | options ...
//! ```

use std::fmt;
use std::marker::PhantomData;
use std::net::Ipv6Addr;

use super::options::each;
use super::{Options, PrefixExclude, Status};
use crate::wire::option::v6::code;
use crate::wire::{Ipv6Prefix, Seconds, WireError};

/// Which of its IAs of one kind a client means (RFC 8415 §12).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Iaid(pub u32);

impl fmt::Display for Iaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What an IA is for. IAIDs of one kind have nothing to do with those of another (RFC 8415 §12).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u16)]
pub enum IaKind {
    /// IA_NA: addresses (RFC 8415 §21.4).
    Addresses = code::IA_NA,
    /// IA_PD: delegated prefixes (RFC 8415 §21.21).
    Prefixes = code::IA_PD,
}

impl IaKind {
    /// The kind of IA that an option of this code is.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        [Self::Addresses, Self::Prefixes].into_iter().find(|kind| *kind as u16 == code)
    }
}

/// An IA laid over the data of its option, the addresses or prefixes in it sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ia<'a> {
    kind: IaKind,
    octets: &'a [u8],
}

impl<'a> Ia<'a> {
    /// Octets ahead of the options.
    pub const HEAD_LEN: usize = 12;

    /// Reads the data of an IA_NA or IA_PD option.
    ///
    /// # Errors
    /// `Truncated` for one that is cut short, as for an option in it; `Value` for a prefix of more
    /// than 128 bits.
    pub fn parse(kind: IaKind, octets: &'a [u8]) -> Result<Self, WireError> {
        Self::check(kind, octets)?;
        Ok(Self::sound(kind, octets))
    }

    /// Whether [`Self::parse`] would read them.
    pub(super) fn check(kind: IaKind, octets: &[u8]) -> Result<(), WireError> {
        WireError::at_least("IA", Self::HEAD_LEN, octets)?;
        let check = |code, data: &[u8]| match (code, kind) {
            (code::IA_ADDRESS, IaKind::Addresses) => IaAddress::check(data),
            (code::IA_PREFIX, IaKind::Prefixes) => IaPrefix::check(data),
            (code::STATUS_CODE, _) => Status::parse(data).map(|_| ()),
            _ => Ok(()),
        };
        Options::parse_each(&octets[Self::HEAD_LEN..], check).map(|_| ())
    }

    /// Octets that were checked before.
    pub(super) fn sound(kind: IaKind, octets: &'a [u8]) -> Self {
        Self { kind, octets }
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> IaKind {
        self.kind
    }

    /// IAID.
    #[must_use]
    pub fn iaid(&self) -> Iaid {
        Iaid(u32_at(self.octets, 0))
    }

    /// T1: when the client is to renew. What a client says here is ignored (RFC 8415 §21.4).
    #[must_use]
    pub fn t1(&self) -> Seconds {
        Seconds(u32_at(self.octets, 4))
    }

    /// T2: when the client is to rebind.
    #[must_use]
    pub fn t2(&self) -> Seconds {
        Seconds(u32_at(self.octets, 8))
    }

    /// The addresses of an IA_NA, in order; an IA_PD has none.
    pub fn addresses(&self) -> impl Iterator<Item = IaAddress<'a>> + use<'a> {
        self.leased(IaKind::Addresses, code::IA_ADDRESS)
    }

    /// The prefixes of an IA_PD, in order; an IA_NA has none.
    pub fn prefixes(&self) -> impl Iterator<Item = IaPrefix<'a>> + use<'a> {
        self.leased(IaKind::Prefixes, code::IA_PREFIX)
    }

    /// How it went with this IA.
    #[must_use]
    pub fn status(&self) -> Option<Status<'a>> {
        status(self.options())
    }

    /// All options in it.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        Options::sound(self.option_octets())
    }

    /// What an IA of this kind leases, which stands in it by this code.
    fn leased<H: Head>(
        &self,
        kind: IaKind,
        code: u16,
    ) -> impl Iterator<Item = Leased<'a, H>> + use<'a, H> {
        let octets = if self.kind == kind { self.option_octets() } else { &[] };
        // `check` has seen all of them.
        each(octets).filter(move |(found, _)| *found == code).map(|(_, data)| Leased::sound(data))
    }

    fn option_octets(&self) -> &'a [u8] {
        &self.octets[Self::HEAD_LEN..]
    }
}

/// What is at the head of an address's or a prefix's option, ahead of the options in it.
pub trait Head: Copy + Eq + fmt::Debug {
    /// Octets ahead of the options.
    const LEN: usize;
    /// Where preferred-lifetime stands; valid-lifetime follows it.
    const LIFETIMES_AT: usize;
    /// What it is called where there is too little of it.
    const NAME: &'static str;

    /// # Errors
    /// `Value` for what cannot stand there; `octets` are as many as there must be.
    fn check(octets: &[u8]) -> Result<(), WireError>;
}

/// Of an IA Address option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressHead {}

/// Of an IA Prefix option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrefixHead {}

impl Head for AddressHead {
    const LEN: usize = 24;
    const LIFETIMES_AT: usize = 16;
    const NAME: &'static str = "IA address";

    fn check(_octets: &[u8]) -> Result<(), WireError> {
        Ok(())
    }
}

impl Head for PrefixHead {
    const LEN: usize = 25;
    const LIFETIMES_AT: usize = 0;
    const NAME: &'static str = "IA prefix";

    fn check(octets: &[u8]) -> Result<(), WireError> {
        if octets[8] > Ipv6Prefix::MAX_LEN {
            return Err(WireError::Value { field: "prefix-length", value: octets[8].into() });
        }
        Ok(())
    }
}

/// What an IA leases, laid over the data of its option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Leased<'a, H> {
    octets: &'a [u8],
    head: PhantomData<H>,
}

/// An address laid over the data of its option.
pub type IaAddress<'a> = Leased<'a, AddressHead>;

/// A prefix laid over the data of its option.
pub type IaPrefix<'a> = Leased<'a, PrefixHead>;

impl<'a, H: Head> Leased<'a, H> {
    /// Octets ahead of the options.
    pub const HEAD_LEN: usize = H::LEN;

    /// Reads the data of the option.
    ///
    /// # Errors
    /// `Truncated` for one that is cut short, as for an option in it; `Value` for a prefix of more
    /// than 128 bits.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        Self::check(octets)?;
        Ok(Self::sound(octets))
    }

    /// Whether [`Self::parse`] would read them.
    fn check(octets: &[u8]) -> Result<(), WireError> {
        WireError::at_least(H::NAME, H::LEN, octets)?;
        H::check(octets)?;
        let check = |code, data: &[u8]| match code {
            code::STATUS_CODE => Status::parse(data).map(|_| ()),
            _ => Ok(()),
        };
        Options::parse_each(&octets[H::LEN..], check).map(|_| ())
    }

    /// Octets that were checked before.
    fn sound(octets: &'a [u8]) -> Self {
        Self { octets, head: PhantomData }
    }

    /// preferred-lifetime.
    #[must_use]
    pub fn preferred(&self) -> Seconds {
        Seconds(u32_at(self.octets, H::LIFETIMES_AT))
    }

    /// valid-lifetime.
    #[must_use]
    pub fn valid(&self) -> Seconds {
        Seconds(u32_at(self.octets, H::LIFETIMES_AT + 4))
    }

    /// How it went with this one.
    #[must_use]
    pub fn status(&self) -> Option<Status<'a>> {
        status(self.options())
    }

    /// All options in it.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        Options::sound(&self.octets[H::LEN..])
    }
}

impl IaAddress<'_> {
    /// The address.
    #[must_use]
    pub fn address(&self) -> Ipv6Addr {
        ipv6_at(self.octets, 0)
    }
}

impl IaPrefix<'_> {
    /// prefix-length and prefix, without the bits past its length; a client that asks for any prefix
    /// of one length says `::` (RFC 8415 §18.2.4).
    #[must_use]
    pub fn prefix(&self) -> Ipv6Prefix {
        // `parse` has seen the length.
        Ipv6Prefix::containing(ipv6_at(self.octets, 9), self.octets[8])
    }

    /// The part of it that is not the client's (RFC 6603); `None`, too, for one that is no part.
    #[must_use]
    pub fn exclude(&self) -> Option<Ipv6Prefix> {
        PrefixExclude::read(self.prefix(), self.options().get(code::PREFIX_EXCLUDE)?)
    }
}

fn status(options: Options<'_>) -> Option<Status<'_>> {
    Status::parse(options.get(code::STATUS_CODE)?).ok()
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

pub(super) fn ipv6_at(octets: &[u8], at: usize) -> Ipv6Addr {
    let mut address = [0; 16];
    address.copy_from_slice(&octets[at..at + 16]);
    Ipv6Addr::from_octets(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcpv6::StatusCode;

    /// The IA_NA of a binding update, without what failover adds, and with a status.
    #[rustfmt::skip]
    const IA_NA: [u8; 52] = [
        0, 0, 0, 1, 0, 0, 0x07, 0x08, 0, 0, 0x0b, 0x40,
        0, 5, 0, 24,
        0x20, 1, 0xd, 0xb8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0, 0x0e, 0x10, 0, 0, 0x1c, 0x20,
        0, 13, 0, 8, 0, 2, b'n', b'o', b'n', b'e', b' ', b'!',
    ];
    #[rustfmt::skip]
    const IA_PD: [u8; 47] = [
        0, 0, 0, 2, 0, 0, 0x07, 0x08, 0, 0, 0x0b, 0x40,
        0, 26, 0, 31,
        0, 0, 0x0e, 0x10, 0, 0, 0x1c, 0x20, 56,
        0x20, 1, 0xd, 0xb8, 0xff, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 67, 0, 2, 64, 7,
    ];

    #[test]
    fn an_ia_says_what_it_is_and_what_is_in_it() {
        let ia = Ia::parse(IaKind::Addresses, &IA_NA).unwrap();
        assert_eq!((ia.iaid(), ia.t1(), ia.t2()), (Iaid(1), Seconds(1_800), Seconds(2_880)));
        let addresses: Vec<_> = ia.addresses().collect();
        let [address] = addresses[..] else { panic!("{addresses:?}") };
        assert_eq!(address.address(), "2001:db8:1:1::1001".parse::<Ipv6Addr>().unwrap());
        assert_eq!((address.preferred(), address.valid()), (Seconds(3_600), Seconds(7_200)));
        assert_eq!((address.status(), ia.prefixes().count()), (None, 0));
        let status = Status { code: StatusCode::NO_ADDRS_AVAIL, text: b"none !" };
        assert_eq!(ia.status(), Some(status));
    }

    #[test]
    fn a_prefix_says_what_of_it_is_not_the_clients() {
        let ia = Ia::parse(IaKind::Prefixes, &IA_PD).unwrap();
        let prefixes: Vec<_> = ia.prefixes().collect();
        let [prefix] = prefixes[..] else { panic!("{prefixes:?}") };
        assert_eq!(prefix.prefix(), "2001:db8:ff00:100::/56".parse().unwrap());
        assert_eq!((prefix.preferred(), prefix.valid()), (Seconds(3_600), Seconds(7_200)));
        assert_eq!(prefix.exclude(), Some("2001:db8:ff00:107::/64".parse().unwrap()));
        assert_eq!((ia.addresses().count(), ia.status()), (0, None));
    }

    #[test]
    fn an_ia_cut_anywhere_is_refused() {
        for end in 0..IA_NA.len() {
            let is_whole = [12, 40].contains(&end);
            let cut = Ia::parse(IaKind::Addresses, &IA_NA[..end]);
            assert_eq!(cut.is_ok(), is_whole, "{end} octets");
        }
        for end in 0..IA_PD.len() {
            let cut = Ia::parse(IaKind::Prefixes, &IA_PD[..end]);
            assert_eq!(cut.is_ok(), end == 12, "{end} octets");
        }
    }

    #[test]
    fn lengths_that_lie_inside_of_it_are_refused() {
        // The address, one octet short; the prefix, of 129 bits; the status, without its code.
        let mut address = IA_NA;
        address[15] = 23;
        assert!(Ia::parse(IaKind::Addresses, &address).is_err());
        let mut prefix = IA_PD;
        prefix[24] = 129;
        let refused = WireError::Value { field: "prefix-length", value: 129 };
        assert_eq!(Ia::parse(IaKind::Prefixes, &prefix), Err(refused));
        let status = [&IA_NA[..12], &[0, 13, 0, 1, 0]].concat();
        assert!(Ia::parse(IaKind::Addresses, &status).is_err());
        // An address in an IA_PD is no address, whatever it is.
        let stray = [&IA_PD[..12], &[0, 5, 0, 1, 9]].concat();
        assert!(Ia::parse(IaKind::Prefixes, &stray).is_ok());
    }
}
