//! DHCPv4, through a relay.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable as _, Encodable as _};

use super::speech::{Answer, Ask, Said, Server, Speech};
use crate::lab::ledger::{Grant, Mac};

/// Spoken by the relay at this address.
#[derive(Debug)]
pub(super) struct V4(pub(super) Ipv4Addr);

impl Speech for V4 {
    fn port(&self) -> u16 {
        67
    }

    fn write(&self, ask: Ask<'_>, client: Mac, xid: u32, trying: Duration) -> Vec<u8> {
        let unset = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(xid, unset, unset, unset, self.0, &client);
        message.set_opcode(Opcode::BootRequest);
        message.set_hops(1);
        message.set_secs(u16::try_from(trying.as_secs()).unwrap_or(u16::MAX));
        if let Ask::Renew(held, _) | Ask::Rebind(held) | Ask::Release(held, _) = ask {
            message.set_ciaddr(held.first().map_or(unset, |held| of_v4(held.address)));
        }
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(match ask {
            Ask::Search => MessageType::Discover,
            Ask::Take(..) | Ask::Renew(..) | Ask::Rebind(_) => MessageType::Request,
            Ask::Release(..) => MessageType::Release,
        }));
        if let Ask::Take(&[offered, ..], _) = ask {
            options.insert(DhcpOption::RequestedIpAddress(of_v4(offered)));
        }
        if let Ask::Take(_, server) | Ask::Release(_, server) = ask {
            options.insert(DhcpOption::ServerIdentifier(identifier(server)));
        }
        message.to_vec().expect("a request encodes")
    }

    fn read(&self, octets: &[u8]) -> Result<Answer, String> {
        let message = Message::from_bytes(octets)
            .map_err(|error| format!("an answer that cannot be read: {error}"))?;
        let client = Mac::try_from(message.chaddr())
            .map_err(|_| format!("an answer for {:02x?}", message.chaddr()))?;
        let option = |code| message.opts().get(code);
        let given = message.yiaddr().into();
        let said = match message.opts().msg_type() {
            Some(MessageType::Offer) => Said::Offer(vec![given]),
            Some(MessageType::Ack) => match option(OptionCode::AddressLeaseTime) {
                Some(DhcpOption::AddressLeaseTime(lease)) => {
                    let lease = Duration::from_secs(u64::from(*lease));
                    Said::Grant(vec![Grant { address: given, lease }])
                }
                _ => return Err("an ACK without a lease time".to_owned()),
            },
            Some(MessageType::Nak) => Said::Refusal,
            other => return Err(format!("unexpected answer {other:?}")),
        };
        let server = match option(OptionCode::ServerIdentifier) {
            Some(DhcpOption::ServerIdentifier(server)) => server.octets().to_vec(),
            _ => return Err("an answer of nobody".to_owned()),
        };
        Ok(Answer { xid: message.xid(), client, server, said })
    }

    fn are_alike(&self, _one: IpAddr, _other: IpAddr) -> bool {
        true
    }
}

fn of_v4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => panic!("{address} is another protocol's"),
    }
}

fn identifier(server: &Server) -> Ipv4Addr {
    let octets: [u8; 4] = server.identifier.as_slice().try_into().expect("an IPv4 address");
    octets.into()
}
