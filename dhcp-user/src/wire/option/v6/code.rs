//! Numbers of DHCPv6 options that the server itself looks at or sends.

/// Client identifier: a DUID (RFC 8415 §21.2).
pub const CLIENT_ID: u16 = 1;
/// Server identifier: a DUID (RFC 8415 §21.3).
pub const SERVER_ID: u16 = 2;
/// Identity association for non-temporary addresses (RFC 8415 §21.4).
pub const IA_NA: u16 = 3;
/// Identity association for temporary addresses; RFC 9915 has it no more (RFC 8415 §21.5).
pub const IA_TA: u16 = 4;
/// An address in an identity association (RFC 8415 §21.6).
pub const IA_ADDRESS: u16 = 5;
/// Codes that the client wants (RFC 8415 §21.7).
pub const OPTION_REQUEST: u16 = 6;
/// How much this server is to be preferred (RFC 8415 §21.8).
pub const PREFERENCE: u16 = 7;
/// For how long the client has tried, in hundredths of a second (RFC 8415 §21.9).
pub const ELAPSED_TIME: u16 = 8;
/// What a relay passes on, whole (RFC 8415 §21.10).
pub const RELAY_MESSAGE: u16 = 9;
/// Authentication (RFC 8415 §21.11).
pub const AUTHENTICATION: u16 = 11;
/// An address that a client may send to; RFC 9915 has it no more (RFC 8415 §21.12).
pub const SERVER_UNICAST: u16 = 12;
/// How it went (RFC 8415 §21.13).
pub const STATUS_CODE: u16 = 13;
/// Rapid commit; has no data (RFC 8415 §21.14).
pub const RAPID_COMMIT: u16 = 14;
/// User class (RFC 8415 §21.15).
pub const USER_CLASS: u16 = 15;
/// Vendor class (RFC 8415 §21.16).
pub const VENDOR_CLASS: u16 = 16;
/// Vendor-specific information (RFC 8415 §21.17).
pub const VENDOR_OPTIONS: u16 = 17;
/// The interface that a relay heard the client on (RFC 8415 §21.18).
pub const INTERFACE_ID: u16 = 18;
/// What a Reconfigure asks for (RFC 8415 §21.19).
pub const RECONFIGURE_MESSAGE: u16 = 19;
/// The client takes Reconfigures; has no data (RFC 8415 §21.20).
pub const RECONFIGURE_ACCEPT: u16 = 20;
/// Recursive name servers (RFC 3646 §3).
pub const DNS_SERVERS: u16 = 23;
/// Domain search list (RFC 3646 §4).
pub const DOMAIN_SEARCH: u16 = 24;
/// Identity association for prefix delegation (RFC 8415 §21.21).
pub const IA_PD: u16 = 25;
/// A prefix in an identity association (RFC 8415 §21.22).
pub const IA_PREFIX: u16 = 26;
/// SNTP servers (RFC 4075).
pub const SNTP_SERVERS: u16 = 31;
/// When to ask for all this again, in seconds (RFC 8415 §21.23).
pub const INFORMATION_REFRESH_TIME: u16 = 32;
/// The modem or line at the far end of a circuit (RFC 4649).
pub const REMOTE_ID: u16 = 37;
/// Subscriber-ID (RFC 4580).
pub const SUBSCRIBER_ID: u16 = 38;
/// Client FQDN (RFC 4704).
pub const CLIENT_FQDN: u16 = 39;
/// Options that a relay wants back (RFC 4994).
pub const ECHO_REQUEST: u16 = 43;
/// What a leasequery is about (RFC 5007 §4.1.2.1).
pub const LQ_QUERY: u16 = 44;
/// What is known of one client (RFC 5007 §4.1.2.2).
pub const CLIENT_DATA: u16 = 45;
/// How long ago the client was heard, in seconds (RFC 5007 §4.1.2.3).
pub const CLT_TIME: u16 = 46;
/// How the client's last message was relayed (RFC 5007 §4.1.2.4).
pub const LQ_RELAY_DATA: u16 = 47;
/// Links on which a client has bindings (RFC 5007 §4.1.2.5).
pub const LQ_CLIENT_LINK: u16 = 48;
/// A relay's DUID (RFC 5460 §5.4.1).
pub const RELAY_ID: u16 = 53;
/// NTP servers (RFC 5908).
pub const NTP_SERVERS: u16 = 56;
/// Boot file URL (RFC 5970 §3.1).
pub const BOOTFILE_URL: u16 = 59;
/// Where an access network authenticates again (RFC 6440 §4).
pub const ERP_LOCAL_DOMAIN: u16 = 65;
/// What a relay knows that the client may be told (RFC 6422).
pub const RELAY_SUPPLIED_OPTIONS: u16 = 66;
/// The part of a delegated prefix that stays with the delegating router (RFC 6603).
pub const PREFIX_EXCLUDE: u16 = 67;
/// Virtual subnet selection (RFC 6607).
pub const VIRTUAL_SUBNET: u16 = 68;
/// The client's link-layer address, as its relay saw it (RFC 6939).
pub const CLIENT_LINK_LAYER: u16 = 79;
/// The longest pause between Solicits, in seconds (RFC 7083).
pub const SOL_MAX_RT: u16 = 82;
/// The longest pause between Information-requests, in seconds (RFC 7083).
pub const INF_MAX_RT: u16 = 83;
/// What the times of a leasequery count from (RFC 7653 §6.3.1).
pub const LQ_BASE_TIME: u16 = 100;
/// Captive portal's URI (RFC 8910).
pub const CAPTIVE_PORTAL: u16 = 103;
/// Relay source port (RFC 8357 §5.2).
pub const RELAY_SOURCE_PORT: u16 = 135;
