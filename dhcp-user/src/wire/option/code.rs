//! Numbers of DHCPv4 options that the server itself looks at or sends.

/// Fills up space; has no length (RFC 2132 §3.1).
pub const PAD: u8 = 0;
/// Subnet mask (RFC 2132 §3.3).
pub const SUBNET_MASK: u8 = 1;
/// Routers (RFC 2132 §3.5).
pub const ROUTERS: u8 = 3;
/// Domain name servers (RFC 2132 §3.8).
pub const DOMAIN_NAME_SERVERS: u8 = 6;
/// Host name (RFC 2132 §3.14).
pub const HOST_NAME: u8 = 12;
/// Domain name (RFC 2132 §3.17).
pub const DOMAIN_NAME: u8 = 15;
/// Broadcast address (RFC 2132 §5.3).
pub const BROADCAST_ADDRESS: u8 = 28;
/// Static routes (RFC 2132 §5.8).
pub const STATIC_ROUTES: u8 = 33;
/// Vendor-specific information (RFC 2132 §8.4).
pub const VENDOR_SPECIFIC: u8 = 43;
/// Requested IP address (RFC 2132 §9.1).
pub const REQUESTED_ADDRESS: u8 = 50;
/// IP address lease time, in seconds (RFC 2132 §9.2).
pub const LEASE_TIME: u8 = 51;
/// Which of `file` and `sname` hold options (RFC 2132 §9.3).
pub const OPTION_OVERLOAD: u8 = 52;
/// DHCP message type (RFC 2132 §9.6).
pub const MESSAGE_TYPE: u8 = 53;
/// Server identifier (RFC 2132 §9.7).
pub const SERVER_IDENTIFIER: u8 = 54;
/// Codes that the client wants, the most wanted first (RFC 2132 §9.8).
pub const PARAMETER_REQUEST_LIST: u8 = 55;
/// Why a DHCPNAK or DHCPDECLINE was sent, for people (RFC 2132 §9.9).
pub const MESSAGE: u8 = 56;
/// The longest datagram that the client takes, in octets (RFC 2132 §9.10).
pub const MAX_MESSAGE_SIZE: u8 = 57;
/// T1, in seconds (RFC 2132 §9.11).
pub const RENEWAL_TIME: u8 = 58;
/// T2, in seconds (RFC 2132 §9.12).
pub const REBINDING_TIME: u8 = 59;
/// Vendor class identifier (RFC 2132 §9.13).
pub const VENDOR_CLASS: u8 = 60;
/// Client identifier (RFC 2132 §9.14, RFC 4361).
pub const CLIENT_IDENTIFIER: u8 = 61;
/// TFTP server name, in place of `sname` (RFC 2132 §9.4).
pub const TFTP_SERVER_NAME: u8 = 66;
/// Boot file name, in place of `file` (RFC 2132 §9.5).
pub const BOOTFILE_NAME: u8 = 67;
/// User class (RFC 3004).
pub const USER_CLASS: u8 = 77;
/// Rapid commit; has no data (RFC 4039).
pub const RAPID_COMMIT: u8 = 80;
/// Client FQDN (RFC 4702).
pub const CLIENT_FQDN: u8 = 81;
/// Relay agent information (RFC 3046).
pub const RELAY_AGENT_INFORMATION: u8 = 82;
/// IPv6-only preferred, in seconds (RFC 8925).
pub const IPV6_ONLY_PREFERRED: u8 = 108;
/// Captive portal's URI (RFC 8910).
pub const CAPTIVE_PORTAL: u8 = 114;
/// Whether to auto-configure a link-local address (RFC 2563).
pub const AUTO_CONFIGURE: u8 = 116;
/// The subnet to take an address from (RFC 3011).
pub const SUBNET_SELECTION: u8 = 118;
/// Domain search list (RFC 3397).
pub const DOMAIN_SEARCH: u8 = 119;
/// Classless static routes (RFC 3442).
pub const CLASSLESS_ROUTES: u8 = 121;
/// Ends the options of a field; has no length (RFC 2132 §3.2).
pub const END: u8 = 255;
