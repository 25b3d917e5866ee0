//! What came of a run.

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;

/// The longest time that is told from a longer one: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// Counts and times. Counts of what went wrong have the warm-up in them.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Acts that ended well, a second.
    pub(crate) rate: f64,
    /// Seconds for which it was measured.
    pub(crate) seconds: f64,
    /// Begun while it was measured, by clients whose turn had come.
    pub(crate) begun: u64,
    /// RELEASEs of DHCPv4 sent while it was measured, which nobody answers: they are in no rate.
    pub(crate) released: u64,
    /// Acts that ended for want of an answer.
    pub(crate) lost: u64,
    /// Answers that must not be.
    pub(crate) wrong: Wrong,
    /// Refused with a NAK, or with a message that has no address in it.
    pub(crate) refused: u64,
    /// Not begun although it was time: every client, or every transaction number, was under way.
    pub(crate) left_out: u64,
    /// Not begun although it was time: we were too slow.
    pub(crate) overdue: u64,
    /// Whole acts, from the time at which they were meant to begin, in nanoseconds. One that is given
    /// up is in it with the time that it has waited, here and in the two that follow.
    pub(crate) latency: Histogram<u64>,
    /// DISCOVER to OFFER, or Solicit to its answer, from the time at which the first was meant to leave.
    pub(crate) offer: Histogram<u64>,
    /// REQUEST to ACK, or any further message to its answer, likewise; a REQUEST that follows an OFFER is
    /// meant to leave as that comes.
    pub(crate) ack: Histogram<u64>,
    /// How late we were ourselves: from the time at which an act was meant to begin to handing its
    /// first packet to the kernel. It is part of the others.
    pub(crate) own_delay: Histogram<u64>,
}

/// Answers that must not be, by what is wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Wrong {
    /// Another client's hardware address or DUID, or a relay's message that is not of that client.
    pub(crate) client: u64,
    /// Not the address or prefix that the client holds or was offered, or none of the pool's.
    pub(crate) address: u64,
    /// An address or prefix that somebody else has.
    pub(crate) given_twice: u64,
    /// A lease time that is none, or a preferred lifetime, T1 or T2 that does not fit it.
    pub(crate) times: u64,
    /// A message of a kind that answers nothing asked.
    pub(crate) kind: u64,
}

impl Wrong {
    pub(crate) fn sum(&self) -> u64 {
        let Self { client, address, given_twice, times, kind } = self;
        client + address + given_twice + times + kind
    }
}

/// Acts a second of each, one for each repetition.
pub(crate) fn rates(outcomes: &[Outcome]) -> Vec<Option<f64>> {
    outcomes.iter().map(|outcome| Some(outcome.rate)).collect()
}

impl Outcome {
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("three digits");
        Self {
            rate: 0.0,
            seconds: 0.0,
            begun: 0,
            released: 0,
            lost: 0,
            wrong: Wrong::default(),
            refused: 0,
            left_out: 0,
            overdue: 0,
            latency: histogram(),
            offer: histogram(),
            ack: histogram(),
            own_delay: histogram(),
        }
    }

    /// From here on it counts.
    pub(super) fn begin_measuring(&mut self) {
        (self.begun, self.released) = (0, 0);
        for times in [&mut self.latency, &mut self.offer, &mut self.ack, &mut self.own_delay] {
            times.reset();
        }
    }

    /// The same, unless somebody was told what must not be.
    ///
    /// # Errors
    /// If there is one wrong answer: a server that gives these is not measured.
    pub(crate) fn trusted(self) -> Result<Self> {
        ensure!(self.wrong.sum() == 0, "wrong answers: {:?}", self.wrong);
        Ok(self)
    }

    /// How many did not get what they asked for.
    pub(crate) fn failed(&self) -> u64 {
        self.lost + self.wrong.sum() + self.refused + self.left_out + self.overdue
    }

    /// Whether everybody got it.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed() == 0
    }

    /// Acts begun a second: the rate that was asked for, unless we were too slow for it.
    pub(crate) fn offered(&self) -> f64 {
        self.begun as f64 / self.seconds
    }

    /// A quantile of whole acts, in microseconds.
    pub(crate) fn latency_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }
}
