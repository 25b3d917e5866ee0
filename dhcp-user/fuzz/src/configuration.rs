//! Any text as a configuration, and any text as the file of reservations that it names.

use std::path::Path;

use dhcp_user::config::Config;
use dhcp_user::lease::Layout;
use dhcp_user::server::{InterfaceAddresses, Service};

/// What is read can be compiled; what is refused is told why. Before a zero octet stands the
/// configuration, after it every file that it names.
pub fn configuration(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let (text, named) = text.split_once('\0').unwrap_or((&text, ""));
    let read = |_: &Path| Ok(named.to_owned());
    match Config::parse(text, Path::new("tandem.toml"), &read) {
        Ok(config) => {
            let _ = Layout::of(&config);
            let interfaces = vec![InterfaceAddresses::default(); config.interfaces.len()];
            let _ = Service::new(&config, &interfaces);
        }
        Err(mistakes) => {
            assert!(mistakes.len() > 0, "refused without a reason");
            assert!(!mistakes.to_string().is_empty());
        }
    }
}
