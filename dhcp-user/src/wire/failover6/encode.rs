//! From a message to octets: options in the order in which RFC 8156 §7.4 and §7.6 name them.

use super::container::{self, failover_code as f};
use super::{
    Answer, Answered, Binding, ClientBinding, Connect, ConnectReply, Ia, Lease, LeaseAnswer,
    Message, Packet, Refusal, Resource, StateReport, number,
};
use crate::wire::dhcpv6::{Iaid, OptionWriter, StatusCode};
use crate::wire::failover::{State, Unencodable, printable};
use crate::wire::option::v6::code;
use crate::wire::{Full, Seconds, Stamp};

impl Packet {
    /// The longest message, its size included.
    pub const MAX_LEN: usize = Self::SIZE_LEN + u16::MAX as usize;
    /// Room that is enough for one lease; more is tried after it.
    const USUAL_LEN: usize = 512;

    /// Appends the whole message, its size included.
    ///
    /// # Errors
    /// The message cannot be sent; `into` is as it was.
    pub fn encode(&self, into: &mut Vec<u8>) -> Result<(), Unencodable> {
        self.check()?;
        let start = into.len();
        let mut room = Self::USUAL_LEN;
        loop {
            into.resize(start + room, 0);
            let mut writer = OptionWriter::new(&mut into[start + Self::SIZE_LEN..], 0);
            let written = self.write(&mut writer);
            let size = writer.position();
            if written.is_ok() {
                into[start..start + Self::SIZE_LEN].copy_from_slice(&(size as u16).to_be_bytes());
                into.truncate(start + Self::SIZE_LEN + size);
                return Ok(());
            }
            if room == Self::MAX_LEN {
                into.truncate(start);
                return Err(Unencodable::TooLong { len: Self::MAX_LEN + 1 });
            }
            room = (room * 4).min(Self::MAX_LEN);
        }
    }

    /// Whether the message has what it must have.
    fn check(&self) -> Result<(), Unencodable> {
        let missing = |option: &'static str| Err(Unencodable::Missing { option });
        let is_failovers = !matches!(self.message, Message::StartTls | Message::TlsReply(_));
        if is_failovers && self.sent.is_none() {
            return missing("sent-time");
        }
        match &self.message {
            Message::Connect(connect) if connect.relationship.is_none() => {
                missing(container::name(f::RELATIONSHIP_NAME))
            }
            Message::Connect(connect) | Message::ConnectReply(ConnectReply::Accepted(connect)) => {
                connect.check()
            }
            Message::State(report) => match (report.state, report.partner_down) {
                (State::PartnerDown, None) => missing(container::name(f::PARTNER_DOWN_TIME)),
                (state, _) if number::of_state(state).is_none() => Err(Unencodable::Startup),
                _ => Ok(()),
            },
            Message::BindingUpdate(binding) => match &**binding {
                Binding::Client(ClientBinding { client: None, .. }) => {
                    missing(container::name(code::CLIENT_ID))
                }
                Binding::Client(ClientBinding { base: None, .. })
                | Binding::Prefix { base: None, .. } => {
                    missing(container::name(code::LQ_BASE_TIME))
                }
                Binding::Client(client) => {
                    let mut leases = client.ias.iter().flat_map(|ia| &ia.leases);
                    if leases.all(|lease| lease.status.is_some()) {
                        Ok(())
                    } else {
                        missing(container::name(f::BINDING_STATUS))
                    }
                }
                Binding::Prefix { lease: Lease { status: None, .. }, .. } => {
                    missing(container::name(f::BINDING_STATUS))
                }
                Binding::Prefix { .. } => Ok(()),
                Binding::Unsound(_) => missing(container::name(code::CLIENT_DATA)),
            },
            _ => Ok(()),
        }
    }

    fn write(&self, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
        let [_, a, b, c] = self.xid.to_be_bytes();
        writer.write(&[self.message.kind(), a, b, c])?;
        if let Some(sent) = self.sent
            && !matches!(self.message, Message::StartTls | Message::TlsReply(_))
        {
            writer.write(&sent.seconds_since_2000().to_be_bytes())?;
        }
        match &self.message {
            Message::BindingUpdate(binding) => write_binding(binding, writer),
            Message::BindingReply(answer) => write_answer(answer, writer),
            Message::Connect(connect) => {
                write_connect(connect, connect.relationship.as_deref(), writer)
            }
            Message::ConnectReply(ConnectReply::Accepted(connect)) => {
                write_connect(connect, None, writer)
            }
            Message::ConnectReply(ConnectReply::Refused(refusal)) => {
                write_refusal(Some(refusal), writer)
            }
            Message::Disconnect(refusal) | Message::TlsReply(refusal) => {
                write_refusal(refusal.as_ref(), writer)
            }
            Message::State(report) => write_state(report, writer),
            Message::StartTls
            | Message::PoolRequest
            | Message::PoolResponse
            | Message::UpdateRequest
            | Message::UpdateRequestAll
            | Message::UpdateDone
            | Message::Contact => Ok(()),
        }
    }
}

impl Connect {
    /// All that RFC 8156 §6.1.1 wants, and no zero, which a partner may take for anything.
    fn check(&self) -> Result<(), Unencodable> {
        let is_time = |time: Option<Seconds>| time.is_some_and(|time| time.0 > 0);
        for (is_good, code) in [
            (self.version.is_some(), f::PROTOCOL_VERSION),
            (is_time(self.mclt), f::MCLT),
            (is_time(self.keepalive), f::KEEPALIVE_TIME),
            (self.max_unacked.is_some_and(|most| most > 0), f::MAX_UNACKED_BNDUPD),
            (self.fixed_lengths.is_some(), f::CONNECT_FLAGS),
        ] {
            if !is_good {
                return Err(Unencodable::Missing { option: container::name(code) });
            }
        }
        Ok(())
    }
}

fn write_connect(
    connect: &Connect,
    relationship: Option<&[u8]>,
    writer: &mut OptionWriter<'_>,
) -> Result<(), Full> {
    if let Some(version) = connect.version {
        let number = u32::from(version.major) << 16 | u32::from(version.minor);
        writer.push_u32(f::PROTOCOL_VERSION, number)?;
    }
    if let Some(mclt) = connect.mclt {
        writer.push_u32(f::MCLT, mclt.0)?;
    }
    if let Some(keepalive) = connect.keepalive {
        writer.push_u32(f::KEEPALIVE_TIME, keepalive.0)?;
    }
    if let Some(most) = connect.max_unacked {
        writer.push_u32(f::MAX_UNACKED_BNDUPD, most)?;
    }
    if let Some(name) = relationship {
        writer.push(f::RELATIONSHIP_NAME, name)?;
    }
    if let Some(fixed) = connect.fixed_lengths {
        writer.push_u16(f::CONNECT_FLAGS, if fixed { Connect::FIXED_LENGTHS } else { 0 })?;
    }
    Ok(())
}

fn write_state(report: &StateReport, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    let flags = flag(report.is_startup, StateReport::STARTUP)
        | flag(report.acks_startup, StateReport::ACK_STARTUP)
        | flag(report.has_communicated, StateReport::COMMUNICATED);
    // `check` has seen that it has a number.
    writer.push_u8(f::SERVER_STATE, number::of_state(report.state).unwrap_or_default())?;
    writer.push_u8(f::SERVER_FLAGS, flags)?;
    write_stamp(f::START_TIME_OF_STATE, Some(report.since), writer)?;
    let partner_down = report.partner_down.filter(|_| report.state == State::PartnerDown);
    write_stamp(f::PARTNER_DOWN_TIME, partner_down, writer)
}

fn write_binding(binding: &Binding, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    match binding {
        Binding::Client(client) => writer.nest(code::CLIENT_DATA, &[], |inside| {
            if let Some(client) = &client.client {
                inside.push(code::CLIENT_ID, client.octets())?;
            }
            write_stamp(code::LQ_BASE_TIME, client.base, inside)?;
            write_octets(code::VIRTUAL_SUBNET, client.vpn.as_deref(), inside)?;
            if let Some(data) = &client.reconfigure {
                let octets =
                    [&data.since.seconds_since_2000().to_be_bytes(), &data.key[..]].concat();
                inside.push(f::RECONFIGURE_DATA, &octets)?;
            }
            write_octets(code::LQ_RELAY_DATA, client.relay_data.as_deref(), inside)?;
            client.ias.iter().try_for_each(|ia| write_ia(ia, inside, write_lease))?;
            let mut temporary = client.temporary.iter();
            temporary.try_for_each(|it| inside.push(code::IA_TA, &it.0.to_be_bytes()))
        }),
        Binding::Prefix { vpn, base, lease } => {
            write_resource(lease.resource, [lease.preferred, lease.valid], writer, |inside| {
                write_octets(code::VIRTUAL_SUBNET, vpn.as_deref(), inside)?;
                write_stamp(code::LQ_BASE_TIME, *base, inside)?;
                write_lease_options(lease, inside)
            })
        }
        Binding::Unsound(first) => write_binding(first, writer),
    }
}

fn write_answer(answer: &Answer, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    match &answer.of {
        Answered::Client { client, ias, temporary } => {
            writer.nest(code::CLIENT_DATA, &[], |inside| {
                if let Some(client) = client {
                    inside.push(code::CLIENT_ID, client.octets())?;
                }
                write_octets(code::VIRTUAL_SUBNET, answer.vpn.as_deref(), inside)?;
                write_refusal(answer.refusal.as_ref(), inside)?;
                ias.iter().try_for_each(|ia| write_ia(ia, inside, write_lease_answer))?;
                temporary.iter().try_for_each(|it| write_temporary(*it, inside))
            })
        }
        Answered::Prefix(lease) => {
            write_resource(lease.resource, [lease.preferred, lease.valid], writer, |inside| {
                write_octets(code::VIRTUAL_SUBNET, answer.vpn.as_deref(), inside)?;
                // The container and the lease are one here.
                write_refusal(answer.refusal.as_ref().or(lease.refusal.as_ref()), inside)?;
                write_answer_options(lease, inside)
            })
        }
    }
}

fn write_ia<L>(
    ia: &Ia<L>,
    writer: &mut OptionWriter<'_>,
    write: fn(&L, &mut OptionWriter<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    writer.ia(ia.kind, ia.iaid, [ia.t1, ia.t2], |inside| {
        write_refusal(ia.refusal.as_ref(), inside)?;
        ia.leases.iter().try_for_each(|lease| write(lease, inside))
    })
}

/// That there is nothing like it here.
fn write_temporary(iaid: Iaid, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    writer.nest(code::IA_TA, &iaid.0.to_be_bytes(), |inside| {
        inside.status(StatusCode::CONFIGURATION_CONFLICT, "")
    })
}

fn write_lease(lease: &Lease, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    let lifetimes = [lease.preferred, lease.valid];
    write_resource(lease.resource, lifetimes, writer, |inside| write_lease_options(lease, inside))
}

fn write_lease_options(lease: &Lease, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    if let Some(status) = lease.status {
        writer.push_u8(f::BINDING_STATUS, number::of_status(status))?;
    }
    write_stamp(f::START_TIME_OF_STATE, lease.starts, writer)?;
    // With a status that ends come all three of its times; one that is not there is zero (RFC 8156
    // §7.4 has them "if and only if", and no value for what was never acknowledged).
    let timed = |time: Option<Stamp>| time.or(lease.state_expires.and(NONE));
    write_stamp(f::STATE_EXPIRATION_TIME, lease.state_expires, writer)?;
    if let Some(seconds) = lease.last_heard {
        writer.push_u32(code::CLT_TIME, seconds.0)?;
    }
    write_stamp(f::PARTNER_LIFETIME, timed(lease.partner_lifetime), writer)?;
    write_stamp(f::PARTNER_RAW_CLT_TIME, lease.partner_raw_cltt, writer)?;
    write_stamp(f::EXPIRATION_TIME, timed(lease.expires), writer)?;
    write_octets(code::CLIENT_FQDN, lease.fqdn.as_deref(), writer)?;
    write_octets(f::DNS_REMOVAL_INFO, lease.dns_removal.as_deref(), writer)
}

fn write_lease_answer(lease: &LeaseAnswer, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    write_resource(lease.resource, [lease.preferred, lease.valid], writer, |inside| {
        write_refusal(lease.refusal.as_ref(), inside)?;
        write_answer_options(lease, inside)
    })
}

fn write_answer_options(lease: &LeaseAnswer, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    if let Some(status) = lease.status {
        writer.push_u8(f::BINDING_STATUS, number::of_status(status))?;
    }
    write_stamp(f::STATE_EXPIRATION_TIME, lease.state_expires, writer)?;
    write_stamp(f::PARTNER_LIFETIME_SENT, lease.partner_lifetime, writer)
}

fn write_resource(
    resource: Resource,
    lifetimes: [Seconds; 2],
    writer: &mut OptionWriter<'_>,
    inside: impl FnOnce(&mut OptionWriter<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    match resource {
        Resource::Address(address) => writer.address(address, lifetimes, inside),
        Resource::Prefix(prefix) => writer.prefix(prefix, lifetimes, inside),
    }
}

fn write_refusal(refusal: Option<&Refusal>, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    let Some(refusal) = refusal else { return Ok(()) };
    writer.status(refusal.status, &printable(&refusal.text))
}

/// The time that is zero on the wire.
const NONE: Option<Stamp> = Some(Stamp(946_684_800));

fn write_stamp(code: u16, stamp: Option<Stamp>, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    let Some(stamp) = stamp else { return Ok(()) };
    writer.push_u32(code, stamp.seconds_since_2000())
}

fn write_octets(code: u16, data: Option<&[u8]>, writer: &mut OptionWriter<'_>) -> Result<(), Full> {
    let Some(data) = data else { return Ok(()) };
    writer.push(code, data)
}
