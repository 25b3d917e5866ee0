//! `tandem reconfigure`: has clients of DHCPv6 come back before their time.

use std::io::{self, Write as _};

use super::{Failure, locate::Locate};
use crate::control::filter::{Filter, Subnet, Wanted};
use crate::control::reconfigure::Outcome;

/// Arguments of `tandem reconfigure`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).multiple(true))]
#[command(group = clap::ArgGroup::new("what").multiple(false))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct ReconfigureCommand {
    #[command(flatten)]
    server: Locate,
    /// The client that has this address, or this delegated prefix
    #[arg(long, group = "whom")]
    address: Option<Wanted>,
    /// This client: its DUID or hardware address in hex, its remote-id or interface-id
    #[arg(long, group = "whom")]
    client: Option<String>,
    /// All clients with an address in this prefix, some a second
    #[arg(long, value_name = "PREFIX", group = "whom")]
    subnet: Option<Subnet>,
    /// Have them renew, as without any of these three; but then a secondary has them rebind
    #[arg(long, group = "what")]
    renew: bool,
    /// Have them rebind: whichever server of a pair answers then takes it
    #[arg(long, group = "what")]
    rebind: bool,
    /// Have them ask for options alone
    #[arg(long, group = "what")]
    information_request: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ReconfigureCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        let wanted = [
            (self.renew, "/renew"),
            (self.rebind, "/rebind"),
            (self.information_request, "/information-request"),
        ];
        let wanted = wanted.into_iter().find(|(is_it, _)| *is_it).map_or("", |(_, path)| path);
        let filter = Filter {
            address: self.address,
            client: self.client.map(Into::into),
            subnet: self.subnet,
            ..Filter::default()
        };
        let path = format!("/reconfigure{wanted}{}", filter.query());
        let answer = self.server.client()?.post(&path).map_err(Failure::other)?;
        let outcome: Outcome = serde_json::from_slice(&answer)
            .map_err(|error| Failure::other(format!("the server's answer: {error}")))?;
        let text = if self.json {
            format!("{}\n", serde_json::to_string(&outcome).map_err(Failure::other)?)
        } else if outcome.told > 0 {
            format!("{}\n", told(outcome))
        } else {
            String::new()
        };
        io::stdout().write_all(text.as_bytes()).map_err(Failure::other)?;
        if outcome.told == 0 { Err(Failure::other(nobody(outcome))) } else { Ok(()) }
    }
}

fn told(outcome: Outcome) -> String {
    let Outcome { told, not_accepting, not_ours, .. } = outcome;
    let mut text = format!(
        "clients of {told} addresses are told to come back; `tandem status` says how many have"
    );
    for (count, why) in
        [(not_accepting, "do not accept Reconfigures"), (not_ours, "are the partner's")]
    {
        if count > 0 {
            text.push_str(&format!("; {count} {why}"));
        }
    }
    text
}

fn nobody(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome { not_ours: 1.., .. } => "the partner answers these clients: ask it",
        Outcome { not_accepting: 1.., .. } => {
            "nobody is told: these clients do not accept Reconfigures, or have no key of this server's"
        }
        Outcome { without_address: 1.., .. } => {
            "nobody is told: the client has prefixes alone, and no address to be reached at"
        }
        _ => "nobody is told: there is no such lease of DHCPv6 on record",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Arguments;

    fn is_taken(arguments: &[&str]) -> bool {
        Arguments::try_parse_from([&["tandem", "reconfigure"], arguments].concat()).is_ok()
    }

    #[test]
    fn somebody_must_be_named_and_one_message_at_the_most() {
        assert!(!is_taken(&[]) && !is_taken(&["--renew"]));
        assert!(is_taken(&["--address", "2001:db8::1"]));
        assert!(is_taken(&["--address", "2001:db8::/56", "--rebind", "--json"]));
        assert!(is_taken(&["--subnet", "2001:db8::/32", "--information-request"]));
        assert!(is_taken(&["--client", "00:03:00:01", "--subnet", "2001:db8::/32", "--renew"]));
        assert!(!is_taken(&["--address", "2001:db8::1", "--renew", "--rebind"]));
    }

    #[test]
    fn whoever_is_not_told_hears_why() {
        let none = Outcome::default();
        let of = |outcome| nobody(outcome).to_owned();
        let all = [
            of(none),
            of(Outcome { not_ours: 2, ..none }),
            of(Outcome { not_accepting: 2, ..none }),
            of(Outcome { without_address: 1, ..none }),
        ];
        assert!(all.iter().all(|it| all.iter().filter(|other| *other == it).count() == 1));
        let text = told(Outcome { told: 3, not_accepting: 2, ..none });
        assert!(text.contains("3 addresses") && text.contains("2 do not"), "{text}");
        assert!(!text.contains("partner"), "{text}");
    }
}
