//! What can happen to an endpoint, as octets have it.

use dhcp_user::config::model::Protocol;
use dhcp_user::failover::link::Spoken;
use dhcp_user::failover::{Command, Dialect, Event, Greeted, Lost, Role};
use dhcp_user::lease::{Binding, BindingStatus, Resource, Told, WriterId};
use dhcp_user::wire::failover::{Malformed, State};
use dhcp_user::wire::{Seconds, Stamp};

use super::script::{Script, client, states};
use super::server::{Link, ROOM, Said, Server, lasting};
use super::words::{self, Claim, Refused};

const WORKER: WriterId = WriterId(0);

impl Server {
    pub(super) fn step(&mut self, script: &mut Script<'_>) {
        match script.octet() % 16 {
            0 => self.pass(u32::from(script.octet())),
            1 => self.pass(u32::from(script.octet()) * 60),
            2 => self.link_up(script),
            3 => self.lose(Lost::Closed),
            4 => {
                let (kind, xid, len) = (script.octet(), script.octet(), script.octet());
                self.receive(kind, xid, script.octets(len.into()));
            }
            5 => self.command(script),
            6 => self.lease(script),
            7 => self.release(script),
            8 => {
                let state = State::ALL[usize::from(script.octet()) % State::ALL.len()];
                let (flags, since) = (script.octet(), script.time(self.now));
                if states(self.protocol()).any(|it| it == state) {
                    self.hear(9, words::state(self.protocol(), state, flags, since));
                }
            }
            9 => self.acknowledge(script),
            10 => self.update(script),
            11 => {
                let request = self.link.as_ref().map_or(0, |link| link.request);
                let xid = request.wrapping_add((script.octet() & 1).into());
                self.hear(xid, words::done(self.protocol()));
            }
            12 => {
                let number = script.octet();
                self.hear(number.into(), words::short(self.protocol(), number.into()));
            }
            13 => self.restart(),
            14 => self.pump(script.octet().into()),
            _ => {
                let octet = script.octet();
                self.ahead = i32::from(octet.cast_signed()) * if octet & 1 == 0 { 1 } else { 100 };
            }
        }
        self.pump(ROOM);
    }

    pub(super) fn pass(&mut self, seconds: u32) {
        self.now = Stamp(self.now.0 + seconds);
        // What one timer begins may be over by the same hour.
        for _ in 0..4 {
            self.handle(Event::Tick, &Said::default());
            if self.endpoint.next_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("what is due is done, or it never ends");
    }

    pub(super) fn link_up(&mut self, script: &mut Script<'_>) {
        self.lose(Lost::Closed);
        let choice = usize::from(script.octet());
        let dialect = match self.protocol() {
            Protocol::Dhcpv4 if choice & 1 == 0 => Dialect::Dhcpd,
            _ => Dialect::Tandem,
        };
        let max_unacked = [1, 2, 10, u32::MAX][choice >> 1 & 3];
        let mclt = match self.settings.terms.role {
            Role::Primary => self.settings.terms.mclt,
            Role::Secondary => Seconds([120, 1, 3_600, u32::MAX][choice >> 5 & 3]),
        };
        let buckets = [u64::from(script.octet()); 4];
        let ahead = i64::from(script.octet().cast_signed()) / 3;
        let left = u32::from(script.octet());
        let (ahead, last_xid) = match self.protocol() {
            Protocol::Dhcpv4 => (ahead, u32::MAX - left),
            // Clocks that are further apart are not greeted, and numbers have three octets.
            Protocol::Dhcpv6 => (ahead.clamp(-5, 5), 0x00ff_ffff - left),
        };
        let greeted = Greeted {
            dialect,
            vendor: "any".to_owned(),
            max_unacked,
            partner_receive_timer: Seconds([30, 0, 3, u32::MAX][choice >> 3 & 3]),
            mclt,
            buckets,
            ahead,
            last_xid,
            partner_time: self.now,
        };
        let window = usize::try_from(max_unacked).unwrap_or(usize::MAX);
        self.link = Some(Link { dialect, window, ..Link::default() });
        self.handle(Event::LinkUp(greeted), &Said::default());
    }

    pub(super) fn lose(&mut self, lost: Lost) {
        if self.link.take().is_some() {
            self.handle(Event::LinkLost(lost), &Said::default());
        }
    }

    /// A message of octets, as the link would hand it in.
    pub(super) fn receive(&mut self, kind: u8, xid: u8, options: &[u8]) {
        match words::read(self.protocol(), kind, self.header_time(), xid, options) {
            Ok((xid, message)) => self.hear(xid, message),
            Err(Malformed::Ignored { .. }) => {}
            Err(malformed) => self.lose(Lost::Malformed(malformed.to_string())),
        }
    }

    pub(super) fn hear(&mut self, xid: u32, message: Spoken) {
        let Some(link) = &mut self.link else { return };
        let answered = words::answered(&message).unwrap_or_default();
        let agreed = link.answered(xid, &answered);
        let said = Said { told: words::told(&message), agreed, reset: None };
        let packet = words::arrived(self.header_time(), xid, message);
        self.handle(packet.event(self.now), &said);
    }

    /// Of one resource, or in DHCPv6 perhaps of two that are one client's.
    pub(super) fn update(&mut self, script: &mut Script<'_>) {
        let status = BindingStatus::from_octet(script.octet() % 7 + 1).expect("one of seven");
        let who = script.octet();
        let claim = Claim {
            status,
            client: who.checked_sub(1),
            expires: script.time(self.now),
            potential: script.time(self.now),
            starts: script.time(self.now),
            cltt: script.time(self.now),
        };
        let has_two = self.protocol() == Protocol::Dhcpv6 && who & 0x80 != 0;
        let mut all = vec![script.resource(self.protocol())];
        all.extend(has_two.then(|| script.resource(self.protocol())));
        self.hear(7, words::update(self.protocol(), self.now, &all, claim));
    }

    pub(super) fn acknowledge(&mut self, script: &mut Script<'_>) {
        let (which, how) = (script.octet(), script.octet());
        let refused = match how & 3 {
            0 | 2 => Refused::Nothing,
            1 => Refused::All,
            _ => Refused::Each,
        };
        let Some(link) = &self.link else { return };
        let nth = usize::from(which) % link.unanswered.len().max(1);
        let Some((xid, update)) = link.unanswered.iter().nth(nth) else { return };
        let xid = *xid;
        if let Some(answer) = words::answer(&update.message, &update.left, refused) {
            self.hear(xid, answer);
        }
    }

    pub(super) fn command(&mut self, script: &mut Script<'_>) {
        let target = script.resource(self.protocol());
        let (command, reset) = match script.octet() % 6 {
            0 => (Command::PartnerDown, None),
            1 => (Command::Pause, None),
            2 => (Command::Resume, None),
            3 => (Command::Shutdown, None),
            4 => (Command::Resynchronise, None),
            _ => (Command::Reset(target), Some(target)),
        };
        self.handle(Event::Command(command), &Said { reset, ..Said::default() });
    }

    /// A worker grants or renews a lease.
    pub(super) fn lease(&mut self, script: &mut Script<'_>) {
        let resource = script.resource(self.protocol());
        let client = client(script.octet(), resource);
        let lasts = Seconds(u32::from(script.octet()) * 4);
        let now = self.now;
        self.change(resource, |before| {
            let is_its =
                before.is_some_and(|it| it.is_held(now) && it.client.as_ref() == Some(&client));
            let is_to_be_had = before.is_none_or(Binding::is_available);
            (is_its || is_to_be_had).then(|| Binding {
                expires: now.after(lasts),
                cltt: now,
                sent_potential: now.after(Seconds(lasts.0 * 2)),
                client: Some(client),
                ..Binding::new(BindingStatus::Active, now)
            })
        });
    }

    /// A worker hears a RELEASE or a DECLINE.
    pub(super) fn release(&mut self, script: &mut Script<'_>) {
        let (resource, declines) = (script.resource(self.protocol()), script.octet() & 1 != 0);
        let now = self.now;
        self.change(resource, |before| {
            let before = before.filter(|before| before.is_held(now))?;
            let status = if declines { BindingStatus::Abandoned } else { BindingStatus::Released };
            let client = before.client.clone().filter(|_| !declines);
            let expires = if declines { now.after(Seconds(600)) } else { now };
            Some(Binding { status, client, starts: now, expires, ..before.clone() })
        });
    }

    pub(super) fn change(
        &mut self,
        resource: Resource,
        new: impl FnOnce(Option<&Binding>) -> Option<Binding>,
    ) {
        let table = self.tables.of(resource);
        let guard = table.pin();
        let Some(id) = table.place(resource) else { return };
        let Some(seen) = table.seen(id, &guard) else { return };
        let Some(new) = new(seen.binding()) else { return };
        let new = Binding { told: Told::Unsent, writer: Some(WORKER), ..new };
        self.journal.insert(resource, lasting(&new));
        assert!(table.replace(id, seen, new, &guard).is_ok(), "nobody else is here");
    }
}
