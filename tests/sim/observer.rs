//! Sees everything, believes nobody, and says which promise was broken.
//!
//! What it holds the servers to is built from what really left and really arrived, never from what
//! a server has written down about it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::{Binding, BindingStatus, ClientKey, ItemKind, Resource};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::State;

use super::clock::{Clock, Millis, SECOND};
use super::leaving::Reply;
use super::places::{hardware, network_of, overlap};
use super::scenario::{Relationship, Scenario, Side, Time};
use super::server::Server;
use super::telling::Told;

/// What two clocks that are kept by NTP, whole seconds, slow packets and a disk that holds a reply
/// back may add up to.
const SLACK: Millis = 15 * SECOND;

/// A promise was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Which promise, in short: what a shrunk scenario must break as well.
    pub promise: &'static str,
    /// When.
    pub at: Millis,
    /// In words.
    pub text: String,
    /// Which address it is about, if it is about one, and which client.
    pub about: (Option<Resource>, Option<u16>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", Time(self.at), self.promise, self.text)
    }
}

/// A client that may use an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    client: u16,
    until: Millis,
    told: Millis,
    by: Side,
}

/// What one server may rely on.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The partner's BNDACK for this potential expiration has arrived; by the server's own clock.
    pub(super) acknowledged: HashMap<Resource, Stamp>,
    /// The partner's BNDUPD with this one has arrived; as the server's clock has it.
    pub(super) announced: HashMap<Resource, Stamp>,
    /// What was announced when the partner said that the lease is over.
    pub(super) before_end: HashMap<Resource, Stamp>,
    /// BNDUPDs under way on the connection, by xid.
    pub(super) under_way: HashMap<u32, Vec<Told>>,
    /// What the accept table says of a BNDUPD that has come, by xid and address.
    pub(super) expected: HashMap<(u32, Resource), bool>,
    /// What the partner asked for: clients that held an address at that time.
    pub(super) asked_for: BTreeMap<Resource, (u16, Stamp)>,
}

/// Sees everything.
#[derive(Debug)]
pub(super) struct Observer {
    pub(super) claims: HashMap<Resource, Vec<Claim>>,
    /// By relationship and side.
    pub(super) known: [[Known; 2]; 2],
    pub(super) clocks: [Clock; 2],
    /// Of each network.
    protocols: [Protocol; 2],
    pub(super) mclt: u32,
    /// How long a server may stand still and go on as if nothing had been.
    patience: Millis,
    /// Both clocks are the true one: whole seconds must agree exactly.
    pub(super) is_exact: bool,
    /// Since when, and until when, both servers were told that the other is down.
    pub(super) excused: Option<(Millis, Option<Millis>)>,
    pub(super) lost_disk: [Option<Millis>; 2],
    /// In STARTUP because an operator resumed or it slept, and not for a restart; by relationship and
    /// side.
    pub(super) resumes: [[bool; 2]; 2],
    /// Has slept for longer than the partner waits for it, and has not listened since; by relationship
    /// and side.
    pub(super) overslept: [[bool; 2]; 2],
    /// When each last told a client of a lease; by relationship and side.
    pub(super) served: [[Option<Millis>; 2]; 2],
    pub(super) failure: Option<Failure>,
    pub(super) exchanges: u64,
    pub(super) updates: u64,
}

impl Observer {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let clocks = [scenario.servers[0].clock, scenario.servers[1].clock];
        Self {
            claims: HashMap::new(),
            known: Default::default(),
            clocks,
            protocols: scenario.protocols,
            mclt: scenario.mclt,
            patience: u64::from(scenario.receive_timer + 11) * SECOND,
            is_exact: clocks.iter().all(|clock| *clock == Clock::default()),
            excused: None,
            lost_disk: [None; 2],
            resumes: [[false; 2]; 2],
            overslept: [[false; 2]; 2],
            served: [[None; 2]; 2],
            failure: None,
            exchanges: 0,
            updates: 0,
        }
    }

    pub(super) fn fail(&mut self, promise: &'static str, at: Millis, text: String) {
        if self.failure.is_none() {
            self.failure = Some(Failure { promise, at, text, about: (None, None) });
        }
    }

    /// As [`fail`](Self::fail), about an address and a client.
    pub(super) fn fail_about(
        &mut self,
        promise: &'static str,
        at: Millis,
        about: (Resource, Option<u16>),
        text: String,
    ) {
        if self.failure.is_none() {
            let about = (Some(about.0), about.1);
            self.failure = Some(Failure { promise, at, text, about });
        }
    }

    /// Both servers were told that the other is down though it is not.
    pub(super) fn excuse(&mut self, now: Millis) {
        match &mut self.excused {
            Some((_, until)) => *until = None,
            None => self.excused = Some((now, None)),
        }
    }

    /// Both are in NORMAL again.
    pub(super) fn agreed(&mut self, now: Millis) {
        if let Some((_, until @ None)) = &mut self.excused {
            *until = Some(now);
        }
    }

    fn is_excused(&self, told: Millis) -> bool {
        self.excused
            .is_some_and(|(from, until)| told >= from && until.is_none_or(|until| told <= until))
    }

    /// A reply leaves a server: what it tells must be durable, and not promise too much.
    pub(super) fn replies(&mut self, now: Millis, server: &Server, reply: &Reply) {
        for (resource, lease) in &reply.leases {
            self.tells(now, server, reply, *resource, lease);
        }
    }

    fn tells(
        &mut self,
        now: Millis,
        server: &Server,
        reply: &Reply,
        resource: Resource,
        lease: &Binding,
    ) {
        let side = server.side;
        let relationship = server.relationship(resource);
        let about = (resource, Some(reply.client));
        self.served[relationship][side] = Some(now);
        if self.overslept[relationship][side] {
            let text = format!("{} tells client {} of {resource}", name(side), reply.client);
            self.fail_about("listen before serving after a sleep", now, about, text);
        }
        let durable = server.disk.bindings.get(&resource);
        let is_kept = durable.is_some_and(|durable| {
            let same = whose(durable) == whose(lease) && durable.expires >= lease.expires;
            same || durable.is_newer_than(lease)
        });
        if !is_kept {
            let text = format!(
                "{} told client {} of {resource} until {}, and a crash now would forget it",
                name(side),
                reply.client,
                lease.expires.0
            );
            self.fail_about("durable before the ACK", now, about, text);
        }
        if whose(lease) != Some(reply.client) {
            let text =
                format!("{resource} is told to {} and bound to {:?}", reply.client, whose(lease));
            self.fail_about("the binding names its client", now, about, text);
        }
        if !reply.is_alone {
            self.check_lead(now, (relationship, side), resource, lease.expires, reply);
        }
    }

    /// Invariant 2: at most MCLT beyond what the partner has acknowledged or announced.
    fn check_lead(
        &mut self,
        now: Millis,
        (relationship, side): (Relationship, Side),
        address: Resource,
        expires: Stamp,
        reply: &Reply,
    ) {
        let known = &self.known[relationship][side];
        let of = |map: &HashMap<Resource, Stamp>| map.get(&address).copied().unwrap_or(Stamp::ZERO);
        let (acknowledged, announced) = (of(&known.acknowledged), of(&known.announced));
        let base = reply.decided.max(acknowledged).max(announced);
        // Two clocks are compared by messages, which a bad network holds up for a while.
        let tolerance = if self.is_exact { 0 } else { 20 };
        if expires.0 > base.0.saturating_add(self.mclt + tolerance) {
            let text = format!(
                "{} tells client {} of {address} until now + {} s; acknowledged is now + {}, \
                 announced now + {}, MCLT {}",
                name(side),
                reply.client,
                expires.since(reply.decided).0,
                acknowledged.since(reply.decided).0,
                announced.since(reply.decided).0,
                self.mclt
            );
            self.fail_about(
                "at most MCLT ahead of the partner",
                now,
                (address, Some(reply.client)),
                text,
            );
        }
    }

    /// A client takes what it was told: nobody else may have it.
    pub(super) fn binds(
        &mut self,
        now: Millis,
        client: u16,
        address: Resource,
        until: Millis,
        by: Side,
    ) {
        self.exchanges += 1;
        if self.lost_disk[by].is_some_and(|lost| now - lost < 3 * SECOND) {
            return; // what was under way when the disk was lost
        }
        let claims = self.claims.entry(address).or_default();
        claims.retain(|claim| claim.until > now && claim.client != client);
        claims.push(Claim { client, until, told: now, by });
        let others: Vec<_> = self
            .claims_on(address)
            .filter(|it| it.client != client && it.until > now + SLACK)
            .collect();
        for other in others {
            if self.is_excused(other.told) || self.is_excused(now) {
                continue;
            }
            let text = format!(
                "{address} is client {client}'s by {}, while client {} has it by {} since {} for \
                 {} s more",
                name(by),
                other.client,
                name(other.by),
                Time(other.told),
                (other.until - now) / SECOND
            );
            self.fail_about("one address, one client", now, (address, Some(client)), text);
        }
    }

    /// Who may use it, or a part of it.
    fn claims_on(&self, resource: Resource) -> impl Iterator<Item = Claim> {
        let (of_all, of_it) = match resource {
            Resource::Prefix(_) => (Some(&self.claims), None),
            _ => (None, self.claims.get(&resource)),
        };
        let of_all = of_all.into_iter().flatten();
        let of_all = of_all.filter(move |(other, _)| overlap(**other, resource));
        of_all.flat_map(|(_, claims)| claims).chain(of_it.into_iter().flatten()).copied()
    }

    /// A client gives its address back, or finds it in use.
    pub(super) fn leaves(&mut self, client: u16, address: Resource) {
        if let Some(claims) = self.claims.get_mut(&address) {
            claims.retain(|claim| claim.client != client);
        }
    }

    /// A disk is lost now, and with it what the server at `side` told clients and not yet its partner:
    /// that cannot be kept (design, invariant 3). `kept` is how long the partner knows of a lease.
    pub(super) fn loses_disk(
        &mut self,
        side: Side,
        now: Millis,
        kept: impl Fn(Resource, u16) -> Option<Millis>,
    ) {
        self.lost_disk[side] = Some(now);
        for (address, claims) in &mut self.claims {
            claims.retain(|claim| {
                let is_known =
                    kept(*address, claim.client).is_some_and(|end| end + SLACK >= claim.until);
                claim.by != side || is_known
            });
        }
    }

    /// A server goes on after it has stood still for so long.
    pub(super) fn sleeps(&mut self, side: Side, lasts: Millis) {
        // Its clock may follow another one meanwhile, an eighth slower.
        let has_overslept = lasts * 7 / 8 > self.patience;
        self.overslept.iter_mut().for_each(|sides| sides[side] = has_overslept);
    }

    /// An operator frees an address, whoever has it.
    pub(super) fn frees(&mut self, address: Resource) {
        self.claims.remove(&address);
    }

    /// A server's state changes: what it may not skip (draft-12 §9.2, §9.6).
    pub(super) fn moves(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        from: State,
        to: State,
    ) {
        let who = name(server.side);
        self.overslept[relationship][server.side] &= from != State::Startup;
        let before = server.disk.states[relationship].first();
        let must_stay =
            matches!(before, Some(State::Recover | State::RecoverWait | State::PartnerDown));
        let is_restart =
            !std::mem::replace(&mut self.resumes[relationship][server.side], to == State::Startup);
        if (from, to) == (State::Startup, State::CommunicationsInterrupted)
            && must_stay
            && is_restart
        {
            let text = format!("{who} was in {before:?} and is in {to} after a restart");
            self.fail("a restart changes no state", now, text);
        }
        // What it told clients when it was last up, its partner may not know (design, invariant 2).
        let served = self.served[relationship][server.side].unwrap_or(0);
        let wait = u64::from(self.mclt) * SECOND;
        if (from, to) == (State::RecoverWait, State::RecoverDone) && now + SLACK < served + wait {
            let text = format!("{who} has waited for {} s only", (now - served) / SECOND);
            self.fail("RECOVER-WAIT lasts the MCLT", now, text);
        }
    }

    pub(super) fn protocol(&self, resource: Resource) -> Protocol {
        self.protocols[network_of(resource)]
    }

    /// A time that the other server told of this, as this one takes it: in DHCPv6 all clocks are one
    /// (RFC 8156 §7.1).
    pub(super) fn as_clock_of(
        &self,
        now: Millis,
        side: Side,
        (resource, theirs): (Resource, Stamp),
    ) -> Stamp {
        let is_one = self.protocol(resource) == Protocol::Dhcpv6;
        if is_one || theirs == Stamp::ZERO || theirs == Stamp::NEVER {
            return theirs;
        }
        // The clocks of a pair differ by what they were set to, and a little more with time.
        let at = |side: Side| i64::from(self.clocks[side].at(now).0);
        let moved = i64::from(theirs.0) + at(side) - at(1 - side);
        Stamp(u32::try_from(moved).unwrap_or(0))
    }

    /// A server answers though its state does not let it.
    pub(super) fn answered_in(
        &mut self,
        now: Millis,
        server: &Server,
        relationship: Relationship,
        client: u16,
    ) {
        let Some(saved) = server.disk.saved[relationship] else { return };
        let is_silent = matches!(
            saved.state,
            State::Recover
                | State::RecoverWait
                | State::PotentialConflict
                | State::Paused
                | State::Shutdown
        );
        // The view follows the state by what is durable with it: nothing lies between the two.
        if is_silent && server.state(relationship) == Some(saved.state) {
            let text = format!("{} in {} answers client {client}", name(server.side), saved.state);
            self.fail("silent in this state", now, text);
        }
    }
}

/// Addresses of a relationship that clients hold, and what is untold alone unless `all`.
pub(super) fn held(
    server: &Server,
    relationship: Relationship,
    all: bool,
) -> BTreeMap<Resource, (u16, Stamp)> {
    let mut held = BTreeMap::new();
    let Some(core) = &server.core else { return held };
    core.for_each(|resource, binding| {
        let is_owed = all || binding.told != dhcp_user::lease::Told::Acknowledged;
        if let Some(client) = whose(binding).filter(|_| is_owed)
            && binding.status == BindingStatus::Active
            && server.relationship(resource) == relationship
        {
            held.insert(resource, (client, binding.expires));
        }
    });
    held
}

/// Which relationship a line of a trace is about, if it is not the first.
pub(super) fn on(relationship: Relationship) -> &'static str {
    ["", " (roles reversed)"][relationship]
}

/// A server as a trace names it: by its role in the first relationship.
pub(super) fn name(side: Side) -> &'static str {
    ["primary", "secondary"][side]
}

/// The number of the client that a binding names.
pub(super) fn whose(binding: &Binding) -> Option<u16> {
    let client = binding.client.as_ref()?;
    let named = match client.key() {
        ClientKey {
            kind: ItemKind::Hardware | ItemKind::IaAddresses | ItemKind::IaPrefixes,
            octets,
        } => octets,
        _ => client.item(ItemKind::Hardware)?,
    };
    number_of(named)
}

/// The number of the client whose hardware address these octets end with: alone, or in a DUID.
pub(super) fn number_of(octets: &[u8]) -> Option<u16> {
    let [.., high, low] = octets else { return None };
    let number = u16::from_be_bytes([*high, *low]);
    octets.ends_with(&hardware(number)).then_some(number)
}
