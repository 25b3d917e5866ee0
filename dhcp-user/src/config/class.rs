//! `[[class]]`: clients that have something in common.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::family::Family as _;
use super::model::{Class, Pattern, Test};
use super::notebook::{Notebook, Span, quote};
use super::option::Definitions;
use super::reader::{Section, Value, nearest};
use super::times::Times;
use super::{octets, prefix, scope};

/// The classes by name, for whatever refers to one.
#[derive(Debug, Default)]
pub(super) struct Classes {
    pub(super) list: Vec<Class>,
    /// Index in the list, and where the name stands.
    by_name: HashMap<String, (usize, Span)>,
}

impl Classes {
    /// Reads all classes.
    pub(super) fn read(
        sections: Vec<Section<'_>>,
        wider: &Times,
        definitions: &Definitions,
        notes: &Notebook,
    ) -> Self {
        let mut classes = Self::default();
        for mut section in sections {
            let name =
                section.require("name", "name = \"modems\"").and_then(|v| Some((v.name()?, v)));
            let tests = section.require("match", "match = { vendor-class = \"docsis3.0\" }");
            let alternatives = tests.map(alternatives).unwrap_or_default();
            let (scope, _) = scope::read(&mut section, wider, definitions, notes);
            section.finish();
            let Some((name, value)) = name else { continue };
            if let Some((_, first)) = classes.by_name.get(name) {
                let message = format!("class {} stands here twice", quote(name));
                notes.clash(value.span, *first, message, "the first one is at");
            }
            classes.by_name.insert(name.to_owned(), (classes.list.len(), value.span));
            classes.list.push(Class { name: name.to_owned(), alternatives, scope });
        }
        classes
    }

    /// The index of the class that a value names.
    pub(super) fn resolve(&self, value: Value<'_>) -> Option<usize> {
        let name = value.text()?;
        self.by_name.get(name).map(|(index, _)| *index).or_else(|| {
            let names = self.list.iter().map(|class| class.name.as_str());
            value.wrong(match nearest(name, names) {
                Some(known) => format!("there is no such class; did you mean \"{known}\"?"),
                None => "there is no such class: add a [[class]] of that name".to_owned(),
            })
        })
    }

    /// The indexes of the classes that a list names.
    pub(super) fn resolve_all(&self, value: Value<'_>) -> Vec<usize> {
        let list = value.list("[\"modems\"]");
        if list.is_empty() && value.is_list() {
            value.wrong::<()>("name a class, or leave the key out");
        }
        list.into_iter().filter_map(|item| self.resolve(item)).collect()
    }
}

/// One table of tests that must all hold, or a list of them of which one must.
fn alternatives(value: Value<'_>) -> Vec<Vec<Test>> {
    if value.is_table() {
        return tests(value).into_iter().collect();
    }
    let list = value.list("[{ vendor-class = \"docsis3.0\" }, { relay = \"10.0.0.0/24\" }]");
    if list.is_empty() && value.is_list() {
        value.wrong::<()>("a class without a test has no clients: add one");
    }
    list.into_iter().filter_map(tests).collect()
}

fn tests(value: Value<'_>) -> Option<Vec<Test>> {
    let mut section = value.section("match")?;
    let tests = [
        section.take("vendor-class").map(|v| pattern(v).map(Test::VendorClass)),
        section.take("user-class").map(|v| pattern(v).map(Test::UserClass)),
        section.take("hw-prefix").map(|v| {
            let expected = "write the first octets, such as \"00:00:5e\"";
            v.parsed(expected, octets::parse_hardware_prefix).map(Test::HardwarePrefix)
        }),
        section.take("relay").map(relay),
        section.take("circuit-id").map(|v| pattern(v).map(Test::CircuitId)),
        section.take("remote-id").map(|v| pattern(v).map(Test::RemoteId)),
        section.take("interface-id").map(|v| pattern(v).map(Test::InterfaceId)),
        section.take("duid").map(|v| pattern(v).map(Test::Duid)),
    ];
    section.finish();
    // A test that could not be read is a mistake already; one that is not there is none.
    let tests: Vec<Option<Test>> = tests.into_iter().flatten().collect();
    if tests.is_empty() {
        return value.wrong("it needs a test, such as { vendor-class = \"docsis3.0\" }");
    }
    tests.into_iter().collect()
}

/// A prefix of either family.
fn relay(value: Value<'_>) -> Option<Test> {
    let expected =
        format!("{}; of IPv6, like \"{}\"", Ipv4Addr::EXPECTED_PREFIX, Ipv6Addr::A_SUBNET);
    value.parsed(&expected, |text| {
        prefix::parse(text).map(Test::Relay).or_else(|| prefix::parse(text).map(Test::LinkAddress))
    })
}

/// An octet string, or a table that says where in the client's it stands.
fn pattern(value: Value<'_>) -> Option<Pattern> {
    let read = |value: Value<'_>| value.parsed(octets::EXPECTED, octets::parse);
    if !value.is_table() {
        return read(value).map(Pattern::Is);
    }
    let mut section = value.section("pattern")?;
    let is = section.take("is").map(|v| read(v).map(Pattern::Is));
    let begins = section.take("begins").map(|v| read(v).map(Pattern::Begins));
    let contains = section.take("contains").map(|v| read(v).map(Pattern::Contains));
    section.finish();
    let mut patterns = [is, begins, contains].into_iter().flatten();
    match (patterns.next(), patterns.next()) {
        (Some(pattern), None) => pattern,
        _ => value.wrong("write one of is, begins and contains, such as { begins = \"docsis\" }"),
    }
}
