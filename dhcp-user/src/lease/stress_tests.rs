//! Threads at once on one small pool: no address has two clients, and none is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::task::Wake;

use super::fixture::*;
use super::resource::ResourceId;
use super::{Binding, BindingStatus, Guard, Owner, PoolCounts, Seen, Table, Told};
use crate::wire::Stamp;

const COUNT: u32 = 60;
const THREADS: u32 = 4;
const STEPS: u32 = 40_000;

/// Who holds each address by what the clients were told: number + 1, or 0. A client writes here
/// after it was granted the address and before it gives it back.
struct Ledger(Vec<AtomicU32>);

impl Ledger {
    fn granted(&self, resource: ResourceId, client: u32) {
        let before = self.entry(resource).swap(client + 1, SeqCst);
        assert_eq!(before, 0, "{resource:?} was given to {client} while {} had it", before - 1);
    }

    fn given_back(&self, resource: ResourceId, client: u32) {
        assert_eq!(self.entry(resource).swap(0, SeqCst), client + 1);
    }

    fn entry(&self, resource: ResourceId) -> &AtomicU32 {
        &self.0[(resource.0 - POOL.0.0) as usize]
    }
}

/// One worker's clients, and what it decides by: a seeded sequence, no clock.
struct Worker<'a> {
    table: &'a Table,
    ledger: &'a Ledger,
    random: u32,
    held: Vec<(ResourceId, u32)>,
}

impl Worker<'_> {
    fn run(mut self, first_client: u32) {
        for now in 1..STEPS {
            let client = first_client + self.roll(20);
            match self.roll(8) {
                0..3 => self.acquire(now, client),
                3 => self.ask_for_any(now, client),
                4..7 => self.end(now, BindingStatus::Free),
                _ => self.end(now, BindingStatus::Abandoned),
            }
        }
        while !self.held.is_empty() {
            self.end(STEPS, BindingStatus::Free);
        }
    }

    /// xorshift
    fn roll(&mut self, below: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random % below
    }

    /// DISCOVER, OFFER, and mostly REQUEST, ACK.
    fn acquire(&mut self, now: u32, client: u32) {
        let guard = self.table.pin();
        let taken = self.table.take_free(POOL, Owner::Primary, Stamp(now), &guard);
        let Some((resource, seen)) = taken else { return };
        match self.roll(10) {
            0 => self.table.put_back(POOL, resource),
            1 => drop(self.table.replace(resource, seen, offer(client, now + 50), &guard)),
            2..6 => {
                let offered = self.table.replace(resource, seen, offer(client, now + 50), &guard);
                offered
                    .into_iter()
                    .for_each(|seen| self.grant(now, client, resource, seen, &guard));
            }
            _ => self.grant(now, client, resource, seen, &guard),
        }
    }

    /// A client that asks for an address it has in mind.
    fn ask_for_any(&mut self, now: u32, client: u32) {
        let resource = ip(self.roll(COUNT));
        let guard = self.table.pin();
        let seen = self.table.seen(resource, &guard).unwrap();
        let free = |binding: &Binding| binding.is_available() && !binding.is_offered(Stamp(now));
        if seen.binding().is_none_or(free) {
            self.grant(now, client, resource, seen, &guard);
        }
    }

    fn grant(
        &mut self,
        now: u32,
        client: u32,
        resource: ResourceId,
        seen: Seen<'_>,
        guard: &Guard,
    ) {
        // No lease ends by time here, so that the ledger knows of every end.
        if self.table.replace(resource, seen, lease(client, now, u32::MAX), guard).is_ok() {
            self.ledger.granted(resource, client);
            self.held.push((resource, client));
        }
    }

    fn end(&mut self, now: u32, status: BindingStatus) {
        if self.held.is_empty() {
            return;
        }
        let which = self.roll(self.held.len() as u32) as usize;
        let (resource, client) = self.held.swap_remove(which);
        self.ledger.given_back(resource, client);
        self.table.set(resource, Binding { status, ..lease(client, now, now + 100) });
    }
}

#[test]
fn no_address_has_two_clients_and_none_is_lost_whatever_threads_do() {
    let table = Table::new(layout(COUNT, &[]));
    let ledger = Ledger((0..=COUNT).map(|_| AtomicU32::new(0)).collect());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (table, ledger) = (&table, &ledger);
            let random = 0x9e37_79b9 ^ (thread + 1);
            let worker = Worker { table, ledger, random, held: Vec::new() };
            scope.spawn(move || worker.run(thread * 1_000));
        }
        let (table, [odd, even]) = (&table, [layout(COUNT, &[]), layout(COUNT + 1, &[])]);
        scope.spawn(move || {
            for now in 1..STEPS / 100 {
                table.sweep(now * 100, 16);
                // The pool is another one for a moment, with queues of its own.
                table.adopt(if now % 2 == 0 { even.clone() } else { odd.clone() });
            }
        });
    });
    table.adopt(layout(COUNT, &[]));
    while !table.sweep(2 * STEPS, 1_000).done {}
    let all_free = u64::from(COUNT);
    let expected = PoolCounts { total: all_free, free: all_free, ..PoolCounts::default() };
    assert_eq!(table.counts(POOL), expected);
    let mut given: Vec<_> =
        (0..COUNT).map_while(|n| table.give(3 * STEPS, lease(n, 0, u32::MAX))).collect();
    given.sort_unstable();
    assert_eq!(given, (0..COUNT).map(ip).collect::<Vec<_>>());
}

/// Wakes a thread that parks.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Threads change addresses in several chunks; one tells a partner, in small portions, and sleeps
/// when there is nothing to tell. A lost wake-up would leave it asleep for ever.
#[test]
fn every_last_change_is_told_whatever_threads_do() {
    const ADDRESSES: u32 = 3_000;
    let table = Table::new(layout(ADDRESSES, &[]));
    let version = |resource| table.get(resource).map_or(0, |binding| binding.version);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (table, is_over) = (&table, &is_over);
        let telling = scope.spawn(move || {
            let waker = Arc::new(Unpark(std::thread::current()));
            table.set_untold_waker(waker.into()).unwrap();
            let (mut told, mut next) = (BTreeMap::new(), None);
            loop {
                // In this order: what was changed before it was over is found below.
                let was_over = is_over.load(SeqCst);
                table.listen_untold();
                let (from, mut count) = (next.unwrap_or(ip(0)), 0);
                next = table.take_untold(pool(ADDRESSES), from, 7, &mut |resource| {
                    told.insert(resource, table.get(resource).unwrap().version);
                    count += 1;
                });
                let is_empty = count == 0 && next.is_none() && from == ip(0);
                if is_empty && was_over {
                    return told;
                }
                if is_empty {
                    std::thread::park();
                }
            }
        });
        let changing = [1, 2, 3].map(|thread| {
            scope.spawn(move || {
                let mut random = 0x9e37_79b9_u32 ^ thread;
                for step in 0..STEPS {
                    random = random.wrapping_mul(0x9e37_79b1).wrapping_add(step);
                    let (resource, guard) = (ip((random >> 16) % ADDRESSES), table.pin());
                    let seen = table.seen(resource, &guard).unwrap();
                    let new = Binding { told: Told::Unsent, ..lease(thread, step, u32::MAX) };
                    let _ = table.replace(resource, seen, new, &guard);
                }
            })
        });
        changing.into_iter().for_each(|thread| thread.join().unwrap());
        is_over.store(true, SeqCst);
        telling.thread().unpark();
        let told = telling.join().unwrap();
        assert!(told.len() > 2_000, "only {} addresses were changed", told.len());
        (0..ADDRESSES).map(ip).for_each(|resource| {
            assert_eq!(
                told.get(&resource).copied().unwrap_or(0),
                version(resource),
                "{resource:?}"
            );
        });
    });
    assert_eq!(table.count_untold(pool(ADDRESSES)), 0);
}
