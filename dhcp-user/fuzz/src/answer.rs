//! Any octets as a request to a whole server.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::LazyLock;

use dhcp_user::config::Config;
use dhcp_user::lease::{Layout, Limits, Table, Views, WriterId};
use dhcp_user::server::{Answer, Arrival, InterfaceAddress, InterfaceAddresses, InterfaceIndex};
use dhcp_user::server::{ProbeOutcome, Service, Workspace, World};
use dhcp_user::wire::Stamp;
use dhcp_user::wire::dhcpv4::{Message, MessageType, Scratch, Writer};
use dhcp_user::wire::option::code;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const BEGIN: Stamp = Stamp(1_000_000);

/// A little of everything.
const CONFIGURATION: &str = r#"
    rapid-commit = true
    bootp = true
    probe = "arp"
    [[interface]]
    name = "eth0"
    [[class]]
    name = "phones"
    match = { vendor-class = { begins = "phone" } }
    [[limit]]
    name = "per port"
    per = "circuit-id"
    leases = 2
    [[shared-network]]
    name = "metro"
    [[subnet4]]
    subnet = "10.0.0.0/24"
    shared-network = "metro"
    pools = ["10.0.0.10-10.0.0.12", { range = "10.0.0.20-10.0.0.22", allow = ["phones"] }]
    options = { routers = ["10.0.0.1"], domain-name-servers = ["10.0.0.53"] }
    [[subnet4]]
    subnet = "10.0.1.0/24"
    shared-network = "metro"
    pools = ["10.0.1.10-10.0.1.19"]
    [[subnet4]]
    subnet = "192.0.2.0/24"
    pools = ["192.0.2.10-192.0.2.19"]
    probe = "none"
    [[reservation4]]
    hw-address = "02:00:00:00:00:01"
    address = "10.0.0.9"
    host-name = "nine"
"#;

struct Server {
    service: &'static Service,
    table: Table,
    limits: Limits,
    views: Views,
    work: Workspace,
    now: Stamp,
}

static COMPILED: LazyLock<(Service, Layout)> = LazyLock::new(|| {
    let read = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let config = Config::parse(CONFIGURATION, Path::new("tandem.toml"), &read);
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let address = InterfaceAddress { address: SERVER, prefix_len: 24 };
    let interfaces = [InterfaceAddresses { addresses: vec![address], ..Default::default() }];
    (Service::new(&config, &interfaces), Layout::of(&config))
});

/// A reply is a sound message to whoever asked, within what the buffer holds; what was changed
/// stands in the table. The first octet says by which way the request comes. After an offer the
/// client takes it, and then says all of it again.
pub fn answer(octets: &[u8]) {
    let Some((way, request)) = octets.split_first() else { return };
    let arrival = match way % 3 {
        0 => arrival(Ipv4Addr::UNSPECIFIED, 68, Ipv4Addr::BROADCAST),
        1 => arrival(Ipv4Addr::new(10, 0, 0, 10), 68, SERVER),
        _ => arrival(Ipv4Addr::new(192, 0, 2, 1), 67, SERVER),
    };
    let (service, layout) = &*COMPILED;
    let mut server = Server {
        service,
        table: Table::new(layout.clone()),
        limits: Limits::new(),
        views: Views::default(),
        work: Workspace::new(WriterId::default()),
        now: BEGIN,
    };
    let offered = server.hear(&arrival, request);
    if let Some(taken) = offered.and_then(|address| taking(request, address)) {
        server.hear(&arrival, &taken);
        server.hear(&arrival, &taken);
    }
    server.hear(&arrival, request);
}

impl Server {
    /// Has a request answered, asking the wire as often as the server wants: the first address is in
    /// use, the second is not. Returns the address offered, if one is.
    fn hear(&mut self, arrival: &Arrival, request: &[u8]) -> Option<Ipv4Addr> {
        self.now = Stamp(self.now.0 + 1);
        let mut reply = [0xa5; 1_472];
        let Self { service, table, limits, views, work, now } = self;
        let world = World { now: *now, service: *service, table, limits, views };
        let mut answer = world.answer(arrival, request, work, &mut reply);
        check_changes(table, work);
        let mut outcomes = [ProbeOutcome::InUse, ProbeOutcome::Free].into_iter();
        while let Answer::Probe(probe) = answer {
            let outcome = outcomes.next()?;
            answer = world.probed((&probe, outcome), arrival, request, work, &mut reply);
            check_changes(table, work);
        }
        let Answer::Reply(told) = answer else { return None };
        let (mut asked, mut said) = (Scratch::new(), Scratch::new());
        let asked = Message::parse(request, &mut asked).expect("what was answered is sound");
        let said = Message::parse(&reply[..told.len], &mut said).expect("a reply is sound");
        assert_eq!((said.xid(), said.hardware()), (asked.xid(), asked.hardware()));
        assert_eq!(said.giaddr(), asked.giaddr());
        let offer = said.message_type() == Some(MessageType::Offer);
        offer.then(|| said.yiaddr())
    }
}

fn check_changes(table: &Table, work: &Workspace) {
    let guard = table.pin();
    for change in work.changes() {
        let address = change.resource.ipv4().expect("it was asked by DHCPv4");
        assert!(table.layout().covers(address), "{address} is nobody's to give");
        let held = table.seen(address, &guard).and_then(|seen| seen.binding());
        let last = work.changes().iter().rfind(|other| other.resource == change.resource);
        let last = last.map(|change| &change.binding);
        assert_eq!(held, last, "what is journalled is what holds");
    }
}

fn arrival(source_ip: Ipv4Addr, source_port: u16, destination_ip: Ipv4Addr) -> Arrival {
    Arrival { interface: InterfaceIndex(0), source_ip, source_port, destination_ip }
}

/// The same client's REQUEST for what it was offered.
fn taking(discover: &[u8], address: Ipv4Addr) -> Option<Vec<u8>> {
    let mut scratch = Scratch::new();
    let discover = Message::parse(discover, &mut scratch).ok()?;
    let mut octets = vec![0; 1_472];
    let mut writer = Writer::request(&mut octets, discover.xid(), &discover.hardware());
    writer.limit(1_500).giaddr(discover.giaddr());
    writer.push(code::MESSAGE_TYPE, &[MessageType::Request as u8]).ok()?;
    writer.push(code::REQUESTED_ADDRESS, &address.octets()).ok()?;
    if let Some(identifier) = discover.option(code::CLIENT_IDENTIFIER) {
        writer.push(code::CLIENT_IDENTIFIER, identifier).ok()?;
    }
    let len = writer.finish();
    octets.truncate(len);
    Some(octets)
}
