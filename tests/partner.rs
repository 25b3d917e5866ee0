//! A partner that is not what it should be: what comes back on the connection, what log and status
//! say of it, and that clients are served all the while.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcp_user::wire::failover::{
    BindingStatus, Connect, ConnectAck, Message, Packet, Reject, Rejection, State, StateReport,
    TlsReply, TlsRequest, Update,
};
use dhcp_user::wire::{Seconds, Stamp};
use serde_json::Value;
use tandem_tests::lab::{
    self, Census, Host, Make, Namespace, Pair, Partner, Peer, Relationship, until,
};

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "lab";
/// Clients that are looked after.
const CLIENTS: u32 = 8;
const RECEIVE_TIMER: u32 = 3;
/// Of the server; another than a primary made by hand has.
const MCLT: u32 = 2;

/// One server, its partner's host, and clients.
struct Lab {
    pair: Pair,
    server: Peer,
    census: Census,
    _relay: Namespace,
}

impl Lab {
    /// A server alone, serving, on host A; it would hear its partner on B.
    fn new(name: &str, primary: Host) -> Self {
        let pair = Pair::new(name);
        let relationship = Relationship {
            name: NAME,
            primary,
            receive_timer_s: RECEIVE_TIMER,
            mclt_s: MCLT,
            ..Relationship::default()
        };
        let further = "startup = \"1s\"\nstart-alone = true\nreconnect = \"1s\"\n";
        let mut server = Peer::with(&pair, Host::A, Make::Tandem, &relationship, further);
        server.start(&pair);
        server.expect_state(&["partner-down"], PATIENCE);
        let relay = pair.site.host("relay", "10.77.0.9");
        let census = Census::new(&relay, [10, 77, 0, 9].into(), &[Host::A.address()]);
        let lab = Self { pair, server, census, _relay: relay };
        until("clients are served", PATIENCE, || lab.serves());
        lab
    }

    fn connect(&self) -> Partner {
        Partner::connect(self.pair.host(Host::B), Host::A.failover_address())
    }

    fn status(&self) -> Value {
        self.server.failover_status().expect("a status")
    }

    fn connections(&self, what: &str) -> u64 {
        self.status()["connections"][what].as_u64().expect("a count")
    }

    /// Whether every client gets an offer.
    fn serves(&self) -> bool {
        self.census.take(CLIENTS, 10).iter().all(|offers| !offers.is_empty())
    }

    fn must_serve(&self, when: &str) {
        assert!(self.serves(), "{when}: clients are not served\n{}", self.server.output());
    }

    /// Log and status give this as the reason of the last refusal.
    fn must_say(&self, by: &str, reason: Option<Reject>, words: &str) {
        let number = reason.map(|reason| u64::from(reason as u8));
        let is_said = |last: &Value| {
            last["by"] == by
                && last["reason"].as_u64() == number
                && last["what"].as_str().is_some_and(|what| what.contains(words))
        };
        let mut last = Value::Null;
        let end = std::time::Instant::now() + PATIENCE;
        while !is_said(&last) {
            assert!(std::time::Instant::now() < end, "no {words:?} ({reason:?}) in {last}");
            last = self.status()["last-refusal"].take();
        }
        let log = self.server.output();
        assert!(log.contains(words), "no {words:?} in the log:\n{log}");
    }

    /// The same of a connection that the server has ended with these messages.
    fn must_refuse(&self, partner: Partner, reason: Reject, words: &str) {
        let said = partner.rest();
        let rejection = match said.last() {
            Some(Message::Disconnect(Some(rejection))) => rejection,
            Some(Message::ConnectAck(ack)) => ack.rejection.as_ref().expect("a refusal"),
            _ => panic!("no refusal for {words:?}: {said:?}"),
        };
        assert_eq!(rejection.reason, reason, "{rejection:?}");
        self.must_say("us", Some(reason), words);
    }

    /// The server has closed without a word, for what it could not understand.
    fn must_close(&self, partner: Partner, words: &str) {
        let said = partner.rest();
        let is_refusal = |message: &Message| match message {
            Message::Disconnect(_) => true,
            Message::ConnectAck(ack) => ack.rejection.is_some(),
            _ => false,
        };
        assert!(!said.iter().any(is_refusal), "{said:?}");
        self.must_say("us", None, words);
    }

    /// The server's state, once it is one of these.
    fn must_be(&mut self, state: &str) {
        self.server.expect_state(&[state], PATIENCE);
    }
}

fn is_connect(packet: &Packet) -> Option<u32> {
    matches!(packet.message, Message::Connect(_)).then_some(packet.xid)
}

fn state(partner: &Partner, state: State) -> Message {
    Message::State(StateReport { state, is_startup: false, since: partner.now() })
}

fn is_normal(packet: &Packet) -> Option<()> {
    match &packet.message {
        Message::State(report) => (report.state == State::Normal).then_some(()),
        _ => None,
    }
}

/// The answer to the update with this xid.
fn answer(partner: &mut Partner, xid: u32) -> Option<Rejection> {
    partner.expect("BNDACK", |packet| match &packet.message {
        Message::BindingAck(answers) if packet.xid == xid => Some(answers[0].rejection.clone()),
        _ => None,
    })
}

/// Connects until the server hears it out: right after a link was lost it may not yet.
fn meet(lab: &Lab, greet: impl Fn(&mut Partner) -> bool) -> Partner {
    lab::until_some("a link", PATIENCE, || {
        let mut partner = lab.connect();
        greet(&mut partner).then_some(partner)
    })
}

fn lease(partner: &Partner, address: [u8; 4], client: u8) -> Update {
    let now = partner.now();
    Update {
        hardware: Some([1, 2, 0, 0, 0, 9, client].into()),
        expires: Some(now.after(Seconds(600))),
        potential: Some(now.after(Seconds(1_200))),
        starts: Some(now),
        cltt: Some(now),
        ..Update::new(address.into(), BindingStatus::Active)
    }
}

/// The options of a sound CONNECTACK.
const ACK: [(u16, &[u8]); 3] = [(22, NAME.as_bytes()), (20, &[1]), (26, &[0])];
/// The options of a sound CONNECT.
const CONNECT: [(u16, &[u8]); 5] =
    [(22, NAME.as_bytes()), (20, &[1]), (27, &[0]), (15, &[0, 0, 0, 3]), (11, &[0xf0; 32])];

/// Sound options, but for one that has other data, or is not there.
fn changed<'a>(
    sound: &[(u16, &'a [u8])],
    code: u16,
    data: Option<&'a [u8]>,
) -> Vec<(u16, &'a [u8])> {
    let change = |&(each, sound): &(u16, &'a [u8])| {
        if each == code { data.map(|data| (each, data)) } else { Some((each, sound)) }
    };
    sound.iter().filter_map(change).collect()
}

fn ack() -> ConnectAck {
    ConnectAck {
        relationship: Some(NAME.as_bytes().into()),
        max_unacked: Some(10),
        receive_timer: Some(Seconds(60)),
        vendor: Some(b"by hand".as_slice().into()),
        version: Some(1),
        tls: Some(TlsReply::None),
        rejection: None,
    }
}

/// As a secondary, on a connection whose CONNECT has not come.
fn answer_connect(partner: &mut Partner, ack: ConnectAck) {
    let xid = partner.expect("CONNECT", is_connect);
    partner.say(xid, Message::ConnectAck(Box::new(ack)));
}

/// A secondary that a primary is content with.
fn secondary(lab: &Lab) -> Partner {
    meet(lab, |partner| {
        let Some(xid) = partner.hear().as_ref().and_then(is_connect) else { return false };
        partner.say(xid, Message::ConnectAck(Box::new(ack())));
        true
    })
}

/// The same, both in NORMAL. What the other update says is taken.
fn in_normal(lab: &Lab) -> Partner {
    let mut partner = secondary(lab);
    let recovered = state(&partner, State::RecoverDone);
    partner.say(1, recovered);
    partner.expect("NORMAL", is_normal);
    let normal = state(&partner, State::Normal);
    partner.say(2, normal);
    partner
}

#[test]
fn a_primary_has_none_but_its_secondary() {
    if !lab::available("bad secondaries") {
        return;
    }
    let mut lab = Lab::new("bad-secondary", Host::A);
    let silent = lab.connect();

    // A stranger is closed before anything is said.
    let stranger = Partner::connect(lab.pair.host(Host::A), Host::A.failover_address());
    assert_eq!(stranger.rest(), []);
    until("a stranger is counted", PATIENCE, || lab.connections("strangers") == 1);
    assert!(lab.server.output().contains("no partner's, closed"));

    // Greetings (draft-12 §7.9.2).
    let greetings = [
        (22, Some(&b"other"[..]), Reject::InvalidPartner, "unknown relationship-name"),
        (22, None, Reject::InvalidPartner, "missing relationship-name"),
        (20, Some(&[2]), Reject::ProtocolVersion, "protocol version is not 1"),
        (26, Some(&[1]), Reject::TlsNotConfigured, "TLS is not configured"),
    ];
    for (code, data, reason, words) in greetings {
        let mut partner = lab.connect();
        let xid = partner.expect("CONNECT", is_connect);
        partner.say_options(6, xid, &changed(&ACK, code, data));
        lab.must_refuse(partner, reason, words);
    }
    for ahead in [7_200, -7_200] {
        let mut partner = lab.connect();
        partner.ahead = ahead;
        answer_connect(&mut partner, ack());
        lab.must_refuse(partner, Reject::TimeMismatch, "time offset too large");
    }
    let mut partner = lab.connect();
    partner.secret = Some(b"nobody asked for it");
    answer_connect(&mut partner, ack());
    lab.must_refuse(partner, Reject::DigestNotConfigured, "no secret is configured");
    let mut partner = lab.connect();
    partner.say(7, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::InvalidPartner, "this server is the primary too");
    let mut partner = lab.connect();
    let text = "MCLT 2 will not do".to_owned();
    let rejection = Some(Rejection { reason: Reject::InvalidMclt, text: text.clone() });
    answer_connect(&mut partner, ConnectAck { rejection, ..ack() });
    drop(partner.rest());
    lab.must_say("partner", Some(Reject::InvalidMclt), &text);

    // No messages at all.
    let octets: [(&[u8], &str); 5] = [
        (&[8, 1, 6, 12], "2049 octets"),
        (&[0, 11, 6, 12], "11 octets"),
        (&[0, 12, 77, 12, 0, 0, 0, 0, 0, 0, 0, 1], "message type 77"),
        (&[0, 12, 11, 200, 0, 0, 0, 0, 0, 0, 0, 1], "payload offset 200"),
        (&[0, 16, 6, 12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 22, 0, 200], "option 22 runs past"),
    ];
    for (octets, words) in octets {
        let mut partner = lab.connect();
        partner.write(octets);
        lab.must_close(partner, words);
    }
    assert!(lab.connections("malformed") >= 5);
    lab.must_serve("after bad greetings");
    assert_eq!(lab.server.state(), "partner-down", "nobody was taken for the partner");

    bad_on_the_link(&mut lab);

    // Who says nothing is told who we are, and closed when another is the partner.
    let said = silent.rest();
    assert!(matches!(said[..], [Message::Connect(_)]), "{said:?}");
    lab.must_serve("at the end");
}

/// What a secondary may do wrong once it is the partner.
fn bad_on_the_link(lab: &mut Lab) {
    // What is not known is no fault: a message of a type from 128 up, and options. What comes before
    // its time is not heard.
    let mut partner = lab.connect();
    let early = lease(&partner, [10, 77, 4, 1], 1);
    partner.say(3, Message::BindingUpdate(vec![early.clone()]));
    partner.say_options(200, 4, &[(1, b"any")]);
    let xid = partner.expect("CONNECT", is_connect);
    partner.say_options(6, xid, &[(22, NAME.as_bytes()), (30, b"?"), (250, b"??"), (20, &[1])]);
    partner.say(5, Message::BindingUpdate(vec![early]));
    let recovered = state(&partner, State::RecoverDone);
    partner.say(6, recovered);
    partner.expect("NORMAL, and no BNDACK before", |packet| {
        assert!(!matches!(packet.message, Message::BindingAck(_)), "{packet:?}");
        is_normal(packet)
    });
    let normal = state(&partner, State::Normal);
    partner.say(7, normal);
    lab.must_be("normal");

    // Answers to nothing change nothing, and a second connection neither.
    partner.say(901, Message::UpdateDone);
    partner.say(902, Message::PoolResponse { transferred: 7 });
    partner.say_options(4, 903, &[(2, &[10, 77, 4, 1])]);
    assert_eq!(lab.connect().rest(), []);
    until("a duplicate is counted", PATIENCE, || lab.connections("duplicates") >= 1);

    // Updates (draft-12 §7.1.3).
    let mut xid = 1_000;
    let mut tell = |partner: &mut Partner, update: Update| {
        xid += 1;
        partner.say(xid, Message::BindingUpdate(vec![update]));
        answer(partner, xid).map(|rejection| rejection.reason)
    };
    let leased = lease(&partner, [10, 77, 4, 2], 1);
    assert_eq!(tell(&mut partner, leased.clone()), None);
    let earlier = Some(Stamp(leased.cltt.expect("a time").0 - 100));
    let refused = [
        (lease(&partner, [10, 99, 0, 1], 1), Reject::UnknownAddress, "not of this relationship"),
        (
            Update { hardware: None, ..lease(&partner, [10, 77, 4, 3], 1) },
            Reject::MissingInformation,
            "10.77.4.3",
        ),
        (lease(&partner, [10, 77, 4, 2], 2), Reject::InUse, "in use by another client"),
        (
            Update {
                status: BindingStatus::Released,
                cltt: earlier,
                expires: earlier,
                ..leased.clone()
            },
            Reject::Outdated,
            "heard here since",
        ),
        (
            Update { status: BindingStatus::Expired, ..leased.clone() },
            Reject::Outdated,
            "is not over",
        ),
        (Update::new([10, 77, 4, 2].into(), BindingStatus::Free), Reject::Outdated, "is not over"),
    ];
    for (update, reason, words) in &refused {
        assert_eq!(tell(&mut partner, update.clone()), Some(*reason), "{update:?}");
        lab.must_say("us", Some(*reason), words);
    }
    let held =
        lab.server.leases().into_iter().find(|it| it.address == Ipv4Addr::from([10, 77, 4, 2]));
    assert_eq!(held.expect("it is listed").hardware, "02:00:00:00:09:01");
    let is_counted = || lab.status()["rejected"].as_u64() == Some(refused.len() as u64);
    until("all are counted", PATIENCE, is_counted);
    lab.must_serve("in normal");

    // A clock that is set while the link is up is noticed, and the link goes on.
    partner.ahead = 7_200;
    partner.say(1_100, Message::Contact);
    until("the clock is noticed", PATIENCE, || lab.status()["skew-s"].as_i64() > Some(7_000));
    assert!(lab.server.output().contains("the partner's clock is off"));
    lab.must_be("normal");

    // A greeting again.
    partner.ahead = 0;
    partner.say(1_101, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DuplicateConnection, "a greeting on a link that is up");
    lab.must_be("communications-interrupted");
    lab.must_serve("after a greeting on the link");

    // Messages that are none.
    type Say = fn(&mut Partner);
    let broken: [(Say, &str); 4] = [
        (
            |it| it.say_options(3, 1, &[(2, &[10, 77, 4, 1]), (3, &[9])]),
            "binding-status cannot be 9",
        ),
        (
            |it| it.say_options(10, 1, &[(24, &[99]), (23, &[0]), (25, &[0; 4])]),
            "server-state cannot be 99",
        ),
        (|it| it.say_options(10, 1, &[(24, &[2]), (24, &[2])]), "server-state comes twice"),
        (|it| it.write(&[8, 1]), "2049 octets"),
    ];
    for (say, words) in broken {
        let mut partner = in_normal(lab);
        say(&mut partner);
        lab.must_close(partner, words);
        lab.must_be("communications-interrupted");
    }

    // A word at parting, and none at all.
    let mut partner = in_normal(lab);
    let text = "tired of it".to_owned();
    let why = Rejection { reason: Reject::NoTraffic, text: text.clone() };
    partner.say(3, Message::Disconnect(Some(why)));
    drop(partner.rest());
    lab.must_say("partner", Some(Reject::NoTraffic), &text);
    lab.must_be("communications-interrupted");
    let partner = in_normal(lab);
    lab.must_refuse(partner, Reject::NoTraffic, "nothing was heard");
    lab.must_be("communications-interrupted");
    lab.must_serve("after the partner fell silent");

    // One that has the server answer and does not listen.
    let mut partner = in_normal(lab);
    lab.must_be("normal");
    let mut update = vec![0, 25, 3, 12];
    update.extend(partner.now().0.to_be_bytes());
    update.extend([0, 0, 9, 9, 0, 2, 0, 4, 10, 99, 0, 1, 0, 3, 0, 1, 7]);
    std::thread::scope(|scope| {
        scope.spawn(|| partner.pour(&update.repeat(500), Duration::from_secs(10)));
        lab.must_serve("while the partner pours");
        until("it is given up", PATIENCE, || lab.server.state() == "communications-interrupted");
    });
    let what = || lab.status()["last-refusal"]["what"].take();
    until("why it is given up", PATIENCE, || {
        let words = ["does not read", "stopped reading"];
        what().as_str().is_some_and(|what| words.iter().any(|it| what.contains(it)))
    });
}

fn connect() -> Connect {
    Connect {
        relationship: Some(NAME.as_bytes().into()),
        max_unacked: Some(10),
        receive_timer: Some(Seconds(60)),
        vendor: Some(b"by hand".as_slice().into()),
        version: Some(1),
        tls: Some(TlsRequest::None),
        mclt: Some(Seconds(MCLT + 1)),
        buckets: Some([[0xff; 16], [0; 16]].concat().into()),
        delayed_service: None,
    }
}

/// draft-12 §7.8.2.
#[test]
fn a_secondary_has_none_but_its_primary() {
    if !lab::available("bad primaries") {
        return;
    }
    let mut lab = Lab::new("bad-primary", Host::B);
    let refused = [
        (20, Some(&[2][..]), Reject::ProtocolVersion, "protocol version is not 1"),
        (27, Some(&[2]), Reject::TlsNotConfigured, "TLS is not configured"),
        (22, None, Reject::InvalidPartner, "missing relationship-name"),
        (22, Some(b"lab\0"), Reject::InvalidPartner, "unknown relationship-name"),
        (22, Some(&[b'x'; 900]), Reject::InvalidPartner, "unknown relationship-name"),
        (15, None, Reject::InvalidMclt, "missing or zero MCLT"),
        (15, Some(&[0; 4]), Reject::InvalidMclt, "missing or zero MCLT"),
        (11, None, Reject::HashBuckets, "invalid HBA"),
        (11, Some(&[0; 33]), Reject::HashBuckets, "invalid HBA"),
    ];
    for (code, data, reason, words) in refused {
        let mut partner = lab.connect();
        partner.say_options(5, 5, &changed(&CONNECT, code, data));
        lab.must_refuse(partner, reason, words);
    }
    for ahead in [7_200, -7_200] {
        let mut partner = lab.connect();
        partner.ahead = ahead;
        partner.say(5, Message::Connect(Box::new(connect())));
        lab.must_refuse(partner, Reject::TimeMismatch, "time offset too large");
    }
    let mut partner = lab.connect();
    partner.secret = Some(b"nobody asked for it");
    partner.say(5, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DigestNotConfigured, "no secret is configured");
    assert_eq!(lab.server.state(), "partner-down", "nobody was taken for the partner");
    lab.must_serve("after bad greetings");

    // dhcpd would hear a STATE before the greeting; an answer to nothing is none either.
    let mut partner = lab.connect();
    let normal = state(&partner, State::Normal);
    partner.say(1, normal);
    partner.say(2, Message::ConnectAck(Box::new(ack())));
    // Another MCLT is the primary's to have.
    partner.say(5, Message::Connect(Box::new(connect())));
    let is_taken = |packet: &Packet| match &packet.message {
        Message::ConnectAck(ack) => Some((packet.xid, ack.rejection.clone())),
        _ => None,
    };
    assert_eq!(partner.expect("CONNECTACK", is_taken), (5, None));
    until("the primary's MCLT counts", PATIENCE, || {
        lab.status()["mclt-s"].as_u64() == Some(u64::from(MCLT + 1))
    });
    assert!(lab.server.output().contains("the primary's MCLT is another"));
    assert_eq!(lab.server.state(), "partner-down", "the STATE came too soon to count");
    let recovered = state(&partner, State::RecoverDone);
    partner.say(6, recovered);
    partner.expect("NORMAL", is_normal);
    let normal = state(&partner, State::Normal);
    partner.say(7, normal);
    lab.must_be("normal");

    // A batch makes some addresses its own; one of nobody's is refused beside them.
    let mut updates: Vec<Update> = (0..32)
        .map(|last| Update {
            starts: Some(partner.now()),
            ..Update::new([10, 77, 5, last].into(), BindingStatus::Backup)
        })
        .collect();
    updates.push(Update::new([10, 99, 0, 1].into(), BindingStatus::Backup));
    partner.say(8, Message::BindingUpdate(updates));
    let answers = partner.expect("BNDACK", |packet| match &packet.message {
        Message::BindingAck(answers) => Some(answers.clone()),
        _ => None,
    });
    assert_eq!(answers.len(), 33);
    let refused: Vec<_> = answers.iter().filter(|answer| answer.rejection.is_some()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    lab.must_say("us", Some(Reject::UnknownAddress), "10.99.0.1");
    lab.must_serve("in normal");

    // The second CONNECT comes on the link.
    partner.say(9, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DuplicateConnection, "a greeting on a link that is up");
    lab.must_be("communications-interrupted");
    lab.must_serve("after the link is lost");
}
