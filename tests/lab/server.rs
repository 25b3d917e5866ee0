//! The server under test: the real binary, in its namespace, on a real disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use super::lease::Lease;
use super::namespace::Namespace;
use super::process::Process;
use super::site::Site;
use super::wait::until;

/// How long a start, a stop or an answer of the control socket may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a test says of its server before it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where configuration, state and log go.
    pub directory: PathBuf,
    /// The configuration but for `state-dir`, which is `directory/state`.
    pub configuration: String,
    /// The server itself.
    pub binary: PathBuf,
}

/// A running `tandem serve`.
#[derive(Debug)]
pub struct Server {
    process: Process,
    settings: Settings,
}

impl Server {
    /// Starts it in `namespace` and waits until it answers clients.
    ///
    /// # Panics
    /// If it does not come up; with its log.
    #[must_use]
    pub fn start(namespace: &Namespace, settings: Settings) -> Self {
        let mut server = Self::launch(namespace, settings);
        server.await_ready();
        server
    }

    /// Starts it without waiting for anything: for tests of a start that must fail.
    #[must_use]
    pub fn launch(namespace: &Namespace, settings: Settings) -> Self {
        let config = settings.config_file();
        let state = settings.state_dir();
        fs::create_dir_all(&settings.directory).expect("a directory for the server");
        fs::write(&config, format!("state-dir = {:?}\n{}", state, settings.configuration))
            .expect("the configuration is written");
        // Each start has a log of its own, so that "ready" is this start's.
        let log = (0..).map(|n| settings.directory.join(format!("server-{n}.log")));
        let log = log.into_iter().find(|log| !log.exists()).expect("numbers do not end");
        let mut command = namespace.command(&settings.binary);
        command.args(["serve", "--config"]).arg(&config);
        Self { process: Process::start(&mut command, &log), settings }
    }

    /// Waits until it says that it answers clients.
    ///
    /// # Panics
    /// If it ends before that, or takes too long; with its log.
    pub fn await_ready(&mut self) {
        let process = &mut self.process;
        until("the server's ready line", PATIENCE, || {
            assert!(process.is_running(), "the server ended:\n{}", process.output());
            process.output().lines().any(|line| line.contains("ready"))
        });
    }

    /// The process, for signals and its log.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it has logged since its start.
    #[must_use]
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// SIGTERM, and waits for a clean end.
    ///
    /// # Panics
    /// If it does not end, or not with status 0.
    pub fn stop(mut self) -> Settings {
        self.process.signal("TERM");
        let status = self.process.finish(PATIENCE);
        assert!(status.success(), "{status}\n{}", self.process.output());
        self.settings.clone()
    }

    /// SIGKILL.
    pub fn kill(mut self) -> Settings {
        self.process.kill();
        self.settings.clone()
    }

    /// `tandem status --json`.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn status(&self) -> Value {
        let said = self.tandem(&["status", "--json"]);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// How many packets its XDP programs have judged so.
    ///
    /// # Panics
    /// If the server does not answer, or counts no such verdict.
    #[must_use]
    pub fn verdict(&self, name: &str) -> u64 {
        let counts = self.status()["packets"]["verdicts"].take();
        counts[name].as_u64().unwrap_or_else(|| panic!("no verdict {name} in {counts}"))
    }

    /// How many packets it has lost before a worker had them, as it says.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let lost = self.status()["packets"]["lost"].take();
        lost.as_object().expect("counters").values().filter_map(Value::as_u64).sum()
    }

    /// All leases that it lists.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn listed(&self) -> Vec<Lease> {
        self.leases(&[]).iter().map(Lease::read).collect()
    }

    /// `tandem leases --json` with further arguments, a value a line.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn leases(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.tandem(&[&["leases", "--json"], arguments].concat());
        said.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }

    /// What it says under a key of the lease of an address or prefix; `None` if it lists none, or nothing there.
    ///
    /// # Panics
    /// If the server does not answer.
    #[must_use]
    pub fn said_of(&self, resource: &str, key: &str) -> Option<String> {
        let found = self.leases(&["--address", resource]);
        found.first().and_then(|lease| lease[key].as_str()).map(str::to_owned)
    }

    /// Runs a subcommand against this server and gives its output.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn tandem(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.try_tandem(arguments);
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(
            status.success(),
            "tandem {arguments:?}: {status}\n{stderr}\n{}",
            self.process.output()
        );
        String::from_utf8_lossy(&stdout).into_owned()
    }

    /// The same of one that may fail.
    ///
    /// # Panics
    /// If it cannot be run.
    #[must_use]
    pub fn try_tandem(&self, arguments: &[&str]) -> Output {
        Command::new(&self.settings.binary)
            .args(arguments)
            .arg("--state-dir")
            .arg(self.settings.state_dir())
            .output()
            .expect("the binary runs")
    }
}

impl Settings {
    /// A server with this configuration in the site's directory: the binary that `TANDEM_BIN`
    /// names, or the one that was built beside this test.
    ///
    /// # Panics
    /// If there is no binary.
    #[must_use]
    pub fn new(site: &Site, configuration: impl Into<String>) -> Self {
        let directory = site.directory().to_owned();
        Self { directory, configuration: configuration.into(), binary: binary() }
    }

    /// The file that `--config` names.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.directory.join("tandem.toml")
    }

    /// The server's state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.directory.join("state")
    }
}

fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("TANDEM_BIN") {
        return PathBuf::from(named);
    }
    let test = std::env::current_exe().expect("a test knows its own file");
    let beside = test.ancestors().skip(1).take(2).map(|folder: &Path| folder.join("tandem"));
    beside
        .into_iter()
        .find(|binary| binary.exists())
        .expect("the server's binary: `cargo xtask test` builds it and names it in TANDEM_BIN")
}
