//! A binding as the partner is told it, and what the partner tells in our terms, whichever protocol it
//! goes into.

mod v4;
mod v4_client;
mod v6;
mod v6_client;

use crate::config::model::{Protocol, Secret};
use crate::failover::event::Action;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, Client, Resource};
use crate::wire::failover::{BindingStatus, IpFlags, Message, Update};
use crate::wire::{Stamp, failover6};

#[cfg(test)]
pub(super) use self::v4_client::request_options;
pub(super) use self::v6_client::{Association, Holder};

/// Why a binding cannot be told; in words.
pub(super) type Untellable = &'static str;

/// How it is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling<'a> {
    pub(super) now: Stamp,
    pub(super) role: Role,
    pub(super) dialect: Dialect,
    /// Whether our configuration keeps the address for one client.
    pub(super) is_reserved: bool,
    /// Whether it is the partner's, and asked back.
    pub(super) takes_back: bool,
    /// What the keys of clients for Reconfigures follow from, if the partner is told them.
    pub(super) reconfigure: Option<&'a Secret>,
}

/// One resource as it is told.
#[derive(Clone, Debug)]
pub(super) struct Line {
    wording: Wording,
    /// potential-expiration-time, or F_PARTNER_LIFETIME, that goes with it.
    pub(super) potential: Stamp,
    /// It is told as the primary's and nobody's, which it becomes once the partner agrees.
    pub(super) cancels: bool,
}

/// In which words.
#[derive(Clone, Debug)]
enum Wording {
    V4(Update),
    V6(v6::Said),
}

/// A message that is being made.
#[derive(Debug)]
pub(super) enum Draft {
    V4 { updates: Vec<Update>, len: usize, is_whole: bool },
    V6(Box<v6::Letter>),
}

/// What the partner says of one resource, in our clock's time.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// How the partner means it.
    pub(super) dialect: Dialect,
    pub(super) status: BindingStatus,
    pub(super) flags: IpFlags,
    pub(super) client: Option<Client>,
    pub(super) expires: Option<Stamp>,
    pub(super) potential: Option<Stamp>,
    pub(super) starts: Option<Stamp>,
    pub(super) cltt: Option<Stamp>,
    /// The latest end that the partner has ever agreed to (F_EXPIRATION_TIME; in RFC 8156 alone).
    pub(super) agreed: Option<Stamp>,
}

impl Telling<'_> {
    /// The binding as the partner is told, by `protocol`.
    ///
    /// # Errors
    /// If the partner takes no such binding.
    pub(super) fn line(
        self,
        protocol: Protocol,
        resource: Resource,
        binding: &Binding,
    ) -> Result<Line, Untellable> {
        match (protocol, resource) {
            (Protocol::Dhcpv4, Resource::Ipv4(address)) => {
                let update = self.update(address, binding)?;
                Ok(Line {
                    potential: update.potential.unwrap_or(Stamp::ZERO),
                    cancels: binding.is_kept() && !update.flags.reserved,
                    wording: Wording::V4(update),
                })
            }
            (Protocol::Dhcpv6, _) => {
                let said = self.said(resource, binding)?;
                Ok(Line {
                    potential: said.lease.partner_lifetime.unwrap_or(Stamp::ZERO),
                    cancels: self.takes_back || binding.is_kept() && !self.is_reserved,
                    wording: Wording::V6(said),
                })
            }
            (Protocol::Dhcpv4, _) => Err("it is of another protocol"),
        }
    }
}

/// potential-expiration-time that is told of a lease, or F_PARTNER_LIFETIME: what was set with it, and
/// never less than what either has agreed to already, as the lease may be renewed up to that (draft-12
/// §5.2.1; RFC 8156 §4.4).
fn potential(binding: &Binding) -> Stamp {
    let agreed = binding.acked_potential.max(binding.received_potential);
    binding.sent_potential.max(agreed).max(binding.expires)
}

impl Draft {
    /// One that begins with this, to a partner of that dialect.
    pub(super) fn of(now: Stamp, dialect: Dialect, line: Line) -> Self {
        match line.wording {
            Wording::V4(update) => Self::V4 {
                len: update.encoded_len(),
                updates: vec![update],
                is_whole: dialect == Dialect::Dhcpd,
            },
            Wording::V6(said) => Self::V6(Box::new(v6::Letter::of(now, said))),
        }
    }

    /// Adds this; false if it must go into another one.
    pub(super) fn add(&mut self, line: Line) -> bool {
        match (self, line.wording) {
            (Self::V4 { updates, len, .. }, Wording::V4(update))
                if *len + update.encoded_len() <= Update::BATCH_LEN =>
            {
                *len += update.encoded_len();
                updates.push(update);
                true
            }
            (Self::V6(letter), Wording::V6(said)) => letter.add(said),
            _ => false,
        }
    }

    /// Whether what has this binding may go into it, too, as far as its client tells.
    pub(super) fn is_for(&self, binding: Option<&Binding>) -> bool {
        match self {
            Self::V4 { .. } => true,
            Self::V6(letter) => letter.is_for(binding),
        }
    }

    /// Whether nothing more goes into it.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::V4 { is_whole, .. } => *is_whole,
            Self::V6(letter) => letter.is_whole(),
        }
    }

    /// On its way.
    pub(super) fn sent(self, xid: u32) -> Action {
        match self {
            Self::V4 { updates, .. } => Action::Send(xid, Message::BindingUpdate(updates)),
            Self::V6(letter) => {
                let message = failover6::Message::BindingUpdate(Box::new(letter.into_binding()));
                Action::Send6(xid, message)
            }
        }
    }
}
