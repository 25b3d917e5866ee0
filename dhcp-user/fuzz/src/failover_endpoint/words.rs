//! Messages of either protocol: those that the partner says, and what any tells of leases.

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::{Arrived, Spoken};
use dhcp_user::lease::{BindingStatus, Resource};
use dhcp_user::wire::dhcpv6::StatusCode;
use dhcp_user::wire::failover::{
    self, Acknowledgement, Dialect, Malformed, Reject, Rejection, State, Unencodable, Update,
};
use dhcp_user::wire::failover6::{self, Answered, Binding, ClientBinding, Ia, Lease, Refusal};
use dhcp_user::wire::{Seconds, Stamp};

use super::script::{IAID, duid, hardware};

/// What a BNDUPD tells of one address or prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) resource: Resource,
    pub(super) status: Option<BindingStatus>,
    pub(super) cltt: Option<Stamp>,
}

/// What a BNDUPD says of each of its leases.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) status: BindingStatus,
    /// Of whom, if of anybody.
    pub(super) client: Option<u8>,
    pub(super) expires: Stamp,
    pub(super) potential: Stamp,
    pub(super) starts: Stamp,
    pub(super) cltt: Stamp,
}

/// What of a BNDUPD is refused in its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    Nothing,
    All,
    /// In DHCPv6 the answer may speak of each.
    Each,
}

/// What a BNDUPD tells, in its order; `None` of another message.
pub(super) fn told(message: &Spoken) -> Option<Vec<Told>> {
    let of_v4 = |update: &Update| Told {
        resource: update.address.into(),
        status: Some(update.status),
        cltt: update.cltt,
    };
    match message {
        Spoken::V4(failover::Message::BindingUpdate(updates)) => {
            Some(updates.iter().map(of_v4).collect())
        }
        Spoken::V6(failover6::Message::BindingUpdate(binding)) => Some(told_of_v6(binding)),
        _ => None,
    }
}

fn told_of_v6(binding: &Binding) -> Vec<Told> {
    let one = |lease: &Lease, base: Option<Stamp>| Told {
        resource: lease.resource.into(),
        status: lease.status,
        cltt: base
            .zip(lease.last_heard)
            .map(|(base, ago)| base.before(ago))
            .max(lease.partner_raw_cltt),
    };
    match binding {
        Binding::Client(ClientBinding { base, ias, .. }) => {
            ias.iter().flat_map(|ia| &ia.leases).map(|lease| one(lease, *base)).collect()
        }
        Binding::Prefix { base, lease, .. } => vec![one(lease, *base)],
        Binding::Unsound(first) => told_of_v6(first),
    }
}

/// What a BNDACK or BNDREPLY is an answer for, in its order; `None` of another message.
pub(super) fn answered(message: &Spoken) -> Option<Vec<(Resource, bool)>> {
    match message {
        Spoken::V4(failover::Message::BindingAck(answers)) => {
            let each = answers.iter().map(|it| (it.address.into(), it.rejection.is_none()));
            Some(each.collect())
        }
        Spoken::V6(failover6::Message::BindingReply(answer)) => {
            let each = answer.outcomes().map(|(it, refusal)| (it.into(), refusal.is_none()));
            Some(each.collect())
        }
        _ => None,
    }
}

/// BNDUPD of all these, which are one client's.
pub(super) fn update(protocol: Protocol, now: Stamp, of: &[Resource], claim: Claim) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => {
            let update = |resource: &Resource| Update {
                hardware: claim.client.map(|client| hardware(client).into()),
                expires: Some(claim.expires),
                potential: Some(claim.potential),
                starts: Some(claim.starts),
                cltt: Some(claim.cltt),
                ..Update::new(resource.ipv4().expect("of DHCPv4"), claim.status)
            };
            failover::Message::BindingUpdate(of.iter().map(update).collect()).into()
        }
        Protocol::Dhcpv6 => {
            let mut leases = of.iter().filter_map(|resource| lease(now, *resource, claim));
            let binding = match claim.client {
                None if of.len() == 1 && matches!(of[0], Resource::Prefix(_)) => {
                    let lease = leases.next().expect("of DHCPv6");
                    Binding::Prefix { vpn: None, base: Some(now), lease }
                }
                client => Binding::Client(ClientBinding {
                    // DUIDs of type 0 are nobody's.
                    client: client
                        .map(duid)
                        .or_else(|| dhcp_user::wire::dhcpv6::Duid::new(&[0; 3])),
                    base: Some(now),
                    vpn: None,
                    reconfigure: None,
                    relay_data: None,
                    ias: leases.map(ia).collect(),
                    temporary: Vec::new(),
                }),
            };
            failover6::Message::BindingUpdate(Box::new(binding)).into()
        }
    }
}

fn lease(now: Stamp, resource: Resource, claim: Claim) -> Option<Lease> {
    let resource = match resource {
        Resource::Ipv4(_) => return None,
        Resource::Ipv6(address) => failover6::Resource::Address(address),
        Resource::Prefix(prefix) => failover6::Resource::Prefix(prefix),
    };
    let valid = claim.expires.since(claim.cltt);
    Some(Lease {
        status: Some(claim.status),
        starts: Some(claim.starts),
        state_expires: Some(claim.expires),
        last_heard: Some(now.since(claim.cltt)),
        partner_lifetime: Some(claim.potential),
        // No time counts back to what is to come.
        partner_raw_cltt: Some(claim.cltt).filter(|cltt| *cltt > now),
        ..Lease::new(resource, valid, valid)
    })
}

fn ia(lease: Lease) -> Ia<Lease> {
    let (kind, none) = (lease.resource.kind(), Seconds(0));
    Ia { kind, iaid: IAID, t1: none, t2: none, refusal: None, leases: vec![lease] }
}

/// The answer to a BNDUPD, as far as there was none.
pub(super) fn answer(update: &Spoken, left: &[Told], refused: Refused) -> Option<Spoken> {
    match update {
        Spoken::V4(_) => {
            let reason = Reject::Outdated;
            let rejection = Rejection { reason, text: String::new() };
            let rejection = (refused != Refused::Nothing).then_some(rejection);
            let answer = |told: &Told| {
                let rejection = rejection.clone();
                Some(Acknowledgement { address: told.resource.ipv4()?, rejection })
            };
            let answers = left.iter().filter_map(answer).collect();
            Some(failover::Message::BindingAck(answers).into())
        }
        Spoken::V6(failover6::Message::BindingUpdate(binding)) => {
            let mut answer = binding.accepted();
            let refusal = || {
                let status = StatusCode::OUTDATED_BINDING_INFORMATION;
                Some(Refusal { status, text: String::new() })
            };
            match (refused, &mut answer.of) {
                (Refused::Nothing, _) => {}
                (Refused::All, _) => answer.refusal = refusal(),
                (Refused::Each, Answered::Client { ias, .. }) => {
                    let leases = ias.iter_mut().flat_map(|ia| &mut ia.leases);
                    leases.for_each(|lease| lease.refusal = refusal());
                }
                (Refused::Each, Answered::Prefix(lease)) => lease.refusal = refusal(),
            }
            Some(failover6::Message::BindingReply(Box::new(answer)).into())
        }
        Spoken::V6(_) => None,
    }
}

/// STATE. `flags`: STARTUP is the lowest bit, what DHCPv6 alone has are the next two.
pub(super) fn state(protocol: Protocol, state: State, flags: u8, since: Stamp) -> Spoken {
    let is_startup = flags & 1 != 0;
    match protocol {
        Protocol::Dhcpv4 => {
            let report = failover::StateReport { state, is_startup, since };
            failover::Message::State(report).into()
        }
        Protocol::Dhcpv6 => failover6::Message::State(failover6::StateReport {
            state,
            is_startup,
            acks_startup: flags & 2 != 0,
            has_communicated: flags & 4 != 0,
            since,
            partner_down: (state == State::PartnerDown).then_some(since),
        })
        .into(),
    }
}

/// UPDDONE.
pub(super) fn done(protocol: Protocol) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => failover::Message::UpdateDone.into(),
        Protocol::Dhcpv6 => failover6::Message::UpdateDone.into(),
    }
}

/// One of the messages that say little.
pub(super) fn short(protocol: Protocol, number: usize) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => {
            use failover::Message;
            let messages = [
                Message::PoolRequest,
                Message::PoolResponse { transferred: 3 },
                Message::UpdateRequest,
                Message::UpdateRequestAll,
                Message::Contact,
                Message::Disconnect(None),
            ];
            messages[number % messages.len()].clone().into()
        }
        Protocol::Dhcpv6 => {
            use failover6::Message;
            let messages = [
                Message::PoolRequest,
                Message::PoolResponse,
                Message::UpdateRequest,
                Message::UpdateRequestAll,
                Message::Contact,
                Message::Disconnect(None),
            ];
            messages[number % messages.len()].clone().into()
        }
    }
}

/// The message as one reads it that was sent at `time`.
pub(super) fn arrived(time: Stamp, xid: u32, message: Spoken) -> Arrived {
    match message {
        Spoken::V4(message) => Arrived::V4(failover::Packet { time, xid, message }),
        Spoken::V6(message) => Arrived::V6(failover6::Packet { xid, sent: Some(time), message }),
    }
}

/// A message of that kind with these options.
///
/// # Errors
/// If it is none.
pub(super) fn read(
    protocol: Protocol,
    kind: u8,
    time: Stamp,
    xid: u8,
    options: &[u8],
) -> Result<(u32, Spoken), Malformed> {
    let time = time.0.to_be_bytes();
    let sized =
        |size: usize, rest: &[&[u8]]| [&(size as u16).to_be_bytes()[..], &rest.concat()].concat();
    match protocol {
        Protocol::Dhcpv4 => {
            let size = failover::Packet::HEADER_LEN + options.len();
            let rest: [&[u8]; 4] = [&[kind, 12], &time, &[0, 0, 0, xid], options];
            let packet = failover::Packet::parse(&sized(size, &rest))?;
            Ok((packet.xid, packet.message.into()))
        }
        Protocol::Dhcpv6 => {
            let rest: [&[u8]; 3] = [&[kind, 0, 0, xid], &time, options];
            let size = rest.iter().map(|part| part.len()).sum();
            let packet = failover6::Packet::parse(&sized(size, &rest))?;
            Ok((packet.xid, packet.message.into()))
        }
    }
}

/// Whether it can be written.
pub(super) fn encode(packet: &Arrived, dialect: Dialect) -> Result<(), Unencodable> {
    let mut octets = Vec::new();
    match packet {
        Arrived::V4(packet) => packet.encode(dialect, None, &mut octets),
        Arrived::V6(packet) => packet.encode(&mut octets),
    }
}
