//! Octets to messages of DHCPv6 and back: see [`wire`](super::wire). They come from a relay and go back
//! to it, as nearly all do.

use std::hint::black_box;
use std::net::Ipv6Addr;

use criterion::{Criterion, Throughput};
use dhcp_user::wire::dhcpv6::{
    Datagram, HOP_COUNT_LIMIT, IaKind, Iaid, MessageType, SERVER_PORT, Writer,
};
use dhcp_user::wire::frame::{Envelope, Frame, VlanTags};
use dhcp_user::wire::option::v6::code;
use dhcp_user::wire::{Full, Seconds};

use crate::load::{Access, HEADERS_LEN_V6, Stage, Template};
use crate::rig::{TARGET, target};
use crate::state::Protocol;
use crate::state::v6::{DUID, IAID, RELAY, SERVER, address};

/// `wire/v6`, in packets.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/v6");
    group.throughput(Throughput::Elements(1));
    let octets = &solicit()[..];
    group.bench_function("parse frame", |b| {
        b.iter(|| Frame::parse_v6(black_box(octets)).map(|frame| frame.payload.len()));
    });
    group.bench_function("parse message", |b| {
        b.iter(|| parse(black_box(&octets[HEADERS_LEN_V6..])).message.kind());
    });
    let request = parse(&octets[HEADERS_LEN_V6..]);
    let mut reply = vec![0; 1514];
    group.bench_function("encode reply", |b| {
        b.iter(|| write_reply(black_box(&request), &mut reply[HEADERS_LEN_V6..]));
    });
    let len = write_reply(&request, &mut reply[HEADERS_LEN_V6..]);
    let envelope = envelope();
    group.bench_function("seal frame", |b| {
        b.iter(|| black_box(&envelope).seal(&mut reply, len));
    });
    group.finish();
}

/// A client's first message, in its frame.
pub(super) fn solicit() -> Vec<u8> {
    Template::new(Stage::Discover, Access::Relays(16), target(Protocol::Dhcpv6)).frame(0)
}

/// What is in it.
pub(super) fn parse(payload: &[u8]) -> Datagram<'_> {
    Datagram::parse(payload, HOP_COUNT_LIMIT).expect("our own message")
}

/// Whom the reply is from and for.
pub(super) fn envelope() -> Envelope<Ipv6Addr> {
    Envelope {
        source: TARGET.mac,
        destination: TARGET.own_mac,
        tags: VlanTags::NONE,
        source_ip: SERVER,
        destination_ip: RELAY,
        source_port: SERVER_PORT,
        destination_port: SERVER_PORT,
    }
}

/// An Advertise as most clients get it.
pub(super) fn write_reply(request: &Datagram<'_>, buffer: &mut [u8]) -> usize {
    try_write(request, buffer).expect("an Advertise is short")
}

fn try_write(request: &Datagram<'_>, buffer: &mut [u8]) -> Result<usize, Full> {
    let message = &request.message;
    let xid = message.transaction_id();
    let mut writer = Writer::reply(buffer, &request.relays, MessageType::Advertise, xid)?;
    let options = writer.options();
    options.push(code::CLIENT_ID, message.client_id().unwrap_or_default())?;
    options.push(code::SERVER_ID, &DUID)?;
    let (times, lifetimes) = ([43_200, 69_120].map(Seconds), [54_000, 86_400].map(Seconds));
    options.ia(IaKind::Addresses, Iaid(IAID), times, |inside| {
        inside.address(address(0), lifetimes, |_| Ok(()))
    })?;
    options.push(code::DNS_SERVERS, SERVER.octets().as_slice())?;
    Ok(writer.finish())
}
