//! What one address is used for, as partners and the disk name it.

/// binding-status (draft-12 §12.3); the numbers are the wire's and the disk's. There is no other
/// value: one makes ISC dhcpd exit.
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

impl IpFlags {
    /// R alone.
    pub const RESERVED: Self = Self { reserved: true, bootp: false };
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
}
