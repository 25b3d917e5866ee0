//! ISC dhcpd, which flushes what it grants before it answers.

use anyhow::Result;
use tandem_tests::lab::Process;

use super::{Contestant, Ground, Running, versioned};

/// At most 28 ACKs for one flush, as many as its manual suggests, and after 10 ms at the latest: the rate is that of
/// a flush for hundreds, at a twentieth of the wait. It reads the number with its two octets swapped (4.4.3 on
/// hosts of little endian), so that 7,168 stands for 28.
pub(crate) const GROUP_COMMIT: &str = "delayed-ack 7168;\nmax-ack-delay 10000;\n";

/// It and its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dhcpd;

impl Contestant for Dhcpd {
    fn name(&self) -> String {
        versioned("ISC dhcpd", "dhcpd", "--version", "")
    }

    fn note(&self) -> &'static str {
        "one thread; each ACK is on disk before it leaves, up to 28 with one flush, within 10 ms"
    }

    fn start(&self, ground: &Ground<'_>) -> Result<Box<dyn Running>> {
        ground.only_in_dhcpv4()?;
        let (first, last) = ground.pool();
        // A threshold of 0: every REQUEST is a lease of its full time and a record.
        let configuration = format!(
            "{GROUP_COMMIT}authoritative;\nddns-update-style none;\nping-check false;\n\
             default-lease-time 86400;\nmax-lease-time 86400;\ndhcp-cache-threshold 0;\n\
             subnet 10.0.0.0 netmask 255.0.0.0 {{\n  range {first} {last};\n  \
             option routers 10.0.0.1;\n  option domain-name-servers 10.0.0.53, 10.0.0.54;\n}}\n"
        );
        let file = ground.write("dhcpd.conf", &configuration)?;
        let leases = ground.write_leases("leases", "", |lease| {
            format!(
                "lease {} {{\n  starts epoch {};\n  ends epoch {};\n  cltt epoch {};\n  \
                 binding state active;\n  next binding state free;\n  \
                 rewind binding state free;\n  hardware ethernet {};\n}}\n",
                lease.address, lease.since, lease.until, lease.since, lease.mac
            )
        })?;
        let mut command = ground.pinned("dhcpd");
        // Without `-d`: it would write lines about every message.
        command.args(["-4", "-f", "-q", "-cf"]).arg(file).arg("-lf").arg(leases);
        command.arg("-pf").arg(ground.directory.join("pid")).arg("eth0");
        Ok(Box::new(Process::start(&mut command, &ground.directory.join("dhcpd.log"))))
    }
}
