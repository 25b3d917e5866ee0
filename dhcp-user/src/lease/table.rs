//! Every address and its binding.
//!
//! The truth is one slot for each address; a change is a compare-and-swap in it, and nothing else
//! can fail or wait. Around the slots stand the index by client, the free queues and the counts,
//! which [`Table::replace`] and nobody else keeps in step. Time comes in as an argument.

use std::ops::Deref;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;

use super::binding::{Binding, Told};
use super::client::{Client, ClientKey};
use super::epoch;
use super::expiry::Swept;
use super::index::{Fold, Index};
use super::layout::{Layout, NetworkId, Owner, PoolId};
use super::page::{CHUNK, Directory};
use super::pool::Pool;
use super::resource::{Resource, ResourceId};
use super::slot::Seen;
use super::untold::Listener;
use crate::wire::Ipv6Prefix;

pub use super::epoch::Guard;

/// Every address and its binding; shared by all threads.
pub struct Table {
    pub(super) directory: Directory,
    pub(super) index: Index,
    pub(super) state: ArcSwap<State>,
    /// One layout is adopted at a time. Control and start-up hold it, workers never.
    pub(super) adopting: Mutex<()>,
    /// How far the sweep over what time ends has come.
    pub(super) swept: Swept,
    /// Who is to hear of addresses that the partner must be told of.
    pub(super) untold: Listener,
}

/// What a reload replaces.
pub(super) struct State {
    pub(super) layout: Layout,
    /// How many there were before.
    pub(super) number: u64,
    /// In the order of the layout's pools.
    pub(super) pools: Vec<Arc<Pool>>,
}

impl Table {
    /// A table without bindings. Its memory grows with them, not with the layout.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let new = |(id, range)| Arc::new(Pool::new(range, layout.shape(id)));
        let pools = layout.pools().map(new).collect();
        Self {
            directory: Directory::new(),
            index: Index::new(layout.count()),
            state: ArcSwap::from_pointee(State { layout, number: 0, pools }),
            adopting: Mutex::new(()),
            swept: Swept::new(),
            untold: Listener::new(),
        }
    }

    /// What addresses there are to give. Not to be held for long: a reload keeps the old one alive.
    pub fn layout(&self) -> impl Deref<Target = Layout> {
        CurrentLayout(self.state.load())
    }

    /// Which of all layouts that there were the present one is.
    #[must_use]
    pub fn layout_number(&self) -> u64 {
        self.state.load().number
    }

    /// What a number stands for; see [`Layout::resource`].
    #[must_use]
    pub fn resource(&self, id: ResourceId) -> Option<Resource> {
        self.state.load().layout.resource(id)
    }

    /// The number of a resource; see [`Layout::find`].
    #[must_use]
    pub fn find(&self, resource: Resource) -> Option<ResourceId> {
        self.state.load().layout.find(resource)
    }

    /// The number of a resource that is about to be leased; see [`Layout::place`].
    #[must_use]
    pub fn place(&self, resource: Resource) -> Option<ResourceId> {
        self.state.load().layout.place(resource)
    }

    /// The number of a resource that is leased, by a pool that there is or not.
    #[must_use]
    pub fn place_leased(&self, resource: Resource) -> Option<ResourceId> {
        self.state.load().layout.place_leased(resource)
    }

    /// Whether some client has a part of the prefix, or a prefix that it is a part of, by a pool that
    /// was cut otherwise before the last start. Nobody is given it then.
    #[must_use]
    pub fn is_entangled(&self, prefix: Ipv6Prefix, guard: &Guard) -> bool {
        let is_leased = |id| {
            let binding = self.look(id, guard).binding();
            binding.is_some_and(|binding| !binding.is_available())
        };
        self.state.load().layout.strays_around(prefix).into_iter().any(is_leased)
    }

    /// What is seen under the guard stays readable until the guard goes; so a guard is for one
    /// packet or one batch.
    #[must_use]
    pub fn pin(&self) -> Guard {
        epoch::pin()
    }

    /// What the address is now; `None` if nobody may have it and nobody ever had it.
    #[must_use]
    pub fn seen<'g>(&self, resource: impl Into<ResourceId>, guard: &'g Guard) -> Option<Seen<'g>> {
        let resource = resource.into();
        let seen = self.look(resource, guard);
        (seen.binding().is_some() || self.state.load().layout.covers(resource)).then_some(seen)
    }

    /// The addresses that the client has or had last in the network, in no particular order; one
    /// may come twice.
    pub fn of_client<'g, 'k>(
        &'g self,
        network: NetworkId,
        key: ClientKey<'k>,
        guard: &'g Guard,
    ) -> impl Iterator<Item = (ResourceId, Seen<'g>)> + use<'g, 'k> {
        let state = self.state.load();
        self.index.find(self.index.fold(network, key)).filter_map(move |resource| {
            let seen = self.look(resource, guard);
            let client = seen.binding()?.client.as_ref()?;
            let is_its = client.key() == key && state.layout.network_of(resource) == Some(network);
            is_its.then_some((resource, seen))
        })
    }

    /// Swaps in `new` if the address still is as `seen`, and keeps the index, the queues and the
    /// counts in step. The version is set here: one after that of `seen`.
    ///
    /// # Errors
    /// What the address is now, if it changed since it was seen.
    pub fn replace<'g>(
        &self,
        resource: impl Into<ResourceId>,
        seen: Seen<'g>,
        mut new: Binding,
        guard: &'g Guard,
    ) -> Result<Seen<'g>, Seen<'g>> {
        let resource = resource.into();
        new.version = seen.binding().map_or(0, |old| old.version).wrapping_add(1);
        let ours = self.swap(resource, seen, new, guard)?;
        if let Some(binding) = ours.binding().filter(|binding| binding.is_available()) {
            // A reload may be gathering the free addresses for another layout at this moment. The
            // fence pairs with the one in `adopt`: either it sees this binding, or we see its layout.
            fence(Ordering::SeqCst);
            self.queue(resource, binding);
        }
        Ok(ours)
    }

    /// Visits bindings from `from` upwards, looking at about `budget` addresses, and returns where
    /// to go on; `None` at the end. Each call pins an epoch for its own time only, so whoever lists
    /// slowly holds up no memory. A binding that changes meanwhile is seen as it was or as it is.
    pub fn visit(
        &self,
        from: impl Into<ResourceId>,
        budget: usize,
        visitor: &mut impl FnMut(ResourceId, &Binding),
    ) -> Option<ResourceId> {
        let from = from.into();
        let guard = self.pin();
        let chunks = budget.div_ceil(CHUNK as usize).max(1);
        for (number, (base, chunk)) in self.directory.chunks(from).enumerate() {
            if number == chunks {
                return Some(base);
            }
            // What is journalled or told was marked as bound before.
            for (offset, slot) in chunk.bound() {
                let resource = ResourceId(base.0 + offset);
                if let Some(binding) = slot.load(&guard).binding().filter(|_| resource >= from) {
                    visitor(resource, binding);
                }
            }
        }
        None
    }

    /// Visits every binding, ascending, pinning anew as it goes.
    pub fn for_each(&self, mut visitor: impl FnMut(ResourceId, &Binding)) {
        let mut from = Some(ResourceId::FIRST);
        while let Some(next) = from {
            from = self.visit(next, 4 * CHUNK as usize, &mut visitor);
        }
    }

    /// Memory in use, in octets: slots, bindings, clients, index and queues. Looks at everything:
    /// for benches and diagnosis.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let mut bindings = 0;
        self.for_each(|_, binding| {
            let client = binding.client.as_ref().map_or(0, Client::heap_len);
            // Allocators give multiples of eight.
            bindings += (size_of::<Binding>() + client.next_multiple_of(8)) as u64;
        });
        let pools: u64 = self.state.load().pools.iter().map(|pool| pool.bytes()).sum();
        self.directory.bytes() + self.index.bytes() + pools + bindings
    }

    /// What the address is, covered by the layout or not.
    pub(super) fn look<'g>(&self, resource: ResourceId, guard: &'g Guard) -> Seen<'g> {
        let chunk = self.directory.chunk(resource);
        chunk.map_or(Seen::nothing(), |chunk| chunk.slot(resource).load(guard))
    }

    /// The swap itself, with index and counts; `new` as it is.
    pub(super) fn swap<'g>(
        &self,
        resource: ResourceId,
        seen: Seen<'g>,
        new: Binding,
        guard: &'g Guard,
    ) -> Result<Seen<'g>, Seen<'g>> {
        let chunk = self.directory.chunk_or_new(resource);
        let (old, status, ends) = (seen.binding(), new.status, new.ends());
        let is_untold = new.told != Told::Acknowledged;
        let (was, is) = (old.and_then(|old| old.client.as_ref()), new.client.as_ref());
        let same = matches!((was, is), (Some(was), Some(is)) if was.is_same(is));
        // A renewal, which most changes are, leaves the index as it is.
        let network = (!same).then(|| self.state.load().layout.network_of(resource)).flatten();
        let fold = |client: Option<&Client>| -> Option<Fold> {
            let client = client.filter(|_| !same)?;
            Some(self.index.fold(network?, client.key()))
        };
        let (old_hint, new_hint) = (fold(was), fold(is));
        // Before the swap: whoever sees the binding can find it by its client.
        new_hint.inspect(|hint| self.index.insert(*hint, resource));
        match chunk.slot(resource).replace(seen, new, guard) {
            Ok(ours) => {
                if old.is_none() {
                    chunk.mark_known(resource);
                }
                chunk.count(old.map(|old| old.status), status);
                ends.inspect(|ends| chunk.ends(*ends));
                self.swept.note(chunk, status);
                if is_untold {
                    self.became_untold(resource);
                }
                old_hint.inspect(|hint| self.index.remove(*hint, resource));
                if new_hint.is_some() {
                    self.follow_network(resource, network, ours);
                }
                Ok(ours)
            }
            Err(now) => {
                new_hint.inspect(|hint| self.index.remove(*hint, resource));
                Err(now)
            }
        }
    }

    /// Queues an available address where it may be taken from.
    pub(super) fn queue(&self, resource: ResourceId, binding: &Binding) {
        let state = self.state.load();
        if let Some((pool, owner)) = state.pool_for(resource, binding) {
            // Whether the offer still counts is for whoever finds it: there is no clock here.
            if binding.offered_until.0 == 0 {
                pool.queue(owner).push(resource);
            } else {
                self.queue_offer(&state, pool, owner, resource);
            }
        }
    }
}

impl State {
    /// The pool of this name.
    pub(super) fn pool(&self, id: PoolId) -> Option<&Arc<Pool>> {
        let index = self.pools.binary_search_by_key(&id.0, |pool| pool.range.first).ok()?;
        self.pools.get(index)
    }

    /// The pool where an address with this binding, which is available, waits for a client, and whose it
    /// is; none while it is kept for one, here or by the partner.
    pub(super) fn pool_for(
        &self,
        resource: ResourceId,
        binding: &Binding,
    ) -> Option<(&Pool, Owner)> {
        let layout = &self.layout;
        let is_theirs = binding.is_kept() && layout.relationship_of(resource).is_some();
        let pool =
            self.pool_at(resource).filter(|_| !is_theirs && !layout.is_reserved(resource))?;
        Some((pool, pool.owner_of(resource, Some(binding))))
    }

    /// The pool that the address lies in.
    pub(super) fn pool_at(&self, resource: ResourceId) -> Option<&Arc<Pool>> {
        self.pool(self.layout.pool_of(resource)?)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("layout", &self.state.load().layout).finish_non_exhaustive()
    }
}

/// Keeps the layout readable while it is looked at.
struct CurrentLayout(arc_swap::Guard<Arc<State>>);

impl Deref for CurrentLayout {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        &self.0.layout
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::fixture::*;
    use super::*;

    #[test]
    fn an_address_that_nobody_may_have_is_not_there_until_somebody_has_it() {
        let table = table(4);
        let guard = table.pin();
        assert!(table.seen(ip(0), &guard).is_some_and(|seen| seen.binding().is_none()));
        assert!(table.seen(ip(4), &guard).is_none());
        table.restore(ip(4), lease(1, 0, 9));
        assert!(table.seen(ip(4), &guard).is_some_and(|seen| seen.binding().is_some()));
    }

    #[test]
    fn every_change_is_one_version_later_and_a_late_one_is_refused_with_what_is_there() {
        let table = table(4);
        let guard = table.pin();
        let seen = table.seen(ip(0), &guard).unwrap();
        let first = table.replace(ip(0), seen, lease(1, 0, 9), &guard).unwrap();
        assert_eq!(first.binding().unwrap().version, 1);
        let second = table.replace(ip(0), first, lease(1, 5, 19), &guard).unwrap();
        assert_eq!(second.binding().unwrap().version, 2);
        let now = table.replace(ip(0), first, lease(2, 6, 20), &guard).unwrap_err();
        assert_eq!(now.binding(), second.binding());
        assert_eq!(first.binding().unwrap().expires.0, 9, "what was seen stays readable");
    }

    #[test]
    fn a_client_is_found_while_a_binding_names_it_and_no_longer() {
        let table = table(4);
        table.set(ip(0), lease(1, 0, 9));
        table.set(ip(2), lease(1, 0, 9));
        assert_eq!(table.found(NETWORK, 1), [ip(0), ip(2)]);
        table.set(ip(0), freed(1, 5)); // history
        table.set(ip(2), lease(2, 5, 9));
        assert_eq!(table.found(NETWORK, 1), [ip(0)]);
        assert_eq!(table.found(NETWORK, 2), [ip(2)]);
        assert!(table.found(NetworkId(ip(0)), 1).is_empty());
    }

    #[test]
    fn a_lost_swap_leaves_no_hint_behind() {
        let table = table(4);
        let guard = table.pin();
        let early = table.seen(ip(0), &guard).unwrap();
        table.set(ip(0), lease(1, 0, 9));
        assert!(table.replace(ip(0), early, lease(2, 0, 9), &guard).is_err());
        let fold = table.index.fold(NETWORK, client(2).key());
        assert_eq!(table.index.find(fold).count(), 0);
    }

    #[test]
    fn a_listing_goes_on_where_it_stopped_and_sees_each_binding_once() {
        let table = table(5_000);
        for number in (0..5_000).step_by(7) {
            table.set(ip(number), lease(number, 0, 9));
        }
        let (mut seen, mut from) = (Vec::new(), Some(ip(8)));
        while let Some(next) = from {
            from = table.visit(next, 100, &mut |resource, _| seen.push(resource));
        }
        assert_eq!(seen, (14..5_000).step_by(7).map(ip).collect::<Vec<_>>());
    }

    #[test]
    fn a_large_fresh_pool_costs_next_to_nothing() {
        assert!(table(16 << 20).bytes() < 1 << 20);
    }

    /// The limit is 200 octets for a lease, all told.
    #[test]
    fn a_lease_with_a_hardware_address_costs_less_than_200_octets() {
        const COUNT: u32 = 200_000;
        let table = table(COUNT);
        for number in 0..COUNT {
            let key = ClientKey {
                kind: super::super::ItemKind::Hardware,
                octets: &[[1, 2, 0].as_slice(), &number.to_be_bytes()].concat(),
            };
            let client = Some(Client::builder(key).build());
            let resource = table.give(0, offer(number, 9)).unwrap();
            table.set(resource, Binding { client, ..lease(number, 0, 9) });
        }
        let each = table.bytes() / u64::from(COUNT);
        assert!(each <= 200, "{each} octets");
    }
}
