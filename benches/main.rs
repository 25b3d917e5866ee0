//! The measurements: each subcommand takes one and prints its figures as lines of JSON, which
//! `cargo xtask bench` gathers.

mod allocation;
mod contestant;
mod failover;
mod figure;
mod load;
mod loading;
mod memory;
mod micro;
mod pktgen;
mod precedence;
mod resident;
mod rig;
mod start;
mod state;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// As in the server, whose memory and speed are to be measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    subject: Subject,
    /// Fewer repetitions of smaller things
    #[arg(long, global = true)]
    quick: bool,
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
    /// Octets a lease
    Memory {
        /// How many leases
        #[arg(long)]
        leases: u32,
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

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    precedence::take();
    match &arguments.subject {
        Subject::Pktgen(load) => pktgen::run(&arguments, load),
        Subject::Throughput => throughput::measure(&arguments),
        Subject::Memory { leases } => memory::measure(*leases),
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
