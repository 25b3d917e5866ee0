//! `[leniency]`: ways in which real clients bend RFC 2131.

use super::model::Leniency;
use super::reader::{Section, Value};

/// dhcpd's behaviour.
pub(super) const DEFAULT: Leniency = Leniency {
    request_without_address: false,
    release_without_server_id: true,
    swapped_secs: false,
    check_server_id: true,
    no_client_id_echo: false,
    always_broadcast: false,
};

/// Reads the switches.
pub(super) fn read(mut section: Section<'_>) -> Leniency {
    let mut switch = |key, default| section.take(key).and_then(Value::flag).unwrap_or(default);
    let leniency = Leniency {
        request_without_address: switch("request-without-address", DEFAULT.request_without_address),
        release_without_server_id: switch(
            "release-without-server-id",
            DEFAULT.release_without_server_id,
        ),
        swapped_secs: switch("swapped-secs", DEFAULT.swapped_secs),
        check_server_id: switch("check-server-id", DEFAULT.check_server_id),
        no_client_id_echo: switch("no-client-id-echo", DEFAULT.no_client_id_echo),
        always_broadcast: switch("always-broadcast", DEFAULT.always_broadcast),
    };
    section.finish();
    leniency
}
