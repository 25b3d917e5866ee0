//! What of a DHCPv4 option's data says more than its type tells.

use super::decode::{hex, join};
use super::definition::{Code, names};
use super::{Definition, Kind, code, table};
use crate::wire::dhcpv4::MessageType;
use crate::wire::relay::{RelayInformation, sub_option};

impl Code for u8 {
    const DEFINITIONS: &'static [Definition<Self>] = table::DEFINITIONS;
    /// Between pad and end, which have no data (RFC 2132 §3.1, §3.2).
    const ENDS: (Self, Self) = (1, 254);

    fn special(self, data: &[u8]) -> Option<String> {
        match (self, data) {
            (code::MESSAGE_TYPE, [number]) => {
                MessageType::from_number(*number).map(|kind| kind.name().to_owned())
            }
            (code::PARAMETER_REQUEST_LIST, _) => Some(names(data.iter().copied())),
            (code::RELAY_AGENT_INFORMATION, _) => relay_information(data),
            _ => None,
        }
    }
}

fn relay_information(data: &[u8]) -> Option<String> {
    let information = RelayInformation::parse(data).ok()?;
    Some(join(information.iter().map(|(code, data)| match code {
        sub_option::CIRCUIT_ID => format!("circuit-id {}", printable(data)),
        sub_option::REMOTE_ID => format!("remote-id {}", printable(data)),
        sub_option::SUBSCRIBER_ID => format!("subscriber-id {}", printable(data)),
        sub_option::LINK_SELECTION => format!("link-selection {}", Kind::Ip.decode(data)),
        sub_option::SERVER_ID_OVERRIDE => format!("server-id-override {}", Kind::Ip.decode(data)),
        sub_option::SOURCE_PORT => "source-port".to_owned(),
        code => format!("{code} {}", hex(data)),
    })))
}

/// As text, if all of it can be printed: most relays write circuit names in ASCII.
fn printable(data: &[u8]) -> String {
    let is_text = !data.is_empty() && data.iter().all(|c| c.is_ascii_graphic() || *c == b' ');
    if is_text { String::from_utf8_lossy(data).into_owned() } else { hex(data) }
}
