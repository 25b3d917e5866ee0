//! The service view: what this server may do with the addresses of one relationship at the moment.
//!
//! The failover endpoint makes it from its state, workers and the sweep read it from one atomic
//! pointer, and nobody else decides about states. The times that the protocol bounds are reckoned
//! here, once for everybody.

use super::binding::{Binding, Told};
use super::layout::Owner;
use crate::wire::{BindingStatus, Seconds, Stamp};

/// The views of all relationships, in the order of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Views(pub Vec<View>);

/// What this server may do with the addresses of one relationship.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Who is answered.
    pub answers: Answers,
    /// Whose available addresses are ours to give.
    pub owner: Owner,
    /// Maximum client lead time; `None` is a server without a partner.
    pub mclt: Option<Seconds>,
    /// Whether the end that the client was told counts like one that the partner acknowledged, as in
    /// COMMUNICATIONS-INTERRUPTED and RESOLUTION-INTERRUPTED (draft-12 §9.9.2, §9.11.2).
    pub counts_told_ends: bool,
    /// Whether a lease that is over may be ended here; in NORMAL the primary alone does.
    pub ends_leases: bool,
    /// PARTNER-DOWN: what was the partner's becomes ours.
    pub takeover: Option<Takeover>,
}

/// Who is answered (draft-12 §9, the "responsive" column).
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Nobody; a request leaves no trace.
    Nobody,
    /// Renewals and rebindings alone (RECOVER-DONE).
    Extensions,
    /// Everybody.
    Everybody,
    /// NORMAL: renewals and rebindings, and else the clients whose hash is ours (RFC 3074).
    Shared(Share),
}

/// Which clients are ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Bit h set: clients with hash h are ours. Bit h is bit h % 64 of word h / 64.
    pub buckets: [u64; 4],
    /// A client that has asked for more seconds than this is anybody's; `None`: never (RFC 3074 §5.3).
    pub max_secs: Option<u16>,
    /// Whether the partner has run out of addresses somewhere: then its clients are answered where it
    /// has none.
    pub is_partner_starved: bool,
}

/// The partner is down (draft-12 §5.2.1, §9.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Takeover {
    /// When PARTNER-DOWN began, or the partner went down if that is known.
    pub since: Stamp,
}

impl Views {
    /// The view of the relationship at this place of the configuration; of none, a server's that has
    /// no partner.
    #[must_use]
    pub fn of(&self, relationship: Option<u16>) -> &View {
        const ALONE: &View = &View::ALONE;
        relationship.map_or(ALONE, |place| self.0.get(usize::from(place)).unwrap_or(&View::SILENT))
    }
}

impl View {
    /// A server without a partner.
    pub const ALONE: Self = Self {
        answers: Answers::Everybody,
        owner: Owner::Primary,
        mclt: None,
        counts_told_ends: false,
        ends_leases: true,
        takeover: None,
    };

    /// An endpoint that has not said anything yet: nothing may be done.
    pub const SILENT: Self = Self {
        answers: Answers::Nobody,
        owner: Owner::Primary,
        mclt: Some(Seconds(0)),
        counts_told_ends: false,
        ends_leases: false,
        takeover: None,
    };

    /// How a change made here is marked: with a partner, it must be told.
    #[must_use]
    pub fn told(&self) -> Told {
        if self.mclt.is_some() { Told::Unsent } else { Told::Acknowledged }
    }

    /// What of the `desired` lease time a client may be granted of an address that is bound as `old`
    /// (draft-12 §5.2.1, §7.1.5): at most the MCLT beyond what the partner has acknowledged or said
    /// of this lease. What it knew of an earlier one counts no more once it agreed that the address
    /// is nobody's: down here, it may be given away there as soon as the MCLT is over.
    #[must_use]
    pub fn lease_time(&self, now: Stamp, old: Option<&Binding>, desired: Seconds) -> Seconds {
        let Some(mclt) = self.mclt else { return desired };
        let known = old.filter(|old| old.has_lease()).map_or(Stamp::ZERO, |old| {
            let told = if self.counts_told_ends { old.expires } else { Stamp::ZERO };
            old.acked_potential.max(old.received_potential).max(told)
        });
        if known == Stamp::NEVER {
            return desired;
        }
        desired.min(Seconds(known.since(now).0.saturating_add(mclt.0)))
    }

    /// The potential-expiration-time that goes with a lease of `lease` out of `desired`, whose client
    /// comes back after `renew` (draft-12 §5.2.1): so far ahead that the renewal can be granted in full.
    #[must_use]
    pub fn potential(&self, now: Stamp, renew: Seconds, desired: Seconds) -> Stamp {
        if desired == Seconds::INFINITE { Stamp::NEVER } else { now.after(renew).after(desired) }
    }

    /// Whether an address that is bound as `binding`, to whomever, may go to a new client of ours
    /// (draft-12 §5.2.2, §5.4, §9.4.2). What a reservation keeps is not this question.
    #[must_use]
    pub fn may_give(&self, now: Stamp, binding: Option<&Binding>) -> bool {
        let owner = match binding.map(|binding| binding.status) {
            None | Some(BindingStatus::Free) => Owner::Primary,
            Some(BindingStatus::Backup) => Owner::Secondary,
            Some(BindingStatus::Active | BindingStatus::Abandoned) => return false,
            Some(BindingStatus::Expired | BindingStatus::Released | BindingStatus::Reset) => {
                return binding
                    .and_then(|binding| self.reusable_after(binding))
                    .is_some_and(|after| now > after);
            }
        };
        owner == self.owner || self.mclt.is_none() || self.is_taken_over(now)
    }

    /// Whether the wait after PARTNER-DOWN for what was the partner's is over.
    #[must_use]
    pub fn is_taken_over(&self, now: Stamp) -> bool {
        let Some((takeover, mclt)) = self.takeover.zip(self.mclt) else { return false };
        now > takeover.since.after(mclt)
    }

    /// After which moment a lease that is over, and to whose end the partner has not agreed, may be
    /// forgotten; `None` while nothing but the partner's word ends it (draft-12 §5.2.2, §9.4.2).
    #[must_use]
    pub fn reusable_after(&self, binding: &Binding) -> Option<Stamp> {
        let Some(mclt) = self.mclt else { return Some(Stamp::ZERO) };
        let since = self.takeover?.since;
        let known = binding.acked_potential.max(binding.received_potential);
        if binding.cltt <= since {
            // As it was when the partner went down: it may have leased it for so long.
            let known = known.max(binding.sent_potential);
            return Some(known.max(binding.expires).max(since).after(mclt));
        }
        // The client was last heard here, after the partner went down, and the partner has not heard
        // of that: the end that the client was told is the end, and `sent_potential` a wish.
        if known <= since {
            return Some(binding.expires);
        }
        Some(known.max(binding.expires).after(mclt))
    }
}

impl Share {
    /// Whether a client with this hash, which has asked for so many seconds, is ours.
    #[must_use]
    pub fn is_ours(&self, hash: u8, secs: u16) -> bool {
        let (word, bit) = (usize::from(hash / 64), hash % 64);
        self.buckets[word] >> bit & 1 == 1 || self.max_secs.is_some_and(|most| secs > most)
    }
}
