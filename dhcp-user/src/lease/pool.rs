//! The addresses of one pool that may be given: those never used, then those longest unused.
//!
//! Of two partners each gives its own. Which those are, the bindings say, and change as they do; or the
//! addresses themselves, for ever: the odd ones are the primary's (RFC 8156 §4.2.1.1).

use std::sync::OnceLock;

use super::binding::Binding;
use super::layout::{Layout, Owner, Range, Shape};
use super::page::Directory;
use super::queue::FreeQueue;
use super::resource::ResourceId;
use super::sync::AtomicU64;
use super::sync::Ordering::Relaxed;

/// One pool's queues. They last as long as the pool keeps its range, over reloads.
pub(super) struct Pool {
    pub(super) range: Range,
    pub(super) shape: Shape,
    /// The first address that may never have been bound; past the last one when there is none.
    /// Addresses before it, if free, queue.
    fresh: AtomicU64,
    /// The same for the secondary's, where which are its own does not depend on bindings.
    fresh_of_secondary: AtomicU64,
    /// Of a sparse pool made when the first address queues: there may be very many of them.
    free: OnceLock<FreeQueue>,
    /// Made when the first address is BACKUP: a server without a partner has none.
    backup: OnceLock<FreeQueue>,
}

impl Pool {
    /// A pool of which no address queues yet. Of a sparse one there is nothing that could be taken
    /// because it was never used: its addresses have no numbers before.
    pub(super) fn new(range: Range, shape: Shape) -> Self {
        let end = u64::from(range.last.0) + 1;
        let first = if shape.is_sparse { end } else { u64::from(range.first.0) };
        let this = Self {
            range,
            shape,
            fresh: AtomicU64::new(first),
            fresh_of_secondary: AtomicU64::new(if shape.is_split { first } else { end }),
            free: OnceLock::new(),
            backup: OnceLock::new(),
        };
        if !shape.is_sparse {
            this.queue(Owner::Primary);
        }
        this
    }

    /// Whose an address is to give while it is bound so, and available; what was never bound is FREE.
    pub(super) fn owner_of(&self, resource: ResourceId, binding: Option<&Binding>) -> Owner {
        match binding {
            _ if self.shape.is_split => Owner::by_parity(resource),
            Some(binding) => binding.owner(),
            None => Owner::Primary,
        }
    }

    /// Whether the owner may give the address.
    pub(super) fn is_free_for(
        &self,
        resource: ResourceId,
        binding: Option<&Binding>,
        owner: Owner,
    ) -> bool {
        binding.is_none_or(Binding::is_available) && self.owner_of(resource, binding) == owner
    }

    /// The queue of one owner.
    pub(super) fn queue(&self, owner: Owner) -> &FreeQueue {
        let queue = match owner {
            Owner::Primary => &self.free,
            Owner::Secondary => &self.backup,
        };
        queue.get_or_init(|| FreeQueue::new(self.range.first, self.range.count()))
    }

    /// The queue of one owner, if it was ever used.
    pub(super) fn queue_if_any(&self, owner: Owner) -> Option<&FreeQueue> {
        match owner {
            Owner::Primary => self.free.get(),
            Owner::Secondary => self.backup.get(),
        }
    }

    /// The queues that there are.
    pub(super) fn queues(&self) -> impl Iterator<Item = (Owner, &FreeQueue)> {
        let owners = [Owner::Primary, Owner::Secondary];
        owners.into_iter().filter_map(|owner| Some((owner, self.queue_if_any(owner)?)))
    }

    /// Takes the owner's next address that was never bound, as far as anybody can see.
    pub(super) fn take_fresh(
        &self,
        directory: &Directory,
        layout: &Layout,
        owner: Owner,
    ) -> Option<ResourceId> {
        let (last, fresh) = (u64::from(self.range.last.0), self.fresh(owner));
        loop {
            let from = fresh.load(Relaxed);
            let found = directory.next_unknown(from, last);
            let next = found.map_or(last, |resource| resource) + 1;
            // Relaxed: the number is all there is; who takes an address looks at its slot.
            let won = from >= next || fresh.compare_exchange(from, next, Relaxed, Relaxed).is_ok();
            let resource = ResourceId(found? as u32);
            let is_its = self.owner_of(resource, None) == owner;
            if won && is_its && !layout.is_reserved(resource) {
                return Some(resource);
            }
        }
    }

    fn fresh(&self, owner: Owner) -> &AtomicU64 {
        match owner {
            Owner::Primary => &self.fresh,
            Owner::Secondary => &self.fresh_of_secondary,
        }
    }

    /// Addresses of the owner that were never bound, by the look of it, ascending; they stay where they
    /// are.
    pub(super) fn peek_fresh<'a>(
        &'a self,
        directory: &'a Directory,
        layout: &'a Layout,
        owner: Owner,
    ) -> impl Iterator<Item = ResourceId> {
        let last = u64::from(self.range.last.0);
        let mut from = self.fresh(owner).load(Relaxed);
        let next = move || {
            let found = directory.next_unknown(from, last)?;
            from = found + 1;
            Some(ResourceId(found as u32))
        };
        std::iter::from_fn(next).filter(move |resource| {
            self.owner_of(*resource, None) == owner && !layout.is_reserved(*resource)
        })
    }

    /// Whether the cursor over never used addresses has passed this one.
    pub(super) fn is_passed(&self, resource: ResourceId) -> bool {
        self.fresh(self.owner_of(resource, None)).load(Relaxed) > u64::from(resource.0)
    }

    /// Octets of the queues that were ever used.
    pub(super) fn bytes(&self) -> u64 {
        size_of::<Self>() as u64 + self.queues().map(|(_, queue)| queue.bytes()).sum::<u64>()
    }
}
