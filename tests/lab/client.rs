//! Real clients: dhclient, udhcpc, dhcpcd, each in a namespace of its own.
//!
//! All three call one script of ours, which puts the address on the interface, as a host would, and
//! writes down what happened: that record is what tests read.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::namespace::Namespace;
use super::site::Site;
use super::workplace::Workplace;

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
    place: Workplace,
    kind: Kind,
    arguments: Vec<String>,
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
        let place = Workplace::new(namespace, directory);
        let client = Self { place, kind, arguments: Vec::new() };
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
        self.place.start(&mut command);
    }

    /// Waits for the next event that has one of these reasons; those before it are skipped.
    ///
    /// # Panics
    /// If it does not come while `patience` lasts; with the client's output.
    pub fn expect(&mut self, reasons: &[&str], patience: Duration) -> Event {
        let what = format!("{reasons:?} of {:?}", self.kind);
        self.place.expect(&what, patience, Event::read, |events| {
            let index = events.iter().position(|it| reasons.contains(&it.reason.as_str()))?;
            Some((index + 1, events[index].clone()))
        })
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
        self.place.events(Event::read)
    }

    /// Asks for a renewal now.
    ///
    /// # Panics
    /// If it does not run, or is dhclient, which renews at T1 only.
    pub fn renew(&self) {
        assert_ne!(self.kind, Kind::Dhclient, "dhclient cannot be asked to renew");
        self.place.running().signal("USR1");
    }

    /// Gives the lease back and ends the program.
    ///
    /// # Panics
    /// If it does not run.
    pub fn release(&mut self) {
        match self.kind {
            Kind::Dhclient => self.place.release_dhclient(self.dhclient()),
            // Releases on its way out (`-R`).
            Kind::Udhcpc => {
                self.place.running().signal("TERM");
                self.place.finish();
            }
            Kind::Dhcpcd => self.place.release_dhcpcd(),
        }
    }

    /// Ends the program without a word to the server, as a power cut does.
    pub fn kill(&mut self) {
        self.place.kill();
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
        self.place.host.ip(&["route", change, "blackhole", Site::SERVER]);
    }

    /// What the script was told under this name with the last lease, if it was told: what the
    /// program made of an option.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        let told = fs::read_to_string(self.place.path("environment")).unwrap_or_default();
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned)
    }

    /// What the program has printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.place.output()
    }

    /// Where it lives.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.place.host
    }

    fn dhclient(&self) -> Command {
        let configuration = "timeout 20; retry 2; initial-interval 1; backoff-cutoff 2; reboot 5;\n\
                             request subnet-mask, routers, domain-name-servers, dhcp-lease-time;\n";
        self.place.dhclient(&["-4"], configuration)
    }

    fn udhcpc(&self) -> Command {
        let mut command = self.place.host.command("udhcpc");
        command.args(["-f", "-R", "-t", "10", "-T", "1", "-A", "1", "-i", "eth0", "-a"]);
        command.args(["-s", &self.place.file("script")]);
        command
    }

    fn dhcpcd(&self) -> Command {
        self.place.dhcpcd(&["-4", "-f", "/dev/null", "--noipv4ll", "--timeout", "20"])
    }

    fn write_script(&self, refuse: bool) {
        let (events, environment) = (self.place.file("events"), self.place.file("environment"));
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
        self.place.write_script(&text);
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
