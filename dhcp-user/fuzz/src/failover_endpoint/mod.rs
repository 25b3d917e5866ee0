//! Any sequence of what can happen to one endpoint, in either protocol.
//!
//! ```text
//! script     octets as numbers, times and names     server     an endpoint and its driver
//! happening  what the octets make happen            promise    what must hold after each
//! words      messages, and what they tell of leases
//! ```

mod happening;
mod promise;
mod script;
mod server;
mod words;

use std::hash::DefaultHasher;

use dhcp_user::config::model::Protocol;

use script::Script;
use server::Server;

/// Events of one sequence, at the most.
const EVENTS_MAX: usize = 400;

/// Whatever happens, and in whatever order: nothing is said about what is not stored, no lease that
/// runs is taken from its client but by the client, the partner or an operator, and no more is said
/// at once than there is room for.
pub fn failover_endpoint(octets: &[u8]) {
    happen(Protocol::Dhcpv4, octets);
}

/// The same by RFC 8156, of addresses and delegated prefixes: and an address is its server's for ever.
pub fn failover6_endpoint(octets: &[u8]) {
    happen(Protocol::Dhcpv6, octets);
}

fn happen(protocol: Protocol, octets: &[u8]) {
    let mut script = Script(octets);
    let mut server = Server::new(protocol, script.octet());
    for _ in 0..EVENTS_MAX {
        if script.0.is_empty() {
            break;
        }
        server.step(&mut script);
    }
    let status = server.endpoint.status(server.now, server.table()).expect("a status");
    assert_eq!(status.state, server.endpoint.state());
    server.endpoint.fingerprint(server.now, &mut DefaultHasher::new());
}
