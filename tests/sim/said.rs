//! What a client and its relay say of it beside who it is: what classes, limits, names and
//! leasequery go by, and what the partner is to know as well.

use dhcp_user::wire::option::{code, v6};

use super::random::Random;

/// Sub-options of option 82 (RFC 3046 §3, RFC 3993 §3).
const CIRCUIT_ID: u8 = 1;
const REMOTE_ID: u8 = 2;
const SUBSCRIBER_ID: u8 = 6;

/// The user class that the configurations have a class for.
pub(super) const USER_CLASS: &str = "box";

/// What is said of one client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Said {
    /// Option 61, in which it names itself.
    pub identifier: bool,
    /// Option 12; another one after each reboot.
    pub host_name: bool,
    /// Option 81.
    pub fqdn: bool,
    /// Option 60.
    pub vendor_class: bool,
    /// Option 77: the class that is limited.
    pub user_class: bool,
    /// The relay's port that it is behind, which it shares with others.
    pub port: Option<u8>,
    /// Whether the relay names its modem.
    pub remote_id: bool,
    /// Whether the relay says more than servers understand.
    pub subscriber_id: bool,
}

impl Said {
    /// Most clients say little, and some everything.
    pub(super) fn of(random: &mut Random) -> Self {
        let often = random.pick(&[0, 300, 1_000]);
        Self {
            identifier: random.chance(often),
            host_name: random.chance(often),
            fqdn: random.chance(often / 2),
            vendor_class: random.chance(often),
            user_class: random.chance(often / 2),
            port: random.chance(often).then(|| random.below(4) as u8),
            remote_id: random.chance(often / 2),
            subscriber_id: random.chance(often / 3),
        }
    }

    /// The options of client `number` after so many reboots; those of its relay only if it hears the
    /// packet.
    pub(super) fn options(
        &self,
        number: u16,
        reboots: u32,
        is_relayed: bool,
    ) -> Vec<(u8, Vec<u8>)> {
        let mut options = Vec::new();
        if self.identifier {
            let [high, low] = number.to_be_bytes();
            options.push((code::CLIENT_IDENTIFIER, vec![0, b'i', b'd', high, low]));
        }
        if self.host_name {
            options.push((code::HOST_NAME, format!("host{number}-{reboots}").into_bytes()));
        }
        if self.fqdn {
            // No flag, both RCODEs zero (RFC 4702 §2.1, §2.2), and a name in ASCII.
            let name = format!("c{number}.example");
            options.push((code::CLIENT_FQDN, [&[0, 0, 0], name.as_bytes()].concat()));
        }
        if self.vendor_class {
            options.push((code::VENDOR_CLASS, format!("maker{}", number % 3).into_bytes()));
        }
        if self.user_class {
            let class = [&[USER_CLASS.len() as u8], USER_CLASS.as_bytes()].concat();
            options.push((code::USER_CLASS, class));
        }
        let relays = self.relay_information(number);
        if is_relayed && !relays.is_empty() {
            options.push((code::RELAY_AGENT_INFORMATION, relays));
        }
        options
    }

    /// The same in DHCPv6.
    pub(super) fn options6(&self, number: u16) -> Vec<(u16, Vec<u8>)> {
        let mut options = Vec::new();
        let counted = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
        if self.fqdn {
            // No flag, and a name as in the DNS (RFC 4704 §4).
            let label = format!("c{number}");
            let name = [&[0, label.len() as u8], label.as_bytes(), b"\x07example\0"].concat();
            options.push((v6::code::CLIENT_FQDN, name));
        }
        if self.vendor_class {
            let class = [&[0, 0, 0, 9][..], &counted(&format!("maker{}", number % 3))].concat();
            options.push((v6::code::VENDOR_CLASS, class));
        }
        if self.user_class {
            options.push((v6::code::USER_CLASS, counted(USER_CLASS)));
        }
        options
    }

    /// What its relay adds in DHCPv6.
    pub(super) fn relay_options6(&self, number: u16) -> Vec<(u16, Vec<u8>)> {
        let mut options = Vec::new();
        if let Some(id) = self.circuit_id() {
            options.push((v6::code::INTERFACE_ID, id.into_bytes()));
        }
        if self.remote_id {
            let modem = [&[0, 0, 0, 9], format!("modem{number}").as_bytes()].concat();
            options.push((v6::code::REMOTE_ID, modem));
        }
        if self.subscriber_id {
            let seen = [&[0, 1], &super::places::hardware(number)[..]].concat();
            options.push((v6::code::CLIENT_LINK_LAYER, seen));
        }
        options
    }

    /// The relay's name for the client's port.
    pub(super) fn circuit_id(&self) -> Option<String> {
        self.port.map(|port| format!("port{port}"))
    }

    fn relay_information(&self, number: u16) -> Vec<u8> {
        let port = self.circuit_id().map(|id| (CIRCUIT_ID, id));
        let modem = self.remote_id.then(|| (REMOTE_ID, format!("modem{number}")));
        let subscriber = self.subscriber_id.then(|| (SUBSCRIBER_ID, format!("line{number}")));
        let mut octets = Vec::new();
        for (number, text) in [port, modem, subscriber].into_iter().flatten() {
            octets.extend([number, text.len() as u8]);
            octets.extend(text.as_bytes());
        }
        octets
    }
}
