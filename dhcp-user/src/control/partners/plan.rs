//! From the configuration to links and endpoints.

use std::fmt;
use std::time::Duration;

use crate::config::Config;
use crate::config::model::Relationship;
use crate::failover::link::{self, Tls, TlsError};
use crate::failover::{self, Settings};
use crate::lease::Tables;
use crate::wire::Ipv6Prefix;

/// Why a relationship cannot be begun.
#[derive(Debug)]
pub enum PlanError {
    /// TLS is configured and cannot be made.
    Tls {
        /// Whose.
        relationship: String,
        /// Why.
        why: TlsError,
    },
    /// It has another role than before, and that cannot be yet.
    Role {
        /// Whose.
        relationship: String,
        /// Why, and what to do.
        why: String,
    },
    /// It shares a pool of prefixes of which a part is leased by how the pool was cut before.
    Cut {
        /// Whose.
        relationship: String,
        /// The pool.
        pool: Ipv6Prefix,
    },
    /// What the journal has of the relationship cannot be read.
    Note {
        /// Whose.
        relationship: String,
        /// Why.
        why: String,
    },
}

/// Whether all that is leased of the shared pools of prefixes is what they delegate now: of anything else the
/// partner would not be told, and might delegate a part of it.
///
/// # Errors
/// `Cut` if something is not.
pub(super) fn check_cut(config: &Config, tables: &Tables, place: usize) -> Result<(), PlanError> {
    let guard = tables.ipv6.pin();
    let pools = failover::shared(&config.networks6, place).flat_map(|subnet| &subnet.prefix_pools);
    let mut pools = pools.map(|pool| Ipv6Prefix::containing(pool.prefix.address, pool.prefix.len));
    match pools.find(|pool| tables.ipv6.is_entangled(*pool, &guard)) {
        Some(pool) => {
            let relationship = config.failover[place].terms.name.clone();
            Err(PlanError::Cut { relationship, pool })
        }
        None => Ok(()),
    }
}

/// Whether the certificates and keys of all relationships go together.
///
/// # Errors
/// `Tls` for the first of which they do not.
pub fn check_tls(config: &Config) -> Result<(), PlanError> {
    config.failover.iter().try_for_each(|relationship| tls(relationship).map(drop))
}

fn tls(relationship: &Relationship) -> Result<Option<Tls>, PlanError> {
    let tls = relationship.tls.as_ref().map(|tls| {
        let address = relationship.peer.ip().to_string();
        let partner = tls.peer_name.as_ref().unwrap_or(&address);
        Tls::read(&tls.certificate, &tls.key, &tls.authority, partner)
    });
    let of = |why| PlanError::Tls { relationship: relationship.terms.name.clone(), why };
    tls.transpose().map_err(of)
}

/// The link's settings.
pub(super) fn link(
    relationship: &Relationship,
    endpoint: Settings,
) -> Result<link::Settings, PlanError> {
    Ok(link::Settings {
        endpoint,
        local: relationship.local,
        peer: relationship.peer,
        secret: relationship.secret.clone(),
        is_tls_required: relationship.tls.as_ref().is_some_and(|tls| tls.is_required),
        tls: tls(relationship)?,
        reconnect: Duration::from_secs(u64::from(relationship.reconnect.0)),
        reconnect_after_refusal: link::Settings::REFUSED,
    })
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls { relationship, why } => {
                write!(f, "failover relationship {relationship}: {why}")
            }
            Self::Role { relationship, why } => {
                write!(f, "failover relationship {relationship}: {why}")
            }
            Self::Cut { relationship, pool } => write!(
                f,
                "failover relationship {relationship}: prefixes of {pool} are leased that its pool does \
                 not delegate any more: write the `delegate` that it had until they are over"
            ),
            Self::Note { relationship, why } => {
                write!(f, "what the journal knows of failover relationship {relationship}: {why}")
            }
        }
    }
}

impl std::error::Error for PlanError {}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::lease::{Binding, BindingStatus, Layouts};
    use crate::wire::Stamp;

    fn config(delegate: u8) -> Config {
        let toml = format!(
            r#"
            [[subnet6]]
            subnet = "2001:db8:1::/64"
            prefix-pools = [{{ prefix = "2001:db8:8000::/48", delegate = {delegate} }}]
            [[failover]]
            name = "fo6"
            role = "primary"
            local = "2001:db8::1"
            peer = "2001:db8::2"
            subnets = ["2001:db8:1::/64"]
            insecure = true
            "#
        );
        let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
        Config::parse(&toml, Path::new("test.toml"), &read)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    #[test]
    fn a_shared_pool_is_not_cut_otherwise_while_prefixes_of_it_are_leased() {
        for (delegate, status, is_refused) in [
            (56, BindingStatus::Active, false),
            (60, BindingStatus::Active, true),
            (60, BindingStatus::Released, true),
            (60, BindingStatus::Free, false),
        ] {
            let config = config(delegate);
            let tables = Tables::new(Layouts::of(&config).unwrap());
            let leased = Ipv6Prefix::new("2001:db8:8000:500::".parse().unwrap(), 56).unwrap();
            let id = tables.ipv6.place_leased(leased.into()).unwrap();
            let binding = Binding { version: 1, ..Binding::new(status, Stamp(1)) };
            tables.ipv6.restore(id, binding);
            let checked = check_cut(&config, &tables, 0);
            assert_eq!(checked.is_err(), is_refused, "{delegate}, {status:?}");
        }
    }
}
