//! Relay agent information, option 82 (RFC 3046): a list of sub-options.

use std::net::Ipv4Addr;

use super::WireError;

/// Numbers of sub-options (IANA, "DHCP Relay Agent Sub-Option Codes").
pub mod sub_option {
    /// Agent circuit ID (RFC 3046 §3.1).
    pub const CIRCUIT_ID: u8 = 1;
    /// Agent remote ID (RFC 3046 §3.2).
    pub const REMOTE_ID: u8 = 2;
    /// Link selection (RFC 3527).
    pub const LINK_SELECTION: u8 = 5;
    /// Subscriber-ID (RFC 3993).
    pub const SUBSCRIBER_ID: u8 = 6;
    /// Server identifier override (RFC 5107).
    pub const SERVER_ID_OVERRIDE: u8 = 11;
    /// DHCPv4 relay source port (RFC 8357 §5.1): reply to the port the request came from.
    pub const SOURCE_PORT: u8 = 19;
}

/// Option 82 laid over its data, every sub-option in bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RelayInformation<'a> {
    octets: &'a [u8],
}

impl<'a> RelayInformation<'a> {
    /// Checks the data of an option 82, its parts joined.
    ///
    /// # Errors
    /// `Truncated` if a sub-option ends past the option, `Loop` for an option 82 inside itself,
    /// `Length` for one that is an address (5, 11) with another length than four.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        let mut rest = octets;
        while let [code, after @ ..] = rest {
            let Some((len, after)) = after.split_first() else {
                return Err(WireError::Truncated { field: "sub-option", needed: 2, had: 1 });
            };
            let len = usize::from(*len);
            WireError::at_least("sub-option", len, after)?;
            match *code {
                super::option::code::RELAY_AGENT_INFORMATION => {
                    return Err(WireError::Loop { field: "relay agent information" });
                }
                sub_option::LINK_SELECTION if len != 4 => {
                    return Err(WireError::Length { field: "link selection", value: len });
                }
                sub_option::SERVER_ID_OVERRIDE if len != 4 => {
                    return Err(WireError::Length { field: "server ID override", value: len });
                }
                _ => rest = &after[len..],
            }
        }
        Ok(Self { octets })
    }

    /// Agent circuit ID: the port a client hangs on.
    #[must_use]
    pub fn circuit_id(&self) -> Option<&'a [u8]> {
        self.sub_option(sub_option::CIRCUIT_ID)
    }

    /// Agent remote ID: the modem or line at the far end of the circuit.
    #[must_use]
    pub fn remote_id(&self) -> Option<&'a [u8]> {
        self.sub_option(sub_option::REMOTE_ID)
    }

    /// An address in the subnet the client is on, where `giaddr` is not (RFC 3527).
    #[must_use]
    pub fn link_selection(&self) -> Option<Ipv4Addr> {
        self.address(sub_option::LINK_SELECTION)
    }

    /// The relay's address, to be told to the client as its server's (RFC 5107).
    #[must_use]
    pub fn server_id_override(&self) -> Option<Ipv4Addr> {
        self.address(sub_option::SERVER_ID_OVERRIDE)
    }

    /// Subscriber-ID (RFC 3993).
    #[must_use]
    pub fn subscriber_id(&self) -> Option<&'a [u8]> {
        self.sub_option(sub_option::SUBSCRIBER_ID)
    }

    /// Whether the relay wants its reply at the port it sent from (RFC 8357).
    #[must_use]
    pub fn has_source_port(&self) -> bool {
        self.sub_option(sub_option::SOURCE_PORT).is_some()
    }

    /// The first sub-option of this number.
    #[must_use]
    pub fn sub_option(&self, code: u8) -> Option<&'a [u8]> {
        self.iter().find_map(|(found, data)| (found == code).then_some(data))
    }

    /// Every sub-option, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            // `parse` has seen every length.
            let (code, after) = rest.split_first()?;
            let (len, after) = after.split_first()?;
            let (data, after) = after.split_at_checked((*len).into())?;
            rest = after;
            Some((*code, data))
        })
    }

    /// The option's data, to be echoed whole (RFC 3046 §2.2).
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.sub_option(code)?.try_into().ok()?;
        Some(Ipv4Addr::from_octets(octets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const OCTETS: [u8; 34] = [
        1, 4, b'p', b'/', b'1', b'7',
        2, 6, 2, 0, 0, 0, 0, 9,
        5, 4, 10, 0, 0, 0,
        6, 3, b'b', b'o', b'b',
        11, 4, 10, 0, 0, 1,
        19, 0,
        151,
    ];

    #[test]
    fn every_sub_option_is_found_and_an_unknown_one_is_listed() {
        let octets = [&OCTETS[..], &[0]].concat();
        let information = RelayInformation::parse(&octets).unwrap();
        assert_eq!(information.circuit_id(), Some(&b"p/17"[..]));
        assert_eq!(information.remote_id(), Some(&[2, 0, 0, 0, 0, 9][..]));
        assert_eq!(information.link_selection(), Some(Ipv4Addr::new(10, 0, 0, 0)));
        assert_eq!(information.subscriber_id(), Some(&b"bob"[..]));
        assert_eq!(information.server_id_override(), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert!(information.has_source_port());
        assert_eq!(information.iter().last(), Some((151, &[][..])));
        assert_eq!(information.iter().count(), 7);
    }

    #[test]
    fn a_sub_option_that_overruns_is_refused() {
        for end in 1..OCTETS.len() {
            let is_whole = [6, 14, 20, 25, 31, 33].contains(&end);
            assert_eq!(RelayInformation::parse(&OCTETS[..end]).is_ok(), is_whole, "{end} octets");
        }
    }

    #[test]
    fn option_82_inside_itself_is_refused() {
        let nested = [1, 1, b'a', 82, 3, 1, 1, b'a'];
        let refused = WireError::Loop { field: "relay agent information" };
        assert_eq!(RelayInformation::parse(&nested), Err(refused));
    }

    #[test]
    fn a_sub_option_that_is_an_address_has_four_octets() {
        for octets in [&[5, 3, 10, 0, 0][..], &[11, 5, 10, 0, 0, 1, 0]] {
            let refused = RelayInformation::parse(octets);
            assert!(matches!(refused, Err(WireError::Length { .. })), "{octets:?}");
        }
    }

    #[test]
    fn an_empty_option_has_nothing() {
        assert_eq!(
            RelayInformation::parse(&[]).map(|information| information.iter().count()),
            Ok(0)
        );
    }
}
