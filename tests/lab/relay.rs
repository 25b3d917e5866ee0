//! A relay agent between the site and one host behind it: ISC dhcrelay, which adds option 82.

use std::path::PathBuf;

use super::client::{Client, Kind};
use super::namespace::Namespace;
use super::process::Process;
use super::site::Site;

/// A router with a relay agent: `north` on the site, `south` towards its client.
#[derive(Debug)]
pub struct Relay {
    /// Where it runs.
    pub namespace: Namespace,
    number: u8,
    directory: PathBuf,
    process: Option<Process>,
}

impl Relay {
    /// Builds the router; the agent starts with its client. `number`, below 100, is one that no
    /// other relay of the site has.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(site: &Site, number: u8) -> Self {
        let namespace = Namespace::new("relay");
        site.plug(&namespace, "north");
        let north = format!("10.77.0.{}", 100 + number);
        namespace.ip(&["addr", "add", &format!("{north}/16"), "dev", "north"]);
        namespace.run("sysctl", &["-qw", "net.ipv4.ip_forward=1"]);
        let directory = site.directory().to_owned();
        let relay = Self { namespace, number, directory, process: None };
        // The server answers relayed packets to giaddr, by way of this router.
        site.server.ip(&["route", "add", &relay.prefix(), "via", &north]);
        relay
    }

    /// Its address on the client's side: what it puts into `giaddr`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("10.{}.0.1", 100 + self.number)
    }

    /// The prefix on the client's side.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("10.{}.0.0/16", 100 + self.number)
    }

    /// A host behind the relay agent, which is started for it.
    ///
    /// # Panics
    /// If it has one already.
    #[must_use]
    pub fn client(&mut self, kind: Kind, name: &str) -> Client {
        assert!(self.process.is_none(), "the relay serves one host");
        let host = Namespace::new(name);
        self.namespace.join("south", &host, "eth0");
        self.namespace.ip(&["addr", "add", &format!("{}/16", self.address()), "dev", "south"]);
        let mut command = self.namespace.command("dhcrelay");
        command.args(["-4", "-d", "-a", "-iu", "north", "-id", "south", Site::SERVER]);
        let log = self.directory.join(format!("relay-{}.log", self.number));
        self.process = Some(Process::start(&mut command, &log));
        Client::at(host, kind, self.directory.join(name))
    }
}
