//! A flood: one frame again and again, which the kernel makes and sends without a socket or a copy (Linux
//! `bpf/bpf_prog_run.rst`, live frames). Nobody reads what comes back.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aya::programs::{TestRun as _, TestRunAttrs, TestRunOptions, Xdp};

use super::end::{interface_index, load, pin};
use super::generator::GENERATOR_CORE;

/// Frames that one system call makes and sends at the most: they take long beside the call's own ten
/// milliseconds or more.
const FRAMES: u64 = 1 << 18;
/// Of them between two looks for what else the core has to do.
const BATCH: u32 = 64;
/// Where all is sent that was due.
const NAP: Duration = Duration::from_millis(1);

/// Sends `frame` from `interface` of the calling thread's network namespace, so many times a second or as
/// many as the core manages, until it is over; `object` has the program. On both ends an XDP program runs in
/// native mode.
///
/// It is the generator's core: a ring of 256 packets is the wire, and from two cores the flood would fill it
/// before others' packets.
///
/// # Errors
/// If the kernel makes no frames.
pub(crate) fn flood(
    interface: &str,
    object: &Path,
    frame: &[u8],
    rate: f64,
    is_over: &AtomicBool,
) -> Result<()> {
    pin(GENERATOR_CORE);
    let came_by = came_by(interface_index(interface)?, frame);
    let mut object = load(object)?;
    let program: &mut Xdp =
        object.program_mut(dhcp_ebpf::FLOOD).context("the object's program")?.try_into()?;
    program.load()?;
    let start = Instant::now();
    let mut sent = 0;
    while !is_over.load(Relaxed) {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        let repeat = due.saturating_sub(sent).min(FRAMES) as u32;
        if repeat == 0 {
            thread::sleep(NAP);
            continue;
        }
        let options = TestRunOptions {
            data_in: Some(frame),
            ctx_in: Some(&came_by),
            repeat,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        };
        program.test_run(options).context("frames that the kernel makes (Linux 5.18)")?;
        sent += u64::from(repeat);
    }
    Ok(())
}

/// The kernel's `struct xdp_md` of a frame that came by the first queue of an interface, and goes back by it.
fn came_by(interface: u32, frame: &[u8]) -> [u8; 24] {
    let (data, data_end, data_meta) = (0, frame.len() as u32, 0);
    let (rx_queue, egress) = (0, 0);
    let words = [data, data_end, data_meta, interface, rx_queue, egress];
    let mut octets = [0; 24];
    for (place, word) in octets.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_ne_bytes();
    }
    octets
}
