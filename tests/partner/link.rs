//! What a secondary may do wrong once it is the partner.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use dhcp_user::wire::Stamp;
use dhcp_user::wire::failover::{BindingStatus, Message, Reject, Rejection, State, Update};
use tandem_tests::lab::{self, Host, Partner, until};

use super::scene::{Lab, NAME, PATIENCE};
use super::words::{answer, await_normal, connect, in_normal, is_connect, lease, state};

#[test]
fn whatever_the_secondary_does_on_the_link_clients_are_served() {
    if !lab::available("bad secondaries on the link") {
        return;
    }
    let mut lab = Lab::new("bad-on-the-link", Host::A);
    let mut partner = unknown_and_untimely(&mut lab);
    updates(&lab, &mut partner);
    clock_and_greeting(&mut lab, partner);
    no_messages(&mut lab);
    partings(&mut lab);
    deaf(&mut lab);
}

/// What is not known is no fault: a message of a type from 128 up, and options. What comes before its
/// time is not heard, and answers to nothing change nothing.
fn unknown_and_untimely(lab: &mut Lab) -> Partner {
    let mut partner = lab.connect();
    let early = lease(&partner, [10, 77, 4, 1], 1);
    partner.say(3, Message::BindingUpdate(vec![early.clone()]));
    partner.say_options(200, 4, &[(1, b"any")]);
    let xid = partner.expect("CONNECT", is_connect);
    partner.say_options(6, xid, &[(22, NAME.as_bytes()), (30, b"?"), (250, b"??"), (20, &[1])]);
    partner.say(5, Message::BindingUpdate(vec![early]));
    let recovered = state(&partner, State::RecoverDone);
    partner.say(6, recovered);
    await_normal(&mut partner);
    let normal = state(&partner, State::Normal);
    partner.say(7, normal);
    lab.must_be("normal");

    partner.say(901, Message::UpdateDone);
    partner.say(902, Message::PoolResponse { transferred: 7 });
    partner.say_options(4, 903, &[(2, &[10, 77, 4, 1])]);
    assert_eq!(lab.connect().rest(), []);
    until("a duplicate is counted", PATIENCE, || lab.connections("duplicates") >= 1);
    partner
}

/// draft-12 §7.1.3.
fn updates(lab: &Lab, partner: &mut Partner) {
    let mut xid = 1_000;
    let mut tell = |partner: &mut Partner, update: Update| {
        xid += 1;
        partner.say(xid, Message::BindingUpdate(vec![update]));
        answer(partner, xid).map(|rejection| rejection.reason)
    };
    let leased = lease(partner, [10, 77, 4, 2], 1);
    assert_eq!(tell(partner, leased.clone()), None);
    let earlier = Some(Stamp(leased.cltt.expect("a time").0 - 100));
    let refused = [
        (lease(partner, [10, 99, 0, 1], 1), Reject::UnknownAddress, "not of this relationship"),
        (
            Update { hardware: None, ..lease(partner, [10, 77, 4, 3], 1) },
            Reject::MissingInformation,
            "10.77.4.3",
        ),
        (lease(partner, [10, 77, 4, 2], 2), Reject::InUse, "in use by another client"),
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
        // Who believed the client gone was told of its lease again, and has not answered.
        (
            Update::new([10, 77, 4, 2].into(), BindingStatus::Free),
            Reject::LessCritical,
            "matters more",
        ),
    ];
    for (update, reason, words) in &refused {
        assert_eq!(tell(partner, update.clone()), Some(*reason), "{update:?}");
        lab.must_say("us", Some(*reason), words);
    }
    let held =
        lab.server.leases().into_iter().find(|it| it.address == Ipv4Addr::from([10, 77, 4, 2]));
    assert_eq!(held.expect("it is listed").hardware, "02:00:00:00:09:01");
    let is_counted = || lab.status()["rejected"].as_u64() == Some(refused.len() as u64);
    until("all are counted", PATIENCE, is_counted);
    lab.must_serve("in normal");
}

/// A clock that is set while the link is up is noticed, and the link goes on; a greeting ends it.
fn clock_and_greeting(lab: &mut Lab, mut partner: Partner) {
    partner.ahead = 7_200;
    partner.say(1_100, Message::Contact);
    until("the clock is noticed", PATIENCE, || lab.status()["skew-s"].as_i64() > Some(7_000));
    assert!(lab.server.output().contains("the partner's clock is off"));
    lab.must_be("normal");

    partner.ahead = 0;
    partner.say(1_101, Message::Connect(Box::new(connect())));
    lab.must_refuse(partner, Reject::DuplicateConnection, "a greeting on a link that is up");
    lab.must_be("communications-interrupted");
    lab.must_serve("after a greeting on the link");
}

/// What cannot be read.
fn no_messages(lab: &mut Lab) {
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
}

/// A word at parting, and none at all.
fn partings(lab: &mut Lab) {
    let mut partner = in_normal(lab);
    let text = "tired of it".to_owned();
    let why = Rejection { reason: Reject::NoTraffic, text: text.clone() };
    partner.say(3, Message::Disconnect(Some(why)));
    drop(partner.rest());
    lab.must_say("partner", Some(Reject::NoTraffic), &text);
    lab.must_be("communications-interrupted");
    let partner = in_normal(lab);
    let is_word = |message: &Message| matches!(message, Message::Disconnect(_));
    assert!(!partner.rest().iter().any(is_word), "who is silent would read it late");
    lab.must_say("us", Some(Reject::NoTraffic), "nothing was heard");
    lab.must_be("communications-interrupted");
    lab.must_serve("after the partner fell silent");
}

/// One that has the server answer and does not listen.
fn deaf(lab: &mut Lab) {
    let mut partner = in_normal(lab);
    lab.must_be("normal");
    let mut update = vec![0, 25, 3, 12];
    update.extend(partner.now().0.to_be_bytes());
    update.extend([0, 0, 9, 9, 0, 2, 0, 4, 10, 99, 0, 1, 0, 3, 0, 1, 7]);
    thread::scope(|scope| {
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
