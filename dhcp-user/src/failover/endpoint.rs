//! One server's end of one relationship.

use std::hash::{Hash, Hasher};

use super::event::{Action, Alarm, Event, Lost};
use super::greeting::Greeted;
use super::moment::{Moment, Xids};
use super::refusal::Unsaid;
use super::saved::Saved;
use super::session::Session;
use super::settings::{Dialect, Settings};
use super::speech::Letter;
use super::state::{self, Rules};
use super::status::{Connections, Refusal, Status};
use super::timer::RECORD_EVERY;
use super::update::Updates;
use super::view::Standpoint;
use crate::config::model::Protocol;
use crate::lease::{Table, View, WriterId};
use crate::wire::Stamp;
use crate::wire::failover::State;

/// One server's end of one relationship.
///
/// `handle` and `pump` are its face; what a state does stands in `transition`, what a message does in
/// `partner`, what time does in `timer`.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) settings: Settings,
    /// As it should be stored; and in STARTUP the state behind it.
    pub(super) saved: Saved,
    /// As it is stored, and since when.
    pub(super) stored: (Saved, Stamp),
    /// While in STARTUP, when that ends.
    pub(super) startup: Option<Stamp>,
    /// When the partner was heard last before this link.
    pub(super) last_heard: Stamp,
    /// Whether nothing was ever granted here, as far as the disk tells: it may be another disk.
    pub(super) is_new: bool,
    /// When we may have granted something last, as far as a restart can tell.
    pub(super) granted: Stamp,
    pub(super) session: Option<Session>,
    /// When the link went down, up to which the partner may have been told anything.
    pub(super) told_until: Stamp,
    /// Since when there is no link.
    pub(super) cut: Stamp,
    /// Bit h set: the primary serves clients with hash h.
    pub(super) buckets: [u64; 4],
    pub(super) updates: Updates,
    pub(super) published: Option<View>,
    /// Whether workers go by it.
    is_followed: bool,
    /// When something happened here last, be it that time passed.
    pub(super) awake: Stamp,
    /// Whether the partner had nothing left to give at the last look, and when that was.
    starved: (bool, Stamp),
    /// Whether both were in NORMAL at the last look.
    both_normal: bool,
    /// Whether the process ends.
    pub(super) has_left: bool,
    vendor: Option<String>,
    ahead: i64,
    /// Whether an operator knows that a partner cannot tell clients apart as we do.
    pub(super) has_warned: bool,
    /// The last one; for people alone.
    pub(super) refusal: Option<Refusal>,
    /// What an operator has to hear of ours that the partner refused, and of its that we did.
    pub(super) refused: Unsaid,
    pub(super) rejected: Unsaid,
}

impl Endpoint {
    /// An endpoint that starts: in STARTUP, or in RECOVER behind it if nothing was saved. Swaps
    /// bindings as `writer`.
    #[must_use]
    pub fn new(
        now: Stamp,
        settings: Settings,
        saved: Option<Saved>,
        writer: WriterId,
        actions: &mut Vec<Action>,
    ) -> Self {
        let found = saved.unwrap_or_else(|| Saved::nothing(now, &settings));
        // What is stored is a minute old at the most, and workers went by the last view for a while.
        let granted = if state::is_operational(found.state) {
            found.operational.after(RECORD_EVERY).after(settings.patience()).min(now)
        } else {
            found.operational
        };
        let mut endpoint = Self {
            saved: found.after_restart(now, &settings),
            stored: (found, now),
            startup: Some(now.after(settings.terms.startup)),
            last_heard: found.contact,
            is_new: found.state == State::Recover && found.wants_all && found.partner.is_none(),
            granted,
            session: None,
            // As above, and a link may have lasted for so long after the partner's last message.
            told_until: if found.contact == Stamp::ZERO {
                Stamp::ZERO
            } else {
                found.contact.after(RECORD_EVERY).after(settings.terms.receive_timer).min(now)
            },
            cut: now,
            buckets: settings.terms.buckets,
            updates: Updates::new(&settings, writer, found.owes_all),
            published: None,
            is_followed: false,
            awake: now,
            starved: (false, Stamp::ZERO),
            both_normal: false,
            has_left: false,
            vendor: None,
            ahead: 0,
            has_warned: false,
            refusal: None,
            refused: Unsaid::default(),
            rejected: Unsaid::default(),
            settings,
        };
        if saved.is_none() {
            endpoint.save(now, actions);
        }
        if endpoint.saved.addresses != Some(endpoint.settings.addresses) {
            endpoint.updates.tell_anew();
        }
        endpoint.publish(now, false, actions);
        endpoint
    }

    /// Takes one event and appends to `actions` what is to be done about it, in order.
    pub fn handle(
        &mut self,
        now: Stamp,
        event: Event<'_>,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        if self.has_left {
            return;
        }
        let from = actions.len();
        let has_woken = self.has_stood_still(now);
        if has_woken {
            self.wake(now, &event, table, actions);
        }
        self.awake = now;
        match event {
            Event::LinkUp(greeted) => self.on_link_up(now, &greeted, table, actions),
            Event::Received(packet) => self.on_letter(now, now, &packet.into(), table, actions),
            Event::Received6(packet, read) => {
                self.on_letter(now, read, &Letter::of_v6(read, packet), table, actions);
            }
            Event::LinkLost(lost) => {
                if let (Lost::Malformed(what), Some(_)) = (lost, &self.session) {
                    actions.push(Action::Alarm(Alarm::Misbehaved(what)));
                }
                self.on_link_lost(now, table, actions);
            }
            // Of the view before, if waking has just published another.
            Event::Followed => self.is_followed |= !has_woken,
            Event::Tick => {}
            Event::Command(command) => self.on_command(now, command, table, actions),
        }
        if !self.has_left {
            self.on_time(now, table, actions);
            self.settle(now, table, from, actions);
            self.note_refusals(now, from, actions);
        }
    }

    /// Appends updates that the partner should have, as far as it takes them now, making at most
    /// `room` actions: to be called when some binding became untold, after each `handle`, and when
    /// what was made earlier has left. True if more could follow at once, and not if `room` is too
    /// little for anything.
    pub fn pump(
        &mut self,
        now: Stamp,
        table: &Table,
        room: usize,
        actions: &mut Vec<Action>,
    ) -> bool {
        // One is kept for what is stored about the updates.
        let room = room.saturating_sub(1);
        if room == 0 || !self.is_heard() || self.has_stood_still(now) {
            return false;
        }
        let from = actions.len();
        let has_more = self
            .with_updates(now, table, |updates, at, xids| updates.pump(at, room, xids, actions));
        self.note_sent(now, &actions[from..]);
        if self.updates.is_marked_anew() {
            self.saved.addresses = Some(self.settings.addresses);
        }
        self.save_if_changed(now, actions);
        has_more
    }

    /// Whether the partner is told no more before it has answered some of what it was told.
    #[must_use]
    pub fn awaits_answers(&self) -> bool {
        self.updates.awaits_answers()
    }

    /// As an operator sees it.
    #[must_use]
    pub fn status(&self, now: Stamp, table: &Table) -> Option<Status> {
        let session = self.session.as_ref();
        let mut status = Status {
            name: self.settings.terms.name.clone(),
            role: self.settings.terms.role,
            state: self.state(),
            since: self.since(),
            partner: self.saved.partner,
            partner_since: self.saved.partner_since,
            is_linked: self.is_heard(),
            partner_vendor: self.vendor.clone(),
            last_contact: (self.saved.contact != Stamp::ZERO).then_some(self.saved.contact),
            mclt: self.granting_mclt(),
            ahead: session.map_or(self.ahead, |session| session.skew.ahead()),
            queued: 0,
            unacknowledged: 0,
            acknowledged: 0,
            refused: 0,
            taken: 0,
            rejected: 0,
            refusal: self.refusal.clone(),
            connections: Connections::default(),
            conflict: None,
            pools: Vec::new(),
            waits_until: self.waits_until(now),
        };
        self.updates.report(table, &mut status);
        Some(status)
    }

    /// Own state; STARTUP as such.
    #[must_use]
    pub fn state(&self) -> State {
        if self.startup.is_some() { State::Startup } else { self.saved.state }
    }

    /// Since when it is in [`state`](Self::state).
    fn since(&self) -> Stamp {
        self.startup.map_or(self.saved.since, |end| end.before(self.settings.terms.startup))
    }

    /// What the endpoint will do next follows from this and the table alone: two that hash alike
    /// need not both be explored. Times go in by how far they are from `now`.
    pub fn fingerprint(&self, now: Stamp, hasher: &mut impl Hasher) {
        let ago = |stamp: Stamp| now.since(stamp);
        let saved = &self.saved;
        (saved.state, saved.previous, saved.partner, saved.mclt).hash(hasher);
        (saved.longest_mclt, saved.addresses, saved.role, saved.compares).hash(hasher);
        ago(saved.forgotten).hash(hasher);
        (saved.owes_all, saved.wants_all, self.buckets, self.has_left).hash(hasher);
        (ago(saved.since), ago(saved.partner_since), ago(saved.operational)).hash(hasher);
        self.startup.map(|ends| ends.since(now)).hash(hasher);
        (ago(self.granted), ago(self.cut), ago(self.told_until), ago(self.awake)).hash(hasher);
        self.published.as_ref().map(|view| view.until.since(now)).hash(hasher);
        (self.starved.0, self.starved.1 == now, self.is_followed).hash(hasher);
        self.updates.hash(hasher);
        let Some(session) = &self.session else { return };
        (session.dialect, session.is_heard, session.has_spoken, session.hands_over).hash(hasher);
        (self.is_new, ago(self.last_heard), session.lacks_all, session.tells_of_clients)
            .hash(hasher);
        (ago(session.received), ago(session.sent), session.contact_every).hash(hasher);
        session.request.map(|request| (request.all, ago(request.moved))).hash(hasher);
        (session.had_communicated, session.partner_had_communicated, session.heard_startup)
            .hash(hasher);
        session.guard.hash(hasher);
    }

    /// Whether communications are OK (draft-12 §8.3).
    pub(super) fn is_heard(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_heard)
    }

    /// Which protocol's leases the two share.
    pub(super) fn protocol(&self) -> Protocol {
        self.settings.terms.protocol
    }

    /// By whose rules states follow each other.
    pub(super) fn rules(&self) -> Rules {
        Rules::of(self.protocol(), self.dialect())
    }

    /// What the partner takes.
    pub(super) fn dialect(&self) -> Dialect {
        self.session.as_ref().map_or_else(Dialect::default, |session| session.dialect)
    }

    /// Lets the updates do something at this moment.
    pub(super) fn with_updates<R>(
        &mut self,
        now: Stamp,
        table: &Table,
        act: impl FnOnce(&mut Updates, &Moment<'_>, &mut Xids) -> R,
    ) -> R {
        let skew = self.session.as_ref().map_or_else(Default::default, |session| session.skew);
        let mut xids = self
            .session
            .as_ref()
            .map_or_else(|| Xids::after(0, self.protocol()), |session| session.xids);
        let state = self.state();
        let moment = Moment {
            now,
            state,
            is_heard: self.is_heard(),
            tells: self.is_heard() && state::tells(state),
            is_followed: self.is_followed,
            skew: &skew,
            table,
        };
        let outcome = act(&mut self.updates, &moment, &mut xids);
        if let Some(session) = &mut self.session {
            session.xids = xids;
        }
        outcome
    }

    /// Up to now clients may have been granted something.
    pub(super) fn touch(&mut self, now: Stamp) {
        if state::is_operational(self.state()) {
            let at = self.published.as_ref().map_or(now, |view| view.until.min(now));
            self.saved.operational = at;
            self.granted = at;
            self.is_new = false;
        }
    }

    /// Has what is to be remembered stored.
    pub(super) fn save(&mut self, now: Stamp, actions: &mut Vec<Action>) {
        self.saved.owes_all = self.updates.owes_all();
        self.stored = (self.saved, now);
        actions.push(Action::Save(self.saved));
    }

    /// As [`save`](Self::save), unless only the times have moved on that are stored each minute.
    pub(super) fn save_if_changed(&mut self, now: Stamp, actions: &mut Vec<Action>) {
        let Saved { operational, contact, .. } = self.saved;
        self.saved.owes_all = self.updates.owes_all();
        if (Saved { operational, contact, ..self.stored.0 }) != self.saved {
            self.touch(now);
            self.save(now, actions);
        }
    }

    /// Tells the workers, if that is news to them, or what they know is about to run out.
    pub(super) fn publish(
        &mut self,
        now: Stamp,
        is_partner_starved: bool,
        actions: &mut Vec<Action>,
    ) {
        let standpoint = Standpoint {
            settings: &self.settings,
            state: self.state(),
            since: self.saved.since,
            told_until: if self.session.is_some() { Stamp::NEVER } else { self.told_until },
            mclt: self.granting_mclt(),
            longest_mclt: self.saved.longest_mclt,
            buckets: self.buckets,
            is_heard: self.is_heard(),
            is_partner_starved,
            hands_over: self.session.as_ref().is_some_and(|session| session.hands_over),
            until: now.after(self.settings.patience()),
        };
        let view = standpoint.view();
        let lasts = |old: &View| old.until.since(now).0 > 2 * (self.settings.patience().0 / 3);
        let is_same = |old: &View| View { until: view.until, ..old.clone() } == view;
        let old = self.published.as_ref();
        if !old.is_some_and(|old| lasts(old) && is_same(old)) {
            // Who goes by the same for a shorter time goes by this one.
            self.is_followed &= old.is_some_and(is_same);
            self.published = Some(view.clone());
            actions.push(Action::Publish(view));
        }
    }

    /// What a new link brings, before anything is said on it.
    pub(super) fn note_greeting(&mut self, greeted: &Greeted) {
        self.saved.longest_mclt = self.saved.longest_mclt.max(greeted.mclt);
        self.buckets = greeted.buckets;
        self.vendor = Some(greeted.vendor.clone());
    }

    /// What the link that is gone leaves behind.
    pub(super) fn note_cut(&mut self, now: Stamp, session: &Session) {
        self.cut = now;
        if session.is_heard {
            self.last_heard = self.saved.contact;
        }
        self.told_until = now;
        self.ahead = session.skew.ahead();
    }

    /// What is left to do once an event has been dealt with.
    fn settle(&mut self, now: Stamp, table: &Table, from: usize, actions: &mut Vec<Action>) {
        self.save_if_changed(now, actions);
        // Each pool is looked through for it, which is too much to do with each message.
        if self.starved.1 != now {
            self.starved = (self.updates.is_partner_starved(table), now);
        }
        self.publish(now, self.starved.0 && self.state() == State::Normal, actions);
        let both_normal =
            self.state() == State::Normal && self.saved.partner == Some(State::Normal);
        if both_normal && !self.both_normal {
            actions.push(Action::Alarm(Alarm::BothNormal { at: now }));
        }
        self.both_normal = both_normal;
        self.note_sent(now, &actions[from..]);
        self.keep_contact(now, actions);
    }

    /// Any message keeps the link alive.
    fn note_sent(&mut self, now: Stamp, made: &[Action]) {
        let has_sent =
            made.iter().any(|action| matches!(action, Action::Send(..) | Action::Send6(..)));
        if let Some(session) = self.session.as_mut().filter(|_| has_sent) {
            session.sent = now;
        }
    }
}
