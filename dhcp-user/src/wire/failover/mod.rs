//! DHCPv4 failover messages (draft-12 §6, §7, §12) as ISC dhcpd 4.4 speaks them.
//!
//! Owned values: a message waits for the disk before it leaves, and for its turn when it came.

mod binding;
mod message;
mod reject;
mod state;

pub use binding::{BindingStatus, IpFlags};
pub use message::{
    Acknowledgement, Connect, ConnectAck, Ddns, Message, Packet, StateReport, TlsReply, TlsRequest,
    Update,
};
pub use reject::{Reject, Rejection};
pub use state::State;
