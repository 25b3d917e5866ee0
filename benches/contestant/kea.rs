//! Kea's `kea-dhcp4` and `kea-dhcp6`: as many threads as it takes by itself, leases in memory and in a file.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tandem_tests::lab::{Namespace, Process};

use super::{Contestant, Ground, Running, versioned};
use crate::load::Access;
use crate::state::v6::{DELEGATED, DUID, IAID, LINK, duid, prefix_pool};
use crate::state::{self, Protocol};

/// Its lease file.
const LEASES: &str = "leases.csv";

/// Preferred lifetime, as Tandem has it by itself of a day.
const PREFERRED_S: u32 = 54_000;

/// It and its settings, the fastest of those tried that answer each client with a lease of its full time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kea;

impl Contestant for Kea {
    fn name(&self) -> String {
        versioned("Kea", "kea-dhcp4", "-v", ", multi-threaded, memfile")
    }

    fn note(&self) -> &'static str {
        "memfile does not flush: what it acknowledged last is lost with the machine's power"
    }

    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>> {
        let (program, configuration) = match ground.rig.protocol() {
            Protocol::Dhcpv4 => {
                // As Kea 2.2 has it; other versions take what they know of it.
                let head = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,\
                            fqdn_rev,hostname,state,user_context\n";
                ground.write_leases(LEASES, head, |lease| {
                    format!("{},{},,86400,{},1,0,0,,0,\n", lease.address, lease.mac, lease.until)
                })?;
                ("kea-dhcp4", json!({ "Dhcp4": dhcp4(ground) }))
            }
            Protocol::Dhcpv6 => {
                let head = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,\
                            iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,\
                            hwtype,hwaddr_source\n";
                ground.write_leases(LEASES, head, |lease| {
                    format!(
                        "{},{},86400,{},1,{PREFERRED_S},0,{IAID},128,0,0,,{},0,,1,2\n",
                        lease.address,
                        by_colons(&duid(lease.client)),
                        lease.until,
                        lease.mac,
                    )
                })?;
                ("kea-dhcp6", json!({ "Dhcp6": dhcp6(ground) }))
            }
        };
        Ok(Box::new(launch(ground.host(), program, &ground.directory, &configuration)?))
    }
}

/// Starts one of its programs, all of whose files are in the directory.
pub(crate) fn launch(
    namespace: &Namespace,
    program: &str,
    directory: &Path,
    configuration: &Value,
) -> Result<Process> {
    let file = directory.join("kea.conf");
    fs::write(&file, configuration.to_string())?;
    let mut command = namespace.command(program);
    command.arg("-c").arg(file);
    // Its own folders, so that it meets no other Kea of this machine.
    command.env("KEA_PIDFILE_DIR", directory).env("KEA_LOCKFILE_DIR", directory);
    Ok(Process::start(&mut command, &directory.join("kea.log")))
}

/// As many threads as it takes by itself; a queue that has room for more than its 64 is loss-free at
/// some 40 % more.
pub(crate) fn multi_threading() -> Value {
    json!({ "enable-multi-threading": true, "packet-queue-size": 1_024 })
}

/// Leases in memory and in a file, which is never cleaned up while it is measured.
pub(crate) fn lease_database(directory: &Path) -> Value {
    json!({
        "type": "memfile",
        "persist": true,
        "name": directory.join(LEASES),
        "lfc-interval": 0,
    })
}

/// It says nothing of a single client.
pub(crate) fn loggers(program: &str) -> Value {
    json!([{
        "name": program,
        "output_options": [{ "output": "stdout" }],
        "severity": "WARN",
    }])
}

/// The configuration of `kea-dhcp4`.
fn dhcp4(ground: &Ground<'_>) -> Value {
    let (first, last) = ground.pool();
    // Raw sockets hear broadcasts; behind relays the kernel's are faster.
    let socket = if ground.access == Access::Direct { "raw" } else { "udp" };
    json!({
        "interfaces-config": { "interfaces": ["eth0"], "dhcp-socket-type": socket },
        "multi-threading": multi_threading(),
        "lease-database": lease_database(&ground.directory),
        "valid-lifetime": 86_400,
        "renew-timer": 43_200,
        "rebind-timer": 75_600,
        // Without a threshold for caching, every REQUEST is a lease of its full time and a record.
        "authoritative": true,
        "subnet4": [{
            "id": 1,
            "subnet": "10.0.0.0/8",
            "pools": [{ "pool": format!("{first} - {last}") }],
            "option-data": [
                { "name": "routers", "data": state::SERVER.to_string() },
                { "name": "domain-name-servers", "data": "10.0.0.53, 10.0.0.54" },
            ],
        }],
        "loggers": loggers("kea-dhcp4"),
    })
}

/// The configuration of `kea-dhcp6`.
fn dhcp6(ground: &Ground<'_>) -> Value {
    let (first, last) = ground.pool();
    let address = state::v6::SERVER;
    let prefixes = ground.prefixes.map(|prefixes| {
        let within = prefix_pool(prefixes);
        json!({
            "prefix": within.address(),
            "prefix-len": within.len(),
            "delegated-len": DELEGATED,
        })
    });
    let identifier: String = DUID[4..].iter().map(|octet| format!("{octet:02x}")).collect();
    json!({
        // To all servers, and what relays send to this one.
        "interfaces-config": { "interfaces": ["eth0", format!("eth0/{address}")] },
        "server-id": { "type": "LL", "htype": 1, "identifier": identifier, "persist": false },
        "multi-threading": multi_threading(),
        "lease-database": lease_database(&ground.directory),
        "preferred-lifetime": PREFERRED_S,
        "valid-lifetime": 86_400,
        "renew-timer": 43_200,
        "rebind-timer": 69_120,
        "subnet6": [{
            "id": 1,
            "subnet": LINK,
            "interface": "eth0",
            "pools": [{ "pool": format!("{first} - {last}") }],
            "pd-pools": Vec::from_iter(prefixes),
            "option-data": [{ "name": "dns-servers", "data": "2001:db8::53, 2001:db8::54" }],
        }],
        "loggers": loggers("kea-dhcp6"),
    })
}

fn by_colons(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}
