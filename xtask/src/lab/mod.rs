//! `cargo xtask run`: a failover pair of both protocols and real clients, to watch and to break.
//!
//! ```text
//!  server A ─ eth0 ─┐         ┌─ dhclient, twice; dhclient -6
//!    │ eth1         ├ switch ─┼─ udhcpc, twice
//!    │ (the links)  │         └─ dhcpcd, twice; dhcpcd -6
//!  server B ─ eth0 ─┘
//! ```

mod half;
mod keys;
mod view;

use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tandem_tests::lab::{
    Client, Client6, Host, Kind, Kind6, Namespace, Pair, Protocol, Relationship,
};

use self::half::Half;
use self::keys::Keys;
use crate::Outcome;

/// How often the view is drawn anew.
const TICK: Duration = Duration::from_secs(1);

/// What stands before the relationships: short leases, so that there is something to see.
const FURTHER: &str = "min-lease-time = \"60s\"\n";

/// A pair on a network, and its clients. Dropped in this order: no client outlives its switch.
pub(super) struct Lab {
    halves: [Half; 2],
    people: People,
    pair: Pair,
    is_cut: bool,
    /// What the last key did.
    said: String,
}

/// The clients, by name.
pub(super) struct People {
    clients: Vec<(String, Client)>,
    /// Each wants an address and a prefix.
    clients6: Vec<(String, Client6)>,
}

/// Builds the lab and shows it until `q`, Ctrl-C, or for `limit`; then takes everything down again.
///
/// # Errors
/// What is missing to build it, in one line.
pub(crate) fn show(binary: &Path, limit: Option<Duration>) -> Outcome {
    ensure!(
        Namespace::permitted(),
        "the lab needs root for its network namespaces; \
                    `cargo xtask run -- --config FILE` serves this host's own interfaces"
    );
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    ctrlc::set_handler(move || told.store(true, Relaxed))?;

    let mut lab = Lab::new(binary);
    println!("two servers in a lab of their own; files: {}", lab.pair.site.directory().display());
    lab.start();
    let (start, keys) = (Instant::now(), Keys::new());
    let mut drawn: Option<Instant> = None;
    let mut last = String::new();
    while !over.load(Relaxed) && limit.is_none_or(|limit| start.elapsed() < limit) {
        if drawn.is_none_or(|drawn| drawn.elapsed() >= TICK) {
            drawn = Some(Instant::now());
            lab.draw(keys.is_some(), start.elapsed(), &mut last);
        }
        match keys::next(keys.as_ref()) {
            Some(b'q') => break,
            Some(key) => {
                lab.press(key);
                drawn = None;
            }
            None => {}
        }
    }
    drop(keys);
    println!("ending the clients, the servers and the lab");
    Ok(())
}

impl Lab {
    fn new(binary: &Path) -> Self {
        let pair = Pair::new("run");
        pair.speak_ipv6();
        let of_v4 = Relationship { name: "lab", mclt_s: 30, ..Relationship::default() };
        let of_v6 = Relationship {
            name: "lab6",
            protocol: Protocol::Dhcpv6,
            // The shortest that there is.
            mclt_s: 60,
            ..of_v4
        };
        let halves = Host::BOTH.map(|host| {
            let configuration = FURTHER.to_owned() + &of_v4.tandem(host) + &of_v6.beside(host);
            Half::new(&pair, host, binary, configuration)
        });
        let clients = [1, 2].into_iter().flat_map(|number| {
            Kind::ALL.map(|kind| {
                let name = format!("{}-{number}", view::name(kind));
                let client = Client::new(&pair.site, kind, &name);
                (name, client)
            })
        });
        let clients6 = [(Kind6::Dhclient, "dhclient-6"), (Kind6::Dhcpcd, "dhcpcd-6")];
        let clients6 =
            clients6.map(|(kind, name)| (name.to_owned(), Client6::new(&pair.site, kind, name)));
        let people = People { clients: clients.collect(), clients6: clients6.into() };
        Self { halves, people, pair, is_cut: false, said: String::new() }
    }

    fn start(&mut self) {
        for half in &mut self.halves {
            half.start(&self.pair);
        }
        for (_, client) in &mut self.people.clients {
            client.start();
        }
        for (_, client) in &mut self.people.clients6 {
            client.start();
        }
    }

    /// Does what a key stands for.
    fn press(&mut self, key: u8) {
        self.said = match key {
            b'1' => self.halves[0].toggle(&self.pair),
            b'2' => self.halves[1].toggle(&self.pair),
            b'c' if !self.is_cut => {
                self.pair.cut();
                self.is_cut = true;
                "the link between the servers is cut".to_owned()
            }
            b'r' if self.is_cut => {
                self.pair.restore();
                self.is_cut = false;
                "the link between the servers is whole again".to_owned()
            }
            b'p' => self.partner_down(),
            _ => return,
        };
    }

    /// On the survivor alone: said on two servers that both run, it gives addresses out twice.
    fn partner_down(&mut self) -> String {
        match [self.halves[0].is_running(), self.halves[1].is_running()] {
            [true, false] => self.halves[0].partner_down(),
            [false, true] => self.halves[1].partner_down(),
            [true, true] => "both servers run: kill one first (1 or 2)".to_owned(),
            [false, false] => "no server runs: start one (1 or 2)".to_owned(),
        }
    }

    /// Draws the picture on a terminal; elsewhere a line, whenever it is another one than `last`.
    fn draw(&mut self, is_terminal: bool, elapsed: Duration, last: &mut String) {
        let looks = self.halves.each_mut().map(Half::look);
        let mut out = stdout().lock();
        // A closed pipe is no reason to leave the lab standing.
        let _ = if is_terminal && out.is_terminal() {
            let picture = view::picture(&looks, &self.people, self.is_cut, &self.said);
            write!(out, "\x1b[H\x1b[2J{picture}")
        } else {
            let line = view::line(&looks, &self.people);
            let is_new = line != *last;
            line.clone_into(last);
            let seconds = elapsed.as_secs();
            if is_new { writeln!(out, "{seconds:>5} s  {line}") } else { Ok(()) }
        };
        let _ = out.flush();
    }
}
