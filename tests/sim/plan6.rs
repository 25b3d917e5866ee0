//! What a seed plans where DHCPv6 is spoken: how addresses are chosen, how few prefixes there are, and
//! whose clock is set wrongly for a while.

use dhcp_user::config::model::Protocol;

use super::clock::{HOUR, MINUTE, Millis, SECOND};
use super::random::Random;
use super::scenario::{Incident, Scenario, Trouble};

/// How a pool of addresses is gone through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allocation {
    /// A few addresses, least recently used first.
    Oldest,
    /// A few addresses, at random.
    Random,
    /// At random in a pool that is never full.
    Sparse,
    /// In such a pool, as follows from who the client is (RFC 7943).
    Hash,
}

impl Scenario {
    /// Draws all of it. Nothing is drawn behind it, so that it changes nothing else of a seed.
    pub(super) fn plan_v6(&mut self, random: &mut Random) {
        use Allocation::{Hash, Oldest, Random, Sparse};
        if !self.protocols.contains(&Protocol::Dhcpv6) {
            return;
        }
        self.allocations = [(); 2].map(|()| random.pick(&[Oldest, Oldest, Random, Sparse, Hash]));
        // Who has none of its own left takes the partner's, once that is down.
        if random.chance(500) {
            self.delegated[0] = random.pick(&[1, 1, 2]);
        }
        // Two wrong operators, for so long that each server takes what is the other's: then two clients
        // have one prefix, and the rules say whose it is.
        if random.chance(150) {
            let lasts = Millis::from(self.mclt) * SECOND + random.between(20 * MINUTE, 2 * HOUR);
            let at = random.below(self.length);
            self.delegated[0] = 1;
            self.incidents.push(Incident { at, lasts, what: Trouble::BothAlone });
            self.incidents.sort_by_key(|incident| incident.at);
        }
        let is_steady = self.servers.iter().all(|server| server.clock == Default::default());
        if !is_steady && random.chance(300) {
            let clock = &mut self.servers[random.below(2) as usize].clock;
            // So far that RFC 8156 §7.5.1 forbids the link, and no further than the observer allows for.
            let by = random.between(6_500, 7_000).cast_signed();
            let by = if random.chance(500) { by } else { -by };
            let at = random.below(self.length / 2);
            clock.step = Some((at, by));
            let lasts = random.between(10 * MINUTE, 2 * HOUR).min(self.length / 3);
            clock.righted = Some(at + lasts);
        }
    }

    /// By how many milliseconds the two servers' clocks differ now.
    pub(super) fn skew(&self, now: Millis) -> u64 {
        let [one, other] = self.servers.each_ref().map(|server| server.clock);
        one.millis(now).abs_diff(other.millis(now))
    }

    /// Whether a pair of DHCPv6 can have a link, as far as clocks go: certainly not, if `at_all`, and
    /// else perhaps not.
    pub(super) fn forbids_link(&self, now: Millis, at_all: bool) -> bool {
        let most = if at_all { 7 * SECOND } else { 4 * SECOND };
        self.protocols.contains(&Protocol::Dhcpv6) && self.skew(now) > most
    }
}
