//! One host of the lab: a network namespace that goes with its value.

use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Output, id};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::wait::until;

/// How long the kernel may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// What every namespace of a lab begins with; the process number follows.
const PREFIX: &str = "tandem-";

/// A network namespace, removed on drop together with every process still in it.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Whether this process may make namespaces.
    #[must_use]
    pub fn permitted() -> bool {
        fs::read_to_string("/proc/self/status").is_ok_and(|status| {
            status
                .lines()
                .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(1) == Some("0"))
        })
    }

    /// Makes one with its loopback up; `role` is for whoever looks at the machine meanwhile.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(role: &str) -> Self {
        static SWEPT: Once = Once::new();
        static COUNT: AtomicU32 = AtomicU32::new(0);
        SWEPT.call_once(sweep);
        let count = COUNT.fetch_add(1, Relaxed);
        let made = Self { name: format!("{PREFIX}{}-{count}-{role}", id()) };
        run(Command::new("ip").args(["netns", "add", &made.name]));
        made.ip(&["link", "set", "lo", "up"]);
        // Most of the lab talks IPv4; router solicitations would only be noise on the wire.
        made.run("sysctl", &["-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
        made
    }

    /// Lets it speak IPv6, too, for which whoever answers DHCPv6 or asks by it has a link-local address.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn speak_ipv6(&self) {
        for (key, value) in [
            // Nobody else has it, and nobody is to wait for that to be found out.
            ("conf.default.accept_dad", 0),
            ("conf.all.accept_dad", 0),
            ("conf.default.router_solicitations", 0),
            ("conf.all.disable_ipv6", 0),
        ] {
            self.run("sysctl", &["-qw", &format!("net.ipv6.{key}={value}")]);
        }
    }

    /// Lets it speak IPv6 at this address, in a prefix of 64 bits.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn add_ipv6(&self, address: Ipv6Addr, interface: &str) {
        self.speak_ipv6();
        self.ip(&["addr", "add", &format!("{address}/64"), "dev", interface, "nodad"]);
    }

    /// Waits for the address that the kernel gives an interface some time after the link is up.
    ///
    /// # Panics
    /// If it does not.
    pub fn await_link_local(&self, interface: &str) {
        until("a link-local address", PATIENCE, || {
            let scope = ["-6", "addr", "show", "dev", interface, "scope", "link", "-tentative"];
            !self.ip(&scope).is_empty()
        });
    }

    /// Its name, as `ip netns` knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run in here and be killed with the thread that starts it.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "ip", "netns", "exec", &self.name]);
        command.arg(program.as_ref());
        command
    }

    /// Runs a program in here to its end and gives what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(self.command(program).args(arguments))
    }

    /// `ip` with these arguments, in here.
    ///
    /// # Panics
    /// If it fails.
    pub fn ip(&self, arguments: &[&str]) -> String {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments))
    }

    /// Does something in here, such as opening a socket, which then stays in here.
    ///
    /// # Panics
    /// If the kernel does not let this process in, or `work` panics.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let door = File::open(Path::new("/var/run/netns").join(&self.name)).expect("the namespace");
        // A namespace belongs to a thread: one of its own leaves this one where it is.
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(door.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("a way into the namespace");
                work()
            });
            inside.join().expect("work in the namespace ends well")
        })
    }

    /// Ends every process in here, at once.
    pub fn end_processes(&self) {
        end_processes(&self.name);
    }

    /// Joins `self` and `other` by a veth pair whose ends carry these names, and sets both up.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn join(&self, here: &str, other: &Self, there: &str) {
        self.join_by_queues(here, other, there, 1);
    }

    /// As [`Self::join`], each end with so many receive and transmit queues.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn join_by_queues(&self, here: &str, other: &Self, there: &str, queues: u32) {
        let queues = queues.to_string();
        let queues = ["numrxqueues", &queues, "numtxqueues", &queues];
        let pair = [
            &["link", "add", here][..],
            &queues,
            &["type", "veth", "peer", "name", there],
            &queues,
            &["netns", &other.name],
        ];
        self.ip(&pair.concat());
        for (namespace, link) in [(self, here), (other, there)] {
            namespace.ip(&["link", "set", link, "up"]);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Removes what runs of this lab left that were killed before they could clean up.
fn sweep() {
    let Ok(listed) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for name in String::from_utf8_lossy(&listed.stdout).lines().filter_map(|l| l.split(' ').next())
    {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let process = rest.split('-').next().unwrap_or_default();
        if !process.is_empty() && !Path::new("/proc").join(process).exists() {
            remove(name);
        }
    }
}

/// Ends every process in a namespace, then the namespace. Best effort: it runs while unwinding.
fn remove(name: &str) {
    end_processes(name);
    let _ = Command::new("ip").args(["netns", "delete", name]).output();
}

fn end_processes(name: &str) {
    if let Ok(pids) = Command::new("ip").args(["netns", "pids", name]).output() {
        for pid in String::from_utf8_lossy(&pids.stdout).split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).output();
        }
    }
}

/// Runs a command to its end.
///
/// # Panics
/// If it fails, with all that it said.
fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    stdout.into_owned()
}
