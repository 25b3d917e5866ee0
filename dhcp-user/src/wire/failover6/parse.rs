//! From octets to a message.

use std::net::Ipv6Addr;

use super::container::{self, Container, failover_code as f};
use super::{
    Answer, Answered, Binding, ClientBinding, Connect, ConnectReply, Ia, Lease, LeaseAnswer,
    Message, Packet, ReconfigureData, Resource, StateReport, Version, number,
};
use crate::wire::dhcpv6::{Duid, IaKind, Iaid};
use crate::wire::failover::{Malformed, State};
use crate::wire::option::v6::code;
use crate::wire::{Ipv6Prefix, Seconds, Stamp};

impl Packet {
    /// Octets of message-size, which it does not count.
    pub const SIZE_LEN: usize = 2;
    /// Octets of msg-type and transaction-id, and so of the shortest message.
    const SHORT_HEADER_LEN: usize = 4;
    /// Octets of a failover message's header (RFC 8156 §5.2).
    const HEADER_LEN: usize = 8;

    /// How many octets the first message of a stream has, its size included, or `None` until the
    /// stream has told. They need not all be there yet.
    ///
    /// # Errors
    /// `MessageLength` for a size that no message has: there is no way to go on in the stream.
    pub fn len_of_first(stream: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some(size) = stream.first_chunk() else { return Ok(None) };
        let value = usize::from(u16::from_be_bytes(*size));
        if value < Self::SHORT_HEADER_LEN {
            return Err(Malformed::MessageLength { value });
        }
        Ok(Some(Self::SIZE_LEN + value))
    }

    /// Reads one whole message, its size included.
    ///
    /// # Errors
    /// [`Malformed::Ignored`] for one that is to be left out; anything else closes the connection.
    pub fn parse(octets: &[u8]) -> Result<Self, Malformed> {
        let value = octets.len().saturating_sub(Self::SIZE_LEN);
        let wrong = Err(Malformed::MessageLength { value });
        if Self::len_of_first(octets)? != Some(octets.len()) {
            return wrong;
        }
        let [_, _, kind, a, b, c, rest @ ..] = octets else { return wrong };
        let xid = u32::from_be_bytes([0, *a, *b, *c]);
        match kind {
            7 => {
                let refusal = Container::parse(rest)?.refusal();
                return Ok(Self { xid, sent: None, message: Message::TlsReply(refusal) });
            }
            // What options it has is of no interest (RFC 7653 §8.2).
            23 => return Ok(Self { xid, sent: None, message: Message::StartTls }),
            24..=35 if value < Self::HEADER_LEN => return wrong,
            24..=35 => {}
            // RFC 8415 §16: what is not known is discarded.
            kind => return Err(Malformed::Ignored { kind: *kind }),
        }
        let (sent, options) = rest.split_at(4);
        let sent = Stamp::from_seconds_since_2000(u32_at(sent, 0));
        let message = read(*kind, sent, Container::parse(options)?)?;
        Ok(Self { xid, sent: Some(sent), message })
    }
}

fn read(kind: u8, sent: Stamp, options: Container<'_>) -> Result<Message, Malformed> {
    Ok(match kind {
        24 => Message::BindingUpdate(Box::new(binding(options)?)),
        25 => Message::BindingReply(Box::new(answer(options)?)),
        26 => Message::PoolRequest,
        27 => Message::PoolResponse,
        28 => Message::UpdateRequest,
        29 => Message::UpdateRequestAll,
        30 => Message::UpdateDone,
        31 => Message::Connect(connect(options)),
        32 => Message::ConnectReply(match options.refusal() {
            Some(refusal) => ConnectReply::Refused(refusal),
            None => ConnectReply::Accepted(connect(options)),
        }),
        33 => Message::Disconnect(options.refusal()),
        34 => Message::State(state(sent, options)?),
        _ => Message::Contact,
    })
}

fn connect(options: Container<'_>) -> Connect {
    Connect {
        version: options
            .number(f::PROTOCOL_VERSION)
            .map(|version| Version { major: (version >> 16) as u16, minor: version as u16 }),
        mclt: options.seconds(f::MCLT),
        keepalive: options.seconds(f::KEEPALIVE_TIME),
        max_unacked: options.number(f::MAX_UNACKED_BNDUPD),
        relationship: options.boxed(f::RELATIONSHIP_NAME),
        fixed_lengths: options
            .short(f::CONNECT_FLAGS)
            .map(|flags| flags & Connect::FIXED_LENGTHS != 0),
    }
}

fn state(sent: Stamp, options: Container<'_>) -> Result<StateReport, Malformed> {
    let option = container::name(f::SERVER_STATE);
    let value = options.octet(f::SERVER_STATE).ok_or(Malformed::Missing { option })?;
    let state = number::state(value).ok_or(Malformed::Value { option, value })?;
    let flags = options.octet(f::SERVER_FLAGS).unwrap_or_default();
    Ok(StateReport {
        state,
        is_startup: flags & StateReport::STARTUP != 0,
        acks_startup: flags & StateReport::ACK_STARTUP != 0,
        has_communicated: flags & StateReport::COMMUNICATED != 0,
        // A partner that does not say has had the state no later than it said so.
        since: options.stamp(f::START_TIME_OF_STATE).unwrap_or(sent),
        partner_down: options.stamp(f::PARTNER_DOWN_TIME).filter(|_| state == State::PartnerDown),
    })
}

/// The containers of a binding message, and whether there is one alone.
fn one_of(options: Container<'_>) -> Result<(u16, &[u8], bool), Malformed> {
    let is_container =
        |(code, _): &(u16, &[u8])| matches!(*code, code::CLIENT_DATA | code::IA_PREFIX);
    let mut containers = options.iter().filter(is_container);
    let option = container::name(code::CLIENT_DATA);
    let (code, data) = containers.next().ok_or(Malformed::Missing { option })?;
    Ok((code, data, containers.next().is_none()))
}

fn binding(options: Container<'_>) -> Result<Binding, Malformed> {
    let (code, data, is_one) = one_of(options)?;
    let binding = if code == code::CLIENT_DATA {
        let options = Container::parse(data)?;
        Binding::Client(ClientBinding {
            client: client(options),
            base: options.stamp(code::LQ_BASE_TIME),
            vpn: options.boxed(code::VIRTUAL_SUBNET),
            reconfigure: options.octets(f::RECONFIGURE_DATA).map(|data| ReconfigureData {
                since: Stamp::from_seconds_since_2000(u32_at(data, 0)),
                key: data[4..].into(),
            }),
            relay_data: options.boxed(code::LQ_RELAY_DATA),
            ias: ias(options, lease)?,
            temporary: temporary(options),
        })
    } else {
        let (head, options) = prefix(data)?;
        Binding::Prefix {
            vpn: options.boxed(code::VIRTUAL_SUBNET),
            base: options.stamp(code::LQ_BASE_TIME),
            lease: lease(head, None, options),
        }
    };
    Ok(if is_one { binding } else { Binding::Unsound(Box::new(binding)) })
}

fn answer(options: Container<'_>) -> Result<Answer, Malformed> {
    let (code, data, is_one) = one_of(options)?;
    if !is_one {
        return Err(Malformed::Duplicate { option: container::name(code) });
    }
    let (of, options) = if code == code::CLIENT_DATA {
        let options = Container::parse(data)?;
        let ias = ias(options, lease_answer)?;
        let temporary = temporary(options);
        (Answered::Client { client: client(options), ias, temporary }, options)
    } else {
        let (head, options) = prefix(data)?;
        let mut answer = lease_answer(head, None, options);
        // Of a prefix that nobody has, the container and the lease are one.
        let refusal = answer.refusal.take();
        return Ok(Answer {
            vpn: options.boxed(code::VIRTUAL_SUBNET),
            refusal,
            of: Answered::Prefix(answer),
        });
    };
    Ok(Answer { vpn: options.boxed(code::VIRTUAL_SUBNET), refusal: options.refusal(), of })
}

fn client(options: Container<'_>) -> Option<Duid> {
    Duid::new(options.octets(code::CLIENT_ID)?)
}

/// What stands ahead of the options of a lease.
#[derive(Clone, Copy)]
struct Head {
    resource: Resource,
    preferred: Seconds,
    valid: Seconds,
}

/// Every IA with its leases, but for IA_TAs.
fn ias<L>(
    options: Container<'_>,
    read: fn(Head, Option<Stamp>, Container<'_>) -> L,
) -> Result<Vec<Ia<L>>, Malformed> {
    let mut ias = Vec::new();
    for (code, data) in options.iter() {
        let Some(kind) = IaKind::from_code(code) else { continue };
        let (head, inside) = data.split_at(12);
        let inside = Container::parse(inside)?;
        // Where a partner puts it is not said in one way alone (RFC 8156 §5.5.17, §7.4).
        let starts = inside.stamp(f::START_TIME_OF_STATE);
        let mut leases = Vec::new();
        let of_kind = match kind {
            IaKind::Addresses => code::IA_ADDRESS,
            IaKind::Prefixes => code::IA_PREFIX,
        };
        for data in inside.all(of_kind) {
            let (head, options) = match kind {
                IaKind::Addresses => address(data)?,
                IaKind::Prefixes => prefix(data)?,
            };
            leases.push(read(head, starts, options));
        }
        ias.push(Ia {
            kind,
            iaid: Iaid(u32_at(head, 0)),
            t1: Seconds(u32_at(head, 4)),
            t2: Seconds(u32_at(head, 8)),
            refusal: inside.refusal(),
            leases,
        });
    }
    Ok(ias)
}

/// Whose IA_TAs there are.
fn temporary(options: Container<'_>) -> Vec<Iaid> {
    options.all(code::IA_TA).map(|data| Iaid(u32_at(data, 0))).collect()
}

fn address(data: &[u8]) -> Result<(Head, Container<'_>), Malformed> {
    let (head, inside) = data.split_at(24);
    let resource = Resource::Address(ipv6_at(head, 0));
    let (preferred, valid) = (Seconds(u32_at(head, 16)), Seconds(u32_at(head, 20)));
    Ok((Head { resource, preferred, valid }, Container::parse(inside)?))
}

fn prefix(data: &[u8]) -> Result<(Head, Container<'_>), Malformed> {
    let (head, inside) = data.split_at(25);
    let value = head[8];
    if value > Ipv6Prefix::MAX_LEN {
        return Err(Malformed::Value { option: container::name(code::IA_PREFIX), value });
    }
    let resource = Resource::Prefix(Ipv6Prefix::containing(ipv6_at(head, 9), value));
    let (preferred, valid) = (Seconds(u32_at(head, 0)), Seconds(u32_at(head, 4)));
    Ok((Head { resource, preferred, valid }, Container::parse(inside)?))
}

fn lease(head: Head, starts: Option<Stamp>, options: Container<'_>) -> Lease {
    let Head { resource, preferred, valid } = head;
    Lease {
        status: options
            .octet(f::BINDING_STATUS)
            .and_then(|status| number::status(status, resource)),
        starts: options.stamp(f::START_TIME_OF_STATE).or(starts),
        state_expires: options.stamp(f::STATE_EXPIRATION_TIME),
        last_heard: options.seconds(code::CLT_TIME),
        partner_lifetime: options.stamp(f::PARTNER_LIFETIME),
        partner_raw_cltt: options.stamp(f::PARTNER_RAW_CLT_TIME),
        expires: options.stamp(f::EXPIRATION_TIME),
        fqdn: options.boxed(code::CLIENT_FQDN),
        dns_removal: options.boxed(f::DNS_REMOVAL_INFO),
        ..Lease::new(resource, preferred, valid)
    }
}

fn lease_answer(head: Head, _starts: Option<Stamp>, options: Container<'_>) -> LeaseAnswer {
    let Head { resource, preferred, valid } = head;
    LeaseAnswer {
        resource,
        preferred,
        valid,
        refusal: options.refusal(),
        status: options
            .octet(f::BINDING_STATUS)
            .and_then(|status| number::status(status, resource)),
        state_expires: options.stamp(f::STATE_EXPIRATION_TIME),
        partner_lifetime: options.stamp(f::PARTNER_LIFETIME_SENT),
    }
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

fn ipv6_at(octets: &[u8], at: usize) -> Ipv6Addr {
    let mut address = [0; 16];
    address.copy_from_slice(&octets[at..at + 16]);
    Ipv6Addr::from_octets(address)
}
