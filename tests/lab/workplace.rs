//! Where a client program works: a host, a folder of its own, and a script that the program calls and that
//! writes down what happened.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::namespace::Namespace;
use super::process::Process;
use super::wait::{until, until_some};

/// How long a program may take to give back what it has and end.
const ENDING: Duration = Duration::from_secs(20);

/// A host with one interface, `eth0`, and one program at the most.
#[derive(Debug)]
pub(super) struct Workplace {
    pub(super) host: Namespace,
    directory: PathBuf,
    process: Option<Process>,
    /// Events that were waited for already, and those before them.
    seen: usize,
}

impl Workplace {
    /// # Panics
    /// If its folder cannot be made.
    pub(super) fn new(host: Namespace, directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).expect("a directory for the client");
        Self { host, directory, process: None, seen: 0 }
    }

    pub(super) fn start(&mut self, command: &mut Command) {
        self.process = Some(Process::start(command, &self.path("log")));
    }

    /// The program.
    ///
    /// # Panics
    /// If it does not run.
    pub(super) fn running(&self) -> &Process {
        self.process.as_ref().expect("the client runs")
    }

    /// Ends the program without a word to the server, as a power cut does.
    pub(super) fn kill(&mut self) {
        self.process = None;
    }

    /// Waits for the program's end, by itself or because it was told.
    ///
    /// # Panics
    /// If it does not run, or not end.
    pub(super) fn finish(&mut self) {
        self.process.take().expect("the client runs").finish(ENDING);
    }

    /// Ends a dhclient and has another, which is started by this command, release what its lease file has.
    ///
    /// # Panics
    /// If that one does not end.
    pub(super) fn release_dhclient(&mut self, mut command: Command) {
        drop(self.process.take().expect("the client runs"));
        self.start(command.arg("-r"));
        self.finish();
    }

    /// Has a dhcpcd release what it has, and waits for its end.
    ///
    /// # Panics
    /// If it does not run, or not end.
    pub(super) fn release_dhcpcd(&mut self) {
        let mut process = self.process.take().expect("the client runs");
        let mut due = Instant::now();
        // It does not see a signal that comes just while it starts a process of its own.
        until("dhcpcd's end", ENDING, || {
            if process.is_running() && Instant::now() >= due {
                process.signal("ALRM");
                due += Duration::from_secs(1);
            }
            !process.is_running()
        });
    }

    /// Waits until `find` takes some of the events that were not seen yet: how many, and what they come to.
    ///
    /// # Panics
    /// If it takes none while `patience` lasts.
    pub(super) fn expect<E, T>(
        &mut self,
        what: &str,
        patience: Duration,
        read: impl Fn(&str) -> E,
        find: impl Fn(&[E]) -> Option<(usize, T)>,
    ) -> T {
        let what = format!("{what} in {}", self.directory.display());
        let (taken, found) =
            until_some(&what, patience, || find(self.events(&read).get(self.seen..)?));
        self.seen += taken;
        found
    }

    /// All that the script wrote down, a line an event.
    pub(super) fn events<E>(&self, read: impl Fn(&str) -> E) -> Vec<E> {
        let written = fs::read_to_string(self.path("events")).unwrap_or_default();
        // The last line may still be in the writing.
        let whole = written.rfind('\n').map_or("", |end| &written[..end]);
        whole.lines().map(read).collect()
    }

    /// What the program has printed.
    pub(super) fn output(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The same, for a command line.
    pub(super) fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// dhclient with this configuration, for what `arguments` say.
    ///
    /// # Panics
    /// If the configuration cannot be written.
    pub(super) fn dhclient(&self, arguments: &[&str], configuration: &str) -> Command {
        let file = self.file("dhclient.conf");
        fs::write(&file, configuration).expect("dhclient's configuration is written");
        let mut command = self.host.command("dhclient");
        command.args(arguments).args(["-d", "-v", "-cf", &file, "-sf", &self.file("script")]);
        command.args(["-lf", &self.file("leases"), "-pf", &self.file("pid"), "eth0"]);
        command
    }

    /// dhcpcd, for what `arguments` say.
    ///
    /// # Panics
    /// If its folder cannot be made.
    pub(super) fn dhcpcd(&self, arguments: &[&str]) -> Command {
        let lib = self.file("lib");
        fs::create_dir_all(&lib).expect("a folder for dhcpcd");
        // It knows one place for its lease and its socket: each host has a place of its own.
        let inside = format!(
            "mount -t tmpfs none /run && mount --bind {lib} /var/lib/dhcpcd && exec \"$@\""
        );
        let mut command = self.host.command("unshare");
        command.args(["--mount", "sh", "-c", &inside, "dhcpcd"]);
        command.args(["dhcpcd", "-B", "-d", "-c", &self.file("script")]).args(arguments);
        command.arg("eth0");
        command
    }

    /// Puts a script in place of the one that the program calls.
    ///
    /// # Panics
    /// If it cannot be written.
    pub(super) fn write_script(&self, text: &str) {
        // A new file: the program may be running the old one right now.
        let (new, script) = (self.path("script.new"), self.path("script"));
        fs::write(&new, text).expect("the script is written");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("and made executable");
        fs::rename(new, script).expect("and moved in place");
    }
}
