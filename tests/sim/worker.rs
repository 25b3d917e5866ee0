//! A worker's turn: one request, in whichever protocol.

use dhcp_user::server::{Answer, Workspace, Worlds};

use super::packet::{Arrival, Request};
use super::random::Random;

/// What a worker makes of a request.
pub(super) enum Answered {
    Silent(&'static str),
    Done,
    /// So many octets, and whether they rest on more than what this request changed.
    Reply {
        len: usize,
        confirms: bool,
    },
}

pub(super) fn answer(
    worlds: Worlds<'_>,
    request: &Request,
    chance: &mut Random,
    work: &mut Workspace,
    buffer: &mut [u8],
) -> Answered {
    match &request.arrival {
        Arrival::V4(arrival) => match worlds.ipv4.answer(arrival, &request.octets, work, buffer) {
            Answer::Drop(reason) => Answered::Silent(reason.name()),
            Answer::Done => Answered::Done,
            Answer::Probe(_) => Answered::Silent("probe"),
            Answer::Reply(told) => Answered::Reply { len: told.len, confirms: told.confirms },
        },
        Arrival::V6(arrival) => {
            let Some(world) = worlds.ipv6 else { return Answered::Silent("not served") };
            let mut draw = || u128::from(chance.next()) << 64 | u128::from(chance.next());
            match world.answer(arrival, &request.octets, &mut draw, work, buffer) {
                Ok(told) => Answered::Reply { len: told.len, confirms: false },
                Err(reason) => Answered::Silent(reason.name()),
            }
        }
    }
}
