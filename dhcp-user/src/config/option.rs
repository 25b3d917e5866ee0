//! Options by name, by number, and as the file itself defines them.

use std::collections::BTreeMap;

use super::dhcpd;
use super::notebook::{Notebook, Span, quote};
use super::octets;
use super::reader::{Section, Value, nearest};
use crate::wire::option::v6::code as code6;
use crate::wire::option::{self, Code, Kind, by_code, by_name, code};

/// Longer data fits no Ethernet frame together with a DHCP message.
const LONGEST: usize = 1_200;

/// Options that the file defines beside those of the standards, of both protocols.
#[derive(Debug)]
pub(super) struct Definitions {
    pub(super) v4: Own<u8>,
    pub(super) v6: Own<u16>,
}

/// Those of one protocol.
#[derive(Debug)]
pub(super) struct Own<C> {
    list: Vec<Definition<C>>,
}

#[derive(Debug)]
struct Definition<C> {
    code: C,
    name: String,
    kind: Kind,
    span: Span,
}

/// How the file writes the options of one protocol.
pub(super) trait Written: Code + TryFrom<i64> {
    /// A number that no standard has.
    const A_CODE: &'static str;
    /// The sections that define options of one's own.
    const SECTION: &'static str;

    /// What to write for an option that the server works out, if there is something.
    fn instead(self) -> Option<&'static str>;

    /// The name of an option that dhcpd calls `word`.
    fn of_dhcpd(word: &str) -> Option<&'static str>;
}

impl Written for u8 {
    const A_CODE: &'static str = "code = 224";
    const SECTION: &'static str = "option-definition";

    fn instead(self) -> Option<&'static str> {
        Some(match self {
            code::LEASE_TIME => "write `lease-time` beside `options`",
            code::RENEWAL_TIME => "write `renew-permille` beside `options`",
            code::REBINDING_TIME => "write `rebind-permille` beside `options`",
            code::SERVER_IDENTIFIER => "write `addresses` in [[interface]]",
            _ => return None,
        })
    }

    fn of_dhcpd(word: &str) -> Option<&'static str> {
        dhcpd::option(word)
    }
}

impl Written for u16 {
    const A_CODE: &'static str = "code = 4660";
    const SECTION: &'static str = "option-definition6";

    fn instead(self) -> Option<&'static str> {
        Some(match self {
            code6::PREFERENCE => "write `preference` beside `options`",
            code6::RAPID_COMMIT => "write `rapid-commit` beside `options`",
            code6::SERVER_ID => "write `duid` in [dhcpv6]",
            code6::PREFIX_EXCLUDE => "write `exclude` in `prefix-pools`",
            _ => return None,
        })
    }

    fn of_dhcpd(word: &str) -> Option<&'static str> {
        dhcpd::option6(word)
    }
}

impl<C: Written> Own<C> {
    /// Reads all sections that define options of this protocol.
    pub(super) fn read(sections: Vec<Section<'_>>, notes: &Notebook) -> Self {
        let mut definitions = Self { list: Vec::new() };
        for mut section in sections {
            let code_value = section.require("code", C::A_CODE);
            let code = code_value.and_then(|value| value.integer(C::ENDS.0..=C::ENDS.1));
            let name_value = section.require("name", "name = \"my-option\"");
            let name = name_value.and_then(Value::name);
            let kinds = Kind::ALL.map(|kind| (kind.name(), kind));
            let kind = section.require("type", "type = \"text\"").and_then(|v| v.choice(&kinds));
            section.finish();
            let (Some(code), Some(name), Some(kind)) = (code, name, kind) else { continue };
            let (Some(code_value), Some(name_value)) = (code_value, name_value) else { continue };
            let definition =
                Definition { code, name: name.to_owned(), kind, span: code_value.span };
            if definitions.may_add(&definition, code_value, name_value, notes) {
                definitions.list.push(definition);
            }
        }
        definitions
    }

    fn may_add(
        &self,
        new: &Definition<C>,
        code: Value<'_>,
        name: Value<'_>,
        notes: &Notebook,
    ) -> bool {
        if let Some(known) = by_code(new.code) {
            code.wrong::<()>(format!("option {} is `{}` ({})", new.code, known.name, known.source));
        } else if let Some(known) = by_name::<C>(&new.name) {
            name.wrong::<()>(format!("that is option {} ({})", known.code, known.source));
        } else if new.name.bytes().all(|octet| octet.is_ascii_digit()) {
            name.wrong::<()>("a number would be taken for an option's code");
        } else if let Some(first) = self.list.iter().find(|old| old.code == new.code) {
            let message = format!("option {} is defined twice", new.code);
            notes.clash(code.span, first.span, message, "the first definition is at");
        } else if let Some(first) = self.list.iter().find(|old| old.name == new.name) {
            let message = format!("option {} is defined twice", quote(&new.name));
            notes.clash(name.span, first.span, message, "the first definition is at");
        } else {
            return true;
        }
        false
    }

    /// Reads a table of options: codes, and data as it is sent, in DHCPv4 not yet split (RFC 3396).
    pub(super) fn options(&self, value: Value<'_>, notes: &Notebook) -> BTreeMap<C, Vec<u8>> {
        let mut options = BTreeMap::new();
        let mut places: BTreeMap<C, Span> = BTreeMap::new();
        for entry in value.section("options").into_iter().flat_map(Section::entries) {
            let Some(meant) = self.meant(entry.key, entry.key_span, notes) else { continue };
            if let Some(first) = places.insert(meant.code(), entry.key_span) {
                let message = format!("option {} stands here twice", meant.code());
                notes.clash(entry.key_span, first, message, "the other is at");
            }
            match meant.encode(entry) {
                Some(data) if data.len() > LONGEST => {
                    entry.wrong::<()>(format!("an option has at most {LONGEST} octets"));
                }
                Some(data) => _ = options.insert(meant.code(), data),
                None => {}
            }
        }
        options
    }

    /// Reads a list of options, each by its name or number.
    pub(super) fn codes(&self, value: Value<'_>, example: &str, notes: &Notebook) -> Vec<C> {
        let code = |item: Value<'_>| {
            let word = match item.as_integer() {
                Some(number) => number.to_string(),
                None => item.name()?.to_owned(),
            };
            Some(self.meant(&word, item.span, notes)?.code())
        };
        value.list(example).into_iter().filter_map(code).collect()
    }

    /// The option that a word names, by name or number.
    fn meant(&self, word: &str, span: Span, notes: &Notebook) -> Option<Meant<C>> {
        let custom = |found: &Definition<C>| Meant::Custom(found.code, found.kind);
        let meant = match word.parse::<C>() {
            Ok(number) => by_code(number)
                .map(Meant::Standard)
                .or_else(|| self.list.iter().find(|own| own.code == number).map(custom))
                .or((C::ENDS.0..=C::ENDS.1).contains(&number).then_some(Meant::Unknown(number))),
            Err(_) => by_name(word)
                .map(Meant::Standard)
                .or_else(|| self.list.iter().find(|own| own.name == word).map(custom)),
        };
        match meant {
            Some(Meant::Standard(found)) if !found.configurable => {
                let message = format!("option {} cannot be set", quote(word));
                let help = found.code.instead();
                let help =
                    help.unwrap_or("the server works it out, or only clients and relays send it");
                notes.mistake(span, message, help);
                None
            }
            Some(meant) => Some(meant),
            None => {
                let own = self.list.iter().map(|own| own.name.as_str());
                let names = C::DEFINITIONS.iter().map(|known| known.name).chain(own);
                let meant = C::of_dhcpd(word).or_else(|| nearest(word, names));
                let (first, last) = C::ENDS;
                let help = match meant {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if word.bytes().all(|octet| octet.is_ascii_digit()) => {
                        format!("options have the numbers {first} to {last}")
                    }
                    None => {
                        format!("write its number and hex octets, or add an [[{}]]", C::SECTION)
                    }
                };
                notes.mistake(span, format!("unknown option {}", quote(word)), help);
                None
            }
        }
    }
}

/// What is known of an option that the file sets.
#[derive(Clone, Copy)]
enum Meant<C: 'static> {
    Standard(&'static option::Definition<C>),
    Custom(C, Kind),
    /// Its number alone.
    Unknown(C),
}

impl<C: Written> Meant<C> {
    fn code(self) -> C {
        match self {
            Self::Standard(definition) => definition.code,
            Self::Custom(code, _) | Self::Unknown(code) => code,
        }
    }

    /// The data for `entry`: hex octets whatever the type, else what the type makes of it.
    fn encode(self, entry: Value<'_>) -> Option<Vec<u8>> {
        let hex = entry.as_text().and_then(|text| octets::parse_hex(text.strip_prefix("0x")?));
        if hex.is_some() {
            return hex;
        }
        let encode = |value: &option::Value<'_>| match self {
            Self::Standard(definition) => definition.encode(value),
            Self::Custom(_, kind) => kind.encode(value),
            Self::Unknown(_) => {
                Err(format!("its type is not known: write \"0x…\", or add an [[{}]]", C::SECTION))
            }
        };
        let value = neutral(entry)?;
        let error = match encode(&value) {
            Ok(data) => return Some(data),
            Err(error) => error,
        };
        // Of a list the first element that is wrong by itself is shown.
        if let option::Value::List(elements) = value {
            for (element, item) in elements.into_iter().zip(entry.list("")) {
                if let Err(error) = encode(&option::Value::List(vec![element])) {
                    return item.wrong(error);
                }
            }
        }
        entry.wrong(error)
    }
}

/// A TOML value without its format; a mistake for the kinds that no option is written in.
fn neutral(value: Value<'_>) -> Option<option::Value<'_>> {
    if let Some(flag) = value.as_flag() {
        return Some(option::Value::Bool(flag));
    }
    if let Some(number) = value.as_integer() {
        return Some(option::Value::Int(number));
    }
    if let Some(text) = value.as_text() {
        return Some(option::Value::Text(text));
    }
    if value.is_list() {
        let elements = value.list("").into_iter().map(neutral).collect::<Option<_>>()?;
        return Some(option::Value::List(elements));
    }
    value.wrong("write text, a whole number, true or false, or a list of them")
}
