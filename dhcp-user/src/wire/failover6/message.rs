//! The messages (RFC 8156 §5.3).

use super::{Answer, Binding};
use crate::wire::dhcpv6::StatusCode;
use crate::wire::failover::State;
use crate::wire::{Seconds, Stamp};

/// One message with its header (RFC 8156 §5.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// transaction-id, 24 bits: a request's own; in an answer that of its request.
    pub xid: u32,
    /// sent-time: the sender's clock when it was sent. `None` for STARTTLS and the Reply to it.
    pub sent: Option<Stamp>,
    /// What it says.
    pub message: Message,
}

/// What one partner says to the other; the numbers are those of the types.
#[derive(Clone, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Message {
    /// 7: Reply to a STARTTLS; TLS follows, unless it is refused (RFC 7653 §8.2).
    TlsReply(Option<Refusal>) = 7,
    /// 23: let TLS begin (RFC 7653 §8.2).
    StartTls = 23,
    /// 24: BNDUPD, this changed (RFC 8156 §7.5).
    BindingUpdate(Box<Binding>) = 24,
    /// 25: BNDREPLY, taken or refused (RFC 8156 §7.6).
    BindingReply(Box<Answer>) = 25,
    /// 26: see whether prefixes are in balance (RFC 8156 §5.3.3).
    PoolRequest = 26,
    /// 27: it will be seen to.
    PoolResponse = 27,
    /// 28: send what I have not acknowledged.
    UpdateRequest = 28,
    /// 29: send everything.
    UpdateRequestAll = 29,
    /// 30: all that was asked for has been sent and answered.
    UpdateDone = 30,
    /// 31: the primary introduces itself (RFC 8156 §6.1.1).
    Connect(Connect) = 31,
    /// 32: the secondary agrees or not (RFC 8156 §6.1.2).
    ConnectReply(ConnectReply) = 32,
    /// 33: I close the connection, and why.
    Disconnect(Option<Refusal>) = 33,
    /// 34: I am in this state (RFC 8156 §6.3).
    State(StateReport) = 34,
    /// 35: I am here.
    Contact = 35,
}

/// A status other than Success, with words for whoever reads the other log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// status-code.
    pub status: StatusCode,
    /// status-message; may be empty.
    pub text: String,
}

impl Refusal {
    /// The same without words.
    #[must_use]
    pub fn unexplained(self) -> Self {
        Self { text: String::new(), ..self }
    }
}

/// F_PROTOCOL_VERSION (RFC 8156 §5.5.12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    /// What two partners must have in common.
    pub major: u16,
    /// What they need not.
    pub minor: u16,
}

/// The version that RFC 8156 is.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// CONNECT (RFC 8156 §6.1.1). What a partner left out is `None`, so that it can be told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connect {
    /// F_PROTOCOL_VERSION.
    pub version: Option<Version>,
    /// F_MCLT.
    pub mclt: Option<Seconds>,
    /// F_KEEPALIVE_TIME: how long a silence the sender bears.
    pub keepalive: Option<Seconds>,
    /// F_MAX_UNACKED_BNDUPD.
    pub max_unacked: Option<u32>,
    /// F_RELATIONSHIP_NAME.
    pub relationship: Option<Box<[u8]>>,
    /// F_CONNECT_FLAGS: FIXED_PD_LENGTH, all prefixes out of one have one length.
    pub fixed_lengths: Option<bool>,
}

/// CONNECTREPLY (RFC 8156 §6.1.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConnectReply {
    /// So be it, on these terms; a relationship-name among them says nothing.
    Accepted(Connect),
    /// No.
    Refused(Refusal),
}

/// STATE (RFC 8156 §6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StateReport {
    /// F_SERVER_STATE; never STARTUP.
    pub state: State,
    /// F_SERVER_FLAGS: STARTUP, the state is the one before.
    pub is_startup: bool,
    /// F_SERVER_FLAGS: ACK_STARTUP, the partner's last had STARTUP.
    pub acks_startup: bool,
    /// F_SERVER_FLAGS: COMMUNICATED, ever before.
    pub has_communicated: bool,
    /// F_START_TIME_OF_STATE.
    pub since: Stamp,
    /// F_PARTNER_DOWN_TIME: when PARTNER-DOWN was entered; in no other state.
    pub partner_down: Option<Stamp>,
}

impl Message {
    /// msg-type.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::TlsReply(_) => 7,
            Self::StartTls => 23,
            Self::BindingUpdate(_) => 24,
            Self::BindingReply(_) => 25,
            Self::PoolRequest => 26,
            Self::PoolResponse => 27,
            Self::UpdateRequest => 28,
            Self::UpdateRequestAll => 29,
            Self::UpdateDone => 30,
            Self::Connect(_) => 31,
            Self::ConnectReply(_) => 32,
            Self::Disconnect(_) => 33,
            Self::State(_) => 34,
            Self::Contact => 35,
        }
    }
}

impl StateReport {
    pub(super) const ACK_STARTUP: u8 = 0x04;
    pub(super) const STARTUP: u8 = 0x02;
    pub(super) const COMMUNICATED: u8 = 0x01;
}

impl Connect {
    /// F_CONNECT_FLAGS: FIXED_PD_LENGTH.
    pub(super) const FIXED_LENGTHS: u16 = 0x0001;
}
