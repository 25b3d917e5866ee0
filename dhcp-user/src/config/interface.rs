//! `[[interface]]`: where clients and relays are.

use std::net::Ipv4Addr;

use super::model::{Dataplane, Interface};
use super::notebook::{Notebook, quote};
use super::reader::{Placed, Section, Value, nearest};

/// Linux's `IFNAMSIZ`, its closing zero taken off.
const LONGEST_NAME: usize = 15;
/// Linux's `CPU_SETSIZE`.
const CORES: usize = 1_024;

/// Reads one interface.
pub(super) fn read(mut section: Section<'_>) -> Option<Placed<Interface>> {
    let name = section.require("name", "name = \"eth0\"");
    let dataplane = section.take("dataplane").and_then(|value| {
        value.choice(&[
            ("auto", Dataplane::Auto),
            ("xdp", Dataplane::Xdp),
            ("xdp-generic", Dataplane::XdpGeneric),
            ("socket", Dataplane::Socket),
        ])
    });
    let workers = section.take("workers").and_then(workers);
    let addresses = section.take("addresses").map(addresses);
    let busy_poll = section.take("busy-poll").and_then(Value::flag);
    section.finish();

    let name = name?;
    let text = name.text()?;
    let legal = !text.is_empty()
        && text.len() <= LONGEST_NAME
        && !matches!(text, "." | "..")
        && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    if !legal {
        return name.wrong("an interface's name has 1 to 15 octets, without blanks, `/` and `:`");
    }
    Some(name.placed(Interface {
        name: text.to_owned(),
        dataplane: dataplane.unwrap_or_default(),
        workers: workers.unwrap_or_default(),
        addresses: addresses.unwrap_or_default(),
        busy_poll: busy_poll.unwrap_or(false),
    }))
}

/// Notes interfaces that have one name, and those that are not among `present`.
pub(super) fn check(
    interfaces: &[Placed<Interface>],
    present: Option<&[String]>,
    notes: &Notebook,
) {
    for (index, interface) in interfaces.iter().enumerate() {
        let name = &interface.value.name;
        if let Some(first) = interfaces[..index].iter().find(|other| other.value.name == *name) {
            let message = format!("interface {} stands here twice", quote(name));
            notes.clash(interface.span, first.span, message, "the first one is at");
        }
        if let Some(present) = present
            && !present.contains(name)
        {
            let message = format!("there is no interface {} on this host", quote(name));
            let help = match nearest(name, present.iter().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("there are: {}", present.join(", ")),
            };
            notes.mistake(interface.span, message, help);
        }
    }
}

fn workers(value: Value<'_>) -> Option<Vec<usize>> {
    const EXPECTED: &str = "write \"auto\", or a list of cores such as [0, 1]";
    if value.as_text() == Some("auto") {
        return Some(Vec::new());
    }
    if !value.is_list() {
        return value.wrong(EXPECTED);
    }
    let list = value.list("[0, 1]");
    if list.is_empty() {
        return value.wrong(EXPECTED);
    }
    let mut cores = Vec::with_capacity(list.len());
    for item in list {
        match item.integer(0..=CORES - 1) {
            Some(core) if cores.contains(&core) => {
                item.wrong::<()>("each core has one worker at most");
            }
            Some(core) => cores.push(core),
            None => {}
        }
    }
    Some(cores)
}

fn addresses(value: Value<'_>) -> Vec<Ipv4Addr> {
    value
        .list("[\"192.0.2.1\"]")
        .into_iter()
        .filter_map(|item| {
            item.parsed("write an IPv4 address of this server", |text| {
                let address: Ipv4Addr = text.parse().ok()?;
                let usable =
                    !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast();
                usable.then_some(address)
            })
        })
        .collect()
}
