//! The failover wire between two servers: every message that went over it, read from the capture
//! without the help of our own codec, and what our side must never say to dhcpd.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use super::capture::Capture;
use super::pair::{Host, Pair};

/// A capture of the wire between the two servers.
#[derive(Debug)]
pub struct Wiretap {
    capture: Capture,
}

/// One failover message as it went over the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Overheard {
    /// Who said it.
    pub from: Host,
    /// On which connection, by its number.
    pub connection: usize,
    /// Type.
    pub kind: u8,
    /// Transaction.
    pub xid: u32,
    /// payload offset.
    pub offset: u8,
    /// Octets in all.
    pub len: usize,
    /// Code and data, in order.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// BNDUPD, BNDACK, CONNECT, CONNECTACK, STATE.
const UPDATE: u8 = 3;
const ACK: u8 = 4;
const CONNECT: u8 = 5;
const CONNECT_ACK: u8 = 6;
const STATE: u8 = 10;

impl Wiretap {
    /// Begins to listen.
    ///
    /// # Panics
    /// If dumpcap does not start.
    #[must_use]
    pub fn start(pair: &Pair) -> Self {
        let file = pair.directory("failover.pcap");
        Self { capture: Capture::start(pair.host(Host::A), "eth1", &file) }
    }

    /// All that was said so far, in order of the connection and, in each direction, of time.
    ///
    /// # Errors
    /// Octets that are no failover message.
    pub fn overheard(&self) -> Result<Vec<Overheard>, String> {
        messages(&self.capture.frames())
    }

    /// Ends the capture. What `ours` said to the dhcpd on the other host is held against the rules
    /// for talking to one, and everything shown to tshark.
    ///
    /// # Panics
    /// If a rule was broken, or tshark finds something malformed.
    pub fn finish(self, ours: Host) -> Vec<Overheard> {
        let all = self.overheard().unwrap_or_else(|error| panic!("{error}"));
        let faults = faults(&all, ours);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let malformed = self.capture.malformed();
        assert!(malformed.is_empty(), "{malformed}");
        all
    }
}

impl Overheard {
    /// The first option of this code.
    #[must_use]
    pub fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|(found, _)| *found == code).map(|(_, data)| data.as_slice())
    }

    /// The number in an option of one octet.
    fn octet(&self, code: u16) -> Option<u8> {
        self.option(code)?.first().copied()
    }

    fn number(&self, code: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.option(code)?.try_into().ok()?))
    }
}

/// What `ours` said that dhcpd does not bear.
fn faults(all: &[Overheard], ours: Host) -> Vec<String> {
    let mut faults = Vec::new();
    // The last state that each side reported, and for ours on this connection.
    let mut partner = None;
    let mut own: HashMap<usize, u8> = HashMap::new();
    let is_primary = all.iter().any(|it| it.from == ours && it.kind == CONNECT);
    for it in all {
        if it.from != ours {
            partner = if it.kind == STATE { it.octet(24) } else { partner };
            continue;
        }
        let mut broken = |rule: &str| faults.push(format!("{rule}: {it:?}"));
        let count = |code: u16| it.options.iter().filter(|(found, _)| *found == code).count();
        if it.kind == UPDATE && count(2) != 1 {
            broken("one address in a BNDUPD");
        }
        if matches!(it.kind, UPDATE | ACK) && count(9) > 0 {
            broken("no DDNS option");
        }
        if it.options.iter().any(|(code, _)| count(*code) > 1) {
            broken("each option once");
        }
        if it.offset != 12 || !(12..=2048).contains(&it.len) {
            broken("payload offset and length");
        }
        let status = it.octet(3);
        match it.kind {
            UPDATE => {
                if !status.is_some_and(|status| (1..=7).contains(&status)) {
                    broken("binding-status 1 to 7");
                }
                if matches!(status, Some(2..=4)) && it.option(5).is_none() {
                    broken("a hardware address with a client");
                }
                if status == Some(5) && (it.option(4).is_some() || it.option(5).is_some()) {
                    broken("ABANDONED without a client");
                }
                if status == Some(2) && it.option(13).is_none() {
                    broken("ACTIVE with its end");
                }
                let is_normal = own.get(&it.connection) == Some(&2);
                if !is_primary && is_normal && status == Some(3) && is_in_use(all, it) {
                    broken("EXPIRED in NORMAL is the primary's to say");
                }
            }
            ACK if it.options.iter().any(|(code, _)| !matches!(code, 2 | 16 | 21)) => {
                broken("a BNDACK has address, reason and message alone");
            }
            CONNECT | CONNECT_ACK => {
                let rejected = it.option(21).is_some();
                if it.option(22).is_none() {
                    broken("relationship-name");
                }
                if !rejected && it.number(19).is_none_or(|seconds| seconds < 3) {
                    broken("receive-timer of 3 or more");
                }
                let greets = it.option(11).is_some_and(|hba| hba.len() == 32);
                if it.kind == CONNECT && !(greets && it.option(15).is_some()) {
                    broken("HBA and MCLT in a CONNECT");
                }
            }
            STATE => {
                let state = it.octet(24).unwrap_or(0);
                if !matches!(state, 2..=11 | 254) {
                    broken("a server-state that dhcpd knows");
                }
                let before = own.insert(it.connection, state);
                if before.is_none() && matches!(state, 2 | 5) {
                    broken("out of NORMAL before the first STATE of a connection");
                }
                if partner == Some(2) && matches!(state, 5 | 10 | 11) {
                    broken("a dhcpd in NORMAL must not see PC, RI or CD");
                }
                if is_primary && partner == Some(11) && !matches!(state, 2 | 5 | 8 | 10) {
                    broken("a dhcpd in CONFLICT-DONE bears NORMAL, PC, RI and SHUTDOWN alone");
                }
                if is_primary && before == Some(5) && state == 2 {
                    broken("a primary leaves PC by CONFLICT-DONE");
                }
            }
            _ => {}
        }
    }
    faults
}

/// Whether dhcpd refused an update because it has a client at the address (reject-reason 2).
fn is_in_use(all: &[Overheard], update: &Overheard) -> bool {
    let is_answer = |it: &&Overheard| {
        it.kind == ACK
            && it.from != update.from
            && it.connection == update.connection
            && it.xid == update.xid
    };
    all.iter().find(is_answer).is_some_and(|answer| answer.octet(21) == Some(2))
}

/// All messages in these frames, by connection, in the order in which each was complete.
fn messages(frames: &[Vec<u8>]) -> Result<Vec<Overheard>, String> {
    let mut streams: BTreeMap<(usize, Host), Stream> = BTreeMap::new();
    let mut connections: Vec<(u16, u16)> = Vec::new();
    let mut all = Vec::new();
    for segment in frames.iter().filter_map(|frame| Segment::read(frame)) {
        let ports = segment.ports();
        if segment.begins && !segment.acknowledges {
            connections.push(ports);
        }
        let Some(connection) = connections.iter().rposition(|known| *known == ports) else {
            continue; // the capture began in the middle of it
        };
        let stream = streams.entry((connection, segment.from)).or_default();
        stream.take(&segment);
        while let Some(message) = stream.next_message(connection, segment.from)? {
            all.push(message);
        }
    }
    Ok(all)
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Stream {
    /// The sequence number that comes next.
    next: Option<u32>,
    /// What came too early.
    early: BTreeMap<u32, Vec<u8>>,
    octets: Vec<u8>,
}

impl Stream {
    fn take(&mut self, segment: &Segment<'_>) {
        if segment.begins {
            self.next = Some(segment.sequence.wrapping_add(1));
            return;
        }
        let Some(next) = self.next else { return };
        if !segment.payload.is_empty() && segment.sequence.wrapping_sub(next).cast_signed() >= 0 {
            self.early.insert(segment.sequence, segment.payload.to_vec());
        }
        while let Some(payload) = self.next.and_then(|next| self.early.remove(&next)) {
            self.next = self.next.map(|next| next.wrapping_add(payload.len() as u32));
            self.octets.extend(payload);
        }
    }

    fn next_message(&mut self, connection: usize, from: Host) -> Result<Option<Overheard>, String> {
        let Some(&[high, low]) = self.octets.first_chunk::<2>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len < 12 {
            return Err(format!("{from:?} sent a message of {len} octets"));
        }
        if self.octets.len() < len {
            return Ok(None);
        }
        let rest = self.octets.split_off(len);
        let octets = std::mem::replace(&mut self.octets, rest);
        let mut options = Vec::new();
        let mut at = usize::from(octets[3]);
        while at < len {
            let header = octets.get(at..at + 4).ok_or("an option without a length")?;
            let (code, size) = (
                u16::from_be_bytes([header[0], header[1]]),
                usize::from(u16::from_be_bytes([header[2], header[3]])),
            );
            let data =
                octets.get(at + 4..at + 4 + size).ok_or("an option that runs past its end")?;
            options.push((code, data.to_vec()));
            at += 4 + size;
        }
        let xid = u32::from_be_bytes([octets[8], octets[9], octets[10], octets[11]]);
        let (kind, offset) = (octets[2], octets[3]);
        Ok(Some(Overheard { from, connection, kind, xid, offset, len, options }))
    }
}

/// A TCP segment to or from port 647.
struct Segment<'a> {
    from: Host,
    source: u16,
    destination: u16,
    sequence: u32,
    begins: bool,
    acknowledges: bool,
    payload: &'a [u8],
}

impl<'a> Segment<'a> {
    /// `None` if the frame is something else.
    fn read(frame: &'a [u8]) -> Option<Self> {
        let packet = frame.get(12..)?.strip_prefix(&[8, 0])?;
        let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
        let (header, protocol) = (usize::from(packet[0] & 15) * 4, *packet.get(9)?);
        let source = Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(12..16)?).ok()?);
        let from = Host::BOTH.into_iter().find(|host| host.failover_address() == source)?;
        let tcp = packet.get(header..total).filter(|_| protocol == 6)?;
        let number = |at: usize| Some(u16::from_be_bytes([*tcp.get(at)?, *tcp.get(at + 1)?]));
        let (source, destination) = (number(0)?, number(2)?);
        if source != 647 && destination != 647 {
            return None;
        }
        let sequence = u32::from(number(4)?) << 16 | u32::from(number(6)?);
        let payload = tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?;
        let flags = *tcp.get(13)?;
        Some(Self {
            from,
            source,
            destination,
            sequence,
            begins: flags & 2 != 0,
            acknowledges: flags & 16 != 0,
            payload,
        })
    }

    /// Both ports, those of A first.
    fn ports(&self) -> (u16, u16) {
        match self.from {
            Host::A => (self.source, self.destination),
            Host::B => (self.destination, self.source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: u8, options: &[(u16, &[u8])]) -> Overheard {
        let options = options.iter().map(|(code, data)| (*code, data.to_vec())).collect();
        Overheard { from: Host::A, connection: 0, kind, xid: 1, offset: 12, len: 40, options }
    }

    /// The audit itself must be able to fail.
    #[test]
    fn what_dhcpd_does_not_bear_is_noticed() {
        let address: (u16, &[u8]) = (2, &[10, 0, 0, 1]);
        for (message, why) in [
            (said(UPDATE, &[address, (3, &[1]), address]), "one address"),
            (said(UPDATE, &[address, (3, &[0])]), "binding-status"),
            (said(UPDATE, &[address, (3, &[2]), (13, &[0; 4])]), "hardware address"),
            (said(UPDATE, &[address, (3, &[5]), (5, &[1, 2])]), "ABANDONED"),
            (said(UPDATE, &[address, (3, &[2]), (5, &[1, 2])]), "its end"),
            (said(UPDATE, &[address, (3, &[1]), (9, &[0; 3])]), "DDNS"),
            (said(ACK, &[address, (4, &[1])]), "BNDACK"),
            (said(CONNECT, &[(22, b"x"), (19, &[0, 0, 0, 9]), (15, &[0; 4])]), "HBA"),
            (said(STATE, &[(24, &[12])]), "server-state"),
            (said(STATE, &[(24, &[2])]), "out of NORMAL"),
        ] {
            let found = faults(&[message], Host::A);
            assert!(found.iter().any(|fault| fault.contains(why)), "{why}: {found:?}");
        }
        let mut normal = said(STATE, &[(24, &[2])]);
        normal.from = Host::B;
        let conflict = said(STATE, &[(24, &[10])]);
        assert!(!faults(&[normal, conflict], Host::A).is_empty());
    }
}
