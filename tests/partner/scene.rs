//! A server whose partner is made by hand, and the clients that it serves meanwhile.

use std::time::{Duration, Instant};

use dhcp_user::wire::failover::{Message, Reject};
use serde_json::Value;
use tandem_tests::lab::{Census, Host, Make, Namespace, Pair, Partner, Peer, Relationship, until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const NAME: &str = "lab";
/// Clients that are looked after.
const CLIENTS: u32 = 8;
/// A partner by hand says nothing by itself, and is not to be given up while a busy machine looks after clients.
const RECEIVE_TIMER: u32 = 8;
/// Of the server; another than a primary made by hand has.
pub(crate) const MCLT: u32 = 2;

/// One server, its partner's host, and clients.
pub(crate) struct Lab {
    pub(crate) pair: Pair,
    pub(crate) server: Peer,
    census: Census,
    _relay: Namespace,
}

impl Lab {
    /// A server alone, serving, on host A; it would hear its partner on B.
    pub(crate) fn new(name: &str, primary: Host) -> Self {
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

    pub(crate) fn connect(&self) -> Partner {
        Partner::connect(self.pair.host(Host::B), Host::A.failover_address())
    }

    pub(crate) fn status(&self) -> Value {
        self.server.failover_status().expect("a status")
    }

    pub(crate) fn connections(&self, what: &str) -> u64 {
        self.status()["connections"][what].as_u64().expect("a count")
    }

    /// Whether every client gets an offer.
    fn serves(&self) -> bool {
        self.census.take(CLIENTS, 10, 1).iter().all(|offers| !offers.is_empty())
    }

    pub(crate) fn must_serve(&self, when: &str) {
        assert!(self.serves(), "{when}: clients are not served\n{}", self.server.output());
    }

    /// Log and status give this as the reason of the last refusal.
    pub(crate) fn must_say(&self, by: &str, reason: Option<Reject>, words: &str) {
        let number = reason.map(|reason| u64::from(reason as u8));
        let is_said = |last: &Value| {
            last["by"] == by
                && last["reason"].as_u64() == number
                && last["what"].as_str().is_some_and(|what| what.contains(words))
        };
        let mut last = Value::Null;
        let end = Instant::now() + PATIENCE;
        while !is_said(&last) {
            assert!(Instant::now() < end, "no {words:?} ({reason:?}) in {last}");
            last = self.status()["last-refusal"].take();
        }
        let log = self.server.output();
        assert!(log.contains(words), "no {words:?} in the log:\n{log}");
    }

    /// The same of a connection that the server has ended with these messages.
    pub(crate) fn must_refuse(&self, partner: Partner, reason: Reject, words: &str) {
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
    pub(crate) fn must_close(&self, partner: Partner, words: &str) {
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
    pub(crate) fn must_be(&mut self, state: &str) {
        self.server.expect_state(&[state], PATIENCE);
    }
}
