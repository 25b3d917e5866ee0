//! How an endpoint goes from one state to the next (draft-12 §9; spec §4.3, §4.4).

use super::endpoint::Endpoint;
use super::event::{Action, Alarm, Command};
use super::session::{Request, Session};
use super::settings::{Dialect, Role};
use super::skew::MAX_SKEW_V6;
use super::speech::{Report, Word};
use super::state::{self, Turn};
use super::timer::RECORD_EVERY;
use crate::config::model::Protocol;
use crate::lease::Table;
use crate::wire::failover::{Reject, Rejection, State};
use crate::wire::{Seconds, Stamp};

impl Endpoint {
    /// Goes over to a state: it is stored, the workers go by it, the partner is told, in this order.
    pub(super) fn enter(
        &mut self,
        now: Stamp,
        to: State,
        why: &'static str,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        self.touch(now);
        let from = self.state();
        let is_chosen = matches!(to, State::Paused | State::Shutdown);
        self.saved.previous = is_chosen.then_some(self.saved.state);
        if self.saved.state != to {
            self.saved.state = to;
            self.saved.since = now;
        }
        self.startup = None;
        self.saved.compares &= matches!(to, State::Recover | State::RecoverDone);
        actions.push(Action::Alarm(Alarm::Moved { from, to, why }));
        if let Some(session) = &mut self.session {
            session.request = None;
            session.hands_over = false;
        }
        self.touch(now);
        self.save(now, actions);
        self.publish(now, false, actions);
        self.tell_state(now, table, actions);
        self.with_updates(now, table, |updates, at, xids| updates.entered(at, xids, actions));
        self.ask(now, actions);
    }

    /// What the partner's state makes of us.
    pub(super) fn consider(
        &mut self,
        now: Stamp,
        partner: State,
        is_startup: bool,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let own = self.saved.state;
        if partner != State::RecoverDone
            && let Some(session) = &mut self.session
        {
            session.hands_over = false;
        }
        if own == State::Shutdown && partner == State::PartnerDown {
            // draft-12 §9.14.2: it has served without us.
            self.saved.previous = Some(State::Recover);
        }
        // draft-12 §9.4.3: it does not know yet what it will be. RFC 8156 §8.4.2 says so of
        // PARTNER-DOWN too, and no less holds for the others: all wait for its next STATE.
        if is_startup && (own == State::PartnerDown || self.protocol() == Protocol::Dhcpv6) {
            return;
        }
        match state::on_partner_state(own, partner, self.rules()) {
            Turn::Stay => self.ask(now, actions),
            Turn::Repeat => self.tell_state(now, table, actions),
            Turn::To(State::Normal) if own == State::PartnerDown => {
                self.hand_over(now, table, actions);
            }
            Turn::To(next) => self.enter(now, next, "the partner's state", table, actions),
        }
    }

    /// Out of PARTNER-DOWN, as the partner has recovered: it goes to NORMAL as soon as we do, so it
    /// first has to know whom we gave what was its own.
    fn hand_over(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let Some(session) = self.session.as_mut().filter(|session| !session.hands_over) else {
            return;
        };
        session.hands_over = true;
        // Nothing more of it from now on.
        self.publish(now, false, actions);
        self.with_updates(now, table, |updates, _, _| updates.hand_over());
    }

    /// STARTUP ends because the partner was heard (draft-12 §9.3.2).
    pub(super) fn leave_startup(
        &mut self,
        now: Stamp,
        report: Report,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let own = self.saved.state;
        let may_have_served = matches!(
            own,
            State::CommunicationsInterrupted
                | State::PartnerDown
                | State::ResolutionInterrupted
                | State::ConflictDone
        );
        let operational = match self.protocol() {
            Protocol::Dhcpv4 => self.saved.operational,
            // RFC 8156 §7.5.1: what is no further apart is one time, and then both served.
            Protocol::Dhcpv6 => self.saved.operational.after(MAX_SKEW_V6),
        };
        let is_out_of_date =
            may_have_served && report.state == State::PartnerDown && report.since > operational;
        // draft-12 §5.16: they spoke with each other after what we remember, so it is an old copy. What
        // is stored is a minute old at the most; for as long as our receive-timer the link may have
        // lasted after the last message that we heard, and the partner has missed us for its own.
        let partners_timer =
            self.session.as_ref().map_or(Seconds(0), |session| session.partner_receive_timer);
        let is_restored = self.dialect() == Dialect::Tandem
            && matches!(report.state, State::Normal | State::CommunicationsInterrupted)
            && self.last_heard != Stamp::ZERO
            && (state::is_operational(own) || self.saved.compares)
            && report.since
                > self
                    .last_heard
                    .after(self.settings.terms.receive_timer)
                    .after(partners_timer)
                    .after(RECORD_EVERY);
        if is_restored {
            self.saved.wants_all = true;
            // Until then leases were granted here that nobody remembers.
            self.granted = self.granted.max(report.since.min(now));
            self.saved.forgotten = self.granted;
            self.saved.compares = false;
        }
        self.saved.operational = self.granted;
        let next = if is_out_of_date || is_restored {
            State::Recover
        } else {
            state::on_meeting(own, report.state, self.rules())
        };
        self.leave_startup_for(now, next, "the partner is heard", table, actions);
    }

    /// STARTUP ends because the partner was not heard in time.
    pub(super) fn give_startup_up(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let own = self.saved.state;
        let is_alone = self.settings.terms.starts_alone
            && own == State::Recover
            && self.saved.partner.is_none();
        self.saved.operational = self.granted;
        let next = if is_alone { State::PartnerDown } else { own };
        self.leave_startup_for(now, next, "the partner is not heard", table, actions);
    }

    fn leave_startup_for(
        &mut self,
        now: Stamp,
        next: State,
        why: &'static str,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let must_look_first = self.session.as_ref().is_some_and(|session| !session.has_spoken);
        if must_look_first && self.is_forbidden(next) {
            // Nothing has been said yet: the state behind STARTUP need not be.
            self.startup = None;
            self.speak(now, table, actions);
            return;
        }
        self.enter(now, next, why, table, actions);
    }

    /// The first STATE on a link. What would end a dhcpd is not said; what its own state makes of us
    /// may be.
    pub(super) fn speak(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let own = self.saved.state;
        if let Some(its) = self.saved.partner.filter(|_| self.is_heard()) {
            let met = state::on_meeting(own, its, self.rules());
            if met != own {
                self.enter(now, met, "the partner recovers too", table, actions);
                return;
            }
        }
        let is_recovering = matches!(own, State::Recover | State::RecoverWait | State::RecoverDone);
        let partner = self.saved.partner.filter(|_| self.is_heard() && !is_recovering);
        if self.startup.is_none() && self.is_forbidden(own) {
            let turn = partner.map(|its| state::on_partner_state(own, its, self.rules()));
            if let Some(Turn::To(next)) = turn.filter(|turn| match turn {
                Turn::To(next) => !self.is_forbidden(*next),
                Turn::Stay | Turn::Repeat => false,
            }) {
                self.enter(now, next, "the partner's state", table, actions);
                return;
            }
        }
        self.tell_state(now, table, actions);
    }

    /// Whether telling this state could end the partner (spec §4.6).
    fn is_forbidden(&self, own: State) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.dialect == Dialect::Dhcpd && session.guard.forbids(own))
    }

    /// STATE, if there is a link and it may be said.
    pub(super) fn tell_state(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let session = self.session.as_ref();
        let report = Report {
            state: self.saved.state,
            is_startup: self.startup.is_some(),
            since: self.saved.since,
            acks_startup: session.is_some_and(|session| session.heard_startup),
            has_communicated: session.is_some_and(|session| session.had_communicated),
        };
        let protocol = self.protocol();
        if self.is_forbidden(report.state) {
            let partner = self.saved.partner.unwrap_or(State::Startup);
            actions.push(Action::Alarm(Alarm::Dangerous { ours: report.state, partner }));
            self.close(now, None, table, actions);
            return;
        }
        let Some(session) = &mut self.session else { return };
        if !session.has_spoken && session.must_listen(now) {
            return;
        }
        session.has_spoken = true;
        session.guard.on_told(report.state);
        actions.push(Word::State(report).said(protocol, session.xids.next()));
    }

    /// UPDREQ or UPDREQALL, where the state wants it and it has not been sent.
    pub(super) fn ask(&mut self, now: Stamp, actions: &mut Vec<Action>) {
        let protocol = self.protocol();
        let may_ask = self.may_ask() && self.asks_at().is_none_or(|at| at <= now);
        let Some(session) = self.session.as_mut().filter(|_| may_ask) else { return };
        // dhcpd itself asks for all whenever it recovers (spec §4.5).
        let recovers_from_dhcpd =
            self.saved.state == State::Recover && session.dialect == Dialect::Dhcpd;
        // RFC 8156 §8.5.2: of one that has never spoken with us either there is nothing to ask for.
        let have_met = protocol == Protocol::Dhcpv4
            || session.had_communicated
            || session.partner_had_communicated;
        let all = self.saved.wants_all && have_met || recovers_from_dhcpd;
        let xid = session.xids.next_request();
        session.request = Some(Request { xid, all, moved: now });
        let word = if all { Word::UpdateRequestAll } else { Word::UpdateRequest };
        actions.push(word.said(protocol, xid));
        self.updates.on_asked(now, xid);
    }

    /// UPDREQ to a dhcpd that was just heard, where neither the state wanted it nor NORMAL did.
    pub(super) fn listen_first(&mut self, now: Stamp, table: &Table, actions: &mut Vec<Action>) {
        let is_free =
            |session: &Session| session.is_heard && session.has_spoken && session.request.is_none();
        if self.dialect() == Dialect::Dhcpd && self.session.as_ref().is_some_and(is_free) {
            self.with_updates(now, table, |updates, at, xids| {
                updates.listen_first(at.now, xids, actions);
            });
        }
    }

    /// Whether the state wants updates that have not been asked for.
    pub(super) fn may_ask(&self) -> bool {
        let wants = match (self.state(), self.settings.terms.role) {
            // draft-12 §9.5.2, §9.10.1
            (State::Recover, _) | (State::PotentialConflict, Role::Primary) => true,
            (State::PotentialConflict, Role::Secondary) => {
                self.saved.partner == Some(State::ConflictDone)
            }
            _ => false,
        };
        let can_ask =
            |session: &Session| session.is_heard && session.has_spoken && session.request.is_none();
        wants && self.session.as_ref().is_some_and(can_ask)
    }

    /// In POTENTIAL-CONFLICT, when to ask if not at once. Its end lets us serve, and where leases were
    /// forgotten that must wait as it does in RECOVER-WAIT.
    pub(super) fn asks_at(&self) -> Option<Stamp> {
        let is_it = self.state() == State::PotentialConflict && self.saved.wants_all;
        is_it.then(|| self.forgotten_ends())
    }

    /// When no lease runs any more that was forgotten here.
    pub(super) fn forgotten_ends(&self) -> Stamp {
        self.saved.forgotten.after(self.saved.longest_mclt)
    }

    /// Closes the link, and takes it for lost at once: nothing that still comes on it counts.
    pub(super) fn close(
        &mut self,
        now: Stamp,
        why: Option<Rejection>,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        actions.push(Action::Close(why));
        self.on_link_lost(now, table, actions);
    }

    /// An operator's word.
    pub(super) fn on_command(
        &mut self,
        now: Stamp,
        command: Command,
        table: &Table,
        actions: &mut Vec<Action>,
    ) {
        let refusal = match command {
            Command::PartnerDown => {
                let comes_alone = self.saved.compares && self.session.is_none();
                match state::on_partner_down(self.state(), self.session.is_some()) {
                    // Nothing is lost by it: this server knows what it did before.
                    Err(_) if comes_alone && self.state() == State::Recover => {
                        self.choose(now, State::PartnerDown, table, actions).err()
                    }
                    Ok(next) => self.choose(now, next, table, actions).err(),
                    Err(why) => Some(why),
                }
            }
            Command::Pause => self.choose(now, State::Paused, table, actions).err(),
            Command::Shutdown => self.choose(now, State::Shutdown, table, actions).err(),
            Command::Resume => self.resume(now, table, actions).err(),
            Command::Leave => {
                self.touch(now);
                self.save(now, actions);
                let text = "server stops".to_owned();
                let reason = Reject::Unknown;
                actions.push(Action::Close(Some(Rejection { reason, text })));
                self.has_left = true;
                None
            }
            Command::Resynchronise => {
                self.with_updates(now, table, |updates, at, _| updates.resynchronise(at));
                None
            }
            Command::Reset(resource) => {
                self.with_updates(now, table, |updates, at, _| {
                    updates.reset(at, resource, actions);
                });
                None
            }
        };
        if let Some(why) = refusal {
            actions.push(Action::Alarm(Alarm::Declined { command, why }));
        }
    }

    /// To the state that an operator wants, if the partner may hear of it.
    fn choose(
        &mut self,
        now: Stamp,
        next: State,
        table: &Table,
        actions: &mut Vec<Action>,
    ) -> Result<(), &'static str> {
        let is_chosen = matches!(next, State::Paused | State::Shutdown);
        if is_chosen && self.protocol() == Protocol::Dhcpv6 {
            return Err(
                "DHCPv6 failover has no such state (RFC 8156 §8): stop the server, and say \
                        partner-down on the other",
            );
        }
        match self.state() {
            State::Startup => return Err("this server is still starting"),
            State::Paused | State::Shutdown => {
                return Err("this server is out of service; resume it first");
            }
            _ => {}
        }
        if self.is_forbidden(next) {
            return Err("it would stop the partner for good");
        }
        self.enter(now, next, "an operator's word", table, actions);
        Ok(())
    }

    fn resume(
        &mut self,
        now: Stamp,
        table: &Table,
        actions: &mut Vec<Action>,
    ) -> Result<(), &'static str> {
        if !matches!(self.state(), State::Paused | State::Shutdown) {
            return Err("this server is in service");
        }
        // The partner has not counted on us meanwhile, as if the link had been lost.
        let partner = self.saved.partner.filter(|_| self.is_heard());
        let next = match (self.state(), partner) {
            // It was told that we leave everything to it, and may do so still.
            (State::Shutdown, None | Some(State::PartnerDown)) => State::Recover,
            _ => {
                let previous = self.saved.previous.unwrap_or(State::Recover);
                self.saved.without_link(previous, self.protocol())
            }
        };
        if self.is_forbidden(next) {
            return Err("it would stop the partner for good");
        }
        if partner.is_none() {
            self.start_again(now, next, "an operator's word", actions);
            return Ok(());
        }
        self.enter(now, next, "an operator's word", table, actions);
        if let Some(partner) = self.saved.partner.filter(|_| self.is_heard()) {
            self.consider(now, partner, false, table, actions);
        }
        Ok(())
    }

    /// To STARTUP, with this state behind it: the partner is listened for before anybody is served.
    pub(super) fn start_again(
        &mut self,
        now: Stamp,
        behind: State,
        why: &'static str,
        actions: &mut Vec<Action>,
    ) {
        let (from, to) = (self.state(), State::Startup);
        self.saved.since = self.saved.since_of(now, behind);
        self.saved.previous = None;
        self.saved.state = behind;
        self.startup = Some(now.after(self.settings.terms.startup));
        actions.push(Action::Alarm(Alarm::Moved { from, to, why }));
        self.save(now, actions);
        self.publish(now, false, actions);
    }
}
