//! dnsmasq, as a DHCP server alone.

use anyhow::Result;
use tandem_tests::lab::Process;

use super::{Contestant, Ground, Running, versioned};

/// It and its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dnsmasq;

impl Contestant for Dnsmasq {
    fn name(&self) -> String {
        versioned("dnsmasq", "dnsmasq", "--version", "")
    }

    fn note(&self) -> &'static str {
        "one thread; a list of all leases, written anew after each change and not flushed"
    }

    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>> {
        ground.only_in_dhcpv4()?;
        let (first, last) = ground.pool();
        let leases = ground.write_leases("leases", "", |lease| {
            format!("{} {} {} * *\n", lease.until, lease.mac, lease.address)
        })?;
        let path = |name: &str| ground.directory.join(name).display().to_string();
        let mut command = ground.pinned("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--no-ping"]);
        command.args(["--user=root", "--interface=eth0", "--bind-interfaces", "--quiet-dhcp"]);
        command.args(["--dhcp-authoritative", "--dhcp-option=6,10.0.0.53,10.0.0.54"]);
        command.arg(format!("--dhcp-range={first},{last},255.0.0.0,24h"));
        command.arg(format!("--dhcp-lease-max={}", ground.addresses));
        command.arg(format!("--dhcp-leasefile={}", leases.display()));
        command.arg(format!("--pid-file={}", path("pid")));
        command.arg(format!("--log-facility={}", path("dnsmasq.log")));
        Ok(Box::new(Process::start(&mut command, &ground.directory.join("output.log"))))
    }
}
