//! The two tables of a server.

use super::layout::Layout;
use super::plan::Unplaceable;
use super::resource::Resource;
use super::table::Table;
use crate::config::Config;
use crate::config::model::Protocol;

/// Every lease of a server: one engine, two tables of it. A protocol that the server does not serve has
/// an empty one, or one of leases from when it did.
#[derive(Debug)]
pub struct Tables {
    /// IPv4 addresses.
    pub ipv4: Table,
    /// IPv6 addresses and delegated prefixes.
    pub ipv6: Table,
}

/// The layouts of both, checked and not in force yet.
#[derive(Debug)]
pub struct Layouts {
    ipv4: Layout,
    ipv6: Layout,
}

impl Tables {
    /// Tables without bindings.
    #[must_use]
    pub fn new(layouts: Layouts) -> Self {
        Self { ipv4: Table::new(layouts.ipv4), ipv6: Table::new(layouts.ipv6) }
    }

    /// The table that such a resource is in.
    #[must_use]
    pub fn of(&self, resource: Resource) -> &Table {
        match resource {
            Resource::Ipv4(_) => &self.ipv4,
            Resource::Ipv6(_) | Resource::Prefix(_) => &self.ipv6,
        }
    }

    /// The table of the protocol's leases.
    #[must_use]
    pub fn serving(&self, protocol: Protocol) -> &Table {
        match protocol {
            Protocol::Dhcpv4 => &self.ipv4,
            Protocol::Dhcpv6 => &self.ipv6,
        }
    }

    /// Both, in the order in which they are walked through.
    #[must_use]
    pub fn both(&self) -> [&Table; 2] {
        [&self.ipv4, &self.ipv6]
    }

    /// The layouts of another checked configuration, to take the place of these.
    ///
    /// # Errors
    /// Why they cannot.
    pub fn layouts_after(&self, config: &Config) -> Result<Layouts, Unplaceable> {
        let ipv6 = Layout::of_ipv6(config, Some(&self.ipv6.layout()))?;
        Ok(Layouts { ipv4: Layout::of(config), ipv6 })
    }

    /// See [`Table::adopt`].
    pub fn adopt(&self, layouts: Layouts) {
        self.ipv4.adopt(layouts.ipv4);
        self.ipv6.adopt(layouts.ipv6);
    }
}

impl Layouts {
    /// The layouts of a checked configuration.
    ///
    /// # Errors
    /// Why there are none.
    pub fn of(config: &Config) -> Result<Self, Unplaceable> {
        Ok(Self { ipv4: Layout::of(config), ipv6: Layout::of_ipv6(config, None)? })
    }
}
