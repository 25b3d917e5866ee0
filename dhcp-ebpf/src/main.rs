//! The XDP program: lifts requests to a DHCP server off the wire into the AF_XDP socket of the worker
//! that owns the client, and passes or drops the rest.
//!
//! What it decides by is in the library beside it; here are the maps and the kernel's helpers.
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "maps and packets are pointers here")]

use core::mem::MaybeUninit;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS, XDP_REDIRECT};
use aya_ebpf::helpers::{bpf_ktime_get_ns, bpf_xdp_adjust_meta};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, XskMap};
use aya_ebpf::programs::XdpContext;
use aya_log_ebpf::warn;
use dhcp_ebpf::guard::Judgement;
use dhcp_ebpf::map::{CLIENT_BUCKETS_LEN, LISTEN_LEN, PORT_BUCKETS_LEN, SOCKETS_LEN};
use dhcp_ebpf::packet::Cursor;
use dhcp_ebpf::parse::{self, Addressed, Sender};
use dhcp_ebpf::verdict::Fate;
use dhcp_ebpf::{
    Arrival, Bucket, PortKey, Rate, Service, Settings, Verdict, socket_index, worker_of,
};

// The names of these statics are the maps' names: see `dhcp_ebpf::map`.

#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(SOCKETS_LEN, 0);
#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);
#[map]
static LISTEN_V4: HashMap<[u8; 4], u8> = HashMap::with_max_entries(LISTEN_LEN, 0);
#[map]
static LISTEN_V6: HashMap<[u8; 16], u8> = HashMap::with_max_entries(LISTEN_LEN, 0);
#[map]
static VERDICTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Verdict::ALL.len() as u32, 0);
#[map]
static CLIENT_BUCKETS: LruHashMap<u32, Bucket> =
    LruHashMap::with_max_entries(CLIENT_BUCKETS_LEN, 0);
#[map]
static PORT_BUCKETS: LruHashMap<PortKey, Bucket> =
    LruHashMap::with_max_entries(PORT_BUCKETS_LEN, 0);

/// Once for each packet.
#[xdp]
fn tandem_xdp(ctx: XdpContext) -> u32 {
    let verdict = match judge(&ctx) {
        Ok(socket) => hand_over(&ctx, socket),
        Err(verdict) => verdict,
    };
    count(verdict);
    match verdict.fate() {
        Fate::Taken => XDP_REDIRECT,
        Fate::Passed => XDP_PASS,
        Fate::Dropped => XDP_DROP,
    }
}

/// The socket that gets the packet, or what becomes of it instead.
#[inline(always)]
fn judge(ctx: &XdpContext) -> Result<u32, Verdict> {
    // SAFETY: the kernel keeps the octets between its two pointers readable while the program runs,
    // and nobody but the program writes to them.
    let mut packet = unsafe { Cursor::new(ctx.data() as *const u8, ctx.data_end() as *const u8) };
    let mut vlans = [0; 2];
    let addressed = parse::headers(&mut packet, &mut vlans)?;
    let settings = SETTINGS.get(0).ok_or(Verdict::NotServed)?;
    let sender = match addressed {
        Addressed::V4 { destination } => {
            served(settings.v4, listens_v4(&destination))?;
            let message = packet;
            let sender = parse::request_v4(&mut packet, vlans);
            if sender.is_ok() && settings.balance.leaves(message) {
                return Err(Verdict::PartnersClient);
            }
            sender
        }
        Addressed::V6 { source, destination } => {
            served(settings.v6, listens_v6(&destination))?;
            parse::request_v6(&mut packet, &source, vlans)
        }
    }?;
    guard(ctx, settings, &sender)?;
    // Read once: user space may write while we look, and what we divide by must not be zero.
    let workers = settings.workers;
    if workers == 0 {
        return Err(Verdict::NotServed);
    }
    Ok(socket_index(ctx.rx_queue_index(), workers, worker_of(sender.client, workers)))
}

/// Whether a request to here is for the workers.
#[inline(always)]
fn served(service: Service, listens: bool) -> Result<(), Verdict> {
    match service {
        _ if !listens => Err(Verdict::Elsewhere),
        Service::SERVING => Ok(()),
        Service::SILENT => Err(Verdict::Silenced),
        _ => Err(Verdict::NotServed),
    }
}

#[inline(always)]
fn listens_v4(destination: &[u8; 4]) -> bool {
    *destination == parse::BROADCAST || LISTEN_V4.get_ptr(destination).is_some()
}

#[inline(always)]
fn listens_v6(destination: &[u8; 16]) -> bool {
    *destination == parse::ALL_RELAYS_AND_SERVERS
        || *destination == parse::ALL_SERVERS
        || LISTEN_V6.get_ptr(destination).is_some()
}

/// Charges the sender. The client comes first, so that one that floods is stopped at its own bucket
/// and empties nobody else's.
#[inline(always)]
fn guard(ctx: &XdpContext, settings: &Settings, sender: &Sender) -> Result<(), Verdict> {
    let (client_rate, port_rate) = (settings.client_rate, settings.port_rate);
    if client_rate.is_off() && port_rate.is_off() {
        return Ok(());
    }
    // SAFETY: reads a clock.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if let Judgement::Over { report } = charge(&CLIENT_BUCKETS, &sender.client, now_ns, client_rate)
    {
        if report {
            warn!(ctx, "flood: dropping client with hash {:x}", sender.client);
        }
        return Err(Verdict::ClientFlood);
    }
    if let Judgement::Over { report } = charge(&PORT_BUCKETS, &sender.port, now_ns, port_rate) {
        if report {
            let PortKey { relay, vlans: [outer, inner] } = sender.port;
            // As a number: comparing arrays calls for a function that a program does not have.
            if u128::from_ne_bytes(relay) == 0 {
                warn!(ctx, "flood: dropping direct clients of vlan {}.{}", outer, inner);
            } else {
                warn!(ctx, "flood: dropping from relay {:i}", relay);
            }
        }
        return Err(Verdict::PortFlood);
    }
    Ok(())
}

/// Takes one packet out of the bucket of `key`; a sender that has none yet gets a full one.
#[inline(always)]
fn charge<K>(buckets: &LruHashMap<K, Bucket>, key: &K, now_ns: u64, rate: Rate) -> Judgement {
    if rate.is_off() {
        return Judgement::Within;
    }
    let Some(bucket) = buckets.get_ptr_mut(key) else {
        // Fails only when all entries are being replaced at this moment; the next packet tries again.
        let _ = buckets.insert(key, Bucket::first(now_ns, rate), 0);
        return Judgement::Within;
    };
    // SAFETY: the map's value, alive while the program runs. Another processor may write to it at
    // the same time; each field is one aligned word, so the worst is a packet that is not charged.
    let bucket = unsafe { &mut *bucket };
    bucket.take(now_ns, rate)
}

/// Notes the time and gives the packet to the socket at `index`.
#[inline(always)]
fn hand_over(ctx: &XdpContext, index: u32) -> Verdict {
    note_arrival(ctx);
    // Where there is no such socket the helper answers with the flags, which are XDP_PASS.
    match SOCKETS.redirect(index, u64::from(XDP_PASS)) {
        Ok(_) => Verdict::Taken,
        Err(_) => Verdict::NoSocket,
    }
}

/// Writes the [`Arrival`] in front of the packet, if the driver leaves room there.
#[inline(always)]
fn note_arrival(ctx: &XdpContext) {
    // SAFETY: the context is the one the kernel called us with. Moves where the packet's metadata
    // begins; pointers into the packet taken before are not used again.
    if unsafe { bpf_xdp_adjust_meta(ctx.ctx, -(Arrival::LEN as i32)) } != 0 {
        return;
    }
    let place = ctx.metadata() as *mut MaybeUninit<Arrival>;
    if place.wrapping_add(1).addr() > ctx.metadata_end() {
        return;
    }
    // SAFETY: reads a clock.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    // SAFETY: compared with the metadata's end above; the kernel keeps metadata aligned to four
    // octets and lets the program write there unaligned.
    unsafe { place.write_unaligned(MaybeUninit::new(Arrival::at(now_ns))) };
}

#[inline(always)]
fn count(verdict: Verdict) {
    if let Some(counter) = VERDICTS.get_ptr_mut(verdict as u32) {
        // SAFETY: this processor's own value, and nothing interrupts a program with itself.
        unsafe { *counter += 1 };
    }
}

/// The kernel takes programs with these helpers only under a license compatible with the GPL, which
/// MIT is.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Nothing here panics; the verifier would not take it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
