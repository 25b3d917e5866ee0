//! ISC's perfdhcp, run against the server and read back.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::buffers::LargeBuffers;
use super::namespace::Namespace;
use super::process::Process;

/// How long one that was told to end may take for its report.
const PATIENCE: Duration = Duration::from_secs(20);

/// More exchanges than any run comes to.
const UNLIMITED: u32 = 100_000_000;

/// When a run ends that does not come to its end, as DISCOVERs without answer lead to no request: in seconds, and
/// before a test's time is over, which would say nothing of what perfdhcp saw.
const MOST_S: u32 = 60;

/// How often it may be given half the rate.
const HALVINGS: u32 = 3;

/// A run of perfdhcp, from a relay's address or, of DHCPv6, an interface.
#[derive(Clone, Copy, Debug)]
pub struct Perfdhcp<'a> {
    /// Where it runs.
    pub namespace: &'a Namespace,
    /// `-4`, or `-6` and what is asked for.
    pub protocol: &'a [&'a str],
    /// The address it plays the relay at, or the interface.
    pub relay: &'a str,
    /// The server; empty for all of them, by multicast.
    pub server: &'a str,
    /// New exchanges a second.
    pub rate: u32,
    /// Simulated clients; their hardware addresses begin with [`Self::HARDWARE`].
    pub clients: u32,
}

/// One that runs until it is told to end.
#[derive(Debug)]
pub struct RunningPerfdhcp(Process);

/// What perfdhcp counted, DISCOVER to OFFER and REQUEST to ACK together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Packets that it sent.
    pub sent: u64,
    /// Those of them that were requests for a lease.
    pub requests: u64,
    /// Answers that it got.
    pub received: u64,
    /// Requests without an answer.
    pub drops: u64,
    /// Addresses given to two clients (`-u`).
    pub not_unique: u64,
}

impl Perfdhcp<'_> {
    /// Its own default.
    pub const HARDWARE: [u8; 3] = [0x00, 0x0c, 0x01];

    /// Runs it for so many seconds' worth of requests for a lease, each client being given one once at the most;
    /// and again at half the rate, and half of that, while some were lost on the way to the server or back, of
    /// which `lost` counts as many at the least.
    ///
    /// perfdhcp sends what it is late with all at once: a host that holds it up, or the server, for some
    /// tenths of a second makes a burst that no queue on the way has room for. What is missing in the last run, or
    /// was lost by nobody who says so, is missing in the report; what was given twice in any run is in it.
    ///
    /// # Panics
    /// If its report cannot be read, or the last run ended before it had asked so often.
    #[must_use]
    pub fn run(&self, seconds: u32, lost: impl Fn() -> u64) -> (Report, String) {
        let mut not_unique = 0;
        for halvings in 0..=HALVINGS {
            let rate = self.rate >> halvings;
            let before = lost();
            let (mut report, text) = Self { rate, ..*self }.run_once(rate * seconds);
            let lost = lost() - before;
            not_unique += report.not_unique;
            let is_over = report.requests >= u64::from(rate * seconds);
            let is_excused = !is_over || (1..=lost).contains(&report.drops);
            if !is_excused || halvings == HALVINGS {
                assert!(is_over, "perfdhcp ended early:\n{text}");
                report.not_unique = not_unique;
                return (report, text);
            }
            eprintln!(
                "perfdhcp, {rate}/s: {lost} lost on the way, which is run again at half of it\n{text}"
            );
        }
        unreachable!("the last run returns")
    }

    /// Its own pace depends on the machine, so that it is told how many and not how long.
    fn run_once(&self, requests: u32) -> (Report, String) {
        // perfdhcp leaves its socket's buffer at the host's default, some 300 answers, and counts as the
        // server's what it overflows with.
        let _room = LargeBuffers::begin();
        let mut command = self.started_by(self.namespace.command("perfdhcp"));
        // A client asks again after some four seconds (RFC 2131 §4.1): an answer within three is in
        // time. `-W` counts microseconds.
        command.args(["-u", "-d", "3", "-W", "3000000"]);
        // The first limit is of DISCOVERs (Solicits), the second of the requests that follow.
        command.args(["-n", &UNLIMITED.to_string(), "-n", &requests.to_string()]);
        command.args(["-p", &MOST_S.to_string()]);
        command.args(self.server());
        let output = command.output().expect("perfdhcp runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (Report::read(&text), text)
    }

    /// Starts it; what it prints goes to the file `log`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(&self, log: &Path) -> RunningPerfdhcp {
        // It looks for answers whenever its timer lets it, and a few exchanges a second want no fifth of a core:
        // with this slack it is every millisecond.
        let patient = "echo 1000000 > /proc/$$/timerslack_ns && exec perfdhcp \"$@\"";
        let mut command = self.namespace.command("sh");
        command.args(["-c", patient, "perfdhcp"]);
        RunningPerfdhcp(Process::start(self.started_by(command).args(self.server()), log))
    }

    fn server(&self) -> Option<&str> {
        Some(self.server).filter(|server| !server.is_empty())
    }

    fn started_by(&self, mut command: Command) -> Command {
        command.args(self.protocol).args(["-l", self.relay]);
        command.args(["-r", &self.rate.to_string(), "-R", &self.clients.to_string()]);
        command
    }
}

impl RunningPerfdhcp {
    /// Ends it.
    ///
    /// # Panics
    /// If it does not end, or its report cannot be read.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.0.signal("INT");
        self.0.finish(PATIENCE);
        Report::read(&self.0.output())
    }
}

impl Report {
    fn read(text: &str) -> Self {
        Self {
            sent: total(text, "sent packets"),
            requests: total(requests(text), "sent packets"),
            received: total(text, "received packets"),
            drops: total(text, "drops"),
            not_unique: total(text, "non unique addresses"),
        }
    }
}

/// The report's part about requests for a lease (REQUEST-ACK, REQUEST-REPLY), which is its last.
fn requests(text: &str) -> &str {
    text.find("Statistics for: REQUEST-").map_or("", |at| &text[at..])
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
