//! What the kernel knows of the interfaces that we serve.
#![allow(unsafe_code, reason = "getifaddrs")]

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::ethtool;
use crate::config::Config;
use crate::server::{InterfaceAddress, InterfaceAddresses};
use crate::wire::{HardwareAddress, MacAddr};

/// An interface as the kernel has it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Interface {
    /// Its number.
    pub(super) index: u32,
    /// Its link-layer address.
    pub(super) mac: MacAddr,
    /// Its IPv4 addresses, in the kernel's order.
    pub(super) addresses: Vec<InterfaceAddress>,
    /// Its IPv6 addresses, the same.
    pub(super) ipv6: Vec<Ipv6Addr>,
}

/// The addresses of each configured interface, for [`Service`](crate::server::Service): those that
/// the kernel has, with the configured ones first where any are. One without any is warned of.
///
/// # Errors
/// What `getifaddrs` says, or `NotFound` with the name of an interface that does not exist.
pub fn addresses(config: &Config) -> io::Result<Vec<InterfaceAddresses>> {
    let known = all()?;
    let of = |wanted: &crate::config::model::Interface| {
        let interface = known.get(&wanted.name).ok_or_else(|| not_found(&wanted.name))?;
        let mut addresses = Vec::new();
        for &address in &wanted.addresses {
            let own = interface.addresses.iter().find(|own| own.address == address);
            addresses.push(own.copied().unwrap_or(InterfaceAddress { address, prefix_len: 32 }));
        }
        for own in &interface.addresses {
            if !addresses.contains(own) {
                addresses.push(*own);
            }
        }
        let ipv6 = interface.ipv6.clone();
        if addresses.is_empty() && !config.networks.is_empty() {
            tracing::warn!(
                interface = %wanted.name,
                "no IPv4 address to answer from: nobody is answered here before one is added and \
                 SIGHUP sent"
            );
        }
        if ipv6.is_empty() && !config.networks6.is_empty() {
            tracing::warn!(
                interface = %wanted.name,
                "no IPv6 address to answer from: nobody is answered by DHCPv6 here before there is \
                 one, a link-local one at least, and SIGHUP sent"
            );
        }
        Ok(InterfaceAddresses { addresses, ipv6 })
    };
    config.interfaces.iter().map(of).collect()
}

/// The hardware address of the first interface of the configuration that has one.
///
/// # Errors
/// What `getifaddrs` says.
pub fn hardware(config: &Config) -> io::Result<Option<HardwareAddress>> {
    let known = all()?;
    let macs = config.interfaces.iter().filter_map(|wanted| Some(known.get(&wanted.name)?.mac));
    let mut macs = macs.filter(|mac| *mac != MacAddr::default());
    Ok(macs.next().and_then(|mac| HardwareAddress::new(HardwareAddress::ETHERNET, &mac.0)))
}

/// The interface called `name`.
pub(super) fn named(name: &str) -> io::Result<Interface> {
    all()?.remove(name).ok_or_else(|| not_found(name))
}

/// Receive queues of the interface called `name`; 1 where the driver does not say.
pub(super) fn queues(name: &str) -> u32 {
    ethtool::channels(name).unwrap_or(1).max(1)
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no interface {name}"))
}

/// All Ethernet interfaces of this network namespace by name.
fn all() -> io::Result<HashMap<String, Interface>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: on success `first` is a list that we free below.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut interfaces: HashMap<String, Interface> = HashMap::new();
    let mut next = first;
    // SAFETY: null, or an entry of the list, which is not yet freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        if entry.ifa_addr.is_null() {
            continue;
        }
        // SAFETY: every entry has a name that ends in a zero octet.
        let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
        let interface = interfaces.entry(name).or_default();
        // SAFETY: not null, and every socket address begins with its family.
        match i32::from(unsafe { (*entry.ifa_addr).sa_family }) {
            libc::AF_PACKET => {
                // SAFETY: that is what the family says; copied, as it may not be aligned.
                let link: libc::sockaddr_ll =
                    unsafe { entry.ifa_addr.cast::<libc::sockaddr_ll>().read_unaligned() };
                interface.index = link.sll_ifindex.unsigned_abs();
                let [a, b, c, d, e, f, ..] = link.sll_addr;
                interface.mac = MacAddr([a, b, c, d, e, f]);
            }
            libc::AF_INET => {
                let address = ipv4(entry.ifa_addr);
                let mask = if entry.ifa_netmask.is_null() {
                    Ipv4Addr::BROADCAST
                } else {
                    ipv4(entry.ifa_netmask)
                };
                let prefix_len = mask.to_bits().leading_ones() as u8;
                interface.addresses.push(InterfaceAddress { address, prefix_len });
            }
            libc::AF_INET6 => interface.ipv6.push(ipv6(entry.ifa_addr)),
            _ => {}
        }
    }
    // SAFETY: the list from above, freed once; nothing of it is kept.
    unsafe { libc::freeifaddrs(first) };
    interfaces.retain(|_, interface| interface.index != 0);
    Ok(interfaces)
}

/// The address in a socket address of family `AF_INET` that is not null.
fn ipv4(address: *const libc::sockaddr) -> Ipv4Addr {
    // SAFETY: the caller looked at the family; copied, as it may not be aligned.
    let address: libc::sockaddr_in =
        unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
    Ipv4Addr::from_bits(u32::from_be(address.sin_addr.s_addr))
}

/// The address in a socket address of family `AF_INET6` that is not null.
fn ipv6(address: *const libc::sockaddr) -> Ipv6Addr {
    // SAFETY: the caller looked at the family; copied, as it may not be aligned.
    let address: libc::sockaddr_in6 =
        unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
    Ipv6Addr::from_octets(address.sin6_addr.s6_addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_its_address_and_a_queue() {
        let loopback = named("lo").unwrap();
        assert!(loopback.index > 0);
        assert_eq!(loopback.mac, MacAddr::default());
        if let Some(own) = loopback.addresses.first() {
            assert_eq!((own.address, own.prefix_len), (Ipv4Addr::LOCALHOST, 8));
        }
        assert_eq!(queues("lo"), 1);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let error = named("no-such-thing").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("no-such-thing"));
    }
}
