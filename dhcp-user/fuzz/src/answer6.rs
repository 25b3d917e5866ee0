//! Any octets as a request to a whole server of DHCPv6.

use std::io;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::LazyLock;

use dhcp_user::config::Config;
use dhcp_user::lease::{Layout, Limits, Table, Views};
use dhcp_user::server::v6::{Arrival, Service, World};
use dhcp_user::server::{InterfaceIndex, Workspace};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::dhcpv6::{
    ALL_RELAYS_AND_SERVERS, Datagram, Duid, MessageType, OLD_HOP_COUNT_LIMIT,
};

const SERVER: &[u8] = &[0, 3, 0, 1, 2, 0xff, 0, 0, 0, 1];
const BEGIN: Stamp = Stamp(1_000_000);

/// A little of everything.
const CONFIGURATION: &str = r#"
    rapid-commit = true
    [dhcpv6]
    hop-limit = 32
    adopt-unknown = true
    secret = "correct horse battery staple"
    [[interface]]
    name = "eth0"
    [[class]]
    name = "phones"
    match = { user-class = { begins = "phone" } }
    [[limit]]
    name = "per host"
    per = "duid"
    leases = 3
    [[subnet6]]
    subnet = "2001:db8:1::/64"
    interfaces = ["eth0"]
    interface-ids = ["port"]
    pools = ["2001:db8:1::10-2001:db8:1::1f"]
    prefix-pools = [{ prefix = "2001:db8:8000::/52", delegate = 56, exclude = "::/64" }]
    options = { 23 = "0x20010db8000000000000000000000053" }
    [[subnet6]]
    subnet = "2001:db8:2::/64"
    pools = ["2001:db8:2::/64"]
    [[subnet6]]
    subnet = "2001:db8:3::/64"
    allocator = "hash"
    pools = [{ range = "2001:db8:3::/64", deny = ["phones"] }]
    [[reservation6]]
    duid = "00:03:00:01:02:00:00:00:00:01"
    addresses = ["2001:db8:1::11"]
"#;

static COMPILED: LazyLock<(Config, Service)> = LazyLock::new(|| {
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let config = Config::parse(CONFIGURATION, Path::new("tandem.toml"), &read);
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let layout = Layout::of_ipv6(&config, None).expect("a few pools");
    let duid = Duid::new(SERVER).expect("a DUID");
    let service = Service::new(&config, &layout, duid, &[Vec::new()]);
    (config, service)
});

/// A reply is a sound message to whoever asked; what was changed stands in the table. The first octet
/// says how long the server has run. It says all of it again, and as every kind of message that names a
/// client's leases.
pub fn answer6(octets: &[u8]) {
    let Some((age, request)) = octets.split_first() else { return };
    let (config, service) = &*COMPILED;
    // One of its own, whose numbers are those that the service was compiled for.
    let table = Table::new(Layout::of_ipv6(config, None).expect("a few pools"));
    let (limits, views, mut work) = (Limits::new(), Views::default(), Workspace::default());
    let mut now = Stamp(BEGIN.0 + u32::from(*age));
    let mut drawn = 0_u128;
    let mut hear = |request: &[u8]| {
        now = Stamp(now.0 + 1);
        let world = World { now, service, table: &table, limits: &limits, views: &views };
        let mut draw = || {
            drawn = drawn.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645).wrapping_add(1);
            drawn
        };
        let mut reply = [0xa5; 1_452];
        let answer = world.answer(&arrival(), request, &mut draw, &mut work, &mut reply);
        for change in work.changes() {
            let guard = table.pin();
            let id = table.find(change.resource).expect("what is leased has a number");
            let held = table.seen(id, &guard).and_then(|seen| seen.binding());
            let last = work.changes().iter().rfind(|other| other.resource == change.resource);
            assert_eq!(held, last.map(|last| &last.binding));
            assert!(table.layout().covers(id), "{} is nobody's to give", change.resource);
        }
        let Ok(told) = answer else { return };
        let said = Datagram::parse(&reply[..told.len], OLD_HOP_COUNT_LIMIT);
        let said = said.expect("what was written is sound");
        let asked = Datagram::parse(request, OLD_HOP_COUNT_LIMIT).expect("it was answered");
        assert_eq!(said.message.transaction_id(), asked.message.transaction_id());
        assert_eq!(said.relays.count(), asked.relays.count());
        assert_eq!(said.message.client_id(), asked.message.client_id());
        assert!(matches!(said.message.kind(), MessageType::Advertise | MessageType::Reply));
        for ia in said.message.ias() {
            let times = ia.addresses().map(|it| (it.preferred(), it.valid()));
            let times = times.chain(ia.prefixes().map(|it| (it.preferred(), it.valid())));
            times.for_each(|(preferred, valid)| assert!(preferred <= valid));
            assert!(ia.t1() <= ia.t2());
        }
    };
    hear(request);
    hear(request);
    if request.first().is_some_and(|kind| *kind < 12) {
        let mut again = request.to_vec();
        for kind in 1..=11 {
            again[0] = kind;
            hear(&again);
        }
    }
}

fn arrival() -> Arrival {
    Arrival {
        interface: InterfaceIndex(0),
        source_ip: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        source_port: 546,
        destination_ip: ALL_RELAYS_AND_SERVERS,
    }
}
