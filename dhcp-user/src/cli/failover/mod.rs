//! `tandem failover`: how the partners are, and what an operator says about them.

mod advice;
mod report;

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::{Args, Subcommand};

use self::report::Report;
use super::{Failure, locate::Locate};
use crate::control::command::{Details, Wish};
use crate::control::escape::escaped;
use crate::control::{Client, Relationship};
use crate::lease::Resource;

/// Arguments of `tandem failover`.
#[derive(Debug, Args)]
pub(super) struct FailoverCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say how this server and its partners are, what that means for clients, and what to do
    Status(Common),
    /// Say that the partner is down and does not serve
    ///
    /// THE ONE COMMAND THAT CAN GIVE AN ADDRESS TO TWO CLIENTS. From then on this server also ends
    /// leases that the partner knows, and once the MCLT has passed gives away the partner's
    /// addresses. If the partner is alive and merely not heard it goes on giving them too. So first
    /// make sure that it is off, stopped, or cut off from clients, and that it stays so: a server
    /// that comes back by itself and hears this one asks it before it serves, one that does not
    /// hear it does not. Never say it on both servers while both run.
    ///
    /// Until it is said, both servers serve on with what they have: clients keep their addresses,
    /// only the supply for new ones is limited.
    #[command(verbatim_doc_comment)]
    PartnerDown {
        #[command(flatten)]
        common: Common,
        /// Do not ask whether the partner really is off
        #[arg(long)]
        yes: bool,
    },
    /// Stop serving for a while; a partner that is heard is told, and serves on with its own addresses
    Pause(Common),
    /// Serve again after `pause` or `shutdown`
    Resume(Common),
    /// Go out of service; a partner that is heard takes over at once
    Shutdown(Common),
    /// Tell the partner everything anew, whatever it has acknowledged
    Resync(Common),
    /// Free an address or a prefix, whatever it is used for; its client is not told
    Reset {
        /// The address or prefix
        address: Resource,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    server: Locate,
    /// Only this relationship; needed where there are several and one is meant
    #[arg(long)]
    name: Option<String>,
    /// Print JSON: an array for `status`, an object otherwise
    #[arg(long)]
    json: bool,
}

impl FailoverCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let none = Details::default();
        match self.what {
            What::Status(common) => common.status(),
            What::PartnerDown { common, yes } => {
                common.order(Wish::PartnerDown, none, |now| yes || confirm_partner_down(now))
            }
            What::Pause(common) => common.order(Wish::Pause, none, |_| true),
            What::Resume(common) => common.order(Wish::Resume, none, |_| true),
            What::Shutdown(common) => common.order(Wish::Shutdown, none, |_| true),
            What::Resync(common) => common.order(Wish::Resync, none, |_| true),
            What::Reset { address, common } => {
                common.order(Wish::Reset, Details { address: Some(address) }, |_| true)
            }
        }
    }
}

impl Common {
    fn status(&self) -> Result<(), Failure> {
        let mut all = relationships(&self.server.client()?)?;
        if let Some(name) = &self.name {
            all = vec![pick(all, Some(name))?];
        }
        if self.json {
            return print_json(&all);
        }
        if all.is_empty() {
            return print("This server has no partner: there is no [[failover]].\n");
        }
        let server = self.server.arguments();
        let pages: Vec<_> = all.iter().map(|it| Report(it, &server).to_string()).collect();
        print(&pages.join("\n"))
    }

    /// Asks for `wish`, unless it makes no sense or `confirm` does not want it.
    fn order(
        &self,
        wish: Wish,
        details: Details,
        confirm: impl FnOnce(&Relationship) -> bool,
    ) -> Result<(), Failure> {
        let client = self.server.client()?;
        let before = pick(relationships(&client)?, self.name.as_deref())?;
        // The server asks itself the same; nobody should confirm what it will refuse.
        if let Some(objection) = wish.objection(&before, details) {
            return Err(Failure::other(objection));
        }
        if !confirm(&before) {
            return Err(Failure::other("nothing was changed"));
        }
        let address = details
            .address
            .map_or(String::new(), |a| format!("?address={}", escaped(&a.to_string())));
        let path = format!("/failover/{}/{}{address}", escaped(&before.name), wish.name());
        let answer = client.post(&path).map_err(Failure::other)?;
        let after: Relationship = serde_json::from_slice(&answer)
            .map_err(|error| Failure::other(format!("the server's answer: {error}")))?;
        if self.json {
            return print_json(&after);
        }
        let Relationship { name, state, .. } = &after;
        if *state == before.state {
            return print(&format!("{name}: done; this server is in {state}\n"));
        }
        print(&format!("{name}: {} -> {state}\n{}", before.state, advice::meaning(&after)))
    }
}

fn relationships(client: &Client) -> Result<Vec<Relationship>, Failure> {
    let mut answer = Vec::new();
    let keep = |piece: &[u8]| {
        answer.extend_from_slice(piece);
        Ok(())
    };
    client.get("/failover", keep).map_err(Failure::other)?;
    serde_json::from_slice(&answer)
        .map_err(|error| Failure::other(format!("the server's relationships: {error}")))
}

/// The relationship that is meant.
fn pick(mut all: Vec<Relationship>, name: Option<&str>) -> Result<Relationship, Failure> {
    let names = all.iter().map(|it| format!("{:?}", it.name)).collect::<Vec<_>>().join(", ");
    match (name, all.len()) {
        (_, 0) => Err(Failure::other("this server has no partner: there is no [[failover]]")),
        (None, 1) => Ok(all.swap_remove(0)),
        (None, _) => {
            Err(Failure::other(format!("which relationship? say --name; there are {names}")))
        }
        (Some(name), _) => {
            let place = all.iter().position(|it| it.name == name);
            let missing = || Failure::other(format!("no relationship {name:?}; there are {names}"));
            place.map(|place| all.swap_remove(place)).ok_or_else(missing)
        }
    }
}

/// Shows what it would mean and asks. Without a terminal nobody can have read it: then no.
fn confirm_partner_down(now: &Relationship) -> bool {
    let mut out = io::stderr();
    if !io::stdin().is_terminal() {
        let _ = writeln!(out, "partner-down asks on a terminal; without one say --yes");
        return false;
    }
    let _ = write!(out, "{}", advice::before_partner_down(now));
    let _ = write!(out, "Is {} off, and will it stay off? Write yes: ", now.partner);
    let _ = out.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value).map_err(Failure::other)?;
    text.push('\n');
    print(&text)
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads us has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Relationship> {
        let named = |name: &&str| Relationship { name: (*name).into(), ..Relationship::default() };
        names.iter().map(named).collect()
    }

    #[test]
    fn the_only_relationship_needs_no_name_and_of_several_one_is_named() {
        assert_eq!(pick(named(&["a"]), None).unwrap().name, "a");
        assert_eq!(pick(named(&["a", "b"]), Some("b")).unwrap().name, "b");
        let unsaid = pick(named(&["a", "b"]), None).unwrap_err().to_string();
        assert!(unsaid.contains("--name") && unsaid.contains("\"a\", \"b\""), "{unsaid}");
        let wrong = pick(named(&["a"]), Some("c")).unwrap_err().to_string();
        assert!(wrong.contains("\"c\"") && wrong.contains("\"a\""), "{wrong}");
        assert!(pick(Vec::new(), None).unwrap_err().to_string().contains("no partner"));
    }
}
