//! Two links, or a link and a partner that misbehaves.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::fixture::{address, both, clock, open, secret, settings, up};
use super::{Arrived, Link, LinkEvent};
use crate::failover::{Dialect, Greeting, Lost, Role, Said, Tls};
use crate::wire::failover::{Message, Packet, Reject, Rejection};

async fn lost(link: &mut Link) -> Lost {
    match link.next().await {
        LinkEvent::Lost(lost) => lost,
        other => panic!("{other:?}"),
    }
}

/// The next `count` messages, and their xids.
async fn hear(link: &mut Link, count: usize) -> Vec<(u32, Message)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        let LinkEvent::Packets(packets) = link.next().await else { panic!("after {heard:?}") };
        heard.extend(packets.into_iter().map(|(_, arrived)| match arrived {
            Arrived::V4(packet) => (packet.xid, packet.message),
            Arrived::V6(packet) => panic!("{packet:?}"),
        }));
    }
    heard
}

/// A connection to `to` from the address of `from`, whatever the port.
async fn connect(from: std::net::SocketAddr, to: std::net::SocketAddr) -> TcpStream {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from.ip(), 0).into()).unwrap();
        // Refused until the link's task listens.
        if let Ok(stream) = socket.connect(to).await {
            return stream;
        }
        tokio::task::yield_now().await;
    }
}

/// Whether the other end closes without a word.
async fn is_closed(mut stream: TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 16]).await, Ok(1..))
}

#[tokio::test]
async fn two_servers_that_connect_to_each_other_at_once_agree_on_one_link() {
    let [one, other] = both().map(open);
    let (mut one, mut other) = (one, other);
    let (at_one, at_other) = tokio::join!(up(&mut one), up(&mut other));
    assert_eq!(at_one.buckets, at_other.buckets);
    for xid in 1..=1_000 {
        one.send(xid, Message::Contact);
        other.send(xid, Message::UpdateDone);
    }
    let (at_one, at_other) = tokio::join!(hear(&mut one, 1_000), hear(&mut other, 1_000));
    assert_eq!(at_other, (1..=1_000).map(|xid| (xid, Message::Contact)).collect::<Vec<_>>());
    assert_eq!(at_one, (1..=1_000).map(|xid| (xid, Message::UpdateDone)).collect::<Vec<_>>());
    assert_eq!((one.counts().connections().links, other.counts().connections().links), (1, 1));
}

#[tokio::test]
async fn a_further_connection_of_the_partner_is_closed_and_the_link_stays() {
    let [one, other] = both();
    let (here, there) = (one.local, other.local);
    let (mut one, mut other) = (open(one), open(other));
    tokio::join!(up(&mut one), up(&mut other));
    assert!(is_closed(connect(there, here).await).await);
    assert!(is_closed(connect(here, there).await).await);
    one.send(7, Message::Contact);
    assert_eq!(hear(&mut other, 1).await, [(7, Message::Contact)]);
    other.send(8, Message::Contact);
    assert_eq!(hear(&mut one, 1).await, [(8, Message::Contact)]);
}

#[tokio::test]
async fn whoever_is_no_partner_is_closed_at_once_and_counted() {
    let (local, peer) = (address(), address());
    let link = open(settings(Role::Primary, local, peer));
    assert!(is_closed(connect(address(), local).await).await);
    assert_eq!(link.counts().connections().strangers, 1);
    // The partner itself is greeted.
    let mut stream = connect(peer, local).await;
    let mut connect = [0; 12];
    stream.read_exact(&mut connect).await.unwrap();
    assert_eq!(connect[2], 5);
}

#[tokio::test]
async fn relationships_that_share_a_local_address_are_told_by_where_the_partner_is() {
    let (local, east, west) = (address(), address(), address());
    let mut here = Link::open(
        vec![settings(Role::Primary, local, east), settings(Role::Primary, local, west)],
        &clock(),
    );
    let mut west = open(settings(Role::Secondary, west, local));
    let mut east = open(settings(Role::Secondary, east, local));
    let [to_east, to_west] = &mut here[..] else { unreachable!() };
    tokio::join!(up(to_east), up(to_west), up(&mut east), up(&mut west));
    to_east.send(1, Message::Contact);
    to_west.send(2, Message::Contact);
    assert_eq!(hear(&mut east, 1).await, [(1, Message::Contact)]);
    assert_eq!(hear(&mut west, 1).await, [(2, Message::Contact)]);
}

#[tokio::test]
async fn a_link_that_is_closed_says_why_and_comes_back() {
    let [one, other] = both().map(open);
    let (mut one, mut other) = (one, other);
    tokio::join!(up(&mut one), up(&mut other));
    let why = Rejection { reason: Reject::NoTraffic, text: "silence".to_owned() };
    other.send(3, Message::Contact);
    one.send(9, Message::Contact);
    one.close(Some(why.clone()));
    assert!(!one.is_up());
    // What the partner said meanwhile is of a link that is no more.
    assert_eq!(lost(&mut one).await, Lost::Asked);
    let said = hear(&mut other, 2).await;
    assert_eq!(said, [(9, Message::Contact), (10, Message::Disconnect(Some(why)))]);
    assert_eq!(lost(&mut other).await, Lost::Closed);
    tokio::join!(up(&mut one), up(&mut other));
}

#[tokio::test]
async fn what_is_sent_without_a_link_is_not_said_on_the_next() {
    let [one, other] = both().map(open);
    let (mut one, mut other) = (one, other);
    one.send(1, Message::UpdateDone);
    assert_eq!(one.room(), 0);
    tokio::join!(up(&mut one), up(&mut other));
    one.send(2, Message::Contact);
    assert_eq!(hear(&mut other, 1).await, [(2, Message::Contact)]);
}

#[tokio::test]
async fn a_link_at_rest_is_not_made_until_it_may() {
    let [one, other] = both();
    let (here, there) = (one.local, other.local);
    let mut one = open(one);
    one.rest(true);
    assert!(is_closed(connect(there, here).await).await);
    let mut other = open(other);
    one.rest(false);
    tokio::join!(up(&mut one), up(&mut other));
}

#[tokio::test]
async fn servers_with_one_secret_understand_each_other() {
    let [mut one, mut other] = both();
    (one.secret, other.secret) = (secret("between us"), secret("between us"));
    let (mut one, mut other) = (open(one), open(other));
    tokio::join!(up(&mut one), up(&mut other));
    one.send(5, Message::Contact);
    assert_eq!(hear(&mut other, 1).await, [(5, Message::Contact)]);
}

#[tokio::test]
async fn octets_that_are_no_message_end_the_link() {
    let (local, peer) = (address(), address());
    let mut link = open(settings(Role::Secondary, local, peer));
    let mut partner = connect(peer, local).await;
    let greeting = settings(Role::Primary, peer, local).endpoint;
    let said = Greeting::new(&greeting, Tls::Off).begin();
    let Said::Send(mut said) = said else { panic!("{said:?}") };
    let (xid, message) = said.remove(0);
    let greeting = Packet { time: clock()(), xid, message };
    let mut octets = Vec::new();
    greeting.encode(Dialect::Dhcpd, None, &mut octets).unwrap();
    partner.write_all(&octets).await.unwrap();
    up(&mut link).await;
    partner.write_all(&[0, 11, 11, 12]).await.unwrap();
    assert!(matches!(lost(&mut link).await, Lost::Malformed(_)));
    assert_eq!(link.counts().connections().malformed, 1);
}
