//! Who answers whom: a DISCOVER of each of many clients, and every OFFER that comes of it.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode};
use dhcproto::{Decodable as _, Encodable as _};

use super::namespace::Namespace;

/// DISCOVERs under way at a time.
const WINDOW: usize = 64;
/// How long an answer too many is waited for after the last one.
const QUIET: Duration = Duration::from_millis(500);
/// How long a DISCOVER may lack answers before the client asks again: a server that has other things to do,
/// dhcpd with its log above all, leaves some in a socket that is full.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a client asks: often enough for a server that is only slow, or has lost a packet.
const TRIES: u32 = 10;
/// A transaction's lower bits are its client's number, the others that of the take.
const CLIENT_BITS: u32 = 24;

/// A relay that asks for many clients.
#[derive(Debug)]
pub struct Census {
    socket: UdpSocket,
    relay: Ipv4Addr,
    servers: Vec<SocketAddr>,
    /// Which take this is: an answer to an earlier one says nothing of what holds now.
    number: Cell<u8>,
}

impl Census {
    /// Opens the relay's socket at `relay` in `namespace`, for these servers.
    ///
    /// # Panics
    /// If the address is not there, or port 67 of it is taken.
    #[must_use]
    pub fn new(namespace: &Namespace, relay: Ipv4Addr, servers: &[Ipv4Addr]) -> Self {
        let socket = namespace.inside(|| UdpSocket::bind((relay, 67)).expect("the relay's port"));
        socket.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
        let servers = servers.iter().map(|&server| (server, 67).into()).collect();
        Self { socket, relay, servers, number: Cell::new(0) }
    }

    /// Who made an OFFER to each of so many clients, each server once, by the client's number. `secs` is what each says
    /// to have waited. A client asks again until `expected` servers have answered it, and gives up in the end; more of
    /// them are waited for only a little. Every second client has an identifier of nineteen octets, of which two
    /// differ beyond the sixteenth (RFC 3074 §4 would not look there).
    ///
    /// # Panics
    /// If an answer cannot be read.
    #[must_use]
    pub fn take(&self, clients: u32, secs: u16, expected: usize) -> Vec<Vec<Ipv4Addr>> {
        self.number.set(self.number.get().wrapping_add(1));
        let mut answers = vec![Vec::new(); clients as usize];
        // Since when, and how often.
        let mut asked: HashMap<u32, (Instant, u32)> = HashMap::new();
        let (mut next, mut heard) = (0, Instant::now());
        while next < clients || !asked.is_empty() || heard.elapsed() < QUIET {
            while asked.len() < WINDOW && next < clients {
                self.ask(next, secs);
                asked.insert(next, (Instant::now(), 1));
                next += 1;
            }
            while let Some((client, server)) = self.hear() {
                heard = Instant::now();
                let by: &mut Vec<_> = &mut answers[client as usize];
                if !by.contains(&server) {
                    by.push(server);
                }
                if by.len() >= expected {
                    asked.remove(&client);
                }
            }
            asked.retain(|_, (since, tries)| since.elapsed() < PATIENCE || *tries < TRIES);
            for (&client, (since, tries)) in &mut asked {
                if since.elapsed() >= PATIENCE {
                    self.ask(client, secs);
                    (*since, *tries) = (Instant::now(), *tries + 1);
                }
            }
        }
        answers
    }

    fn ask(&self, client: u32, secs: u16) {
        let [a, b, c, d] = client.to_be_bytes();
        let unset = Ipv4Addr::UNSPECIFIED;
        let hardware = [2, 1, a, b, c, d];
        let xid = u32::from(self.number.get()) << CLIENT_BITS | client;
        let mut message = Message::new_with_id(xid, unset, unset, unset, self.relay, &hardware);
        message.set_opcode(Opcode::BootRequest).set_hops(1).set_secs(secs);
        let options = message.opts_mut();
        options.insert(DhcpOption::MessageType(MessageType::Discover));
        if client % 2 == 1 {
            let mut identifier = vec![0xff; 13];
            identifier.extend([a, b, c, 0, d, c]);
            options.insert(DhcpOption::ClientIdentifier(identifier));
        }
        let octets = message.to_vec().expect("a request encodes");
        for server in &self.servers {
            // A server that is not there does not hear it.
            let _ = self.socket.send_to(&octets, server);
        }
    }

    /// The next answer of this take, if there is one.
    fn hear(&self) -> Option<(u32, Ipv4Addr)> {
        let mut octets = [0; 2048];
        loop {
            let (len, from) = match self.socket.recv_from(&mut octets) {
                Ok(heard) => heard,
                Err(error) => {
                    let is_quiet =
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    assert!(is_quiet, "{error}");
                    return None;
                }
            };
            let message = Message::from_bytes(&octets[..len]).expect("an answer that can be read");
            assert_eq!(message.opts().msg_type(), Some(MessageType::Offer));
            let IpAddr::V4(server) = from.ip() else { panic!("an answer from {from}") };
            if message.xid() >> CLIENT_BITS == u32::from(self.number.get()) {
                let client = message.xid() & ((1 << CLIENT_BITS) - 1);
                return Some((client, server));
            }
        }
    }
}
