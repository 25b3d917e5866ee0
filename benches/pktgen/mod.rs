//! The load generator as a command: against a server that it starts beside itself, or against one
//! that is there.

mod kernel;
mod report;

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use dhcp_user::wire::{Ipv6Prefix, MacAddr};

use crate::contestant::{self, Ground, Who, emptied};
use crate::load::{
    Access, Act, Arrival, Clients, End, Generator, Mix, Outcome, Plan, Pool, Target,
    interface_index,
};
use crate::rig::{Rig, target};
use crate::state::{self, ADDRESSES, Protocol, v6};

/// Time for clients that are given a lease before all else, until one looks how many have one.
const LEASING: Duration = Duration::from_secs(1);

/// What the table says.
const COLUMNS: &str = "Columns, the first three a second:
  begun, done  what clients began, and brought to its end
  released     RELEASEs of DHCPv4, which nobody answers
  lost         ended for want of an answer
  wrong        answers for another client, of another address or prefix, of one given twice, of senseless times
  refused      NAKs, and answers without an address or prefix
  left out     not begun in time, as every client was busy: more --clients
  overdue      not begun in time, as the generator was too slow
  whole, µs    from when it was meant to begin to its last answer
  own p99      how late the generator was itself, which is part of the others";

/// What is asked of it.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = COLUMNS)]
pub(crate) struct Arguments {
    /// Start this server on a host of its own, with nothing leased
    #[arg(long, value_enum, default_value = "tandem", conflicts_with = "interface")]
    against: Who,
    /// Ask a server that is there, through this interface of the calling network namespace, which
    /// sees nothing else meanwhile
    #[arg(long, requires = "server_address")]
    interface: Option<String>,
    /// The address of the server that is there; relays send to it, and clients of DHCPv4 that renew
    #[arg(long, value_name = "ADDRESS")]
    server_address: Option<IpAddr>,
    /// Its Ethernet address, or that of the router on the way; broadcast if it is not said
    #[arg(long, value_name = "MAC", value_parser = mac)]
    server_mac: Option<MacAddr>,
    /// First and last address that it may give: of a server that is there this must be said
    #[arg(long, value_name = "FIRST-LAST", value_parser = pool)]
    pool: Option<(IpAddr, IpAddr)>,
    /// The prefix that it may delegate from, and how long those are that clients get: likewise
    #[arg(long, value_name = "PREFIX,LENGTH", value_parser = prefix_pool, requires = "prefixes")]
    prefix_pool: Option<(Ipv6Prefix, u8)>,

    /// How many clients there are
    #[arg(long, default_value_t = 100_000)]
    clients: u32,
    /// They ask for delegated prefixes, in DHCPv6
    #[arg(long, value_enum)]
    prefixes: Option<Prefixes>,
    /// They are behind so many relays, which add option 82, or Interface-Id and Remote-ID; 0: on the
    /// server's link
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=65_536))]
    relays: u32,
    /// The first relay's address, which is its giaddr or link-address too; the others follow
    #[arg(long, value_name = "ADDRESS")]
    first_relay: Option<IpAddr>,

    /// Share of whole exchanges: DISCOVER, OFFER, REQUEST, ACK; or Solicit, Advertise, Request, Reply
    #[arg(long, default_value_t = 1)]
    exchanges: u32,
    /// Share of DISCOVERs or Solicits whose clients do not go on
    #[arg(long, default_value_t = 0)]
    discovers: u32,
    /// Share of exchanges by rapid commit, if the server lets them: else they are whole ones
    #[arg(long, default_value_t = 0)]
    rapid: u32,
    /// Share of renewals, of DHCPv4 by unicast; first each client is given a lease
    #[arg(long, default_value_t = 0)]
    renewals: u32,
    /// Share of RELEASEs; first as with renewals. Nobody answers those of DHCPv4: they are counted apart
    #[arg(long, default_value_t = 0)]
    releases: u32,

    /// So many under way at any time: as fast as the server answers
    #[arg(long, default_value_t = 256, conflicts_with = "rate")]
    window: usize,
    /// So many a second, whatever the server does
    #[arg(long)]
    rate: Option<f64>,
    /// They come independently of each other, not at equal distances
    #[arg(long, requires = "rate")]
    random: bool,
    /// The last rate of so many --steps, which begin at --rate and are equally far apart
    #[arg(long, requires = "rate")]
    to: Option<f64>,
    /// How many rates
    #[arg(long, requires = "to", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    steps: u32,
    /// Seconds of each
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds before each that do not count
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,

    /// Flood with the kernel's own pktgen, which reads no answers
    #[arg(long, requires = "interface", conflicts_with_all = [
        "prefixes", "relays", "exchanges", "discovers", "rapid", "renewals", "releases", "window", "random", "to",
        "warm_up", "json",
    ])]
    kernel: bool,
    /// One JSON object, in place of a table
    #[arg(long)]
    json: bool,
}

/// How clients ask for prefixes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Prefixes {
    /// And for nothing else
    Alone,
    /// And for an address each
    Beside,
}

/// Sends, and prints what came of it.
pub(crate) fn run(arguments: &crate::Arguments, load: &Arguments) -> Result<()> {
    ensure!(
        load.clients > 0 && load.window > 0 && load.seconds > 0.0 && load.warm_up >= 0.0,
        "no clients, no window or no time"
    );
    ensure!(
        load.rate.into_iter().chain(load.to).all(|rate| (1e-3..1e9).contains(&rate)),
        "a rate is more than nothing and less than a thousand million"
    );
    let target = load.target(arguments.protocol())?;
    if load.kernel {
        return kernel::flood(load, &target);
    }
    // Before anything is started.
    load.pools(&target)?;
    let outcomes = match &load.interface {
        Some(interface) => {
            let end = End::open(interface, &arguments.divert)?;
            load.drive(&target, &mut Generator::new(end, target))?
        }
        None => against_its_own(arguments, load)?,
    };
    if load.json {
        report::json(&outcomes)
    } else {
        report::table(&outcomes)
    }
    let wrong: u64 = outcomes.iter().map(|step| step.outcome.wrong.sum()).sum();
    ensure!(wrong == 0, "{wrong} answers were wrong");
    Ok(())
}

/// A server on a host made for it.
fn against_its_own(arguments: &crate::Arguments, load: &Arguments) -> Result<Vec<Step>> {
    let divert = fs::canonicalize(&arguments.divert).context("the divert object")?;
    let rig = Rig::new(arguments.protocol(), divert);
    let mut generator = rig.generator()?;
    let contestant = load.against.contestant();
    let addresses = load.addresses();
    let ground = Ground {
        rig: &rig,
        directory: emptied(&arguments.directory, "pktgen")?,
        addresses,
        prefixes: load.prefixes.map(|_| addresses),
        leases: 0,
        access: load.access(),
        binary: arguments.binary()?,
    };
    eprintln!("{}: {}", contestant.name(), contestant.note());
    let (_server, _) = contestant::start(&*contestant, &ground, &mut generator)?;
    load.drive(&target(rig.protocol()), &mut generator)
}

/// What came of one rate.
pub(crate) struct Step {
    arrival: Arrival,
    outcome: Outcome,
}

impl Arguments {
    fn access(&self) -> Access {
        match self.relays {
            0 => Access::Direct,
            relays => Access::Relays(relays),
        }
    }

    /// Who is asked: of a server that is there, in the protocol of its address.
    fn target(&self, protocol: Protocol) -> Result<Target> {
        let (Some(interface), Some(address)) = (&self.interface, self.server_address) else {
            return Ok(target(protocol));
        };
        let protocol = if address.is_ipv4() { Protocol::Dhcpv4 } else { Protocol::Dhcpv6 };
        let relay = self.first_relay.unwrap_or(target(protocol).relay);
        ensure!(relay.is_ipv4() == address.is_ipv4(), "relay and server are of two protocols");
        interface_index(interface)?;
        let own = fs::read_to_string(format!("/sys/class/net/{interface}/address"))?;
        Ok(Target {
            address,
            mac: self.server_mac.unwrap_or(MacAddr::BROADCAST),
            own_mac: mac(own.trim()).map_err(anyhow::Error::msg)?,
            relay,
        })
    }

    /// The rates, one after the other.
    fn arrivals(&self) -> Vec<Arrival> {
        let open = |rate| if self.random { Arrival::Random(rate) } else { Arrival::Even(rate) };
        match (self.rate, self.to) {
            (None, _) => vec![Arrival::Window(self.window)],
            (Some(rate), None) => vec![open(rate)],
            (Some(rate), Some(to)) => {
                let step = (to - rate) / f64::from(self.steps - 1);
                (0..self.steps).map(|number| open(rate + f64::from(number) * step)).collect()
            }
        }
    }

    /// Gives each client a lease, which counts for nothing: who renews or releases must have one.
    fn lease_to_all(&self, generator: &mut Generator, clients: &mut Clients) -> Result<()> {
        let mut holding = clients.count_holding();
        while holding < self.clients as usize {
            let plan = Plan {
                mix: Mix::only(Act::Exchange),
                access: self.access(),
                arrival: Arrival::Window(self.window),
                warm_up: Duration::ZERO,
                measured: LEASING,
            };
            generator.run(&plan, clients)?.trusted().context("leases for all")?;
            let before = std::mem::replace(&mut holding, clients.count_holding());
            ensure!(holding > before, "no more than {holding} clients are given a lease");
            eprintln!("{holding} of {} clients have a lease", self.clients);
        }
        Ok(())
    }

    /// What clients ask for, and which answers are right.
    fn pools(&self, target: &Target) -> Result<[Option<Pool>; 2]> {
        let addresses = match (self.pool, &self.interface) {
            _ if self.prefixes == Some(Prefixes::Alone) => {
                ensure!(self.pool.is_none(), "--pool, and no address is asked for");
                None
            }
            (Some(ends), _) => Some(ends),
            (None, None) => Some(state::pool(target.protocol())),
            (None, Some(_)) => bail!(
                "answers are held against the addresses that the server may give, and which those are \
                 here nobody has said: --pool FIRST-LAST"
            ),
        };
        let prefixes = match (self.prefixes, self.prefix_pool, &self.interface) {
            (None, ..) => None,
            (_, Some(pool), _) => Some(pool),
            (_, None, None) => Some((v6::prefix_pool(self.addresses()), v6::DELEGATED)),
            (_, None, Some(_)) => bail!(
                "answers are held against the prefixes that the server may delegate, and which those \
                 are here nobody has said: --prefix-pool PREFIX,LENGTH"
            ),
        };
        let is_ipv4 = target.address.is_ipv4();
        ensure!(
            addresses.is_none_or(|(first, _)| first.is_ipv4() == is_ipv4),
            "pool and server are of two protocols"
        );
        ensure!(prefixes.is_none() || !is_ipv4, "prefixes are delegated in DHCPv6 alone: --dhcpv6");
        let prefixes = prefixes.map(|(within, len)| Pool::of_prefixes(within, len));
        Ok([addresses.map(Pool::new), prefixes])
    }

    /// As much again as there are clients, so that a server has a choice.
    fn addresses(&self) -> u32 {
        self.clients.saturating_mul(2).min(ADDRESSES)
    }

    fn drive(&self, target: &Target, generator: &mut Generator) -> Result<Vec<Step>> {
        let mut clients = Clients::of_pools(0..self.clients, self.pools(target)?);
        let mix = if self.interface.is_none() && self.against == Who::Reflector {
            Mix::only(Act::Reflect)
        } else {
            Mix::new([self.discovers, self.exchanges, self.rapid, self.renewals, self.releases])
        };
        ensure!(mix.sum() > 0, "all shares are zero");
        if self.renewals > 0 || self.releases > 0 {
            self.lease_to_all(generator, &mut clients)?;
        }
        let steps = self.arrivals().into_iter().map(|arrival| {
            let plan = Plan {
                mix,
                access: self.access(),
                arrival,
                warm_up: Duration::from_secs_f64(self.warm_up),
                measured: Duration::from_secs_f64(self.seconds),
            };
            Ok(Step { arrival, outcome: generator.run_and_settle(&plan, &mut clients)? })
        });
        steps.collect()
    }
}

fn mac(text: &str) -> Result<MacAddr, String> {
    let octets: Result<Vec<u8>, _> =
        text.split(':').map(|octet| u8::from_str_radix(octet, 16)).collect();
    let octets = octets.ok().and_then(|octets| octets.try_into().ok());
    octets.map(MacAddr).ok_or_else(|| format!("{text} is no Ethernet address"))
}

fn prefix_pool(text: &str) -> Result<(Ipv6Prefix, u8), String> {
    let parts = text.split_once(',').and_then(|(within, len)| {
        Some((within.parse::<Ipv6Prefix>().ok()?, len.parse::<u8>().ok()?))
    });
    parts
        .filter(|(within, len)| (within.len()..=Ipv6Prefix::MAX_LEN).contains(len))
        .ok_or_else(|| format!("{text} is no prefix, and behind a comma no length of parts of it"))
}

fn pool(text: &str) -> Result<(IpAddr, IpAddr), String> {
    let ends = text.split_once('-').and_then(|(first, last)| {
        Some((first.parse::<IpAddr>().ok()?, last.parse::<IpAddr>().ok()?))
    });
    ends.filter(|(first, last)| first <= last && first.is_ipv4() == last.is_ipv4())
        .ok_or_else(|| format!("{text} is no range"))
}
