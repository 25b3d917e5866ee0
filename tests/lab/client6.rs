//! Real clients of DHCPv6: dhclient and dhcpcd, each in a namespace of its own, for an address, a prefix
//! or both.
//!
//! Both call one script of ours, which writes down what happened: that record is what tests read.

use std::fs;
use std::net::Ipv6Addr;
use std::process::Command;
use std::time::Duration;

use super::namespace::Namespace;
use super::site::Site;
use super::workplace::Workplace;

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
    place: Workplace,
    kind: Kind6,
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
        let client = Self { place: Workplace::new(namespace, site.directory().join(name)), kind };
        client.write_script(0);
        client
    }

    /// Starts the program; one that ran before finds the lease file it left.
    pub fn start(&mut self) {
        let mut command = match self.kind {
            Kind6::Dhclient => self.dhclient(),
            Kind6::Dhcpcd => self.dhcpcd(),
        };
        self.place.start(&mut command);
    }

    /// Waits for events with one of these reasons until both an address and a prefix were told of, in one
    /// event or in two; those before are skipped.
    ///
    /// # Panics
    /// If they do not come while `patience` lasts; with what did.
    pub fn expect(&mut self, reasons: &[&str], patience: Duration) -> (Ipv6Addr, String) {
        let what = format!("{reasons:?} of {:?}", self.kind);
        self.place.expect(&what, patience, Event6::read, |events| {
            let (mut address, mut prefix) = (None, None);
            for (index, event) in events.iter().enumerate() {
                if !reasons.contains(&event.reason.as_str()) {
                    continue;
                }
                (address, prefix) = (event.address.or(address), event.prefix.as_ref().or(prefix));
                if let (Some(address), Some(prefix)) = (address, prefix) {
                    return Some((index + 1, (address, prefix.clone())));
                }
            }
            None
        })
    }

    /// All that its script wrote down.
    #[must_use]
    pub fn events(&self) -> Vec<Event6> {
        self.place.events(Event6::read)
    }

    /// Gives the leases back and ends the program.
    ///
    /// # Panics
    /// If it does not run.
    pub fn release(&mut self) {
        match self.kind {
            Kind6::Dhclient => self.place.release_dhclient(self.dhclient()),
            Kind6::Dhcpcd => self.place.release_dhcpcd(),
        }
    }

    /// Ends the program without a word to the server, as a power cut does.
    pub fn kill(&mut self) {
        self.place.kill();
        // dhcpcd is several processes, of which one holds the client's port.
        self.place.host.end_processes();
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
        let file = self.place.path("leases");
        let leases = fs::read_to_string(&file).expect("its lease file");
        let duid = leases.lines().find(|line| line.starts_with("default-duid"));
        fs::write(file, format!("{}\n", duid.expect("its DUID"))).expect("the file is written");
    }

    /// What the program has printed.
    #[must_use]
    pub fn output(&self) -> String {
        self.place.output()
    }

    fn dhclient(&self) -> Command {
        self.place.dhclient(&["-6", "-N", "-P"], "timeout 20; retry 2;\n")
    }

    fn dhcpcd(&self) -> Command {
        let configuration = self.place.file("dhcpcd.conf");
        // Without router advertisements, which would have to ask for it; and it takes Reconfigures.
        let text = "duid\nnoipv6rs\nipv6only\nslaac hwaddr\noption dhcp6_reconfigure_accept\n\
            interface eth0\nia_na 1\nia_pd 2 -\n";
        fs::write(&configuration, text).expect("dhcpcd's configuration");
        self.place.dhcpcd(&["-6", "-f", &configuration])
    }

    fn write_script(&self, verdict: u8) {
        let events = self.place.file("events");
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
        self.place.write_script(&text);
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
