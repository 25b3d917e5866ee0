//! Incidents as they begin, go on and end, and what servers owe meanwhile.

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::{Command, Event as Happening, Lost};
use dhcp_user::lease::BindingStatus;
use dhcp_user::wire::failover::State;

use super::clock::{MINUTE, Millis, SECOND};
use super::observer::{name, on, whose};
use super::places;
use super::random::Random;
use super::scenario::{Incident, Relationship, Scenario, Side, Trouble};
use super::world::{Event, World};

/// What is wrong now: how many incidents say so.
#[derive(Debug)]
pub(super) struct Troubles {
    pub(super) unreachable: [u32; 2],
    pub(super) slow: [u32; 2],
    pub(super) noise: u32,
    /// Why a server is not up.
    pub(super) down: [u32; 2],
    /// Stands still until then.
    pub(super) asleep: [Option<Millis>; 2],
    /// What sockets and timers keep for a server that stands still.
    pub(super) kept: [Vec<Event>; 2],
    /// Out of service by an operator's will.
    pub(super) retired: [u32; 2],
    /// Both were told that the other is down, and it was not.
    pub(super) both_alone: bool,
    /// Since when this one has been told that the other is down.
    pub(super) told_down: [Option<Millis>; 2],
    /// Incidents that have begun but had no place.
    skipped: Vec<bool>,
    /// Since when somebody has promised to answer each client.
    pub(super) promised: Vec<Option<Millis>>,
    /// Since when the link could not be made, and not.
    parted: Option<Millis>,
    /// Since when there is a link, and the clocks are too far apart for one.
    skewed: [Option<Millis>; 2],
    /// Since when a server is neither up and linked nor serving alone.
    useless: [[Option<Millis>; 2]; 2],
    crashes: Random,
}

impl Troubles {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            unreachable: [0; 2],
            slow: [0; 2],
            noise: 0,
            down: [0; 2],
            asleep: [None; 2],
            kept: [Vec::new(), Vec::new()],
            retired: [0; 2],
            both_alone: false,
            told_down: [None; 2],
            skipped: vec![false; scenario.incidents.len()],
            promised: vec![None; scenario.clients.len()],
            parted: None,
            skewed: [None; 2],
            useless: [[None; 2]; 2],
            crashes: Random::new(scenario.seed, 5),
        }
    }

    /// Shortest and longest flush.
    pub(super) fn flush(&self, scenario: &Scenario, side: Side) -> (Millis, Millis) {
        if self.slow[side] > 0 { (SECOND, 15 * SECOND) } else { scenario.servers[side].flush }
    }

    /// Whether nothing is wrong any more.
    pub(super) fn are_over(&self) -> bool {
        let all = [self.unreachable, self.slow, self.down, self.retired];
        self.noise == 0 && self.asleep == [None; 2] && all.iter().all(|counts| *counts == [0; 2])
    }
}

impl World<'_> {
    /// Whether a server is up and does something.
    pub(super) fn is_awake(&self, side: Side) -> bool {
        self.servers[side].is_up() && self.troubles.asleep[side].is_none()
    }

    pub(super) fn begin(&mut self, number: usize) {
        let incident = self.scenario.incidents[number].clone();
        let may = self.may_begin(incident.what);
        self.say(|| format!("*** {}{incident}", if may { "" } else { "left out: " }));
        if !may {
            self.troubles.skipped[number] = true;
            return;
        }
        let half = incident.lasts / 2;
        match incident.what {
            Trouble::Reset => self.reset(),
            Trouble::Apart => [0, 1].into_iter().for_each(|side| self.link.mute(side)),
            Trouble::Mute(side) => self.link.mute(side),
            Trouble::Die(side) => {
                self.troubles.down[side] += 1;
                self.crash(side, true);
            }
            Trouble::PowerOff(side) => {
                self.troubles.down[side] += 1;
                self.crash(side, false);
            }
            Trouble::LoseDisk(side) => {
                self.troubles.down[side] += 1;
                self.crash(side, false);
                self.servers[side].disk = super::disk::Disk::default();
                let other = &self.servers[1 - side];
                let now = self.now;
                self.observer.loses_disk(side, now, |resource, client| {
                    let binding = other.binding(resource)?;
                    let is_its =
                        binding.status == BindingStatus::Active && whose(&binding) == Some(client);
                    is_its.then(|| other.clock.when(binding.expires, now))
                });
            }
            Trouble::Stop(side) | Trouble::Shutdown(side) => {
                self.troubles.down[side] += 1;
                let is_stop = matches!(incident.what, Trouble::Stop(_));
                let command = if is_stop { Command::Leave } else { Command::Shutdown };
                self.troubles.retired[side] += u32::from(!is_stop);
                self.command(side, command);
                self.after(2 * SECOND, Event::Proceed(number));
            }
            Trouble::Pause(side) | Trouble::Withdraw(side) => {
                let is_pause = matches!(incident.what, Trouble::Pause(_));
                self.troubles.retired[side] += 1;
                self.command(side, if is_pause { Command::Pause } else { Command::Shutdown });
            }
            Trouble::SlowDisk(side) => self.troubles.slow[side] += 1,
            Trouble::Unreachable(side) => self.troubles.unreachable[side] += 1,
            Trouble::Noise => self.troubles.noise += 1,
            Trouble::Alone(side) => {
                self.troubles.down[side] += 1;
                self.crash(side, half.is_multiple_of(2));
                self.after(half.min(MINUTE), Event::Proceed(number));
            }
            Trouble::Sleep(side) => {
                self.troubles.asleep[side] = Some(self.now + incident.lasts);
                // By the look of it, it is dead.
                if half.is_multiple_of(2) {
                    let missed = u64::from(self.scenario.receive_timer) * SECOND;
                    self.after(missed + half.min(MINUTE), Event::Proceed(number));
                }
            }
            Trouble::BothAlone => {
                [0, 1].into_iter().for_each(|side| self.link.mute(side));
                self.after(half.min(5 * MINUTE), Event::Proceed(number));
            }
            Trouble::Free(network, index) => {
                let protocol = self.scenario.protocols[network];
                // Of an odd number half is a prefix.
                let resource = match self.scenario.prefixes(network) {
                    0 => places::address(protocol, network, index),
                    _ if index.is_multiple_of(2) => places::address(protocol, network, index),
                    count => places::prefix(network, index / 2 % count),
                };
                if let Some(side) = (0..2).find(|side| self.is_awake(*side)) {
                    self.observer.frees(resource);
                    self.command(side, Command::Reset(resource));
                }
            }
            Trouble::Resynchronise(side) => self.command(side, Command::Resynchronise),
        }
        self.after(incident.lasts, Event::End(number));
    }

    /// What an operator would not do, and what the protocol says nothing about, is left out.
    fn may_begin(&self, trouble: Trouble) -> bool {
        let is_well = |side: Side| {
            let server = &self.servers[side];
            let are_well = (0..self.scenario.relationships).all(|relationship| {
                let saved = server.disk.saved[relationship].map(|saved| saved.state);
                matches!(saved, Some(State::Normal | State::CommunicationsInterrupted))
                    && server.state(relationship) == saved
            });
            are_well && self.is_awake(side)
        };
        match trouble {
            // A server that sleeps does not hear of it, nor that it was one.
            Trouble::Reset => self.troubles.asleep == [None; 2],
            // What the other does not know is lost for good.
            Trouble::LoseDisk(_) => is_well(0) && is_well(1),
            Trouble::Alone(side) | Trouble::Sleep(side) => is_well(side) && is_well(1 - side),
            Trouble::BothAlone => is_well(0) && is_well(1),
            Trouble::Shutdown(side)
            | Trouble::Withdraw(side)
            | Trouble::Stop(side)
            | Trouble::Pause(side) => is_well(side),
            _ => true,
        }
    }

    /// The second half of an incident.
    pub(super) fn proceed(&mut self, number: usize) {
        match self.scenario.incidents[number].what {
            Trouble::Stop(side) | Trouble::Shutdown(side) if self.servers[side].is_up() => {
                for relationship in 0..self.scenario.relationships {
                    self.hang_up(relationship, side, Lost::Asked);
                }
                for number in self.link.numbers(side) {
                    self.close(number, side);
                }
                self.servers[side].disk.close();
                self.servers[side].stop();
                self.end_sleep(side);
                self.say(|| format!("{} has ended", name(side)));
                self.start_if_wise(side);
            }
            Trouble::Alone(side) => {
                let other = 1 - side;
                let is_down = !self.servers[side].is_up() && self.troubles.down[side] > 0;
                if is_down && self.is_awake(other) {
                    self.troubles.told_down[other] = Some(self.now);
                    self.command(other, Command::PartnerDown);
                }
            }
            Trouble::Sleep(side) => {
                let other = 1 - side;
                let states = self.servers[other].states();
                let is_missed = states.iter().all(|it| *it == State::CommunicationsInterrupted);
                if is_missed && self.troubles.asleep[side].is_some() && self.is_awake(other) {
                    self.troubles.told_down[other] = Some(self.now);
                    self.command(other, Command::PartnerDown);
                    self.troubles.told_down[other] = None;
                }
            }
            Trouble::BothAlone => {
                self.troubles.both_alone = true;
                self.observer.excuse(self.now);
                for side in 0..2 {
                    self.command(side, Command::PartnerDown);
                }
            }
            _ => {}
        }
    }

    pub(super) fn end(&mut self, number: usize) {
        let Incident { what, lasts, .. } = self.scenario.incidents[number];
        if let Trouble::Pause(side) = what
            && let Some(wakes) = self.troubles.asleep[side]
        {
            // Nobody answers the operator before.
            self.at(wakes, Event::End(number));
            return;
        }
        self.say(|| format!("*** {what:?} is over"));
        match what {
            Trouble::Apart | Trouble::BothAlone => {
                [0, 1].into_iter().for_each(|side| self.unmute(side));
            }
            Trouble::Mute(side) => self.unmute(side),
            Trouble::Die(side)
            | Trouble::PowerOff(side)
            | Trouble::LoseDisk(side)
            | Trouble::Alone(side)
            | Trouble::Stop(side) => self.come_back(side),
            Trouble::Shutdown(side) => {
                self.come_back(side);
                self.troubles.retired[side] -= 1;
            }
            Trouble::Pause(side) | Trouble::Withdraw(side) => {
                self.troubles.retired[side] -= 1;
                self.command(side, Command::Resume);
            }
            Trouble::SlowDisk(side) => self.troubles.slow[side] -= 1,
            Trouble::Unreachable(side) => self.troubles.unreachable[side] -= 1,
            Trouble::Noise => self.troubles.noise -= 1,
            // It may have been killed meanwhile.
            Trouble::Sleep(side) if self.troubles.asleep[side] == Some(self.now) => {
                self.troubles.asleep[side] = None;
                for event in std::mem::take(&mut self.troubles.kept[side]) {
                    self.at(self.now, event);
                }
                self.observer.sleeps(side, lasts);
            }
            Trouble::Sleep(_) => {}
            Trouble::Reset | Trouble::Free(..) | Trouble::Resynchronise(_) => {}
        }
    }

    fn come_back(&mut self, side: Side) {
        self.troubles.down[side] -= 1;
        self.start_if_wise(side);
    }

    /// Starts a server unless something keeps it down. One whose partner was told that it is down is
    /// not started where it could not learn of that (draft-12 §9.4.1): so says every manual.
    pub(super) fn start_if_wise(&mut self, side: Side) {
        if self.troubles.down[side] > 0 || self.servers[side].is_up() {
            return;
        }
        let was_taken_over = (0..self.scenario.relationships).any(|relationship| {
            let is_alone = |side: Side| {
                let saved = self.servers[side].disk.saved[relationship];
                saved.is_some_and(|saved| saved.state == State::PartnerDown)
            };
            is_alone(1 - side) && !is_alone(side)
        });
        let can_meet = self.link.is_whole() && !self.scenario.forbids_link(self.now, false);
        if was_taken_over && !(can_meet && self.is_awake(1 - side)) {
            self.after(30 * SECOND, Event::Start(side));
            return;
        }
        self.troubles.told_down[1 - side] = None;
        self.start(side);
        let is_held = |saved: &dhcp_user::failover::Saved| {
            matches!(saved.state, State::Paused | State::Shutdown)
        };
        let was_held = self.servers[side].disk.saved.iter().flatten().any(is_held);
        if was_held && self.troubles.retired[side] <= 1 {
            self.command(side, Command::Resume);
        }
    }

    pub(super) fn command(&mut self, side: Side, command: Command) {
        if !self.is_awake(side) {
            return;
        }
        self.say(|| format!("*** the operator of the {}: {command:?}", name(side)));
        for relationship in 0..self.scenario.relationships {
            let is_meant = match command {
                Command::Reset(resource) => {
                    self.servers[side].relationship(resource) == relationship
                }
                _ => true,
            };
            if is_meant {
                self.tell(relationship, side, Happening::Command(command));
            }
        }
    }

    fn crash(&mut self, side: Side, is_heard: bool) {
        if !self.servers[side].is_up() {
            return;
        }
        self.say(|| format!("{} crashes", name(side)));
        self.servers[side].stop();
        self.end_sleep(side);
        self.observer.overslept.iter_mut().for_each(|sides| sides[side] = false);
        self.servers[side].disk.crash(&mut self.troubles.crashes);
        for relationship in 0..self.scenario.relationships {
            self.observer.disconnected(relationship, side);
        }
        for number in self.link.numbers(side) {
            if is_heard {
                self.close(number, side);
            } else {
                self.link.close(number, side);
            }
        }
    }

    /// Its process ends while it stands still: what its sockets kept for it is gone with them.
    fn end_sleep(&mut self, side: Side) {
        self.troubles.asleep[side] = None;
        self.troubles.kept[side].clear();
    }

    /// Whether a server that is up, and that nobody holds back, does its work.
    pub(super) fn look_at_servers(&mut self) {
        let is_cut = !self.link.is_whole()
            || self.scenario.protocols == [Protocol::Dhcpv6; 2]
                && self.scenario.forbids_link(self.now, true);
        if is_cut || (0..2).any(|side| !self.is_awake(side)) {
            self.troubles.parted.get_or_insert(self.now);
        } else {
            self.troubles.parted = None;
        }
        for relationship in 0..self.scenario.relationships {
            (0..2).for_each(|side| self.look_at_server(relationship, side));
            self.look_at_skew(relationship);
        }
    }

    /// RFC 8156 §7.5.1: the first message that tells of it ends the link.
    fn look_at_skew(&mut self, relationship: Relationship) {
        let are_apart = self.scenario.protocols[relationship] == Protocol::Dhcpv6
            && self.scenario.forbids_link(self.now, true);
        let hear = (0..2).all(|side| self.is_awake(side) && self.servers[side].hears(relationship));
        if !(are_apart && hear) {
            self.troubles.skewed[relationship] = None;
            return;
        }
        let since = *self.troubles.skewed[relationship].get_or_insert(self.now);
        let silence = u64::from(self.scenario.receive_timer) * SECOND;
        if self.now - since > 2 * silence {
            let text = format!("for {} s", (self.now - since) / SECOND);
            self.observer.fail("no link between clocks that are apart", self.now, text);
        }
    }

    fn look_at_server(&mut self, relationship: Relationship, side: Side) {
        let state = self.servers[side].state(relationship);
        let serves = matches!(
            state,
            Some(
                State::CommunicationsInterrupted
                    | State::PartnerDown
                    | State::ResolutionInterrupted
                    | State::ConflictDone
                    | State::Recover
                    | State::RecoverWait
                    | State::RecoverDone
            )
        );
        let is_held = !self.is_awake(side)
            || self.troubles.retired[side] > 0
            || matches!(state, Some(State::Paused | State::Shutdown));
        let useless = &mut self.troubles.useless[relationship][side];
        let Some(parted) = self.troubles.parted.filter(|_| !is_held && !serves) else {
            *useless = None;
            return;
        };
        if self.troubles.slow[side] > 0 {
            *useless = None;
            return;
        }
        let since = *useless.get_or_insert(self.now);
        let patience = u64::from(self.scenario.receive_timer) * SECOND
            + u64::from(self.scenario.servers[side].startup) * SECOND
            + 2 * MINUTE;
        if self.now - since.max(parted) > patience {
            let text = format!(
                "{}{} is in {} since {} s, and cannot reach its partner",
                name(side),
                on(relationship),
                state.map_or("nothing", State::name),
                (self.now - since) / SECOND
            );
            self.observer.fail("a server alone serves", self.now, text);
        }
    }
}
