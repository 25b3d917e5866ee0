//! What measurements load: a program that gives every packet of a queue to one AF_XDP socket, on which a
//! load generator and a reflector stand, and one that floods. The server does not carry them.
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "what the kernel and the linker find by name")]

use aya_ebpf::bindings::xdp_action::{XDP_PASS, XDP_REDIRECT, XDP_TX};
use aya_ebpf::macros::{map, xdp};
use aya_ebpf::maps::XskMap;
use aya_ebpf::programs::XdpContext;
use dhcp_ebpf::map::SOCKETS_LEN;

/// `dhcp_ebpf::map::SOCKETS`, indexed by queue alone.
#[map]
static SOCKETS: XskMap = XskMap::with_max_entries(SOCKETS_LEN, 0);

/// Once for each packet.
#[xdp]
fn tandem_divert(ctx: XdpContext) -> u32 {
    // Where there is no such socket the helper answers with the flags, which are XDP_PASS.
    match SOCKETS.redirect(ctx.rx_queue_index(), u64::from(XDP_PASS)) {
        Ok(_) => XDP_REDIRECT,
        Err(_) => XDP_PASS,
    }
}

/// Sends each frame that the kernel makes for it out of the interface that it is said to have come by.
#[xdp]
fn tandem_flood(_: XdpContext) -> u32 {
    XDP_TX
}

/// See `main.rs`: the helpers are for programs under a license compatible with the GPL.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Nothing here panics; the verifier would not take it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
