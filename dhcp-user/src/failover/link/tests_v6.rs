//! Two links of DHCPv6 (RFC 8156 §6.1), or a link and a partner that misbehaves.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::fixture::{Authority, both_v6, clock, open, settings, up};
use super::{Arrived, Link, LinkEvent};
use crate::failover::{Lost, Role};
use crate::wire::failover::{self, Reject, Rejection};
use crate::wire::failover6::Message;

/// The next message.
async fn hear(link: &mut Link) -> Arrived {
    let LinkEvent::Packets(packets) = link.next().await else { panic!("no message") };
    let [(_, packet)] = <[_; 1]>::try_from(packets).expect("one message");
    packet
}

async fn hear_v6(link: &mut Link) -> (u32, Message) {
    match hear(link).await {
        Arrived::V6(packet) => {
            assert_eq!(packet.sent, Some(clock()()));
            (packet.xid, packet.message)
        }
        Arrived::V4(packet) => panic!("{packet:?}"),
    }
}

#[tokio::test]
async fn the_primary_connects_and_both_speak() {
    let [mut one, mut other] = both_v6().map(open);
    let (at_one, at_other) = tokio::join!(up(&mut one), up(&mut other));
    assert_eq!((at_one.mclt, at_one.max_unacked), (at_other.mclt, at_other.max_unacked));
    one.send(7, Message::UpdateRequest);
    assert_eq!(hear_v6(&mut other).await, (7, Message::UpdateRequest));
    other.send(7, Message::UpdateDone);
    assert_eq!(hear_v6(&mut one).await, (7, Message::UpdateDone));
    assert_eq!((one.counts().connections().links, other.counts().connections().links), (1, 1));
}

/// RFC 8156 §5.3.10.
#[tokio::test]
async fn a_link_is_closed_with_a_status() {
    let [mut one, mut other] = both_v6().map(open);
    tokio::join!(up(&mut one), up(&mut other));
    let text = "server stops".to_owned();
    one.close(Some(Rejection { reason: Reject::Unknown, text }));
    let (_, Message::Disconnect(Some(why))) = hear_v6(&mut other).await else {
        panic!("no DISCONNECT")
    };
    assert_eq!(why.status, crate::wire::dhcpv6::StatusCode::SERVER_SHUTTING_DOWN);
    assert!(matches!(other.next().await, LinkEvent::Lost(Lost::Closed)));
}

/// A23: a primary that comes again is greeted, and only then is the old connection gone.
#[tokio::test]
async fn a23_a_second_connection_takes_the_place_of_the_first_once_it_has_greeted() {
    let [primary, secondary] = both_v6();
    let peer = primary.peer;
    let [mut one, mut other] = [primary.clone(), secondary].map(open);
    tokio::join!(up(&mut one), up(&mut other));
    // Who only connects changes nothing.
    let silent = TcpStream::connect(peer).await.unwrap();
    one.send(7, Message::UpdateRequest);
    assert_eq!(hear_v6(&mut other).await, (7, Message::UpdateRequest));
    drop(silent);
    // It would dial again when it has lost its place.
    one.rest(true);
    let mut again = open(primary);
    up(&mut again).await;
    assert!(matches!(other.next().await, LinkEvent::Lost(Lost::Closed)));
    up(&mut other).await;
    again.send(8, Message::UpdateRequest);
    assert_eq!(hear_v6(&mut other).await, (8, Message::UpdateRequest));
    assert_eq!(other.counts().connections().links, 2);
}

/// RFC 7653 §8.2: STARTTLS, and certificates of both.
#[tokio::test]
async fn a_link_is_secured_by_starttls_with_the_certificates_of_both() {
    let authority = Authority::new();
    let [mut primary, mut secondary] = both_v6();
    primary.tls = authority.tls("a.example", "b.example", &authority).ok();
    secondary.tls = authority.tls("b.example", "a.example", &authority).ok();
    for settings in [&mut primary, &mut secondary] {
        assert!(settings.tls.is_some());
        settings.is_tls_required = true;
    }
    let [mut one, mut other] = [primary, secondary].map(open);
    tokio::join!(up(&mut one), up(&mut other));
    other.send(3, Message::PoolRequest);
    assert_eq!(hear_v6(&mut one).await, (3, Message::PoolRequest));
}

/// RFC 7653 §9.1: neither side goes on without it.
#[tokio::test]
async fn who_requires_tls_has_no_link_without() {
    let authority = Authority::new();
    for side in [0, 1] {
        let mut both = both_v6();
        both[side].tls = authority.tls("a.example", "b.example", &authority).ok();
        both[side].is_tls_required = true;
        let [one, other] = both.map(open);
        // A secondary without TLS has only to say so: it is the primary that leaves.
        while one.counts().connections().refused == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((one.counts().connections().links, other.counts().connections().links), (0, 0));
    }
}

/// Both protocols on one port: the first message of a connection tells whose it is.
#[tokio::test]
async fn two_servers_that_share_leases_of_both_protocols_have_one_port() {
    let both = both_v6().map(|v6| {
        let v4 = settings(v6.endpoint.terms.role, v6.local, v6.peer);
        vec![v4, v6]
    });
    let [one, other] = both.map(|settings| Link::open(settings, &clock()));
    let ([mut one4, mut one6], [mut other4, mut other6]) = (
        <[Link; 2]>::try_from(one).unwrap_or_else(|_| panic!("two links")),
        <[Link; 2]>::try_from(other).unwrap_or_else(|_| panic!("two links")),
    );
    tokio::join!(up(&mut one4), up(&mut other4), up(&mut one6), up(&mut other6));
    one4.send(1, failover::Message::Contact);
    one6.send(2, Message::Contact);
    assert!(matches!(hear(&mut other4).await, Arrived::V4(packet) if packet.xid == 1));
    assert_eq!(hear_v6(&mut other6).await, (2, Message::Contact));
}

/// Spec v6 §3.9: what is no message is answered by DISCONNECT with UnspecFail.
#[tokio::test]
async fn what_is_no_message_ends_the_link() {
    let [mut primary, secondary] = both_v6();
    // In place of the secondary.
    let listener = tokio::net::TcpListener::bind(secondary.local).await.unwrap();
    primary.endpoint.terms.role = Role::Primary;
    let mut link = open(primary);
    let (mut partner, _): (TcpStream, _) = listener.accept().await.unwrap();
    let mut connect = [0; 58];
    partner.read_exact(&mut connect).await.unwrap();
    assert_eq!(connect[..3], [0, 56, 31], "a CONNECT");
    let xid = &connect[3..6];
    // Since 2000 (RFC 8156 §3).
    let now = (clock()().0 - 946_684_800).to_be_bytes();
    let terms =
        [0, 127, 0, 4, 0, 1, 0, 0, 0, 122, 0, 4, 0, 0, 0x0e, 0x10, 0, 128, 0, 4, 0, 0, 0, 60];
    let more = [0, 121, 0, 4, 0, 0, 0, 50, 0, 115, 0, 2, 0, 1];
    let reply = [&[0, 46, 32][..], xid, &now, &terms, &more].concat();
    partner.write_all(&reply).await.unwrap();
    up(&mut link).await;
    // A failover message of seven octets.
    partner.write_all(&[0, 7, 35, 0, 0, 1, 0, 0, 0]).await.unwrap();
    assert!(matches!(link.next().await, LinkEvent::Lost(Lost::Malformed(_))));
    let mut rest = Vec::new();
    partner.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest[2], 33, "DISCONNECT");
    assert_eq!(rest[10..16], [0, 13, 0, rest[13], 0, 1], "UnspecFail");
}
