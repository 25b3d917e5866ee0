//! Exchanges that wait for an answer, found by transaction number and given up in the order in which
//! they were asked.

use std::collections::VecDeque;

use super::clients::Lease;
use super::plan::Act;

/// Bits of a transaction number that say where its exchange stands; the others say that it is still
/// the same one.
const PLACE_BITS: u32 = 17;
/// So many can be under way.
pub(super) const MOST: usize = 1 << PLACE_BITS;

/// One act that a client has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    pub(super) act: Act,
    pub(super) client: u32,
    /// Whether it waits for the last answer, and not for an offer.
    pub(super) is_requested: bool,
    /// What it holds or was offered, if that is something.
    pub(super) lease: Option<Lease>,
    /// When it meant to begin, and when it meant to send what it now waits for an answer to.
    pub(super) begun_ns: u64,
    pub(super) intended_ns: u64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct UnderWay {
    places: Vec<Place>,
    /// The bits that a transaction number has.
    xid_mask: u32,
    free: Vec<u32>,
    /// When each was asked, oldest first; some of them are answered by now.
    asked: VecDeque<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// The transaction number of whoever is here, or will be next.
    xid: u32,
    exchange: Option<Exchange>,
}

impl UnderWay {
    /// None, of a protocol whose transaction numbers have so many bits, which are more than those of a
    /// place.
    pub(super) fn new(xid_bits: u32) -> Self {
        // Lower places first: few are in use at a time, and stay in the cache.
        Self {
            places: (0..MOST as u32).map(|xid| Place { xid, exchange: None }).collect(),
            xid_mask: u32::MAX >> (u32::BITS - xid_bits),
            free: (0..MOST as u32).rev().collect(),
            asked: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Takes one in that asks at `now_ns`, and gives its transaction number; or `None` if there are too
    /// many.
    pub(super) fn begin(&mut self, now_ns: u64, exchange: Exchange) -> Option<u32> {
        let place = &mut self.places[self.free.pop()? as usize];
        place.exchange = Some(exchange);
        self.asked.push_back((now_ns, place.xid));
        Some(place.xid)
    }

    /// The one with this transaction number.
    pub(super) fn find(&mut self, xid: u32) -> Option<&mut Exchange> {
        let place = &mut self.places[xid as usize % MOST];
        place.exchange.as_mut().filter(|_| place.xid == xid)
    }

    /// It asks again, under the same number: the REQUEST that follows an OFFER (RFC 2131 §4.4.1).
    pub(super) fn asks_again(&mut self, now_ns: u64, xid: u32) {
        self.asked.push_back((now_ns, xid));
    }

    /// It is over.
    pub(super) fn end(&mut self, xid: u32) {
        let place = &mut self.places[xid as usize % MOST];
        place.exchange = None;
        place.xid = xid.wrapping_add(MOST as u32) & self.xid_mask;
        self.free.push(xid % MOST as u32);
    }

    /// Takes out one that has asked in vain since `before_ns`.
    pub(super) fn give_up(&mut self, before_ns: u64) -> Option<Exchange> {
        while let Some(&(asked_ns, xid)) = self.asked.front().filter(|(at, _)| *at < before_ns) {
            self.asked.pop_front();
            // One that asks again was heard, and stands here a second time.
            let exchange = self.find(xid).copied().filter(|found| found.intended_ns <= asked_ns);
            if exchange.is_some() {
                self.end(xid);
                return exchange;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(intended_ns: u64) -> Exchange {
        Exchange {
            act: Act::Exchange,
            client: 7,
            is_requested: false,
            lease: None,
            begun_ns: intended_ns,
            intended_ns,
        }
    }

    #[test]
    fn an_answer_to_an_earlier_one_in_the_same_place_finds_nobody() {
        let mut under_way = UnderWay::new(32);
        let first = under_way.begin(0, exchange(0)).unwrap();
        under_way.end(first);
        let second = under_way.begin(1, exchange(1)).unwrap();
        assert_eq!(first % MOST as u32, second % MOST as u32);
        assert!(under_way.find(first).is_none());
        assert!(under_way.find(second).is_some());
    }

    /// DHCPv6 has 24 bits for a transaction number (RFC 8415 §8).
    #[test]
    fn transaction_numbers_have_no_more_bits_than_the_protocol_has_for_them() {
        let mut under_way = UnderWay::new(24);
        for _ in 0..200 {
            let xid = under_way.begin(0, exchange(0)).unwrap();
            assert!(xid < 1 << 24, "{xid:#x}");
            under_way.end(xid);
        }
    }

    #[test]
    fn whoever_was_heard_and_asks_again_has_its_time_anew() {
        let mut under_way = UnderWay::new(32);
        let xid = under_way.begin(10, exchange(10)).unwrap();
        under_way.find(xid).unwrap().intended_ns = 50;
        under_way.asks_again(50, xid);
        assert!(under_way.give_up(50).is_none());
        assert_eq!(under_way.give_up(51).unwrap().client, 7);
        assert_eq!(under_way.len(), 0);
    }
}
