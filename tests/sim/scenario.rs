//! What a seed stands for: two configurations, clients, and what goes wrong when.
//!
//! Everything is planned before the run, and each client and each incident has chance of its own, so
//! that any of them can be taken out to see whether a failure needs it.

use std::fmt;

use dhcp_user::config::model::Protocol;
use dhcp_user::lease::Resource;

use super::clock::{Clock, HOUR, MINUTE, Millis, SECOND};
use super::places;
use super::plan6::Allocation;
use super::random::Random;
use super::said::Said;
use super::subscribers::LimitPlan;

/// Which of the two servers: 0 is the primary of relationship 0, and 1 of relationship 1.
pub type Side = usize;

/// Which relationship, by its place in both configurations.
pub type Relationship = usize;

/// A plan for one run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where it came from.
    pub seed: u64,
    /// Incidents and clients' wishes end here; then both must find back to each other.
    pub length: Millis,
    /// The two servers.
    pub servers: [ServerPlan; 2],
    /// What is spoken on each network.
    pub protocols: [Protocol; 2],
    /// Addresses of each network, at most 200.
    pub pools: Vec<u32>,
    /// How the addresses of each network are chosen, in DHCPv6.
    pub allocations: [Allocation; 2],
    /// By how many bits a delegated prefix of each network is longer than its pool.
    pub delegated: [u8; 2],
    /// One that shares all networks; or two, each with a network, and the roles reversed.
    pub relationships: usize,
    /// `mclt` in seconds, of each primary; what a secondary's file says is in its plan.
    pub mclt: u32,
    /// receive-timer in seconds.
    pub receive_timer: u32,
    /// Updates that may wait for their answer.
    pub max_unacked: u32,
    /// dhcpd's `split`.
    pub split: u32,
    /// Seconds after which a client is anybody's.
    pub max_secs: u32,
    /// Seconds in COMMUNICATIONS-INTERRUPTED after which the partner is taken to be down.
    pub safe_period: Option<u32>,
    /// How many leases a subscriber may have.
    pub limits: Option<LimitPlan>,
    /// Between clients and servers.
    pub network: NetworkPlan,
    /// Shortest and longest way of a failover message.
    pub link: (Millis, Millis),
    /// Who wants an address.
    pub clients: Vec<ClientPlan>,
    /// What goes wrong.
    pub incidents: Vec<Incident>,
}

/// One server.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    /// Its clock.
    pub clock: Clock,
    /// How long a flush takes, shortest and longest.
    pub flush: (Millis, Millis),
    /// `lease-time` in seconds.
    pub lease_time: u32,
    /// `mclt` as it stands in its own file.
    pub mclt: u32,
    /// `startup` in seconds.
    pub startup: u32,
    /// Milliseconds between two rounds of the sweep: it may be late.
    pub sweep: Millis,
    /// Milliseconds from a change to when the partner's thread looks at it.
    pub lazy: Millis,
}

/// What becomes of clients' packets.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// Lost, of a thousand.
    pub lost: u64,
    /// Come twice, of a thousand.
    pub doubled: u64,
    /// Shortest and longest way.
    pub delay: (Millis, Millis),
}

/// One client.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// Its name, which its hardware address and its chance are made of.
    pub number: u16,
    /// On which network.
    pub network: usize,
    /// When it is switched on.
    pub from: Millis,
    /// By how many millionths its clock is too slow.
    pub slow: i64,
    /// Kept for it, behind the pool of its network: the how-manieth address there.
    pub reserved: Option<u32>,
    /// What it says of itself, and its relay of it.
    pub said: Said,
    /// Whether it wants an address: all do in DHCPv4.
    pub address: bool,
    /// Whether it wants a prefix.
    pub prefix: bool,
    /// Relays between it and the servers, in DHCPv6.
    pub relays: u8,
    /// Whether it binds what the first server gives it (Rapid Commit), in DHCPv6.
    pub is_hasty: bool,
    /// How long it is content before it does something else, about; at least a minute.
    pub patience: Millis,
}

/// Something goes wrong, or somebody does something.
#[derive(Clone, Debug)]
pub struct Incident {
    /// When.
    pub at: Millis,
    /// How long until it is over.
    pub lasts: Millis,
    /// What.
    pub what: Trouble,
}

/// What can go wrong, and what an operator can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// The failover connection is reset, and can be made anew at once.
    Reset,
    /// Nothing passes between the servers, either way.
    Apart,
    /// What this server sends does not reach the other; TCP keeps it.
    Mute(Side),
    /// A server's process dies; the disk keeps what it has.
    Die(Side),
    /// A server's machine loses power: nobody hears of it.
    PowerOff(Side),
    /// The same, and the disk comes back empty. Only if the other server is well.
    LoseDisk(Side),
    /// A server is stopped in good order.
    Stop(Side),
    /// An operator takes a server out of service.
    Shutdown(Side),
    /// The same, but the process goes on, and is resumed.
    Withdraw(Side),
    /// An operator pauses a server.
    Pause(Side),
    /// Flushes take seconds.
    SlowDisk(Side),
    /// Clients and this server do not reach each other.
    Unreachable(Side),
    /// Clients lose half of their packets.
    Noise,
    /// This server's machine loses power; the operator of the other says that it is down.
    Alone(Side),
    /// A server stands still, its process stopped or its machine asleep; the operator of the other may
    /// say that it is down. Then it goes on where it was.
    Sleep(Side),
    /// The servers are parted, and both are told that the other is down: the protocol has no help.
    BothAlone,
    /// An operator frees this address (of its network).
    Free(usize, u32),
    /// An operator has everything told again.
    Resynchronise(Side),
}

impl Scenario {
    /// In which relationship a network is shared.
    pub(super) fn relationship(&self, network: usize) -> Relationship {
        network % self.relationships
    }

    /// How many prefixes of a network there are to delegate.
    pub(super) fn prefixes(&self, network: usize) -> u32 {
        match self.protocols[network] {
            Protocol::Dhcpv4 => 0,
            Protocol::Dhcpv6 => 1 << self.delegated[network],
        }
    }

    /// The address that is kept for a client.
    pub(super) fn reserved_address(&self, client: &ClientPlan) -> Option<Resource> {
        let place = self.pools[client.network] + client.reserved?;
        Some(places::address(self.protocols[client.network], client.network, place))
    }

    /// The plan of a seed, of so many hours.
    #[must_use]
    pub fn of(seed: u64, hours: u32) -> Self {
        let random = &mut Random::new(seed, 1);
        let length = Millis::from(hours) * HOUR;
        let protocols = protocols(seed);
        let is_v6 = protocols.contains(&Protocol::Dhcpv6);
        let mclt = random.pick(&[120, 300, 600, 1_800, 3_600]);
        let lease_time = random.pick(&[900, 1_800, 3_600, 7_200, 43_200]);
        let is_steady = random.chance(400);
        let server = |random: &mut Random| ServerPlan {
            clock: match () {
                () if is_steady => Clock::default(),
                () if is_v6 => close_clock(random, length),
                () => clock(random, length),
            },
            flush: random.pick(&[(1, 3), (1, 30), (5, 400)]),
            lease_time: if random.chance(800) { lease_time } else { 2_700 },
            mclt: if random.chance(800) { mclt } else { 60 },
            startup: random.between(5, 20) as u32,
            sweep: random.pick(&[20 * SECOND, 30 * SECOND, MINUTE]),
            lazy: random.pick(&[1, 5, 200, 3_000]),
        };
        let servers = [server(random), server(random)];
        let pools = vec![random.between(6, 24) as u32, random.between(30, 180) as u32];
        let clients = clients(random, length, &pools, protocols);
        let incidents = incidents(random, length, &pools);
        let mut scenario = Self {
            seed,
            length,
            allocations: [Allocation::Oldest; 2],
            servers: [ServerPlan { mclt, ..servers[0].clone() }, servers[1].clone()],
            protocols,
            pools,
            delegated: [random.between(2, 4) as u8, random.between(4, 6) as u8],
            mclt,
            receive_timer: random.pick(&[30, 60, 120]),
            max_unacked: random.pick(&[1, 10, 100]),
            split: random.pick(&[0, 64, 128, 128, 256]) as u32,
            max_secs: random.pick(&[1, 3, 10]),
            relationships: match random.chance(250) {
                false if protocols[0] == protocols[1] => 1,
                _ => 2,
            },
            safe_period: random.chance(50).then_some(7_200),
            limits: random.chance(300).then(|| limits(random)),
            network: NetworkPlan {
                lost: random.pick(&[0, 10, 80]),
                doubled: random.pick(&[0, 20]),
                delay: random.pick(&[(1, 2), (1, 50), (10, 900)]),
            },
            link: random.pick(&[(1, 2), (1, 30), (40, 400)]),
            clients,
            incidents,
        };
        scenario.plan_v6(random);
        scenario
    }
}

/// Which protocols a seed is about: DHCPv4 if it is even, else DHCPv6, and of those every fourth both.
fn protocols(seed: u64) -> [Protocol; 2] {
    match seed % 8 {
        0 | 2 | 4 | 6 => [Protocol::Dhcpv4; 2],
        7 => [Protocol::Dhcpv4, Protocol::Dhcpv6],
        _ => [Protocol::Dhcpv6; 2],
    }
}

/// Kept by NTP well, as RFC 8156 wants it: two are never five seconds apart.
fn close_clock(random: &mut Random, length: Millis) -> Clock {
    let by = random.below(1_000).cast_signed() - 500;
    let step = Some((random.below(length), by)).filter(|_| random.chance(150));
    Clock {
        ahead: random.below(1_400).cast_signed() - 700,
        fast: random.below(11).cast_signed() - 5,
        step,
        righted: None,
    }
}

/// Kept by NTP, more or less; now and then an operator sets it.
fn clock(random: &mut Random, length: Millis) -> Clock {
    let by = random.below(24_000).cast_signed() - 12_000;
    let step = Some((random.below(length), by)).filter(|_| random.chance(150));
    Clock {
        ahead: random.below(44_000).cast_signed() - 22_000,
        fast: random.below(21).cast_signed() - 10,
        step,
        righted: None,
    }
}

fn limits(random: &mut Random) -> LimitPlan {
    LimitPlan { port: random.between(1, 4) as u32, class: random.between(2, 8) as u32 }
}

fn clients(
    random: &mut Random,
    length: Millis,
    pools: &[u32],
    protocols: [Protocol; 2],
) -> Vec<ClientPlan> {
    let count = random.between(6, 28) as u16;
    let restless = random.pick(&[20 * MINUTE, 3 * HOUR, 8 * HOUR]);
    let client = |number: u16| {
        // The small network is wanted by more than it holds, now and then.
        let network = usize::from(!random.chance(500)) % pools.len();
        let wants = match protocols[network] {
            Protocol::Dhcpv4 => (true, false),
            Protocol::Dhcpv6 => random.pick(&[(true, true), (true, false), (false, true)]),
        };
        let is_v6 = protocols[network] == Protocol::Dhcpv6;
        ClientPlan {
            number,
            network,
            address: wants.0,
            prefix: wants.1,
            relays: if is_v6 { random.below(3) as u8 } else { 1 },
            is_hasty: is_v6 && random.chance(200),
            from: if random.chance(700) { random.below(10 * MINUTE) } else { random.below(length) },
            slow: random.below(40).cast_signed(),
            reserved: random.chance(80).then_some(number.into()),
            said: Said::of(random),
            patience: restless,
        }
    };
    (0..count).map(client).collect()
}

fn incidents(random: &mut Random, length: Millis, pools: &[u32]) -> Vec<Incident> {
    let mut incidents = Vec::new();
    // The protocol cannot prevent what two wrong operators do: a labelled minority.
    if random.chance(60) {
        let lasts = random.between(MINUTE, 3 * HOUR);
        incidents.push(Incident { at: random.below(length), lasts, what: Trouble::BothAlone });
    }
    for _ in 0..random.between(2, 14) {
        let at = random.below(length);
        let lasts = match random.below(10) {
            0..4 => random.between(SECOND, 2 * MINUTE),
            4..8 => random.between(MINUTE, HOUR),
            _ => random.between(HOUR, 5 * HOUR),
        };
        incidents.push(Incident { at, lasts, what: trouble(random, pools) });
        // Troubles seldom come alone.
        while random.chance(350) {
            let at = at + random.below(lasts + MINUTE);
            let lasts = random.between(SECOND, 10 * MINUTE);
            incidents.push(Incident { at, lasts, what: trouble(random, pools) });
        }
    }
    incidents.sort_by_key(|incident| incident.at);
    incidents
}

fn trouble(random: &mut Random, pools: &[u32]) -> Trouble {
    let side = random.below(2) as Side;
    match random.below(100) {
        0..10 => Trouble::Reset,
        10..22 => Trouble::Apart,
        22..30 => Trouble::Mute(side),
        30..40 => Trouble::Die(side),
        40..52 => Trouble::PowerOff(side),
        52..58 => Trouble::LoseDisk(side),
        58..64 => Trouble::Stop(side),
        64..66 => Trouble::Shutdown(side),
        66..67 => Trouble::Withdraw(side),
        67..70 => Trouble::Pause(side),
        70..75 => Trouble::SlowDisk(side),
        75..81 => Trouble::Unreachable(side),
        81..84 => Trouble::Noise,
        84..90 => Trouble::Alone(side),
        90..94 => Trouble::Sleep(side),
        94..97 => {
            let network = random.below(pools.len() as u64) as usize;
            Trouble::Free(network, random.below(u64::from(pools[network])) as u32)
        }
        _ => Trouble::Resynchronise(side),
    }
}

impl fmt::Display for ServerPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Clock { ahead, fast, step, righted } = self.clock;
        write!(f, "lease-time {} s, startup {} s, ", self.lease_time, self.startup)?;
        write!(f, "flushes of {} to {} ms, ", self.flush.0, self.flush.1)?;
        write!(f, "sweeps every {} s, clock {ahead} ms ahead", self.sweep / SECOND)?;
        if fast != 0 {
            write!(f, ", {fast} ppm fast")?;
        }
        if let Some((at, by)) = step {
            write!(f, ", set {by} ms on at {}", Time(at))?;
        }
        righted.map_or(Ok(()), |at| write!(f, ", and right again at {}", Time(at)))
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} for {} s", Time(self.at), self.what, self.lasts / SECOND)
    }
}

/// Time of a scenario as people read it.
#[derive(Clone, Copy, Debug)]
pub struct Time(pub Millis);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = *self;
        let (hours, minutes) = (time / HOUR, time / MINUTE % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{:03}", time / SECOND % 60, time % SECOND)
    }
}
