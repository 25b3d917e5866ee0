//! Pools of subnets: ranges of addresses, and prefixes to delegate.

use std::net::Ipv6Addr;

use super::family::{Family, for_hosts};
use super::model::Protocol::Dhcpv6;
use super::model::{Access, Allocator, Pool, Prefix, PrefixPool, Protocol, Scope};
use super::notebook::Span;
use super::prefix;
use super::reader::{Section, Value};
use super::scope;
use super::subnet::Context;
use super::times::Times;

/// A larger pool is not gone through address by address where the file does not ask for it.
const MOST_LRU_BY_DEFAULT: u128 = 1 << 16;

/// A pool that was read, and what the cross checks want to know of it.
#[derive(Clone, Debug)]
pub(super) struct ReadPool<P> {
    pub(super) pool: P,
    pub(super) span: Span,
    /// The times that hold in it.
    pub(super) times: Times,
    /// The file says that a hash may well find one address for two clients here.
    pub(super) may_be_small: bool,
}

/// Which allocator the pools of a subnet have that name none.
pub(super) fn allocator_of_subnet(section: &mut Section<'_>) -> Option<Allocator> {
    section.take_of(Dhcpv6, "allocator").and_then(allocator)
}

/// A range as text, or a table with the range, options, parameters and classes.
pub(super) fn pool<A: Family>(
    value: Value<'_>,
    wider: &Times,
    of_subnet: Option<Allocator>,
    context: Context<'_>,
) -> Option<ReadPool<Pool<A>>> {
    let range = |value: Value<'_>| value.parsed(A::EXPECTED_RANGE, prefix::parse_range::<A>);
    if !value.is_table() {
        let (first, last) = range(value)?;
        let allocator = chosen(None, of_subnet, first, last, value)?;
        let (scope, access) = (Scope::default(), Access::default());
        let pool = Pool { first, last, allocator, scope, access };
        let (span, times) = (value.span, *wider);
        return Some(ReadPool { pool, span, times, may_be_small: false });
    }
    let mut section = value.section(A::POOL)?;
    section.protocol = Some(A::PROTOCOL);
    let place = section.require("range", &format!("range = \"{}\"", A::A_RANGE));
    let own = section.take_of(Dhcpv6, "allocator");
    let small = section.take_of(Dhcpv6, "small");
    let may_be_small = small.and_then(Value::flag).unwrap_or(false);
    let access = access(&mut section, context);
    let (scope, times) = scope::read(&mut section, wider, context.definitions, context.notes);
    section.finish();
    let place = place?;
    let (first, last) = range(place)?;
    let allocator = match own {
        Some(value) => chosen(Some(allocator(value)?), of_subnet, first, last, value)?,
        None => chosen(None, of_subnet, first, last, place)?,
    };
    let pool = Pool { first, last, allocator, scope, access };
    Some(ReadPool { pool, span: place.span, times, may_be_small })
}

/// A table with a prefix to be delegated in parts.
pub(super) fn prefix_pool(
    value: Value<'_>,
    wider: &Times,
    context: Context<'_>,
) -> Option<ReadPool<PrefixPool>> {
    let mut section = value.section("prefix-pool")?;
    section.protocol = Some(Protocol::Dhcpv6);
    let place = section.require("prefix", "prefix = \"2001:db8:8000::/33\"");
    let delegate = section.require("delegate", "delegate = 56");
    let exclude = section.take("exclude");
    let own = section.take("allocator");
    let access = access(&mut section, context);
    let (scope, times) = scope::read(&mut section, wider, context.definitions, context.notes);
    section.finish();

    let prefix =
        place.and_then(|value| value.parsed(Ipv6Addr::EXPECTED_PREFIX, prefix::parse::<Ipv6Addr>));
    let allocator = match own {
        Some(value) => match allocator(value)? {
            Allocator::Hash => {
                return value.wrong(
                    "write \"lru\" or \"random\": nobody would notice that a hash has given one \
                     prefix to two clients",
                );
            }
            other => other,
        },
        None => Allocator::Lru,
    };
    let (place, delegate) = (place?, delegate?);
    let prefix = for_hosts(place, prefix?)?;
    let len = delegate.integer(1..=128_u8)?;
    if len < prefix.len {
        return delegate.wrong(format!("{prefix} is shorter: write {} or more", prefix.len));
    }
    let bits = len - prefix.len;
    if allocator == Allocator::Lru && bits > Allocator::MOST_LRU_BITS {
        return place.wrong(format!(
            "it holds 2^{bits} prefixes of that length, an \"lru\" pool at most 2^{}: cut it into \
             several, or write allocator = \"random\"",
            Allocator::MOST_LRU_BITS
        ));
    }
    let exclude = match exclude {
        Some(value) => Some(excluded(value, len)?),
        None => None,
    };
    let pool = PrefixPool { prefix, delegate: len, exclude, allocator, scope, access };
    Some(ReadPool { pool, span: place.span, times, may_be_small: false })
}

fn access(section: &mut Section<'_>, context: Context<'_>) -> Access {
    let mut classes =
        |key| section.take(key).map(|value| context.classes.resolve_all(value)).unwrap_or_default();
    Access { allow: classes("allow"), deny: classes("deny") }
}

fn allocator(value: Value<'_>) -> Option<Allocator> {
    value.choice(&[
        ("lru", Allocator::Lru),
        ("random", Allocator::Random),
        ("hash", Allocator::Hash),
    ])
}

/// The allocator of a range: its own, else the subnet's, else what suits its size.
fn chosen<A: Family>(
    own: Option<Allocator>,
    of_subnet: Option<Allocator>,
    first: A,
    last: A,
    value: Value<'_>,
) -> Option<Allocator> {
    if A::PROTOCOL == Protocol::Dhcpv4 {
        return Some(Allocator::Lru);
    }
    // One less than there are: all addresses together are one more than the number holds.
    let more = last.number() - first.number();
    let by_size = if more < MOST_LRU_BY_DEFAULT { Allocator::Lru } else { Allocator::Random };
    let allocator = own.or(of_subnet).unwrap_or(by_size);
    if allocator == Allocator::Lru && more >> Allocator::MOST_LRU_BITS > 0 {
        let most = Allocator::MOST_LRU_BITS;
        return value
            .wrong(format!("an \"lru\" pool holds at most 2^{most} addresses: write \"random\""));
    }
    Some(allocator)
}

/// RFC 6603 §4.2: longer than what is delegated, and a part of it.
fn excluded(value: Value<'_>, delegate: u8) -> Option<Prefix<Ipv6Addr>> {
    let excluded = value.parsed(Ipv6Addr::EXPECTED_PREFIX, prefix::parse::<Ipv6Addr>)?;
    if excluded.len <= delegate {
        return value
            .wrong(format!("it is a part of each delegated prefix: longer than {delegate}"));
    }
    let around = Prefix::containing(Ipv6Addr::UNSPECIFIED, delegate);
    if !around.contains(excluded.address) {
        return value.wrong(format!(
            "write only what comes behind the {delegate} bits of the delegated prefix, such as \
             \"::/64\" for its first /64"
        ));
    }
    Some(excluded)
}
