//! `tandem check`: every mistake in a configuration at once, and nothing touched.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::{Failure, configuration};
use crate::config::Config;

/// Arguments of `tandem check`.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/tandem/tandem.toml")]
    config: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = configuration(&self.config)?;
        let subnets: usize = config.networks.iter().map(|network| network.subnets.len()).sum();
        let subnets6: usize = config.networks6.iter().map(|network| network.subnets.len()).sum();
        let subnets = subnets + subnets6;
        let mut text = format!(
            "{}: right ({} interfaces, {subnets} subnets, {} reservations, {} partners)\n",
            self.config.display(),
            config.interfaces.len(),
            config.reservations.len() + config.reservations6.len(),
            config.failover.len(),
        );
        for note in notes(&config) {
            let _ = writeln!(text, "note: {note}"); // a String takes everything
        }
        io::stdout().write_all(text.as_bytes()).map_err(Failure::other)
    }
}

/// What is right and yet worth a thought.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    for it in &config.failover {
        if it.secret.is_none() && it.tls.is_none() {
            notes.push(format!(
                "failover {:?} has neither secret nor tls: whoever can use the address {} can be \
                 the partner",
                it.terms.name,
                it.peer.ip()
            ));
        }
        if it.terms.safe_period.is_some() {
            notes.push(format!(
                "failover {:?} has a safe-period: two servers that only lost each other then give \
                 the same address twice",
                it.terms.name
            ));
        }
    }
    if serves_bootp_with_a_partner(config) {
        notes.push(
            "bootp in a shared subnet: such a client never renews, so that in its pools neither \
             server ever uses what is the other's, in partner-down neither; reserve its address"
                .to_owned(),
        );
    }
    notes
}

fn serves_bootp_with_a_partner(config: &Config) -> bool {
    config.networks.iter().any(|network| {
        let mut shared = network.subnets.iter().filter(|subnet| subnet.failover.is_some());
        shared.any(|subnet| {
            subnet.pools.iter().any(|pool| config.serves_bootp(network, subnet, pool))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn noted(further: &str) -> Vec<String> {
        let text = format!(
            "bootp = true\n[[subnet4]]\nsubnet = \"10.0.0.0/8\"\npools = [\"10.0.0.1\"]\n{further}"
        );
        notes(&Config::parse(&text, Path::new("t.toml"), &|_| unreachable!()).unwrap())
    }

    #[test]
    fn what_a_partner_makes_dangerous_is_noted() {
        let pair = "[[failover]]\nname = \"a\"\nrole = \"primary\"\nlocal = \"192.0.2.1\"\n\
                    peer = \"192.0.2.2\"\nsubnets = [\"10.0.0.0/8\"]\n";
        assert_eq!(noted(""), [""; 0]);
        let ipv6 = "[[subnet6]]\nsubnet = \"2001:db8::/32\"\npools = [\"2001:db8::/64\"]\n";
        assert_eq!(noted(ipv6), [""; 0]);
        let pair6 = "[[failover]]\nname = \"b\"\nrole = \"primary\"\nlocal = \"2001:db8::1\"\n\
                     peer = \"2001:db8::2\"\nsubnets = [\"2001:db8::/32\"]\ninsecure = true\n";
        let notes = noted(&format!("{ipv6}{pair6}"));
        assert!(matches!(&notes[..], [note] if note.contains("2001:db8::2")), "{notes:?}");
        let notes = noted(&format!("{pair}safe-period = \"1d\"\n"));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[0].contains("192.0.2.2") && notes[2].contains("bootp"), "{notes:?}");
        assert_eq!(noted(&format!("{pair}secret = \"correct horse\"\n")).len(), 1);
    }
}
