//! Everything that servers acknowledge on the clients' wire, whoever asked for it: no address may be
//! two clients', and no client of the lab need be believed for that.

use std::time::SystemTime;

use dhcproto::Decodable as _;
use dhcproto::v4::{DhcpOption, Message, MessageType, OptionCode};

use super::capture::Capture;
use super::ledger::{Grant, Ledger, Mac};
use super::site::Site;

/// A capture of the clients' wire, and what was promised on it.
#[derive(Debug)]
pub struct Witness {
    capture: Capture,
    /// Frames that were looked at.
    seen: usize,
    acknowledged: Vec<Mac>,
    ledger: Ledger,
}

impl Witness {
    /// Begins to look at the site's switch.
    ///
    /// # Panics
    /// If dumpcap does not start.
    #[must_use]
    pub fn start(site: &Site) -> Self {
        // A bridge that is promiscuous sees what it passes on between its ports.
        let file = site.directory().join("clients.pcap");
        Self {
            capture: Capture::start(&site.switch, "br0", &file),
            seen: 0,
            acknowledged: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    /// Looks at what has happened since the last time.
    ///
    /// # Errors
    /// The first address that was acknowledged to a client while it was another's.
    pub fn look(&mut self) -> Result<(), String> {
        let frames = self.capture.timed_frames();
        for (at, frame) in &frames[self.seen..] {
            if let Some(message) = message(frame) {
                self.take(*at, &message)?;
            }
        }
        self.seen = frames.len();
        Ok(())
    }

    /// How many leases were acknowledged to clients whose hardware address begins so.
    #[must_use]
    pub fn acknowledged(&self, prefix: &[u8]) -> usize {
        self.acknowledged.iter().filter(|client| client.starts_with(prefix)).count()
    }

    fn take(&mut self, at: SystemTime, message: &Message) -> Result<(), String> {
        let Ok(client) = Mac::try_from(message.chaddr()) else { return Ok(()) };
        match message.opts().msg_type() {
            Some(MessageType::Ack) => {
                // None in the answer to an INFORM.
                let lease = message.opts().get(OptionCode::AddressLeaseTime);
                if let Some(DhcpOption::AddressLeaseTime(lease)) = lease {
                    let lease = std::time::Duration::from_secs(u64::from(*lease));
                    self.acknowledged.push(client);
                    let grant = Grant { address: message.yiaddr().into(), lease };
                    self.ledger.acknowledge(at, client, &[grant])?;
                }
            }
            // From here on a server may do with the address what it likes, if it hears it or not.
            Some(MessageType::Release | MessageType::Decline) => {
                self.ledger.release(client);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The DHCP message in a frame; `None` if it is something else.
fn message(frame: &[u8]) -> Option<Message> {
    let packet = frame.get(12..)?.strip_prefix(&[8, 0])?;
    let header = usize::from(packet.first()? & 15) * 4;
    let udp = packet.get(header..).filter(|_| packet.get(9) == Some(&17))?;
    let port = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
    let is_dhcp = [port(0)?, port(2)?].iter().any(|port| matches!(port, 67 | 68));
    Message::from_bytes(udp.get(8..).filter(|_| is_dhcp)?).ok()
}
