//! The kernel's own pktgen (Linux `networking/pktgen.rst`): datagrams of a DISCOVER's length to the
//! server's port, as fast as the driver takes them.
//!
//! The module writes a payload of its own, with its magic number where `op` would be, so no server
//! answers it: the flood measures what a server's door stands, before it looks at a message.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Arguments;
use crate::load::{Access, Stage, Target, Template};

/// This thread's network namespace as the module shows it.
const FOLDER: &str = "/proc/thread-self/net/pktgen";
/// The module's first thread.
const THREAD: &str = "kpktgend_0";

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Floods, and prints what the module counted.
pub(super) fn flood(load: &Arguments, target: &Target) -> Result<()> {
    ensure!(target.address.is_ipv4(), "the kernel's pktgen floods in DHCPv4 alone");
    if !Path::new(FOLDER).exists() {
        // Whether or not it can be loaded, the folder tells.
        let _ = Command::new("modprobe").arg("pktgen").status();
    }
    ensure!(
        Path::new(FOLDER).exists(),
        "this kernel has no pktgen module (CONFIG_NET_PKTGEN); without --kernel the load comes over \
         AF_XDP and needs none"
    );
    let interface = load.interface.as_deref().context("an interface")?;
    let len = Template::new(Stage::Discover, Access::Direct, *target).frame(0).len();
    write(THREAD, "rem_device_all")?;
    write(THREAD, &format!("add_device {interface}"))?;
    let settings = [
        // Until it is stopped.
        "count 0".to_owned(),
        // Without the checksum, which the module counts apart.
        format!("pkt_size {len}"),
        format!("dst_mac {}", target.mac),
        format!("src_mac {}", target.own_mac),
        format!("src_mac_count {}", load.clients),
        format!("dst {}", target.address),
        "udp_src_min 68".to_owned(),
        "udp_src_max 68".to_owned(),
        "udp_dst_min 67".to_owned(),
        "udp_dst_max 67".to_owned(),
        load.rate.map_or_else(|| "delay 0".to_owned(), |rate| format!("ratep {rate:.0}")),
    ];
    settings.iter().try_for_each(|setting| write(interface, setting))?;
    let is_over = AtomicBool::new(false);
    let flooded = thread::scope(|scope| {
        // In this network namespace too, as it begins here.
        scope.spawn(|| stop(load.seconds, &is_over));
        // Returns when it was stopped.
        let flooded = write("pgctrl", "start");
        is_over.store(true, Relaxed);
        flooded
    });
    let said = fs::read_to_string(Path::new(FOLDER).join(interface))?;
    write(THREAD, "rem_device_all")?;
    flooded?;
    println!("{}", said.trim());
    Ok(())
}

/// Stops it after so many seconds, and again until it has noticed.
fn stop(seconds: f64, is_over: &AtomicBool) {
    let mut wait = Duration::from_secs_f64(seconds);
    let start = Instant::now();
    while !is_over.load(Relaxed) {
        thread::sleep(wait.saturating_sub(start.elapsed()).min(LOOK));
        if start.elapsed() >= wait {
            // What it says is in what the module counted.
            let _ = write("pgctrl", "stop");
            wait += LOOK;
        }
    }
}

fn write(file: &str, line: &str) -> Result<()> {
    let path = Path::new(FOLDER).join(file);
    fs::write(&path, format!("{line}\n")).with_context(|| format!("{}: {line}", path.display()))
}
