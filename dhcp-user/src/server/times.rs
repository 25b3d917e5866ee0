//! How long a lease lasts, and when its client comes back.

use super::options::Layers;
use crate::config::model::Parameters;
use crate::lease::Binding;
use crate::wire::{Seconds, Stamp};

/// What a client is told of time: options 51, 58 and 59.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Times {
    pub(super) lease: Seconds,
    /// T1; left out of an infinite lease.
    pub(super) renew: Seconds,
    /// T2; left out of an infinite lease.
    pub(super) rebind: Seconds,
}

impl Times {
    /// How long a lease would be for a client that asks for `asked`, if it asks (RFC 2131 §4.3.1:
    /// server policy decides), and if no partner had a say.
    ///
    /// Departs from RFC 2131 §4.3.1, by which a client that names no time is told what is left of
    /// the lease it has: clients rarely name one and expect a renewal to renew.
    pub(super) fn desired(layers: &Layers<'_>, asked: Option<Seconds>) -> Seconds {
        let usual = layers.parameter(|p| p.lease_time).unwrap_or(Parameters::LEASE_TIME);
        let longest = layers.parameter(|p| p.max_lease_time).unwrap_or(usual);
        let shortest = layers
            .parameter(|p| p.min_lease_time)
            .unwrap_or_else(|| usual.min(Parameters::MIN_LEASE_TIME));
        // Not `clamp`, which panics on bounds that cross: a class may lower the longest alone.
        asked.map_or(usual, |asked| asked.max(shortest)).min(longest)
    }

    /// For a lease of this length (RFC 2131 §4.4.5).
    pub(super) fn of(layers: &Layers<'_>, lease: Seconds) -> Self {
        let share = |permille: Option<u16>, usual: u16| {
            let permille = u64::from(permille.unwrap_or(usual).min(1000));
            Seconds((u64::from(lease.0) * permille / 1000) as u32)
        };
        let rebind = share(layers.parameter(|p| p.rebind_permille), Parameters::REBIND_PERMILLE);
        let renew = share(layers.parameter(|p| p.renew_permille), Parameters::RENEW_PERMILLE);
        // A class may set one of the two alone; T1 never lies behind T2.
        Self { lease, renew: renew.min(rebind), rebind }
    }

    /// What is left of `held`, if its client comes back so early that it is told just that and
    /// nothing is written. Not if `grantable`, what it could be granted now, is less than what is
    /// left, or more than it was granted: a first lease, of the MCLT alone, is extended as soon as its
    /// client asks (draft-12 §5.2.1).
    pub(super) fn reused(
        now: Stamp,
        layers: &Layers<'_>,
        held: &Binding,
        grantable: Seconds,
    ) -> Option<Self> {
        let permille = layers.parameter(|p| p.reuse_permille).filter(|permille| *permille > 0)?;
        let left = held.remaining(now);
        let whole = match held.expires {
            Stamp::NEVER => Seconds::INFINITE,
            expires => expires.since(held.cltt),
        };
        if !held.is_held(now) || left > grantable || grantable > whole {
            return None;
        }
        let gone = now.since(held.cltt);
        (u64::from(gone.0) * 1000 < u64::from(whole.0) * u64::from(permille))
            .then(|| Self::of(layers, left))
    }
}

/// For how long what is valid for a time is preferred (RFC 8415 §21.6), for a client that asks for `asked`,
/// if it asks.
pub(super) fn preferred(layers: &Layers<'_>, valid: Seconds, asked: Option<Seconds>) -> Seconds {
    let lease = || layers.parameter(|p| p.lease_time).unwrap_or(Parameters::LEASE_TIME);
    let usual = layers.parameter(|p| p.preferred_time);
    let usual = usual.unwrap_or_else(|| Parameters::preferred_by_default(lease()));
    let longest = layers.parameter(|p| p.max_preferred_time).unwrap_or(usual);
    let shortest = layers.parameter(|p| p.min_preferred_time).unwrap_or(Seconds(0));
    asked.map_or(usual, |asked| asked.max(shortest)).min(longest).min(valid)
}

/// T1 and T2 of all associations of one message, of which the shortest is preferred for so long
/// (RFC 8415 §21.4).
pub(super) fn shared(layers: &Layers<'_>, preferred: Seconds) -> [Seconds; 2] {
    if preferred == Seconds::INFINITE {
        return [Seconds::INFINITE; 2];
    }
    let share = |permille: Option<u16>, usual: u16| {
        let permille = u64::from(permille.unwrap_or(usual).min(1000));
        Seconds((u64::from(preferred.0) * permille / 1000) as u32)
    };
    let renew = share(layers.parameter(|p| p.renew_permille), Parameters::RENEW_PERMILLE);
    let rebind = share(layers.parameter(|p| p.rebind_permille), Parameters::REBIND_PERMILLE_V6);
    [renew.min(rebind), rebind]
}

/// How long an offered address is kept for its client.
pub(super) fn offer_time(layers: &Layers<'_>) -> Seconds {
    layers.parameter(|p| p.offer_time).unwrap_or(Parameters::OFFER_TIME)
}

/// How long a declined address is set aside.
pub(super) fn decline_time(layers: &Layers<'_>) -> Seconds {
    layers.parameter(|p| p.decline_time).unwrap_or(Parameters::DECLINE_TIME)
}
