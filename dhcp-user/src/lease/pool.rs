//! The addresses of one pool that may be given: those never used, then those longest unused.

use std::sync::OnceLock;

use super::layout::{Layout, Owner, Range};
use super::page::Directory;
use super::queue::FreeQueue;
use super::resource::ResourceId;
use super::sync::AtomicU64;
use super::sync::Ordering::Relaxed;

/// One pool's queues. They last as long as the pool keeps its range, over reloads.
pub(super) struct Pool {
    pub(super) range: Range,
    /// The first address that may never have been bound; past the last one when there is none.
    /// Addresses before it, if free, queue.
    fresh: AtomicU64,
    free: FreeQueue,
    /// Made when the first address is BACKUP: a server without a partner has none.
    backup: OnceLock<FreeQueue>,
}

impl Pool {
    /// A pool of which no address queues yet.
    pub(super) fn new(range: Range) -> Self {
        Self {
            range,
            fresh: AtomicU64::new(u64::from(range.first.0)),
            free: FreeQueue::new(range.first, range.count()),
            backup: OnceLock::new(),
        }
    }

    /// The queue of one owner.
    pub(super) fn queue(&self, owner: Owner) -> &FreeQueue {
        match owner {
            Owner::Primary => &self.free,
            Owner::Secondary => {
                self.backup.get_or_init(|| FreeQueue::new(self.range.first, self.range.count()))
            }
        }
    }

    /// The queue of one owner, if it was ever used.
    pub(super) fn queue_if_any(&self, owner: Owner) -> Option<&FreeQueue> {
        match owner {
            Owner::Primary => Some(&self.free),
            Owner::Secondary => self.backup.get(),
        }
    }

    /// The queues that there are.
    pub(super) fn queues(&self) -> impl Iterator<Item = (Owner, &FreeQueue)> {
        let backup = self.backup.get().map(|queue| (Owner::Secondary, queue));
        std::iter::once((Owner::Primary, &self.free)).chain(backup)
    }

    /// Takes the next address that was never bound, as far as anybody can see.
    pub(super) fn take_fresh(&self, directory: &Directory, layout: &Layout) -> Option<ResourceId> {
        let last = u64::from(self.range.last.0);
        loop {
            let from = self.fresh.load(Relaxed);
            let found = directory.next_unknown(from, last);
            let next = found.map_or(last, |resource| resource) + 1;
            // Relaxed: the number is all there is; who takes an address looks at its slot.
            let won =
                from >= next || self.fresh.compare_exchange(from, next, Relaxed, Relaxed).is_ok();
            match found.map(|resource| ResourceId(resource as u32)) {
                None => return None,
                Some(resource) if won && !layout.is_reserved(resource) => return Some(resource),
                Some(_) => {}
            }
        }
    }

    /// Addresses that were never bound, by the look of it, ascending; they stay where they are.
    pub(super) fn peek_fresh<'a>(
        &self,
        directory: &'a Directory,
        layout: &'a Layout,
    ) -> impl Iterator<Item = ResourceId> + use<'a> {
        let last = u64::from(self.range.last.0);
        let mut from = self.fresh.load(Relaxed);
        let next = move || {
            let found = directory.next_unknown(from, last)?;
            from = found + 1;
            Some(ResourceId(found as u32))
        };
        std::iter::from_fn(next).filter(|resource| !layout.is_reserved(*resource))
    }

    /// Whether the cursor over never used addresses has passed this one.
    pub(super) fn is_passed(&self, resource: ResourceId) -> bool {
        self.fresh.load(Relaxed) > u64::from(resource.0)
    }

    /// Octets of the queues that were ever used.
    pub(super) fn bytes(&self) -> u64 {
        size_of::<Self>() as u64 + self.queues().map(|(_, queue)| queue.bytes()).sum::<u64>()
    }
}
