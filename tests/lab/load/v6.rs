//! DHCPv6, through a relay: each client has an address and a prefix.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use dhcproto::v6::{
    DhcpOption, DhcpOptions, IAAddr, IANA, IAPD, IAPrefix, Message, MessageType, OptionCode, Status,
};
use dhcproto::{Decodable as _, Encodable as _};

use super::speech::{Answer, Ask, Said, Speech};
use crate::lab::ledger::{Grant, Mac};
use crate::lab::relayed;

/// DUID-LL of an Ethernet address (RFC 8415 §11.4).
const DUID_LL: [u8; 4] = [0, 3, 0, 1];
/// Of both associations.
const IAID: u32 = 1;
/// What prefixes are cut to.
pub(super) const PREFIX_LEN: u8 = 56;

/// Spoken by the relay at this address.
#[derive(Debug)]
pub(super) struct V6(pub(super) Ipv6Addr);

impl Speech for V6 {
    fn port(&self) -> u16 {
        547
    }

    fn write(&self, ask: Ask<'_>, client: Mac, xid: u32, trying: Duration) -> Vec<u8> {
        let [_, a, b, c] = xid.to_be_bytes();
        let kind = match ask {
            Ask::Search => MessageType::Solicit,
            Ask::Take(..) => MessageType::Request,
            Ask::Renew(..) => MessageType::Renew,
            Ask::Rebind(_) => MessageType::Rebind,
            Ask::Release(..) => MessageType::Release,
        };
        let mut message = Message::new_with_id(kind, [a, b, c]);
        let options = message.opts_mut();
        options.insert(DhcpOption::ClientId([&DUID_LL[..], &client].concat()));
        let hundredths = u16::try_from(trying.as_millis() / 10).unwrap_or(u16::MAX);
        options.insert(DhcpOption::ElapsedTime(hundredths));
        if let Ask::Take(_, server) | Ask::Renew(_, server) | Ask::Release(_, server) = ask {
            options.insert(DhcpOption::ServerId(server.identifier.clone()));
        }
        let named: Vec<IpAddr> = match ask {
            Ask::Search => Vec::new(),
            Ask::Take(offered, _) => offered.to_vec(),
            Ask::Renew(held, _) | Ask::Rebind(held) | Ask::Release(held, _) => {
                held.iter().map(|held| held.address).collect()
            }
        };
        let (mut addresses, mut prefixes) = (DhcpOptions::new(), DhcpOptions::new());
        for named in named {
            let address = of_v6(named);
            let opts = DhcpOptions::new();
            if is_prefix(address) {
                prefixes.insert(DhcpOption::IAPrefix(IAPrefix {
                    preferred_lifetime: 0,
                    valid_lifetime: 0,
                    prefix_len: PREFIX_LEN,
                    prefix_ip: address,
                    opts,
                }));
            } else {
                addresses.insert(DhcpOption::IAAddr(IAAddr {
                    addr: address,
                    preferred_life: 0,
                    valid_life: 0,
                    opts,
                }));
            }
        }
        options.insert(DhcpOption::IANA(IANA { id: IAID, t1: 0, t2: 0, opts: addresses }));
        options.insert(DhcpOption::IAPD(IAPD { id: IAID, t1: 0, t2: 0, opts: prefixes }));
        let octets = message.to_vec().expect("a request encodes");
        let [_, _, d, e, f, g] = client.map(u16::from);
        let peer = Ipv6Addr::new(0xfe80, 0, 0, 0, d, e, f, g);
        relayed::forward(0, self.0, peer, &[], &octets)
    }

    fn read(&self, octets: &[u8]) -> Result<Answer, String> {
        let inner = relayed::carried(octets).ok_or("no Relay-reply")?;
        let message = Message::from_bytes(inner)
            .map_err(|error| format!("an answer that cannot be read: {error}"))?;
        let client = match message.opts().get(OptionCode::ClientId) {
            Some(DhcpOption::ClientId(duid)) => duid.strip_prefix(&DUID_LL),
            _ => None,
        };
        let client = client.and_then(|octets| Mac::try_from(octets).ok());
        let client = client.ok_or("an answer for nobody")?;
        let server = match message.opts().get(OptionCode::ServerId) {
            Some(DhcpOption::ServerId(duid)) => duid.clone(),
            _ => return Err("an answer of nobody".to_owned()),
        };
        let grants = grants(message.opts());
        let said = match message.msg_type() {
            // One with nothing in it is none; the client tries again.
            _ if grants.is_empty() => Said::Refusal,
            MessageType::Advertise => {
                Said::Offer(grants.into_iter().map(|grant| grant.address).collect())
            }
            MessageType::Reply => Said::Grant(grants),
            other => return Err(format!("unexpected answer {other:?}")),
        };
        Ok(Answer { xid: message.xid_num(), client, server, said })
    }

    fn are_alike(&self, one: IpAddr, other: IpAddr) -> bool {
        is_prefix(of_v6(one)) == is_prefix(of_v6(other))
    }
}

/// What the associations hold that lasts.
fn grants(options: &DhcpOptions) -> Vec<Grant> {
    let mut grants = Vec::new();
    let associations = options.iter().filter_map(|option| match option {
        DhcpOption::IANA(association) => Some(&association.opts),
        DhcpOption::IAPD(association) => Some(&association.opts),
        _ => None,
    });
    for inside in associations.flat_map(DhcpOptions::iter) {
        let (address, valid) = match inside {
            DhcpOption::IAAddr(lease) => (lease.addr, lease.valid_life),
            DhcpOption::IAPrefix(lease) => (lease.prefix_ip, lease.valid_lifetime),
            DhcpOption::StatusCode(status) if status.status != Status::Success => continue,
            _ => continue,
        };
        if valid > 0 {
            let lease = Duration::from_secs(u64::from(valid));
            grants.push(Grant { address: address.into(), lease });
        }
    }
    grants
}

/// In the lab an address has something in its lower half and a prefix has not.
fn is_prefix(address: Ipv6Addr) -> bool {
    address.to_bits() as u64 == 0
}

fn of_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => panic!("{address} is another protocol's"),
    }
}
