//! ISC's perfdhcp, run against the server and read back.

use std::fs;
use std::process::Command;

use super::namespace::Namespace;

/// A run of perfdhcp, from a relay's address.
#[derive(Clone, Copy, Debug)]
pub struct Perfdhcp<'a> {
    /// Where it runs.
    pub namespace: &'a Namespace,
    /// The address it plays the relay at.
    pub relay: &'a str,
    /// The server.
    pub server: &'a str,
    /// New exchanges a second.
    pub rate: u32,
    /// Simulated clients.
    pub clients: u32,
    /// How long, in seconds.
    pub seconds: u32,
}

/// What perfdhcp counted, DISCOVER to OFFER and REQUEST to ACK together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Packets that it sent.
    pub sent: u64,
    /// Answers that it got.
    pub received: u64,
    /// Requests without an answer.
    pub drops: u64,
    /// Addresses given to two clients (`-u`).
    pub not_unique: u64,
}

impl Perfdhcp<'_> {
    /// Runs it to its end.
    ///
    /// # Panics
    /// If its report cannot be read.
    #[must_use]
    pub fn run(&self) -> (Report, String) {
        let _room = LargeBuffers::begin();
        let mut command: Command = self.namespace.command("perfdhcp");
        command.args(["-4", "-u", "-l", self.relay]);
        command.args(["-r", &self.rate.to_string(), "-R", &self.clients.to_string()]);
        // A client asks again after some four seconds (RFC 2131 §4.1): an answer within three is in
        // time. `-W` counts microseconds.
        command.args(["-p", &self.seconds.to_string(), "-d", "3", "-W", "3000000", self.server]);
        let output = command.output().expect("perfdhcp runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let report = Report {
            sent: total(&text, "sent packets"),
            received: total(&text, "received packets"),
            drops: total(&text, "drops"),
            not_unique: total(&text, "non unique addresses"),
        };
        (report, text)
    }
}

/// perfdhcp leaves its socket's buffer at the host's default, some 300 answers, and counts as the
/// server's what it overflows with. While this lives the default is the largest that the host allows.
struct LargeBuffers {
    default: String,
}

impl LargeBuffers {
    const DEFAULT: &str = "/proc/sys/net/core/rmem_default";
    const MAX: &str = "/proc/sys/net/core/rmem_max";

    fn begin() -> Self {
        let default = fs::read_to_string(Self::DEFAULT).expect("the host's default");
        let max = fs::read_to_string(Self::MAX).expect("the host's limit");
        fs::write(Self::DEFAULT, max).expect("the host's default is set");
        Self { default }
    }
}

impl Drop for LargeBuffers {
    fn drop(&mut self) {
        let _ = fs::write(Self::DEFAULT, &self.default);
    }
}

/// Adds up what stands behind `key:` on the report's lines.
fn total(text: &str, key: &str) -> u64 {
    let mut found = false;
    let sum = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix(':'))
        .filter_map(|value| value.trim().parse::<u64>().ok())
        .inspect(|_| found = true)
        .sum();
    assert!(found, "perfdhcp's report has no `{key}`:\n{text}");
    sum
}
