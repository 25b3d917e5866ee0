//! Real clients: dhclient, udhcpc, dhcpcd, each in a namespace of its own.
//!
//! All three call one script of ours, which puts the address on the interface, as a host would, and
//! writes down what happened: that record is what tests read.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::namespace::Namespace;
use super::process::Process;
use super::site::Site;
use super::wait::{until, until_some};

/// How long a program may take to give its lease back and end.
const ENDING: Duration = Duration::from_secs(20);

/// Which program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// ISC dhclient 4.4.
    Dhclient,
    /// busybox udhcpc.
    Udhcpc,
    /// dhcpcd 9.
    Dhcpcd,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dhclient, Self::Udhcpc, Self::Dhcpcd];
}

/// What a client told its script.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The client's own word in capitals: `BOUND`, `RENEW`, `REBIND`, `REBOOT`, `EXPIRE` …
    pub reason: String,
    /// The address it has now, if it has one.
    pub address: Option<Ipv4Addr>,
    /// The lease time it was given, in seconds.
    pub lease_s: Option<u32>,
    /// The server identifier.
    pub server: Option<Ipv4Addr>,
}

/// A host with one interface, `eth0`, and a DHCP client.
#[derive(Debug)]
pub struct Client {
    /// Where it lives.
    pub namespace: Namespace,
    kind: Kind,
    directory: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
    read: usize,
}

impl Client {
    /// A host plugged into the site's switch. Its client does not run yet.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(site: &Site, kind: Kind, name: &str) -> Self {
        let namespace = Namespace::new(name);
        site.plug(&namespace, "eth0");
        Self::at(namespace, kind, site.directory().join(name))
    }

    /// A host whose `eth0` is joined to something already.
    ///
    /// # Panics
    /// If its directory cannot be made.
    #[must_use]
    pub fn at(namespace: Namespace, kind: Kind, directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).expect("a directory for the client");
        let client =
            Self { namespace, kind, directory, arguments: Vec::new(), process: None, read: 0 };
        client.write_script(false);
        client
    }

    /// Further arguments of the program, from the next start on.
    #[must_use]
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&a| a.to_owned()).collect();
        self
    }

    /// Starts the program; one that ran before finds the lease file it left.
    pub fn start(&mut self) {
        let mut command = match self.kind {
            Kind::Dhclient => self.dhclient(),
            Kind::Udhcpc => self.udhcpc(),
            Kind::Dhcpcd => self.dhcpcd(),
        };
        command.args(&self.arguments);
        self.process = Some(Process::start(&mut command, &self.log()));
    }

    /// Waits for the next event that has one of these reasons; those before it are skipped.
    ///
    /// # Panics
    /// If it does not come while `patience` lasts; with the client's output.
    pub fn expect(&mut self, reasons: &[&str], patience: Duration) -> Event {
        let what = format!("{:?} of {:?} in {}", reasons, self.kind, self.directory.display());
        let from = self.read;
        let (index, event) = until_some(&what, patience, || {
            let found = |e: &Event| reasons.contains(&e.reason.as_str());
            let events = self.events();
            let index = events.iter().skip(from).position(found)? + from;
            Some((index, events[index].clone()))
        });
        self.read = index + 1;
        event
    }

    /// Waits for an address: the first one, or the same one after a restart.
    ///
    /// # Panics
    /// If none comes while `patience` lasts.
    pub fn expect_lease(&mut self, patience: Duration) -> Event {
        self.expect(&["BOUND", "REBOOT"], patience)
    }

    /// All that its script wrote down.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let written = fs::read_to_string(self.directory.join("events")).unwrap_or_default();
        // The last line may still be in the writing.
        let whole = written.rfind('\n').map_or("", |end| &written[..end]);
        whole.lines().map(Event::read).collect()
    }

    /// Asks for a renewal now.
    ///
    /// # Panics
    /// If it does not run, or is dhclient, which renews at T1 only.
    pub fn renew(&self) {
        assert_ne!(self.kind, Kind::Dhclient, "dhclient cannot be asked to renew");
        self.process.as_ref().expect("the client runs").signal("USR1");
    }

    /// Gives the lease back and ends the program.
    ///
    /// # Panics
    /// If it does not run.
    pub fn release(&mut self) {
        let mut process = self.process.take().expect("the client runs");
        match self.kind {
            // `dhclient -r` releases what the lease file has; the running one must be gone by then.
            Kind::Dhclient => {
                process.kill();
                process = Process::start(self.dhclient().arg("-r"), &self.log());
            }
            // Releases on its way out (`-R`).
            Kind::Udhcpc => process.signal("TERM"),
            // It does not see a signal that comes just while it starts a process of its own.
            Kind::Dhcpcd => {
                let mut due = Instant::now();
                until("dhcpcd's end", ENDING, || {
                    if process.is_running() && Instant::now() >= due {
                        process.signal("ALRM");
                        due += Duration::from_secs(1);
                    }
                    !process.is_running()
                });
            }
        }
        process.finish(ENDING);
    }

    /// Ends the program without a word to the server, as a power cut does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// From now on the client's own check says that the address it is given is in use already.
    pub fn refuse_addresses(&self, refuse: bool) {
        self.write_script(refuse);
    }

    /// Which program it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether unicast to the server arrives: without it only a broadcast renews the lease.
    pub fn reach_server(&self, reach: bool) {
        let change = if reach { "del" } else { "add" };
        self.namespace.ip(&["route", change, "blackhole", Site::SERVER]);
    }

    /// What the script was told under this name with the last lease, if it was told: what the
    /// program made of an option.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let told = fs::read_to_string(self.directory.join("environment")).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned)
    }

    /// What the program has printed.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn dhclient(&self) -> Command {
        let configuration = self.file("dhclient.conf");
        let text = "timeout 20; retry 2; initial-interval 1; backoff-cutoff 2; reboot 5;\n\
                    request subnet-mask, routers, domain-name-servers, dhcp-lease-time;\n";
        fs::write(&configuration, text).expect("dhclient's configuration is written");
        let mut command = self.namespace.command("dhclient");
        command.args(["-4", "-d", "-v", "-cf", &configuration, "-sf", &self.file("script")]);
        command.args(["-lf", &self.file("leases"), "-pf", &self.file("pid"), "eth0"]);
        command
    }

    fn udhcpc(&self) -> Command {
        let mut command = self.namespace.command("udhcpc");
        command.args(["-f", "-R", "-t", "10", "-T", "1", "-A", "1", "-i", "eth0", "-a"]);
        command.args(["-s", &self.file("script")]);
        command
    }

    fn dhcpcd(&self) -> Command {
        let lib = self.file("lib");
        fs::create_dir_all(&lib).expect("a folder for dhcpcd");
        // dhcpcd knows one place for its lease and its socket: give each host a place of its own.
        let inside = format!(
            "mount -t tmpfs none /run && mount --bind {lib} /var/lib/dhcpcd && exec \"$@\""
        );
        let mut command = self.namespace.command("unshare");
        command.args(["--mount", "sh", "-c", &inside, "dhcpcd"]);
        command.args(["dhcpcd", "-4", "-B", "-d", "-f", "/dev/null", "-c", &self.file("script")]);
        command.args(["--noipv4ll", "--timeout", "20", "eth0"]);
        command
    }

    fn write_script(&self, refuse: bool) {
        let (events, environment) = (self.file("events"), self.file("environment"));
        // dhclient takes a script's failure for an address in use and declines it.
        let verdict = if refuse { "exit 1" } else { "exit 0" };
        let text = format!(
            r#"#!/bin/sh
reason=$(echo "${{reason:-$1}}" | tr a-z A-Z)
address="${{new_ip_address:-$ip}}"
lease="${{new_dhcp_lease_time:-$lease}}"
server="${{new_dhcp_server_identifier:-$serverid}}"
gateway="${{new_routers:-$router}}"
case "$reason" in
PREINIT|DECONFIG) command ip addr flush dev eth0; command ip link set eth0 up ;;
BOUND|RENEW|REBIND|REBOOT)
  env > {environment}
  if [ {refuse} = false ]; then
    command ip addr replace "$address/${{new_subnet_cidr:-${{mask:-16}}}}" dev eth0
    for hop in $gateway; do command ip route replace default via "$hop"; break; done
  fi ;;
EXPIRE|FAIL|RELEASE|STOP|NAK) command ip addr flush dev eth0; address= ;;
esac
echo "$reason ${{address:--}} ${{lease:--}} ${{server:--}}" >> {events}
case "$reason" in BOUND|RENEW|REBIND|REBOOT) {verdict} ;; esac
exit 0
"#
        );
        // A new file in place of the old one: the client may be running the old one right now.
        let (new, script) = (self.file("script.new"), self.file("script"));
        fs::write(&new, text).expect("the script is written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("and made executable");
        fs::rename(Path::new(&new), script).expect("and moved in place");
    }
}

impl Event {
    fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let reason = words.next().unwrap_or_default().to_owned();
        Self {
            reason,
            address: words.next().and_then(|word| word.parse().ok()),
            lease_s: words.next().and_then(|word| word.parse().ok()),
            server: words.next().and_then(|word| word.parse().ok()),
        }
    }
}
