//! SIGHUP: a new configuration takes the old one's place, or the old one stays.
//!
//! The file is read and checked whole before anything changes. Then the lease table learns which
//! addresses there are to give, and workers find the new service with their next packet; no packet
//! is lost, and no lease: what is bound stays bound.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::warn;

use super::clock;
use super::instance::{Instance, Loaded};
use crate::config::model::{Address, Network, Protocol};
use crate::config::{Config, Mistakes};
use crate::dataplane;
use crate::lease::{Layouts, Unplaceable};
use crate::server::{InterfaceAddresses, Services};

/// Why the old configuration stays in force.
#[derive(Debug)]
pub enum Refused {
    /// The new one has mistakes.
    Mistakes(Mistakes),
    /// The kernel does not say which addresses the interfaces have.
    Addresses(io::Error),
    /// Addresses or prefixes of IPv6 cannot be numbered as it has them.
    Unplaceable(Unplaceable),
    /// Another protocol is served: sockets and the server's DUID are made at the start.
    Protocols,
    /// Other addresses are shared with a partner than those that it is told of.
    SharedPools,
}

/// Reads the instance's file again and takes it if it is right.
///
/// # Errors
/// Nothing has changed then, but for the count of refusals.
pub fn run(instance: &Instance) -> Result<(), Refused> {
    let outcome = read(instance)
        .map(|(config, addresses, layouts)| take(instance, config, &addresses, layouts));
    let count = if outcome.is_ok() { &instance.reloads } else { &instance.reloads_refused };
    count.fetch_add(1, Relaxed);
    outcome
}

fn read(instance: &Instance) -> Result<(Config, Vec<InterfaceAddresses>, Layouts), Refused> {
    let mut config = Config::load(&instance.file).map_err(Refused::Mistakes)?;
    let old = instance.loaded.load();
    if shared_pools(&old.config) != shared_pools(&config) {
        return Err(Refused::SharedPools);
    }
    if protocols(&old.config) != protocols(&config) {
        return Err(Refused::Protocols);
    }
    for key in keep_what_needs_a_restart(&old.config, &mut config) {
        warn!("a change of `{key}` takes effect when the server is started again");
    }
    let addresses = dataplane::addresses(&config).map_err(Refused::Addresses)?;
    let layouts = instance.tables.layouts_after(&config).map_err(Refused::Unplaceable)?;
    Ok((config, addresses, layouts))
}

fn take(instance: &Instance, config: Config, addresses: &[InterfaceAddresses], layouts: Layouts) {
    // The tables first: a worker must not be told of a pool that its table does not have yet.
    instance.tables.adopt(layouts);
    let mut services = Services::new(&config, &instance.tables, instance.duid, addresses);
    if let Some(reconfigure) = &instance.reconfigure {
        services = services.with_reconfigure(&reconfigure.shared);
    }
    let generation = instance.services.load().generation();
    if changes_subscribers(&instance.loaded.load().config, &config) {
        instance.recount_by(services.counting_as(generation.wrapping_add(1)));
    } else {
        instance.services.store(Arc::new(services.counting_as(generation)));
    }
    instance.tell_programs();
    instance.loaded.store(Arc::new(Loaded::new(config, clock::now())));
}

/// Whether each protocol is served.
fn protocols(config: &Config) -> [bool; 2] {
    [!config.networks.is_empty(), !config.networks6.is_empty()]
}

/// Everything that is shared with a partner, by the name of the relationship, in order.
fn shared_pools(config: &Config) -> Vec<(&str, String)> {
    let mut shared = shared_of(config, &config.networks);
    shared.extend(shared_of(config, &config.networks6));
    shared.sort_unstable();
    shared
}

fn shared_of<'a, A: Address>(
    config: &'a Config,
    networks: &[Network<A>],
) -> Vec<(&'a str, String)> {
    let mut shared = Vec::new();
    for subnet in networks.iter().flat_map(|network| &network.subnets) {
        let place = subnet.failover.map(usize::from);
        let Some(relationship) = place.and_then(|place| config.failover.get(place)) else {
            continue;
        };
        let ranges = subnet.pools.iter().map(|pool| format!("{}-{}", pool.first, pool.last));
        let prefixes = subnet.prefix_pools.iter();
        let prefixes = prefixes.map(|pool| format!("{} by {}", pool.prefix, pool.delegate));
        let name = relationship.terms.name.as_str();
        shared.extend(ranges.chain(prefixes).map(|pool| (name, pool)));
    }
    shared
}

/// Whether the same leases are counted otherwise.
fn changes_subscribers(old: &Config, new: &Config) -> bool {
    let tests = |config: &Config| -> Vec<_> {
        config.classes.iter().map(|class| class.alternatives.clone()).collect()
    };
    old.limits != new.limits || (!new.limits.is_empty() && tests(old) != tests(new))
}

/// Threads, sockets and files are made once, at start. Puts the old values of what they were made
/// from into `new`, and names the keys that would have changed.
fn keep_what_needs_a_restart(old: &Config, new: &mut Config) -> Vec<&'static str> {
    fn keep<T: Clone + PartialEq>(
        key: &'static str,
        old: &T,
        new: &mut T,
        changed: &mut Vec<&'static str>,
    ) {
        if old != new {
            new.clone_from(old);
            changed.push(key);
        }
    }
    let mut changed = Vec::new();
    keep("state-dir", &old.state_dir, &mut new.state_dir, &mut changed);
    keep("interface", &old.interfaces, &mut new.interfaces, &mut changed);
    keep("guard", &old.guard, &mut new.guard, &mut changed);
    keep("journal", &old.journal, &mut new.journal, &mut changed);
    keep("metrics", &old.metrics, &mut new.metrics, &mut changed);
    // Its subnets refer to it by place, and the shared pools are the same: so are the places, once
    // relationships are in the old order.
    if !old.failover.is_empty() {
        // Endpoints would tell clients apart in the old way still.
        keep("identity", &old.identity, &mut new.identity, &mut changed);
    }
    if old.failover.iter().any(|it| it.terms.protocol == Protocol::Dhcpv6) {
        // They would tell keys by the old secret.
        let (old, new) = (&old.dhcpv6, &mut new.dhcpv6);
        keep("dhcpv6.secret", &old.secret, &mut new.secret, &mut changed);
        keep("dhcpv6.reconfigure", &old.reconfigure, &mut new.reconfigure, &mut changed);
    }
    if old.failover != new.failover {
        keep_places(old, new);
        keep("failover", &old.failover, &mut new.failover, &mut changed);
    }
    changed
}

/// Lets the subnets of `new` refer to the relationships of `old`, by name.
fn keep_places(old: &Config, new: &mut Config) {
    let place_of = |name: &str| old.failover.iter().position(|it| it.terms.name == name);
    let places: Vec<_> = new.failover.iter().map(|it| place_of(&it.terms.name)).collect();
    let moved = |place: &mut Option<u16>| {
        let new = place.and_then(|place| places.get(usize::from(place)).copied()?);
        *place = new.and_then(|place| u16::try_from(place).ok());
    };
    let ipv4 = new.networks.iter_mut().flat_map(|network| &mut network.subnets);
    ipv4.for_each(|subnet| moved(&mut subnet.failover));
    let ipv6 = new.networks6.iter_mut().flat_map(|network| &mut network.subnets);
    ipv6.for_each(|subnet| moved(&mut subnet.failover));
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mistakes(mistakes) => write!(f, "{mistakes}"),
            Self::Addresses(error) => write!(f, "addresses of the interfaces: {error}"),
            Self::Unplaceable(why) => write!(f, "{why}"),
            Self::Protocols => f.write_str(
                "DHCPv4 or DHCPv6 came to what is served, or left it: start the server again",
            ),
            Self::SharedPools => f.write_str(
                "the pools shared with a partner have changed: restart one server after the other",
            ),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::lease::{Binding, BindingStatus};
    use crate::wire::Stamp;

    fn configuration(pool: &str) -> String {
        format!(
            "[[interface]]\nname = \"lo\"\n[[subnet4]]\nsubnet = \"10.7.0.0/24\"\n\
             pools = [\"{pool}\"]\n"
        )
    }

    fn write(instance: &Instance, text: &str) {
        let state_dir = instance.loaded.load().config.state_dir.clone();
        fs::write(&instance.file, format!("state-dir = {state_dir:?}\n{text}")).unwrap();
    }

    #[test]
    fn a_wrong_configuration_is_refused_with_its_mistakes_and_the_old_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Instance::sample(dir.path(), &configuration("10.7.0.10-10.7.0.19"));
        let services = instance.services.load_full();
        write(&instance, &configuration("10.8.0.10-10.8.0.19"));
        let refused = run(&instance).unwrap_err().to_string();
        assert!(refused.contains("10.8.0.10"), "{refused}");
        assert!(Arc::ptr_eq(&services, &instance.services.load_full()));
        assert_eq!(instance.status().pools[0].first, "10.7.0.10");
        assert_eq!(instance.status().configuration.reloads_refused, 1);
        assert_eq!(instance.status().configuration.reloads, 0);
    }

    #[test]
    fn a_right_one_takes_its_place_and_every_binding_stays() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Instance::sample(dir.path(), &configuration("10.7.0.10-10.7.0.19"));
        let address = std::net::Ipv4Addr::new(10, 7, 0, 15);
        let held = Binding {
            version: 4,
            expires: Stamp::NEVER,
            ..Binding::new(BindingStatus::Active, Stamp(1))
        };
        instance.tables.ipv4.restore(address, held.clone());
        instance.tables.ipv4.finish_restore(&crate::lease::in_turn);
        // The lease's address is in no pool any more.
        write(&instance, &configuration("10.7.0.30-10.7.0.39"));
        run(&instance).unwrap();
        let guard = instance.tables.ipv4.pin();
        let seen = instance.tables.ipv4.seen(address, &guard).unwrap();
        assert_eq!(seen.binding(), Some(&held));
        let status = instance.status();
        assert_eq!((status.pools[0].first.as_str(), status.pools[0].free), ("10.7.0.30", 10));
        assert_eq!(status.configuration.reloads, 1);
    }

    #[test]
    fn a_protocol_comes_and_goes_with_a_start_and_pools_of_ipv6_with_a_reload() {
        let dir = tempfile::tempdir().unwrap();
        let v4 = configuration("10.7.0.10-10.7.0.19");
        let v6 = |pool: &str| {
            format!("{v4}[[subnet6]]\nsubnet = \"2001:db8::/64\"\npools = [\"{pool}\"]\n")
        };
        let instance = Instance::sample(dir.path(), &v6("2001:db8::1:0/112"));
        write(&instance, &v4);
        assert!(matches!(run(&instance).unwrap_err(), Refused::Protocols));
        write(&instance, &v6("2001:db8::2:0/112"));
        run(&instance).unwrap();
        let pools = instance.status().pools;
        let found: Vec<_> = pools.iter().map(|pool| (pool.first.as_str(), pool.free)).collect();
        assert_eq!(found, [("10.7.0.10", 10), ("2001:db8::2:0", 65_536)]);
        write(&instance, &v6("2001:db8::/65"));
        let refused = run(&instance).unwrap_err();
        assert!(matches!(refused, Refused::Unplaceable(_)), "{refused}");
    }

    fn shared(name: &str, pool: &str) -> String {
        let pool = configuration(pool);
        format!(
            "{pool}[[failover]]\nname = \"{name}\"\nrole = \"primary\"\nlocal = \"192.0.2.1\"\n\
             peer = \"192.0.2.2\"\nsubnets = [\"10.7.0.0/24\"]\n"
        )
    }

    #[test]
    fn pools_that_a_partner_shares_change_with_a_restart_only() {
        let dir = tempfile::tempdir().unwrap();
        let instance = Instance::sample(dir.path(), &shared("a", "10.7.0.10-10.7.0.19"));
        for changed in [
            shared("a", "10.7.0.10-10.7.0.29"),
            shared("b", "10.7.0.10-10.7.0.19"),
            configuration("10.7.0.10-10.7.0.19"),
        ] {
            write(&instance, &changed);
            let refused = run(&instance).unwrap_err();
            assert!(matches!(refused, Refused::SharedPools), "{refused}");
        }
    }

    #[test]
    fn so_do_pools_of_ipv6_and_their_relationships_keep_their_places() {
        let config = |text: &str| {
            let read = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
            Config::parse(text, std::path::Path::new("test.toml"), &read)
                .unwrap_or_else(|mistakes| panic!("{mistakes}"))
        };
        let text = "[[subnet6]]\nsubnet = \"2001:db8:1::/64\"\npools = [\"2001:db8:1::1:0/112\"]\n\
                    prefix-pools = [{ prefix = \"2001:db8:8000::/40\", delegate = 56 }]\n";
        let partner = |name: &str, peer: u8, subnet: &str| {
            format!(
                "[[failover]]\nname = \"{name}\"\nrole = \"primary\"\nlocal = \"2001:db8::1\"\n\
                 peer = \"2001:db8::{peer}\"\nsubnets = [\"{subnet}\"]\ninsecure = true\n"
            )
        };
        let a = partner("a", 2, "2001:db8:1::/64");
        let old = config(&format!("{text}{a}"));
        for changed in [("1::1:0/112", "1::2:0/112"), ("delegate = 56", "delegate = 57")] {
            let new = config(&format!("{}{a}", text.replace(changed.0, changed.1)));
            assert_ne!(shared_pools(&old), shared_pools(&new), "{changed:?}");
        }
        let other = "[[subnet6]]\nsubnet = \"2001:db8:2::/64\"\npools = [\"2001:db8:2::/64\"]\n";
        let mut new = config(&format!("{text}{other}{}{a}", partner("b", 3, "2001:db8:2::/64")));
        keep_places(&old, &mut new);
        let subnets = new.networks6.iter().flat_map(|network| &network.subnets);
        let places: Vec<_> = subnets.map(|subnet| subnet.failover).collect();
        assert_eq!(places, [Some(0), None]);
    }

    #[test]
    fn a_relationship_stays_what_the_endpoint_knows_until_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let text = shared("a", "10.7.0.10-10.7.0.19");
        let instance = Instance::sample(dir.path(), &text);
        // Other subnets in front of it, and another MCLT.
        let first = "[[subnet4]]\nsubnet = \"10.8.0.0/24\"\npools = []\n[[subnet4]]\n\
                     subnet = \"10.9.0.0/24\"\npools = []\n";
        let text = text.replace("subnets =", "mclt = \"1m\"\nsubnets =");
        write(&instance, &format!("{first}{text}"));
        run(&instance).unwrap();
        let loaded = instance.loaded.load();
        assert_eq!(loaded.config.failover[0].terms.mclt, crate::wire::Seconds(3_600));
        let places = |subnet: &str| {
            let mut subnets = loaded.config.networks.iter().flat_map(|network| &network.subnets);
            subnets.find(|it| it.prefix.to_string() == subnet).unwrap().failover
        };
        assert_eq!((places("10.7.0.0/24"), places("10.8.0.0/24")), (Some(0), None));
    }

    #[test]
    fn what_threads_and_sockets_were_made_from_stays_until_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let text = configuration("10.7.0.10-10.7.0.19");
        let instance = Instance::sample(dir.path(), &text);
        let elsewhere = text.replace("name = \"lo\"", "name = \"lo\"\ndataplane = \"socket\"");
        fs::write(&instance.file, format!("state-dir = \"/elsewhere\"\n{elsewhere}")).unwrap();
        let old = instance.loaded.load_full();
        run(&instance).unwrap();
        let new = instance.loaded.load_full();
        assert_eq!(new.config.state_dir, old.config.state_dir);
        assert_eq!(new.config.interfaces, old.config.interfaces);
    }
}
