//! Which number stands for which IPv6 address or delegated prefix.
//!
//! A number belongs to a run (`run`), a run to a pool, or to what else there is in a subnet; what no
//! configuration covers any more, or not yet, has one of its own. A reload keeps every run that there is,
//! so that no number ever stands for something else, and refuses what would give one resource a second
//! number: only a restart moves it. Nothing that lasts knows numbers.

use std::collections::HashMap;
use std::fmt;
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::layout::{PoolId, Range};
use super::page::CHUNK;
use super::resource::{Resource, ResourceId};
use super::run::{Purpose, Run, Span, parts};
use super::strays::Strays;
use crate::config::model::{Allocator, Config, Pool, PrefixPool, Subnet};
use crate::wire::Ipv6Prefix;

/// Addresses of a dense run, by which a pool may grow without a restart.
const GRANULE: u128 = 1 << 16;
/// Numbers of what no configuration covers: more leases than memory holds.
const ORPHANS: u32 = 1 << 28;
/// Numbers of a sparse pool: as many leases and memories of leases as it can have.
const MOST_SPARSE: u64 = if cfg!(test) { 1 << 14 } else { 1 << 24 };
const LEAST_SPARSE: u64 = 1 << 12;
/// Numbers for what is in a subnet and in no pool, at the least.
const LEAST_REST: usize = 1 << 12;

/// The numbers of a table of IPv6 addresses and prefixes.
pub(super) struct Plan {
    /// Ascending, and in the order in which they were made; the first one is the orphans'.
    runs: Vec<Arc<Run>>,
    /// Runs of pools, by index: ascending by kind and address, never overlapping.
    pooled: Vec<(Span, usize)>,
    /// Runs of subnets of the configuration, by index, ascending.
    rest: Vec<(Span, usize)>,
    /// Runs of prefixes that are reserved outside all subnets.
    beside: HashMap<Ipv6Prefix, usize>,
    /// Numbers that were given out one by one.
    register: Arc<papaya::HashMap<Resource, ResourceId>>,
    /// Leased prefixes that no pool had when they were found.
    strays: Arc<Strays>,
}

/// Why IPv6 addresses cannot be numbered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unplaceable {
    /// There are not so many numbers.
    Full,
    /// This has a number already, and would get another one: a restart gives it that.
    Moved(Resource),
}

impl Plan {
    /// The numbers of a checked configuration, as an addition to those of the one that is in force.
    pub(super) fn of(config: &Config, before: Option<&Self>) -> Result<Self, Unplaceable> {
        let subnets = || config.networks6.iter().flat_map(|network| &network.subnets);
        let runs = match before {
            Some(before) => before.runs.clone(),
            None => vec![Arc::new(Run::new(Purpose::Orphans, 0, ORPHANS))],
        };
        let mut this = Self {
            runs,
            pooled: Vec::new(),
            rest: Vec::new(),
            beside: HashMap::new(),
            register: before.map_or_else(new_register, |before| Arc::clone(&before.register)),
            strays: before.map(|before| Arc::clone(&before.strays)).unwrap_or_default(),
        };
        for subnet in subnets() {
            dense_spans(subnet)
                .into_iter()
                .try_for_each(|span| this.add(Purpose::Dense(span), 0).map(drop))?;
        }
        let addresses = config.reservations6.iter().map(|row| row.addresses.len());
        let reserved: usize = addresses
            .zip(config.reservations6.iter().map(|row| row.prefixes.len()))
            .map(|(addresses, prefixes)| addresses + prefixes)
            .sum();
        // All of them may be in any subnet, and all of one parity.
        let room = (4 * reserved).max(LEAST_REST).next_power_of_two() as u64;
        for subnet in subnets() {
            let span = span_of(subnet);
            let run = this.add(Purpose::Rest(span), room)?;
            this.rest.push((span, run));
        }
        this.rest.sort_unstable();
        let sparse: Vec<_> = subnets().flat_map(sparse_spans).map(Purpose::Sparse).collect();
        let count = sparse.iter().filter(|purpose| this.run_for(purpose).is_none()).count() as u64;
        // Half of what there is, as another reload may want some.
        let share = this.left() / 2 / count.max(1);
        let share = if share == 0 { 0 } else { (1 << share.ilog2()).min(MOST_SPARSE) };
        if count > 0 && share < LEAST_SPARSE {
            return Err(Unplaceable::Full);
        }
        sparse.into_iter().try_for_each(|purpose| this.add(purpose, share).map(drop))?;

        let pooled = this.runs.iter().enumerate().filter(|(_, run)| run.is_pooled());
        this.pooled = pooled.filter_map(|(index, run)| Some((*run.span()?, index))).collect();
        this.pooled.sort_unstable();
        for row in &config.reservations6 {
            let beside = row.addresses.first();
            let beside = beside.and_then(|address| this.rest_around((*address).into()));
            for prefix in &row.prefixes {
                let prefix = Ipv6Prefix::containing(prefix.address, prefix.len);
                if let Some(run) = beside.filter(|_| this.run_around(prefix.into()) == 0) {
                    this.beside.insert(prefix, run);
                }
            }
        }
        this.check_register()?;
        Ok(this)
    }

    /// The number of a resource, if it has one.
    pub(super) fn find(&self, resource: Resource) -> Option<ResourceId> {
        match self.pooled_around(resource).and_then(|run| self.runs[run].number(resource)) {
            Some(id) => Some(id),
            None => self.register.pin().get(&resource).copied(),
        }
    }

    /// The number of a resource, a new one if it has none; `None` if its run has given out all.
    pub(super) fn place(&self, resource: Resource) -> Option<ResourceId> {
        self.find(resource).or_else(|| self.give(self.run_around(resource), resource))
    }

    /// The same for a lease that there is: where its run has given out all, it counts as an orphan.
    pub(super) fn place_leased(&self, resource: Resource) -> Option<ResourceId> {
        let id = self.place(resource).or_else(|| self.give(0, resource))?;
        if let Resource::Prefix(prefix) = resource
            && self.pooled_around(resource).is_none()
        {
            self.strays.add(prefix, id);
        }
        Some(id)
    }

    /// Prefixes that were leased by no pool of now and overlap this one.
    pub(super) fn strays_around(&self, prefix: Ipv6Prefix) -> Vec<ResourceId> {
        self.strays.around(prefix)
    }

    /// The first of the numbers of which a resource has one, or would get one.
    pub(super) fn home(&self, resource: Resource) -> ResourceId {
        self.runs[self.run_around(resource)].ids.first
    }

    fn give(&self, run: usize, resource: Resource) -> Option<ResourceId> {
        let id = self.runs[run].give(resource)?;
        // Another thread may have been faster; then ours stands for the same and is never used.
        Some(*self.register.pin().get_or_insert(resource, id))
    }

    /// What a number stands for, if it was ever given out.
    pub(super) fn resource(&self, id: ResourceId) -> Option<Resource> {
        let after = self.runs.partition_point(|run| run.ids.first <= id);
        let run = &self.runs[after.checked_sub(1)?];
        if run.ids.contains(id) { run.resource(id) } else { None }
    }

    /// The numbers of all that is in a subnet.
    pub(super) fn ranges_of(&self, subnet: &Subnet<Ipv6Addr>) -> Vec<Range> {
        let dense = dense_spans(subnet).into_iter().map(Purpose::Dense);
        let sparse = sparse_spans(subnet).into_iter().map(Purpose::Sparse);
        let rest = std::iter::once(Purpose::Rest(span_of(subnet)));
        let runs = dense.chain(sparse).chain(rest).filter_map(|purpose| self.run_for(&purpose));
        runs.map(|run| self.runs[run].ids).collect()
    }

    /// The first of the numbers that what is in a subnet and in no pool has: the subnet's own name.
    pub(super) fn name_of(&self, subnet: &Subnet<Ipv6Addr>) -> Option<ResourceId> {
        let run = self.run_for(&Purpose::Rest(span_of(subnet)))?;
        Some(self.runs[run].ids.first)
    }

    /// The numbers of a pool of addresses.
    pub(super) fn range_of_pool(&self, pool: &Pool<Ipv6Addr>) -> Option<Range> {
        self.range_of_span(&Span::addresses(pool.first, pool.last))
    }

    /// The numbers of a pool of prefixes.
    pub(super) fn range_of_prefix_pool(&self, pool: &PrefixPool) -> Option<Range> {
        self.range_of_span(&span_of_prefixes(pool))
    }

    /// Whether a pool is one of those whose addresses get a number when they are first spoken of.
    pub(super) fn is_sparse(&self, pool: PoolId) -> bool {
        self.sparse(pool).is_some()
    }

    /// How many numbers were given out of a sparse pool.
    pub(super) fn given(&self, pool: PoolId) -> u32 {
        self.sparse(pool).map_or(0, |(run, _)| run.given())
    }

    /// See [`Layout::drawn`](super::Layout::drawn).
    pub(super) fn drawn(&self, pool: PoolId, number: u128) -> Option<Resource> {
        self.sparse(pool).map(|(_, span)| span.drawn(number))
    }

    /// How much there is to draw from a sparse pool, up to 2^64 − 1.
    pub(super) fn count_sparse(&self, pool: PoolId) -> Option<u64> {
        self.sparse(pool).map(|(_, span)| span.count())
    }

    /// The first and the last of what may be drawn from a sparse pool.
    pub(super) fn ends_of_sparse(&self, pool: PoolId) -> Option<[Resource; 2]> {
        self.sparse(pool).map(|(_, span)| [span.lowest(), span.highest()])
    }

    fn sparse(&self, pool: PoolId) -> Option<(&Run, &Span)> {
        let at = self.runs.binary_search_by_key(&pool.0, |run| run.ids.first).ok()?;
        let run = &*self.runs[at];
        match &run.purpose {
            Purpose::Sparse(span) => Some((run, span)),
            _ => None,
        }
    }

    fn range_of_span(&self, span: &Span) -> Option<Range> {
        let run = &self.runs[self.pooled_around(span.lowest())?];
        match (run.number(span.lowest()), run.number(span.highest())) {
            (Some(first), Some(last)) => Some(Range { first, last }),
            _ => Some(run.ids),
        }
    }

    /// A run for this purpose: the one that there is, or one with so many numbers, or as many as it takes.
    fn add(&mut self, purpose: Purpose, room: u64) -> Result<usize, Unplaceable> {
        if let Some(run) = self.run_for(&purpose) {
            return Ok(run);
        }
        let mut room = room;
        if let Purpose::Dense(span) | Purpose::Sparse(span) = &purpose {
            let pooled = self.runs.iter().filter(|run| run.is_pooled());
            let mut spans = pooled.filter_map(|run| run.span());
            if let Some(other) = spans.find(|other| other.overlaps(span)) {
                return Err(Unplaceable::Moved(other.lowest()));
            }
            if matches!(purpose, Purpose::Dense(_)) {
                room = u64::try_from(span.room()).map_err(|_| Unplaceable::Full)?;
            }
        }
        if room > self.left() {
            return Err(Unplaceable::Full);
        }
        // Base and room fit in 32 bits, and so does the last number.
        let base = ((1 << 32) - self.left()) as u32;
        self.runs.push(Arc::new(Run::new(purpose, base, room as u32)));
        Ok(self.runs.len() - 1)
    }

    /// Numbers that no run has, from the start of a chunk on.
    fn left(&self) -> u64 {
        let last = self.runs.last().map_or(0, |run| u64::from(run.ids.last.0));
        (1 << 32) - (last + 1).next_multiple_of(u64::from(CHUNK))
    }

    fn run_for(&self, purpose: &Purpose) -> Option<usize> {
        self.runs.iter().position(|run| run.purpose == *purpose)
    }

    /// The run of the pool that holds a resource.
    fn pooled_around(&self, resource: Resource) -> Option<usize> {
        let after = self.pooled.partition_point(|(span, _)| span.begins_before(resource));
        let (span, run) = &self.pooled[after.checked_sub(1)?];
        span.holds(resource).then_some(*run)
    }

    /// The run that a resource belongs to; that of orphans if it is in no subnet.
    fn run_around(&self, resource: Resource) -> usize {
        if let Some(run) = self.pooled_around(resource) {
            return run;
        }
        match (self.rest_around(resource), resource) {
            (Some(run), _) => run,
            (None, Resource::Prefix(prefix)) => self.beside.get(&prefix).copied().unwrap_or(0),
            (None, _) => 0,
        }
    }

    /// The run of what is in no pool, of the subnet that a resource is in.
    fn rest_around(&self, resource: Resource) -> Option<usize> {
        let (_, address) = parts(resource);
        let after = self.rest.partition_point(|(span, _)| span.first <= address);
        let (span, run) = self.rest[after.checked_sub(1)?];
        (address <= span.last).then_some(run)
    }

    /// Whether all that was given a number still belongs where it got it, or nowhere at all.
    fn check_register(&self) -> Result<(), Unplaceable> {
        let register = self.register.pin();
        for (resource, id) in &register {
            let run = self.run_around(*resource);
            if run != 0 && !self.runs[run].ids.contains(*id) {
                return Err(Unplaceable::Moved(*resource));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("runs", &self.runs).finish_non_exhaustive()
    }
}

impl fmt::Display for Unplaceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str(
                "the IPv6 pools are too many: all \"lru\" pools together hold at most 2^31 addresses \
                 and prefixes, and of others there are at most 2^18",
            ),
            Self::Moved(resource) => write!(
                f,
                "the pool around {resource} has another range or allocator: restart the server for that"
            ),
        }
    }
}

impl std::error::Error for Unplaceable {}

fn span_of(subnet: &Subnet<Ipv6Addr>) -> Span {
    Span::addresses(subnet.prefix.first(), subnet.prefix.last())
}

fn span_of_prefixes(pool: &PrefixPool) -> Span {
    let within = Ipv6Prefix::containing(pool.prefix.address, pool.prefix.len);
    Span::prefixes(within, pool.delegate)
}

/// Where each resource has a number of its own: pools of addresses with what is around them, as far as
/// the subnet reaches, and pools of prefixes.
fn dense_spans(subnet: &Subnet<Ipv6Addr>) -> Vec<Span> {
    let (all, is_dense) = (span_of(subnet), |allocator| allocator == Allocator::Lru);
    // What is around a pool may be another one, that is too large for this.
    let is_alone = subnet.pools.iter().all(|pool| is_dense(pool.allocator));
    let around = if is_alone { GRANULE - 1 } else { 0 };
    let mut spans: Vec<Span> = Vec::new();
    // Ascending, so that what touches stands side by side.
    for pool in subnet.pools.iter().filter(|pool| is_dense(pool.allocator)) {
        let first = (pool.first.to_bits() & !around).max(all.first);
        let last = (pool.last.to_bits() | around).min(all.last);
        match spans.last_mut().filter(|before| first <= before.last) {
            Some(before) => before.last = before.last.max(last),
            None => spans.push(Span { len: None, first, last }),
        }
    }
    let prefixes = subnet.prefix_pools.iter().filter(|pool| is_dense(pool.allocator));
    spans.extend(prefixes.map(span_of_prefixes));
    spans
}

/// Numbers by what they stand for. What it grew out of goes at once: nothing else of it ever does, and a batch of
/// such would never be full.
fn new_register() -> Arc<papaya::HashMap<Resource, ResourceId>> {
    let collector = seize::Collector::new().batch_size(1);
    Arc::new(papaya::HashMap::builder().collector(collector).build())
}

fn sparse_spans(subnet: &Subnet<Ipv6Addr>) -> Vec<Span> {
    let pools = subnet.pools.iter().filter(|pool| pool.allocator != Allocator::Lru);
    let prefixes = subnet.prefix_pools.iter().filter(|pool| pool.allocator != Allocator::Lru);
    let addresses = pools.map(|pool| Span::addresses(pool.first, pool.last));
    addresses.chain(prefixes.map(span_of_prefixes)).collect()
}

#[cfg(test)]
#[cfg(not(loom))]
pub(super) mod tests {
    use std::path::Path;

    use super::super::fixture::lease;
    use super::super::{Layout, Table, in_turn};
    use super::*;

    pub(in crate::lease) fn config(toml: &str) -> Config {
        let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
        Config::parse(toml, Path::new("test.toml"), &read)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    pub(in crate::lease) fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn prefix(text: &str, len: u8) -> Resource {
        Ipv6Prefix::new(ip(text), len).unwrap().into()
    }

    const ALL: &str = r#"
        [[subnet6]]
        subnet = "2001:db8:1::/64"
        pools = ["2001:db8:1::1000-2001:db8:1::1fff"]
        prefix-pools = [{ prefix = "2001:db8:8000::/33", delegate = 56 }]
        [[subnet6]]
        subnet = "2001:db8:2::/64"
        pools = ["2001:db8:2::/64"]
        [[reservation6]]
        duid = "00:03:00:01:02:00:00:00:00:01"
        addresses = ["2001:db8:1::1007", "2001:db8:1:0:ffff::7"]
        prefixes = ["2001:db8:7000::/48"]
    "#;

    fn layout(toml: &str) -> Layout {
        Layout::of_ipv6(&config(toml), None).unwrap()
    }

    #[test]
    fn each_resource_has_a_number_in_its_pool_its_subnet_or_nowhere() {
        let config = config(ALL);
        let layout = Layout::of_ipv6(&config, None).unwrap();
        let [one, two] = &config.networks6[..] else { panic!("two networks") };
        let [one_id, two_id] = [one, two].map(|network| layout.network_named(network));
        let dense = layout.pool_named(&one.subnets[0].pools[0]);
        let prefixes = layout.prefix_pool_named(&one.subnets[0].prefix_pools[0]);
        let sparse = layout.pool_named(&two.subnets[0].pools[0]);
        for (resource, pool, network) in [
            (ip("2001:db8:1::1000").into(), dense, one_id),
            (ip("2001:db8:1::1fff").into(), dense, one_id),
            (ip("2001:db8:1::2000").into(), None, one_id),
            (ip("2001:db8:1:0:ffff::9").into(), None, one_id),
            (prefix("2001:db8:8000:300::", 56), prefixes, one_id),
            (prefix("2001:db8:8000::", 48), None, None),
            (prefix("2001:db8:7000::", 48), None, one_id),
            (ip("2001:db8:2::dead:beef").into(), sparse, two_id),
            (ip("2001:db8:3::1").into(), None, None),
        ] {
            let id = layout.place(resource).unwrap();
            assert_eq!(layout.resource(id), Some(resource));
            assert_eq!((layout.find(resource), layout.place(resource)), (Some(id), Some(id)));
            assert_eq!((layout.pool_of(id), layout.network_of(id)), (pool, network), "{resource}");
        }
        assert_eq!(layout.find(ip("2001:db8:2::1").into()), None, "nobody spoke of it");
        let reserved = |resource| layout.is_reserved(layout.find(resource).unwrap());
        assert!(reserved(ip("2001:db8:1::1007").into()));
        assert!(reserved(ip("2001:db8:1:0:ffff::7").into()));
        assert!(reserved(prefix("2001:db8:7000::", 48)));
        assert!(!reserved(ip("2001:db8:1::1008").into()));
        assert!(layout.is_sparse(sparse.unwrap()) && !layout.is_sparse(dense.unwrap()));
        assert_eq!(layout.place(Resource::Ipv4([10, 0, 0, 1].into())), None);
    }

    #[test]
    fn a_reload_keeps_every_number_and_adds_pools() {
        let before = layout(ALL);
        let leased = [
            ip("2001:db8:1::1234").into(),
            ip("2001:db8:2::1:2345").into(),
            prefix("2001:db8:8000:100::", 56),
        ];
        let ids = leased.map(|resource| before.place(resource).unwrap());
        let grown = ALL.replace("2001:db8:1::1fff", "2001:db8:1::8fff");
        let more = format!(
            "{grown}\n[[subnet6]]\nsubnet = \"2001:db8:0::/64\"\npools = [\"2001:db8:0::/64\"]"
        );
        let after = Layout::of_ipv6(&config(&more), Some(&before)).unwrap();
        assert_eq!(leased.map(|resource| after.find(resource)), ids.map(Some));
        assert!(ids.iter().all(|id| before.network_of(*id) == after.network_of(*id)));
        // And without the pools: what was leased is there still, and no number means something else.
        let other = config("[[subnet4]]\nsubnet = \"10.0.0.0/8\"");
        let none = Layout::of_ipv6(&other, Some(&after)).unwrap();
        assert_eq!(leased.map(|resource| none.find(resource)), ids.map(Some));
        assert!(ids.iter().all(|id| none.network_of(*id).is_none()));
        let again = Layout::of_ipv6(&config(&more), Some(&none)).unwrap();
        assert_eq!(leased.map(|resource| again.find(resource)), ids.map(Some));
    }

    #[test]
    fn what_would_give_an_address_a_second_number_is_refused_until_a_restart() {
        let before = layout(ALL);
        for (was, is, moved) in [
            ("2001:db8:1::1fff", "2001:db8:1::1:ffff", ip("2001:db8:1::").into()),
            ("2001:db8:2::/64\"]", "2001:db8:2::/65\"]", ip("2001:db8:2::").into()),
            ("delegate = 56", "delegate = 60", prefix("2001:db8:8000::", 56)),
        ] {
            let changed = config(&ALL.replace(was, is));
            let refused = Layout::of_ipv6(&changed, Some(&before)).map(drop);
            assert_eq!(refused, Err(Unplaceable::Moved(moved)), "{is}");
            assert!(Layout::of_ipv6(&changed, None).is_ok());
        }
        // A lease of an earlier configuration, found at the start, and then a pool around it.
        let orphan = ip("2001:db8:9::1").into();
        before.place_leased(orphan).unwrap();
        let around = format!(
            "{ALL}\n[[subnet6]]\nsubnet = \"2001:db8:9::/64\"\npools = [\"2001:db8:9::/64\"]"
        );
        let refused = Layout::of_ipv6(&config(&around), Some(&before)).map(drop);
        assert_eq!(refused, Err(Unplaceable::Moved(orphan)));
    }

    #[test]
    fn leases_are_recovered_into_the_numbers_of_another_configuration() {
        let table = Table::new(layout(ALL));
        let leased: [Resource; 3] = [
            ip("2001:db8:2::5").into(),
            prefix("2001:db8:8000:500::", 56),
            ip("2001:db8:ffff::5").into(),
        ];
        for (number, resource) in (1..).zip(leased) {
            let id = table.place_leased(resource).unwrap();
            table.restore(id, super::super::Binding { version: 1, ..lease(number, 0, 9) });
        }
        table.finish_restore(&in_turn);
        let mut found = Vec::new();
        table.for_each(|id, _| found.push(table.resource(id).unwrap()));
        found.sort_unstable();
        let mut expected = leased;
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    #[test]
    fn more_dense_pools_than_there_are_numbers_are_refused() {
        let subnet = |number: u32| {
            format!(
                "[[subnet6]]\nsubnet = \"2001:db8:{number:x}::/48\"\nprefix-pools = [{{ prefix = \
                 \"2001:{:x}::/32\", delegate = 60 }}]\n",
                number + 0x1000
            )
        };
        let some: String = (0..8).map(subnet).collect();
        assert!(Layout::of_ipv6(&config(&some), None).is_ok());
        let many: String = (0..16).map(subnet).collect();
        assert_eq!(Layout::of_ipv6(&config(&many), None).map(drop), Err(Unplaceable::Full));
    }
}
