//! An AF_PACKET socket on one interface (packet(7)), and the UDP socket beside it.
#![allow(unsafe_code, reason = "system calls that the standard library does not have")]

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::sock_filter;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::classic::{self, Served};
use super::sockopt::{get, set, set_bytes};
use crate::wire::dhcpv6::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS, SERVER_PORT};

/// Octets that may wait in one socket's queue.
const RECEIVE_BUFFER: i32 = 4 << 20;

// `if_packet.h`; libc has the options and not what goes into them.
const FANOUT_CBPF: i32 = 6;
const FANOUT_UNIQUE_ID: i32 = 0x2000;
const FANOUT_IGNORE_OUTGOING: i32 = 0x4000;
const FANOUT_DEFRAG: i32 = 0x8000;
const PACKET_FANOUT: i32 = 18;
const PACKET_FANOUT_DATA: i32 = 22;
const PACKET_IGNORE_OUTGOING: i32 = 23;
const PACKET_AUXDATA: i32 = 8;

/// A socket that sees whole frames of one interface, those that we send ourselves left out.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// One socket for each of `workers`, which share the interface's requests by client. They see
    /// nothing before [`Self::listen`].
    pub(super) fn group(interface: u32, workers: usize) -> io::Result<Vec<Self>> {
        let all = libc::ETH_P_ALL as u16;
        let mut sockets = Vec::with_capacity(workers);
        let mut group = None;
        for _ in 0..workers {
            let socket = Self::open(interface, all, classic::refuse_all())?;
            set(&socket.fd, libc::SOL_PACKET, PACKET_AUXDATA, &1_i32)?;
            // The kernel puts fragments together before it asks the program whose they are.
            let flags = FANOUT_CBPF | FANOUT_DEFRAG | FANOUT_IGNORE_OUTGOING;
            let (id, unique) = group.map_or((0, FANOUT_UNIQUE_ID), |id| (id, 0));
            set(&socket.fd, libc::SOL_PACKET, PACKET_FANOUT, &(id | (flags | unique) << 16))?;
            if group.is_none() {
                group = Some(get::<i32>(&socket.fd, libc::SOL_PACKET, PACKET_FANOUT)? & 0xffff);
                attach(&socket.fd, libc::SOL_PACKET, PACKET_FANOUT_DATA, &mut classic::steer())?;
            }
            sockets.push(socket);
        }
        Ok(sockets)
    }

    /// A socket that sees ARP replies alone, by itself.
    pub(super) fn arp(interface: u32) -> io::Result<Self> {
        Self::open(interface, libc::ETH_P_ARP as u16, classic::arp_replies())
    }

    /// Begins to see requests of what is served.
    pub(super) fn listen(&self, served: Served) -> io::Result<()> {
        let mut requests = classic::requests(served);
        attach(&self.fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &mut requests)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn open(interface: u32, protocol: u16, mut filter: Vec<sock_filter>) -> io::Result<Self> {
        let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Protocol 0: nothing comes in before the filter stands and the interface is named.
        // SAFETY: no memory is involved.
        let fd = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave it to us and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        attach(&fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &mut filter)?;
        set(&fd, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1_i32)?;
        // Past the system's limit only for the privileged; what the limit gives will do for others.
        if set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER).is_err() {
            set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER)?;
        }
        // SAFETY: a structure of integers, for which all zeros is a value.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = interface as i32;
        let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        // SAFETY: `address` is a whole `sockaddr_ll` of the size we name.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) };
        if result == 0 { Ok(Self { fd }) } else { Err(io::Error::last_os_error()) }
    }
}

/// Holds UDP port 67 on `interface`, so that the kernel has somebody to deliver requests to and does
/// not tell relays that the port is closed (RFC 1122 §3.2.2.1). Nobody reads it: it takes nothing.
pub(super) fn hold_port(interface: &str) -> io::Result<OwnedFd> {
    let fd = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    attach(&fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &mut classic::refuse_all())?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    set_bytes(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface.as_bytes())?;
    bind(&fd, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67))?;
    Ok(fd)
}

/// The same of UDP port 547. Besides, the kernel has the interface take what is sent to the two groups of
/// servers, and says so to its routers and switches (RFC 8415 §7.1, RFC 3810).
pub(super) fn hold_port_v6(interface: &str, index: u32) -> io::Result<OwnedFd> {
    let fd = deaf_v6()?;
    set_bytes(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface.as_bytes())?;
    bind(&fd, &SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, SERVER_PORT, 0, 0))?;
    for group in [ALL_RELAYS_AND_SERVERS, ALL_SERVERS] {
        sockopt::set_ipv6_add_membership(&fd, &group, index)?;
    }
    Ok(fd)
}

/// A socket that speaks from UDP port 547, and takes nothing either: from any address by any interface, or
/// from one by one.
pub(super) fn speak_from_port_v6(only: Option<(&str, Ipv6Addr)>) -> io::Result<OwnedFd> {
    let fd = deaf_v6()?;
    if let Some((interface, _)) = only {
        set_bytes(&fd, libc::SOL_SOCKET, libc::SO_BINDTODEVICE, interface.as_bytes())?;
    }
    let from = only.map_or(Ipv6Addr::UNSPECIFIED, |(_, address)| address);
    bind(&fd, &SocketAddrV6::new(from, SERVER_PORT, 0, 0))?;
    Ok(fd)
}

/// A UDP socket beside others of its port that takes nothing.
fn deaf_v6() -> io::Result<OwnedFd> {
    let fd = socket_with(AddressFamily::INET6, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    attach(&fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &mut classic::refuse_all())?;
    sockopt::set_socket_reuseaddr(&fd, true)?;
    sockopt::set_ipv6_v6only(&fd, true)?;
    Ok(fd)
}

fn attach(fd: &OwnedFd, level: i32, option: i32, program: &mut [sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    set(fd, level, option, &program)
}
