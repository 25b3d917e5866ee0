//! A server has lost its disk, and its partner tells it everything (UPDREQALL): from the link being up
//! to the last update durable, the wait for the MCLT aside. In either protocol.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use anyhow::Result;
use dhcp_user::lease::Told;
use tandem_tests::lab::{Dhcpd, Host, Pair, Relationship, Server};

use super::duo::{self, Disk};
use crate::Arguments;
use crate::contestant::emptied;
use crate::figure::Figure;
use crate::state::{self, Protocol};

/// Seconds for a million leases.
const LIMIT_S: f64 = 10.0;
/// The same in DHCPv6.
const LIMIT_V6_S: f64 = 12.0;
/// As many leases as a dhcpd pair finds addresses for in the lab's network.
const DHCPD_LEASES: u32 = 60_000;

/// Measures and prints it, and in DHCPv4 the same of a pair of dhcpd.
pub(crate) fn measure(arguments: &Arguments) -> Result<()> {
    let (repetitions, leases, dhcpd_leases) =
        if arguments.quick { (1, 1_000_000, 10_000) } else { (3, 1_000_000, DHCPD_LEASES) };
    let pair = Pair::new("resynchronisation");
    let (limit_s, name) = match arguments.protocol() {
        Protocol::Dhcpv4 => (LIMIT_S, "resynchronisation"),
        Protocol::Dhcpv6 => (LIMIT_V6_S, "resynchronisation in DHCPv6"),
    };
    if arguments.protocol() == Protocol::Dhcpv6 {
        pair.speak_ipv6();
    }
    let mut took = Vec::new();
    for _ in 0..repetitions {
        took.push(tandem(arguments, &pair, leases)?);
    }
    Figure::new(format!("{name} of {leases} leases"), "s", took.clone())
        .at_most(limit_s)
        .note("link up to UPDDONE, all durable; both servers on this machine")
        .say();
    say_each(name, &took, leases);
    if arguments.protocol() == Protocol::Dhcpv6 {
        // dhcpd has no failover for it.
        return Ok(());
    }
    let took = vec![dhcpd(arguments, &pair, dhcpd_leases)?];
    Figure::new(format!("resynchronisation of {dhcpd_leases} leases, dhcpd"), "s", took.clone())
        .note("taken once; its own waits are in it")
        .say();
    say_each("resynchronisation, dhcpd", &took, dhcpd_leases);
    Ok(())
}

fn say_each(name: &str, took: &[f64], leases: u32) {
    let rates = took.iter().map(|seconds| f64::from(leases) / seconds);
    Figure::new(name, "leases/s", rates).say();
}

/// Seconds that a pair of ours takes.
fn tandem(arguments: &Arguments, pair: &Pair, leases: u32) -> Result<f64> {
    let protocol = arguments.protocol();
    let start = |host: Host, disk| -> Result<Server> {
        let configuration = duo::configuration(protocol, "", leases, Some(host));
        let name = format!("resynchronisation-{host:?}");
        let settings = duo::settings(arguments, protocol, &name, configuration, disk)?;
        Ok(Server::start(pair.host(host), settings))
    };
    let server = start(Host::A, Disk::InNormal(leases, Told::Acknowledged))?;
    let newcomer = start(Host::B, Disk::Empty)?;
    let up = duo::await_log(|| newcomer.output(), &["to=recover "])?;
    let done = duo::await_log(|| newcomer.output(), &["to=recover-wait", "to=recover-done"])?;
    duo::await_that("every lease taken", || {
        Ok(duo::number(&duo::relationship_of(&newcomer)?, "taken") >= u64::from(leases))
    })?;
    newcomer.kill();
    server.kill();
    Ok((done - up).as_secs_f64())
}

/// Seconds that a pair of dhcpd takes.
fn dhcpd(arguments: &Arguments, pair: &Pair, leases: u32) -> Result<f64> {
    let relationship = Relationship {
        first: [10, 77, 16, 0].into(),
        last: [10, 77, 250, 255].into(),
        lease_s: 86_400,
        mclt_s: 3_600,
        receive_timer_s: 60,
        max_unacked: 100,
        ..Relationship::default()
    };
    let make = |host: Host| -> Result<Dhcpd> {
        let directory = emptied(&arguments.directory, &format!("dhcpd-{host:?}"))?;
        Ok(Dhcpd::new(pair.host(host), directory, &relationship.dhcpd(host)))
    };
    let (mut server, mut newcomer) = (make(Host::A)?, make(Host::B)?);
    server.set_leases(&lease_file(&relationship, leases));
    server.start(pair.host(Host::A));
    newcomer.start(pair.host(Host::B));
    let up = duo::await_log(|| newcomer.output(), &["from startup to recover"])?;
    let done = duo::await_log(|| newcomer.output(), &["from recover to recover-"])?;
    Ok((done - up).as_secs_f64())
}

/// The state of a dhcpd that lost its partner, with the leases of so many clients.
fn lease_file(relationship: &Relationship, leases: u32) -> String {
    let now = state::now().0;
    let mut text = format!(
        "failover peer \"{}\" state {{\n  my state communications-interrupted at epoch {at};\n  partner state normal at \
         epoch {at};\n  mclt {};\n}}\n",
        relationship.name,
        relationship.mclt_s,
        at = now - 3_600,
    );
    let (starts, ends, potential) = (now - 60, now + 43_200, now + 86_400);
    for client in 0..leases {
        let address = Ipv4Addr::from_bits(relationship.first.to_bits() + client);
        let hardware = state::mac(client).map(|octet| format!("{octet:02x}")).join(":");
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "lease {address} {{ starts epoch {starts}; ends epoch {ends}; tstp epoch {potential}; \
             tsfp epoch {potential}; atsfp epoch {potential}; cltt epoch {starts}; binding state \
             active; next binding state expired; hardware ethernet {hardware}; }}",
        );
    }
    text
}
