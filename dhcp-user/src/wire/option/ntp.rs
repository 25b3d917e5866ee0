//! NTP servers, option 56 of DHCPv6 (RFC 5908 §4): each in a sub-option that says what it is.
//!
//! ```text
//! | sub-option (2) | length (2) | address (16) or domain name ... |
//! ```

use std::net::Ipv6Addr;

use super::decode::join;
use crate::wire::dhcpv6::Options;
use crate::wire::dns::Name;

/// A server's address (RFC 5908 §4.1).
const SERVER_ADDRESS: u16 = 1;
/// A multicast address that servers send to (RFC 5908 §4.2).
const MULTICAST_ADDRESS: u16 = 2;
/// A server's name (RFC 5908 §4.3).
const SERVER_FQDN: u16 = 3;

/// The sub-option of one address, by what kind of address it is.
pub(super) fn address(address: Ipv6Addr) -> Vec<u8> {
    let code = if address.is_multicast() { MULTICAST_ADDRESS } else { SERVER_ADDRESS };
    sub_option(code, &address.octets())
}

/// The sub-option of one name.
pub(super) fn name(name: &Name) -> Vec<u8> {
    sub_option(SERVER_FQDN, name.octets())
}

/// The servers as an operator writes them; `None` if one is neither address nor name.
pub(super) fn describe(data: &[u8]) -> Option<String> {
    let servers = Options::parse(data).ok()?.iter().map(|(code, data)| match code {
        SERVER_ADDRESS | MULTICAST_ADDRESS => {
            Some(Ipv6Addr::from_octets(data.try_into().ok()?).to_string())
        }
        SERVER_FQDN => {
            let (name, end) = Name::read(data, 0).ok()?;
            (end == data.len()).then(|| name.to_string())
        }
        _ => None,
    });
    Some(join(servers.collect::<Option<Vec<_>>>()?.iter()))
}

fn sub_option(code: u16, data: &[u8]) -> Vec<u8> {
    // An address or a name is never longer than 255 octets.
    [&code.to_be_bytes(), &(data.len() as u16).to_be_bytes(), data].concat()
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Value};

    #[test]
    fn each_server_stands_in_the_sub_option_of_its_kind() {
        let servers = ["2001:db8::1", "ff05::101", "ntp.example.net"];
        let data = Kind::NtpServers.encode(&Value::List(servers.map(Value::Text).into())).unwrap();
        let mut expected =
            vec![0, 1, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        expected.extend([0, 2, 0, 16, 0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        expected.extend(b"\0\x03\0\x11\x03ntp\x07example\x03net\0");
        assert_eq!(data, expected);
        assert_eq!(Kind::NtpServers.decode(&data), servers.join(", "));
        assert_eq!(Kind::NtpServers.decode(&[0, 9, 0, 0]), "0x00090000");
        assert_eq!(Kind::NtpServers.decode(&[0, 1, 0, 1, 9]), "0x0001000109");
    }
}
