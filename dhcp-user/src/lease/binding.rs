//! A binding: one address, whose it is and until when (draft-12 §2.2).

use super::client::Client;
use super::layout::Owner;
use crate::wire::{BindingStatus, IpFlags, Seconds, Stamp};

/// What one address is used for at one moment. Immutable: a change is a new value, one
/// [`version`](Self::version) later, swapped into the address's slot.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Binding {
    /// Grows by one with every change of this address, and from the largest to zero; of two records
    /// the [newer](Self::is_newer_than) one holds.
    pub version: u32,
    /// What the address is (draft-12 §2.2, §12.3).
    pub status: BindingStatus,
    /// R and B (draft-12 §12.12).
    pub flags: IpFlags,
    /// Whether the partner knows of this state.
    pub told: Told,
    /// start-time-of-state: since when `status` holds (draft-12 §12.25).
    pub starts: Stamp,
    /// lease-expiration-time: the end that the client was told (draft-12 §12.13). For
    /// [`BindingStatus::Abandoned`] when the address may be tried again.
    pub expires: Stamp,
    /// client-last-transaction-time: when this server last heard the client (draft-12 §12.6).
    pub cltt: Stamp,
    /// sent-potential-expiration-time (draft-12 §7.1.5): what the partner is told, set with the
    /// lease, whether or not it has been sent.
    pub sent_potential: Stamp,
    /// acked-potential-expiration-time.
    pub acked_potential: Stamp,
    /// received-potential-expiration-time.
    pub received_potential: Stamp,
    /// While this lies ahead, an available address is promised to `client` by a DHCPOFFER. Never
    /// journalled: a promise may be forgotten (RFC 2131 §3.1).
    pub offered_until: Stamp,
    /// Whose ring of the journal has the record of the last grant; `None` for what was recovered,
    /// which is durable. Never journalled.
    pub writer: Option<WriterId>,
    /// Who has it, or had it last; `None` if nobody ever did or it is abandoned.
    pub client: Option<Client>,
}

/// A thread with a ring of the journal to itself, by number.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WriterId(pub u16);

/// What the partner knows of a binding (draft-12 §5.5, §7.1.1). The numbers are on disk.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Told {
    /// It has acknowledged this state, or said it itself; or there is no partner.
    #[default]
    Acknowledged = 0,
    /// It must be told, and has not been.
    Unsent = 1,
    /// It was sent this state and has not answered: an EXPIRED, RELEASED or RESET address must not
    /// go back to its client (draft-12 §5.2.2).
    Sent = 2,
}

impl WriterId {
    /// The sweep, which ends leases.
    pub const SWEEP: Self = Self(u16::MAX);
}

impl Binding {
    /// An address in `status` since `starts`, of nobody; every time that is not given is not set.
    #[must_use]
    pub fn new(status: BindingStatus, starts: Stamp) -> Self {
        Self {
            version: 0,
            status,
            flags: IpFlags::default(),
            told: Told::Acknowledged,
            starts,
            expires: Stamp::ZERO,
            cltt: Stamp::ZERO,
            sent_potential: Stamp::ZERO,
            acked_potential: Stamp::ZERO,
            received_potential: Stamp::ZERO,
            offered_until: Stamp::ZERO,
            writer: None,
            client: None,
        }
    }

    /// Whether this is a later state of the same address than `other`. Right while fewer than 2³¹
    /// changes lie between the two, as they do between a snapshot and what follows it.
    #[must_use]
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.version.wrapping_sub(other.version).cast_signed() > 0
    }

    /// Whether a client holds this address at `now`.
    #[must_use]
    pub fn is_held(&self, now: Stamp) -> bool {
        self.status == BindingStatus::Active && self.expires > now
    }

    /// What is left of the lease at `now`.
    #[must_use]
    pub fn remaining(&self, now: Stamp) -> Seconds {
        if self.expires == Stamp::NEVER { Seconds::INFINITE } else { self.expires.since(now) }
    }

    /// Whether a client has the address, or had it and the partner has not agreed that it is gone.
    #[must_use]
    pub fn has_lease(&self) -> bool {
        use BindingStatus::{Active, Expired, Released};
        matches!(self.status, Active | Expired | Released)
    }

    /// Whether the address may be given to a client by the server whose it is.
    #[must_use]
    pub fn is_available(&self) -> bool {
        matches!(self.status, BindingStatus::Free | BindingStatus::Backup)
    }

    /// Whose the address is to give while it is available and not reserved (draft-12 §5.4). What was
    /// shown to the secondary as BACKUP for its reservation's sake is FREE to the primary (§5.13), and
    /// so the primary's when the reservation is gone.
    #[must_use]
    pub fn owner(&self) -> Owner {
        let is_secondarys = self.status == BindingStatus::Backup && !self.flags.reserved;
        if is_secondarys { Owner::Secondary } else { Owner::Primary }
    }

    /// Whether the address is available, and one of the two servers at least keeps it for one client,
    /// whom either may give it (draft-12 §5.13): with a partner it is nobody else's before both know
    /// that the reservation is gone.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_available() && self.flags.reserved
    }

    /// Whether the address is available but promised by a DHCPOFFER that still counts at `now`.
    #[must_use]
    pub fn is_offered(&self, now: Stamp) -> bool {
        self.is_available() && self.offered_until > now
    }

    /// When time alone ends what the address is used for: a lease, or being set aside.
    #[must_use]
    pub fn ends(&self) -> Option<Stamp> {
        let ends = matches!(self.status, BindingStatus::Active | BindingStatus::Abandoned);
        (ends && self.expires != Stamp::NEVER).then_some(self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_lease_never_ends_by_time_alone() {
        let mut binding = Binding::new(BindingStatus::Active, Stamp(1));
        binding.expires = Stamp::NEVER;
        assert_eq!(binding.ends(), None);
        assert!(binding.is_held(Stamp(u32::MAX - 1)));
        binding.expires = Stamp(9);
        assert_eq!(binding.ends(), Some(Stamp(9)));
    }

    #[test]
    fn a_binding_takes_no_more_than_seven_words() {
        assert!(size_of::<Binding>() <= 56, "{} octets", size_of::<Binding>());
    }
}
