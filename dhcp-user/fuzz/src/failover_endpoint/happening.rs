//! What can happen to an endpoint, as octets have it.

use std::net::Ipv4Addr;

use dhcp_user::failover::{Command, Dialect, Event, Greeted, Lost, Role};
use dhcp_user::lease::{Binding, BindingStatus, Told, WriterId};
use dhcp_user::wire::failover::{
    Acknowledgement, Malformed, Message, Packet, Reject, Rejection, State, StateReport, Update,
};
use dhcp_user::wire::{Seconds, Stamp};

use super::script::{Script, address, client, hardware};
use super::server::{Link, ROOM, Server, lasting};

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
                self.receive(kind, xid.into(), script.octets(len.into()));
            }
            5 => self.command(script),
            6 => self.lease(script),
            7 => self.release(script),
            8 => {
                let state = State::ALL[usize::from(script.octet()) % State::ALL.len()];
                let (flags, since) = (script.octet(), script.time(self.now));
                let report = StateReport { state, is_startup: flags & 1 != 0, since };
                if state != State::Startup {
                    self.hear(9, Message::State(report));
                }
            }
            9 => self.acknowledge(script),
            10 => self.update(script),
            11 => {
                let request = self.link.as_ref().map_or(0, |link| link.request);
                self.hear(request.wrapping_add((script.octet() & 1).into()), Message::UpdateDone);
            }
            12 => {
                let messages = [
                    Message::PoolRequest,
                    Message::PoolResponse { transferred: 3 },
                    Message::UpdateRequest,
                    Message::UpdateRequestAll,
                    Message::Contact,
                    Message::Disconnect(None),
                ];
                let number = usize::from(script.octet());
                self.hear(number as u32, messages[number % messages.len()].clone());
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
            self.handle(Event::Tick, &[], None);
            if self.endpoint.next_timeout().is_none_or(|next| next > self.now) {
                return;
            }
        }
        panic!("what is due is done, or it never ends");
    }

    pub(super) fn link_up(&mut self, script: &mut Script<'_>) {
        self.lose(Lost::Closed);
        let choice = usize::from(script.octet());
        let dialect = if choice & 1 == 0 { Dialect::Dhcpd } else { Dialect::Tandem };
        let max_unacked = [1, 2, 10, u32::MAX][choice >> 1 & 3];
        let mclt = match self.settings.terms.role {
            Role::Primary => self.settings.terms.mclt,
            Role::Secondary => Seconds([120, 1, 3_600, u32::MAX][choice >> 5 & 3]),
        };
        let greeted = Greeted {
            dialect,
            vendor: "any".to_owned(),
            max_unacked,
            partner_receive_timer: Seconds([30, 0, 3, u32::MAX][choice >> 3 & 3]),
            mclt,
            buckets: [u64::from(script.octet()); 4],
            ahead: i64::from(script.octet().cast_signed()) / 3,
            last_xid: u32::MAX - u32::from(script.octet()),
            partner_time: self.now,
        };
        let window = usize::try_from(max_unacked).unwrap_or(usize::MAX);
        self.link = Some(Link { dialect, window, ..Link::default() });
        self.handle(Event::LinkUp(greeted), &[], None);
    }

    pub(super) fn lose(&mut self, lost: Lost) {
        if self.link.take().is_some() {
            self.handle(Event::LinkLost(lost), &[], None);
        }
    }

    /// A message of octets, as the link would hand it in.
    pub(super) fn receive(&mut self, kind: u8, xid: u32, options: &[u8]) {
        let len = (Packet::HEADER_LEN + options.len()) as u16;
        let mut octets = [&len.to_be_bytes()[..], &[kind, 12]].concat();
        octets.extend(self.header_time().0.to_be_bytes());
        octets.extend(xid.to_be_bytes());
        octets.extend(options);
        match Packet::parse(&octets) {
            Ok(packet) => self.hear(packet.xid, packet.message),
            Err(Malformed::Ignored { .. }) => {}
            Err(malformed) => self.lose(Lost::Malformed(malformed.to_string())),
        }
    }

    pub(super) fn hear(&mut self, xid: u32, message: Message) {
        let Some(link) = &mut self.link else { return };
        if let Message::BindingAck(answers) = &message {
            let is_answered = |address: &_| answers.iter().any(|answer| answer.address == *address);
            let is_done = link.unanswered.get_mut(&xid).is_some_and(|addresses| {
                addresses.retain(|address| !is_answered(address));
                addresses.is_empty()
            });
            if is_done {
                link.unanswered.remove(&xid);
            }
        }
        let updates = match &message {
            Message::BindingUpdate(updates) => updates.clone(),
            _ => Vec::new(),
        };
        let packet = Packet { time: self.header_time(), xid, message };
        self.handle(Event::Received(&packet), &updates, None);
    }

    pub(super) fn update(&mut self, script: &mut Script<'_>) {
        let status = BindingStatus::from_octet(script.octet() % 7 + 1).expect("one of seven");
        let update = Update {
            hardware: script.octet().checked_sub(1).map(|client| hardware(client).into()),
            expires: Some(script.time(self.now)),
            potential: Some(script.time(self.now)),
            starts: Some(script.time(self.now)),
            cltt: Some(script.time(self.now)),
            ..Update::new(address(script.octet()), status)
        };
        self.hear(7, Message::BindingUpdate(vec![update]));
    }

    pub(super) fn acknowledge(&mut self, script: &mut Script<'_>) {
        let (which, is_refused) = (script.octet(), script.octet() & 1 != 0);
        let Some(link) = &self.link else { return };
        let nth = usize::from(which) % link.unanswered.len().max(1);
        let Some((xid, addresses)) = link.unanswered.iter().nth(nth) else { return };
        let rejection = Rejection { reason: Reject::Outdated, text: String::new() };
        let answer = |address: &Ipv4Addr| Acknowledgement {
            address: *address,
            rejection: is_refused.then(|| rejection.clone()),
        };
        let (xid, answers) = (*xid, addresses.iter().map(answer).collect());
        self.hear(xid, Message::BindingAck(answers));
    }

    pub(super) fn command(&mut self, script: &mut Script<'_>) {
        let target = address(script.octet());
        let (command, reset) = match script.octet() % 6 {
            0 => (Command::PartnerDown, None),
            1 => (Command::Pause, None),
            2 => (Command::Resume, None),
            3 => (Command::Shutdown, None),
            4 => (Command::Resynchronise, None),
            _ => (Command::Reset(target.into()), Some(target)),
        };
        self.handle(Event::Command(command), &[], reset);
    }

    /// A worker grants or renews a lease.
    pub(super) fn lease(&mut self, script: &mut Script<'_>) {
        let (address, client) = (address(script.octet()), client(script.octet()));
        let lasts = Seconds(u32::from(script.octet()) * 4);
        let now = self.now;
        self.change(address, |before| {
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
        let (address, declines) = (address(script.octet()), script.octet() & 1 != 0);
        let now = self.now;
        self.change(address, |before| {
            let before = before.filter(|before| before.is_held(now))?;
            let status = if declines { BindingStatus::Abandoned } else { BindingStatus::Released };
            let client = before.client.clone().filter(|_| !declines);
            let expires = if declines { now.after(Seconds(600)) } else { now };
            Some(Binding { status, client, starts: now, expires, ..before.clone() })
        });
    }

    pub(super) fn change(
        &mut self,
        address: Ipv4Addr,
        new: impl FnOnce(Option<&Binding>) -> Option<Binding>,
    ) {
        let guard = self.table.pin();
        let Some(seen) = self.table.seen(address, &guard) else { return };
        let Some(new) = new(seen.binding()) else { return };
        let new = Binding { told: Told::Unsent, writer: Some(WORKER), ..new };
        self.journal.insert(address, lasting(&new));
        assert!(self.table.replace(address, seen, new, &guard).is_ok(), "nobody else is here");
    }
}
