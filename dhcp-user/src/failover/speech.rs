//! What is said and heard, whichever of the two protocols it goes into: draft-12 §7, or RFC 8156 §5.3.
//!
//! An endpoint says [`Word`]s and acts on what is [`Heard`]; that both become one protocol's messages
//! is decided here alone. Bindings are said in each protocol's own terms.

use super::event::Action;
use crate::config::model::Protocol;
use crate::wire::failover::{
    self as v4, Acknowledgement, Reject, Rejection, State, StateReport, Update,
};
use crate::wire::{Stamp, dhcpv6::StatusCode, failover6 as v6};

/// What one endpoint says of itself, or wants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    State(Report),
    Contact,
    UpdateRequest,
    UpdateRequestAll,
    UpdateDone,
    PoolRequest,
    PoolResponse {
        /// How many addresses were moved; RFC 8156 does not say it.
        transferred: u32,
    },
}

/// STATE.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) state: State,
    /// The state is the one before STARTUP.
    pub(super) is_startup: bool,
    pub(super) since: Stamp,
    /// ACK_STARTUP: the other's last was such a one. RFC 8156 alone has it, and the next.
    pub(super) acks_startup: bool,
    /// COMMUNICATED: the two have spoken with each other ever before.
    pub(super) has_communicated: bool,
}

/// One message of the partner's.
#[derive(Debug)]
pub(super) struct Letter<'a> {
    pub(super) xid: u32,
    /// The partner's clock when it was sent.
    pub(super) sent: Stamp,
    pub(super) heard: Heard<'a>,
}

/// What it says.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    State(Report),
    Contact,
    /// The partner closes the connection, and perhaps says why.
    Disconnect(Option<Rejection>),
    /// What belongs ahead of the link alone.
    Greeting,
    /// UPDREQ, or UPDREQALL.
    Request {
        all: bool,
    },
    UpdateDone,
    PoolRequest,
    PoolResponse {
        transferred: u32,
    },
    Updates(&'a [Update]),
    Answers(&'a [Acknowledgement]),
    /// BNDUPD of RFC 8156.
    Binding(&'a v6::Binding),
    /// BNDREPLY.
    Reply(&'a v6::Answer),
}

impl Word {
    /// It, on its way to a partner that speaks `protocol`.
    pub(super) fn said(self, protocol: Protocol, xid: u32) -> Action {
        match protocol {
            Protocol::Dhcpv4 => Action::Send(xid, self.as_v4()),
            Protocol::Dhcpv6 => Action::Send6(xid, self.as_v6()),
        }
    }

    fn as_v4(self) -> v4::Message {
        use v4::Message;
        match self {
            Self::State(Report { state, is_startup, since, .. }) => {
                Message::State(StateReport { state, is_startup, since })
            }
            Self::Contact => Message::Contact,
            Self::UpdateRequest => Message::UpdateRequest,
            Self::UpdateRequestAll => Message::UpdateRequestAll,
            Self::UpdateDone => Message::UpdateDone,
            Self::PoolRequest => Message::PoolRequest,
            Self::PoolResponse { transferred } => Message::PoolResponse { transferred },
        }
    }

    fn as_v6(self) -> v6::Message {
        use v6::Message;
        match self {
            Self::State(report) => {
                let Report { state, is_startup, since, acks_startup, has_communicated } = report;
                // Since when that state is, and not since when the link is gone: RFC 8156 §5.5.9 and
                // §6.3 say both.
                let partner_down = (state == State::PartnerDown).then_some(since);
                Message::State(v6::StateReport {
                    state,
                    is_startup,
                    acks_startup,
                    has_communicated,
                    since,
                    partner_down,
                })
            }
            Self::Contact => Message::Contact,
            Self::UpdateRequest => Message::UpdateRequest,
            Self::UpdateRequestAll => Message::UpdateRequestAll,
            Self::UpdateDone => Message::UpdateDone,
            Self::PoolRequest => Message::PoolRequest,
            Self::PoolResponse { .. } => Message::PoolResponse,
        }
    }
}

impl<'a> From<&'a v4::Packet> for Letter<'a> {
    fn from(packet: &'a v4::Packet) -> Self {
        use v4::Message;
        let heard = match &packet.message {
            Message::State(StateReport { state, is_startup, since }) => Heard::State(Report {
                state: *state,
                is_startup: *is_startup,
                since: *since,
                acks_startup: false,
                has_communicated: false,
            }),
            Message::Contact => Heard::Contact,
            Message::Disconnect(why) => Heard::Disconnect(why.clone()),
            Message::Connect(_) | Message::ConnectAck(_) => Heard::Greeting,
            Message::UpdateRequest => Heard::Request { all: false },
            Message::UpdateRequestAll => Heard::Request { all: true },
            Message::UpdateDone => Heard::UpdateDone,
            Message::PoolRequest => Heard::PoolRequest,
            Message::PoolResponse { transferred } => {
                Heard::PoolResponse { transferred: *transferred }
            }
            Message::BindingUpdate(updates) => Heard::Updates(updates),
            Message::BindingAck(answers) => Heard::Answers(answers),
        };
        Self { xid: packet.xid, sent: packet.time, heard }
    }
}

impl<'a> Letter<'a> {
    /// As it was read at `now`: what has no sent-time is taken for sent then.
    pub(super) fn of_v6(now: Stamp, packet: &'a v6::Packet) -> Self {
        use v6::Message;
        let heard = match &packet.message {
            Message::State(report) => Heard::State(Report {
                state: report.state,
                is_startup: report.is_startup,
                since: report.since,
                acks_startup: report.acks_startup,
                has_communicated: report.has_communicated,
            }),
            Message::Contact => Heard::Contact,
            Message::Disconnect(why) => Heard::Disconnect(why.as_ref().map(rejection)),
            Message::Connect(_)
            | Message::ConnectReply(_)
            | Message::StartTls
            | Message::TlsReply(_) => Heard::Greeting,
            Message::UpdateRequest => Heard::Request { all: false },
            Message::UpdateRequestAll => Heard::Request { all: true },
            Message::UpdateDone => Heard::UpdateDone,
            Message::PoolRequest => Heard::PoolRequest,
            Message::PoolResponse => Heard::PoolResponse { transferred: 0 },
            Message::BindingUpdate(binding) => Heard::Binding(binding),
            Message::BindingReply(answer) => Heard::Reply(answer),
        };
        Self { xid: packet.xid, sent: packet.sent.unwrap_or(now), heard }
    }
}

/// Why, in the words of draft-12, as logs and operators have it for both protocols.
pub(super) fn rejection(refusal: &v6::Refusal) -> Rejection {
    let reason = match refusal.status {
        StatusCode::EXCESSIVE_TIME_SKEW => Reject::TimeMismatch,
        StatusCode::NOT_SUPPORTED => Reject::ProtocolVersion,
        StatusCode::CONFIGURATION_CONFLICT => Reject::InvalidPartner,
        StatusCode::ADDRESS_IN_USE => Reject::InUse,
        StatusCode::MISSING_BINDING_INFORMATION => Reject::MissingInformation,
        StatusCode::OUTDATED_BINDING_INFORMATION => Reject::Outdated,
        StatusCode::TLS_CONNECTION_REFUSED => Reject::TlsNotConfigured,
        _ => Reject::Unspecified,
    };
    let colon = if refusal.text.is_empty() { "" } else { ": " };
    Rejection { reason, text: format!("{}{colon}{}", refusal.status, refusal.text) }
}

/// Why a lease of the partner's is refused (RFC 8156 §5.6).
pub(super) fn refusal(reason: Reject, text: &str) -> v6::Refusal {
    let status = match reason {
        Reject::InUse => StatusCode::ADDRESS_IN_USE,
        Reject::Outdated | Reject::LessCritical => StatusCode::OUTDATED_BINDING_INFORMATION,
        Reject::MissingInformation => StatusCode::MISSING_BINDING_INFORMATION,
        Reject::UnknownAddress | Reject::NotReserved => StatusCode::CONFIGURATION_CONFLICT,
        _ => StatusCode::UNSPEC_FAIL,
    };
    v6::Refusal { status, text: text.to_owned() }
}

impl From<&Rejection> for v6::Refusal {
    /// A DISCONNECT of ours (RFC 8156 §5.3.10). What has no status of its own is UnspecFail.
    fn from(Rejection { reason, text }: &Rejection) -> Self {
        let status = match reason {
            Reject::TimeMismatch => StatusCode::EXCESSIVE_TIME_SKEW,
            // Said by a server that stops, and by nobody else.
            Reject::Unknown => StatusCode::SERVER_SHUTTING_DOWN,
            _ => StatusCode::UNSPEC_FAIL,
        };
        Self { status, text: text.clone() }
    }
}
