//! `[dhcpv6]`: what concerns DHCPv6 as a whole.

use super::model::{Dhcpv6, ServerDuid};
use super::octets;
use super::option::Own;
use super::protection::{self, Files};
use super::reader::{Section, Value};
use crate::wire::option::v6::code;

/// RFC 7943 §3.
const SHORTEST_SECRET: usize = 16;

/// What holds where the file says nothing.
pub(super) fn default() -> Dhcpv6 {
    Dhcpv6 {
        duid: ServerDuid::LinkLayerTime,
        hop_limit: 8,
        secret: None,
        reconfigure: false,
        answer_unicast: false,
        adopt_unknown: true,
        // What the registry of RFC 6422 §8 has.
        relay_supplied: Box::new([code::ERP_LOCAL_DOMAIN]),
    }
}

/// Reads the section.
pub(super) fn read(mut section: Section<'_>, definitions: &Own<u16>, files: Files<'_>) -> Dhcpv6 {
    let default = default();
    let duid = section.take("duid").and_then(server_duid);
    let hop_limit = section.take("hop-limit").and_then(|value| value.integer(1..=32));
    let secret = protection::secret(&mut section, SHORTEST_SECRET, files);
    let relay_supplied = section
        .take("relay-supplied-options")
        .map(|value| definitions.codes(value, "[\"erp-local-domain\"]", files.notes).into());
    let mut switch = |key, default| section.take(key).and_then(Value::flag).unwrap_or(default);
    let (reconfigure, answer_unicast, adopt_unknown) = (
        switch("reconfigure", default.reconfigure),
        switch("answer-unicast", default.answer_unicast),
        switch("adopt-unknown", default.adopt_unknown),
    );
    section.finish();
    Dhcpv6 {
        duid: duid.unwrap_or(default.duid),
        hop_limit: hop_limit.unwrap_or(default.hop_limit),
        secret,
        reconfigure,
        answer_unicast,
        adopt_unknown,
        relay_supplied: relay_supplied.unwrap_or(default.relay_supplied),
    }
}

/// A way to make a DUID, or the DUID itself.
fn server_duid(value: Value<'_>) -> Option<ServerDuid> {
    match value.as_text() {
        Some("llt") => Some(ServerDuid::LinkLayerTime),
        Some("ll") => Some(ServerDuid::LinkLayer),
        Some("uuid") => Some(ServerDuid::Uuid),
        _ => {
            let expected = format!(
                "write \"llt\", \"ll\" or \"uuid\" for how it is made, or the DUID itself; {}",
                octets::EXPECTED_DUID
            );
            value
                .parsed(&expected, octets::parse_duid)
                .map(|octets| ServerDuid::Given(octets.into()))
        }
    }
}
