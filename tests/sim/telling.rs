//! What the two servers tell each other, in whichever of the two protocols.

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::{Arrived, Spoken};
use dhcp_user::lease::{BindingStatus, Resource};
use dhcp_user::wire::failover::{self, Dialect, Malformed, Rejection, State, Unencodable, Update};
use dhcp_user::wire::{Stamp, failover6};

use super::observer::number_of;

/// A message by what it means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Telling {
    State {
        state: State,
        is_startup: bool,
        since: Stamp,
    },
    /// BNDUPD.
    Updates(Vec<Told>),
    /// BNDACK or BNDREPLY: why each was refused, if it was.
    Answers(Vec<(Resource, Option<String>)>),
    /// UPDREQ, or UPDREQALL.
    Request {
        all: bool,
    },
    UpdateDone,
    /// What no promise is about.
    Other,
}

/// What is told of one address or prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Told {
    pub(super) resource: Resource,
    pub(super) status: BindingStatus,
    pub(super) client: Option<u16>,
    pub(super) expires: Option<Stamp>,
    /// The potential expiration, or the partner lifetime.
    pub(super) potential: Option<Stamp>,
    pub(super) starts: Option<Stamp>,
    pub(super) cltt: Option<Stamp>,
}

impl Telling {
    pub(super) fn of(message: &Spoken) -> Self {
        match message {
            Spoken::V4(message) => Self::of_v4(message),
            Spoken::V6(message) => Self::of_v6(message),
        }
    }

    fn of_v4(message: &failover::Message) -> Self {
        use failover::Message;
        match message {
            Message::State(report) => Self::State {
                state: report.state,
                is_startup: report.is_startup,
                since: report.since,
            },
            Message::BindingUpdate(updates) => Self::Updates(updates.iter().map(told).collect()),
            Message::BindingAck(answers) => {
                let why = |it: &failover::Acknowledgement| {
                    let why = it.rejection.as_ref().map(ToString::to_string);
                    (it.address.into(), why)
                };
                Self::Answers(answers.iter().map(why).collect())
            }
            Message::UpdateRequest => Self::Request { all: false },
            Message::UpdateRequestAll => Self::Request { all: true },
            Message::UpdateDone => Self::UpdateDone,
            _ => Self::Other,
        }
    }

    fn of_v6(message: &failover6::Message) -> Self {
        use failover6::Message;
        match message {
            Message::State(report) => Self::State {
                state: report.state,
                is_startup: report.is_startup,
                since: report.since,
            },
            Message::BindingUpdate(binding) => Self::Updates(told_of_v6(binding)),
            Message::BindingReply(answer) => {
                let why = |(resource, why): (failover6::Resource, Option<&failover6::Refusal>)| {
                    let why = why.map(|why| format!("{}: {}", why.status, why.text));
                    (Resource::from(resource), why)
                };
                Self::Answers(answer.outcomes().map(why).collect())
            }
            Message::UpdateRequest => Self::Request { all: false },
            Message::UpdateRequestAll => Self::Request { all: true },
            Message::UpdateDone => Self::UpdateDone,
            _ => Self::Other,
        }
    }
}

fn told(update: &Update) -> Told {
    Told {
        resource: update.address.into(),
        status: update.status,
        client: update.hardware.as_deref().and_then(number_of),
        expires: update.expires,
        potential: update.potential,
        starts: update.starts,
        cltt: update.cltt,
    }
}

fn told_of_v6(binding: &failover6::Binding) -> Vec<Told> {
    use failover6::Binding;
    let one = |lease: &failover6::Lease, client: Option<u16>, base: Option<Stamp>| {
        let heard = base.zip(lease.last_heard).map(|(base, ago)| base.before(ago));
        Some(Told {
            resource: lease.resource.into(),
            status: lease.status?,
            client,
            expires: lease.state_expires,
            potential: lease.partner_lifetime,
            starts: lease.starts,
            cltt: heard.max(lease.partner_raw_cltt),
        })
    };
    match binding {
        Binding::Client(client) => {
            let who = client.client.and_then(|duid| number_of(duid.octets()));
            let leases = client.ias.iter().flat_map(|ia| &ia.leases);
            leases.filter_map(|lease| one(lease, who, client.base)).collect()
        }
        Binding::Prefix { base, lease, .. } => one(lease, None, *base).into_iter().collect(),
        Binding::Unsound(_) => Vec::new(),
    }
}

/// The last word on a connection.
pub(super) fn disconnect(protocol: Protocol, why: Rejection) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => failover::Message::Disconnect(Some(why)).into(),
        Protocol::Dhcpv6 => failover6::Message::Disconnect(Some((&why).into())).into(),
    }
}

/// CONTACT.
pub(super) fn contact(protocol: Protocol) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => failover::Message::Contact.into(),
        Protocol::Dhcpv6 => failover6::Message::Contact.into(),
    }
}

/// UPDDONE.
pub(super) fn update_done(protocol: Protocol) -> Spoken {
    match protocol {
        Protocol::Dhcpv4 => failover::Message::UpdateDone.into(),
        Protocol::Dhcpv6 => failover6::Message::UpdateDone.into(),
    }
}

/// The message as one reads it that was sent at `time`.
pub(super) fn arrived(time: Stamp, xid: u32, message: Spoken) -> Arrived {
    match message {
        Spoken::V4(message) => Arrived::V4(failover::Packet { time, xid, message }),
        Spoken::V6(message) => Arrived::V6(failover6::Packet { xid, sent: Some(time), message }),
    }
}

/// What it says, without when and to what.
pub(super) fn spoken(arrived: &Arrived) -> Spoken {
    match arrived {
        Arrived::V4(packet) => packet.message.clone().into(),
        Arrived::V6(packet) => packet.message.clone().into(),
    }
}

/// The message as it stands on the connection.
pub(super) fn encode(packet: &Arrived, dialect: Dialect) -> Result<Vec<u8>, Unencodable> {
    let mut octets = Vec::new();
    match packet {
        Arrived::V4(packet) => packet.encode(dialect, None, &mut octets)?,
        Arrived::V6(packet) => packet.encode(&mut octets)?,
    }
    Ok(octets)
}

/// And back.
pub(super) fn parse(protocol: Protocol, octets: &[u8]) -> Result<Arrived, Malformed> {
    match protocol {
        Protocol::Dhcpv4 => failover::Packet::parse(octets).map(Arrived::V4),
        Protocol::Dhcpv6 => failover6::Packet::parse(octets).map(Arrived::V6),
    }
}
