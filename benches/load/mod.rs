//! The load: clients by the million on one AF_XDP socket, each of which does what a DHCP client does
//! and holds the server to what it was told.
//!
//! - [`plan`], [`pace`]: what clients do, how they reach the server, when they come
//! - [`template`], [`answer`]: octets out and in, in a file for each protocol
//! - [`clients`], [`pool`]: who holds which address or prefix
//! - [`under_way`]: exchanges that wait for an answer
//! - [`run`], [`outcome`]: what answers are worth, and what came of it
//! - [`generator`]: the loop
//! - [`end`]: the socket
//! - [`flood`]: one client's frames beside all that, by the million

mod answer;
mod clients;
mod end;
mod flood;
mod generator;
mod outcome;
mod pace;
mod plan;
mod pool;
mod run;
mod template;
mod under_way;

pub(crate) use clients::Clients;
pub(crate) use end::{End, interface_index, pin};
pub(crate) use flood::flood;
pub(crate) use generator::Generator;
pub(crate) use outcome::{Outcome, rates};
pub(crate) use plan::{Access, Act, Arrival, Mix, Plan, Target};
pub(crate) use pool::Pool;
pub(crate) use template::{HEADERS_LEN_V4, HEADERS_LEN_V6, Stage, Template};
