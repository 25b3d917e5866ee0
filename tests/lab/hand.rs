//! A host whose packets the test makes one by one, and the answers as `dhcproto` reads them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Message, MessageType, Opcode};
use dhcproto::{Decodable as _, Encodable as _};

use super::frame::Headers;
use super::namespace::Namespace;
use super::raw::RawPort;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One interface of a namespace, and any number of clients that talk through it.
#[derive(Debug)]
pub struct Hand {
    port: RawPort,
    next_xid: u32,
    /// The number that every client's address here ends with; see [`Self::mac`].
    site: u8,
}

impl Hand {
    /// Clients at `interface` of `namespace`; `site` tells theirs from those of another hand.
    ///
    /// # Panics
    /// If the interface is not there.
    #[must_use]
    pub fn new(namespace: &Namespace, interface: &str, site: u8) -> Self {
        let port = RawPort::open(namespace, interface);
        Self { port, next_xid: u32::from(site) << 24 | 1, site }
    }

    /// The hardware address of this hand's client with this number.
    #[must_use]
    pub fn mac(&self, client: u16) -> [u8; 6] {
        let [high, low] = client.to_be_bytes();
        [2, 0, 0, self.site, high, low]
    }

    /// A BOOTREQUEST without options from a client here, its transaction a new one.
    #[must_use]
    pub fn bootp(&mut self, client: u16) -> Message {
        let unset = Ipv4Addr::UNSPECIFIED;
        let xid = self.next_xid;
        self.next_xid += 1;
        let chaddr = self.mac(client);
        let mut message = Message::new_with_id(xid, unset, unset, unset, unset, &chaddr);
        message.set_opcode(Opcode::BootRequest);
        message
    }

    /// A DHCP message of this kind from a client here.
    #[must_use]
    pub fn message(&mut self, client: u16, kind: MessageType) -> Message {
        let mut message = self.bootp(client);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        message
    }

    /// The DHCPREQUEST that takes what `offer` offers to this client.
    ///
    /// # Panics
    /// If the offer names no server.
    #[must_use]
    pub fn selecting(&mut self, client: u16, offer: &Message) -> Message {
        let mut request = self.message(client, MessageType::Request);
        let server = offer.opts().get(dhcproto::v4::OptionCode::ServerIdentifier);
        let server = server.expect("an OFFER names its server").clone();
        request.opts_mut().insert(DhcpOption::RequestedIpAddress(offer.yiaddr()));
        request.opts_mut().insert(server);
        request
    }

    /// Broadcasts a message as a direct client does.
    ///
    /// # Panics
    /// If the kernel refuses the frame.
    pub fn send(&mut self, message: &Message) {
        let client = message.chaddr().try_into().expect("an Ethernet address");
        self.send_with(&Headers::broadcast(client), message);
    }

    /// Sends a message in these headers.
    ///
    /// # Panics
    /// If the kernel refuses the frame.
    pub fn send_with(&mut self, headers: &Headers, message: &Message) {
        self.port.send(&headers.frame(&message.to_vec().expect("a request encodes")));
    }

    /// The next answer that comes for any client, if one comes while `patience` lasts.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn next(&mut self, patience: Duration) -> Option<Message> {
        let frame = self.port.receive(patience, |frame| answer_in(frame).is_some())?;
        let octets = answer_in(&frame).unwrap_or_default();
        Some(Message::from_bytes(octets).expect("an answer can be read"))
    }

    /// The answer to `request`; others that come meanwhile are skipped.
    ///
    /// # Panics
    /// If none comes.
    pub fn answer(&mut self, request: &Message) -> Message {
        let end = Instant::now() + PATIENCE;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Some(answer) = self.next(left).filter(|answer| answer.xid() == request.xid()) {
                return answer;
            }
        }
        panic!("no answer within {PATIENCE:?} to {request}");
    }

    /// Sends a message as a direct client, and gives the answer.
    ///
    /// # Panics
    /// If none comes.
    pub fn ask(&mut self, request: &Message) -> Message {
        self.send(request);
        self.answer(request)
    }

    /// DISCOVER, with what `adorn` adds, to ACK.
    ///
    /// # Panics
    /// If an answer is missing or another one than expected.
    pub fn lease(&mut self, client: u16, adorn: impl Fn(&mut Message)) -> Message {
        let mut discover = self.message(client, MessageType::Discover);
        adorn(&mut discover);
        let offer = self.ask(&discover);
        assert_eq!(offer.opts().msg_type(), Some(MessageType::Offer), "{offer}");
        let mut request = self.selecting(client, &offer);
        adorn(&mut request);
        let ack = self.ask(&request);
        assert_eq!(ack.opts().msg_type(), Some(MessageType::Ack), "{ack}");
        assert_eq!(ack.yiaddr(), offer.yiaddr());
        ack
    }
}

/// The BOOTREPLY in a frame: IPv4, UDP from port 67. RawPort hands frames up without VLAN tags.
fn answer_in(frame: &[u8]) -> Option<&[u8]> {
    let ip = frame.get(14..).filter(|_| frame[12..14] == [8, 0])?;
    let header_len = usize::from(ip.first()? & 0x0f) * 4;
    let udp = ip.get(header_len..).filter(|_| ip.get(9) == Some(&17))?;
    let message = udp.get(8..)?;
    (udp[..2] == [0, 67] && message.first() == Some(&2)).then_some(message)
}
