//! Ends of leases that dhcpd is not told yet.
//!
//! dhcpd compares no times. It takes EXPIRED or RELEASED for a lease that it has granted or renewed
//! since, forgets that lease, though its own update of it is under way, and has the address to give
//! (spec §6.2, §6.3). So such an end waits until what dhcpd did meanwhile has been heard: a moment
//! after the lease ended, and on a new link until dhcpd's own updates have come. What they say of the
//! lease then holds, and there is no end to tell any more.

use super::Ready;
use crate::wire::{Seconds, Stamp};

/// What dhcpd does is on its way for less than this.
const MOMENT: Seconds = Seconds(3);
/// After so long on a link an end is told, whatever else dhcpd still says.
const LONGEST: Seconds = Seconds(60);

/// What waits.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Holding {
    /// When dhcpd last told something of what it did while there was no link.
    heard: Stamp,
    /// When what it tells is taken to be all new.
    settled: Stamp,
    waiting: Vec<Ready>,
    /// When the first of them may be told.
    due: Option<Stamp>,
}

impl Holding {
    /// There is a link, on which much may be told that happened before.
    pub(super) fn link_up(&mut self, now: Stamp) {
        self.heard = now;
        self.settled = now.after(LONGEST);
    }

    /// The partner has told something.
    pub(super) fn on_update(&mut self, now: Stamp) {
        if now < self.settled {
            self.heard = now;
        }
    }

    /// Whether the end of a lease, at `ended`, must wait; then it is [`ready`](Self::ready) again later.
    pub(super) fn holds(&mut self, now: Stamp, ended: Stamp, ready: Ready) -> bool {
        // An end that lies ahead is some clock's fault, and waits no longer than one of now.
        let due = self.heard.max(ended.min(now)).after(MOMENT);
        if now >= due || now >= self.settled && now >= ended.after(MOMENT) {
            return false;
        }
        self.waiting.push(ready);
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        true
    }

    /// What may be looked at again; nothing before the first is due.
    pub(super) fn ready(&mut self, now: Stamp) -> Vec<Ready> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.due = None;
        std::mem::take(&mut self.waiting)
    }

    /// When [`ready`](Self::ready) has something.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        self.due
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// All that waits: there is no link any more.
    pub(super) fn drain(&mut self) -> Vec<Ready> {
        self.due = None;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const READY: Ready = Ready { address: Ipv4Addr::LOCALHOST, again: false };

    #[test]
    fn an_end_waits_until_dhcpd_has_been_silent_for_a_moment() {
        let mut holding = Holding::default();
        holding.link_up(Stamp(100));
        assert!(holding.holds(Stamp(100), Stamp(50), READY));
        assert_eq!(holding.next_timeout(), Some(Stamp(103)));
        holding.on_update(Stamp(102));
        assert_eq!(holding.ready(Stamp(102)).len(), 0);
        assert_eq!(holding.ready(Stamp(103)).len(), 1);
        assert!(holding.holds(Stamp(103), Stamp(50), READY), "dhcpd spoke a second ago");
        assert_eq!(holding.ready(Stamp(105)).len(), 1);
        assert!(!holding.holds(Stamp(105), Stamp(50), READY));
        assert_eq!((holding.len(), holding.next_timeout()), (0, None));
    }

    #[test]
    fn a_lease_that_has_just_ended_waits_for_what_is_on_its_way() {
        let mut holding = Holding::default();
        holding.link_up(Stamp(100));
        assert!(holding.holds(Stamp(500), Stamp(499), READY));
        assert!(!holding.holds(Stamp(502), Stamp(499), READY));
        assert!(holding.holds(Stamp(502), Stamp(9_000), READY));
        assert_eq!(holding.next_timeout(), Some(Stamp(502)));
    }

    #[test]
    fn a_dhcpd_that_never_is_silent_keeps_no_end_waiting_for_ever() {
        let mut holding = Holding::default();
        holding.link_up(Stamp(100));
        for now in 100..160 {
            holding.on_update(Stamp(now));
            assert!(holding.holds(Stamp(now), Stamp(50), READY));
        }
        holding.on_update(Stamp(160));
        assert!(!holding.holds(Stamp(162), Stamp(50), READY));
    }
}
