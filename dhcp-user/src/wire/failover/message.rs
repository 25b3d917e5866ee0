//! The twelve messages (draft-12 §7).

use std::net::Ipv4Addr;

use super::{BindingStatus, IpFlags, Rejection, State};
use crate::wire::{Seconds, Stamp};

/// One message with its header (draft-12 §6.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packet {
    /// The sender's clock when it was sent.
    pub time: Stamp,
    /// A request's own; in a response that of its request.
    pub xid: u32,
    /// What it says.
    pub message: Message,
}

/// What one partner says to the other (draft-12 §7); the numbers are those of the types.
#[derive(Clone, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Message {
    /// 1: give me addresses (§7.6).
    PoolRequest = 1,
    /// 2: so many were moved (§7.7).
    PoolResponse {
        /// addresses-transferred.
        transferred: u32,
    } = 2,
    /// 3: these bindings changed (§7.1). At least one; more only to a partner that takes it.
    BindingUpdate(Vec<Update>) = 3,
    /// 4: taken or refused, each of them (§7.2).
    BindingAck(Vec<Acknowledgement>) = 4,
    /// 5: the primary introduces itself (§7.8).
    Connect(Box<Connect>) = 5,
    /// 6: the secondary agrees or not (§7.9).
    ConnectAck(Box<ConnectAck>) = 6,
    /// 7: send all bindings (§7.4).
    UpdateRequestAll = 7,
    /// 8: all that was asked for has been sent and answered (§7.5).
    UpdateDone = 8,
    /// 9: send what I have not acknowledged (§7.3).
    UpdateRequest = 9,
    /// 10: I am in this state (§7.10).
    State(StateReport) = 10,
    /// 11: I am here (§7.11).
    Contact = 11,
    /// 12: I close the connection, and why (§7.12).
    Disconnect(Option<Rejection>) = 12,
}

/// One address's binding in a BNDUPD (draft-12 Table 7.1-1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Update {
    /// assigned-IP-address.
    pub address: Ipv4Addr,
    /// binding-status.
    pub status: BindingStatus,
    /// client-identifier: option 61 whole. Never empty.
    pub identifier: Option<Box<[u8]>>,
    /// client-hardware-address: ARP hardware type, then chaddr. At least the type.
    pub hardware: Option<Box<[u8]>>,
    /// lease-expiration-time; [`Stamp::NEVER`] is 0x7fffffff on the wire.
    pub expires: Option<Stamp>,
    /// potential-expiration-time, likewise.
    pub potential: Option<Stamp>,
    /// start-time-of-state.
    pub starts: Option<Stamp>,
    /// client-last-transaction-time.
    pub cltt: Option<Stamp>,
    /// IP-flags; absent is none set.
    pub flags: IpFlags,
    /// client-request-options behind their magic (§2.3): DHCP options, one-octet code and length.
    pub request_options: Option<Box<[u8]>>,
    /// client-reply-options behind their magic.
    pub reply_options: Option<Box<[u8]>>,
    /// DDNS. Never towards dhcpd, which drops the link.
    pub ddns: Option<Ddns>,
}

/// The DDNS option (draft-12 §12.9).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ddns {
    /// 0x0001 C, 0x0002 A, 0x0004 D, 0x0008 P.
    pub flags: u16,
    /// FQDN in DNS encoding.
    pub name: Box<[u8]>,
}

/// The answer to one update.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acknowledgement {
    /// assigned-IP-address.
    pub address: Ipv4Addr,
    /// Why it was refused; `None` if it was taken.
    pub rejection: Option<Rejection>,
}

/// CONNECT (draft-12 §7.8). What a partner left out is `None`, so that it can be told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connect {
    /// relationship-name.
    pub relationship: Option<Box<[u8]>>,
    /// max-unacked-bndupd.
    pub max_unacked: Option<u32>,
    /// receive-timer.
    pub receive_timer: Option<Seconds>,
    /// vendor-class-identifier.
    pub vendor: Option<Box<[u8]>>,
    /// protocol-version.
    pub version: Option<u8>,
    /// TLS-request; a number we do not know is read as `None`.
    pub tls: Option<TlsRequest>,
    /// Maximum client lead time.
    pub mclt: Option<Seconds>,
    /// hash-bucket-assignment as it came; anything but 32 octets is refused.
    pub buckets: Option<Box<[u8]>>,
    /// delayed-service-parameter, in seconds.
    pub delayed_service: Option<u8>,
}

/// CONNECTACK (draft-12 §7.9).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConnectAck {
    /// relationship-name.
    pub relationship: Option<Box<[u8]>>,
    /// max-unacked-bndupd.
    pub max_unacked: Option<u32>,
    /// receive-timer.
    pub receive_timer: Option<Seconds>,
    /// vendor-class-identifier.
    pub vendor: Option<Box<[u8]>>,
    /// protocol-version.
    pub version: Option<u8>,
    /// TLS-reply, if TLS-request came.
    pub tls: Option<TlsReply>,
    /// Why not.
    pub rejection: Option<Rejection>,
}

/// TLS-request (draft-12 §12.27).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum TlsRequest {
    /// No TLS.
    None = 0,
    /// TLS if you can.
    Desired = 1,
    /// TLS or nothing.
    Required = 2,
}

/// TLS-reply (draft-12 §12.26).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum TlsReply {
    /// No TLS.
    None = 0,
    /// TLS, from now on.
    Use = 1,
}

/// STATE (draft-12 §7.10).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StateReport {
    /// server-state; never STARTUP.
    pub state: State,
    /// server-flags: STARTUP.
    pub is_startup: bool,
    /// start-time-of-state: since when the endpoint has it.
    pub since: Stamp,
}

impl TlsRequest {
    pub(super) fn from_octet(octet: u8) -> Option<Self> {
        [Self::None, Self::Desired, Self::Required].into_iter().find(|tls| *tls as u8 == octet)
    }
}

impl TlsReply {
    pub(super) fn from_octet(octet: u8) -> Option<Self> {
        [Self::None, Self::Use].into_iter().find(|tls| *tls as u8 == octet)
    }
}

impl StateReport {
    /// server-flags: STARTUP (draft-12 §12.23).
    pub(super) const STARTUP: u8 = 0x01;
}
