//! From the configuration to links and endpoints.

use std::fmt;
use std::time::Duration;

use crate::config::Config;
use crate::config::model::Relationship;
use crate::failover::link::{self, Tls, TlsError};
use crate::failover::{self, Settings};
use crate::lease::{Layout, PoolId};

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
    /// What the journal has of the relationship cannot be read.
    Note {
        /// Whose.
        relationship: String,
        /// Why.
        why: String,
    },
}

/// The endpoint's settings of the relationship at `place`.
pub(super) fn endpoint(config: &Config, place: usize) -> Settings {
    let subnets = config.networks.iter().flat_map(|network| &network.subnets);
    let pools = subnets
        .filter(|subnet| subnet.failover.map(usize::from) == Some(place))
        .flat_map(|subnet| &subnet.pools)
        .map(PoolId::of)
        .collect();
    let layout = Layout::of(config);
    let addresses = u16::try_from(place).into_iter().flat_map(|place| layout.ranges_of(place));
    failover::Settings::of(&config.failover[place], &config.identity, pools, addresses)
}

/// The link's settings.
pub(super) fn link(
    relationship: &Relationship,
    endpoint: Settings,
) -> Result<link::Settings, PlanError> {
    let tls = relationship.tls.as_ref().map(|tls| {
        let address = relationship.peer.ip().to_string();
        let partner = tls.peer_name.as_ref().unwrap_or(&address);
        Tls::read(&tls.certificate, &tls.key, &tls.authority, partner)
    });
    let tls = tls
        .transpose()
        .map_err(|why| PlanError::Tls { relationship: relationship.terms.name.clone(), why })?;
    Ok(link::Settings {
        endpoint,
        local: relationship.local,
        peer: relationship.peer,
        secret: relationship.secret.clone(),
        is_tls_required: relationship.tls.as_ref().is_some_and(|tls| tls.is_required),
        tls,
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
            Self::Note { relationship, why } => {
                write!(f, "what the journal knows of failover relationship {relationship}: {why}")
            }
        }
    }
}

impl std::error::Error for PlanError {}
