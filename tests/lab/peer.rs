//! One half of a failover pair: Tandem or dhcpd, with the same handles.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::dhcpd::Dhcpd;
use super::lease::Lease;
use super::pair::{Host, Pair};
use super::relationship::{Protocol, Relationship};
use super::server::{Server, Settings};
use super::wait::until_some;

/// How long an answer of a control socket may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which program it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Make {
    /// Ours.
    Tandem,
    /// ISC dhcpd 4.4.3.
    Dhcpd,
}

/// A server of the pair, running or not, on a disk of its own.
#[derive(Debug)]
pub struct Peer {
    /// Where it runs.
    pub host: Host,
    relationship: Relationship,
    program: Program,
}

#[derive(Debug)]
enum Program {
    Tandem { settings: Settings, server: Option<Server> },
    Dhcpd(Dhcpd),
}

impl Peer {
    /// A server of this make on `host`, with an empty disk. It does not run yet.
    #[must_use]
    pub fn new(pair: &Pair, host: Host, make: Make, relationship: &Relationship) -> Self {
        Self::with(pair, host, make, relationship, "")
    }

    /// The same with further configuration, in the server's own language.
    #[must_use]
    pub fn with(
        pair: &Pair,
        host: Host,
        make: Make,
        relationship: &Relationship,
        further: &str,
    ) -> Self {
        let directory = pair.directory(&format!("{make:?}-{host:?}"));
        let program = match make {
            Make::Tandem => {
                let mut settings = Settings::new(&pair.site, relationship.tandem(host) + further);
                settings.directory = directory;
                Program::Tandem { settings, server: None }
            }
            Make::Dhcpd => {
                let configuration = relationship.dhcpd(host) + further;
                Program::Dhcpd(Dhcpd::new(pair.host(host), directory, &configuration))
            }
        };
        Self { host, relationship: *relationship, program }
    }

    /// Starts it; it answers clients, or would if its partner let it.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(&mut self, pair: &Pair) {
        let namespace = pair.host(self.host);
        match &mut self.program {
            Program::Tandem { settings, server } => {
                *server = Some(Server::start(namespace, settings.clone()));
            }
            Program::Dhcpd(dhcpd) => dhcpd.start(namespace),
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        match &mut self.program {
            Program::Tandem { server, .. } => drop(server.take().map(Server::kill)),
            Program::Dhcpd(dhcpd) => dhcpd.kill(),
        }
    }

    /// An orderly stop, as the service manager asks for it.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&mut self) {
        match &mut self.program {
            Program::Tandem { server, .. } => drop(server.take().map(Server::stop)),
            Program::Dhcpd(dhcpd) => dhcpd.stop(),
        }
    }

    /// SIGSTOP: it lives and says nothing.
    pub fn hang(&mut self) {
        match &mut self.program {
            Program::Tandem { server, .. } => {
                server.as_mut().expect("it runs").process().signal("STOP");
            }
            Program::Dhcpd(dhcpd) => dhcpd.hang(),
        }
    }

    /// SIGCONT.
    pub fn wake(&mut self) {
        match &mut self.program {
            Program::Tandem { server, .. } => {
                server.as_mut().expect("it runs").process().signal("CONT");
            }
            Program::Dhcpd(dhcpd) => dhcpd.wake(),
        }
    }

    /// Its disk is gone. It must not run.
    ///
    /// # Panics
    /// If it runs.
    pub fn lose_disk(&mut self) {
        match &mut self.program {
            Program::Tandem { settings, server } => {
                assert!(server.is_none(), "its disk is in use");
                std::fs::remove_dir_all(settings.state_dir()).expect("the state is removed");
            }
            Program::Dhcpd(dhcpd) => dhcpd.lose_leases(),
        }
    }

    /// Its own state: `normal`, `partner-down` …; empty if it does not say.
    #[must_use]
    pub fn state(&self) -> String {
        match &self.program {
            Program::Tandem { .. } => {
                let status = self.failover_status().unwrap_or_default();
                status["state"].as_str().unwrap_or_default().to_owned()
            }
            Program::Dhcpd(dhcpd) => dhcpd.state(),
        }
    }

    /// What `tandem failover status --json` says of the relationship; `None` if it does not answer.
    #[must_use]
    pub fn failover_status(&self) -> Option<Value> {
        let Program::Tandem { settings, .. } = &self.program else { return None };
        let output = Command::new(&settings.binary)
            .args(["failover", "status", "--json", "--state-dir"])
            .arg(settings.state_dir())
            .output()
            .expect("the binary runs");
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        status.as_array()?.iter().find(|it| it["name"] == self.relationship.name).cloned()
    }

    /// Waits until it is in one of these states.
    ///
    /// # Panics
    /// If it is not when `patience` ends; with its log.
    pub fn expect_state(&mut self, wanted: &[&str], patience: Duration) {
        let end = Instant::now() + patience;
        loop {
            let state = self.state();
            if wanted.contains(&state.as_str()) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{:?} is {state:?}, and not {wanted:?}:\n{}",
                self.host,
                self.output()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The operator says that its partner is down.
    ///
    /// # Panics
    /// If it refuses.
    pub fn partner_down(&mut self, pair: &Pair) {
        match &self.program {
            Program::Tandem { .. } => {
                self.tandem(&["failover", "partner-down", "--yes"]);
            }
            Program::Dhcpd(dhcpd) => {
                dhcpd.partner_down(pair.host(self.host), self.relationship.name);
            }
        }
    }

    /// Runs a subcommand of ours against it and gives its output.
    ///
    /// # Panics
    /// If it fails, does not run, or is a dhcpd.
    pub fn tandem(&mut self, arguments: &[&str]) -> String {
        let Program::Tandem { server: Some(server), .. } = &self.program else {
            panic!("{:?} runs no Tandem", self.host);
        };
        server.tandem(arguments)
    }

    /// Everything that it lists.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn leases(&self) -> Vec<Lease> {
        match &self.program {
            Program::Tandem { server, .. } => server.as_ref().expect("it runs").listed(),
            Program::Dhcpd(dhcpd) => dhcpd
                .leases()
                .into_iter()
                .map(|(address, record)| Lease {
                    address: address.into(),
                    state: record.state,
                    hardware: record.hardware,
                    ends: record.ends,
                })
                .collect(),
        }
    }

    /// How many addresses are BACKUP, in DHCPv6 prefixes, by its own word.
    #[must_use]
    pub fn backups(&self) -> usize {
        match &self.program {
            // Those that were never anybody's are listed only if they are asked for.
            Program::Tandem { server, .. } => {
                let backups = server.as_ref().expect("it runs").leases(&["--state", "backup"]);
                let is_balanced = |lease: &&Value| {
                    self.relationship.protocol == Protocol::Dhcpv4 || lease["prefix"].is_string()
                };
                backups.iter().filter(is_balanced).count()
            }
            Program::Dhcpd(_) => {
                self.leases().iter().filter(|lease| lease.state == "backup").count()
            }
        }
    }

    /// Its own word on one address, once it has one that `wanted` takes.
    ///
    /// # Panics
    /// If it has none when patience ends.
    pub fn expect_lease(&self, what: &str, wanted: impl Fn(&Lease) -> bool) -> Lease {
        until_some(what, PATIENCE, || self.leases().into_iter().find(&wanted))
    }

    /// What the last start has logged.
    #[must_use]
    pub fn output(&self) -> String {
        match &self.program {
            Program::Tandem { server, .. } => {
                server.as_ref().map(Server::output).unwrap_or_default()
            }
            Program::Dhcpd(dhcpd) => dhcpd.output(),
        }
    }

    /// The dhcpd.
    ///
    /// # Panics
    /// If it is a Tandem.
    pub fn dhcpd(&mut self) -> &mut Dhcpd {
        match &mut self.program {
            Program::Dhcpd(dhcpd) => dhcpd,
            Program::Tandem { .. } => panic!("{:?} runs no dhcpd", self.host),
        }
    }
}
