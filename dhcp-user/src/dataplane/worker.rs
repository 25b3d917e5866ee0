//! A worker: a thread on a core of its own that takes packets, has them answered and sends them.
//!
//! One turn reads the clock once, releases the replies whose records are durable, takes a batch from
//! each port and sends what came of it. A worker never waits but for packets and its bell; a reply
//! that waits for the disk waits beside it. In steady state a turn allocates nothing and makes
//! system calls by the batch.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use arc_swap::ArcSwap;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::affinity;
use super::clock::SteadyClock;
use super::commit::{Held, Waiting};
use super::counters::{Count, Counters};
use super::latency::Stopwatch;
use super::packet::{Link, Outcome, Scratch};
use super::port::{BATCH, Outgoing, Port};
use super::probe::{Prober, Where};
use super::wake::Bell;
use super::xsk::Packet;
use crate::journal::{Appender, Health, Sequence, SharedHealth};
use crate::lease::{CACHE_LINE, Follower, Guard, Limits, SharedViews, Tables};
use crate::server::{Probe, ProbeOutcome, Services, Worlds};
use crate::wire::Stamp;
use crate::wire::frame::VlanTags;

/// Records that one request may make: what it is given, and what it gives up. One of DHCPv6 with many
/// associations may make more while the others of a batch have their room.
const RECORDS_A_REQUEST: usize = 4;
/// Longest sleep in nanoseconds: what nobody rings for is looked at then.
const SLEEP_NS: u64 = 1_000_000_000;
/// Sleep while the kernel has no room for what is to be sent.
const RETRY_NS: u64 = 1_000_000;
/// A batch of fewer packets has too little to wait for.
const WORTH_FORESIGHT: usize = 4;
/// How long a worker that is stopped waits for the disk.
const LAST_WAIT_NS: u64 = 5_000_000_000;

/// What all workers share.
pub(super) struct Shared {
    pub(super) services: Arc<ArcSwap<Services>>,
    pub(super) tables: Arc<Tables>,
    pub(super) limits: Arc<Limits>,
    pub(super) views: Arc<SharedViews>,
    pub(super) health: Arc<SharedHealth>,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: AtomicBool,
}

/// One worker, before and while its thread runs.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) core: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) ports: Vec<Port>,
    /// By the interface's place in the configuration, with the kernel's number of it.
    pub(super) links: Vec<(u32, Link)>,
    pub(super) appender: Appender,
    pub(super) stopwatch: Stopwatch,
    pub(super) clock: SteadyClock,
    pub(super) bell: Arc<Bell>,
    pub(super) follower: Follower,
    pub(super) scratch: Scratch,
    pub(super) waiting: Waiting,
    pub(super) prober: Prober,
    /// Never sleep.
    pub(super) spins: bool,
}

/// The clocks, read once a turn.
#[derive(Clone, Copy, Debug)]
struct Now {
    /// For DHCP.
    stamp: Stamp,
    /// For latencies and deadlines: `CLOCK_MONOTONIC` in nanoseconds, as the XDP program reads it.
    ns: u64,
}

/// What a turn leaves to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    /// More packets may be there already.
    Busy,
    /// Nothing until a packet comes.
    Idle,
    /// Nothing until room is made: by the disk, or by the kernel.
    Stuck,
}

impl Worker {
    /// Serves until told to stop; then waits for the disk, so that what was granted is said.
    pub(super) fn run(mut self) {
        if let Err(error) = affinity::pin(self.core) {
            tracing::warn!(worker = self.index, core = self.core, %error, "a worker is not pinned");
        }
        let mut batch = Vec::with_capacity(BATCH);
        while !self.shared.stop.load(Relaxed) {
            let now = Now::read(&mut self.clock);
            let turn = self.turn(now, &mut batch);
            let pending = self.flush();
            match (turn, pending) {
                (Turn::Busy, _) => {}
                (turn, Outgoing::Pending) => self.sleep(now, turn, RETRY_NS),
                (turn, Outgoing::Done) => self.sleep(now, turn, SLEEP_NS),
            }
        }
        self.finish();
    }

    fn turn(&mut self, now: Now, batch: &mut Vec<Packet>) -> Turn {
        self.release(now);
        self.prober.listen(now.ns);
        let shared = Arc::clone(&self.shared);
        // For the whole batch, so that the epoch is entered once for it.
        let guard = shared.tables.ipv4.pin();
        let services = shared.services.load();
        let views = self.follower.turn();
        let views = views.at(now.stamp);
        let worlds = &services.worlds(now.stamp, &shared.tables, &shared.limits, &views);
        while self.room() > 0
            && let Some((pending, outcome)) = self.prober.decided(now.ns)
        {
            if outcome == ProbeOutcome::InUse {
                self.count(Count::ProbesAnswered);
            }
            let heard = Some((&pending.probe, outcome));
            self.handle(worlds, now, pending.port, pending.packet, pending.arrived_ns, heard);
        }
        let mut turn = Turn::Idle;
        for port in 0..self.ports.len() {
            self.ports[port].tend();
            let most = self.room().min(BATCH);
            if most == 0 {
                return Turn::Stuck;
            }
            let receipt = self.ports[port].receive(most, batch);
            let tally = self.shared.counters.tally(self.index);
            tally.add(self.ports[port].received_as(), receipt.received as u64);
            tally.add(Count::DroppedOversized, receipt.oversized as u64);
            if receipt.received + receipt.oversized == most {
                turn = Turn::Busy;
            }
            self.foresee(worlds, &guard, port, batch);
            for mut packet in batch.drain(..) {
                if packet.len == 0 {
                    self.ports[port].release(packet.frame);
                    continue;
                }
                let arrived = self.ports[port].arrived_ns(&mut packet).unwrap_or(now.ns);
                self.handle(worlds, now, port, packet, arrived.min(now.ns), None);
            }
        }
        turn
    }

    /// Has what a batch will want of memory fetched for all of it at once.
    fn foresee(&mut self, worlds: &Worlds<'_>, guard: &Guard, port: usize, batch: &mut [Packet]) {
        if batch.len() < WORTH_FORESIGHT {
            return;
        }
        let port = &self.ports[port];
        let link = self.links[port.interface].1;
        for packet in &mut *batch {
            // With the line in front, which the time of arrival is in.
            let from = packet.offset.saturating_sub(CACHE_LINE);
            let octets = &port.octets_mut(&mut packet.frame)[from..packet.offset + packet.len];
            // Another core wrote them. Nothing waits for these loads, so that all are under way.
            octets.iter().step_by(CACHE_LINE).for_each(|octet| _ = black_box(*octet));
        }
        for packet in batch {
            let octets = &port.octets_mut(&mut packet.frame)[packet.offset..][..packet.len];
            self.scratch.foresee(worlds, link, octets);
        }
        self.scratch.fetch(worlds, guard);
    }

    /// Requests that may be taken now, so that each can be journalled and its reply held.
    fn room(&self) -> usize {
        self.waiting.room().min(self.appender.room() / RECORDS_A_REQUEST)
    }

    /// Has one request answered and sees to what comes of it.
    fn handle(
        &mut self,
        worlds: &Worlds<'_>,
        now: Now,
        port: usize,
        mut packet: Packet,
        arrived_ns: u64,
        heard: Option<(&Probe, ProbeOutcome)>,
    ) {
        if self.shared.health.get() != Health::Good {
            return self.drop_packet(port, packet, Count::DroppedJournalUnavailable);
        }
        let link = self.links[self.ports[port].interface].1;
        let frame = &mut self.ports[port].octets_mut(&mut packet.frame)[packet.offset..];
        let spare = self.appender.room().saturating_sub(RECORDS_A_REQUEST * BATCH);
        self.scratch.allow(spare.max(RECORDS_A_REQUEST));
        let outcome = self.scratch.answer(worlds, link, heard, frame, packet.len);
        let journalled = self.journal();
        match outcome {
            Outcome::Drop(count) => self.drop_packet(port, packet, count),
            Outcome::Refused(protocol, reason) => {
                self.shared.counters.tally(self.index).dropped(protocol, reason.index());
                self.ports[port].release(packet.frame);
            }
            Outcome::Done => self.ports[port].release(packet.frame),
            Outcome::Probe { probe, tags } => {
                self.probe(now, probe, tags, (port, packet, arrived_ns));
            }
            Outcome::Send { len, sent, confirms } => {
                packet.len = len;
                let rests_on = match journalled {
                    Err(NotJournalled) => {
                        return self.drop_packet(port, packet, Count::DroppedUnsent);
                    }
                    Ok(Some(sequence)) => sequence,
                    // The record of an earlier grant may not have landed yet. It is among our own:
                    // another worker's would have been journalled again.
                    Ok(None) if confirms => self.appender.sequence(),
                    Ok(None) => Sequence::default(),
                };
                self.count(sent);
                let since_ns = now.ns;
                let reply = Held { port, packet, arrived_ns, since_ns, rests_on };
                if rests_on <= self.appender.durable() {
                    self.send(now, reply);
                } else {
                    self.count(Count::Held);
                    self.waiting.hold(reply);
                }
            }
        }
    }

    /// Appends what the last answer changed; the last record's place, or `None` if nothing changed.
    fn journal(&mut self) -> Result<Option<Sequence>, NotJournalled> {
        let mut last = Ok(None);
        for change in self.scratch.changes() {
            match self.appender.append(change.resource, &change.binding) {
                Ok(sequence) => last = last.map(|_| Some(sequence)),
                // Not to be acknowledged; the rest is journalled all the same.
                Err(_) => last = Err(NotJournalled),
            }
        }
        last
    }

    fn probe(&mut self, now: Now, probe: Probe, tags: VlanTags, request: (usize, Packet, u64)) {
        if !self.prober.has_room() {
            return self.drop_packet(request.0, request.1, Count::DroppedProbesFull);
        }
        let (interface, link) = self.links[self.ports[request.0].interface];
        let at = Where { interface, mac: link.mac, tags };
        match self.prober.ask(now.ns, probe, at, request) {
            Ok(()) => self.count(Count::ProbesSent),
            Err(error) => tracing::debug!(address = %probe.address, %error, "cannot probe"),
        }
    }

    /// Sends the held replies that may leave now.
    fn release(&mut self, now: Now) {
        let durable = self.appender.durable();
        while let Some(reply) = self.waiting.release(durable) {
            self.stopwatch.disk(now.ns.saturating_sub(reply.since_ns));
            if reply.is_late(now.ns) {
                self.drop_packet(reply.port, reply.packet, Count::DroppedLate);
            } else {
                self.send(now, reply);
            }
        }
        // Failed is for good: what is not durable by now never will be.
        if !self.waiting.is_empty() && matches!(self.shared.health.get(), Health::Failed { .. }) {
            while let Some(reply) = self.waiting.give_up() {
                self.drop_packet(reply.port, reply.packet, Count::DroppedNeverDurable);
            }
        }
    }

    fn send(&mut self, now: Now, reply: Held) {
        self.stopwatch.wire(now.ns.saturating_sub(reply.arrived_ns));
        self.ports[reply.port].send(reply.packet);
    }

    fn flush(&mut self) -> Outgoing {
        self.stopwatch.settle();
        let mut outgoing = Outgoing::Done;
        for port in &mut self.ports {
            if port.flush() == Outgoing::Pending {
                outgoing = Outgoing::Pending;
            }
            let refused = port.take_refused();
            self.shared.counters.tally(self.index).add(Count::DroppedUnsent, refused);
        }
        outgoing
    }

    fn drop_packet(&mut self, port: usize, packet: Packet, count: Count) {
        self.count(count);
        self.ports[port].release(packet.frame);
    }

    fn count(&self, count: Count) {
        self.shared.counters.tally(self.index).count(count);
    }

    /// Sleeps until the bell rings, a packet comes (unless there is no room for one) or time is up.
    fn sleep(&mut self, now: Now, turn: Turn, most_ns: u64) {
        let until_probe = self.prober.next_ns().map(|next| next.saturating_sub(now.ns));
        let sleep_ns = if self.spins { 0 } else { most_ns.min(until_probe.unwrap_or(most_ns)) };
        let timeout = Timespec {
            tv_sec: (sleep_ns / 1_000_000_000) as i64,
            tv_nsec: (sleep_ns % 1_000_000_000) as _,
        };
        // The bell comes first, so that it is polled even where there are no ports.
        const FDS: usize = 1 + 2 * 64;
        let bell = PollFd::from_borrowed_fd(self.bell.fd(), PollFlags::IN);
        let mut fds: [PollFd<'_>; FDS] = std::array::from_fn(|_| bell.clone());
        let mut count = 1;
        if turn != Turn::Stuck {
            let packets = self.ports.iter().map(Port::fd).chain(self.prober.fds());
            for (place, fd) in fds[1..].iter_mut().zip(packets) {
                *place = PollFd::from_borrowed_fd(fd, PollFlags::IN);
                count += 1;
            }
        }
        // Interrupted or woken, the next turn looks at everything anyway.
        let _ = poll(&mut fds[..count], Some(&timeout));
        if fds[0].revents().contains(PollFlags::IN) {
            self.bell.silence();
        }
    }

    /// Says what is durable before the time is up, and lets go of the rest, probes among it: their
    /// clients ask again.
    fn finish(&mut self) {
        let end = Now::read(&mut self.clock).ns + LAST_WAIT_NS;
        loop {
            let now = Now::read(&mut self.clock);
            self.release(now);
            let outgoing = self.flush();
            if now.ns >= end || (self.waiting.is_empty() && outgoing == Outgoing::Done) {
                break;
            }
            self.ports.iter_mut().for_each(Port::tend);
            self.sleep(now, Turn::Stuck, 10 * RETRY_NS);
        }
    }
}

/// A change whose record the journal did not take: it must not be acknowledged.
#[derive(Clone, Copy, Debug)]
struct NotJournalled;

impl Now {
    fn read(clock: &mut SteadyClock) -> Self {
        let monotonic = clock_gettime(ClockId::Monotonic);
        let ns = (monotonic.tv_sec as u64) * 1_000_000_000 + monotonic.tv_nsec as u64;
        Self { stamp: clock.now(), ns }
    }
}
