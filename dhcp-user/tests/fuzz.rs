//! The fuzz targets without a fuzzer: every seed, and a bounded number of mutations of each, the
//! same ones in every run.

use std::fs;
use std::panic;
use std::path::Path;

#[expect(unreachable_pub, reason = "the face of the crate that cargo-fuzz builds")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

/// `TANDEM_MUTATIONS` says another number, for whoever has the time.
const MUTATIONS_OF_A_SEED: u32 = 20_000;
/// The same where each is a whole life of an endpoint.
const LIVES_OF_A_SEED: u32 = 5_000;

#[test]
fn any_frame_is_parsed_or_refused() {
    replay("frame", targets::frame, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_message_is_parsed_or_refused() {
    replay("dhcpv4", targets::dhcpv4, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_dhcpv6_datagram_is_parsed_or_refused() {
    replay("dhcpv6", targets::dhcpv6, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_relay_information_is_parsed_or_refused() {
    replay("relay", targets::relay, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_names_are_parsed_or_refused() {
    replay("dns", targets::dns, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_request_is_answered_soundly_or_not_at_all() {
    replay("answer", targets::answer, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_request_of_dhcpv6_is_answered_soundly_or_not_at_all() {
    replay("answer6", targets::answer6, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_configuration_is_read_or_refused_with_reasons() {
    replay("configuration", targets::configuration, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_file_of_a_journal_is_read_or_refused() {
    replay("journal", targets::journal, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_message_of_a_partner_is_read_or_refused() {
    replay("failover_message", targets::failover_message, MUTATIONS_OF_A_SEED);
}

#[test]
fn any_message_of_a_dhcpv6_partner_is_read_or_refused() {
    replay("failover6_message", targets::failover6_message, MUTATIONS_OF_A_SEED);
}

#[test]
fn whatever_happens_to_an_endpoint_it_says_nothing_that_is_not_stored() {
    replay("failover_endpoint", targets::failover_endpoint, LIVES_OF_A_SEED);
}

#[test]
fn whatever_happens_to_an_endpoint_of_dhcpv6_it_says_nothing_that_is_not_stored() {
    replay("failover6_endpoint", targets::failover6_endpoint, LIVES_OF_A_SEED);
}

fn replay(target: &str, run: fn(&[u8]), usual: u32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no seeds in {}", folder.display());
    let mutations = std::env::var("TANDEM_MUTATIONS").ok().and_then(|text| text.parse().ok());
    let mutations = mutations.unwrap_or(usual);
    let seeds: Vec<_> = files.iter().map(|file| fs::read(file).expect("a seed")).collect();
    for (seed, file) in seeds.iter().zip(&files) {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let mut octets = seed.clone();
        for round in 0..=mutations {
            if panic::catch_unwind(|| run(&octets)).is_err() {
                panic!("{} in round {round} failed on {octets:02x?}", file.display());
            }
            // Now and then from the seed again, or the octets would become noise.
            if round % 8 == 0 {
                octets.clone_from(seed);
            }
            mutate(&mut octets, &seeds, &mut random);
        }
    }
}

/// Changes octets in one of the ways in which parsers are commonly wrong-footed.
fn mutate(octets: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    const TELLING: [u8; 12] = [0, 1, 3, 4, 52, 63, 64, 82, 127, 0xc0, 254, 255];
    let at = random.below(octets.len());
    match random.below(7) {
        0 => octets.truncate(at),
        1 => octets.insert(at, TELLING[random.below(TELLING.len())]),
        2 => {
            let end = (at + random.below(40)).min(octets.len());
            let repeated = octets[at..end].to_vec();
            octets.splice(at..at, repeated);
        }
        3 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len()).min(other.len());
            octets.truncate(at);
            octets.extend_from_slice(&other[from..]);
        }
        4 if at < octets.len() => octets[at] = TELLING[random.below(TELLING.len())],
        5 if at < octets.len() => octets[at] = octets[at].wrapping_add(1),
        _ if at < octets.len() => octets[at] ^= 1 << random.below(8),
        _ => {}
    }
    octets.truncate(9_000);
}

/// Xorshift: the same numbers on every host.
struct Random(u64);

impl Random {
    /// Less than `limit`, or zero.
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit.max(1)
    }
}
