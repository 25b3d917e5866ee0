//! The measurements: each subcommand takes one and prints its figures as lines of JSON, which
//! `cargo xtask bench` gathers.

mod allocation;
mod allocations;
mod alone;
mod at_hand;
mod contest;
mod contestant;
mod cores;
mod failover;
mod figure;
mod flood;
mod leases;
mod load;
mod loading;
mod memory;
mod micro;
mod pktgen;
mod plot;
mod precedence;
mod resident;
mod rig;
mod search;
mod start;
mod state;
mod throughput;
mod workers;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use self::alone::Alone;
use self::state::Protocol;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    subject: Subject,
    /// Fewer repetitions of smaller things
    #[arg(long, global = true)]
    quick: bool,
    /// In DHCPv6: `pktgen`, `throughput`, `contest`, `memory` and `resynchronisation`
    #[arg(long, global = true)]
    dhcpv6: bool,
    /// The server
    #[arg(long, global = true, default_value = "target/release/tandem")]
    server: PathBuf,
    /// The XDP program of reflector and generator
    #[arg(long, global = true, default_value = "target/bpf/tandem-divert")]
    divert: PathBuf,
    /// Where state and logs go: on a real disk
    #[arg(long, global = true, default_value = "target/bench")]
    directory: PathBuf,
}

#[derive(Subcommand)]
enum Subject {
    /// The load generator by itself
    Pktgen(pktgen::Arguments),
    /// Packets a second through the server, as a share of what a bare reflector does
    Throughput,
    /// The same clients before each server in turn
    Contest {
        /// These alone
        who: Vec<contestant::Who>,
    },
    /// A pair of each make before the same clients
    Pairs,
    /// Two workers on two queues against one
    Workers,
    /// One client floods, and the guard is on
    Flood,
    /// Renewals and restarts by the number of leases
    Leases {
        /// Of these alone
        who: Vec<contestant::Who>,
    },
    /// Heap allocations for each packet
    Allocations,
    /// Instructions of each part, counted by callgrind
    Instructions,
    /// One part's work, and nothing else; `instructions` runs it, and whoever profiles
    Work {
        /// Which part
        part: micro::Part,
        /// How often
        #[arg(long, default_value_t = 10_000_000)]
        times: u32,
    },
    /// Plots of a results file's points, beside it
    Plot,
    /// Octets a lease
    Memory {
        /// How many leases
        #[arg(long)]
        leases: u32,
        /// Of clients behind relays, of whom more is kept
        #[arg(long)]
        relayed: bool,
    },
    /// From the start of the server to its first answer
    Start {
        /// How many leases the snapshot has
        #[arg(long)]
        leases: u32,
    },
    /// Reading a state directory into the table; `start` runs it in a process of its own
    Loading,
    /// Taking an address from an empty and from an almost full pool
    Allocation,
    /// Exchanges a second with a partner attached, as a share of those without
    Attached,
    /// Binding updates a second from one server to the other
    Updates,
    /// All leases to a server that has lost its disk
    Resynchronisation,
    /// From the end of one server to the other's first answer to one of its clients
    Takeover,
    /// Micro-benchmarks
    Micro,
    /// Octets an entry of the client index, or of what it is compared with
    Index {
        /// Which of them
        map: micro::Map,
    },
}

impl Arguments {
    /// What is spoken where there is a choice.
    fn protocol(&self) -> Protocol {
        if self.dhcpv6 { Protocol::Dhcpv6 } else { Protocol::Dhcpv4 }
    }

    /// The server's file, wherever whoever starts it is.
    fn binary(&self) -> Result<PathBuf> {
        fs::canonicalize(&self.server).with_context(|| format!("no server at {:?}", self.server))
    }
}

/// Takes the measurement that the command line names; `allocations` says how many there were so far, in
/// a build that counts them.
///
/// # Errors
/// If it cannot be taken here.
pub fn run(allocations: Option<fn() -> usize>) -> Result<()> {
    let arguments = Arguments::parse();
    precedence::take();
    let _alone = match arguments.subject {
        // Parts of others, which run them, and what nothing else disturbs.
        Subject::Work { .. } | Subject::Loading | Subject::Index { .. } | Subject::Plot => None,
        _ => Some(Alone::in_directory(&arguments.directory)?),
    };
    match &arguments.subject {
        Subject::Pktgen(load) => pktgen::run(&arguments, load),
        Subject::Throughput => throughput::measure(&arguments),
        Subject::Contest { who } => contest::measure(&arguments, who),
        Subject::Pairs => failover::pairs(&arguments),
        Subject::Workers => workers::measure(&arguments),
        Subject::Flood => flood::measure(&arguments),
        Subject::Leases { who } => leases::measure(&arguments, who),
        Subject::Allocations => {
            let counter =
                allocations.context("this build counts none: tandem-bench-counted does")?;
            allocations::measure(&arguments, counter)
        }
        Subject::Instructions => micro::count_instructions(&arguments),
        Subject::Work { part, times } => micro::work(&arguments.directory, *part, *times),
        Subject::Plot => plot::draw(&arguments.directory),
        Subject::Memory { leases, relayed } => {
            memory::measure(arguments.protocol(), *leases, *relayed)
        }
        Subject::Start { leases } => start::measure(&arguments, *leases),
        Subject::Loading => loading::measure(&arguments.directory),
        Subject::Allocation => allocation::measure(arguments.quick),
        Subject::Attached => failover::attached(&arguments),
        Subject::Updates => failover::updates(&arguments),
        Subject::Resynchronisation => failover::resynchronisation(&arguments),
        Subject::Takeover => failover::takeover(&arguments),
        Subject::Micro => micro::measure(&arguments),
        Subject::Index { map } => micro::measure_index(*map),
    }
}
