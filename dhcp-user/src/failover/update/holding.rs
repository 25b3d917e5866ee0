//! What dhcpd is not told yet.
//!
//! dhcpd compares no times. Whatever it is told of a lease takes the place of what it has done itself
//! and not told yet: a later end is lost on both servers, a client that it holds to be gone is told
//! as gone after all, or one that came back to it after it had left us is gone (spec §6.2, §6.3). So on a
//! new link it speaks first, whatever states the two are in: it is asked for what we do not know (UPDREQ,
//! which it answers in any state), and hears nothing of our bindings before its UPDDONE, not even if it
//! has asked for them. It waits for that without an end, and we for no more than it goes on telling. They
//! are then what both servers know.
//!
//! The same happens later if dhcpd tells more slowly than it grants, as its window is full: what it tells
//! is then some seconds old. For as long it is told nothing.
//!
//! It also takes EXPIRED or RELEASED for a lease that it has granted or renewed since, forgets that
//! lease, though its own update of it is under way, and has the address to give. So an end waits for
//! a moment after the lease ended, and where there is no UPDDONE to wait for until dhcpd has said
//! nothing for a moment. What it said of the lease then holds, and there is no end to tell any more.

use super::Ready;
use crate::wire::{Seconds, Stamp};

/// What dhcpd does is on its way for less than this.
const MOMENT: Seconds = Seconds(3);
/// What it tells of is no older, if it tells at once: both count whole seconds.
const FRESH: Seconds = Seconds(1);
/// After so long without an answer, or without a word of one that it has begun, dhcpd is told everything.
const LONGEST: Seconds = Seconds(60);
/// After so long whatever else it still says.
const LONGEST_OF_ALL: Seconds = Seconds(600);

/// What waits.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Holding {
    /// When dhcpd last told something of what it did while there was no link.
    heard: Stamp,
    /// When what it tells is taken to be all new.
    settled: Stamp,
    /// Our UPDREQ or UPDREQALL that it has not answered.
    asked: Option<Asked>,
    /// Whether there was one on this link.
    has_asked: bool,
    /// While it tells old news: since when, and when it did so last.
    late: Option<(Stamp, Stamp)>,
    waiting: Vec<Ready>,
    /// When the first of them may be told.
    due: Option<Stamp>,
}

#[derive(Clone, Copy, Debug, Hash)]
struct Asked {
    xid: u32,
    at: Stamp,
}

impl Holding {
    /// There is a link, on which much may be told that happened before.
    pub(super) fn link_up(&mut self, now: Stamp) {
        self.heard = now;
        self.settled = now.after(LONGEST);
        (self.asked, self.has_asked) = (None, false);
    }

    /// UPDREQ or UPDREQALL goes out with this xid: an earlier one is not answered any more.
    pub(super) fn ask(&mut self, now: Stamp, xid: u32) {
        self.settled = now.after(LONGEST);
        (self.asked, self.has_asked) = (Some(Asked { xid, at: now }), true);
    }

    /// Whether dhcpd was asked for anything on this link.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// UPDDONE: what the partner tells from now on is new.
    pub(super) fn on_done(&mut self, now: Stamp, xid: u32) {
        if self.asked.is_some_and(|asked| asked.xid == xid) {
            (self.asked, self.late) = (None, None);
            self.settled = now;
            self.due = self.due.map(|_| now);
        }
    }

    /// Whether dhcpd has something to tell before it is told anything unasked.
    pub(super) fn is_listening(&self, now: Stamp) -> bool {
        self.is_asked() || self.is_late(now)
    }

    /// Whether it has not told all that it did before this link: it is not told even what it asks for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    fn is_late(&self, now: Stamp) -> bool {
        self.late.is_some_and(|(since, last)| now < last.after(MOMENT).min(since.after(LONGEST)))
    }

    /// dhcpd tells of a client that it heard at `cltt`. It tells in the order in which it heard them.
    pub(super) fn on_lease(&mut self, now: Stamp, cltt: Stamp) {
        let going_on = self.late.filter(|(_, last)| now < last.after(MOMENT));
        let since = going_on.map_or(now, |(since, _)| since);
        self.late = (now.since(cltt) > FRESH).then_some((since, now));
    }

    /// The partner has told something.
    pub(super) fn on_update(&mut self, now: Stamp) {
        if now < self.settled {
            self.heard = now;
        }
        if let Some(asked) = self.asked {
            self.settled = now.after(LONGEST).min(asked.at.after(LONGEST_OF_ALL));
        }
    }

    /// Whether the end of a lease, at `ended`, must wait; then it is [`ready`](Self::ready) again later.
    pub(super) fn holds(&mut self, now: Stamp, ended: Stamp, ready: Ready) -> bool {
        // An end that lies ahead is some clock's fault, and waits no longer than one of now.
        let is_late = self.is_late(now);
        let said = match self.late {
            _ if self.asked.is_some() => self.settled,
            Some((_, last)) if is_late => last,
            _ => self.heard,
        };
        let due = said.max(ended.min(now)).after(MOMENT);
        if now >= due || now >= self.settled && !is_late && now >= ended.after(MOMENT) {
            return false;
        }
        self.waiting.push(ready);
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        true
    }

    /// What may be looked at again; nothing before the first is due.
    pub(super) fn ready(&mut self, now: Stamp) -> Vec<Ready> {
        self.asked.take_if(|_| self.settled <= now);
        self.late.take_if(|(_, last)| last.after(MOMENT) <= now);
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.due = None;
        std::mem::take(&mut self.waiting)
    }

    /// When [`ready`](Self::ready) has something, or dhcpd is listened to no longer.
    pub(super) fn next_timeout(&self) -> Option<Stamp> {
        let given_up = self.asked.map(|_| self.settled);
        let caught_up = self.late.map(|(_, last)| last.after(MOMENT));
        [self.due, given_up, caught_up].into_iter().flatten().min()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// All that waits: there is no link any more.
    pub(super) fn drain(&mut self) -> Vec<Ready> {
        (self.due, self.asked, self.late) = (None, None, None);
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::ResourceId;

    const READY: Ready = Ready { id: ResourceId::FIRST, again: false };

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

    #[test]
    fn dhcpd_is_listened_to_until_it_has_answered_or_is_silent_for_so_long() {
        let mut holding = Holding::default();
        holding.link_up(Stamp(100));
        assert!(holding.holds(Stamp(100), Stamp(50), READY));
        holding.ask(Stamp(101), 7);
        assert!(holding.holds(Stamp(110), Stamp(50), READY), "it may have renewed it");
        holding.on_done(Stamp(110), 6);
        assert!(holding.is_asked(), "an answer to something else");
        holding.on_update(Stamp(110));
        holding.on_done(Stamp(110), 7);
        assert!(!holding.is_asked());
        assert_eq!(holding.next_timeout(), Some(Stamp(110)));
        assert_eq!(holding.ready(Stamp(110)).len(), 2);
        assert!(!holding.holds(Stamp(110), Stamp(50), READY));

        holding.ask(Stamp(200), 8);
        assert_eq!(holding.next_timeout(), Some(Stamp(260)));
        holding.ready(Stamp(259));
        assert!(holding.is_asked());
        holding.on_update(Stamp(259));
        holding.ready(Stamp(318));
        assert!(holding.is_asked(), "it goes on telling");
        holding.ready(Stamp(319));
        assert!(!holding.is_asked());

        holding.ask(Stamp(400), 9);
        for now in 400..1_000 {
            holding.on_update(Stamp(now));
            holding.ready(Stamp(now));
            assert!(holding.is_asked(), "{now}");
        }
        holding.ready(Stamp(1_000));
        assert!(!holding.is_asked(), "nothing waits for ever");
    }

    #[test]
    fn a_dhcpd_that_tells_old_news_is_listened_to_until_it_tells_new_or_for_so_long() {
        let mut holding = Holding::default();
        holding.on_lease(Stamp(100), Stamp(99));
        assert!(!holding.is_listening(Stamp(100)));
        holding.on_lease(Stamp(100), Stamp(98));
        assert!(holding.is_listening(Stamp(102)));
        assert!(holding.holds(Stamp(102), Stamp(50), READY));
        assert!(!holding.is_listening(Stamp(103)), "it has no more");
        holding.on_lease(Stamp(102), Stamp(102));
        assert!(!holding.is_listening(Stamp(102)));
        for now in 200..300 {
            holding.on_lease(Stamp(now), Stamp(now - 5));
            assert_eq!(holding.is_listening(Stamp(now)), now < 260);
        }
    }
}
