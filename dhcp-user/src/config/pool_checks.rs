//! What is wrong between the pools: overlaps, pools outside their subnets, and what a pool's
//! allocator and a partner ask of it.

use super::checks::{first_to_last_host, not_a_host};
use super::family::Family;
use super::model::{Allocator, Dhcpv6, Protocol};
use super::notebook::Notebook;
use super::reader::Placed;
use super::subnet::{Networks, PlacedPool, PlacedSubnet};
use crate::wire::Seconds;

/// A hash in a smaller range gives many clients one address: of 10,000 clients in 2^32 addresses
/// two have one with a chance of 1.2 %, in these with 0.00002 %.
const LEAST_HASH_BITS: u8 = 48;

/// A new lease of a pair lasts 30 s at least (RFC 8156 §1); with less than twice as much, clients
/// would renew in the time that an update takes.
const SHORTEST_WITH_PARTNER: Seconds = Seconds(60);

/// Notes all that is wrong between the pools of one family.
pub(super) fn check<A: Family>(networks: &Networks<A>, notes: &Notebook) {
    let mut apart: Vec<&PlacedPool<A>> = Vec::with_capacity(networks.pools.len());
    for pool in &networks.pools {
        if pool.delegates() || is_inside(pool, notes) {
            apart.push(pool);
        }
    }
    check_overlaps(apart, notes);
    if A::PROTOCOL == Protocol::Dhcpv6 {
        check_delegation(networks, notes);
        check_hashes(networks, notes);
        check_lease_times(networks, notes);
    }
}

/// Notes a hash without its key.
pub(super) fn check_secret<A: Family>(networks: &Networks<A>, dhcpv6: &Dhcpv6, notes: &Notebook) {
    let by_hash = networks.pools.iter().find(|pool| pool.allocator == Allocator::Hash);
    if let (Some(pool), None) = (by_hash, &dhcpv6.secret)
        && notes.is_clean()
    {
        let message = format!("{pool} goes by a hash, and there is no secret for it");
        let help = "add `secret-file` to [dhcpv6], the same on all servers of the range";
        notes.mistake(pool.span, message, help);
    }
}

/// Whether a pool of addresses lies in its subnet.
fn is_inside<A: Family>(pool: &PlacedPool<A>, notes: &Notebook) -> bool {
    let PlacedPool { first, last, span, .. } = *pool;
    let subnet = pool.subnet.prefix;
    if !subnet.contains(first) || !subnet.contains(last) {
        let message = format!("{pool} is not inside its subnet {subnet}");
        let help = format!("{subnet} is {}-{}", subnet.first(), subnet.last());
        notes.mistake(span, message, help);
        return false;
    }
    if A::ENDS_COUNT_IN_POOLS
        && let Some((address, what)) =
            not_a_host(subnet, |address| first <= address && address <= last)
    {
        let message = format!("{pool} holds {address}, {what} of {subnet}");
        notes.mistake(span, message, first_to_last_host(subnet));
    }
    true
}

fn check_overlaps<A: Family>(mut pools: Vec<&PlacedPool<A>>, notes: &Notebook) {
    pools.sort_by_key(|pool| (pool.first, pool.last));
    let mut reaching: Option<&PlacedPool<A>> = None;
    for pool in pools {
        if let Some(outer) = reaching
            && pool.first <= outer.last
        {
            let message = format!("{pool} overlaps {outer}");
            notes.clash(pool.span, outer.span, message, "pools lie apart; the other is at");
        }
        if reaching.is_none_or(|outer| pool.last > outer.last) {
            reaching = Some(pool);
        }
    }
}

/// What is on a link is delegated to nobody. A part of a subnet may be, where no pool has it: what
/// is routed to the link is often one prefix.
fn check_delegation<A: Family>(networks: &Networks<A>, notes: &Notebook) {
    let mut subnets: Vec<&PlacedSubnet<A>> = networks.subnets.iter().collect();
    subnets.sort_by_key(|subnet| subnet.prefix);
    for pool in networks.pools.iter().filter(|pool| pool.delegates()) {
        let after = subnets.partition_point(|subnet| subnet.prefix.first() < pool.first);
        let inside = |subnet: &&&PlacedSubnet<A>| subnet.prefix.last() <= pool.last;
        if let Some(subnet) = subnets.get(after).filter(inside) {
            let message = format!("{pool} holds the whole subnet {}", subnet.prefix);
            let help = "what is on a link is delegated to nobody; the subnet is at";
            notes.clash(pool.span, subnet.span, message, help);
        }
    }
}

/// Without stored leases nothing but the odds keeps two clients apart.
fn check_hashes<A: Family>(networks: &Networks<A>, notes: &Notebook) {
    let by_hash = |pool: &&PlacedPool<A>| pool.allocator == Allocator::Hash && !pool.may_be_small;
    for pool in networks.pools.iter().filter(by_hash) {
        let more = pool.last.number() - pool.first.number();
        let is_small = more < (1 << LEAST_HASH_BITS) - 1;
        if is_small && networks.relationship_of(&pool.subnet).is_none() {
            let message = format!("{pool} is small for a hash without stored leases");
            let help = format!(
                "two clients may get one address: take 2^{LEAST_HASH_BITS} addresses or more, or \
                 write {{ range = \"…\", small = true }}"
            );
            notes.mistake(pool.span, message, help);
        }
    }
}

/// The lease times in subnets that are shared with a partner.
fn check_lease_times<A: Family>(networks: &Networks<A>, notes: &Notebook) {
    let of_subnets = networks.subnets.iter().map(|subnet| (subnet, subnet.times, subnet.span));
    let of_pools = networks.pools.iter().map(|pool| (&pool.subnet, pool.times, pool.span));
    let mut told: Vec<Placed<Seconds>> = Vec::new();
    for (subnet, times, span) in of_subnets.chain(of_pools) {
        if networks.relationship_of(subnet).is_none() {
            continue;
        }
        let Some(short) = times.shorter_than(SHORTEST_WITH_PARTNER) else { continue };
        // What is said of a whole network is wrong once.
        if told.iter().any(|known| known.span == short.span) {
            continue;
        }
        told.push(short);
        let message = format!("leases of {} are too short for a pair of servers", short.value);
        let help = format!(
            "with a partner they last {SHORTEST_WITH_PARTNER} at least (RFC 8156 §1); they are \
             shared at"
        );
        notes.clash(short.span, span, message, help);
    }
}
