//! A pair of ours, a pair of Kea's and a pair of dhcpd's before the same clients, both servers and their
//! clients on one machine.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use dhcp_user::wire::MacAddr;
use serde_json::{Value, json};
use tandem_tests::lab::{
    Dhcpd, Host, LargeBuffers, Namespace, Pair, Process, Relationship, Server, Settings,
};

use super::duo;
use crate::Arguments;
use crate::contestant::{GROUP_COMMIT, Running, emptied, kea};
use crate::figure::{Figure, ratios};
use crate::load::{Access, Act, Arrival, Clients, End, Generator, Outcome, Plan, Target};
use crate::search::highest_loss_free;

/// On the servers' link: whoever is to answer them hears them all.
const CLIENTS: u32 = 10_000;
const POOL: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(10, 77, 16, 0), Ipv4Addr::new(10, 77, 143, 255));
/// The clients' own host.
const LOAD: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);
/// A pair that does not serve by then does not.
const PATIENCE: Duration = Duration::from_secs(90);
/// Where Kea's hooks are, on whatever architecture.
const LIBRARIES: &str = "/usr/lib";

/// Which pair.
#[derive(Clone, Copy, Debug)]
enum Make {
    Tandem,
    Kea,
    Dhcpd,
}

/// Measures and prints it.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, steps, milliseconds) =
        if arguments.quick { (1, 5, 500) } else { (3, 7, 1_500) };
    let times = [300, milliseconds].map(Duration::from_millis);
    let pair = Pair::new("pairs");
    let host = pair.site.host("load", &LOAD.to_string());
    let end = host.inside(|| End::open("eth0", &arguments.divert))?;
    let broadcast = MacAddr::BROADCAST;
    let target = Target {
        address: Host::A.address().into(),
        mac: broadcast,
        own_mac: broadcast,
        relay: LOAD.into(),
    };
    let mut generator = Generator::new(end, target);
    let makes = [Make::Tandem, Make::Kea, Make::Dhcpd];
    let mut found: [Vec<Option<(f64, Outcome)>>; 3] = Default::default();
    for _ in 0..repetitions {
        for (make, found) in makes.into_iter().zip(&mut found) {
            let one = one(arguments, &pair, &mut generator, make, steps, times);
            let one = one.inspect_err(|error| {
                Figure::failed(format!("a pair: {}", make.name()), error).say();
            });
            found.push(one.ok());
        }
    }
    let rates = found.each_ref().map(|found| {
        found.iter().map(|one| one.as_ref().map(|(rate, _)| *rate)).collect::<Vec<_>>()
    });
    for ((make, found), rates) in makes.into_iter().zip(&found).zip(&rates) {
        let name = format!("a pair, DORA, highest loss-free rate: {}", make.name());
        Figure::new(name, "exchanges/s", rates.iter().copied()).note(make.note()).say();
        let name = format!("a pair, DORA, p99 at half of it: {}", make.name());
        let late = found.iter().map(|one| one.as_ref().map(|(_, half)| half.latency_us(0.99)));
        let failed: u64 = found.iter().flatten().map(|(_, half)| half.failed()).sum();
        let note = format!(
            "{failed} did not get theirs, which count, once they had asked, as long as they were waited for"
        );
        Figure::new(name, "µs", late).note(note).say();
    }
    let [tandem, kea, dhcpd] = rates;
    for (other, name, note) in [
        (kea, "Kea's", "Kea flushes on neither server; Tandem on the one that answers"),
        (dhcpd, "dhcpd's", "both flush"),
    ] {
        let name = format!("a pair, DORA, Tandem's rate / {name}");
        Figure::new(name, "×", ratios(&tandem, &other)).note(note).say();
    }
    Ok(())
}

/// The highest rate, and what came of half of it.
fn one(
    arguments: &Arguments,
    pair: &Pair,
    generator: &mut Generator,
    make: Make,
    steps: u32,
    times: [Duration; 2],
) -> Result<(f64, Outcome)> {
    let room = LargeBuffers::begin();
    let servers = make.start(arguments, pair)?;
    let first = generator.await_answer(Act::Exchange, Access::Direct);
    first.with_context(|| servers.iter().map(|server| server.log()).collect::<String>())?;
    drop(room);
    let mut clients = Clients::of_pool(0..CLIENTS, (POOL.0.into(), POOL.1.into()));
    let mut run = |arrival| {
        generator.run_and_settle(&Plan::only(Act::Exchange, arrival, times), &mut clients)
    };
    let highest = highest_loss_free(steps, &mut run)?.rate;
    let half = run(Arrival::Even(highest / 2.0))?.trusted()?;
    Ok((highest, half))
}

impl Make {
    fn name(self) -> &'static str {
        match self {
            Self::Tandem => "Tandem",
            Self::Kea => "Kea, hot standby",
            Self::Dhcpd => "ISC dhcpd",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Tandem => {
                "each server half of the clients, durable; the partner is told afterwards"
            }
            Self::Kea => {
                "multi-threaded, own listeners: one answers, once the other knows; neither flushes"
            }
            Self::Dhcpd => {
                "each server half of the clients, durable, up to 28 ACKs a flush; the partner is told afterwards"
            }
        }
    }

    /// Starts both; they serve when this returns, or soon.
    fn start(self, arguments: &Arguments, pair: &Pair) -> Result<Vec<Box<dyn Running>>> {
        let relationship = Relationship {
            first: POOL.0,
            last: POOL.1,
            lease_s: 86_400,
            mclt_s: 3_600,
            receive_timer_s: 20,
            max_unacked: 100,
            ..Relationship::default()
        };
        let directory = |host| emptied(&arguments.directory, &format!("pair-{host:?}"));
        match self {
            Self::Tandem => {
                let start = |host| -> Result<Server> {
                    let settings = Settings {
                        directory: directory(host)?,
                        configuration: relationship.tandem(host),
                        binary: arguments.binary()?,
                    };
                    Ok(Server::start(pair.host(host), settings))
                };
                let servers = [start(Host::A)?, start(Host::B)?];
                for server in &servers {
                    duo::await_normal(server)?;
                    duo::await_drained(server)?;
                }
                Ok(servers.map(|server| Box::new(server) as Box<dyn Running>).into())
            }
            Self::Kea => Host::BOTH
                .into_iter()
                .map(
                    |host| Ok(Box::new(one_of_keas(pair.host(host), host, directory(host)?)?) as _),
                )
                .collect(),
            Self::Dhcpd => {
                let start = |host| -> Result<Dhcpd> {
                    let configuration = GROUP_COMMIT.to_owned() + &relationship.dhcpd(host);
                    let mut dhcpd = Dhcpd::new(pair.host(host), directory(host)?, &configuration);
                    dhcpd.start(pair.host(host));
                    Ok(dhcpd)
                };
                let mut servers = [start(Host::A)?, start(Host::B)?];
                servers.iter_mut().for_each(|dhcpd| dhcpd.expect_state(&["normal"], PATIENCE));
                Ok(servers.map(|dhcpd| Box::new(dhcpd) as Box<dyn Running>).into())
            }
        }
    }
}

impl Running for Dhcpd {
    fn log(&self) -> String {
        self.output()
    }
}

/// One of Kea's two. With listeners of its own it needs no control agent, and is faster.
fn one_of_keas(namespace: &Namespace, host: Host, directory: PathBuf) -> Result<Process> {
    let hooks = hooks()?;
    let hook = |name: &str| hooks.join(name).display().to_string();
    let peer = |host: Host, role: &str| {
        let url = format!("http://{}:8005/", host.failover_address());
        json!({ "name": format!("{host:?}"), "url": url, "role": role, "auto-failover": true })
    };
    let availability = json!({
        "this-server-name": format!("{host:?}"),
        "mode": "hot-standby",
        "heartbeat-delay": 1_000,
        "max-response-delay": 20_000,
        "max-unacked-clients": 0,
        "multi-threading": {
            "enable-multi-threading": true,
            "http-dedicated-listener": true,
        },
        "peers": [peer(Host::A, "primary"), peer(Host::B, "standby")],
    });
    let configuration: Value = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["eth0"], "dhcp-socket-type": "raw" },
        "multi-threading": kea::multi_threading(),
        "lease-database": kea::lease_database(&directory),
        "control-socket": { "socket-type": "unix", "socket-name": directory.join("control") },
        "valid-lifetime": 86_400,
        "authoritative": true,
        "hooks-libraries": [
            { "library": hook("libdhcp_lease_cmds.so") },
            { "library": hook("libdhcp_ha.so"), "parameters": { "high-availability": [availability] } },
        ],
        "subnet4": [{
            "id": 1,
            "subnet": "10.77.0.0/16",
            "pools": [{ "pool": format!("{} - {}", POOL.0, POOL.1) }],
        }],
        "loggers": kea::loggers("kea-dhcp4"),
    }});
    kea::launch(namespace, "kea-dhcp4", &directory, &configuration)
}

fn hooks() -> Result<PathBuf> {
    let folders = fs::read_dir(LIBRARIES)?.filter_map(Result::ok);
    let mut folders = folders.map(|entry| entry.path().join("kea/hooks"));
    folders.find(|folder| folder.join("libdhcp_ha.so").exists()).context("Kea's hooks")
}
