//! Updates of leases that this endpoint does not share.

use crate::wire::dhcpv6::StatusCode;
use crate::wire::failover6::{Answer, Answered, Binding, Lease, LeaseAnswer, Refusal};

/// The answer to a BNDUPD none of whose leases is of this endpoint: each is refused for itself (RFC
/// 8156 §7.5.2), and what a BNDUPD lacks is told of its container.
pub(super) fn refused(binding: &Binding) -> Answer {
    let lease = |lease: &Lease| LeaseAnswer {
        resource: lease.resource,
        preferred: lease.preferred,
        valid: lease.valid,
        refusal: Some(Refusal {
            status: StatusCode::CONFIGURATION_CONFLICT,
            text: "not shared here".to_owned(),
        }),
        status: lease.status,
        state_expires: lease.state_expires,
        partner_lifetime: lease.partner_lifetime,
    };
    let missing = |is_missing: bool| {
        is_missing.then(|| Refusal {
            status: StatusCode::MISSING_BINDING_INFORMATION,
            text: String::new(),
        })
    };
    match binding {
        Binding::Client(client) => Answer {
            vpn: client.vpn.clone(),
            refusal: missing(
                client.client.is_none() || client.base.is_none() || client.ias.is_empty(),
            ),
            of: Answered::Client {
                client: client.client,
                ias: client.ias.iter().map(|ia| ia.answered(lease)).collect(),
            },
        },
        Binding::Prefix { vpn, base, lease: prefix } => Answer {
            vpn: vpn.clone(),
            refusal: missing(base.is_none()),
            of: Answered::Prefix(lease(prefix)),
        },
        Binding::Unsound(inner) => Answer { refusal: missing(true), ..refused(inner) },
    }
}
