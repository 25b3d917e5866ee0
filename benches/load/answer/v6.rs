//! The fields of an answer of DHCPv6 that are looked at (RFC 8415 §8, §9), behind plain headers.

use std::net::{IpAddr, Ipv6Addr};

use dhcp_user::wire::option::v6::code;

use super::{Answer, Kind, Times, word};
use crate::load::pool::Block;
use crate::load::template::HEADERS_LEN_V6 as HEADERS_LEN;
use crate::state::v6::{IAID, duid, link_local};

const ADVERTISE: u8 = 2;
const REPLY: u8 = 7;
const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

const UDP: u8 = 17;
/// See RFC 8415 §9, §8, §21.4, §21.6 and §21.22.
const RELAY_HEADER_LEN: usize = 34;
const HEADER_LEN: usize = 4;
const IA_HEAD_LEN: usize = 12;
const ADDRESS_LEN: usize = 24;
const PREFIX_LEN: usize = 25;

/// What tells whose an answer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose<'a> {
    duid: &'a [u8],
    /// Of the relay's message, where it came through one.
    relay: Option<Relay<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Relay<'a> {
    peer: &'a [u8],
    interface_id: &'a [u8],
}

impl Whose<'_> {
    pub(super) fn is(&self, client: u32) -> bool {
        let is_its = |relay: Relay<'_>| {
            relay.interface_id == client.to_be_bytes() && relay.peer == link_local(client).octets()
        };
        self.duid == duid(client) && self.relay.is_none_or(is_its)
    }

    pub(super) fn is_relayed(&self) -> bool {
        self.relay.is_some()
    }
}

/// `None` for what is no DHCP message over untagged IPv6.
pub(super) fn read(frame: &[u8]) -> Option<Answer<'_>> {
    let mut message = frame.get(HEADERS_LEN..)?;
    if frame[12..14] != [0x86, 0xdd] || frame[20] != UDP {
        return None;
    }
    let mut relay = None;
    if let [RELAY_FORWARD | RELAY_REPLY, ..] = message {
        let (mut carried, mut interface_id) = (&[][..], &[][..]);
        for (code, data) in Options(message.get(RELAY_HEADER_LEN..)?) {
            match code {
                code::INTERFACE_ID => interface_id = data,
                code::RELAY_MESSAGE => carried = data,
                _ => {}
            }
        }
        relay = Some(Relay { peer: &message[18..RELAY_HEADER_LEN], interface_id });
        message = carried;
    }
    let (&[kind, a, b, c], options) = message.split_first_chunk::<HEADER_LEN>()?;
    let (mut client, mut server, mut status) = (&[][..], &[][..], 0);
    let mut ias = [None, None];
    for (code, data) in Options(options) {
        match code {
            code::CLIENT_ID => client = data,
            code::SERVER_ID => server = data,
            code::STATUS_CODE => status = status_of(data)?,
            code::IA_NA if word(data)? == IAID => ias[0] = Some(Ia::read(data)?),
            code::IA_PD if word(data)? == IAID => ias[1] = Some(Ia::read(data)?),
            _ => {}
        }
    }
    let is_well = status == 0 && ias.iter().flatten().all(|ia: &Ia| ia.status == 0);
    let given = ias.map(|ia| ia?.lease);
    let has_some = given.iter().any(Option::is_some);
    Some(Answer {
        kind: match kind {
            ADVERTISE if is_well && has_some => Kind::Offer,
            ADVERTISE => Kind::NoOffer,
            REPLY if is_well && has_some => Kind::Grant,
            REPLY if is_well => Kind::Done,
            REPLY => Kind::Refusal,
            1..12 => Kind::Reflection,
            _ => Kind::Other,
        },
        xid: u32::from_be_bytes([0, a, b, c]),
        given: given.map(|lease| Some(lease?.0)),
        server,
        times: given.map(|lease| Some(lease?.1)),
        whose: super::Whose::V6(Whose { duid: client, relay }),
    })
}

/// An association, and its first address or prefix that is still valid.
#[derive(Clone, Copy, Default)]
struct Ia {
    lease: Option<(Block, Times)>,
    status: u16,
}

impl Ia {
    fn read(data: &[u8]) -> Option<Self> {
        let (head, options) = data.split_at_checked(IA_HEAD_LEN)?;
        let mut this = Self::default();
        let (t1, t2) = (word(&head[4..])?, word(&head[8..])?);
        for (code, data) in Options(options) {
            match code {
                code::STATUS_CODE => this.status = status_of(data)?,
                code::IA_ADDRESS | code::IA_PREFIX if this.lease.is_none() => {
                    let (first, len, times) = if code == code::IA_ADDRESS {
                        let (first, times) = data.get(..ADDRESS_LEN)?.split_at(16);
                        (first, 128, times)
                    } else {
                        let (times, prefix) = data.get(..PREFIX_LEN)?.split_at(8);
                        (&prefix[1..], prefix[0], times)
                    };
                    let (preferred, lease) = (word(times)?, word(&times[4..])?);
                    let first = IpAddr::V6(Ipv6Addr::from_octets(*first.first_chunk()?));
                    // One that is valid no more is taken away.
                    if lease > 0 {
                        let times = Times { lease, preferred, t1, t2 };
                        this.lease = Some((Block { first, len }, times));
                    }
                }
                _ => {}
            }
        }
        Some(this)
    }
}

fn status_of(data: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*data.first_chunk()?))
}

/// Options as they stand, each with its data (RFC 8415 §21.1).
#[derive(Clone, Copy, Debug)]
pub(in crate::load) struct Options<'a>(pub(in crate::load) &'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d], rest) = self.0.split_first_chunk::<4>()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
        self.0 = rest;
        Some((u16::from_be_bytes([a, b]), data))
    }
}

#[cfg(test)]
mod tests {
    use dhcp_user::wire::Seconds;
    use dhcp_user::wire::dhcpv6::{Datagram, HOP_COUNT_LIMIT, IaKind, Iaid, MessageType};
    use dhcp_user::wire::dhcpv6::{StatusCode, Writer};
    use dhcp_user::wire::frame::Frame;

    use super::*;
    use crate::load::plan::Access;
    use crate::load::template::{Stage, Template};
    use crate::rig::target;
    use crate::state::Protocol;
    use crate::state::v6::{DUID, address, prefix};

    /// Who asks.
    const CLIENT: u32 = 77_777;
    const TIMES: [u32; 4] = [3_600, 5_760, 4_500, 7_200];

    /// What came of an answer of this kind, with both associations, to the client behind a relay, or on
    /// the link.
    fn answered(
        access: Access,
        kind: MessageType,
        [t1, t2, preferred, valid]: [u32; 4],
        status: Option<StatusCode>,
    ) -> (Kind, bool, bool, bool) {
        let template = Template::new(Stage::Discover, access, target(Protocol::Dhcpv6));
        let mut request = [0; 1514];
        let len = template.fill(&mut request, template.fields(CLIENT));
        let request = Frame::parse_v6(&request[..len]).unwrap();
        let request = Datagram::parse(request.payload, HOP_COUNT_LIMIT).unwrap();
        let mut frame = vec![0; 1514];
        frame[12..21].copy_from_slice(&[0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, UDP]);
        let mut writer =
            Writer::reply(&mut frame[HEADERS_LEN..], &request.relays, kind, 9).unwrap();
        let options = writer.options();
        options.push(code::CLIENT_ID, &duid(CLIENT)).unwrap();
        options.push(code::SERVER_ID, &DUID).unwrap();
        let (times, lifetimes) = ([t1, t2].map(Seconds), [preferred, valid].map(Seconds));
        for kind in [IaKind::Addresses, IaKind::Prefixes] {
            let association = options.ia(kind, Iaid(IAID), times, |inside| match (status, kind) {
                (Some(status), _) => inside.status(status, "why"),
                (None, IaKind::Addresses) => inside.address(address(3), lifetimes, |_| Ok(())),
                (None, IaKind::Prefixes) => inside.prefix(prefix(3), lifetimes, |_| Ok(())),
            });
            association.unwrap();
        }
        let len = HEADERS_LEN + writer.finish();
        let answer = read(&frame[..len]).unwrap();
        assert_eq!((answer.xid, answer.server), (9, &DUID[..]));
        assert_eq!(answer.is_relayed(), access != Access::Direct);
        if matches!(answer.kind, Kind::Offer | Kind::Grant) {
            let prefix = Block { first: prefix(3).address().into(), len: prefix(3).len() };
            assert_eq!(answer.given, [Some(IpAddr::V6(address(3)).into()), Some(prefix)]);
        }
        (answer.kind, answer.is_for(CLIENT), answer.is_for(CLIENT + 1), answer.has_sane_times())
    }

    #[test]
    fn an_answer_is_read_with_and_without_a_relay_around_it() {
        for access in [Access::Direct, Access::Relays(3)] {
            let offer = answered(access, MessageType::Advertise, TIMES, None);
            assert_eq!(offer, (Kind::Offer, true, false, true));
            let grant = answered(access, MessageType::Reply, TIMES, None);
            assert_eq!(grant, (Kind::Grant, true, false, true));
            let full = Some(StatusCode::NO_ADDRS_AVAIL);
            assert_eq!(answered(access, MessageType::Advertise, TIMES, full).0, Kind::NoOffer);
            assert_eq!(answered(access, MessageType::Reply, TIMES, full).0, Kind::Refusal);
        }
    }

    #[test]
    fn lifetimes_that_do_not_fit_each_other_are_not_sane() {
        let is_sane = |times| answered(Access::Direct, MessageType::Reply, times, None).3;
        assert!(is_sane(TIMES));
        assert!(!is_sane([3_600, 3_000, 4_500, 7_200]));
        assert!(!is_sane([3_600, 5_760, 7_201, 7_200]));
        assert!(!is_sane([3_600, 5_760, 0, 7_200]));
        assert!(!is_sane([0, 0, 1, 30]));
    }

    #[test]
    fn what_is_valid_no_more_is_no_address() {
        let taken = answered(Access::Direct, MessageType::Reply, [0; 4], None);
        assert_eq!(taken.0, Kind::Done);
    }

    #[test]
    fn the_clients_own_frame_is_a_reflection() {
        for access in [Access::Direct, Access::Relays(3)] {
            let template = Template::new(Stage::Discover, access, target(Protocol::Dhcpv6));
            let mut frame = [0; 1514];
            let len = template.fill(&mut frame, template.fields(CLIENT));
            let answer = read(&frame[..len]).unwrap();
            assert_eq!((answer.kind, answer.xid), (Kind::Reflection, CLIENT));
            assert!(answer.is_for(CLIENT));
        }
    }

    #[test]
    fn octets_cut_short_are_no_answer_and_no_panic() {
        let template = Template::new(Stage::Request, Access::Relays(1), target(Protocol::Dhcpv6));
        let mut frame = [0; 1514];
        let len = template.fill(&mut frame, template.fields(CLIENT));
        assert!((0..len).all(|cut| read(&frame[..cut]).is_none_or(|it| !it.is_for(CLIENT + 1))));
        assert!(read(&frame[..HEADERS_LEN]).is_none());
    }
}
