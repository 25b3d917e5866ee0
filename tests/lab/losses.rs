//! Packets that were lost on the way between a client and the server, as server and kernel count them.

use serde_json::Value;

use super::namespace::Namespace;
use super::server::Server;

/// How many they are by now: for want of room at the server, on any wire of these hosts, and in the sockets on
/// them. Some are counted more than once.
#[must_use]
pub fn lost_on_the_way(server: &Server, hosts: &[&Namespace]) -> u64 {
    server.lost() + hosts.iter().map(|host| on_wires(host) + in_sockets(host)).sum::<u64>()
}

fn on_wires(host: &Namespace) -> u64 {
    let links: Value = serde_json::from_str(&host.ip(&["-json", "-statistics", "link"]))
        .expect("links with what they count");
    let each = links.as_array().into_iter().flatten();
    let counts = each.flat_map(|link| ["rx", "tx"].map(|way| &link["stats64"][way]["dropped"]));
    counts.map(|count| count.as_u64().expect("a count")).sum()
}

/// `RcvbufErrors` of UDP, in either protocol.
fn in_sockets(host: &Namespace) -> u64 {
    let ipv4 = host.run("cat", &["/proc/net/snmp"]);
    let mut udp = ipv4.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, counts) = (udp.next().expect("names"), udp.next().expect("counts"));
    let ipv4 = names.split(' ').zip(counts.split(' ')).find(|(name, _)| *name == "RcvbufErrors");
    let ipv6 = host.run("cat", &["/proc/net/snmp6"]);
    let ipv6 = ipv6.lines().find_map(|line| line.strip_prefix("Udp6RcvbufErrors"));
    let count = |text: &str| text.trim().parse::<u64>().expect("a count");
    ipv4.map_or(0, |(_, errors)| count(errors)) + ipv6.map_or(0, count)
}
