//! ISC dhcpd 4.4 as the other half of a failover pair.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::namespace::Namespace;
use super::process::Process;
use super::wait::until;

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A dhcpd and its files; it runs or not.
#[derive(Debug)]
pub struct Dhcpd {
    namespace: String,
    directory: PathBuf,
    process: Option<Process>,
    starts: u32,
}

/// The last record of one address in dhcpd's lease file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LeaseRecord {
    /// `binding state`: `active`, `free`, `backup` …
    pub state: String,
    /// `hardware ethernet`, with colons; empty if there is none.
    pub hardware: String,
    /// `ends`, `tstp`, `tsfp` in seconds since 1970; 0 if there is none.
    pub ends: u64,
    /// What the partner was told last.
    pub tstp: u64,
    /// What the partner has acknowledged, or said.
    pub tsfp: u64,
}

impl Dhcpd {
    /// A dhcpd with this configuration, its files in `directory`, and no leases. It does not run yet.
    ///
    /// # Panics
    /// If the files cannot be made.
    #[must_use]
    pub fn new(namespace: &Namespace, directory: PathBuf, configuration: &str) -> Self {
        fs::create_dir_all(&directory).expect("a directory for dhcpd");
        fs::write(directory.join("dhcpd.conf"), configuration).expect("dhcpd's configuration");
        let made =
            Self { namespace: namespace.name().to_owned(), directory, process: None, starts: 0 };
        made.set_leases("");
        made
    }

    /// Puts this in place of its lease file. It must not run.
    ///
    /// # Panics
    /// If it runs.
    pub fn set_leases(&self, text: &str) {
        assert!(self.process.is_none(), "its lease file is in use");
        fs::write(self.directory.join("leases"), text).expect("dhcpd's lease file");
    }

    /// Starts it on `eth0`, with the leases that it left. Each start has a log of its own.
    ///
    /// # Panics
    /// If it does not come up; with its log.
    pub fn start(&mut self, namespace: &Namespace) {
        assert_eq!(namespace.name(), self.namespace);
        self.starts += 1;
        let file = |name: &str| self.directory.join(name).display().to_string();
        let mut command = namespace.command("dhcpd");
        command.args(["-4", "-d", "-f", "-cf", &file("dhcpd.conf"), "-lf", &file("leases")]);
        command.args(["-pf", &file("pid"), "eth0"]);
        let mut process = Process::start(&mut command, &self.log());
        until("dhcpd listens", PATIENCE, || {
            assert!(process.is_running(), "dhcpd ended:\n{}", process.output());
            process.output().contains("Server starting service")
        });
        self.process = Some(process);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.finish(PATIENCE);
        }
    }

    /// SIGSTOP: it lives and says nothing.
    pub fn hang(&self) {
        self.running().signal("STOP");
    }

    /// SIGCONT.
    pub fn wake(&self) {
        self.running().signal("CONT");
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Process::is_running)
    }

    /// Its lease file is gone, as with its disk. It must not run.
    ///
    /// # Panics
    /// If it runs.
    pub fn lose_leases(&self) {
        self.set_leases("");
    }

    /// What the last start has logged.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// What all starts have logged.
    #[must_use]
    pub fn all_output(&self) -> String {
        (1..=self.starts)
            .map(|n| fs::read_to_string(self.directory.join(format!("dhcpd-{n}.log"))))
            .filter_map(Result::ok)
            .collect()
    }

    /// Its own state of the relationship as its lease file has it: `normal`, `partner-down` …; empty
    /// before it has one.
    #[must_use]
    pub fn state(&self) -> String {
        let text = self.lease_file();
        let last = text.rfind("my state ").map(|at| &text[at + "my state ".len()..]);
        last.and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned()
    }

    /// Waits until it is in one of these states.
    ///
    /// # Panics
    /// If it is not when `patience` ends; with its log.
    pub fn expect_state(&mut self, wanted: &[&str], patience: Duration) {
        let end = std::time::Instant::now() + patience;
        loop {
            let state = self.state();
            if wanted.contains(&state.as_str()) {
                return;
            }
            assert!(
                self.is_running() && std::time::Instant::now() < end,
                "dhcpd is {state:?}, and not {wanted:?}:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Puts it into PARTNER-DOWN by OMAPI, as its operator does; its state tells whether it went.
    pub fn partner_down(&self, namespace: &Namespace, relationship: &str) {
        let script = format!(
            "port 7911\nconnect\nnew failover-state\nset name = \"{relationship}\"\nopen\n\
             set local-state = 4\nupdate\n"
        );
        self.omshell(namespace, &script);
    }

    /// Runs omshell with this script.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn omshell(&self, namespace: &Namespace, script: &str) -> String {
        let file = self.directory.join("omshell");
        fs::write(&file, script).expect("the script is written");
        let output = namespace
            .command("omshell")
            .stdin(Stdio::from(File::open(&file).expect("the script")))
            .output()
            .expect("omshell runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The last record of every address.
    #[must_use]
    pub fn leases(&self) -> BTreeMap<Ipv4Addr, LeaseRecord> {
        let text = self.lease_file();
        let mut leases = BTreeMap::new();
        let mut current: Option<(Ipv4Addr, LeaseRecord)> = None;
        for line in text.lines().map(str::trim) {
            let words: Vec<&str> = line.trim_end_matches(';').split(' ').collect();
            match (&mut current, words.as_slice()) {
                (None, ["lease", address, "{"]) => {
                    current = address.parse().ok().map(|address| (address, LeaseRecord::default()));
                }
                (Some(_), ["}"]) => leases.extend(current.take()),
                (Some((_, record)), ["binding", "state", state]) => {
                    (*state).clone_into(&mut record.state);
                }
                (Some((_, record)), ["hardware", _, hardware]) => {
                    (*hardware).clone_into(&mut record.hardware);
                }
                (Some((_, record)), ["ends", time @ ..]) => record.ends = seconds(time),
                (Some((_, record)), ["tstp", time @ ..]) => record.tstp = seconds(time),
                (Some((_, record)), ["tsfp", time @ ..]) => record.tsfp = seconds(time),
                _ => {}
            }
        }
        leases
    }

    /// How many addresses are in this binding state by the last records.
    #[must_use]
    pub fn count(&self, state: &str) -> usize {
        self.leases().values().filter(|record| record.state == state).count()
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("dhcpd runs")
    }

    fn lease_file(&self) -> String {
        fs::read_to_string(self.directory.join("leases")).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.directory.join(format!("dhcpd-{}.log", self.starts))
    }
}

/// A time of the lease file: `5 2026/11/20 20:11:32`, `never`, or `epoch 1763669492 # …`.
fn seconds(words: &[&str]) -> u64 {
    match words {
        ["never"] => 0x7fff_ffff,
        ["epoch", number, ..] => number.trim_end_matches(';').parse().unwrap_or(0),
        [_, date, time] => {
            let text = format!("{}T{time}Z", date.replace('/', "-"));
            super::lease::seconds(&text).unwrap_or(0)
        }
        _ => 0,
    }
}
