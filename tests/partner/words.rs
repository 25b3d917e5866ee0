//! What a sound partner says, whole and in parts: a test changes what it wants to be unsound.

use dhcp_user::wire::Seconds;
use dhcp_user::wire::failover::{
    Acknowledgement, BindingStatus, Connect, ConnectAck, Message, Packet, Rejection, State,
    StateReport, TlsReply, TlsRequest, Update,
};
use tandem_tests::lab::{Partner, until_some};

use super::scene::{Lab, MCLT, NAME, PATIENCE};

/// The options of a sound CONNECTACK.
pub(crate) const ACK: [(u16, &[u8]); 3] = [(22, NAME.as_bytes()), (20, &[1]), (26, &[0])];
/// The options of a sound CONNECT.
pub(crate) const CONNECT: [(u16, &[u8]); 5] =
    [(22, NAME.as_bytes()), (20, &[1]), (27, &[0]), (15, &[0, 0, 0, 3]), (11, &[0xf0; 32])];

/// Sound options, but for one that has other data, or is not there.
pub(crate) fn changed<'a>(
    sound: &[(u16, &'a [u8])],
    code: u16,
    data: Option<&'a [u8]>,
) -> Vec<(u16, &'a [u8])> {
    let change = |&(each, sound): &(u16, &'a [u8])| {
        if each == code { data.map(|data| (each, data)) } else { Some((each, sound)) }
    };
    sound.iter().filter_map(change).collect()
}

pub(crate) fn ack() -> ConnectAck {
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

pub(crate) fn connect() -> Connect {
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

pub(crate) fn state(partner: &Partner, state: State) -> Message {
    Message::State(StateReport { state, is_startup: false, since: partner.now() })
}

pub(crate) fn lease(partner: &Partner, address: [u8; 4], client: u8) -> Update {
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

pub(crate) fn is_connect(packet: &Packet) -> Option<u32> {
    matches!(packet.message, Message::Connect(_)).then_some(packet.xid)
}

fn is_normal(packet: &Packet) -> Option<()> {
    match &packet.message {
        Message::State(report) => (report.state == State::Normal).then_some(()),
        _ => None,
    }
}

/// NORMAL, to which a server comes once its secondary has answered all that it is told before. Nothing of
/// the secondary's own is answered until then. It is asked first for what it has done: nothing.
pub(crate) fn await_normal(partner: &mut Partner) {
    enum Said {
        Asked,
        Told(Vec<Update>),
        Normal,
    }
    loop {
        let (xid, said) = partner.expect("NORMAL, UPDREQ, or an update", |packet| {
            let said = match &packet.message {
                Message::UpdateRequest => Some(Said::Asked),
                Message::BindingUpdate(updates) => Some(Said::Told(updates.clone())),
                Message::BindingAck(_) => panic!("too soon: {packet:?}"),
                _ => is_normal(packet).map(|()| Said::Normal),
            };
            said.map(|said| (packet.xid, said))
        });
        let answer = match said {
            Said::Normal => return,
            Said::Asked => Message::UpdateDone,
            Said::Told(updates) => {
                let taken =
                    |update: Update| Acknowledgement { address: update.address, rejection: None };
                Message::BindingAck(updates.into_iter().map(taken).collect())
            }
        };
        partner.say(xid, answer);
    }
}

/// The answer to the update with this xid.
pub(crate) fn answer(partner: &mut Partner, xid: u32) -> Option<Rejection> {
    partner.expect("BNDACK", |packet| match &packet.message {
        Message::BindingAck(answers) if packet.xid == xid => Some(answers[0].rejection.clone()),
        _ => None,
    })
}

/// Connects until the server hears it out: right after a link was lost it may not yet.
pub(crate) fn meet(lab: &Lab, greet: impl Fn(&mut Partner) -> bool) -> Partner {
    until_some("a link", PATIENCE, || {
        let mut partner = lab.connect();
        greet(&mut partner).then_some(partner)
    })
}

/// As a secondary, on a connection whose CONNECT has not come.
pub(crate) fn answer_connect(partner: &mut Partner, ack: ConnectAck) {
    let xid = partner.expect("CONNECT", is_connect);
    partner.say(xid, Message::ConnectAck(Box::new(ack)));
}

/// A secondary that a primary is content with.
pub(crate) fn secondary(lab: &Lab) -> Partner {
    meet(lab, |partner| {
        let Some(xid) = partner.hear().as_ref().and_then(is_connect) else { return false };
        partner.say(xid, Message::ConnectAck(Box::new(ack())));
        true
    })
}

/// The same, both in NORMAL. What the other update says is taken.
pub(crate) fn in_normal(lab: &Lab) -> Partner {
    let mut partner = secondary(lab);
    let recovered = state(&partner, State::RecoverDone);
    partner.say(1, recovered);
    await_normal(&mut partner);
    let normal = state(&partner, State::Normal);
    partner.say(2, normal);
    partner
}
