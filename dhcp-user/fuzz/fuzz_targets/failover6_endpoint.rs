#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dhcp_user_fuzz::failover6_endpoint(octets));
