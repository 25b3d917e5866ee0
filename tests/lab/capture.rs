//! What really was on a wire: dumpcap in a namespace, VLAN tags and all, and tshark's opinion of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::namespace::Namespace;
use super::process::Process;
use super::wait::{until, until_some};

/// How long a frame may take from the wire into the file.
const PATIENCE: Duration = Duration::from_secs(15);

/// A running capture of one interface, both directions.
#[derive(Debug)]
pub struct Capture {
    process: Process,
    file: PathBuf,
}

impl Capture {
    /// Starts capturing `interface` of `namespace` into `file`, and waits until it does.
    ///
    /// # Panics
    /// If dumpcap does not start.
    #[must_use]
    pub fn start(namespace: &Namespace, interface: &str, file: &Path) -> Self {
        let mut command = namespace.command("dumpcap");
        command.args(["-q", "-P", "-i", interface, "-w"]).arg(file);
        let process = Process::start(&mut command, &file.with_extension("log"));
        until("dumpcap captures", PATIENCE, || process.output().contains("File:"));
        Self { process, file: file.to_owned() }
    }

    /// Every whole frame in the file so far, in order.
    #[must_use]
    pub fn frames(&self) -> Vec<Vec<u8>> {
        self.timed_frames().into_iter().map(|(_, frame)| frame).collect()
    }

    /// The same, each with the time at which it was on the wire.
    #[must_use]
    pub fn timed_frames(&self) -> Vec<(SystemTime, Vec<u8>)> {
        // The classic pcap format: a header of 24 octets, then for each frame one of 16 with seconds,
        // microseconds and captured length, in this machine's order.
        let octets = fs::read(&self.file).unwrap_or_default();
        let mut rest = octets.get(24..).unwrap_or_default();
        let mut frames = Vec::new();
        while let Some(header) = rest.first_chunk::<16>() {
            let word = |at: usize| {
                u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
            };
            let length = word(8) as usize;
            let Some(frame) = rest.get(16..16 + length) else { break };
            let since = Duration::new(u64::from(word(0)), word(4) * 1_000);
            frames.push((UNIX_EPOCH + since, frame.to_vec()));
            rest = &rest[16 + length..];
        }
        frames
    }

    /// The first frame that `wanted` takes.
    ///
    /// # Panics
    /// If none comes.
    #[must_use]
    pub fn expect(&self, what: &str, mut wanted: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
        until_some(what, PATIENCE, || self.frames().into_iter().find(|frame| wanted(frame)))
    }

    /// Ends the capture and gives what tshark finds malformed in it, one line a frame.
    ///
    /// # Panics
    /// If dumpcap or tshark fail.
    #[must_use]
    pub fn malformed(mut self) -> String {
        self.process.signal("INT");
        self.process.finish(PATIENCE);
        let output = Command::new("tshark")
            .args(["-n", "-Y", "_ws.malformed || dhcp.option.type.bad", "-r"])
            .arg(&self.file)
            .output()
            .expect("tshark runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
