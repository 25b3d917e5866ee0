//! Asks the wire whether an address is in use before it is offered (RFC 2131 §3.1 step 2).
//!
//! The request waits in its frame, and nobody else does. There is a socket for questions only once
//! there has been one.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recvfrom, sendto,
    socket_with,
};

use super::packet_socket::PacketSocket;
use super::xsk::Packet;
use crate::config::model;
use crate::server::{Probe, ProbeOutcome};
use crate::wire::frame::{MIN_FRAME_LEN, VlanTags};
use crate::wire::{MacAddr, arp, icmp};

/// Requests that one worker lets wait for the wire; beyond it they are dropped, and their clients
/// ask again.
pub(super) const PROBES_MAX: usize = 256;
/// Replies read before other packets have their turn.
const REPLIES_A_TURN: usize = 64;

/// One worker's questions.
#[derive(Debug)]
pub(super) struct Prober {
    icmp: Option<OwnedFd>,
    /// With the interface's number.
    arp: Vec<(u32, PacketSocket)>,
    identifier: u16,
    sequence: u16,
    pending: Vec<Pending>,
    /// When the first of them runs out.
    next_ns: Option<u64>,
}

/// A request that waits for the wire.
#[derive(Debug)]
pub(super) struct Pending {
    /// The port it came by.
    pub(super) port: usize,
    /// The request in its frame.
    pub(super) packet: Packet,
    /// When it came, in nanoseconds of the monotonic clock.
    pub(super) arrived_ns: u64,
    /// What is asked.
    pub(super) probe: Probe,
    sequence: u16,
    deadline_ns: u64,
    outcome: Option<ProbeOutcome>,
}

/// Where to ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct Where {
    /// The interface's number.
    pub(super) interface: u32,
    /// Our address on it.
    pub(super) mac: MacAddr,
    /// The client's VLAN.
    pub(super) tags: VlanTags,
}

impl Prober {
    /// `identifier` tells our echo requests from those of others on this host.
    pub(super) fn new(identifier: u16) -> Self {
        Self {
            icmp: None,
            arp: Vec::new(),
            identifier,
            sequence: 0,
            pending: Vec::with_capacity(PROBES_MAX),
            next_ns: None,
        }
    }

    /// Whether one more may wait.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < PROBES_MAX
    }

    /// When to come back at the latest, in nanoseconds of the monotonic clock.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.next_ns
    }

    /// What to poll for replies.
    pub(super) fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.icmp.iter().map(AsFd::as_fd).chain(self.arp.iter().map(|(_, socket)| socket.fd()))
    }

    /// Asks, and keeps the request until somebody answers or time is up. Where the question cannot
    /// even be sent, nobody answers.
    pub(super) fn ask(
        &mut self,
        now_ns: u64,
        probe: Probe,
        at: Where,
        request: (usize, Packet, u64),
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let (sent, wait_ms) = match probe.by {
            model::Probe::None => (Ok(()), 0),
            model::Probe::Icmp(wait_ms) => (self.send_echo(probe.address), wait_ms),
            model::Probe::Arp(wait_ms) => (self.send_arp(&probe, at), wait_ms),
        };
        let (port, packet, arrived_ns) = request;
        let deadline_ns = now_ns.saturating_add(u64::from(wait_ms) * 1_000_000);
        self.next_ns = Some(self.next_ns.map_or(deadline_ns, |next| next.min(deadline_ns)));
        let sequence = self.sequence;
        let outcome = None;
        self.pending.push(Pending {
            port,
            packet,
            arrived_ns,
            probe,
            sequence,
            deadline_ns,
            outcome,
        });
        sent
    }

    /// Reads what the wire has said by now.
    pub(super) fn listen(&mut self, now_ns: u64) {
        if self.pending.is_empty() && self.icmp.is_none() && self.arp.is_empty() {
            return;
        }
        let mut octets = [0; 256];
        for _ in 0..REPLIES_A_TURN {
            let Some(socket) = &self.icmp else { break };
            let Some((len, Some(source))) = receive(socket.as_fd(), &mut octets) else { break };
            let header_len = usize::from(octets[0] & 0x0f) * 4;
            if let Some(Ok(echo)) = octets[..len].get(header_len..).map(icmp::Echo::parse)
                && echo.identifier == self.identifier
            {
                self.heard(now_ns, |p| p.sequence == echo.sequence && p.probe.address == source);
            }
        }
        for index in 0..self.arp.len() {
            for _ in 0..REPLIES_A_TURN {
                let Some((len, _)) = receive(self.arp[index].1.fd(), &mut octets) else { break };
                if let Ok(holder) = arp::Holder::parse(&octets[..len]) {
                    self.heard(now_ns, |pending| pending.probe.address == holder.ip);
                }
            }
        }
    }

    /// A request whose question is answered, by somebody or by nobody in time.
    pub(super) fn decided(&mut self, now_ns: u64) -> Option<(Pending, ProbeOutcome)> {
        if self.next_ns.is_none_or(|next| next > now_ns) {
            return None;
        }
        let due = self.pending.iter().position(|pending| pending.deadline_ns <= now_ns);
        let decided = due.map(|index| self.pending.swap_remove(index));
        self.next_ns = self.pending.iter().map(|pending| pending.deadline_ns).min();
        decided.map(|pending| {
            let outcome = pending.outcome.unwrap_or(ProbeOutcome::Free);
            (pending, outcome)
        })
    }

    fn heard(&mut self, now_ns: u64, about: impl Fn(&Pending) -> bool) {
        for pending in self.pending.iter_mut().filter(|pending| about(pending)) {
            pending.outcome = Some(ProbeOutcome::InUse);
            pending.deadline_ns = now_ns;
            self.next_ns = Some(now_ns);
        }
    }

    fn send_echo(&mut self, address: Ipv4Addr) -> io::Result<()> {
        let socket = match &self.icmp {
            Some(socket) => socket,
            None => {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let protocol = Some(ipproto::ICMP);
                let socket = socket_with(AddressFamily::INET, SocketType::RAW, flags, protocol)?;
                self.icmp.insert(socket)
            }
        };
        let echo = icmp::Echo { identifier: self.identifier, sequence: self.sequence };
        sendto(socket, &echo.write(), SendFlags::empty(), &SocketAddrV4::new(address, 0))?;
        Ok(())
    }

    fn send_arp(&mut self, probe: &Probe, at: Where) -> io::Result<()> {
        let known = self.arp.iter().position(|(interface, _)| *interface == at.interface);
        let index = match known {
            Some(index) => index,
            None => {
                self.arp.push((at.interface, PacketSocket::arp(at.interface)?));
                self.arp.len() - 1
            }
        };
        let request = arp::Request {
            source: at.mac,
            tags: at.tags,
            sender_ip: probe.from,
            target_ip: probe.address,
        };
        let mut frame = [0; MIN_FRAME_LEN + 8];
        let len = request.write(&mut frame);
        rustix::net::send(self.arp[index].1.fd(), &frame[..len], SendFlags::empty())?;
        Ok(())
    }
}

/// One packet, if there is one, and which address it came from, if it has one.
fn receive(socket: BorrowedFd<'_>, octets: &mut [u8; 256]) -> Option<(usize, Option<Ipv4Addr>)> {
    let (len, _, source) = recvfrom(socket, octets.as_mut_slice(), RecvFlags::DONTWAIT).ok()?;
    let source = source.and_then(|address| SocketAddrV4::try_from(address).ok());
    Some((len.min(octets.len()), source.map(|address| *address.ip())))
}
