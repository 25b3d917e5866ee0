//! Frames by hand: what no well-behaved client would send, and the answers octet for octet.

use std::fmt;
use std::time::{Duration, Instant};

use pnet_datalink::{Channel, Config, DataLinkReceiver, DataLinkSender, channel, interfaces};

use super::namespace::Namespace;

/// One interface of a namespace, opened for whole Ethernet frames.
pub struct RawPort {
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
}

impl RawPort {
    /// Opens `interface` of `namespace`.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace.inside(|| {
            let found = interfaces().into_iter().find(|i| i.name == interface);
            let found = found.unwrap_or_else(|| panic!("no interface {interface}"));
            let config =
                Config { read_timeout: Some(Duration::from_millis(10)), ..Config::default() };
            match channel(&found, config) {
                Ok(Channel::Ethernet(sender, receiver)) => Self { sender, receiver },
                Ok(_) => panic!("{interface} is no Ethernet interface"),
                Err(error) => panic!("{interface}: {error}"),
            }
        })
    }

    /// Sends one frame as it is.
    ///
    /// # Panics
    /// If the kernel refuses it.
    pub fn send(&mut self, frame: &[u8]) {
        let sent = self.sender.send_to(frame, None).expect("room to send");
        sent.expect("the frame leaves");
    }

    /// The next frame that `wanted` takes, if one comes while `patience` lasts. The kernel takes
    /// VLAN tags off what it hands up here.
    pub fn receive(
        &mut self,
        patience: Duration,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Ok(frame) = self.receiver.next()
                && wanted(frame)
            {
                return Some(frame.to_vec());
            }
        }
        None
    }
}

impl fmt::Debug for RawPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPort").finish_non_exhaustive()
    }
}
