//! The document from its top-level keys down.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::class::Classes;
use super::load::{HostInterface, Surroundings};
use super::model::{Config, Dataplane, Identity, IdentityBy, Interface};
use super::notebook::{Notebook, Span};
use super::option::Definitions;
use super::reader::{Section, Value};
use super::reservation::Reservations;
use super::subnet::{Context, Networks};
use super::times::Times;
use super::{checks, failover, guard, interface, journal, leniency, limit, scope};

/// Where Debian and systemd keep a service's state.
const DEFAULT_STATE_DIR: &str = "/var/lib/tandem";

/// Reads the whole document and checks it; mistakes are in `notes`, and with any of them what is
/// given back is not to be used.
pub(super) fn read(
    table: &DeTable<'_>,
    whole: Span,
    folder: &Path,
    around: Surroundings<'_>,
    notes: &Notebook,
) -> Config {
    // With wrong syntax much may be missing that is there: saying so would only be noise.
    let is_whole = notes.is_clean();
    let mut document = Section::document(table, whole, notes);
    let state_dir = document.take("state-dir").and_then(Value::name);
    let identity = document.take("identity").and_then(identity);
    let mut sections = |key| document.take(key).map(|v| v.sections(key)).unwrap_or_default();
    let interface_sections = sections("interface");
    let definition_sections = sections("option-definition");
    let class_sections = sections("class");
    let shared_sections = sections("shared-network");
    let reservation_sections = sections("reservation4");
    let limit_sections = sections("limit");
    let failover_sections = sections("failover");
    let subnets = document.take("subnet4");
    let subnet_sections = subnets.map(|value| value.sections("subnet4")).unwrap_or_default();
    let mut section = |key| document.take(key).and_then(|value| value.section(key));
    let leniency = section("leniency").map_or(leniency::DEFAULT, leniency::read);
    let journal = section("journal").map_or(journal::DEFAULT, journal::read);
    let guard = section("guard").and_then(|section| guard::read(section, notes));
    let metrics = section("metrics").and_then(metrics);
    let reservation_file = document.take("reservation-file");
    if let Some(value) = document.take("subnet6") {
        let message = "`subnet6` is not served by this version";
        notes.mistake(value.key_span, message, "take it out");
    }

    let definitions = Definitions::read(definition_sections, notes);
    let (global, times) = scope::read(&mut document, &Times::default(), &definitions, notes);
    document.finish();
    let classes = Classes::read(class_sections, &times, &definitions, notes);
    if is_whole && subnet_sections.is_empty() && subnets.is_none_or(Value::is_list) {
        let help = "add a [[subnet4]] with subnet = \"…\" and pools = [\"…\"]";
        notes.file_mistake(whole, "the configuration has no subnet", help);
    }
    let context = Context { global: &times, definitions: &definitions, classes: &classes, notes };
    let mut networks = Networks::read(shared_sections, subnet_sections, context);
    networks.is_complete &= is_whole;
    let mut reservations = Reservations::default();
    for section in reservation_sections {
        reservations.read(section, &times, &definitions, notes);
    }
    if let Some(value) = reservation_file {
        reservations.read_files(value, folder, &around, notes);
    }
    let limits = limit::read(limit_sections, &classes, notes);
    let named = !interface_sections.is_empty();
    let interfaces: Vec<_> = interface_sections.into_iter().filter_map(interface::read).collect();
    let present: Option<Vec<_>> =
        around.interfaces.map(|all| all.iter().map(|there| there.name.clone()).collect());
    interface::check(&interfaces, present.as_deref(), notes);
    let mut interfaces: Vec<_> = interfaces.into_iter().map(|i| i.value).collect();
    let served = if named {
        Some(interfaces.iter().map(|interface| interface.name.clone()).collect())
    } else {
        present
    };
    let failover = failover::read(
        failover_sections,
        &mut networks,
        failover::Context { folder, around, notes },
    );
    checks::check(&networks, &reservations, served.as_deref(), notes);

    if let Some(present) = around.interfaces
        && !named
        && notes.is_clean()
    {
        interfaces = on_networks(present, &networks);
        if interfaces.is_empty() {
            let message = "no [[interface]], and no interface here has an address in a subnet4";
            notes.file_mistake(whole, message, "add [[interface]] with name = \"eth0\"");
        }
    }
    Config {
        state_dir: PathBuf::from(state_dir.unwrap_or(DEFAULT_STATE_DIR)),
        interfaces,
        global,
        networks: networks.list,
        classes: classes.list,
        reservations: reservations.list,
        limits,
        identity: identity.unwrap_or_else(default_identity),
        leniency,
        guard,
        journal,
        metrics,
        failover,
    }
}

/// RFC 2131 §4.2: the client identifier if there is one, else the hardware address.
fn default_identity() -> Identity {
    Identity { order: vec![IdentityBy::Identifier, IdentityBy::Hardware] }
}

/// A list of what names a client; the hardware address closes it, said or not.
fn identity(value: Value<'_>) -> Option<Identity> {
    let mut order = Vec::new();
    for item in value.list("[\"client-id\", \"hw-address\"]") {
        let by = item.choice(&[
            ("client-id", IdentityBy::Identifier),
            ("circuit-id", IdentityBy::CircuitId),
            ("remote-id", IdentityBy::RemoteId),
            ("hw-address", IdentityBy::Hardware),
        ]);
        let Some(by) = by else { continue };
        if order.last() == Some(&IdentityBy::Hardware) {
            item.wrong::<()>("every client has a hardware address: nothing comes behind it");
        } else if order.contains(&by) {
            item.wrong::<()>("once is enough");
        }
        order.push(by);
    }
    if order.last() != Some(&IdentityBy::Hardware) {
        order.push(IdentityBy::Hardware);
    }
    value.is_list().then_some(Identity { order })
}

/// `[metrics]`: where Prometheus may scrape.
fn metrics(mut section: Section<'_>) -> Option<SocketAddr> {
    let listen = section.require("listen", "listen = \"127.0.0.1:9167\"");
    section.finish();
    listen?.parsed("write an address and a port, such as \"127.0.0.1:9167\"", |text| {
        text.parse().ok().filter(|socket: &SocketAddr| socket.port() != 0)
    })
}

/// What is served when the file names no interface: those on a subnet of the file, as dhcpd has it,
/// and those that its networks name.
fn on_networks(present: &[HostInterface], networks: &Networks) -> Vec<Interface> {
    let serves = |interface: &&HostInterface| {
        let on_subnet = interface.networks.iter().any(|network| {
            networks.subnets.iter().any(|subnet| {
                subnet.prefix.contains(network.address) || network.contains(subnet.prefix.address)
            })
        });
        on_subnet || networks.interfaces.iter().any(|reach| reach.by == interface.name)
    };
    let defaults = |interface: &HostInterface| Interface {
        name: interface.name.clone(),
        dataplane: Dataplane::default(),
        workers: Vec::new(),
        addresses: Vec::new(),
        busy_poll: false,
    };
    present.iter().filter(serves).map(defaults).collect()
}
