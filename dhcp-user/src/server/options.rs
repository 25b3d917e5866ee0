//! What a client is told beside its address, and how the levels of the configuration make it up.
//!
//! Global, shared network, subnet and pool are the same for every client of a pool: they are laid
//! over each other once, when the configuration is compiled. Classes and the reservation are looked
//! through at run time, nearest first; most clients have neither.

use crate::config::model::{Class, Parameters, Scope};

/// Several levels of the configuration laid over each other.
#[derive(Clone, Debug)]
pub(super) struct Base {
    /// Ascending by code.
    options: Vec<(u8, Box<[u8]>)>,
    /// For each code the place in `options` of its option, plus one; zero is absent. Clients ask for
    /// a dozen options each, most of which nobody has.
    places: Box<[u8; 256]>,
    /// Of DHCPv6, ascending by code.
    options6: Vec<(u16, Box<[u8]>)>,
    parameters: Parameters,
}

impl Base {
    /// The widest level comes first, and a later one wins.
    pub(super) fn of(scopes: &[&Scope]) -> Self {
        let mut options = std::collections::BTreeMap::new();
        for scope in scopes {
            options.extend(scope.options.iter().map(|(code, data)| (*code, data.as_slice())));
        }
        let mut parameters = Parameters::default();
        scopes.iter().for_each(|scope| lay_over(&scope.parameters, &mut parameters));
        let options: Vec<(u8, Box<[u8]>)> =
            options.into_iter().map(|(code, data)| (code, data.into())).collect();
        let mut places = Box::new([0; 256]);
        for (place, (code, _)) in (1..=u8::MAX).zip(&options) {
            places[usize::from(*code)] = place;
        }
        let mut options6 = std::collections::BTreeMap::new();
        for scope in scopes {
            options6.extend(scope.options6.iter().map(|(code, data)| (*code, data.as_slice())));
        }
        let options6 = options6.into_iter().map(|(code, data)| (code, data.into())).collect();
        Self { options, places, options6, parameters }
    }

    fn option6(&self, code: u16) -> Option<&[u8]> {
        let at = self.options6.binary_search_by_key(&code, |(code, _)| *code).ok()?;
        Some(&self.options6[at].1)
    }

    fn option(&self, code: u8) -> Option<&[u8]> {
        let at = self.places[usize::from(code)].checked_sub(1)?;
        Some(&self.options[usize::from(at)].1)
    }
}

/// What holds for one client at one address: the base of its pool or subnet, its classes, its
/// reservation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers<'a> {
    pub(super) base: &'a Base,
    /// All classes there are; `members` says which the client is in.
    pub(super) classes: &'a [Class],
    /// Indexes of the client's classes, ascending: the later one wins.
    pub(super) members: &'a [usize],
    pub(super) reservation: Option<&'a Scope>,
}

impl<'a> Layers<'a> {
    /// A parameter as the nearest level that speaks of it has it.
    pub(super) fn parameter<T>(&self, pick: impl Fn(&'a Parameters) -> Option<T>) -> Option<T> {
        if self.is_base_alone() {
            return pick(&self.base.parameters);
        }
        self.nearer()
            .find_map(|scope| pick(&scope.parameters))
            .or_else(|| pick(&self.base.parameters))
    }

    /// An option as the nearest level that has it encodes it.
    pub(super) fn option(&self, code: u8) -> Option<&'a [u8]> {
        if self.is_base_alone() {
            return self.base.option(code);
        }
        self.nearer()
            .find_map(|scope| scope.options.get(&code).map(Vec::as_slice))
            .or_else(|| self.base.option(code))
    }

    /// The same of DHCPv6.
    pub(super) fn option6(&self, code: u16) -> Option<&'a [u8]> {
        self.nearer()
            .find_map(|scope| scope.options6.get(&code).map(Vec::as_slice))
            .or_else(|| self.base.option6(code))
    }

    /// Every code that some level has, ascending.
    pub(super) fn codes(&self) -> CodeSet {
        let mut codes = CodeSet::default();
        self.base.options.iter().for_each(|(code, _)| _ = codes.insert(*code));
        for scope in self.nearer() {
            scope.options.keys().for_each(|code| _ = codes.insert(*code));
        }
        codes
    }

    /// Whether there is nothing nearer, as for most clients.
    fn is_base_alone(&self) -> bool {
        self.reservation.is_none() && self.members.is_empty()
    }

    /// The reservation, then the classes from the last to the first.
    fn nearer(&self) -> impl Iterator<Item = &'a Scope> + use<'a> {
        let classes = self.classes;
        let members = self
            .members
            .iter()
            .rev()
            .filter_map(move |index| classes.get(*index).map(|class| &class.scope));
        self.reservation.into_iter().chain(members)
    }
}

/// A set of option codes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CodeSet {
    words: [u64; 4],
}

impl CodeSet {
    /// These codes.
    pub(super) const fn of(codes: &[u8]) -> Self {
        let mut words = [0; 4];
        let mut at = 0;
        while at < codes.len() {
            words[(codes[at] >> 6) as usize] |= 1 << (codes[at] & 63);
            at += 1;
        }
        Self { words }
    }

    /// Whether `code` was not there before.
    pub(super) fn insert(&mut self, code: u8) -> bool {
        let (word, bit) = (&mut self.words[usize::from(code >> 6)], 1 << (code & 63));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    pub(super) fn contains(&self, code: u8) -> bool {
        self.words[usize::from(code >> 6)] & (1 << (code & 63)) != 0
    }

    /// Ascending.
    pub(super) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |code| self.contains(*code))
    }
}

/// Every field is named, so that a new parameter cannot be forgotten here.
fn lay_over(upper: &Parameters, merged: &mut Parameters) {
    let Parameters {
        lease_time,
        min_lease_time,
        max_lease_time,
        preferred_time,
        min_preferred_time,
        max_preferred_time,
        renew_permille,
        rebind_permille,
        reuse_permille,
        min_secs,
        decline_time,
        offer_time,
        authoritative,
        rapid_commit,
        bootp,
        preference,
        probe,
        next_server,
        server_name,
        boot_file,
    } = upper;
    merged.lease_time = lease_time.or(merged.lease_time);
    merged.min_lease_time = min_lease_time.or(merged.min_lease_time);
    merged.max_lease_time = max_lease_time.or(merged.max_lease_time);
    merged.preferred_time = preferred_time.or(merged.preferred_time);
    merged.min_preferred_time = min_preferred_time.or(merged.min_preferred_time);
    merged.max_preferred_time = max_preferred_time.or(merged.max_preferred_time);
    merged.renew_permille = renew_permille.or(merged.renew_permille);
    merged.rebind_permille = rebind_permille.or(merged.rebind_permille);
    merged.reuse_permille = reuse_permille.or(merged.reuse_permille);
    merged.min_secs = min_secs.or(merged.min_secs);
    merged.decline_time = decline_time.or(merged.decline_time);
    merged.offer_time = offer_time.or(merged.offer_time);
    merged.authoritative = authoritative.or(merged.authoritative);
    merged.rapid_commit = rapid_commit.or(merged.rapid_commit);
    merged.bootp = bootp.or(merged.bootp);
    merged.preference = preference.or(merged.preference);
    merged.probe = probe.or(merged.probe);
    merged.next_server = next_server.or(merged.next_server);
    if server_name.is_some() {
        merged.server_name.clone_from(server_name);
    }
    if boot_file.is_some() {
        merged.boot_file.clone_from(boot_file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seconds;

    fn scope(options: &[(u8, &[u8])], lease_time: Option<u32>) -> Scope {
        Scope {
            options: options.iter().map(|(code, data)| (*code, data.to_vec())).collect(),
            parameters: Parameters { lease_time: lease_time.map(Seconds), ..Parameters::default() },
            ..Scope::default()
        }
    }

    #[test]
    fn the_nearest_level_that_speaks_wins() {
        let global = scope(&[(3, b"global"), (6, b"global"), (15, b"global")], Some(1));
        let pool = scope(&[(6, b"pool")], Some(2));
        let class = |scope| Class { name: String::new(), alternatives: Vec::new(), scope };
        let classes = [
            class(scope(&[(15, b"first"), (42, b"first")], Some(3))),
            class(scope(&[(15, b"second")], None)),
        ];
        let reservation = scope(&[(42, b"reserved")], None);
        let base = Base::of(&[&global, &pool]);
        let plain = Layers { base: &base, classes: &classes, members: &[], reservation: None };
        assert_eq!(plain.option(3), Some(&b"global"[..]));
        assert_eq!(plain.option(6), Some(&b"pool"[..]));
        assert_eq!(plain.option(42), None);
        assert_eq!(plain.parameter(|p| p.lease_time), Some(Seconds(2)));
        let all = Layers { members: &[0, 1], reservation: Some(&reservation), ..plain };
        assert_eq!(all.option(15), Some(&b"second"[..]));
        assert_eq!(all.option(42), Some(&b"reserved"[..]));
        assert_eq!(all.parameter(|p| p.lease_time), Some(Seconds(3)));
        assert_eq!(all.codes().iter().collect::<Vec<_>>(), [3, 6, 15, 42]);
    }
}
