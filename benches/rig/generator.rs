//! Many clients that each ask again as soon as they are answered: as many requests under way as the
//! window says, so the rate is the one that the other end sustains, and what is lost is counted.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dhcp_user::dataplane::xsk::{Frame, Packet};
use hdrhistogram::Histogram;

use super::end::End;
use super::request::{HEADERS_LEN, Template};
use super::{GENERATOR_CORE, pin};
use crate::state::{self, POOL};

/// Packets taken at a time.
const BATCH: usize = 64;
/// A request without an answer for so long is lost.
const PATIENCE: Duration = Duration::from_millis(500);
/// A server that has not answered by then does not come up.
const A_MINUTE: Duration = Duration::from_secs(60);
/// Bits of a transaction number that say which request under way it is.
const SLOT_BITS: u32 = 12;

/// What an answer must be, beside having the client's hardware address and transaction number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expect {
    /// The request itself.
    Reflection,
    /// An OFFER of an address in the pool that nobody else was offered.
    Offer,
    /// An ACK of the address that the client holds.
    Ack,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Right answers a second.
    pub(crate) rate: f64,
    /// Requests without an answer, warm-up included.
    pub(crate) lost: u64,
    /// Answers that were not right, warm-up included.
    pub(crate) wrong: u64,
    /// From handing a request to the kernel to seeing its answer, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
}

/// The clients' host.
pub(crate) struct Generator {
    end: End,
    /// Frames that are ours to send from.
    frames: Vec<Frame>,
    /// All of them.
    most: usize,
    /// Told apart by transaction numbers: answers of an earlier run are nobody's.
    generation: u32,
}

/// One request under way.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    client: u32,
    xid: u32,
    asked_ns: u64,
    under_way: bool,
}

/// One run.
struct Run<'t> {
    template: &'t Template,
    expect: Expect,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// One bit for each address of the pool: offered in this run.
    offered: Vec<u64>,
    answered: u64,
    lost: u64,
    wrong: u64,
    latency: Histogram<u64>,
}

impl Generator {
    pub(super) fn new(mut end: End, most: usize) -> Self {
        assert!(most <= 1 << SLOT_BITS, "more requests under way than can be told apart");
        let frames = end.lend(most);
        Self { end, frames, most, generation: 1 }
    }

    /// Lets `clients` ask in turn for `warm_up` and then for `measured`, with `window` requests
    /// under way.
    ///
    /// # Errors
    /// If the kernel keeps frames of an earlier run.
    pub(crate) fn run(
        &mut self,
        template: &Template,
        expect: Expect,
        window: usize,
        clients: impl Iterator<Item = u32> + Send,
        [warm_up, measured]: [Duration; 2],
    ) -> Result<Outcome> {
        self.prepare(template);
        ensure!(
            self.frames.len() == self.most,
            "{} frames are missing",
            self.most - self.frames.len()
        );
        let mut run = Run::new(template, expect, window);
        // A thread of its own, so that what this one starts is not pinned with it.
        let rate = thread::scope(|scope| {
            let driven = scope.spawn(|| {
                pin(GENERATOR_CORE);
                self.drive(&mut run, clients, warm_up, measured)
            });
            driven.join().expect("the generator ends well")
        });
        Ok(Outcome { rate, lost: run.lost, wrong: run.wrong, latency: run.latency })
    }

    /// Asks `client` again and again until there is an answer; how long after `since` it came.
    ///
    /// # Errors
    /// If there is none in a minute.
    pub(crate) fn first_answer(
        &mut self,
        template: &Template,
        expect: Expect,
        client: u32,
        since: Instant,
    ) -> Result<Duration> {
        let mut run = Run::new(template, expect, 1);
        let mut arrived = Vec::new();
        while run.answered == 0 {
            ensure!(since.elapsed() < A_MINUTE, "no answer in {A_MINUTE:?}");
            self.prepare(template);
            self.generation += 1;
            run.free = vec![0];
            self.ask(&mut run, &mut std::iter::once(client), 0, &mut Vec::new());
            for _ in 0..5 {
                self.end.wait();
                self.take_answers(&mut run, 0, &mut arrived);
            }
        }
        Ok(since.elapsed())
    }

    /// Writes the template to all frames that are here.
    fn prepare(&mut self, template: &Template) {
        self.end.reap(&mut self.frames);
        let octets = template.octets();
        for frame in &mut self.frames {
            self.end.octets_mut(frame)[..octets.len()].copy_from_slice(octets);
        }
    }

    fn drive(
        &mut self,
        run: &mut Run<'_>,
        mut clients: impl Iterator<Item = u32>,
        warm_up: Duration,
        measured: Duration,
    ) -> f64 {
        let start = Instant::now();
        let (mut arrived, mut leaving) = (Vec::with_capacity(BATCH), Vec::with_capacity(self.most));
        let mut begun: Option<(Instant, u64)> = None;
        let mut looked = start;
        let ended = loop {
            let now = Instant::now();
            let now_ns = (now - start).as_nanos() as u64;
            match begun {
                None if now - start >= warm_up => {
                    run.latency.reset();
                    begun = Some((now, run.answered));
                }
                Some((since, answered)) if now - since >= measured => {
                    break (run.answered - answered) as f64 / (now - since).as_secs_f64();
                }
                _ => {}
            }
            if now - looked >= PATIENCE / 4 {
                run.give_up(now_ns);
                looked = now;
            }
            self.end.reap(&mut self.frames);
            self.ask(run, &mut clients, now_ns, &mut leaving);
            if !self.take_answers(run, now_ns, &mut arrived) {
                self.end.wait();
            }
        };
        // What is under way comes in, or is lost.
        let late = Instant::now();
        while run.free.len() < run.slots.len() && late.elapsed() < PATIENCE {
            let now_ns = start.elapsed().as_nanos() as u64;
            self.end.send(&mut leaving);
            if !self.take_answers(run, now_ns, &mut arrived) {
                self.end.wait();
            }
        }
        run.give_up(u64::MAX);
        ended
    }

    /// Sends as many requests as the window has room for.
    fn ask(
        &mut self,
        run: &mut Run<'_>,
        clients: &mut impl Iterator<Item = u32>,
        now_ns: u64,
        leaving: &mut Vec<Packet>,
    ) {
        let len = run.template.octets().len();
        while !run.free.is_empty()
            && let Some(mut frame) = self.frames.pop()
        {
            let (Some(slot), Some(client)) = (run.free.pop(), clients.next()) else {
                self.frames.push(frame);
                break;
            };
            self.generation = self.generation.wrapping_add(1);
            let xid = self.generation << SLOT_BITS | slot;
            run.template.patch(self.end.octets_mut(&mut frame), client, xid);
            run.slots[slot as usize] = Slot { client, xid, asked_ns: now_ns, under_way: true };
            leaving.push(Packet { frame, offset: 0, len });
        }
        self.end.send(leaving);
    }

    /// Whether anything had arrived.
    fn take_answers(&mut self, run: &mut Run<'_>, now_ns: u64, arrived: &mut Vec<Packet>) -> bool {
        self.end.receive(BATCH, arrived);
        let any = !arrived.is_empty();
        for mut packet in arrived.drain(..) {
            let octets = self.end.octets_mut(&mut packet.frame);
            run.take(&octets[packet.offset..packet.offset + packet.len], now_ns);
            self.end.release(packet.frame);
        }
        self.end.tend();
        any
    }
}

impl<'t> Run<'t> {
    fn new(template: &'t Template, expect: Expect, window: usize) -> Self {
        let pool = POOL.1.to_bits() - POOL.0.to_bits() + 1;
        Self {
            template,
            expect,
            slots: vec![Slot::default(); window],
            free: (0..window as u32).collect(),
            offered: vec![0; pool.div_ceil(64) as usize],
            answered: 0,
            lost: 0,
            wrong: 0,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("three digits"),
        }
    }

    fn take(&mut self, frame: &[u8], now_ns: u64) {
        let Some(answer) = Answer::read(frame) else { return };
        let number = answer.xid & ((1 << SLOT_BITS) - 1);
        let Some(slot) = self.slots.get_mut(number as usize).filter(|s| s.under_way) else {
            return;
        };
        if slot.xid != answer.xid {
            return;
        }
        let slot = std::mem::take(slot);
        self.free.push(number);
        if self.is_right(&answer, slot.client) {
            self.answered += 1;
            // A minute at the most: nothing waits so long.
            self.latency.saturating_record(now_ns.saturating_sub(slot.asked_ns).max(1));
        } else {
            self.wrong += 1;
        }
    }

    fn is_right(&mut self, answer: &Answer<'_>, client: u32) -> bool {
        if answer.chaddr != state::mac(client) {
            return false;
        }
        match self.expect {
            Expect::Reflection => answer.op == 1,
            Expect::Ack => answer.is(5) && answer.yiaddr == state::address(client),
            Expect::Offer => {
                let number = answer.yiaddr.to_bits().wrapping_sub(POOL.0.to_bits());
                let Some(word) = self.offered.get_mut(number as usize / 64) else { return false };
                let bit = 1 << (number % 64);
                let before = std::mem::replace(word, *word | bit);
                answer.is(2) && before & bit == 0
            }
        }
    }

    /// Requests that have waited too long are lost, and their clients' turn is over.
    fn give_up(&mut self, now_ns: u64) {
        let patience = PATIENCE.as_nanos() as u64;
        for (number, slot) in (0..).zip(&mut self.slots) {
            if slot.under_way && now_ns.saturating_sub(slot.asked_ns) > patience {
                *slot = Slot::default();
                self.free.push(number);
                self.lost += 1;
            }
        }
    }
}

/// The fields of an answer that are looked at (RFC 2131 §2), behind plain headers.
struct Answer<'a> {
    op: u8,
    xid: u32,
    yiaddr: Ipv4Addr,
    chaddr: &'a [u8],
    options: &'a [u8],
}

impl<'a> Answer<'a> {
    /// `None` for what is no DHCP message over untagged IPv4.
    fn read(frame: &'a [u8]) -> Option<Self> {
        let message = frame.get(HEADERS_LEN..)?;
        if frame[12..15] != [8, 0, 0x45] || message.len() < 240 {
            return None;
        }
        Some(Self {
            op: message[0],
            xid: u32::from_be_bytes(*message[4..].first_chunk()?),
            yiaddr: Ipv4Addr::from_bits(u32::from_be_bytes(*message[16..].first_chunk()?)),
            chaddr: &message[28..34],
            options: &message[240..],
        })
    }

    /// Whether it is a reply of this DHCP message type, which servers put first.
    fn is(&self, kind: u8) -> bool {
        self.op == 2 && self.options.starts_with(&[53, 1, kind])
    }
}
