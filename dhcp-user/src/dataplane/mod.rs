//! How packets come in and go out: the XDP program's AF_XDP rings, the kernel's packet sockets, and
//! the pinned workers between them and the server.
//!
//! [`start`] brings up every interface of the configuration in the best mode that works and one
//! worker for each core of [`cores`]; [`Running::stop`] takes all of it down and leaves nothing
//! attached. What a client is told is the server's affair, and the same in every mode.

mod affinity;
mod chance;
mod classic;
mod clock;
mod commit;
mod counters;
mod ethtool;
mod fast_path;
mod interface;
mod kernel_path;
mod latency;
mod losses;
mod mode;
mod packet;
mod packet_socket;
mod port;
mod probe;
mod program;
mod server_port;
mod sockopt;
mod start;
mod vlan_stripping;
mod wake;
mod worker;
pub mod xsk;
mod xsk_path;

pub use chance::Chance;
pub use clock::SteadyClock;
pub use counters::{Count, Counters};
pub use interface::{addresses, hardware};
pub use latency::{Latencies, Percentiles};
pub use losses::Losses;
pub use mode::{InterfaceMode, Mode, StartError, cores, keep_off_workers};
pub use server_port::ServerPort;
pub use start::{InterfaceVerdicts, Parts, Running, start};
