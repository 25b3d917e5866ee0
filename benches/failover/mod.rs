//! What a partner costs, and what it is good for: two servers in one machine, each with half of its
//! processors or less.

mod attached;
mod duo;
mod pairs;
mod resynchronisation;
mod takeover;
mod updates;

pub(crate) use attached::measure as attached;
pub(crate) use pairs::measure as pairs;
pub(crate) use resynchronisation::measure as resynchronisation;
pub(crate) use takeover::measure as takeover;
pub(crate) use updates::measure as updates;
