//! A failover partner made by hand: it says what a test has it say, sound or not, and shows what
//! comes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::{Dialect, Message, Packet};

use super::namespace::Namespace;

/// How long an answer, or the end of a connection, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Registered for failover.
const PORT: u16 = 647;

/// One connection to a server.
#[derive(Debug)]
pub struct Partner {
    stream: TcpStream,
    inbox: Vec<u8>,
    /// What its clock is ahead, in seconds.
    pub ahead: i64,
    /// What it signs with.
    pub secret: Option<&'static [u8]>,
}

impl Partner {
    /// Connects from `namespace` to a server at `to`.
    ///
    /// # Panics
    /// If nobody listens there.
    #[must_use]
    pub fn connect(namespace: &Namespace, to: Ipv4Addr) -> Self {
        let stream = namespace.inside(|| TcpStream::connect((to, PORT)).expect("a connection"));
        stream.set_nodelay(true).expect("no delay");
        Self { stream, inbox: Vec::new(), ahead: 0, secret: None }
    }

    /// Its clock.
    ///
    /// # Panics
    /// After the year 2106.
    #[must_use]
    pub fn now(&self) -> Stamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
        let now = now.as_secs().saturating_add_signed(self.ahead);
        Stamp(u32::try_from(now).expect("a time that 32 bits hold"))
    }

    /// Says a sound message.
    ///
    /// # Panics
    /// If it cannot be encoded.
    pub fn say(&mut self, xid: u32, message: Message) {
        let mut octets = Vec::new();
        let packet = Packet { time: self.now(), xid, message };
        packet.encode(Dialect::Tandem, self.secret, &mut octets).expect("a sound message");
        self.write(&octets);
    }

    /// Says a message with these options, whatever they mean.
    pub fn say_options(&mut self, kind: u8, xid: u32, options: &[(u16, &[u8])]) {
        let mut octets = vec![0, 0, kind, 12];
        octets.extend(self.now().0.to_be_bytes());
        octets.extend(xid.to_be_bytes());
        for (code, data) in options {
            octets.extend(code.to_be_bytes());
            octets.extend((data.len() as u16).to_be_bytes());
            octets.extend(*data);
        }
        let len = (octets.len() as u16).to_be_bytes();
        octets[..2].copy_from_slice(&len);
        self.write(&octets);
    }

    /// Says these octets. A server that has closed does not hear them.
    pub fn write(&mut self, octets: &[u8]) {
        let _ = self.stream.write_all(octets);
    }

    /// Says these octets over and over without reading an answer, until the server has closed, or
    /// takes no more for so long.
    pub fn pour(&mut self, octets: &[u8], patience: Duration) {
        self.stream.set_write_timeout(Some(patience)).expect("a timeout");
        while self.stream.write_all(octets).is_ok() {}
    }

    /// The next message; `None` once the server has closed.
    ///
    /// # Panics
    /// If neither comes, or what comes is none.
    pub fn hear(&mut self) -> Option<Packet> {
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        loop {
            let len = Packet::len_of_first(&self.inbox).expect("a message");
            if let Some(len) = len.filter(|len| *len <= self.inbox.len()) {
                let octets: Vec<u8> = self.inbox.drain(..len).collect();
                return Some(Packet::parse(&octets).expect("a message"));
            }
            let mut octets = [0; 4_096];
            match self.stream.read(&mut octets) {
                Ok(0) => return None,
                Ok(len) => self.inbox.extend(&octets[..len]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("neither a message nor the end: {error}"),
            }
        }
    }

    /// The next message that `wanted` takes; those before it are forgotten.
    ///
    /// # Panics
    /// If the server closes instead.
    pub fn expect<T>(&mut self, what: &str, wanted: impl Fn(&Packet) -> Option<T>) -> T {
        let mut heard = Vec::new();
        loop {
            let packet = self.hear().unwrap_or_else(|| panic!("no {what}, but {heard:?}"));
            if let Some(found) = wanted(&packet) {
                return found;
            }
            heard.push(packet);
        }
    }

    /// What the server says before it closes.
    #[must_use]
    pub fn rest(mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.hear()).map(|packet| packet.message).collect()
    }
}
