//! The document from its top-level keys down.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::class::Classes;
use super::load::{HostInterface, Surroundings};
use super::model::{Config, Dataplane, Identity, IdentityBy, Interface, Protocol};
use super::notebook::{Notebook, Span};
use super::option::{Definitions, Own, Written as _};
use super::protection::Files;
use super::reader::{Section, Value};
use super::reservation::Reservations;
use super::reservation_file::FromFiles as _;
use super::reservation6::Reservations6;
use super::shared_network::SharedNetworks;
use super::subnet::{Context, Networks};
use super::times::Times;
use super::{
    checks, dhcpv6, failover, guard, interface, journal, leniency, limit, pool_checks, scope,
};

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
    let definition_sections = sections(u8::SECTION);
    let definition6_sections = sections(u16::SECTION);
    let class_sections = sections("class");
    let shared_sections = sections("shared-network");
    let reservation_sections = sections("reservation4");
    let reservation6_sections = sections("reservation6");
    let limit_sections = sections("limit");
    let failover_sections = sections("failover");
    let subnets = [document.take("subnet4"), document.take("subnet6")];
    let [subnet_sections, subnet6_sections] = [("subnet4", subnets[0]), ("subnet6", subnets[1])]
        .map(|(name, value)| value.map(|value| value.sections(name)).unwrap_or_default());
    let mut section = |key| document.take(key).and_then(|value| value.section(key));
    let leniency = section("leniency").map_or(leniency::DEFAULT, leniency::read);
    let journal = section("journal").map_or(journal::DEFAULT, journal::read);
    let guard = section("guard").and_then(|section| guard::read(section, notes));
    let metrics = section("metrics").and_then(metrics);
    let files = Files { folder, around, notes };
    let dhcpv6_section = section("dhcpv6");
    let reservation_file = document.take("reservation-file");
    let reservation_file6 = document.take("reservation-file6");

    let definitions = Definitions {
        v4: Own::read(definition_sections, notes),
        v6: Own::read(definition6_sections, notes),
    };
    let dhcpv6 = dhcpv6_section
        .map_or_else(dhcpv6::default, |section| dhcpv6::read(section, &definitions.v6, files));
    // Where only one protocol is served, the defaults of the other are nobody's mistake.
    let only = match subnets {
        [_, None] => Some(Protocol::Dhcpv4),
        [None, _] => Some(Protocol::Dhcpv6),
        _ => None,
    };
    let (global, times) = scope::read(&mut document, &Times::of(only), &definitions, notes);
    document.finish();
    let classes = Classes::read(class_sections, &times, &definitions, notes);
    let is_empty = subnet_sections.is_empty() && subnet6_sections.is_empty();
    if is_whole && is_empty && subnets.into_iter().flatten().all(Value::is_list) {
        let help = "add a [[subnet4]] or [[subnet6]] with subnet = \"…\" and pools = [\"…\"]";
        notes.file_mistake(whole, "the configuration has no subnet", help);
    }
    let context = Context { global: &times, definitions: &definitions, classes: &classes, notes };
    let shared = SharedNetworks::read(shared_sections, context);
    let mut networks = Networks::read(subnet_sections, &shared, |it| &it.ways, context);
    let mut networks6 = Networks::read(subnet6_sections, &shared, |it| &it.ways6, context);
    shared.check(|index| networks.has_shared(index) || networks6.has_shared(index), notes);
    networks.is_complete &= is_whole;
    networks6.is_complete &= is_whole;
    let mut reservations = Reservations::default();
    for section in reservation_sections {
        reservations.read(section, &times, &definitions, notes);
    }
    let mut reservations6 = Reservations6::default();
    for section in reservation6_sections {
        reservations6.read(section, &times, &definitions, notes);
    }
    if let Some(value) = reservation_file {
        reservations.read_files(value, folder, &around, notes);
    }
    if let Some(value) = reservation_file6 {
        reservations6.read_files(value, folder, &around, notes);
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
    let shared = failover::Subnets { v4: &mut networks, v6: &mut networks6 };
    let failover = failover::read(failover_sections, shared, files);
    let subnets = checks::check_networks(&networks, served.as_deref(), notes);
    let subnets6 = checks::check_networks(&networks6, served.as_deref(), notes);
    reservations6.check(&networks6, &subnets6, notes);
    checks::check_reservations(&reservations, &subnets, notes);
    pool_checks::check_secret(&networks6, &dhcpv6, notes);

    if let Some(present) = around.interfaces
        && !named
        && notes.is_clean()
    {
        interfaces = on_networks(present, &networks, &networks6);
        if interfaces.is_empty() {
            let message = "no [[interface]], and no interface here has an address in a subnet";
            notes.file_mistake(whole, message, "add [[interface]] with name = \"eth0\"");
        }
    }
    Config {
        state_dir: PathBuf::from(state_dir.unwrap_or(DEFAULT_STATE_DIR)),
        interfaces,
        global,
        networks: networks.list,
        networks6: networks6.list,
        dhcpv6,
        classes: classes.list,
        reservations: reservations.list,
        reservations6: reservations6.into_model(),
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
fn on_networks(
    present: &[HostInterface],
    networks: &Networks<Ipv4Addr>,
    networks6: &Networks<Ipv6Addr>,
) -> Vec<Interface> {
    let serves = |interface: &&HostInterface| {
        networks.serve(&interface.name, &interface.networks)
            || networks6.serve(&interface.name, &interface.networks6)
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
