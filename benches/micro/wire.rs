//! Octets to messages and back.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use dhcp_user::wire::Seconds;
use dhcp_user::wire::dhcpv4::{Message, MessageType, Scratch, Writer};
use dhcp_user::wire::frame::{Envelope, Frame, VlanTags};
use dhcp_user::wire::option::code;

use crate::load::{Access, HEADERS_LEN_V4, Stage, Template};
use crate::rig::TARGET;
use crate::state;

/// `wire/v4`, in packets.
pub(super) fn benchmarks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wire/v4");
    group.throughput(Throughput::Elements(1));
    let frame = &Template::new(Stage::Discover, Access::Direct, TARGET).frame(0)[..];
    group.bench_function("parse frame", |b| {
        b.iter(|| Frame::parse(black_box(frame)).map(|frame| frame.payload.len()));
    });
    let mut scratch = Scratch::new();
    group.bench_function("parse message", |b| {
        b.iter(|| {
            Message::parse(black_box(&frame[HEADERS_LEN_V4..]), &mut scratch)
                .map(|message| message.message_type())
        });
    });
    let request = Message::parse(&frame[HEADERS_LEN_V4..], &mut scratch).expect("our own message");
    let mut reply = vec![0; 1514];
    group.bench_function("encode reply", |b| {
        b.iter(|| write_reply(black_box(&request), &mut reply[HEADERS_LEN_V4..]));
    });
    let len = write_reply(&request, &mut reply[HEADERS_LEN_V4..]);
    let envelope = envelope();
    group.bench_function("seal frame", |b| {
        b.iter(|| black_box(&envelope).seal(&mut reply, len));
    });
    group.finish();
}

/// Whom the reply is from and for.
pub(super) fn envelope() -> Envelope {
    Envelope {
        source: TARGET.mac,
        destination: TARGET.own_mac,
        tags: VlanTags::NONE,
        source_ip: state::SERVER,
        destination_ip: state::address(0),
        source_port: 67,
        destination_port: 68,
    }
}

/// An OFFER as most clients get it.
pub(super) fn write_reply(request: &Message<'_>, buffer: &mut [u8]) -> usize {
    let mut writer = Writer::reply(buffer, request);
    writer.yiaddr(state::address(0));
    let day = Seconds(86_400).0;
    let address = state::SERVER;
    let fits = "an OFFER is short";
    writer.push(code::MESSAGE_TYPE, &[MessageType::Offer as u8]).expect(fits);
    writer.push_address(code::SERVER_IDENTIFIER, address).expect(fits);
    for (code, time) in [
        (code::LEASE_TIME, day),
        (code::RENEWAL_TIME, day / 2),
        (code::REBINDING_TIME, day / 8 * 7),
    ] {
        writer.push_u32(code, time).expect(fits);
    }
    writer.push(code::SUBNET_MASK, &[255, 0, 0, 0]).expect(fits);
    writer.push_address(code::ROUTERS, address).expect(fits);
    writer.push(code::DOMAIN_NAME_SERVERS, &[10, 0, 0, 53, 10, 0, 0, 54]).expect(fits);
    writer.finish()
}
