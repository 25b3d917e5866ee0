//! Which classes a client is in.

use super::identity::Speaker;
use crate::config::model::{Class, LimitPer, Pattern, Test};

/// A client as classes and limits know it, whichever protocol it speaks.
pub(super) trait Subject {
    /// Whether the test holds of it.
    fn holds(&self, test: &Test) -> bool;

    /// Which subscriber it is, where leases are counted so; `None` if it says nothing of that.
    fn subscriber(&self, per: LimitPer) -> Option<Vec<u8>>;
}

/// Appends to `members` the indexes of the classes that the client is in, ascending.
pub(super) fn classify(classes: &[Class], client: &impl Subject, members: &mut Vec<usize>) {
    let is_member = |class: &Class| {
        class.alternatives.iter().any(|tests| tests.iter().all(|test| client.holds(test)))
    };
    members.extend((0..classes.len()).filter(|index| is_member(&classes[*index])));
}

impl Subject for Speaker<'_> {
    fn holds(&self, test: &Test) -> bool {
        let matches = |pattern: &Pattern, octets: Option<&[u8]>| {
            octets.is_some_and(|octets| is_match(pattern, octets))
        };
        match test {
            Test::VendorClass(pattern) => matches(pattern, self.vendor_class),
            Test::UserClass(pattern) => {
                self.user_class.is_some_and(|data| is_user_class(pattern, data))
            }
            Test::HardwarePrefix(octets) => self.hardware.octets().starts_with(octets),
            Test::Relay(prefix) => !self.relay.is_unspecified() && prefix.contains(self.relay),
            Test::CircuitId(pattern) => matches(pattern, self.circuit_id),
            Test::RemoteId(pattern) => matches(pattern, self.remote_id),
            Test::LinkAddress(_) | Test::InterfaceId(_) | Test::Duid(_) => false,
        }
    }

    fn subscriber(&self, per: LimitPer) -> Option<Vec<u8>> {
        let relay = self.relay.octets();
        match per {
            // A circuit ID means something to its own relay only (RFC 3046 §3.1).
            LimitPer::CircuitId => self.circuit_id.map(|circuit| [&relay, circuit].concat()),
            // A remote ID is unique everywhere (RFC 3046 §3.2).
            LimitPer::RemoteId => self.remote_id.map(<[u8]>::to_vec),
            LimitPer::Relay => (!self.relay.is_unspecified()).then(|| relay.to_vec()),
            LimitPer::Class => Some(Vec::new()),
            LimitPer::InterfaceId | LimitPer::Duid => None,
        }
    }
}

pub(super) fn is_match(pattern: &Pattern, octets: &[u8]) -> bool {
    match pattern {
        Pattern::Is(whole) => octets == whole,
        Pattern::Begins(start) => octets.starts_with(start),
        // An empty pattern is somewhere in everything; `windows` would panic on it.
        Pattern::Contains(part) => {
            part.is_empty() || octets.windows(part.len()).any(|window| window == part)
        }
    }
}

/// Option 77 is a list of counted strings (RFC 3004 §4), but many clients send bare text.
fn is_user_class(pattern: &Pattern, data: &[u8]) -> bool {
    let mut rest = data;
    let mut found = false;
    while let [len, tail @ ..] = rest {
        let Some((class, behind)) = tail.split_at_checked(usize::from(*len)) else {
            return is_match(pattern, data);
        };
        found |= is_match(pattern, class);
        rest = behind;
    }
    found || is_match(pattern, data)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::config::model::{Prefix, Scope};
    use crate::wire::HardwareAddress;

    fn class(alternatives: Vec<Vec<Test>>) -> Class {
        Class { name: String::new(), alternatives, scope: Scope::default() }
    }

    fn members(classes: &[Class], speaker: &Speaker<'_>) -> Vec<usize> {
        let mut members = Vec::new();
        classify(classes, speaker, &mut members);
        members
    }

    #[test]
    fn a_client_is_in_a_class_if_every_test_of_one_alternative_holds() {
        let classes = [
            class(vec![
                vec![
                    Test::VendorClass(Pattern::Begins(b"docsis".to_vec())),
                    Test::RemoteId(Pattern::Is(b"r".to_vec())),
                ],
                vec![Test::HardwarePrefix(vec![2, 0])],
            ]),
            class(vec![vec![Test::CircuitId(Pattern::Contains(b"/3/".to_vec()))]]),
            class(vec![vec![Test::Relay(Prefix { address: Ipv4Addr::new(10, 1, 0, 0), len: 16 })]]),
            class(vec![]),
        ];
        let mut speaker =
            Speaker::new(HardwareAddress::new(1, &[4; 6]).unwrap(), Ipv4Addr::UNSPECIFIED);
        assert_eq!(members(&classes, &speaker), [0; 0]);
        speaker.vendor_class = Some(b"docsis3.1");
        assert_eq!(members(&classes, &speaker), [0; 0], "half an alternative is none");
        speaker.remote_id = Some(b"r");
        assert_eq!(members(&classes, &speaker), [0]);
        speaker.circuit_id = Some(b"1/3/7");
        speaker.relay = Ipv4Addr::new(10, 1, 2, 3);
        assert_eq!(members(&classes, &speaker), [0, 1, 2]);
        let other =
            Speaker::new(HardwareAddress::new(1, &[2, 0, 1]).unwrap(), Ipv4Addr::new(10, 2, 0, 1));
        assert_eq!(members(&classes, &other), [0]);
    }

    /// RFC 3004 §4.
    #[test]
    fn a_user_class_is_found_in_the_list_and_as_bare_text() {
        let classes = [class(vec![vec![Test::UserClass(Pattern::Is(b"voip".to_vec()))]])];
        let mut speaker =
            Speaker::new(HardwareAddress::new(1, &[4; 6]).unwrap(), Ipv4Addr::UNSPECIFIED);
        for (data, found) in [
            (&b"\x04data\x04voip"[..], true),
            (b"voip", true),
            (b"\x04voi", false),
            (b"\x04data", false),
            (b"", false),
        ] {
            speaker.user_class = Some(data);
            assert_eq!(members(&classes, &speaker) == [0], found, "{data:?}");
        }
    }
}
