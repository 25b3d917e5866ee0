//! Many clients behind one relay, as plain UDP: what they were promised is kept in a ledger.
//!
//! The relay passes what they send on to every server that it knows of, as those of a carrier do.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable as _, Encodable as _};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::ledger::{Ledger, Mac};
use super::namespace::Namespace;

/// How long an exchange waits for its next answer before the client gives it up.
const PATIENCE: Duration = Duration::from_millis(500);

/// Out of a hundred things that clients do next.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Renew a lease that is held.
    pub renewals: u32,
    /// Give one back.
    pub releases: u32,
    // What is left are new exchanges: DISCOVER, OFFER, REQUEST, ACK.
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Exchanges that ended with an ACK.
    pub acknowledged: u64,
    /// Exchanges that ended with a NAK.
    pub refused: u64,
    /// Exchanges that got no answer in time.
    pub lost: u64,
    /// RELEASEs sent.
    pub released: u64,
    /// The longest lease given to a client that held none, and had got none without knowing.
    pub longest_first: Duration,
}

/// A relay with `clients` hosts behind it.
#[derive(Debug)]
pub struct Load {
    socket: UdpSocket,
    servers: Vec<SocketAddr>,
    relay: Ipv4Addr,
    clients: u32,
    /// What the server is held to.
    pub ledger: Ledger,
    random: StdRng,
    under_way: HashMap<u32, Exchange>,
    /// Clients with an exchange under way: like a real one, none begins a second before it is over.
    busy: HashSet<Mac>,
    /// Since when a client asks in vain, which it says in `secs`.
    trying: HashMap<Mac, Instant>,
    /// Clients that were not answered in time once: what they got then they do not know of.
    unheard: HashSet<Mac>,
    /// Whose server identifier the last ACK carried.
    granted_by: HashMap<Mac, Ipv4Addr>,
    next_xid: u32,
    /// Between two beginnings.
    pause: Duration,
    begun: Instant,
}

#[derive(Debug)]
struct Exchange {
    client: Mac,
    renewal: bool,
    asked: Instant,
}

impl Load {
    /// Opens the relay's socket at `relay` in `namespace`, for these servers; `seed` fixes what the
    /// clients do.
    ///
    /// # Panics
    /// If the address is not there, or port 67 of it is taken.
    #[must_use]
    pub fn new(
        namespace: &Namespace,
        relay: Ipv4Addr,
        servers: &[Ipv4Addr],
        clients: u32,
        seed: u64,
    ) -> Self {
        eprintln!("load seed {seed}");
        let socket = namespace.inside(|| UdpSocket::bind((relay, 67)).expect("the relay's port"));
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        Self {
            socket,
            servers: servers.iter().map(|&server| (server, 67).into()).collect(),
            relay,
            clients,
            ledger: Ledger::default(),
            random: StdRng::seed_from_u64(seed),
            under_way: HashMap::new(),
            busy: HashSet::new(),
            trying: HashMap::new(),
            unheard: HashSet::new(),
            granted_by: HashMap::new(),
            next_xid: 1,
            pause: Duration::ZERO,
            begun: Instant::now(),
        }
    }

    /// The same, beginning no more than so much in a second.
    #[must_use]
    pub fn paced(self, rate: u32) -> Self {
        Self { pause: Duration::from_secs(1) / rate, ..self }
    }

    /// Keeps `window` exchanges, fewer than there are clients, under way until `enough` says so; what is under way then is given
    /// up, as by clients whose server died.
    ///
    /// # Errors
    /// The first address that was acknowledged to two clients.
    pub fn run(
        &mut self,
        mix: Mix,
        window: usize,
        mut enough: impl FnMut(&Tally) -> bool,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        while !enough(&tally) {
            while self.under_way.len() < window
                && self.begun.elapsed() >= self.pause
                && self.begin(mix, &mut tally)
            {
                self.begun = Instant::now();
            }
            self.receive(&mut tally)?;
            let now = Instant::now();
            let late = |exchange: &Exchange| now - exchange.asked >= PATIENCE;
            for (_, exchange) in self.under_way.extract_if(|_, exchange| late(exchange)) {
                self.busy.remove(&exchange.client);
                self.unheard.insert(exchange.client);
                tally.lost += 1;
            }
        }
        self.unheard.extend(self.under_way.drain().map(|(_, exchange)| exchange.client));
        self.busy.clear();
        Ok(tally)
    }

    /// Who acknowledged the client's lease last.
    #[must_use]
    pub fn granted_by(&self, client: Mac) -> Option<Ipv4Addr> {
        self.granted_by.get(&client).copied()
    }

    /// Starts what a client does next. False if the socket is full.
    fn begin(&mut self, mix: Mix, tally: &mut Tally) -> bool {
        let client = loop {
            let client = mac(self.random.random_range(0..self.clients));
            if !self.busy.contains(&client) {
                break client;
            }
        };
        let roll = self.random.random_range(0..100);
        let mut message = self.message(client);
        match self.ledger.held(client) {
            Some(held) if roll < mix.releases => {
                message.set_ciaddr(held.address);
                let options = message.opts_mut();
                options.insert(DhcpOption::MessageType(MessageType::Release));
                // Unicast to whom it was granted by (RFC 2131 §4.4.4).
                let server = self.granted_by[&client];
                options.insert(DhcpOption::ServerIdentifier(server));
                if !self.send(&message, &[(server, 67).into()]) {
                    return false;
                }
                // From the moment it is under way the server may take it.
                self.ledger.release(client);
                tally.released += 1;
                true
            }
            Some(held) if roll < mix.releases + mix.renewals => {
                message.set_ciaddr(held.address);
                message.opts_mut().insert(DhcpOption::MessageType(MessageType::Request));
                self.ask(client, true, message)
            }
            _ => {
                message.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
                self.ask(client, false, message)
            }
        }
    }

    fn ask(&mut self, client: Mac, renewal: bool, message: Message) -> bool {
        if !self.send(&message, &self.servers) {
            return false;
        }
        let exchange = Exchange { client, renewal, asked: Instant::now() };
        self.under_way.insert(message.xid(), exchange);
        self.busy.insert(client);
        self.trying.entry(client).or_insert_with(Instant::now);
        true
    }

    fn message(&mut self, client: Mac) -> Message {
        let xid = self.next_xid;
        self.next_xid = self.next_xid.wrapping_add(1);
        let unset = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(xid, unset, unset, unset, self.relay, &client);
        message.set_opcode(Opcode::BootRequest);
        message.set_hops(1);
        let trying = self.trying.get(&client).map_or(0, |since| since.elapsed().as_secs());
        message.set_secs(u16::try_from(trying).unwrap_or(u16::MAX));
        message
    }

    /// False if the socket is full: that passes. A server that is not there is like one that does
    /// not hear.
    fn send(&self, message: &Message, servers: &[SocketAddr]) -> bool {
        let octets = message.to_vec().expect("a request encodes");
        let is_full = |server| {
            let sent = self.socket.send_to(&octets, server);
            sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        !servers.iter().any(is_full)
    }

    fn receive(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut octets = [0; 2048];
        // One wait for the first answer, then whatever else is there already, within a bound.
        for _ in 0..256 {
            let length = match self.socket.recv(&mut octets) {
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => return Ok(()),
            };
            let answer = Message::from_bytes(&octets[..length])
                .map_err(|error| format!("an answer that cannot be read: {error}"))?;
            self.take(&answer, tally)?;
        }
        Ok(())
    }

    fn take(&mut self, answer: &Message, tally: &mut Tally) -> Result<(), String> {
        let Some(exchange) = self.under_way.remove(&answer.xid()) else { return Ok(()) };
        self.busy.remove(&exchange.client);
        if answer.chaddr() != exchange.client {
            return Err(format!(
                "an answer for {:02x?} went to {:02x?}",
                answer.chaddr(),
                exchange.client
            ));
        }
        match answer.opts().msg_type() {
            Some(MessageType::Offer) if !exchange.renewal => {
                let mut request = self.message(exchange.client);
                let options = request.opts_mut();
                options.insert(DhcpOption::MessageType(MessageType::Request));
                options.insert(DhcpOption::RequestedIpAddress(answer.yiaddr()));
                if let Some(server) = answer.opts().get(OptionCode::ServerIdentifier) {
                    options.insert(server.clone());
                }
                if !self.ask(exchange.client, false, request) {
                    tally.lost += 1;
                }
            }
            Some(MessageType::Ack) => {
                let Some(DhcpOption::AddressLeaseTime(lease)) =
                    answer.opts().get(OptionCode::AddressLeaseTime)
                else {
                    return Err("an ACK without a lease time".to_owned());
                };
                let lease = Duration::from_secs(u64::from(*lease));
                self.trying.remove(&exchange.client);
                if let Some(DhcpOption::ServerIdentifier(server)) =
                    answer.opts().get(OptionCode::ServerIdentifier)
                {
                    self.granted_by.insert(exchange.client, *server);
                }
                let is_new = !self.unheard.contains(&exchange.client);
                if is_new && self.ledger.held(exchange.client).is_none() {
                    tally.longest_first = tally.longest_first.max(lease);
                }
                let held = self.ledger.held(exchange.client).filter(|_| exchange.renewal);
                if let Some(held) = held.filter(|held| held.address != answer.yiaddr()) {
                    let given = answer.yiaddr();
                    return Err(format!("{} was renewed as {given}", held.address));
                }
                self.ledger.acknowledge(
                    SystemTime::now(),
                    exchange.client,
                    answer.yiaddr(),
                    lease,
                )?;
                tally.acknowledged += 1;
            }
            Some(MessageType::Nak) => tally.refused += 1,
            other => return Err(format!("unexpected answer {other:?}")),
        }
        Ok(())
    }
}

/// The hardware address of the client with this number: a locally administered one.
#[must_use]
pub fn mac(client: u32) -> Mac {
    let [a, b, c, d] = client.to_be_bytes();
    [2, 0, a, b, c, d]
}
