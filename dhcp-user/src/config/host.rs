//! What the kernel says of this host's interfaces.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::{fs, io};

use super::load::HostInterface;
use super::model::Prefix;

/// All interfaces of this network namespace, with the networks they are directly on.
///
/// From /proc, which shows the namespace of whoever reads; /sys shows the one it was mounted in.
pub(super) fn interfaces() -> io::Result<Vec<HostInterface>> {
    let devices = fs::read_to_string("/proc/net/dev")?;
    // Without IPv4 in the kernel there are no routes, but there are interfaces.
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let networks =
        |name| connected(&routes).filter(move |route| route.0 == name).map(|route| route.1);
    let addresses = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let networks6 =
        |name| addressed(&addresses).filter(move |address| address.0 == name).map(|it| it.1);
    Ok(names(&devices)
        .map(|name| HostInterface {
            name: name.to_owned(),
            networks: networks(name).collect(),
            networks6: networks6(name).collect(),
        })
        .collect())
}

/// The interfaces of the kernel's table of traffic: two lines of headings, then `name: …`.
fn names(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim()))
}

/// The routes without a gateway in the kernel's table: `Iface Destination Gateway Flags RefCnt Use
/// Metric Mask …`, addresses in hex and the host's byte order.
fn connected(table: &str) -> impl Iterator<Item = (&str, Prefix)> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, destination, gateway, _flags, _references, _uses, _metric, mask, ..] =
            fields[..]
        else {
            return None;
        };
        let address = |hex| u32::from_str_radix(hex, 16).ok().map(u32::from_be);
        let len = address(mask)?.leading_ones() as u8;
        let network = Prefix::containing(Ipv4Addr::from_bits(address(destination)?), len);
        (address(gateway)? == 0 && len > 0).then_some((name, network))
    })
}

/// The prefixes in the kernel's table of IPv6 addresses, but those of a link: `address ifindex
/// prefix-length scope flags name`, all in hex but the name.
fn addressed(table: &str) -> impl Iterator<Item = (&str, Prefix<Ipv6Addr>)> {
    const LINK: &str = "20";
    table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [address, _index, len, scope, _flags, name] = fields[..] else { return None };
        let address = Ipv6Addr::from_bits(u128::from_str_radix(address, 16).ok()?);
        let len = u8::from_str_radix(len, 16).ok()?;
        (scope != LINK && len > 0).then_some((name, Prefix::containing(address, len)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_connected_route_tells_the_network_of_its_interface() {
        let table = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
nonsense
eth1\tzz\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
";
        let found: Vec<_> = connected(table).collect();
        assert_eq!(found, [("eth0", Prefix { address: Ipv4Addr::new(10, 0, 0, 0), len: 8 })]);
    }

    #[test]
    fn an_ipv6_address_tells_the_network_of_its_interface() {
        let table = "\
20010db8000100010000000000000001 02 40 00 80     eth0
fe800000000000000000000000000001 02 40 20 80     eth0
nonsense
zz 02 40 00 80 eth1
";
        let found: Vec<_> = addressed(table).collect();
        let address = "2001:db8:1:1::".parse().unwrap();
        assert_eq!(found, [("eth0", Prefix { address, len: 64 })]);
    }

    #[test]
    fn the_loopback_interface_is_there() {
        let interfaces = interfaces().unwrap();
        assert!(interfaces.iter().any(|interface| interface.name == "lo"), "{interfaces:?}");
    }
}
