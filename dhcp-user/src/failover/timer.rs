//! What an endpoint waits for (spec §2.2, §9.1).

use super::endpoint::Endpoint;
use super::event::{Action, Alarm};
use super::speech::Word;
use crate::config::model::Protocol;
use crate::lease::Table;
use crate::wire::failover::{Reject, Rejection, State};
use crate::wire::{Seconds, Stamp};

/// How old the stored times may be.
pub(super) const RECORD_EVERY: Seconds = Seconds(60);
/// After so long with neither BNDUPD nor UPDDONE our request is taken to be lost.
const REQUEST: Seconds = Seconds(60);
/// The same in DHCPv6, where a partner may have more to say of each client (spec v6 §11).
const REQUEST_V6: Seconds = Seconds(120);
/// After so long without a BNDACK an operator hears of it.
const UNANSWERED: Seconds = Seconds(30);
/// After so long without a BNDACK the link is given up.
const UNANSWERED_TOO_LONG: Seconds = Seconds(120);
/// The same in DHCPv6, of a BNDREPLY (RFC 8156 §8.8.2).
const UNANSWERED_TOO_LONG_V6: Seconds = Seconds(60);

/// What may be due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    /// The partner was not heard in STARTUP.
    Startup,
    /// Nothing has come for the receive timer.
    Receive,
    /// A STATE must go although none has come.
    Speak,
    /// Our request is not answered.
    Request,
    /// The partner answers no update.
    Unanswered,
    UnansweredTooLong,
    /// The MCLT after we granted something last is over.
    Wait,
    /// In a conflict, the MCLT after what was forgotten is.
    Forgotten,
    /// The partner has been told what was granted by an MCLT that is no more.
    Settled,
    /// The partner is taken to be down.
    SafePeriod,
    /// The times are to be stored.
    Record,
    /// The partner has been told what it did not know when it had recovered.
    HandedOver,
    /// An operator has to hear what was refused.
    Refusals,
    /// The updates want something.
    Updates,
    /// Somebody must see that we run.
    Awake,
    /// Nothing has gone for long.
    Contact,
}

impl Endpoint {
    /// When [`Event::Tick`](super::Event::Tick) is wanted at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Stamp> {
        if self.has_left {
            return None;
        }
        self.timers().map(|(_, at)| at).min()
    }

    /// Does what is due.
    pub(super) fn on_time(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let due: Vec<Due> =
            self.timers().filter(|(_, at)| *at <= now).map(|(due, _)| due).collect();
        for due in due {
            // One may have taken away what the other waited for.
            if self.timers().any(|(still, at)| still == due && at <= now) {
                self.on_due(now, due, table, actions);
            }
        }
    }

    /// When RECOVER-WAIT ends: nothing that we granted is then in use without the partner's
    /// knowledge (draft-12 §9.6.2).
    pub(super) fn wait_ends(&self) -> Stamp {
        self.saved.operational.max(self.granted).after(self.saved.longest_mclt)
    }

    /// For people: when the state changes by time alone.
    pub(super) fn waits_until(&self, now: Stamp) -> Option<Stamp> {
        let at = match self.state() {
            State::Startup => self.startup,
            State::RecoverWait => Some(self.wait_ends()),
            State::PotentialConflict => self.asks_at(),
            State::PartnerDown => Some(self.saved.since.after(self.saved.longest_mclt)),
            State::CommunicationsInterrupted => self.safe_period_ends(),
            _ => None,
        };
        at.filter(|at| *at > now)
    }

    fn safe_period_ends(&self) -> Option<Stamp> {
        let counts = self.state() == State::CommunicationsInterrupted && self.session.is_none();
        let period = self.settings.terms.safe_period.filter(|_| counts)?;
        Some(self.saved.since.max(self.cut).after(period))
    }

    fn timers(&self) -> impl Iterator<Item = (Due, Stamp)> {
        let (asked_for, too_long) = match self.protocol() {
            Protocol::Dhcpv4 => (REQUEST, UNANSWERED_TOO_LONG),
            Protocol::Dhcpv6 => (REQUEST_V6, UNANSWERED_TOO_LONG_V6),
        };
        let session = self.session.as_ref();
        let request = session.and_then(|session| session.request);
        let is_heard = self.is_heard();
        let oldest = self.updates.oldest_unacknowledged().filter(|_| is_heard);
        let has_alarmed = session.is_some_and(|session| session.has_alarmed);
        let is_recording = is_heard || super::state::is_operational(self.state());
        [
            (Due::Startup, self.startup),
            (
                Due::Receive,
                session.map(|session| session.received.after(self.settings.terms.receive_timer)),
            ),
            (
                Due::Speak,
                session.filter(|session| !session.has_spoken).map(|session| session.speaks_at()),
            ),
            (Due::Request, request.map(|request| request.moved.after(asked_for))),
            (
                Due::Unanswered,
                oldest.filter(|_| !has_alarmed).map(|oldest| oldest.after(UNANSWERED)),
            ),
            (Due::UnansweredTooLong, oldest.map(|oldest| oldest.after(too_long))),
            (Due::Wait, (self.state() == State::RecoverWait).then(|| self.wait_ends())),
            (Due::Forgotten, self.asks_at().filter(|_| self.may_ask())),
            (Due::Settled, self.mclt_settles()),
            (Due::SafePeriod, self.safe_period_ends()),
            (Due::Record, is_recording.then(|| self.stored.1.after(RECORD_EVERY))),
            (
                Due::HandedOver,
                session
                    .filter(|session| session.hands_over && self.updates.has_handed_over())
                    .map(|session| session.received),
            ),
            (Due::Refusals, self.refused.due()),
            (Due::Refusals, self.rejected.due()),
            (Due::Updates, self.updates.next_timeout().filter(|_| is_heard)),
            (Due::Awake, self.is_watched().then(|| self.awake.after(self.sign_of_life()))),
            (Due::Contact, session.map(|session| session.sent.after(session.contact_every))),
        ]
        .into_iter()
        .filter_map(|(due, at)| Some((due, at?)))
    }

    fn on_due(&mut self, now: Stamp, due: Due, table: &Table, actions: &mut Vec<Action>) {
        match due {
            Due::Startup => self.give_startup_up(now, table, actions),
            Due::Receive => self.give_link_up(now, "nothing was heard", table, actions),
            Due::Speak => self.speak(now, table, actions),
            Due::Request => self.give_link_up(now, "no updates after a request", table, actions),
            Due::Unanswered => {
                let oldest = self.updates.oldest_unacknowledged().unwrap_or(now);
                actions.push(Action::Alarm(Alarm::Unanswered(now.since(oldest))));
                if let Some(session) = &mut self.session {
                    session.has_alarmed = true;
                }
            }
            Due::UnansweredTooLong => {
                self.give_link_up(now, "an update was not answered", table, actions);
            }
            Due::Wait => {
                self.enter(now, State::RecoverDone, "the wait is over", table, actions);
                self.consider_again(now, table, actions);
            }
            Due::Forgotten => self.ask(now, actions),
            Due::Settled => self.saved.longest_mclt = self.saved.mclt,
            Due::SafePeriod => {
                let why = "the safe period is over";
                self.enter(now, State::PartnerDown, why, table, actions);
            }
            Due::Record => {
                self.touch(now);
                self.save(now, actions);
            }
            Due::HandedOver => {
                self.enter(now, State::Normal, "the partner knows all", table, actions);
            }
            Due::Updates => {
                self.with_updates(now, table, |updates, at, xids| {
                    updates.on_tick(at, xids, actions);
                });
            }
            // That it is seen to is enough: the view is renewed after all the rest.
            Due::Awake => {}
            // Both after all the rest: whatever else is sent spares the one, or adds to the other.
            Due::Contact | Due::Refusals => {}
        }
    }

    /// CONTACT, if nothing has been sent for long.
    pub(super) fn keep_contact(&mut self, now: Stamp, actions: &mut Vec<Action>) {
        let protocol = self.protocol();
        if let Some(session) = &mut self.session
            && session.sent.after(session.contact_every) <= now
        {
            session.sent = now;
            actions.push(Word::Contact.said(protocol, session.xids.next()));
        }
    }

    /// DISCONNECT 17 (draft-12 §8.3), and what follows from the loss.
    fn give_link_up(&mut self, now: Stamp, why: &str, table: &Table, actions: &mut Vec<Action>) {
        let rejection = Rejection { reason: Reject::NoTraffic, text: why.to_owned() };
        self.close(now, Some(rejection), table, actions);
    }
}
