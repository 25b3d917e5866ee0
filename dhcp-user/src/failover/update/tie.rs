//! Both servers heard the client in one second, in DHCPv6 within five, and say different things of its
//! lease: whose word holds.
//!
//! Departs from draft-12 §7.1.3, whose "later" neither word is: each server would refuse the other for
//! good. By RFC 8156 §7.5.4 each would take the other's, which two that cross must not.

use super::conflict::{Ours, Theirs};
use crate::failover::Dialect;
use crate::lease::{Binding, Told};
use crate::wire::Stamp;
use crate::wire::failover::BindingStatus;

/// Whether the partner's word is taken for `binding`, where both are of one time. `has_lost`: an update
/// of ours was on its way, and counts no more.
pub(super) fn is_theirs(
    now: Stamp,
    ours: Ours<'_>,
    binding: &Binding,
    theirs: Theirs<'_>,
    has_lost: bool,
) -> bool {
    use BindingStatus::{Active, Released};
    if is_overtaken_release(now, ours.dialect, theirs) {
        return false;
    }
    match (binding.status, theirs.status) {
        // A client that leaves one server and comes to the other has come.
        (Released, Active) => true,
        // Our own word of the lease is on its way, and the partner, whose client has left, takes it.
        (Active, _) if has_lost && ours.dialect == Dialect::Tandem => false,
        // The partner's word follows what it knows of ours.
        _ => binding.told == Told::Acknowledged,
    }
}

/// Whether a dhcpd took our word on the lease for its own after its client had left it, and before it
/// told so: it tells the release then with the end that we told it (spec §6.3). Whether the client left
/// before it came to us or after cannot be seen in one second; an address that is kept for it in vain
/// is the lesser fault.
fn is_overtaken_release(now: Stamp, dialect: Dialect, theirs: Theirs<'_>) -> bool {
    (dialect, theirs.status) == (Dialect::Dhcpd, BindingStatus::Released)
        && theirs.expires.is_some_and(|expires| expires > now)
}
