//! Names of the program's maps, with what they hold.
//!
//! The sizes are what the object asks for; whoever loads it may set others (`map_max_entries`).

/// XSK map: [`socket_index`](crate::socket_index) to that worker's AF_XDP socket on that queue.
pub const SOCKETS: &str = "SOCKETS";
/// Array of one entry, index 0: [`Settings`](crate::Settings).
pub const SETTINGS: &str = "SETTINGS";
/// Hash: `[u8; 4]`, an IPv4 address in network order, to an unused `u8`. Requests to these addresses
/// are taken: the server's own and the broadcast addresses of its subnets. 255.255.255.255 is always
/// taken and need not stand here.
pub const LISTEN_V4: &str = "LISTEN_V4";
/// Hash: `[u8; 16]`, an IPv6 address, to an unused `u8`. ff02::1:2 and ff05::1:3 are always taken.
pub const LISTEN_V6: &str = "LISTEN_V6";
/// Per-CPU array: [`Verdict`](crate::Verdict) as index to a `u64` count of packets.
pub const VERDICTS: &str = "VERDICTS";
/// LRU hash: `u32` [`client_hash`](crate::client_hash) to [`Bucket`](crate::Bucket).
pub const CLIENT_BUCKETS: &str = "CLIENT_BUCKETS";
/// LRU hash: [`PortKey`](crate::PortKey) to [`Bucket`](crate::Bucket).
pub const PORT_BUCKETS: &str = "PORT_BUCKETS";

/// Sockets that the object has room for: queues × workers.
pub const SOCKETS_LEN: u32 = 1024;
/// Listen addresses that the object has room for, for each family.
pub const LISTEN_LEN: u32 = 1024;
/// Clients whose buckets are remembered; beyond it the least recently heard is forgotten.
pub const CLIENT_BUCKETS_LEN: u32 = 65_536;
/// Relays and ports whose buckets are remembered.
pub const PORT_BUCKETS_LEN: u32 = 8_192;
