//! Kea's `kea-dhcp4`: as many threads as it takes by itself, leases in memory and in a file.

use anyhow::Result;
use serde_json::{Value, json};
use tandem_tests::lab::Process;

use super::{Contestant, Ground, Running, versioned};
use crate::load::Access;
use crate::state;

/// Its lease file.
const LEASES: &str = "leases.csv";

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
        // As Kea 2.2 has it; other versions take what they know of it.
        let head = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,\
                    hostname,state,user_context\n";
        ground.write_leases(LEASES, head, |lease| {
            format!("{},{},,86400,{},1,0,0,,0,\n", lease.address, lease.mac, lease.until)
        })?;
        let configuration = json!({ "Dhcp4": dhcp4(ground) }).to_string();
        let file = ground.write("kea-dhcp4.conf", &configuration)?;
        let mut command = ground.host().command("kea-dhcp4");
        command.arg("-c").arg(file);
        // Its own folders, so that it meets no other Kea of this machine.
        command.env("KEA_PIDFILE_DIR", &ground.directory);
        command.env("KEA_LOCKFILE_DIR", &ground.directory);
        Ok(Box::new(Process::start(&mut command, &ground.directory.join("kea.log"))))
    }
}

/// As many threads as it takes by itself; a queue that has room for more than its 64 is loss-free at
/// some 40 % more.
pub(crate) fn multi_threading() -> Value {
    json!({ "enable-multi-threading": true, "packet-queue-size": 1_024 })
}

/// The server's part of the configuration.
fn dhcp4(ground: &Ground<'_>) -> Value {
    let (first, last) = ground.pool();
    // Raw sockets hear broadcasts; behind relays the kernel's are faster.
    let socket = if ground.access == Access::Direct { "raw" } else { "udp" };
    json!({
        "interfaces-config": { "interfaces": ["eth0"], "dhcp-socket-type": socket },
        "multi-threading": multi_threading(),
        "lease-database": {
            "type": "memfile",
            "persist": true,
            "name": ground.directory.join(LEASES),
            "lfc-interval": 0,
        },
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
        "loggers": [{
            "name": "kea-dhcp4",
            "output_options": [{ "output": "stdout" }],
            "severity": "WARN",
        }],
    })
}
