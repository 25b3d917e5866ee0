//! A binding: one address, whose it is and until when (draft-12 §2.2).

use super::client::Client;
use crate::wire::{Seconds, Stamp};

/// What one address is used for at one moment. Immutable: a change is a new value, one
/// [`version`](Self::version) later, swapped into the address's slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// Grows by one with every change of this address, and from the largest to zero; of two records
    /// the [newer](Self::is_newer_than) one holds.
    pub version: u32,
    /// What the address is (draft-12 §2.2, §12.3).
    pub status: BindingStatus,
    /// R and B (draft-12 §12.12).
    pub flags: IpFlags,
    /// start-time-of-state: since when `status` holds (draft-12 §12.25).
    pub starts: Stamp,
    /// lease-expiration-time: the end that the client was told (draft-12 §12.13). For
    /// [`BindingStatus::Abandoned`] when the address may be tried again.
    pub expires: Stamp,
    /// client-last-transaction-time: when this server last heard the client (draft-12 §12.6).
    pub cltt: Stamp,
    /// sent-potential-expiration-time (draft-12 §7.1.5).
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

/// binding-status (draft-12 §12.3); the numbers are the wire's and the disk's.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum BindingStatus {
    /// Available to the primary; to the only server there is.
    Free = 1,
    /// Leased.
    Active = 2,
    /// The lease ran out; the partner has not yet agreed.
    Expired = 3,
    /// The client gave it back; the partner has not yet agreed.
    Released = 4,
    /// Unusable: declined, or a probe was answered.
    Abandoned = 5,
    /// Freed by an operator; the partner has not yet agreed.
    Reset = 6,
    /// Available to the secondary.
    Backup = 7,
}

/// IP-flags (draft-12 §12.12).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct IpFlags {
    /// R: held for one client by a reservation.
    pub reserved: bool,
    /// B: given to a BOOTP client, which never renews.
    pub bootp: bool,
}

impl Binding {
    /// An address in `status` since `starts`, of nobody; every time that is not given is not set.
    #[must_use]
    pub fn new(status: BindingStatus, starts: Stamp) -> Self {
        Self {
            version: 0,
            status,
            flags: IpFlags::default(),
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

    /// Whether the address may be given to a client by the server whose it is.
    #[must_use]
    pub fn is_available(&self) -> bool {
        matches!(self.status, BindingStatus::Free | BindingStatus::Backup)
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

impl BindingStatus {
    /// All of them, by number.
    pub const ALL: [Self; 7] = [
        Self::Free,
        Self::Active,
        Self::Expired,
        Self::Released,
        Self::Abandoned,
        Self::Reset,
        Self::Backup,
    ];

    /// The status with this number on the wire and on disk.
    #[must_use]
    pub fn from_octet(octet: u8) -> Option<Self> {
        Self::ALL.get(usize::from(octet).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_found_by_its_number_and_no_other_number_is_one() {
        for octet in 0..=u8::MAX {
            let status = BindingStatus::from_octet(octet);
            assert_eq!(
                status.map(|status| status as u8),
                (1..=7).contains(&octet).then_some(octet)
            );
        }
    }

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
