//! The way out for what no request brought: from UDP port 547, as the kernel's routes and neighbours have it.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::OwnedFd;

use rustix::net::{SendFlags, sendto};

use super::packet_socket;
use crate::wire::dhcpv6::CLIENT_PORT;

/// A socket by which servers speak to clients. Nothing comes in by it.
#[derive(Debug)]
pub struct ServerPort(OwnedFd);

impl ServerPort {
    /// Of all interfaces, or of one and with one of our addresses there.
    ///
    /// # Errors
    /// The port may not be bound, or is somebody else's.
    pub fn open(only: Option<(&str, Ipv6Addr)>) -> io::Result<Self> {
        packet_socket::speak_from_port_v6(only).map(Self)
    }

    /// Sends a message to the client that has this address. Never waits.
    ///
    /// # Errors
    /// There is no way to it, or no room now.
    pub fn send(&self, client: Ipv6Addr, message: &[u8]) -> io::Result<()> {
        let to = SocketAddrV6::new(client, CLIENT_PORT, 0, 0);
        sendto(&self.0, message, SendFlags::DONTWAIT, &to)?;
        Ok(())
    }
}
