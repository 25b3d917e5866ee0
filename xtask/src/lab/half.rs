//! One server of the pair, running or killed, and what it says of itself.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tandem_tests::lab::{Host, Pair, Server, Settings};

/// One server and its disk.
pub(super) struct Half {
    host: Host,
    settings: Settings,
    server: Option<Server>,
}

/// What a server said at one moment; empty where it said nothing.
pub(super) struct Look {
    /// `A` or `B`.
    pub(super) name: &'static str,
    /// Where clients find it.
    pub(super) address: String,
    /// Whether its process is there.
    pub(super) is_running: bool,
    /// `tandem failover status --json`: a relationship for each protocol.
    pub(super) failover: Vec<Value>,
    /// `tandem status --json`.
    pub(super) status: Value,
    /// `tandem leases --json`.
    pub(super) leases: Vec<Value>,
}

impl Half {
    /// On `host`, with an empty disk. It does not run yet.
    pub(super) fn new(pair: &Pair, host: Host, binary: &Path, configuration: String) -> Self {
        let directory = pair.directory(letter(host));
        let settings = Settings { directory, configuration, binary: binary.to_owned() };
        Self { host, settings, server: None }
    }

    pub(super) fn start(&mut self, pair: &Pair) {
        self.server = Some(Server::launch(pair.host(self.host), self.settings.clone()));
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.process().is_running())
    }

    /// SIGKILL if it runs, else a start. Says which.
    pub(super) fn toggle(&mut self, pair: &Pair) -> String {
        let name = letter(self.host);
        let was_running = self.is_running();
        if let Some(server) = self.server.take() {
            server.kill();
        }
        if was_running {
            return format!("server {name} is killed");
        }
        self.start(pair);
        format!("server {name} starts")
    }

    /// The operator says that the partner is down, in all relationships. Gives back what the server says to
    /// that.
    pub(super) fn partner_down(&self) -> String {
        let of = |name: &str| match self.tandem(&[
            "failover",
            "partner-down",
            "--yes",
            "--name",
            name,
        ]) {
            Ok(said) => said.lines().next().unwrap_or_default().to_owned(),
            Err(refused) => refused,
        };
        let said = self.names().iter().map(|name| of(name)).collect::<Vec<_>>();
        said.join("\n")
    }

    /// The relationships.
    fn names(&self) -> Vec<String> {
        let of = |it: &Value| it["name"].as_str().map(str::to_owned);
        self.failover().iter().filter_map(of).collect()
    }

    fn failover(&self) -> Vec<Value> {
        let said = self.tandem(&["failover", "status", "--json"]).unwrap_or_default();
        serde_json::from_str(&said).unwrap_or_default()
    }

    pub(super) fn look(&mut self) -> Look {
        let is_running = self.is_running();
        let ask = |arguments: &[&str]| {
            let said =
                if is_running { self.tandem(arguments).unwrap_or_default() } else { String::new() };
            said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<Value>>()
        };
        let mut status = ask(&["status", "--json"]);
        Look {
            name: letter(self.host),
            address: self.host.address().to_string(),
            is_running,
            failover: if is_running { self.failover() } else { Vec::new() },
            status: status.pop().unwrap_or_default(),
            leases: ask(&["leases", "--json"]),
        }
    }

    /// What a subcommand says, or why it refuses: the server may be just starting or just dead.
    fn tandem(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.settings.binary);
        command.args(arguments).arg("--state-dir").arg(self.settings.state_dir());
        let output = command.output().map_err(|error| error.to_string())?;
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

/// What people call it.
fn letter(host: Host) -> &'static str {
    match host {
        Host::A => "A",
        Host::B => "B",
    }
}
