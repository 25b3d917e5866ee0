//! What must hold for any octets at all, a function for each parser. None of them may panic; what
//! was read and is written again must read the same.

mod answer;
mod answer6;
mod configuration;
mod dhcpv6;
mod failover6_message;
mod failover_endpoint;
mod failover_message;
mod journal;

pub use answer::answer;
pub use answer6::answer6;
pub use configuration::configuration;
pub use dhcpv6::dhcpv6;
pub use failover_endpoint::{failover_endpoint, failover6_endpoint};
pub use failover_message::failover_message;
pub use failover6_message::failover6_message;
pub use journal::journal;

use dhcp_user::wire::dhcpv4::{MIN_LEN, Message, Scratch, Writer};
use dhcp_user::wire::dns::{self, Name, Names};
use dhcp_user::wire::fqdn::Fqdn;
use dhcp_user::wire::frame::{AnyFrame, Envelope, Frame, Internet};
use dhcp_user::wire::option::{self, code};
use dhcp_user::wire::relay::RelayInformation;
use dhcp_user::wire::{WireError, arp, icmp};

/// A frame that parses, sealed again around its payload, parses to the same.
pub fn frame(octets: &[u8]) {
    let _ = arp::Holder::parse(octets);
    let _ = icmp::Reply::parse(octets);
    match AnyFrame::parse(octets) {
        Ok(AnyFrame::V4(frame)) => seal_again(&frame, |octets| Frame::parse(octets)),
        Ok(AnyFrame::V6(frame)) => seal_again(&frame, |octets| Frame::parse_v6(octets)),
        Err(_) => {}
    }
}

fn seal_again<A: Internet>(
    frame: &Frame<'_, A>,
    parse: fn(&[u8]) -> Result<Frame<'_, A>, WireError>,
) {
    let envelope = Envelope {
        source: frame.source,
        destination: frame.destination,
        tags: frame.tags,
        source_ip: frame.source_ip,
        destination_ip: frame.destination_ip,
        source_port: frame.source_port,
        destination_port: frame.destination_port,
    };
    let mut sealed = vec![0xa5; envelope.headers_len() + frame.payload.len() + 60];
    sealed[envelope.headers_len()..][..frame.payload.len()].copy_from_slice(frame.payload);
    let len = envelope.seal(&mut sealed, frame.payload.len());
    let again = parse(&sealed[..len]).expect("what was sealed is sound");
    assert_eq!(again.payload, frame.payload);
    assert_eq!(
        (again.source, again.destination, again.tags),
        (frame.source, frame.destination, frame.tags)
    );
    assert_eq!(
        (again.source_ip, again.destination_ip, again.source_port, again.destination_port),
        (frame.source_ip, frame.destination_ip, frame.source_port, frame.destination_port)
    );
}

/// A message that parses is answered within its limit, with those of its own options that fit.
pub fn dhcpv4(octets: &[u8]) {
    let mut scratch = Scratch::new();
    let Ok(message) = Message::parse(octets, &mut scratch) else { return };
    let _ = (message.op(), message.htype(), message.hops(), message.xid(), message.secs());
    let _ = (message.ciaddr(), message.yiaddr(), message.siaddr(), message.is_broadcast());
    let _ = (message.sname(), message.file(), message.message_type());
    let total: usize = message.options().map(|(_, data)| data.len()).sum();
    assert!(total <= octets.len(), "options have more octets than their message");
    for (code, data) in message.options() {
        assert_eq!(message.option(code), Some(data));
        let _ = option::describe(code, data);
    }

    let mut buffer = vec![0xa5; MIN_LEN.max(octets.len() + 64)];
    let mut taken = Vec::new();
    let mut writer = Writer::reply(&mut buffer, &message);
    let relay = message.option(code::RELAY_AGENT_INFORMATION).filter(|data| !data.is_empty());
    if let Some(data) = relay
        && writer.relay_information(data).is_ok()
    {
        taken.push((code::RELAY_AGENT_INFORMATION, data));
    }
    for (code, data) in message.options() {
        let has_own_way = [code::OPTION_OVERLOAD, code::RELAY_AGENT_INFORMATION].contains(&code);
        if !has_own_way && writer.push(code, data).is_ok() {
            taken.push((code, data));
        }
    }
    let len = writer.finish();
    let mut scratch = Scratch::new();
    let reply = Message::parse(&buffer[..len], &mut scratch).expect("what was written is sound");
    assert_eq!((reply.xid(), reply.giaddr()), (message.xid(), message.giaddr()));
    assert_eq!((reply.hardware(), reply.chaddr()), (message.hardware(), message.chaddr()));
    for (code, data) in &taken {
        assert_eq!(reply.option(*code), Some(*data), "option {code}");
    }
    let overload = usize::from(reply.option(code::OPTION_OVERLOAD).is_some());
    assert_eq!(reply.options().len(), taken.len() + overload);
}

/// Relay information that parses is nothing but its sub-options.
pub fn relay(octets: &[u8]) {
    let _ = option::describe(code::RELAY_AGENT_INFORMATION, octets);
    let Ok(information) = RelayInformation::parse(octets) else { return };
    let written: Vec<u8> = information
        .iter()
        .flat_map(|(code, data)| [&[code, data.len() as u8], data].concat())
        .collect();
    assert_eq!(written, octets);
    for (code, _) in information.iter() {
        assert!(information.sub_option(code).is_some());
    }
    let _ = (information.circuit_id(), information.remote_id(), information.subscriber_id());
    let _ = (information.link_selection(), information.server_id_override());
}

/// Names that parse read back from their text and their compressed form; a client FQDN's answer
/// parses to the same name.
pub fn dns(octets: &[u8]) {
    if let Ok(names) = Names::new(octets).collect::<Result<Vec<Name>, _>>() {
        for name in &names {
            assert_eq!(name.to_string().parse(), Ok(*name));
        }
        let compressed = dns::compressed(&names);
        assert_eq!(Names::new(&compressed).collect::<Result<Vec<_>, _>>(), Ok(names));
    }
    if let Ok(fqdn) = Fqdn::parse(octets) {
        let answer = fqdn.answer(None);
        let again = Fqdn::parse(answer.octets()).expect("what was answered is sound");
        assert_eq!(again.name, fqdn.name);
        let domain = "example.net".parse().expect("a name");
        let completed = fqdn.answer(Some(&domain));
        assert!(Fqdn::parse(completed.octets()).is_ok());
    }
}
