//! What an identity association gets.
//!
//! In this order: what is reserved for the client; what the association has, was offered or had last;
//! what it asks for, if that is free; and of the pools that the client may use whatever their allocators
//! find (RFC 8415 §18.3.1, §18.3.2).

use super::exchange::{Exchange, Few, Output};
use super::hash::{COUNTERS, Hashed};
use super::identity::IaKey;
use super::topology::{Pool, Site};
use crate::config::model::Allocator;
use crate::lease::{BindingStatus, Owner, PoolId, Resource, ResourceId, Seen};
use crate::server::standing::{Claim, Standing};
use crate::wire::dhcpv6::{Ia, IaKind};

/// Free addresses of one pool that are looked at for one client.
const CANDIDATES_PER_POOL: usize = 4;
/// Addresses or prefixes that a client names in one association, and that are looked at.
const MOST_HINTS: usize = 16;

/// An address or prefix that an association may have, as its slot was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) resource: Resource,
    pub(super) site: Site<'a>,
    pub(super) standing: Standing,
    pub(super) seat: Seat<'a>,
    /// Taken off this pool's queue, and must go back if nothing comes of it.
    pub(super) taken_from: Option<PoolId>,
}

/// Where it is written down who has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seat<'a> {
    Slot(ResourceId, Seen<'a>),
    /// Nowhere: it follows from who the client is.
    Computed,
}

/// What a client names in an association.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hint {
    pub(super) resource: Resource,
    /// For how long the client would like it, zero for no wish.
    pub(super) preferred: crate::wire::Seconds,
    pub(super) valid: crate::wire::Seconds,
}

/// The addresses or prefixes that an association names.
pub(super) fn hints<'a>(ia: &Ia<'a>) -> impl Iterator<Item = Hint> + use<'a> {
    let addresses = ia.addresses().map(|it| Hint {
        resource: it.address().into(),
        preferred: it.preferred(),
        valid: it.valid(),
    });
    let prefixes = ia.prefixes().map(|it| Hint {
        resource: it.prefix().into(),
        preferred: it.preferred(),
        valid: it.valid(),
    });
    addresses.chain(prefixes).take(MOST_HINTS)
}

impl<'a> Exchange<'a> {
    /// What the association may have of what it had, in no order: what it holds, was offered, or had last.
    pub(super) fn known(&self, key: &IaKey) -> Few<Candidate<'a>> {
        let mut known: Few<Candidate<'a>> = Few::new();
        for (id, seen) in self.table.of_client(self.network, key.key(), self.guard) {
            let Some(resource) = self.layout.resource(id) else { continue };
            let is_new = known.iter().all(|other| other.resource != resource);
            let Some(site) = self.permitted_site(resource).filter(|_| is_new) else { continue };
            let candidate = match self.computing(site) {
                Some(pool) => self.computed(pool, resource, site, key),
                None => Some(self.candidate(resource, id, seen, site, key)),
            };
            if let Some(candidate) = candidate.filter(|it| it.standing > Standing::Open) {
                known.push(candidate);
            }
        }
        known
    }

    /// The resource as this association may have it; `None` if it may not even when it is free: outside
    /// its network, in a pool that is not for it, or kept for another client. One that nobody ever
    /// spoke of in a pool too large to go through is nobody's to ask for.
    pub(super) fn look(&self, resource: Resource, key: &IaKey) -> Option<Candidate<'a>> {
        self.seated(resource, self.permitted_site(resource)?, key)
    }

    /// The resource as it is to this association, whether or not it would be given to it now.
    pub(super) fn held(&self, resource: Resource, key: &IaKey) -> Option<Candidate<'a>> {
        // One that follows from who the client is, is always held.
        let candidate = self.seated(resource, self.site(resource)?, key);
        candidate.filter(|candidate| candidate.standing == Standing::Held)
    }

    /// The resource there, wherever it is written down who has it.
    fn seated(&self, resource: Resource, site: Site<'a>, key: &IaKey) -> Option<Candidate<'a>> {
        if let Some(pool) = self.computing(site) {
            return self.computed(pool, resource, site, key);
        }
        let id = self.layout.find(resource)?;
        let seen = self.table.seen(id, self.guard)?;
        Some(self.candidate(resource, id, seen, site, key))
    }

    /// As [`look`](Self::look), and one that nobody spoke of is the client's if it is nobody's. It gets a
    /// number then, for good, and no other one does: of a large pool there are not as many as clients can
    /// name, and the partner needs its own.
    pub(super) fn adopt(&self, resource: Resource, key: &IaKey) -> Option<Candidate<'a>> {
        let site = self.permitted_site(resource)?;
        if self.computing(site).is_none() && self.layout.find(resource).is_none() {
            if !self.unspoken_of(resource, site).is_usable() {
                return None;
            }
            self.table.place(resource)?;
        }
        self.look(resource, key).filter(|candidate| candidate.standing.is_usable())
    }

    /// Whether the partner may have given it to the client without our knowing.
    pub(super) fn may_be_partners(&self, resource: Resource, key: &IaKey) -> bool {
        let Some(site) = self.site(resource) else { return false };
        let seen = self.layout.find(resource).map(|id| (id, self.table.seen(id, self.guard)));
        let standing = match seen {
            Some((id, Some(seen))) => self.candidate(resource, id, seen, site, key).standing,
            _ => self.unspoken_of(resource, site),
        };
        standing == Standing::Partners
    }

    /// What a resource that no record speaks of is to anybody.
    fn unspoken_of(&self, resource: Resource, site: Site<'a>) -> Standing {
        let is_split = matches!(resource, Resource::Ipv6(_));
        let fixed = [Owner::Primary, Owner::Secondary]
            .into_iter()
            .find(|owner| is_split && resource.of_owner(*owner) == resource);
        self.claim(resource, site, fixed, false).standing(None)
    }

    /// What the association gets, nothing if there is nothing for it.
    pub(super) fn choose(
        &self,
        ia: &Ia<'a>,
        key: &IaKey,
        output: &mut Output<'_>,
    ) -> Few<Candidate<'a>> {
        let usable = |candidate: &Candidate<'_>| {
            candidate.standing.is_usable() && self.admit_to(self.view(candidate.site)).is_ok()
        };
        let kept = self.reservation.map_or(&[][..], |reserved| reserved.of_kind(ia.kind()));
        let kept: Few<_> =
            kept.iter().filter_map(|it| self.look(*it, key)).filter(usable).collect();
        if !kept.is_empty() {
            return kept;
        }
        let mut known = self.known(key);
        known.retain(|candidate| usable(candidate));
        if known.iter().any(|candidate| candidate.standing == Standing::Held) {
            known.retain(|candidate| candidate.standing == Standing::Held);
            return known;
        }
        let heard = |candidate: &Candidate<'_>| candidate.seat.binding().map(|old| old.cltt);
        let best = (0..known.len()).max_by_key(|at| (known[*at].standing, heard(&known[*at])));
        if let Some(best) = best {
            known.swap(0, best);
            known.truncate(1);
            return known;
        }
        let named = hints(ia).find_map(|hint| self.look(hint.resource, key).filter(usable));
        known.extend(named.or_else(|| self.find_one(ia, key, output)));
        known
    }

    /// One of the pools that the client may use: of prefixes, as long as it asks for if there is one.
    fn find_one(&self, ia: &Ia<'a>, key: &IaKey, output: &mut Output<'_>) -> Option<Candidate<'a>> {
        let wanted = ia.prefixes().map(|it| it.prefix().len()).find(|len| *len > 0);
        let suits = |pool: &&Pool| {
            let subnet = self.service.topology.subnet(pool.subnet);
            pool.permits(self.members) && self.admit_to(self.view_of(subnet)).is_ok()
        };
        let pools = || self.service.topology.pools_at(self.place, ia.kind()).filter(suits);
        let is_wanted = |pool: &&Pool| wanted.is_none_or(|len| len == pool.delegate);
        let own = |pool: &Pool| self.view_of(self.service.topology.subnet(pool.subnet)).owner;
        let first =
            pools().filter(is_wanted).find_map(|pool| self.take_from(pool, own(pool), key, output));
        let own_other = first.or_else(|| {
            let mut others = pools().filter(|pool| !is_wanted(pool));
            others.find_map(|pool| self.take_from(pool, own(pool), key, output))
        });
        // RFC 8156 §8.4.1: what is the partner's, once it is down for long enough, and when there is
        // nothing else. Addresses never are.
        own_other.or_else(|| {
            let is_down = |pool: &&Pool| {
                let subnet = self.service.topology.subnet(pool.subnet);
                self.view_of(subnet).is_taken_over(self.now)
                    && self.layout.fixed_owner(pool.id.0).is_none()
            };
            let mut down = pools().filter(is_down);
            down.find_map(|pool| self.take_from(pool, own(pool).other(), key, output))
        })
    }

    fn take_from(
        &self,
        pool: &'a Pool,
        owner: Owner,
        key: &IaKey,
        output: &mut Output<'_>,
    ) -> Option<Candidate<'a>> {
        if pool.allocator == Allocator::Hash {
            let computed = self.compute(pool, key);
            let is_alone = self.view_of(self.service.topology.subnet(pool.subnet)).mclt.is_none();
            // With a partner, where all numbers are given out, what is free again is all that there is.
            if computed.is_some() || is_alone {
                return computed;
            }
        }
        for _ in 0..CANDIDATES_PER_POOL {
            let (table, now, guard) = (self.table, self.now, self.guard);
            let (id, seen) = if self.layout.is_sparse(pool.id) {
                table.take_random(pool.id, owner, now, output.draw, guard)?
            } else {
                table.take_free(pool.id, owner, now, guard)?
            };
            // Of a layout that is newer, too: it was taken.
            let resource = table.resource(id)?;
            let site = self.permitted_site(resource);
            let candidate = site.map(|site| self.candidate(resource, id, seen, site, key));
            match candidate.filter(|candidate| candidate.standing.is_usable()) {
                Some(it) => return Some(Candidate { taken_from: Some(pool.id), ..it }),
                None => table.put_back(pool.id, id),
            }
        }
        None
    }

    /// Gives up a candidate that nothing came of.
    pub(super) fn pass_over(&self, candidate: &Candidate<'a>) {
        if let (Some(pool), Seat::Slot(id, _)) = (candidate.taken_from, candidate.seat) {
            self.table.put_back(pool, id);
        }
    }

    /// The first address of a client that hash leads to and that is not set aside.
    fn compute(&self, pool: &'a Pool, key: &IaKey) -> Option<Candidate<'a>> {
        let hashed = self.hashed(pool)?;
        (0..COUNTERS).find_map(|counter| {
            let resource = Resource::from(hashed.address(key, counter));
            let site = self.permitted_site(resource)?;
            if self.computing(site).is_some() {
                return self.computed(pool, resource, site, key);
            }
            // Of two neighbours the partner gives the other.
            self.adopt(resource.of_owner(self.view(site).owner), key)
        })
    }

    /// An address that follows from who the client is, if this one does, and nobody declined it.
    fn computed(
        &self,
        pool: &'a Pool,
        resource: Resource,
        site: Site<'a>,
        key: &IaKey,
    ) -> Option<Candidate<'a>> {
        let hashed = self.hashed(pool)?;
        let is_its = (0..COUNTERS).any(|it| Resource::from(hashed.address(key, it)) == resource);
        let binding = self.layout.find(resource).and_then(|id| self.table.seen(id, self.guard));
        let is_set_aside = binding.and_then(Seen::binding).is_some_and(|binding| {
            binding.status == BindingStatus::Abandoned && binding.expires > self.now
        });
        (is_its && !is_set_aside).then_some(Candidate {
            resource,
            site,
            standing: Standing::Held,
            seat: Seat::Computed,
            taken_from: None,
        })
    }

    fn hashed(&self, pool: &'a Pool) -> Option<Hashed<'a>> {
        let secret = self.service.settings.secret.as_ref()?;
        let prefix = self.service.topology.subnet(pool.subnet).prefix.address;
        Some(Hashed { prefix, first: pool.first, last: pool.last, secret: &secret.0 })
    }

    /// The pool there, if nothing is written down of who has what of it: with a partner, all is.
    fn computing(&self, site: Site<'a>) -> Option<&'a Pool> {
        let is_alone = self.view(site).mclt.is_none();
        site.pool.filter(|pool| is_alone && pool.allocator == Allocator::Hash)
    }

    /// Where it lies, if that is on the client's link.
    pub(super) fn site(&self, resource: Resource) -> Option<Site<'a>> {
        let topology = &self.service.topology;
        let beside = || topology.site_at(self.place).filter(|_| self.is_reserved(resource));
        let site = topology.site(resource).or_else(beside)?;
        (site.network == self.place.network).then_some(site)
    }

    /// The same, if the client may have it at all.
    fn permitted_site(&self, resource: Resource) -> Option<Site<'a>> {
        let site = self.site(resource)?;
        if let Resource::Prefix(prefix) = resource
            && self.table.is_entangled(prefix, self.guard)
        {
            return None;
        }
        let is_open = || {
            resource.is_assignable()
                && !self.service.reservations.contains(resource)
                && site.pool.is_some_and(|pool| pool.permits(self.members))
        };
        (self.is_reserved(resource) || is_open()).then_some(site)
    }

    /// Whether it is kept for this client.
    pub(super) fn is_reserved(&self, resource: Resource) -> bool {
        let kind = match resource {
            Resource::Prefix(_) => IaKind::Prefixes,
            Resource::Ipv4(_) | Resource::Ipv6(_) => IaKind::Addresses,
        };
        self.reservation.is_some_and(|reserved| reserved.of_kind(kind).contains(&resource))
    }

    fn candidate(
        &self,
        resource: Resource,
        id: ResourceId,
        seen: Seen<'a>,
        site: Site<'a>,
        key: &IaKey,
    ) -> Candidate<'a> {
        let client = seen.binding().and_then(|binding| binding.client.as_ref());
        let is_its = client.is_some_and(|client| client.key() == key.key());
        let fixed = self.layout.fixed_owner(id);
        let standing = self.claim(resource, site, fixed, is_its).standing(seen.binding());
        Candidate { resource, site, standing, seat: Seat::Slot(id, seen), taken_from: None }
    }

    /// What decides what a resource is to the client.
    fn claim(
        &self,
        resource: Resource,
        site: Site<'a>,
        fixed: Option<Owner>,
        is_its: bool,
    ) -> Claim<'a> {
        Claim {
            now: self.now,
            view: self.view(site),
            fixed,
            is_its,
            is_reserved: self.is_reserved(resource),
            is_bootp: false,
            serves_bootp: false,
        }
    }
}

impl<'a> Seat<'a> {
    /// Who has it, or had it last, as far as that is written down.
    pub(super) fn binding(self) -> Option<&'a crate::lease::Binding> {
        match self {
            Self::Slot(_, seen) => seen.binding(),
            Self::Computed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Packet, Server, client, ip};
    use super::*;
    use crate::lease::BindingStatus;
    use crate::server::DropReason;
    use crate::wire::dhcpv6::{MessageType, StatusCode};
    use MessageType::{Decline, Rebind, Release, Renew, Request};

    /// Three servers that share no more than a file.
    fn servers() -> [Server; 3] {
        let toml = r#"
            [dhcpv6]
            secret = "correct horse battery staple"
            [[interface]]
            name = "eth0"
            [[subnet6]]
            subnet = "2001:db8:1::/64"
            interfaces = ["eth0"]
            allocator = "hash"
            pools = ["2001:db8:1::/64"]
            decline-time = "1h"
        "#;
        [(); 3].map(|()| Server::new(toml))
    }

    fn asking(n: u16, named: &[Resource], kind: MessageType) -> Packet {
        let packet = client(n).na(1, named).kind(kind);
        if kind == Rebind { packet } else { packet.naming_server() }
    }

    #[test]
    fn any_server_gives_a_client_the_same_address_and_writes_nothing_down() {
        let mut servers = servers();
        let address = servers[0].lease(&client(1).na(1, &[]));
        for server in &mut servers {
            for kind in [Request, Renew, Rebind] {
                let heard = server.hear(&asking(1, &address, kind));
                assert_eq!((heard.only(), heard.changes.len()), (address[0], 0), "{kind}");
            }
            assert_eq!(server.lease(&client(1).na(1, &[])), address);
            assert_ne!(server.lease(&client(2).na(1, &[])), address);
            assert_ne!(server.lease(&client(1).na(2, &[])), address);
            let heard = server.hear(&asking(1, &address, Release));
            assert_eq!((heard.status(), heard.changes.len()), (Some(StatusCode::SUCCESS), 0));
            assert_eq!(server.table.find(address[0]), None);
        }
    }

    /// Who met another client at its address is given the next one, which any server knows for its own.
    #[test]
    fn a_declined_address_leads_to_the_next_counter_which_every_server_takes() {
        let [mut first, mut second, _] = servers();
        let address = first.lease(&client(1).na(1, &[]));
        let declined = first.hear(&asking(1, &address, Decline));
        let [change] = &declined.changes[..] else { panic!("{:?}", declined.changes) };
        assert_eq!(
            (change.resource, change.binding.status),
            (address[0], BindingStatus::Abandoned)
        );
        let next = first.lease(&client(1).na(1, &[]));
        assert_ne!(next, address);
        // The other has not heard the Decline. It knows the address, and would offer the first one.
        assert_eq!(second.hear(&asking(1, &next, Renew)).only(), next[0]);
        assert_eq!(second.lease(&client(1).na(1, &next)), next);
        assert_eq!(second.lease(&client(1).na(1, &[])), address);
        first.pass(3_600);
        assert_eq!(first.lease(&client(1).na(1, &[])), address, "for so long, and no longer");
    }

    #[test]
    fn an_address_that_is_not_the_clients_by_hash_is_nobodys_to_claim_or_decline() {
        let [mut server, ..] = servers();
        let others = server.lease(&client(2).na(1, &[]));
        for kind in [Release, Decline] {
            let heard = server.hear(&asking(1, &others, kind));
            assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
            assert_eq!(heard.changes, []);
        }
        let renewed = server.hear(&asking(1, &others, Renew));
        assert_eq!(renewed.ia_status(IaKind::Addresses), Some(StatusCode::NO_BINDING));
        let rebound = server.hear(&asking(1, &others, Rebind));
        assert_eq!(rebound.dropped(), Some(DropReason::UnknownClient));
        assert_ne!(server.lease(&client(1).na(1, &others)), others);
    }

    #[test]
    fn a_client_that_declines_every_address_gets_none() {
        let [mut server, ..] = servers();
        for counter in 0..COUNTERS {
            let address = server.lease(&client(1).na(1, &[]));
            let heard = server.hear(&asking(1, &address, Decline));
            assert_eq!(heard.changes.len(), 1, "{counter}");
        }
        let heard = server.hear(&client(1).na(1, &[]));
        assert_eq!(heard.ia_status(IaKind::Addresses), Some(StatusCode::NO_ADDRS_AVAIL));
        assert_eq!(server.lease(&client(2).na(1, &[])).len(), 1);
    }

    /// Each is written down, for as long as the server runs.
    #[test]
    fn who_declines_under_ever_new_names_fills_no_memory() {
        let [mut server, ..] = servers();
        let mut written = 0;
        for n in 1..=6 {
            for _ in 0..COUNTERS {
                let Some((address, _)) = server.hear(&client(n).na(1, &[])).leases().pop() else {
                    break;
                };
                let heard = server.hear(&asking(n, &[address], Decline));
                assert_eq!(heard.status(), Some(StatusCode::SUCCESS));
                written += heard.changes.len();
            }
        }
        assert_eq!(written, 64);
    }

    #[test]
    fn an_address_whose_interface_identifier_has_another_use_is_nobodys() {
        for text in
            ["2001:db8:1::", "2001:db8:1:0:fdff:ffff:ffff:ff80", "2001:db8::200:5eff:fe00:1"]
        {
            assert!(!Resource::from(ip(text)).is_assignable(), "{text}");
        }
        for text in ["2001:db8:1::1", "2001:db8:1:0:fdff:ffff:ffff:ff7f"] {
            assert!(Resource::from(ip(text)).is_assignable(), "{text}");
        }
    }
}
