//! Whose word holds about an address or a prefix: what of the partner's is taken, and what refused
//! (draft-12 §7.1.3; RFC 8156 §7.5.4).

mod v4;
mod v6;

use super::duel::{self, Outstanding};
use super::merge;
use crate::config::model::Protocol;
use crate::failover::{Dialect, Role};
use crate::lease::{Binding, Client, Told};
use crate::wire::failover::{BindingStatus, Reject};
use crate::wire::{Seconds, Stamp};

/// By how much the partner's clock, corrected, may be ahead of ours: both count whole seconds.
const ROUNDING: Seconds = Seconds(1);

/// What the partner says of an address, its times corrected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theirs<'a> {
    pub(super) status: BindingStatus,
    /// client-last-transaction-time; `None` if none came.
    pub(super) cltt: Option<Stamp>,
    /// start-time-of-state.
    pub(super) starts: Option<Stamp>,
    /// lease-expiration-time; `None` if none came.
    pub(super) expires: Option<Stamp>,
    pub(super) client: Option<&'a Client>,
    /// R.
    pub(super) is_reserved_there: bool,
    /// Whether our own configuration keeps the address for one client.
    pub(super) is_reserved_here: bool,
}

/// What is known here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ours<'a> {
    /// By whose figure is decided.
    pub(super) protocol: Protocol,
    pub(super) role: Role,
    /// What the partner takes, and how it decides.
    pub(super) dialect: Dialect,
    /// `None`: never used, so available.
    pub(super) binding: Option<&'a Binding>,
    /// An update of ours that the partner has not answered, and has no reason to take back.
    pub(super) outstanding: Option<Outstanding>,
}

/// What may be asked before an update is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rule {
    Accept,
    /// The partner has heard the client later: (1) of draft-12, "accept" of RFC 8156.
    HeardLater,
    /// Our lease is over: (2), time(1).
    Over,
    /// The partner has heard the client since our address is what it is: (3), time(2).
    HeardSince,
    /// The client was not heard since the partner's address is what it is.
    Unheard,
    /// Never, while the address is set aside: (4).
    Never,
    /// The same client, or we are the secondary: (5), accept(3).
    SameClient,
}

/// Why an update is refused, the words for the partner's log.
pub(super) type Refusal = (Reject, &'static str);

/// Whether what is over for the partner is another lease than ours, and a later one: the client left the
/// partner, which knew of our lease, came back to it, and is gone again, or was told of an earlier end. Of
/// a lease that goes on the partner keeps the end that it knew; dhcpd does not.
fn is_later_lease(binding: &Binding, theirs: Theirs<'_>) -> bool {
    theirs.status == BindingStatus::Expired
        && binding.told == Told::Acknowledged
        && theirs.cltt > Some(binding.cltt)
        && merge::is_same(binding.client.as_ref(), theirs.client)
}

/// Whether what `theirs` says is taken, and else why not.
///
/// # Errors
/// The reject-reason, and words.
pub(super) fn judge(now: Stamp, ours: Ours<'_>, theirs: Theirs<'_>) -> Result<(), Refusal> {
    match (theirs.is_reserved_there, theirs.is_reserved_here, theirs.status) {
        (true, false, BindingStatus::Backup) => {
            return Err((Reject::NotReserved, "the address is not reserved here"));
        }
        // Its client is served here still, and the partner would give it to others. What the secondary
        // gives up is the primary's, reserved or not.
        (false, true, BindingStatus::Free) if ours.role == Role::Secondary => {
            return Err((Reject::NotReserved, "the address is still reserved here"));
        }
        _ => {}
    }
    let has_lost = duel::is_lost(now, ours, theirs)?;
    let Some(binding) = ours.binding else { return Ok(()) };
    match ours.protocol {
        Protocol::Dhcpv4 => v4::judge(now, ours, theirs, binding, has_lost),
        Protocol::Dhcpv6 => v6::judge(now, ours, theirs, binding, has_lost),
    }
}
