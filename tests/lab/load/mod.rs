//! Many clients behind one relay, as plain UDP: what they were promised is kept in a ledger.
//!
//! The relay passes what they send on to every server that it knows of, as those of a carrier do. It speaks
//! the protocol of its own address ([`speech`]).

mod speech;
mod v4;
mod v6;

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use self::speech::{Answer, Ask, Said, Server, Speech};
use self::v4::V4;
use self::v6::V6;
use super::ledger::{Ledger, Mac};
use super::namespace::Namespace;

/// How long a client of a pair that has given its lease back stays away: times are whole seconds, and within one
/// the server that has yet to hear of it cannot tell what came first.
const REST: Duration = Duration::from_secs(2);
/// How long an exchange waits for its next answer before the client gives it up, where servers fail by the
/// test's will: clients who waited for them would keep the load from going on.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same where none may: what has not come by then is lost and not late, however slow the disk. A real
/// client asks again after some four seconds (RFC 2131 §4.1), and waits longer each time.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// Out of a hundred things that clients do next.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Renew a lease that is held.
    pub renewals: u32,
    /// Give one back.
    pub releases: u32,
    // What is left are new exchanges of four messages.
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Exchanges that ended with a lease.
    pub acknowledged: u64,
    /// Exchanges that ended with a NAK, or with nothing for the client in the answer.
    pub refused: u64,
    /// Exchanges that got no answer in time.
    pub lost: u64,
    /// Releases sent.
    pub released: u64,
    /// The longest lease given to a client that held none, and had got none without knowing.
    pub longest_first: Duration,
}

/// A relay with `clients` hosts behind it.
#[derive(Debug)]
pub struct Load {
    socket: UdpSocket,
    servers: Vec<SocketAddr>,
    speech: Box<dyn Speech>,
    clients: u32,
    /// What the server is held to.
    pub ledger: Ledger,
    random: StdRng,
    under_way: HashMap<u32, Exchange>,
    /// Clients with an exchange under way: like a real one, none begins a second before it is over.
    busy: HashSet<Mac>,
    /// Since when a client asks in vain, which it says.
    trying: HashMap<Mac, Instant>,
    /// Clients that were not answered in time once: what they got then they do not know of.
    unheard: HashSet<Mac>,
    /// When a client gave its lease back; nothing while a server may not have heard of it.
    released: HashMap<Mac, Option<Instant>>,
    /// Who gave a client its lease last.
    granted_by: HashMap<Mac, Server>,
    next_xid: u32,
    /// Between two beginnings.
    pause: Duration,
    begun: Instant,
    /// Whether clients wait for [`LONG_PATIENCE`], and a run until nothing is under way.
    is_patient: bool,
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
    /// If the address is not there, or the relay's port of it is taken.
    #[must_use]
    pub fn new(
        namespace: &Namespace,
        relay: IpAddr,
        servers: &[impl Copy + Into<IpAddr>],
        clients: u32,
        seed: u64,
    ) -> Self {
        eprintln!("load seed {seed}");
        let speech: Box<dyn Speech> = match relay {
            IpAddr::V4(relay) => Box::new(V4(relay)),
            IpAddr::V6(relay) => Box::new(V6(relay)),
        };
        let port = speech.port();
        let socket = namespace.inside(|| UdpSocket::bind((relay, port)).expect("the relay's port"));
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        Self {
            socket,
            servers: servers.iter().map(|&server| (server.into(), port).into()).collect(),
            speech,
            clients,
            ledger: Ledger::default(),
            random: StdRng::seed_from_u64(seed),
            under_way: HashMap::new(),
            busy: HashSet::new(),
            trying: HashMap::new(),
            unheard: HashSet::new(),
            released: HashMap::new(),
            granted_by: HashMap::new(),
            next_xid: 1,
            pause: Duration::ZERO,
            begun: Instant::now(),
            is_patient: false,
        }
    }

    /// The same, beginning no more than so much in a second.
    #[must_use]
    pub fn paced(self, rate: u32) -> Self {
        Self { pause: Duration::from_secs(1) / rate, ..self }
    }

    /// The same of clients whose server answers all of them: they wait for it, and a run ends every exchange
    /// that it began, so that its [`Tally::lost`] are all that got no answer.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// Keeps `window` exchanges, fewer than there are clients, under way until `enough` says so; what is under way
    /// then is given up, as by clients whose server died, unless they are [`patient`](Self::patient).
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
        let patience = if self.is_patient { LONG_PATIENCE } else { PATIENCE };
        let mut is_over = false;
        loop {
            is_over = is_over || enough(&tally);
            if is_over && (!self.is_patient || self.under_way.is_empty()) {
                break;
            }
            while !is_over
                && self.under_way.len() < window
                && self.begun.elapsed() >= self.pause
                && self.begin(mix, &mut tally)
            {
                self.begun = Instant::now();
            }
            self.receive(&mut tally)?;
            let now = Instant::now();
            let late = |exchange: &Exchange| now - exchange.asked >= patience;
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

    /// From now on a server may hear late of what was given back: who has just done so stays away until
    /// [`releases_are_heard`](Self::releases_are_heard).
    pub fn releases_are_late(&mut self) {
        let rest = self.released.values_mut();
        for since in rest.filter(|since| since.is_some_and(|since| since.elapsed() < REST)) {
            *since = None;
        }
    }

    /// From now on it hears of it at once.
    pub fn releases_are_heard(&mut self) {
        for since in self.released.values_mut().filter(|since| since.is_none()) {
            *since = Some(Instant::now());
        }
    }

    /// Who acknowledged the client's lease last.
    #[must_use]
    pub fn granted_by(&self, client: Mac) -> Option<IpAddr> {
        self.granted_by.get(&client).map(|server| server.at.ip())
    }

    /// Starts what a client does next. False if the socket is full.
    fn begin(&mut self, mix: Mix, tally: &mut Tally) -> bool {
        let client = loop {
            let client = mac(self.random.random_range(0..self.clients));
            if !self.rests(client) && !self.busy.contains(&client) {
                break client;
            }
        };
        let roll = self.random.random_range(0..100);
        let held = self.ledger.held(client).to_vec();
        if held.is_empty() || roll >= mix.releases + mix.renewals {
            return self.ask(client, false, Ask::Search);
        }
        // What a client had before the load began it has of nobody that is known.
        let Some(server) = self.granted_by.get(&client).cloned() else {
            return self.ask(client, true, Ask::Rebind(&held));
        };
        if roll >= mix.releases {
            // Who gave it may be gone.
            let in_vain = self.trying.contains_key(&client);
            let ask = if in_vain { Ask::Rebind(&held) } else { Ask::Renew(&held, &server) };
            return self.ask(client, true, ask);
        }
        let octets = self.message(client, Ask::Release(&held, &server)).1;
        if !self.send(&octets, &[server.at]) {
            return false;
        }
        // From the moment it is under way the server may take it.
        self.ledger.release(client);
        if self.servers.len() > 1 {
            self.released.insert(client, Some(Instant::now()));
        }
        tally.released += 1;
        true
    }

    fn rests(&self, client: Mac) -> bool {
        let since = self.released.get(&client);
        since.is_some_and(|since| since.is_none_or(|since| since.elapsed() < REST))
    }

    fn ask(&mut self, client: Mac, renewal: bool, ask: Ask<'_>) -> bool {
        let (xid, octets) = self.message(client, ask);
        if !self.send(&octets, &self.servers) {
            return false;
        }
        self.under_way.insert(xid, Exchange { client, renewal, asked: Instant::now() });
        self.busy.insert(client);
        self.trying.entry(client).or_insert_with(Instant::now);
        true
    }

    fn message(&mut self, client: Mac, ask: Ask<'_>) -> (u32, Vec<u8>) {
        // DHCPv6 has 24 bits for it (RFC 8415 §8).
        let xid = self.next_xid & 0xff_ffff;
        self.next_xid = self.next_xid.wrapping_add(1);
        let trying = self.trying.get(&client).map_or(Duration::ZERO, Instant::elapsed);
        (xid, self.speech.write(ask, client, xid, trying))
    }

    /// False if the socket is full: that passes. A server that is not there is like one that does
    /// not hear.
    fn send(&self, octets: &[u8], servers: &[SocketAddr]) -> bool {
        let is_full = |server| {
            let sent = self.socket.send_to(octets, server);
            sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        !servers.iter().any(is_full)
    }

    fn receive(&mut self, tally: &mut Tally) -> Result<(), String> {
        let mut octets = [0; 2048];
        // One wait for the first answer, then whatever else is there already, within a bound.
        for _ in 0..256 {
            let (length, from) = match self.socket.recv_from(&mut octets) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => return Ok(()),
            };
            let answer = self.speech.read(&octets[..length])?;
            self.take(from, answer, tally)?;
        }
        Ok(())
    }

    fn take(&mut self, from: SocketAddr, answer: Answer, tally: &mut Tally) -> Result<(), String> {
        let Some(exchange) = self.under_way.remove(&answer.xid) else { return Ok(()) };
        let Exchange { client, renewal, .. } = exchange;
        self.busy.remove(&client);
        if answer.client != client {
            return Err(format!("an answer for {:02x?} went to {client:02x?}", answer.client));
        }
        let server = Server { at: from, identifier: answer.server };
        match answer.said {
            Said::Offer(_) if renewal => return Err("an offer for a renewal".to_owned()),
            Said::Offer(offered) => {
                if !self.ask(client, false, Ask::Take(&offered, &server)) {
                    tally.lost += 1;
                }
            }
            Said::Grant(grants) => {
                self.trying.remove(&client);
                self.granted_by.insert(client, server);
                let held = self.ledger.held(client);
                if held.is_empty() && !self.unheard.contains(&client) {
                    let longest = grants.iter().map(|grant| grant.lease).max();
                    tally.longest_first = tally.longest_first.max(longest.unwrap_or_default());
                }
                // What a client lacked it may get when it renews the rest, and nothing instead of the rest.
                let has = |address| held.iter().any(|held| held.address == address);
                let given = |address| grants.iter().any(|grant| grant.address == address);
                for lost in held.iter().map(|held| held.address).filter(|it| renewal && !given(*it))
                {
                    let new = grants.iter().map(|grant| grant.address).filter(|it| !has(*it));
                    if let Some(new) = new.into_iter().find(|it| self.speech.are_alike(*it, lost)) {
                        return Err(format!("{lost} was renewed as {new}"));
                    }
                }
                // A client reckons its lease from when it asked (RFC 2131 §4.4.1).
                let asked = SystemTime::now() - exchange.asked.elapsed();
                self.ledger.acknowledge(asked, client, &grants)?;
                tally.acknowledged += 1;
            }
            Said::Refusal => tally.refused += 1,
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
