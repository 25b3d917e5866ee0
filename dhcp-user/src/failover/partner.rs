//! What an endpoint does about what its partner says.

use super::endpoint::Endpoint;
use super::event::{Action, Alarm};
use super::greeting::Greeted;
use super::session::Session;
use super::settings::{Dialect, Role};
use super::skew::ahead;
use super::speech::{Heard, Letter, Report};
use super::state;
use crate::config::model::Protocol;
use crate::lease::Table;
use crate::wire::Stamp;
use crate::wire::failover::{Reject, Rejection, State};
use crate::wire::failover6;

impl Endpoint {
    /// A connection is greeted.
    pub(super) fn on_link_up(
        &mut self,
        now: Stamp,
        greeted: &Greeted,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        self.on_link_lost(now, table, actions);
        self.note_greeting(greeted);
        let had_communicated = self.saved.partner.is_some();
        let mut session = Session::new(now, greeted, self.protocol(), had_communicated);
        // Until it speaks, the last that is known of it counts.
        if let Some(partner) = self.saved.partner {
            session.guard.on_heard(partner, false);
        }
        if greeted.mclt != self.settings.terms.mclt {
            let (ours, theirs) = (self.settings.terms.mclt, greeted.mclt);
            actions.push(Action::Alarm(Alarm::Mclt { ours, theirs }));
        }
        if let Some(ahead) = session.skew.alarm() {
            actions.push(Action::Alarm(Alarm::Skew(ahead)));
        }
        let is_dhcpd = session.dialect == Dialect::Dhcpd;
        if is_dhcpd && self.settings.names_clients_by_relay() && !self.has_warned {
            self.has_warned = true;
            actions.push(Action::Alarm(Alarm::IdentityNotShared));
        }
        let must_listen = session.must_listen(now);
        self.session = Some(session);
        self.updates.link_up(now, greeted.dialect, greeted.max_unacked);
        self.updates.share(greeted.buckets);
        // MCLT, before anything goes by it (spec §5.5).
        self.save_if_changed(now, actions);
        self.publish(now, false, actions);
        if !must_listen {
            self.speak(now, table, actions);
        }
    }

    /// The connection is gone, and with it all that was under way on it.
    pub(super) fn on_link_lost(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let Some(session) = self.session.take() else { return };
        self.note_cut(now, &session);
        self.updates.link_lost(table);
        let next = self.saved.without_link(self.saved.state, self.protocol());
        if self.startup.is_none() && next != self.saved.state {
            self.enter(now, next, "the link is lost", table, actions);
        }
    }

    /// What the partner says, whichever protocol it came in. What waited here for long after it was `read`
    /// tells nothing of the partner's clock.
    pub(super) fn on_letter(
        &mut self,
        now: Stamp,
        read: Stamp,
        letter: &Letter<'_>,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let Some(session) = &mut self.session else { return };
        session.received = now;
        if session.skew.forbids(read, letter.sent) {
            let ahead = ahead(read, letter.sent);
            actions.push(Action::Alarm(Alarm::Skew(ahead)));
            let text = format!("clock skew {ahead}s");
            let why = Rejection { reason: Reject::TimeMismatch, text };
            self.close(now, Some(why), table, actions);
            return;
        }
        if let Some(ahead) = session.skew.observe(read, letter.sent) {
            actions.push(Action::Alarm(Alarm::Skew(ahead)));
        }
        let is_heard = session.is_heard;
        self.saved.contact = now;
        let xid = letter.xid;
        match &letter.heard {
            Heard::State(report) => self.on_state(now, *report, table, actions),
            Heard::Disconnect(why) => {
                actions.push(Action::Alarm(Alarm::Disconnected(why.clone())));
                self.close(now, None, table, actions);
            }
            Heard::Greeting => {
                let reason = Reject::DuplicateConnection;
                self.misbehaved(now, reason, "a greeting on a link that is up", table, actions);
            }
            // Communications are not OK before a STATE (draft-12 §8.3), in RFC 8156 §6.1 nor is
            // anything else said.
            _ if !is_heard => match self.protocol() {
                Protocol::Dhcpv4 => {}
                Protocol::Dhcpv6 => {
                    let what = "something was said ahead of STATE";
                    self.misbehaved(now, Reject::Unspecified, what, table, actions);
                }
            },
            Heard::Contact => {}
            Heard::Updates(updates) => {
                if let Some(session) = &mut self.session {
                    session.tells_of_clients |= updates
                        .iter()
                        .any(|update| update.identifier.is_some() || update.hardware.is_some());
                }
                self.note_progress(now);
                self.with_updates(now, table, |ours, at, _| {
                    ours.on_update(at, xid, updates, actions);
                });
            }
            Heard::Answers(answers) => {
                let refused = self.with_updates(now, table, |ours, at, _| {
                    ours.on_acknowledgement(at, xid, answers, actions)
                });
                self.note_refused(now, refused);
            }
            Heard::Binding(binding) => {
                self.note_progress(now);
                if let Some(session) = &mut self.session {
                    session.tells_of_clients |= matches!(binding, failover6::Binding::Client(_));
                }
                self.with_updates(now, table, |ours, at, _| {
                    ours.on_binding(at, xid, binding, actions);
                });
            }
            Heard::Reply(answer) => {
                let refused = self.with_updates(now, table, |ours, at, _| {
                    ours.on_reply(at, xid, answer, actions)
                });
                self.note_refused(now, refused);
            }
            Heard::Request { all } => {
                if let Some(session) = &mut self.session {
                    session.lacks_all |= all;
                }
                self.with_updates(now, table, |ours, at, _| ours.on_request(at, xid, *all));
            }
            Heard::UpdateDone => self.on_updates_done(now, xid, table, actions),
            // RFC 8156 §5.3.3: a secondary's alone. In DHCPv4 either may ask.
            Heard::PoolRequest if self.is_v6(Role::Secondary) => {
                let what = "the primary sent POOLREQ";
                self.misbehaved(now, Reject::Unspecified, what, table, actions);
            }
            Heard::PoolRequest => self.with_updates(now, table, |ours, at, _| {
                ours.on_pool_request(at, xid, actions);
            }),
            Heard::PoolResponse { .. } if self.is_v6(Role::Primary) => {
                let what = "the secondary sent POOLRESP";
                self.misbehaved(now, Reject::Unspecified, what, table, actions);
            }
            Heard::PoolResponse { transferred } => {
                self.with_updates(now, table, |ours, at, xids| {
                    ours.on_pool_response(at, *transferred, xids, actions);
                });
            }
        }
    }

    /// Whether this is an endpoint of DHCPv6 in that role.
    fn is_v6(&self, role: Role) -> bool {
        (self.protocol(), self.settings.terms.role) == (Protocol::Dhcpv6, role)
    }

    /// Something of what we asked for has come.
    fn note_progress(&mut self, now: Stamp) {
        let request = self.session.as_mut().and_then(|session| session.request.as_mut());
        if let Some(request) = request {
            request.moved = now;
        }
    }

    /// The partner broke the protocol.
    fn misbehaved(
        &mut self,
        now: Stamp,
        reason: Reject,
        what: &str,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::Alarm(Alarm::Misbehaved(what.to_owned())));
        let why = Rejection { reason, text: what.to_owned() };
        self.close(now, Some(why), table, actions);
    }

    fn on_state(&mut self, now: Stamp, report: Report, table: &Table, actions: &mut Vec<Action>) {
        let Some(session) = &mut self.session else { return };
        let report = Report { since: session.skew.correct(report.since), ..report };
        // What it says in its first counts: later ones speak of this link too.
        session.partner_had_communicated |= !session.is_heard && report.has_communicated;
        session.is_heard = true;
        session.heard_startup = report.is_startup;
        // Whoever says something has the MCLT of this link on its disk, as we have.
        self.saved.mclt = session.mclt;
        session.guard.on_heard(report.state, report.is_startup);
        let has_spoken = session.has_spoken;
        // It has given addresses of ours away, or will.
        self.saved.compares &= report.state != State::PartnerDown;
        let from = self.saved.partner;
        if from != Some(report.state) {
            let to = report.state;
            actions.push(Action::Alarm(Alarm::PartnerMoved { from, to }));
        }
        self.saved.partner = Some(report.state);
        self.saved.partner_since = report.since;
        self.save_if_changed(now, actions);
        if self.startup.is_some() {
            self.leave_startup(now, report, table, actions);
        } else if !has_spoken {
            self.speak(now, table, actions);
        }
        // What was said may have been nothing, and the link closed.
        if self.session.is_some() {
            self.consider(now, report.state, report.is_startup, table, actions);
        }
        self.listen_first(now, table, actions);
    }

    fn on_updates_done(&mut self, now: Stamp, xid: u32, table: &Table, actions: &mut Vec<Action>) {
        self.updates.on_done(now, xid);
        let protocol = self.protocol();
        let Some(session) = &mut self.session else { return };
        // An older request is not answered any more; a stray UPDDONE answers none.
        let Some(request) = session.request.take_if(|request| request.xid == xid) else { return };
        if request.all {
            self.saved.wants_all = false;
        }
        // Two new servers have nobody to wait for (spec §4.7). A partner that has a disk, or knows of
        // a client, shows that we may have lost one.
        let is_fellow = matches!(self.saved.partner, Some(State::Recover | State::RecoverDone))
            && session.lacks_all
            && !session.tells_of_clients;
        // RFC 8156 §8.6.2: nor have two of which neither has a record of the other.
        let are_strangers = protocol == Protocol::Dhcpv6
            && !session.had_communicated
            && !session.partner_had_communicated;
        let are_new = self.is_new && (request.all && is_fellow || are_strangers);
        if are_new {
            self.saved.forgotten = Stamp::ZERO;
            self.saved.wants_all = false;
        }
        let waits_for = if self.saved.compares { self.forgotten_ends() } else { self.wait_ends() };
        let must_wait = !are_new && now < waits_for;
        let next = state::on_updates_done(self.saved.state, self.settings.terms.role, must_wait);
        if let Some(next) = next {
            self.enter(now, next, "the partner has told everything", table, actions);
            self.consider_again(now, table, actions);
        }
    }

    /// In RECOVER-DONE, which the partner may have been waiting for in a state that it told long ago.
    pub(super) fn consider_again(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let partner = self.saved.partner.filter(|_| self.is_heard());
        if let Some(partner) = partner.filter(|_| self.state() == State::RecoverDone) {
            self.consider(now, partner, false, table, actions);
        }
    }
}
