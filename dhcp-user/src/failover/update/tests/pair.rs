//! One server, and two with a wire between them.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use crate::config::model::Protocol;
use crate::failover::event::Action;
use crate::failover::moment::{Moment, Xids};
use crate::failover::skew::Skew;
use crate::failover::update::Updates;
use crate::failover::{Dialect, Role, Settings, Terms, testing};
use crate::lease::{
    Answers, Binding, BindingStatus, Client, ClientKey, ItemKind, Layout, NetworkId, Owner, PoolId,
    Range, ResourceId, Table, Told, View, WriterId,
};
use crate::wire::failover::{Message, State};
use crate::wire::{Seconds, Stamp};

pub(super) const POOL: PoolId = PoolId(ResourceId::of(Ipv4Addr::new(10, 0, 0, 10)));
pub(super) const MCLT: Seconds = Seconds(120);
pub(super) const DESIRED: Seconds = Seconds(600);
pub(super) const ENDPOINT: WriterId = WriterId(9);
pub(super) const WORKER: WriterId = WriterId(1);

/// The nth address of the pool.
pub(super) fn ip(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(POOL.0.0 + number)
}

/// A client with a hardware address, and a name of its own.
pub(super) fn client(number: u8) -> Client {
    let octets = [1, 2, 0, 0, 0, 0, number];
    let key = ClientKey { kind: ItemKind::Hardware, octets: &octets };
    Client::builder(key).with(ItemKind::HostName, &[b'h', number]).build()
}

pub(super) fn settings(role: Role) -> Settings {
    let base = testing::settings(role);
    let terms = Terms {
        mclt: MCLT,
        startup: Seconds(5),
        min_balance: Seconds(60),
        max_balance: Seconds(3_600),
        ..base.terms
    };
    Settings { terms, pools: vec![POOL], ..base }
}

/// 10.0.0.0/8 in relationship 0, 11.0.0.0/8 in another.
pub(super) fn layout(count: u32, reserved: Vec<Ipv4Addr>) -> Layout {
    let net =
        |first: u8| Range::ipv4(Ipv4Addr::new(first, 0, 0, 0), Ipv4Addr::new(first, 255, 255, 255));
    let subnets = vec![(net(10), NetworkId(net(10).first)), (net(11), NetworkId(net(11).first))];
    let pool = Range::ipv4(ip(0), ip(count - 1));
    let reserved = reserved.into_iter().map(ResourceId::from).collect();
    Layout::new(subnets, vec![pool], reserved).with_relationships(vec![(net(10), 0), (net(11), 1)])
}

/// One server.
pub(super) struct Side {
    pub(super) role: Role,
    pub(super) now: Stamp,
    pub(super) table: Table,
    pub(super) updates: Updates,
    pub(super) xids: Xids,
    pub(super) is_up: bool,
    pub(super) dialect: Dialect,
    /// In the order they were made, until somebody takes them.
    pub(super) actions: Vec<Action>,
}

impl Side {
    pub(super) fn new(role: Role, count: u32) -> Self {
        Self::of(role, layout(count, Vec::new()))
    }

    pub(super) fn of(role: Role, layout: Layout) -> Self {
        Self {
            role,
            now: Stamp(10_000),
            table: Table::new(layout),
            updates: Updates::new(&settings(role), ENDPOINT, false),
            xids: Xids::after(0, Protocol::Dhcpv4),
            is_up: false,
            dialect: Dialect::Tandem,
            actions: Vec::new(),
        }
    }

    /// Linked to a partner of this dialect, that takes so many messages.
    pub(super) fn linked(mut self, dialect: Dialect, window: u32) -> Self {
        self.up(dialect, window);
        self
    }

    pub(super) fn up(&mut self, dialect: Dialect, window: u32) {
        self.is_up = true;
        self.dialect = dialect;
        self.updates.link_up(self.now, dialect, window);
    }

    /// So much time passes that nothing is held back any more; a request has been answered meanwhile.
    pub(super) fn settle(&mut self) {
        let asked = self.actions.iter().find_map(|action| match action {
            Action::Send(xid, Message::UpdateRequest) => Some(*xid),
            _ => None,
        });
        if let Some(xid) = asked {
            self.hear(xid, &Message::UpdateDone);
        }
        self.now = Stamp(self.now.0 + 3);
        self.with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
    }

    pub(super) fn down(&mut self) {
        self.is_up = false;
        self.updates.link_lost(&self.table);
    }

    pub(super) fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Updates, &Moment<'_>, &mut Xids, &mut Vec<Action>) -> T,
    ) -> T {
        let skew = Skew::default();
        let normal = if self.is_up { State::Normal } else { State::CommunicationsInterrupted };
        let at = Moment {
            now: self.now,
            state: normal,
            is_heard: self.is_up,
            tells: self.is_up,
            is_followed: true,
            skew: &skew,
            table: &self.table,
        };
        act(&mut self.updates, &at, &mut self.xids, &mut self.actions)
    }

    pub(super) fn hear(&mut self, xid: u32, message: &Message) {
        self.with(|updates, at, xids, actions| match message {
            Message::BindingUpdate(all) => updates.on_update(at, xid, all, actions),
            Message::BindingAck(all) => {
                updates.on_acknowledgement(at, xid, all, actions);
            }
            Message::UpdateRequest => updates.on_request(at, xid, false),
            Message::UpdateRequestAll => updates.on_request(at, xid, true),
            Message::UpdateDone => updates.on_done(at.now, xid),
            Message::PoolRequest => updates.on_pool_request(at, xid, actions),
            Message::PoolResponse { transferred } => {
                updates.on_pool_response(at, *transferred, xids, actions);
            }
            _ => {}
        });
    }

    pub(super) fn pump(&mut self, room: usize) -> bool {
        self.with(|updates, at, xids, actions| updates.pump(at, room, xids, actions))
    }

    /// What left since the last call.
    pub(super) fn sent(&mut self) -> Vec<(u32, Message)> {
        let sent = |action| match action {
            Action::Send(xid, message) => Some((xid, message)),
            _ => None,
        };
        self.actions.drain(..).filter_map(sent).collect()
    }

    pub(super) fn get(&self, address: Ipv4Addr) -> Option<Binding> {
        let guard = self.table.pin();
        self.table.seen(address, &guard).and_then(|seen| seen.binding().cloned())
    }

    /// Swaps in whatever is there.
    pub(super) fn set(&self, address: Ipv4Addr, new: Binding) {
        let guard = self.table.pin();
        let seen = self.table.seen(address, &guard).unwrap();
        self.table.replace(address, seen, new, &guard).unwrap();
    }

    pub(super) fn view(&self) -> View {
        let is_primary = self.role == Role::Primary;
        View {
            answers: Answers::Everybody,
            owner: if is_primary { Owner::Primary } else { Owner::Secondary },
            mclt: Some(MCLT),
            ends_leases: is_primary || !self.is_up,
            takeover: None,
            until: Stamp::NEVER,
        }
    }

    /// As a worker grants a lease of this address, if it may.
    pub(super) fn grant(&self, address: Ipv4Addr, number: u8) -> bool {
        use BindingStatus::{Active, Expired, Released};
        let (view, old) = (self.view(), self.get(address));
        let client = client(number);
        let is_its = old.as_ref().is_some_and(|old| {
            let may_resume = match old.status {
                Active => true,
                Expired | Released => old.told == Told::Unsent,
                _ => false,
            };
            may_resume && old.client.as_ref().is_some_and(|old| old.is_same(&client))
        });
        if !is_its && !view.may_give(self.now, old.as_ref()) {
            return false;
        }
        let lasts = old.as_ref().filter(|_| is_its);
        let time = view.lease_time(self.now, lasts, DESIRED);
        let mut new = lasts.cloned().unwrap_or_else(|| Binding::new(Active, self.now));
        if new.status != Active {
            new.starts = self.now;
        }
        new.status = Active;
        new.expires = self.now.after(time);
        new.cltt = self.now;
        let potential = view.potential(self.now, Seconds(time.0 / 2), DESIRED);
        new.sent_potential = new.sent_potential.max(potential);
        new.told = view.told();
        new.writer = Some(WORKER);
        new.client = Some(client);
        self.set(address, new);
        true
    }

    /// As a worker takes a DHCPRELEASE.
    pub(super) fn release(&self, address: Ipv4Addr) {
        let Some(old) = self.get(address).filter(|old| old.is_held(self.now)) else { return };
        let released = Binding {
            status: BindingStatus::Released,
            starts: self.now,
            expires: self.now,
            cltt: self.now,
            told: Told::Unsent,
            writer: Some(WORKER),
            ..old
        };
        self.set(address, released);
    }

    /// As the sweep ends what is over.
    pub(super) fn sweep(&self, count: u32) {
        if !self.view().ends_leases {
            return;
        }
        for address in (0..count).map(ip) {
            let over =
                self.get(address).filter(|old| old.ends().is_some_and(|end| end <= self.now));
            let Some(old) = over else { continue };
            let expired = Binding {
                status: BindingStatus::Expired,
                starts: self.now,
                told: Told::Unsent,
                writer: Some(WORKER),
                ..old
            };
            self.set(address, expired);
        }
    }
}

/// Two servers and a wire.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    /// To the primary, to the secondary.
    pub(super) wire: [VecDeque<(u32, Message)>; 2],
}

impl Pair {
    pub(super) fn new(count: u32) -> Self {
        let sides = [Role::Primary, Role::Secondary].map(|role| Side::new(role, count));
        Self { sides, wire: Default::default() }
    }

    pub(super) fn connect(&mut self) {
        if !self.sides[0].is_up {
            for side in &mut self.sides {
                side.up(Dialect::Tandem, 2);
                side.with(|updates, at, xids, actions| updates.entered(at, xids, actions));
            }
        }
    }

    pub(super) fn cut(&mut self) {
        if self.sides[0].is_up {
            self.wire.iter_mut().for_each(VecDeque::clear);
            self.sides.iter_mut().for_each(Side::down);
        }
    }

    /// What one made goes onto the wire.
    pub(super) fn flush(&mut self, from: usize) {
        let sent = self.sides[from].sent();
        if self.sides[from].is_up {
            self.wire[1 - from].extend(sent);
        }
    }

    pub(super) fn pump(&mut self, from: usize, room: usize) -> bool {
        let more = self.sides[from].pump(room);
        self.flush(from);
        more
    }

    /// One message arrives; false if there was none.
    pub(super) fn deliver(&mut self, to: usize) -> bool {
        let Some((xid, message)) = self.wire[to].pop_front() else { return false };
        self.sides[to].hear(xid, &message);
        self.flush(to);
        true
    }

    /// Until nobody has anything to say.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut busy = false;
            for side in 0..2 {
                busy |= self.pump(side, 64);
                busy |= !self.wire[side].is_empty();
                while self.deliver(side) {}
            }
            if !busy && self.wire.iter().all(VecDeque::is_empty) {
                return;
            }
        }
        panic!("they never have done");
    }

    /// So many seconds pass, and the clocks' work is done.
    pub(super) fn pass(&mut self, seconds: u32) {
        for side in 0..2 {
            self.sides[side].now = self.sides[side].now.after(Seconds(seconds));
            self.sides[side].with(|updates, at, xids, actions| updates.on_tick(at, xids, actions));
            self.flush(side);
        }
    }
}
