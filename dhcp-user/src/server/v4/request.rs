//! DHCPREQUEST in its four states (RFC 2131 §4.3.2).
//!
//! | state | server identifier | requested address | ciaddr | refused by |
//! |---|---|---|---|---|
//! | SELECTING | ours | yes | no | NAK |
//! | INIT-REBOOT | no | yes | no | NAK; silence for a client we never saw |
//! | RENEWING, REBINDING | no | no | yes | NAK |
//!
//! A server that is not authoritative for the network says nothing in place of a NAK, but in
//! SELECTING, where the client has chosen it.
//!
//! Where a partner gives the addresses, too, it tells what it has done a moment after its client, so
//! our record may be behind, and a NAK could cost a client the lease it just got. What becomes of a
//! REQUEST that is [for us to answer](super::partner), by what the address is in our record:
//!
//! | here the address is | RENEWING, REBINDING | INIT-REBOOT | SELECTING |
//! |---|---|---|---|
//! | in another network | NAK | NAK | NAK |
//! | ACTIVE, the client's, though the partner granted it | ACK | ACK | ACK |
//! | ACTIVE, another's: that may not change without our consent | NAK | NAK | NAK |
//! | ABANDONED, or kept from this client by the configuration | NAK | NAK | NAK |
//! | available and ours, or taken over | ACK | ACK if it was the client's, else NAK | ACK |
//! | promised to another by an offer of ours | NAK | NAK | NAK |
//! | available and the partner's: it may have given it | silence | silence | silence |
//! | EXPIRED or RELEASED, the client's, the partner not told | ACK | ACK | ACK |
//! | EXPIRED or RELEASED otherwise, or RESET: the partner may have agreed, and given it on | silence | silence | silence |
//!
//! INIT-REBOOT of a client without a record is silence before all that. In RECOVER-DONE a client whose
//! ACTIVE lease it is gets an ACK when it extends it, and where the table has ACK otherwise silence.

use super::allocate::Candidate;
use super::exchange::{ATTEMPTS, Exchange, Output};
use super::grant::Lost;
use super::reply::{Told, nak, reply};
use crate::lease::Answers;
use crate::server::standing::Standing;
use crate::server::{Answer, DropReason};
use crate::wire::dhcpv4::MessageType;

const WRONG_NETWORK: &str = "wrong network";
const NOT_YOURS: &str = "address not available";

pub(super) fn request(
    exchange: &Exchange<'_>,
    output: &mut Output<'_>,
) -> Result<Answer, DropReason> {
    let names_us = exchange.names_us();
    if names_us == Some(false) && exchange.service.leniency.check_server_id {
        return Err(DropReason::OtherServer);
    }
    let is_selecting = names_us.is_some();
    let Some(address) = exchange.requested_address().or_else(|| exchange.client_address()) else {
        return without_address(exchange, output);
    };
    let may_refuse =
        is_selecting || exchange.link_layers().parameter(|p| p.authoritative).unwrap_or(true);
    let refuse = |why: &str, output: &mut Output<'_>| {
        if may_refuse { nak(exchange, why, output) } else { Err(DropReason::NotAuthoritative) }
    };
    let Some(site) = exchange.site(address) else {
        exchange.admit_to_link()?;
        return refuse(WRONG_NETWORK, output);
    };
    let view = exchange.admit(site)?;
    let is_rebooting = !is_selecting && exchange.client_address().is_none();
    if is_rebooting && !exchange.is_on_record() {
        // Another server may know it: it MUST NOT be disturbed.
        return Err(DropReason::UnknownClient);
    }
    for _ in 0..ATTEMPTS {
        // A renewal that we have no record of is granted if the address is free for its client:
        // it then is ours to give, and to refuse it would only cost the client its address.
        let Some(candidate) = exchange.look_in(site, address) else {
            return refuse(NOT_YOURS, output);
        };
        match candidate.standing {
            Standing::Taken => return refuse(NOT_YOURS, output),
            Standing::Partners => return Err(DropReason::PartnersAddress),
            _ if view.answers == Answers::Extensions && !candidate.is_extension() => {
                return Err(DropReason::NotInService);
            }
            _ => {}
        }
        // In INIT-REBOOT the client must have been right about its address.
        if is_rebooting && candidate.standing == Standing::Open && !exchange.is_reserved(address) {
            return refuse(NOT_YOURS, output);
        }
        if let Ok(answer) = acknowledge(exchange, &candidate, false, output) {
            return answer;
        }
    }
    Err(DropReason::Contended)
}

/// Leases the address and writes the ACK.
///
/// # Errors
/// `Lost` if another worker was faster.
pub(super) fn acknowledge(
    exchange: &Exchange<'_>,
    candidate: &Candidate<'_>,
    is_rapid: bool,
    output: &mut Output<'_>,
) -> Result<Result<Answer, DropReason>, Lost> {
    let layers = exchange.layers(candidate.site.base());
    let term = exchange.term(candidate, &layers);
    let reused = exchange.reused(candidate, &layers, &term, output.described);
    let times = match reused {
        Some(times) => {
            exchange.confirm(candidate, output);
            times
        }
        None => match exchange.grant(candidate, &term, output) {
            Ok(Ok(())) => term.times,
            Ok(Err(lost)) => return Err(lost),
            Err(reason) => {
                exchange.pass_over(candidate);
                return Ok(Err(reason));
            }
        },
    };
    let told = Told {
        kind: Some(MessageType::Ack),
        yiaddr: candidate.address,
        times: Some(times),
        mask: Some(candidate.site.subnet.mask()),
        layers,
        is_rapid,
        confirms: reused.is_some(),
    };
    Ok(reply(exchange, &told, output))
}

/// A REQUEST that names no address breaks RFC 2131 §4.3.2; where it is tolerated the client means
/// the address that it was offered.
fn without_address(exchange: &Exchange<'_>, output: &mut Output<'_>) -> Result<Answer, DropReason> {
    if !exchange.service.leniency.request_without_address {
        return Err(DropReason::Incomplete);
    }
    exchange.admit_to_link()?;
    for _ in 0..ATTEMPTS {
        let candidate = exchange.known().ok_or(DropReason::UnknownClient)?;
        if let Ok(answer) = acknowledge(exchange, &candidate, false, output) {
            return answer;
        }
    }
    Err(DropReason::Contended)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::testing::{SERVER, Server, client};
    use super::*;
    use crate::lease::{BindingStatus, ItemKind};
    use crate::server::Destination;
    use crate::wire::dhcpv4::BROADCAST_FLAG;
    use crate::wire::option::code;
    use crate::wire::{Seconds, Stamp};

    const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    /// RFC 2131 §4.3.2, SELECTING; table 3 for the fields.
    #[test]
    fn the_offered_address_is_leased_and_journalled_before_the_ack() {
        let mut server = Server::small("", "");
        let offer = server.hear(&client(1).discover());
        assert_eq!(offer.changes, [], "an offer may be forgotten");
        let ack = server.hear(&client(1).selecting(offer.yiaddr()));
        assert_eq!(ack.kind(), Some(MessageType::Ack));
        assert_eq!(ack.yiaddr(), offer.yiaddr());
        assert_eq!(ack.ciaddr(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(ack.number(code::LEASE_TIME), Some(3600));
        assert_eq!(ack.number(code::RENEWAL_TIME), Some(1800));
        assert_eq!(ack.number(code::REBINDING_TIME), Some(3150));
        assert_eq!(ack.option(code::SERVER_IDENTIFIER).unwrap(), SERVER.octets());
        let [change] = &ack.changes[..] else { panic!("{:?}", ack.changes) };
        assert_eq!(change.resource, ack.yiaddr().into());
        assert_eq!(change.binding.status, BindingStatus::Active);
        assert_eq!(change.binding.expires, server.now.after(Seconds(3600)));
        assert_eq!(server.binding(ack.yiaddr()).as_ref(), Some(&change.binding));
    }

    #[test]
    fn who_chose_another_server_hears_nothing_from_this_one() {
        let mut server = Server::small("", "");
        let other = client(1).selecting(ip(10)).option(code::SERVER_IDENTIFIER, &[10, 0, 0, 2]);
        assert_eq!(server.hear(&other).dropped(), Some(DropReason::OtherServer));
        let mut lenient = Server::small("[leniency]\ncheck-server-id = false", "");
        assert_eq!(lenient.hear(&other).kind(), Some(MessageType::Ack));
    }

    /// RFC 2131 §3.1 step 4, and §4.1: without a relay a NAK is broadcast.
    #[test]
    fn who_chose_us_but_another_was_faster_gets_a_nak() {
        let mut server = Server::small("", "");
        let taken = server.lease(&client(1));
        let nak = server.hear(&client(2).selecting(taken));
        assert_eq!(nak.kind(), Some(MessageType::Nak));
        assert_eq!(nak.to(), Destination::Broadcast);
        assert_eq!(nak.yiaddr(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(nak.codes(), [code::MESSAGE_TYPE, code::SERVER_IDENTIFIER, code::MESSAGE]);
        assert_eq!(nak.changes, []);
    }

    #[test]
    fn a_request_without_an_address_is_dropped_unless_that_is_tolerated() {
        let bare = client(1).selecting(ip(10)).without(code::REQUESTED_ADDRESS);
        let mut strict = Server::small("", "");
        assert_eq!(strict.hear(&bare).dropped(), Some(DropReason::Incomplete));
        let mut lenient = Server::small("[leniency]\nrequest-without-address = true", "");
        assert_eq!(lenient.hear(&bare).dropped(), Some(DropReason::UnknownClient));
        let offer = lenient.hear(&client(1).discover());
        assert_eq!(lenient.hear(&bare).yiaddr(), offer.yiaddr());
    }

    /// RFC 2131 §4.3.2, INIT-REBOOT.
    #[test]
    fn a_rebooting_client_that_is_right_gets_its_address_again() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        server.pass(100);
        let ack = server.hear(&client(1).rebooting(address));
        assert_eq!((ack.kind(), ack.yiaddr()), (Some(MessageType::Ack), address));
        server.pass(7200);
        let late = server.hear(&client(1).rebooting(address));
        assert_eq!(late.kind(), Some(MessageType::Ack), "nobody else had it meanwhile");
    }

    #[test]
    fn a_rebooting_client_that_is_wrong_gets_a_nak() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        let wrong = if address == ip(15) { ip(16) } else { ip(15) };
        assert_eq!(server.hear(&client(1).rebooting(wrong)).kind(), Some(MessageType::Nak));
        assert_eq!(server.hear(&client(1).rebooting(ELSEWHERE)).kind(), Some(MessageType::Nak));
        assert_eq!(
            server.hear(&client(7).rebooting(ELSEWHERE)).kind(),
            Some(MessageType::Nak),
            "a wrong network is wrong for everybody"
        );
    }

    /// RFC 2131 §4.3.2: "it MUST remain silent".
    #[test]
    fn a_rebooting_client_that_we_never_saw_hears_nothing() {
        let mut server = Server::small("", "");
        let unknown = server.hear(&client(1).rebooting(ip(15)));
        assert_eq!(unknown.dropped(), Some(DropReason::UnknownClient));
    }

    #[test]
    fn without_authority_there_is_silence_in_place_of_a_nak() {
        let mut server = Server::small("authoritative = false", "");
        let taken = server.lease(&client(1));
        for packet in [
            client(2).rebooting(ELSEWHERE),
            client(2).rebinding(ELSEWHERE),
            client(2).rebinding(taken),
        ] {
            assert_eq!(server.hear(&packet).dropped(), Some(DropReason::NotAuthoritative));
        }
        let chosen = server.hear(&client(2).selecting(taken));
        assert_eq!(chosen.kind(), Some(MessageType::Nak), "it waits for our word");
    }

    /// RFC 2131 §4.3.2, RENEWING; §4.1: to `ciaddr`.
    #[test]
    fn a_renewal_extends_the_lease_and_is_answered_where_the_client_is() {
        let mut server = Server::small("", "");
        let address = server.lease(&client(1));
        let granted = server.binding(address).unwrap();
        server.pass(1800);
        let ack = server.hear(&client(1).renewing(address));
        assert_eq!(ack.kind(), Some(MessageType::Ack));
        assert_eq!((ack.yiaddr(), ack.ciaddr()), (address, address));
        assert_eq!(ack.to(), Destination::Unicast { address });
        let renewed = server.binding(address).unwrap();
        assert_eq!(renewed.expires, Stamp(granted.expires.0 + 1800));
        assert_eq!(renewed.starts, granted.starts, "it is the same lease");
        assert_eq!(renewed.client, granted.client);
        assert!(renewed.version > granted.version);
    }

    #[test]
    fn a_renewal_of_what_another_has_is_refused() {
        let mut server = Server::small("", "");
        let taken = server.lease(&client(1));
        for packet in [client(2).renewing(taken), client(2).rebinding(taken)] {
            let nak = server.hear(&packet);
            assert_eq!((nak.kind(), nak.to()), (Some(MessageType::Nak), Destination::Broadcast));
        }
        assert_eq!(server.hear(&client(2).rebinding(ELSEWHERE)).kind(), Some(MessageType::Nak));
    }

    /// After the loss of all records, say: the address is the client's own to this day.
    #[test]
    fn a_rebinding_client_that_we_do_not_know_keeps_an_address_that_is_free() {
        let mut server = Server::small("", "");
        let ack = server.hear(&client(1).rebinding(ip(12)));
        assert_eq!((ack.kind(), ack.yiaddr()), (Some(MessageType::Ack), ip(12)));
        let unpooled = server.hear(&client(2).rebinding(ip(200)));
        assert_eq!(unpooled.kind(), Some(MessageType::Nak));
    }

    /// RFC 2131 §4.3.2: the client may not be on the link that it thinks it is on.
    #[test]
    fn a_nak_through_a_relay_has_the_broadcast_flag() {
        let mut server = Server::small("", "");
        let nak = server.hear(&client(1).rebooting(ELSEWHERE).through([10, 0, 0, 254]));
        assert_eq!(nak.kind(), Some(MessageType::Nak));
        assert_eq!(nak.to(), Destination::Relay { address: ip(254), port: 67 });
        assert_eq!(nak.flags(), BROADCAST_FLAG);
    }

    #[test]
    fn an_early_renewal_is_told_what_is_left_and_changes_nothing() {
        let mut server = Server::small("reuse-permille = 250", "");
        let address = server.lease(&client(1));
        server.pass(899);
        let early = server.hear(&client(1).renewing(address));
        assert_eq!(early.changes, []);
        assert_eq!(early.number(code::LEASE_TIME), Some(2701));
        assert_eq!(early.number(code::RENEWAL_TIME), Some(1350));
        server.pass(1);
        let due = server.hear(&client(1).renewing(address));
        assert_eq!(due.changes.len(), 1);
        assert_eq!(due.number(code::LEASE_TIME), Some(3600));
    }

    #[test]
    fn an_early_renewal_that_says_something_new_is_granted_anew() {
        let mut server = Server::small("reuse-permille = 500\nmin-lease-time = \"60s\"", "");
        let address = server.lease(&client(1));
        server.pass(10);
        let named = server.hear(&client(1).renewing(address).option(code::HOST_NAME, b"box"));
        assert_eq!(named.changes.len(), 1);
        let shorter = client(1).renewing(address).option(code::HOST_NAME, b"box");
        let shorter = server.hear(&shorter.option(code::LEASE_TIME, &600_u32.to_be_bytes()));
        assert_eq!(shorter.number(code::LEASE_TIME), Some(600));
    }

    /// A renewal by unicast passes the relay, and with it option 82, by.
    #[test]
    fn what_the_relay_said_of_a_client_outlives_its_renewals_by_unicast() {
        let identity = "identity = [\"circuit-id\"]";
        let mut server = Server::small(identity, "");
        let port = client(1).through([10, 0, 0, 254]).relayed(&[(1, b"port 7"), (2, b"modem")]);
        let address = server.lease(&port);
        let granted = server.binding(address).unwrap();
        server.pass(1800);
        let ack = server.hear(&client(1).renewing(address));
        assert_eq!((ack.kind(), ack.yiaddr()), (Some(MessageType::Ack), address));
        let renewed = server.binding(address).unwrap();
        assert_eq!(renewed.client, granted.client);
        let thief = server.hear(&client(2).renewing(address));
        assert_eq!(thief.kind(), Some(MessageType::Nak));
    }

    #[test]
    fn the_time_asked_for_is_kept_within_the_bounds() {
        let bounds = "min-lease-time = \"10m\"\nmax-lease-time = \"2h\"";
        let mut server = Server::small(bounds, "");
        for (asked, told) in [(5, 600), (4000, 4000), (9999, 7200), (u32::MAX, 7200)] {
            let packet = client(1).discover().option(code::LEASE_TIME, &u32::to_be_bytes(asked));
            assert_eq!(server.hear(&packet).number(code::LEASE_TIME), Some(told), "asked {asked}");
        }
    }

    /// The grant may be in the table and not yet in its worker's ring when another worker sees it.
    #[test]
    fn a_lease_told_again_rests_on_its_record_whichever_worker_granted_it() {
        let mut server = Server::small("reuse-permille = 250", "");
        let address = server.lease(&client(1));
        let again = server.hear(&client(1).renewing(address));
        assert_eq!((again.confirms(), again.changes.len()), (true, 0), "in the ring before it");

        server.hand_to(1);
        let elsewhere = server.hear(&client(1).renewing(address));
        let granted = server.binding(address).unwrap();
        let [change] = &elsewhere.changes[..] else { panic!("{:?}", elsewhere.changes) };
        assert_eq!(
            (change.resource, &change.binding),
            (address.into(), &granted),
            "as it was granted"
        );
    }

    /// RFC 3046, RFC 4702: for operators, and for whoever asks about leases.
    #[test]
    fn a_lease_remembers_what_the_client_calls_itself_and_all_that_its_relay_said() {
        let mut server = Server::small("", "");
        let fqdn = b"\x00\x00\x00box.example";
        let named = client(1).option(code::HOST_NAME, b"box").option(code::CLIENT_FQDN, fqdn);
        let through = |sub_options: &[(u8, &[u8])]| {
            named.clone().through([10, 0, 0, 254]).relayed(sub_options)
        };
        let address = server.lease(&through(&[(1, b"port"), (2, b"modem"), (6, b"alice")]));
        let stored = |server: &Server, kind| {
            let client = server.binding(address)?.client?;
            client.item(kind).map(<[u8]>::to_vec)
        };
        assert_eq!(stored(&server, ItemKind::HostName).unwrap(), b"box");
        assert_eq!(stored(&server, ItemKind::Fqdn).unwrap(), fqdn);
        let whole = stored(&server, ItemKind::RelayInformation).unwrap();
        assert_eq!(whole, b"\x01\x04port\x02\x05modem\x06\x05alice");

        server.hear(&named.clone().renewing(address));
        assert_eq!(stored(&server, ItemKind::RelayInformation), Some(whole), "past the relay");

        server.hear(&through(&[(1, b"port"), (2, b"modem")]).selecting(address));
        assert_eq!(stored(&server, ItemKind::RelayInformation), None, "says nothing more");

        server
            .hear(&named.relayed(&[(6, &[b'x'; 200])]).through([10, 0, 0, 254]).selecting(address));
        assert_eq!(stored(&server, ItemKind::RelayInformation), None, "too long");
        assert_eq!(stored(&server, ItemKind::HostName).unwrap(), b"box");
    }
}
