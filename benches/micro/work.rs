//! One part of the server's work, so many times and nothing else: for counts of instructions, which are
//! the same on a busy machine as on an idle one, and for `perf`.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use dhcp_user::journal::Journal;
use dhcp_user::lease::{Layout, Table};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::dhcpv4::{Message, Scratch};
use dhcp_user::wire::frame::Frame;

use super::server::Server;
use super::server_v6::ServerV6;
use super::wire::write_reply;
use super::wire_v6;
use crate::Arguments;
use crate::figure::Figure;
use crate::load::{Access, HEADERS_LEN_V4, HEADERS_LEN_V6, Stage, Template};
use crate::rig::{TARGET, target};
use crate::state::{self, Protocol};

/// Enough for the table's own ways, few enough to be made under callgrind.
const LEASES: u32 = 20_000;
/// Steps through the clients so that neighbours in time are none in memory.
const STRIDE: u32 = 7_919;
/// Requests that are made before any is answered, and sent in turn: making them is not the server's work.
const REQUESTS: u32 = 1 << 10;
/// The two runs whose difference is counted: what both do at their start is in neither. Fewer records
/// than fit in a ring that nobody empties.
const TIMES: [u32; 2] = [200, 1_200];

/// Which part.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Part {
    /// A frame to its message
    Parse,
    /// A reply's message, headers and checksums
    Encode,
    /// A frame to its message of DHCPv6, behind a relay
    ParseV6,
    /// An Advertise behind a relay, headers and checksums
    EncodeV6,
    /// From a DISCOVER to an OFFER, table included
    DecideDiscover,
    /// From a renewal to an ACK, table included
    DecideRenewal,
    /// From a Solicit behind a relay to an Advertise
    DecideSolicit,
    /// From a Renew behind a relay to a Reply
    DecideRenew,
    /// A lease found, and a new one put in its place
    Table,
    /// A record into a worker's ring of the journal
    Append,
}

/// Does it.
pub(crate) fn work(directory: &Path, part: Part, times: u32) -> Result<()> {
    let template = |stage| Template::new(stage, Access::Direct, TARGET);
    match part {
        Part::Parse => {
            let frame = &template(Stage::Discover).frame(0)[..];
            let mut scratch = Scratch::new();
            for _ in 0..times {
                let parsed = Frame::parse(black_box(frame));
                let payload = parsed.map_or(&[][..], |frame| frame.payload);
                black_box(Message::parse(payload, &mut scratch).is_ok());
            }
        }
        Part::Encode => {
            let frame = template(Stage::Discover).frame(0);
            let mut scratch = Scratch::new();
            let request = Message::parse(&frame[HEADERS_LEN_V4..], &mut scratch);
            let request = request.ok().context("our own message")?;
            let mut reply = vec![0; 1514];
            for _ in 0..times {
                let len = write_reply(black_box(&request), &mut reply[HEADERS_LEN_V4..]);
                black_box(super::wire::envelope().seal(&mut reply, len));
            }
        }
        Part::ParseV6 => {
            let frame = wire_v6::solicit();
            for _ in 0..times {
                let parsed = Frame::parse_v6(black_box(&frame));
                let payload = parsed.map_or(&[][..], |frame| frame.payload);
                black_box(wire_v6::parse(payload).message.kind());
            }
        }
        Part::EncodeV6 => {
            let frame = wire_v6::solicit();
            let request = wire_v6::parse(&frame[HEADERS_LEN_V6..]);
            let mut reply = vec![0; 1514];
            for _ in 0..times {
                let len = wire_v6::write_reply(black_box(&request), &mut reply[HEADERS_LEN_V6..]);
                black_box(wire_v6::envelope().seal(&mut reply, len));
            }
        }
        Part::DecideDiscover | Part::DecideRenewal => {
            let is_discover = matches!(part, Part::DecideDiscover);
            let stage = if is_discover { Stage::Discover } else { Stage::Renew };
            let mut server = Server::new(LEASES);
            decide(&template(stage), times, |request| server.answers(request))?;
        }
        Part::DecideSolicit | Part::DecideRenew => {
            let is_solicit = matches!(part, Part::DecideSolicit);
            let stage = if is_solicit { Stage::Discover } else { Stage::Renew };
            // As nearly all requests come.
            let template = Template::new(stage, Access::Relays(16), target(Protocol::Dhcpv6));
            let mut server = ServerV6::new(LEASES);
            decide(&template, times, |request| server.answers(request))?;
        }
        Part::Table => {
            let table = Table::new(Layout::of(&state::config()?));
            let now = state::now();
            for number in 0..LEASES {
                table.restore(state::address(number), state::lease(number, now));
            }
            for number in 0..times {
                let guard = table.pin();
                let address = state::address(client(number));
                let seen = table.seen(address, &guard).context("in the pool")?;
                let mut renewed = seen.binding().context("leased")?.clone();
                renewed.cltt = now;
                black_box(table.replace(address, seen, renewed, &guard).is_ok());
            }
        }
        Part::Append => {
            let directory = directory.join("work");
            fs::create_dir_all(&directory)?;
            let config = state::config()?;
            let recovery = Journal::open(&directory, &config.journal, 1).context("a journal")?;
            let nothing = Table::new(Layout::of(&config));
            let (mut journal, _) = recovery.load(&nothing, 1).context("an empty journal")?;
            let lease = state::lease(0, Stamp(1_000_000));
            for number in 0..times {
                let appended = journal.appenders[0].append(state::address(number), &lease);
                appended.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            }
            drop(journal);
            fs::remove_dir_all(&directory)?;
        }
    }
    Ok(())
}

/// Whose turn it is.
fn client(number: u32) -> u32 {
    number.wrapping_mul(STRIDE) % LEASES
}

/// Has requests of as many clients answered in turn.
fn decide(template: &Template, times: u32, mut answers: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let made = |number| template.frame(client(number));
    let requests: Vec<Vec<u8>> = (0..REQUESTS).map(made).collect();
    for request in requests.iter().cycle().take(times as usize) {
        ensure!(answers(request), "what is counted is answered");
    }
    Ok(())
}

/// Counts the instructions of each part and prints them.
pub(crate) fn count(arguments: &Arguments) -> Result<()> {
    for part in Part::value_variants() {
        let [few, many] = TIMES.map(|times| instructions(arguments, *part, times));
        let each = (many? - few?) / f64::from(TIMES[1] - TIMES[0]);
        let name = part.to_possible_value().context("every part has a name")?;
        Figure::new(format!("instructions: {}", name.get_name()), "instructions", vec![each])
            .note("callgrind; the same on a busy machine")
            .say();
    }
    Ok(())
}

/// Of the whole process.
fn instructions(arguments: &Arguments, part: Part, times: u32) -> Result<f64> {
    let file = arguments.directory.join("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(std::env::current_exe()?).arg("--directory").arg(&arguments.directory);
    let name = part.to_possible_value().context("every part has a name")?;
    command.args(["work", name.get_name(), "--times", &times.to_string()]);
    let status = command.stdout(Stdio::null()).status().context("valgrind")?;
    ensure!(status.success(), "valgrind ended with {status}");
    let said = fs::read_to_string(&file)?;
    fs::remove_file(&file)?;
    let total = said.lines().find_map(|line| line.strip_prefix("totals: "));
    total.context("callgrind's total")?.trim().parse().context("a number")
}
