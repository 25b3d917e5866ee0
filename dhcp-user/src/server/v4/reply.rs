//! What stands in a reply (RFC 2131 §4.3.1, table 3), and where it goes (§4.1).

use std::net::Ipv4Addr;

use super::exchange::{Exchange, Output};
use crate::server::options::{CodeSet, Layers};
use crate::server::times::Times;
use crate::server::{Answer, Destination, DropReason, Reply};
use crate::wire::dhcpv4::{MIN_LEN, MessageType, SERVER_PORT, Writer};
use crate::wire::fqdn::Fqdn;
use crate::wire::option::code;
use crate::wire::{Full, HardwareAddress, Seconds};

/// Client machine identifier of a network boot (RFC 4578 §2.3).
const CLIENT_MACHINE_IDENTIFIER: u8 = 97;

/// Sent whether asked for or not, where the configuration has them: without these most clients are
/// of little use, and not all of them ask.
const UNASKED: [u8; 3] = [code::ROUTERS, code::DOMAIN_NAME_SERVERS, code::DOMAIN_NAME];

/// Ours to say, or the client's; never the configuration's. But for the subnet mask, which goes in
/// front of all that the configuration says.
const OWN: CodeSet = CodeSet::of(&[
    code::PAD,
    code::SUBNET_MASK,
    code::REQUESTED_ADDRESS,
    code::LEASE_TIME,
    code::OPTION_OVERLOAD,
    code::MESSAGE_TYPE,
    code::SERVER_IDENTIFIER,
    code::PARAMETER_REQUEST_LIST,
    code::MAX_MESSAGE_SIZE,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::CLIENT_IDENTIFIER,
    code::RAPID_COMMIT,
    code::CLIENT_FQDN,
    code::RELAY_AGENT_INFORMATION,
    code::SUBNET_SELECTION,
    CLIENT_MACHINE_IDENTIFIER,
    code::END,
]);

/// What a reply tells, beside what the request determines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// `None` for a BOOTP reply.
    pub(super) kind: Option<MessageType>,
    /// The client's address; unspecified in the answer to INFORM.
    pub(super) yiaddr: Ipv4Addr,
    /// `None` where no lease is told of: INFORM, BOOTP.
    pub(super) times: Option<Times>,
    /// The subnet's, unless the configuration says otherwise.
    pub(super) mask: Option<Ipv4Addr>,
    pub(super) layers: Layers<'a>,
    /// Whether this ACK answers a DISCOVER (RFC 4039).
    pub(super) is_rapid: bool,
    /// Whether an earlier grant is told again, and nothing changes.
    pub(super) confirms: bool,
}

/// Writes a reply.
///
/// # Errors
/// `ReplyTooLong` if not even what it cannot do without has room.
pub(super) fn reply(
    exchange: &Exchange<'_>,
    told: &Told<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    if output.reply.len() < MIN_LEN {
        return Err(DropReason::ReplyTooLong);
    }
    let message = &exchange.message;
    // `ciaddr` is the client's own word; an OFFER leaves it zero (table 3).
    let ciaddr = match told.kind {
        Some(MessageType::Offer) => Ipv4Addr::UNSPECIFIED,
        _ => message.ciaddr(),
    };
    let mut writer = Writer::reply(output.reply, message);
    writer.ciaddr(ciaddr).yiaddr(told.yiaddr);
    echo_relay_information(exchange, &mut writer);
    boot(&mut writer, &told.layers);
    let mut options = Options { exchange, told, writer: &mut writer, done: OWN };
    options.essential().map_err(|Full| DropReason::ReplyTooLong)?;
    options.configured();
    let len = writer.finish();
    let is_inform = exchange.kind == Some(MessageType::Inform);
    let known = if is_inform { exchange.informed_address() } else { Some(ciaddr) };
    let to = destination(exchange, told.yiaddr, known.unwrap_or(ciaddr));
    Ok(Answer::Reply(Reply { len, from: exchange.from, to, confirms: told.confirms }))
}

/// Writes a DHCPNAK, with a word for whoever reads the packet.
pub(super) fn nak(
    exchange: &Exchange<'_>,
    why: &str,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    if output.reply.len() < MIN_LEN {
        return Err(DropReason::ReplyTooLong);
    }
    let mut writer = Writer::reply(output.reply, &exchange.message);
    echo_relay_information(exchange, &mut writer);
    let giaddr = exchange.message.giaddr();
    let to = if giaddr.is_unspecified() {
        Destination::Broadcast // §4.1: "in all cases"
    } else {
        // The client may hold an address that its link does not carry (§4.3.2).
        writer.broadcast();
        relay_destination(exchange, giaddr)
    };
    let identifier = exchange.message.option(code::CLIENT_IDENTIFIER);
    writer
        .push(code::MESSAGE_TYPE, &[MessageType::Nak as u8])
        .and_then(|()| writer.push_address(code::SERVER_IDENTIFIER, exchange.server_identifier()))
        .and_then(|()| match identifier.filter(|_| !exchange.service.leniency.no_client_id_echo) {
            Some(identifier) => writer.push(code::CLIENT_IDENTIFIER, identifier),
            None => Ok(()),
        })
        .map_err(|Full| DropReason::ReplyTooLong)?;
    // Nobody misses the text.
    let _ = writer.push(code::MESSAGE, why.as_bytes());
    let len = writer.finish();
    Ok(Answer::Reply(Reply { len, from: exchange.from, to, confirms: false }))
}

/// Whole and as it came (RFC 3046 §2.2); without room for it, the reply goes without it.
fn echo_relay_information<'a>(exchange: &Exchange<'a>, writer: &mut Writer<'a>) {
    if let Some(relay) = exchange.relay {
        let _ = writer.relay_information(relay.octets());
    }
}

/// `siaddr`, `sname` and `file`.
fn boot(writer: &mut Writer<'_>, layers: &Layers<'_>) {
    if let Some(next_server) = layers.parameter(|p| p.next_server) {
        writer.siaddr(next_server);
    }
    // The configuration lets no name pass that is too long for its field.
    if let Some(name) = layers.parameter(|p| p.server_name.as_deref()) {
        let _ = writer.sname(name.as_bytes());
    }
    if let Some(file) = layers.parameter(|p| p.boot_file.as_deref()) {
        let _ = writer.file(file.as_bytes());
    }
}

fn destination(exchange: &Exchange<'_>, yiaddr: Ipv4Addr, ciaddr: Ipv4Addr) -> Destination {
    let message = &exchange.message;
    let hardware = message.hardware();
    let has_mac = hardware.kind() == HardwareAddress::ETHERNET && hardware.octets().len() == 6;
    if !message.giaddr().is_unspecified() {
        relay_destination(exchange, message.giaddr())
    } else if exchange.service.leniency.always_broadcast {
        Destination::Broadcast
    } else if !ciaddr.is_unspecified() {
        Destination::Unicast { address: ciaddr }
    } else if message.is_broadcast() || yiaddr.is_unspecified() || !has_mac {
        Destination::Broadcast
    } else {
        Destination::Client { address: yiaddr, hardware }
    }
}

fn relay_destination(exchange: &Exchange<'_>, giaddr: Ipv4Addr) -> Destination {
    // RFC 8357 §5.4.
    let asked = exchange.relay.is_some_and(|relay| relay.has_source_port());
    let port = if asked { exchange.arrival.source_port } else { SERVER_PORT };
    Destination::Relay { address: giaddr, port }
}

/// The options of one reply, as they are written.
struct Options<'x, 'a, 'w, 'b> {
    exchange: &'x Exchange<'a>,
    told: &'x Told<'a>,
    writer: &'w mut Writer<'b>,
    /// Written already, or never to be written from the configuration.
    done: CodeSet,
}

impl Options<'_, '_, '_, '_> {
    /// What a reply cannot do without, in the order in which clients expect it.
    fn essential(&mut self) -> Result<(), Full> {
        let message = &self.exchange.message;
        // RFC 2563 §2.3: only to a client that speaks of it.
        if message.option(code::AUTO_CONFIGURE).is_none() {
            self.done.insert(code::AUTO_CONFIGURE);
        }
        if let Some(kind) = self.told.kind {
            self.writer.push(code::MESSAGE_TYPE, &[kind as u8])?;
            self.writer.push_address(code::SERVER_IDENTIFIER, self.exchange.server_identifier())?;
        }
        if let Some(times) = self.told.times {
            self.writer.push_u32(code::LEASE_TIME, times.lease.0)?;
            if times.lease != Seconds::INFINITE {
                self.writer.push_u32(code::RENEWAL_TIME, times.renew.0)?;
                self.writer.push_u32(code::REBINDING_TIME, times.rebind.0)?;
            }
        }
        // Before the routers (RFC 2132 §3.3).
        match (self.told.layers.option(code::SUBNET_MASK), self.told.mask) {
            (Some(mask), _) => self.writer.push(code::SUBNET_MASK, mask)?,
            (None, Some(mask)) => self.writer.push_address(code::SUBNET_MASK, mask)?,
            (None, None) => {}
        }
        // RFC 6842 §3, RFC 4578 §2.3, RFC 3011 §2: as the client sent them.
        for (echoed, is_wanted) in [
            (code::CLIENT_IDENTIFIER, !self.exchange.service.leniency.no_client_id_echo),
            (CLIENT_MACHINE_IDENTIFIER, true),
            (code::SUBNET_SELECTION, true),
        ] {
            if let Some(data) =
                message.option(echoed).filter(|_| is_wanted && self.told.kind.is_some())
            {
                self.writer.push(echoed, data)?;
            }
        }
        if self.told.is_rapid {
            self.writer.push(code::RAPID_COMMIT, &[])?;
        }
        Ok(())
    }

    /// What the client asked for, in its order (RFC 2132 §9.8), then what it gets all the same. One
    /// that has no room is left out; a smaller one behind it may still fit.
    fn configured(&mut self) {
        self.fqdn();
        match self.exchange.message.option(code::PARAMETER_REQUEST_LIST) {
            Some(asked) => {
                asked.iter().chain(&UNASKED).for_each(|code| self.put(*code));
            }
            None => {
                // RFC 8925 §3.3: never to a client that does not ask.
                self.done.insert(code::IPV6_ONLY_PREFERRED);
                // Before the routers, which it overrides (RFC 3442).
                self.put(code::CLASSLESS_ROUTES);
                UNASKED.iter().for_each(|code| self.put(*code));
                self.put(code::HOST_NAME);
                self.told.layers.codes().iter().for_each(|code| self.put(code));
            }
        }
        self.put(code::AUTO_CONFIGURE);
    }

    fn put(&mut self, code: u8) {
        if !self.done.insert(code) {
            return;
        }
        let reserved = self.exchange.reservation.filter(|_| code == code::HOST_NAME);
        let host_name =
            reserved.and_then(|reserved| reserved.host_name.as_deref()).map(str::as_bytes);
        if let Some(data) = host_name.or_else(|| self.told.layers.option(code)) {
            let _ = self.writer.push(code, data);
        }
    }

    /// Answers option 81: nobody here updates the DNS, and the answer says so (RFC 4702 §4).
    fn fqdn(&mut self) {
        let asked = self.exchange.message.option(code::CLIENT_FQDN).map(Fqdn::parse);
        if let Some(Ok(asked)) = asked {
            let domain = self.told.layers.option(code::DOMAIN_NAME);
            let domain = domain.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
            let _ = self.writer.push(code::CLIENT_FQDN, asked.answer(domain.as_ref()).octets());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Packet, SERVER, Server, client};
    use super::*;

    const RICH: &str = r#"
        [[interface]]
        name = "eth0"
        [[subnet4]]
        subnet = "10.0.0.0/24"
        pools = ["10.0.0.10-10.0.0.19"]
        options = { routers = ["10.0.0.1"], domain-name-servers = ["10.0.0.53"], domain-name = "example.org", ntp-servers = ["10.0.0.4"], ipv6-only-preferred = 1800, classless-routes = ["192.168.0.0/16 via 10.0.0.9"], captive-portal = "https://portal.example" }
    "#;
    /// IANA: option 42.
    const NTP_SERVERS: u8 = 42;

    fn asking(codes: &[u8]) -> Packet {
        client(1).discover().option(code::PARAMETER_REQUEST_LIST, codes)
    }

    /// RFC 2132 §9.8: "in the order in which the client requested them, if possible".
    #[test]
    fn options_stand_in_the_order_asked_for_behind_those_that_every_reply_has() {
        let mut server = Server::new(RICH);
        let offer = server.hear(&asking(&[42, 121, 3, 42, 1, 200, 108]));
        assert_eq!(
            offer.codes(),
            [53, 54, 51, 58, 59, 1, NTP_SERVERS, 121, 3, 108, 6, 15],
            "what was not asked for comes last, and only what few can do without"
        );
    }

    /// RFC 3442, RFC 8925 §3.3.
    #[test]
    fn a_client_without_a_list_gets_everything_but_what_it_must_ask_for() {
        let mut server = Server::new(RICH);
        let codes = server.hear(&client(1).discover()).codes();
        assert_eq!(codes, [53, 54, 51, 58, 59, 1, 121, 3, 6, 15, NTP_SERVERS, 114]);
    }

    /// RFC 6842 §3, RFC 3046 §2.2, RFC 4578 §2.3.
    #[test]
    fn what_names_the_client_is_echoed_and_option_82_whole_at_the_end() {
        let mut server = Server::small("", "");
        let packet = asking(&[3])
            .option(code::CLIENT_IDENTIFIER, b"\xffsome-duid")
            .option(CLIENT_MACHINE_IDENTIFIER, &[0; 17])
            .through([10, 0, 0, 254])
            .relayed(&[(1, b"port"), (151, b"\0vpn"), (2, b"")]);
        let offer = server.hear(&packet);
        assert_eq!(offer.option(code::CLIENT_IDENTIFIER).unwrap(), b"\xffsome-duid");
        assert_eq!(offer.option(CLIENT_MACHINE_IDENTIFIER).unwrap(), [0; 17]);
        assert_eq!(offer.codes().last(), Some(&code::RELAY_AGENT_INFORMATION));
        let echoed = offer.option(code::RELAY_AGENT_INFORMATION).unwrap();
        assert_eq!(echoed, b"\x01\x04port\x97\x04\0vpn\x02\x00");
        let mut older = Server::small("[leniency]\nno-client-id-echo = true", "");
        assert_eq!(older.hear(&packet).option(code::CLIENT_IDENTIFIER), None);
    }

    /// RFC 5107 §4.
    #[test]
    fn a_relay_may_stand_in_for_the_server() {
        let mut server = Server::small("", "");
        let relayed =
            |packet: Packet| packet.through([10, 0, 0, 254]).relayed(&[(11, &[10, 0, 0, 254])]);
        let offer = server.hear(&relayed(client(1).discover()));
        assert_eq!(offer.option(code::SERVER_IDENTIFIER).unwrap(), [10, 0, 0, 254]);
        let Answer::Reply(reply) = offer.answer else { panic!("{:?}", offer.answer) };
        assert_eq!(reply.from, SERVER);
        let request = client(1).selecting(offer.yiaddr());
        let request = relayed(request).option(code::SERVER_IDENTIFIER, &[10, 0, 0, 254]);
        assert_eq!(server.hear(&request).kind(), Some(MessageType::Ack));
    }

    /// RFC 2131 §4.1: what does not fit goes to `file` and `sname`, and no further.
    #[test]
    fn a_reply_is_no_longer_than_its_client_takes() {
        let texts: Vec<String> =
            (224..=240).map(|code| format!("{code} = \"0x{}\"", "ab".repeat(60))).collect();
        let options = format!("options = {{ {} }}", texts.join(", "));
        let mut server = Server::small(&options, "");
        let all: Vec<u8> = (224..=240).collect();
        let small = server.hear(&asking(&all));
        assert!(small.octets.len() <= 548, "{} octets", small.octets.len());
        assert!(small.octets[44..236].contains(&0xab), "file and sname are used");
        let large =
            server.hear(&asking(&all).option(code::MAX_MESSAGE_SIZE, &1500_u16.to_be_bytes()));
        assert!(all.iter().all(|code| large.codes().contains(code)));
        assert!(small.codes().len() < large.codes().len());
    }

    /// RFC 4702 §4: N set, S clear, O where the client wanted otherwise.
    #[test]
    fn a_client_is_told_that_nobody_updates_the_dns_for_it() {
        let mut server = Server::new(RICH);
        let offer = server.hear(&asking(&[1]).option(code::CLIENT_FQDN, b"\x05\0\0\x03box"));
        let mut expected = vec![0b1110, 255, 255];
        expected.extend(b"\x03box\x07example\x03org\0");
        assert_eq!(offer.option(code::CLIENT_FQDN).unwrap(), expected);
        let broken = server.hear(&asking(&[1]).option(code::CLIENT_FQDN, b"\x04\0\0\x3fbox"));
        assert_eq!(broken.option(code::CLIENT_FQDN), None);
    }
}
