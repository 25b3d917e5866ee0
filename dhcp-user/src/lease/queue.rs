//! Addresses that are free to be given, least recently used first.
//!
//! [`Ring`] is a bounded queue of addresses that any thread pushes to and pops from, one word an
//! entry. The word changes in one compare-and-swap from empty to filled, or from filled to empty of
//! the next lap, and that is when the entry is in or out; `head` and `tail` may lag behind and
//! whoever notices moves them on. So nobody waits for a thread that was stopped halfway.
//!
//! [`FreeQueue`] keeps the addresses of one pool and one owner. An entry is a promise to look at the
//! address, not the truth about it: an address may be bound again, by the client that had it, while
//! its entry still queues. What is kept up is this: **an address that is free is never lost**: it
//! was never bound and the pool's cursor is still to reach it, or it queues, or a thread that took
//! it is about to say what became of it. Whoever swaps in a binding that leaves the address free
//! pushes it afterwards; whoever pops an entry looks at the binding afterwards.

use crossbeam_utils::CachePadded;

use super::resource::ResourceId;
use super::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use super::sync::{AtomicU32, AtomicU64, zeroed};
use crate::wire::Stamp;

/// A bounded queue of addresses.
pub(super) struct Ring {
    /// High half: which lap of the ring the cell is on, a multiple of the ring's length, one more
    /// while it is filled. Low half: the address. Zero, as allocated, is empty on the first lap.
    cells: Box<[AtomicU64]>,
    /// Where to pop. Never ahead of an entry that is still in.
    head: CachePadded<AtomicU32>,
    /// Where to push. Never ahead of a cell that is still empty.
    tail: CachePadded<AtomicU32>,
}

/// What a cell is to who stands at a position.
enum Turn {
    Empty,
    Filled,
    /// Somebody was here and has not moved the position on yet.
    Done,
    /// Still filled on the lap before.
    Behind,
}

impl Ring {
    /// A ring for at least `capacity` addresses, 2³⁰ at the most. Positions have 32 bits:
    /// a thread would have to be stopped for exactly 2³² pushes to be fooled by their return.
    pub(super) fn new(capacity: u64) -> Self {
        let len = capacity.clamp(2, 1 << 30).next_power_of_two();
        Self {
            cells: zeroed(len as usize),
            head: CachePadded::new(AtomicU32::new(0)),
            tail: CachePadded::new(AtomicU32::new(0)),
        }
    }

    /// Puts an address in as the newest; false if the ring is full.
    pub(super) fn push(&self, resource: ResourceId) -> bool {
        loop {
            let position = self.tail.load(Acquire);
            let (slot, seen) = self.cell(position);
            match self.turn(position, seen) {
                Turn::Empty => {
                    let lap = position & !self.mask();
                    let filled = word(lap.wrapping_add(1), resource.0);
                    // Release: who pops the address sees the binding that made it free.
                    if slot.compare_exchange(seen, filled, Release, Relaxed).is_ok() {
                        self.advance(&self.tail, position);
                        return true;
                    }
                }
                Turn::Filled | Turn::Done => self.advance(&self.tail, position),
                // Relaxed: only whether it has moved counts, and the next look acquires.
                Turn::Behind if self.tail.load(Relaxed) == position => return false,
                Turn::Behind => {}
            }
        }
    }

    /// Takes the oldest address out.
    pub(super) fn pop(&self) -> Option<ResourceId> {
        loop {
            let position = self.head.load(Acquire);
            let (slot, seen) = self.cell(position);
            match self.turn(position, seen) {
                Turn::Filled => {
                    let lap = position & !self.mask();
                    let emptied = word(lap.wrapping_add(self.cells.len() as u32), 0);
                    // What the entry tells was acquired when it was seen; giving the cell back
                    // tells nothing.
                    if slot.compare_exchange(seen, emptied, Relaxed, Relaxed).is_ok() {
                        self.advance(&self.head, position);
                        return Some(ResourceId(seen as u32));
                    }
                }
                // A position that was never filled on its lap has nothing behind it either.
                Turn::Empty => return None,
                Turn::Done => self.advance(&self.head, position),
                Turn::Behind => {}
            }
        }
    }

    /// The addresses that are in, the oldest first, and stay in. One that is taken out meanwhile, or
    /// put in, may be named or not.
    pub(super) fn peek(&self) -> impl Iterator<Item = ResourceId> {
        let (head, count) = (self.head.load(Relaxed), self.len());
        (0..count.min(self.mask() + 1)).filter_map(move |offset| {
            let position = head.wrapping_add(offset);
            let (_, seen) = self.cell(position);
            let is_filled = matches!(self.turn(position, seen), Turn::Filled);
            is_filled.then_some(ResourceId(seen as u32))
        })
    }

    /// How many addresses are in, roughly.
    pub(super) fn len(&self) -> u32 {
        let len = self.tail.load(Relaxed).wrapping_sub(self.head.load(Relaxed));
        if len.cast_signed() < 0 { 0 } else { len }
    }

    /// Octets of the part that was ever used.
    pub(super) fn bytes(&self) -> u64 {
        let used = self.cells.iter().rposition(|cell| cell.load(Relaxed) != 0);
        used.map_or(0, |last| (last as u64 + 1) * size_of::<u64>() as u64)
    }

    fn mask(&self) -> u32 {
        self.cells.len() as u32 - 1
    }

    fn cell(&self, position: u32) -> (&AtomicU64, u64) {
        let slot = &self.cells[(position & self.mask()) as usize];
        // Acquire: pairs with the release in `push`.
        (slot, slot.load(Acquire))
    }

    fn turn(&self, position: u32, cell: u64) -> Turn {
        let lap = (cell >> 32) as u32;
        match lap.wrapping_sub(position & !self.mask()).cast_signed() {
            0 => Turn::Empty,
            1 => Turn::Filled,
            ahead if ahead > 0 => Turn::Done,
            _ => Turn::Behind,
        }
    }

    fn advance(&self, end: &AtomicU32, position: u32) {
        // A failure means that somebody else did. Release, to the loads of both ends: who stands at
        // a position sees the cells before it as they were when it became the position.
        let _ = end.compare_exchange(position, position.wrapping_add(1), Release, Relaxed);
    }
}

fn word(lap: u32, resource: u32) -> u64 {
    u64::from(lap) << 32 | u64::from(resource)
}

/// The addresses of one pool that are free for one owner, or were when they were pushed.
pub(super) struct FreeQueue {
    first: ResourceId,
    /// Holds an address once at most, so it is never full.
    ring: Ring,
    /// A bit for each address of the pool: it has an entry in `ring`.
    queued: Box<[AtomicU64]>,
    /// It was bound and freed again while its entry queued, so that its turn is yet to come.
    again: Box<[AtomicU64]>,
    /// Addresses under an offer, by the time it was made, so that the first to lapse is found first.
    /// When it is full the oldest moves to `ring`.
    offers: Ring,
    /// Entries of `ring` that maintenance is to go through: so many of them are of bound addresses
    /// that a take might look at too many.
    untidy: AtomicU32,
    /// When `offers` were last looked through for a lapsed one in vain. A hint: whoever misses it looks.
    barren: AtomicU32,
}

/// Offers that are kept in order, at most: some seconds' worth.
const OFFERS: u64 = 1 << 16;

impl FreeQueue {
    /// A queue for `count` addresses from `first` up; nothing queues.
    pub(super) fn new(first: ResourceId, count: u64) -> Self {
        let words = count.div_ceil(64) as usize;
        Self {
            first,
            ring: Ring::new(count),
            queued: zeroed(words),
            again: zeroed(words),
            offers: Ring::new((count / 4).min(OFFERS)),
            untidy: AtomicU32::new(0),
            barren: AtomicU32::new(0),
        }
    }

    /// The address became free, and the binding that says so is in its slot.
    pub(super) fn push(&self, resource: ResourceId) {
        let (word, bit) = self.bit(resource);
        // Acquire and release: this and the swap in `pop` are in one order. If this comes first,
        // who popped the entry sees the binding; if it comes second, it finds the bit clear.
        if self.queued[word].fetch_or(bit, AcqRel) & bit != 0 {
            self.again[word].fetch_or(bit, Relaxed);
        } else {
            let pushed = self.ring.push(resource);
            debug_assert!(pushed, "an address queues once, so there is room for all");
        }
    }

    /// The address was offered. Where too many are kept the oldest makes room: it queues with the others if
    /// it `is_free`, which is asked when it is out.
    pub(super) fn push_offer(&self, resource: ResourceId, is_free: impl Fn(ResourceId) -> bool) {
        while !self.offers.push(resource) {
            if let Some(oldest) = self.offers.pop()
                && is_free(oldest)
            {
                self.push(oldest);
            }
        }
    }

    /// Takes out the oldest offer, or what was one; the caller looks at the binding now.
    pub(super) fn pop_offer(&self) -> Option<ResourceId> {
        self.offers.pop()
    }

    /// No offer that is looked at soon has lapsed by `now`.
    pub(super) fn found_barren(&self, now: Stamp) {
        self.barren.store(now.0, Relaxed);
    }

    /// Whether somebody has found that at `now`.
    pub(super) fn is_barren(&self, now: Stamp) -> bool {
        self.barren.load(Relaxed) == now.0
    }

    /// Takes the oldest entry out. The address may have been bound since. The caller looks at its
    /// binding now, not before.
    pub(super) fn pop(&self) -> Option<Popped> {
        let resource = self.ring.pop()?;
        let (word, bit) = self.bit(resource);
        let again = self.again[word].fetch_and(!bit, Relaxed) & bit != 0;
        // See `push`.
        self.queued[word].fetch_and(!bit, AcqRel);
        Some(Popped { resource, again })
    }

    /// The addresses that have an entry, the oldest first, and then those under an offer. The caller
    /// looks at their bindings.
    pub(super) fn peek(&self) -> impl Iterator<Item = ResourceId> {
        self.ring.peek().chain(self.offers.peek())
    }

    /// How many entries there are, roughly.
    pub(super) fn len(&self) -> u32 {
        self.ring.len()
    }

    /// Asks maintenance to go through the queue.
    pub(super) fn ask_tidy(&self) {
        // Two at once ask for the same.
        if self.untidy.load(Relaxed) == 0 {
            self.untidy.store(self.len(), Relaxed);
        }
    }

    /// Goes through up to `budget` entries, if asked to, and drops those that are not free any more.
    /// Returns how many it went through.
    pub(super) fn tidy(&self, budget: u32, is_free: impl Fn(ResourceId) -> bool) -> u32 {
        // Some may have been taken since: who goes round twice changes the order.
        let asked = self.untidy.load(Relaxed).min(self.len());
        let turns = asked.min(budget);
        for _ in 0..turns {
            let Some(Popped { resource, .. }) = self.pop() else { break };
            if is_free(resource) {
                self.push(resource);
            }
        }
        // Whoever asks in this moment asks again at the next take.
        self.untidy.store(asked - turns, Relaxed);
        turns
    }

    /// Octets of the parts that were ever used.
    pub(super) fn bytes(&self) -> u64 {
        let bits = 2 * size_of_val(&*self.queued) as u64;
        self.ring.bytes() + self.offers.bytes() + if self.len() == 0 { 0 } else { bits }
    }

    fn bit(&self, resource: ResourceId) -> (usize, u64) {
        let offset = resource.0 - self.first.0;
        (offset as usize / 64, 1 << (offset % 64))
    }
}

/// What came out of a [`FreeQueue`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Popped {
    pub(super) resource: ResourceId,
    /// It was used after it was queued; others come before it.
    pub(super) again: bool,
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;

    const FIRST: ResourceId = ResourceId(0x0a00_0000);

    fn ip(number: usize) -> ResourceId {
        ResourceId(FIRST.0 + number as u32)
    }

    fn number(resource: ResourceId) -> usize {
        (resource.0 - FIRST.0) as usize
    }

    #[test]
    fn loom_what_is_pushed_comes_out_once_with_what_was_written_before_it() {
        explore("ring: two push, one pops", 3, 20_000, || {
            let ring = Arc::new(Ring::new(2));
            let written = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
            let pushers = [0, 1].map(|number| {
                let (ring, written) = (Arc::clone(&ring), Arc::clone(&written));
                thread::spawn(move || {
                    written[number].store(1, Relaxed);
                    assert!(ring.push(ip(number)));
                })
            });
            let popper = {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let popped: Vec<_> = (0..2).filter_map(|_| ring.pop().map(number)).collect();
                    popped.iter().for_each(|n| assert_eq!(written[*n].load(Relaxed), 1));
                    popped
                })
            };
            let mut out = popper.join().unwrap();
            for pusher in pushers {
                pusher.join().unwrap();
            }
            out.extend(std::iter::from_fn(|| ring.pop().map(number)));
            out.sort_unstable();
            assert_eq!(out, [0, 1]);
        });
    }

    #[test]
    fn loom_two_that_pop_never_get_the_same_over_laps() {
        explore("ring: two pop and push", 3, 1_000, || {
            let ring = Arc::new(Ring::new(2));
            assert!(ring.push(ip(0)) && ring.push(ip(1)));
            let takers = [(); 2].map(|()| {
                let ring = Arc::clone(&ring);
                thread::spawn(move || {
                    let popped = ring.pop().unwrap();
                    assert!(ring.push(popped));
                    number(popped)
                })
            });
            takers.into_iter().for_each(|taker| assert!(taker.join().unwrap() < 2));
            let mut out: Vec<_> = std::iter::from_fn(|| ring.pop().map(number)).collect();
            out.sort_unstable();
            assert_eq!(out, [0, 1]);
            assert_eq!(ring.len(), 0);
        });
    }

    /// An entry of a bound address queues; the address becomes free while the entry is taken.
    #[test]
    fn loom_an_address_freed_while_its_old_entry_is_taken_is_not_lost() {
        explore("queue: one frees, two take", 3, 20_000, || {
            let queue = Arc::new(FreeQueue::new(FIRST, 1));
            let is_free = Arc::new(AtomicU32::new(0));
            queue.push(ip(0));
            let take = |queue: &FreeQueue, is_free: &AtomicU32| {
                queue.pop().is_some_and(|_| is_free.load(Relaxed) == 1)
            };
            let takers = [(); 2].map(|()| {
                let (queue, is_free) = (Arc::clone(&queue), Arc::clone(&is_free));
                thread::spawn(move || u32::from(take(&queue, &is_free)))
            });
            let freeing = {
                let (queue, is_free) = (Arc::clone(&queue), Arc::clone(&is_free));
                thread::spawn(move || {
                    is_free.store(1, Relaxed);
                    queue.push(ip(0));
                })
            };
            freeing.join().unwrap();
            let taken: u32 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
            let taken = taken + u32::from(take(&queue, &is_free));
            // Twice is possible, from the old entry and the new one: the slot's swap decides.
            assert!(taken >= 1, "a free address was lost");
            assert!(queue.pop().is_none());
        });
    }
    /// Its place in a ring that is full otherwise must be seen to be empty again.
    #[test]
    fn loom_an_address_freed_while_it_is_taken_from_a_full_ring_finds_room() {
        explore("queue: one frees, one takes, full", 3, 30, || {
            let queue = Arc::new(FreeQueue::new(FIRST, 2));
            queue.push(ip(0));
            queue.push(ip(1));
            let taking = Arc::clone(&queue);
            let taker = thread::spawn(move || taking.pop().map(|popped| number(popped.resource)));
            let freeing = Arc::clone(&queue);
            let freed = thread::spawn(move || freeing.push(ip(0)));
            assert_eq!(taker.join().unwrap(), Some(0));
            freed.join().unwrap();
            let mut rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
            rest.retain(|popped| popped.resource != ip(0));
            assert_eq!(rest, [Popped { resource: ip(1), again: false }]);
        });
    }
}
