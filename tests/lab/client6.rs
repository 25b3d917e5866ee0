//! Real clients of DHCPv6: dhclient and dhcpcd, each in a namespace of its own, for an address, a prefix
//! or both.
//!
//! Both call one script of ours, which writes down what happened: that record is what tests read.

use std::fs;
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::namespace::Namespace;
use super::process::Process;
use super::site::Site;
use super::wait::{until, until_some};

/// How long a program may take to give its leases back and end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind6 {
    /// ISC dhclient 4.4.
    Dhclient,
    /// dhcpcd 9.
    Dhcpcd,
}

/// What a client told its script.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event6 {
    /// The client's own word: `BOUND6`, `RENEW6`, `REBIND6`, `EXPIRE6` …
    pub reason: String,
    /// The address that it has now, if the event is about one.
    pub address: Option<Ipv6Addr>,
    /// The prefix that it has now, as text, if the event is about one.
    pub prefix: Option<String>,
}

/// A host with one interface, `eth0`, and a DHCPv6 client that wants an address and a prefix.
#[derive(Debug)]
pub struct Client6 {
    /// Where it lives.
    pub namespace: Namespace,
    kind: Kind6,
    directory: PathBuf,
    process: Option<Process>,
    read: usize,
}

impl Client6 {
    /// A host plugged into the site's switch. Its client does not run yet.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn new(site: &Site, kind: Kind6, name: &str) -> Self {
        let namespace = Namespace::new(name);
        namespace.speak_ipv6();
        site.plug(&namespace, "eth0");
        // dhclient ends at once without one.
        namespace.await_link_local("eth0");
        let directory = site.directory().join(name);
        fs::create_dir_all(&directory).expect("a directory for the client");
        let client = Self { namespace, kind, directory, process: None, read: 0 };
        client.write_script(0);
        client
    }

    /// Starts the program; one that ran before finds the lease file it left.
    pub fn start(&mut self) {
        let mut command = match self.kind {
            Kind6::Dhclient => self.dhclient(),
            Kind6::Dhcpcd => self.dhcpcd(),
        };
        self.process = Some(Process::start(&mut command, &self.log()));
    }

    /// Waits for events with one of these reasons until both an address and a prefix were told of, in one
    /// event or in two; those before are skipped.
    ///
    /// # Panics
    /// If they do not come while `patience` lasts; with what did.
    pub fn expect(&mut self, reasons: &[&str], patience: Duration) -> (Ipv6Addr, String) {
        let what = format!("{reasons:?} of {:?} in {}", self.kind, self.directory.display());
        let from = self.read;
        let (read, leases) = until_some(&what, patience, || {
            let (mut address, mut prefix) = (None, None);
            for (index, event) in self.events().into_iter().enumerate().skip(from) {
                if !reasons.contains(&event.reason.as_str()) {
                    continue;
                }
                (address, prefix) = (event.address.or(address), event.prefix.or(prefix));
                if let (Some(address), Some(prefix)) = (address, &prefix) {
                    return Some((index + 1, (address, prefix.clone())));
                }
            }
            None
        });
        self.read = read;
        leases
    }

    /// All that its script wrote down.
    #[must_use]
    pub fn events(&self) -> Vec<Event6> {
        let written = fs::read_to_string(self.directory.join("events")).unwrap_or_default();
        // The last line may still be in the writing.
        let whole = written.rfind('\n').map_or("", |end| &written[..end]);
        whole.lines().map(Event6::read).collect()
    }

    /// Gives the leases back and ends the program.
    ///
    /// # Panics
    /// If it does not run.
    pub fn release(&mut self) {
        let mut process = self.process.take().expect("the client runs");
        match self.kind {
            // `dhclient -r` releases what the lease file has; the running one must be gone by then.
            Kind6::Dhclient => {
                process.kill();
                process = Process::start(self.dhclient().arg("-r"), &self.log());
            }
            Kind6::Dhcpcd => {
                // It does not see a signal that comes just while it starts a process of its own.
                until("dhcpcd's end", PATIENCE, || {
                    if process.is_running() {
                        process.signal("ALRM");
                        std::thread::sleep(Duration::from_millis(500));
                    }
                    !process.is_running()
                });
            }
        }
        process.finish(PATIENCE);
    }

    /// Ends the program without a word to the server, as a power cut does.
    pub fn kill(&mut self) {
        self.process = None;
        // dhcpcd is several processes, of which one holds the client's port.
        self.namespace.end_processes();
    }

    /// From now on the client's own check says that the address it is given is in use already.
    pub fn refuse_addresses(&self, refuse: bool) {
        // As dhclient's own script says it.
        self.write_script(if refuse { 3 } else { 0 });
    }

    /// A dhclient that does not run any more begins anew when it starts, and is who it was.
    ///
    /// # Panics
    /// If it has left no file with its DUID.
    pub fn forget_leases(&self) {
        let file = self.directory.join("leases");
        let leases = fs::read_to_string(&file).expect("its lease file");
        let duid = leases.lines().find(|line| line.starts_with("default-duid"));
        fs::write(file, format!("{}\n", duid.expect("its DUID"))).expect("the file is written");
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
        fs::write(&configuration, "timeout 20; retry 2;\n").expect("dhclient's configuration");
        let mut command = self.namespace.command("dhclient");
        command.args(["-6", "-N", "-P", "-d", "-v", "-cf", &configuration]);
        command.args(["-sf", &self.file("script"), "-lf", &self.file("leases")]);
        command.args(["-pf", &self.file("pid"), "eth0"]);
        command
    }

    fn dhcpcd(&self) -> Command {
        let (lib, configuration) = (self.file("lib"), self.file("dhcpcd.conf"));
        fs::create_dir_all(&lib).expect("a folder for dhcpcd");
        // Without router advertisements, which would have to ask for it; and it takes Reconfigures.
        let text = "duid\nnoipv6rs\nipv6only\nslaac hwaddr\noption dhcp6_reconfigure_accept\n\
            interface eth0\nia_na 1\nia_pd 2 -\n";
        fs::write(&configuration, text).expect("dhcpcd's configuration");
        // dhcpcd knows one place for its lease and its socket: give each host a place of its own.
        let inside = format!(
            "mount -t tmpfs none /run && mount --bind {lib} /var/lib/dhcpcd && exec \"$@\""
        );
        let mut command = self.namespace.command("unshare");
        command.args(["--mount", "sh", "-c", &inside, "dhcpcd"]);
        command.args(["dhcpcd", "-6", "-B", "-d", "-f", &configuration]);
        command.args(["-c", &self.file("script"), "eth0"]);
        command
    }

    fn write_script(&self, verdict: u8) {
        let events = self.file("events");
        let text = format!(
            r#"#!/bin/sh
value() {{ env | sed -n "s/^$1=//p" | head -n 1; }}
address="${{new_ip6_address:-$(value 'new_dhcp6_ia_na[0-9]*_ia_addr1')}}"
prefix="${{new_ip6_prefix:-$(value 'new_dhcp6_ia_pd[0-9]*_prefix1')}}"
length="$(value 'new_dhcp6_ia_pd[0-9]*_prefix1_length')"
prefix="$prefix${{length:+/$length}}"
case "$reason" in
PREINIT6) command ip link set eth0 up ;;
*6) echo "$reason ${{address:--}} ${{prefix:--}}" >> {events} ;;
esac
case "$reason$new_ip6_address" in BOUND6?*) exit {verdict} ;; esac
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

impl Event6 {
    fn read(line: &str) -> Self {
        let mut words = line.split(' ');
        let mut word = || words.next().filter(|word| *word != "-");
        let reason = word().unwrap_or_default().to_owned();
        let address = word().and_then(|word| word.parse().ok());
        Self { reason, address, prefix: word().map(str::to_owned) }
    }
}
