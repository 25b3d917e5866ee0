//! Classic BPF for the kernel path: which packets we want of an interface, and whose they are.
//!
//! The kernel has taken the outermost VLAN tag off before either program runs, so each of them
//! meets one tag at most.

use libc::{
    BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IMM, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET,
    BPF_K, BPF_LD, BPF_LDX, BPF_LSH, BPF_MEM, BPF_MISC, BPF_MUL, BPF_RET, BPF_RSH, BPF_ST, BPF_TAX,
    BPF_TXA, BPF_W, BPF_X, BPF_XOR, sock_filter,
};

use crate::config::Config;

const VLAN: u32 = 0x8100;
const SERVICE_VLAN: u32 = 0x88a8;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const IPV6_HEADER_LEN: u32 = 40;
const UDP: u32 = 17;
/// UDP port of a DHCPv4 server (RFC 2131 §4.1).
const SERVER_PORT: u32 = 67;
/// UDP port of a DHCPv6 server (RFC 8415 §7.2).
const SERVER_PORT_V6: u32 = 547;
/// The whole packet.
const ACCEPT: u32 = u32::MAX;

/// Which protocols are served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Served {
    pub(super) ipv4: bool,
    pub(super) ipv6: bool,
}

impl Served {
    /// Those that the configuration has networks of.
    pub(super) fn of(config: &Config) -> Self {
        Self { ipv4: !config.networks.is_empty(), ipv6: !config.networks6.is_empty() }
    }
}

/// Nothing.
pub(super) fn refuse_all() -> Vec<sock_filter> {
    vec![statement(BPF_RET | BPF_K, 0)]
}

/// ARP replies.
pub(super) fn arp_replies() -> Vec<sock_filter> {
    const OPERATION: u32 = 14 + 6;
    const REPLY: u32 = 2;
    vec![
        statement(BPF_LD | BPF_H | BPF_ABS, OPERATION),
        jump(BPF_JEQ, REPLY, 0, 1),
        statement(BPF_RET | BPF_K, ACCEPT),
        statement(BPF_RET | BPF_K, 0),
    ]
}

/// UDP packets to the server's port of each protocol that is served: IPv4's with or without IP options, no
/// part of a fragment; IPv6's without extension headers. Offsets count from the Ethernet header.
pub(super) fn requests(served: Served) -> Vec<sock_filter> {
    const TYPE: u32 = 12;
    const IP: u32 = 14;
    let refuse = statement(BPF_RET | BPF_K, 0);
    let mut program = skip_tag(statement(BPF_LD | BPF_H | BPF_ABS, TYPE), TYPE + 4);
    if served.ipv6 {
        program.extend([
            jump(BPF_JEQ, IPV6, 0, 6),
            statement(BPF_LD | BPF_B | BPF_IND, IP + 6),
            jump(BPF_JEQ, UDP, 0, 3),
            statement(BPF_LD | BPF_H | BPF_IND, IP + IPV6_HEADER_LEN + 2),
            jump(BPF_JEQ, SERVER_PORT_V6, 0, 1),
            statement(BPF_RET | BPF_K, ACCEPT),
            refuse,
        ]);
    }
    if !served.ipv4 {
        program.push(refuse);
        return program;
    }
    program.extend([jump(BPF_JEQ, IPV4, 1, 0), refuse]);
    program.extend([statement(BPF_LD | BPF_B | BPF_IND, IP + 9), jump(BPF_JEQ, UDP, 1, 0), refuse]);
    program.extend([
        statement(BPF_LD | BPF_H | BPF_IND, IP + 6),
        jump(BPF_JSET, 0x1fff, 0, 1), // fragment offset
        statement(BPF_RET | BPF_K, 0),
    ]);
    program.extend(add_header_len(IP));
    program.extend([
        statement(BPF_LD | BPF_H | BPF_IND, IP + 2),
        jump(BPF_JEQ, SERVER_PORT, 0, 1),
        statement(BPF_RET | BPF_K, ACCEPT),
        statement(BPF_RET | BPF_K, 0),
    ]);
    program
}

/// The client's hash, as the XDP program computes it ([`dhcp_ebpf::client_hash`]), for the fanout
/// group to choose a worker by. Offsets count from the network header.
///
/// Only clients with `hlen` 6 have their hash here: the others meet at the first worker. DHCPv6 clients have
/// that of the outermost peer-address, or without a relay of where they come from, as a program without
/// loops cannot hash a DUID. A client may so be served by two workers, one for each path; that is safe, as
/// the lease table's swap lets one of two writers win and the other decide again.
pub(super) fn steer() -> Vec<sock_filter> {
    const PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL) as u32;
    const HLEN: u32 = 8 + 2;
    const CHADDR: u32 = 8 + 28;
    const ETHERNET_LEN: u32 = 6;
    /// Scratch word with where the IP header ends.
    const END: u32 = 0;
    /// Scratch word with the hash so far.
    const HASH: u32 = 1;
    let mix = [
        statement(BPF_LDX | BPF_W | BPF_MEM, HASH),
        statement(BPF_ALU | BPF_XOR | BPF_X, 0),
        statement(BPF_ALU | BPF_MUL | BPF_K, dhcp_ebpf::steer::MULTIPLIER),
        statement(BPF_MISC | BPF_TAX, 0),
        statement(BPF_ALU | BPF_RSH | BPF_K, dhcp_ebpf::steer::SHIFT),
        statement(BPF_ALU | BPF_XOR | BPF_X, 0),
        statement(BPF_ST, HASH),
    ];
    let mut program = skip_tag(statement(BPF_LD | BPF_W | BPF_ABS, PROTOCOL), 2);
    let of_ipv6 = steer_ipv6(END, HASH, mix);
    program.push(jump(BPF_JEQ, IPV6, 0, of_ipv6.len() as u8)); // some sixty
    program.extend(of_ipv6);
    program.extend([jump(BPF_JEQ, IPV4, 1, 0), statement(BPF_RET | BPF_K, 0)]);
    program.extend(add_header_len(0));
    program.extend([
        statement(BPF_MISC | BPF_TXA, 0),
        statement(BPF_ST, END),
        statement(BPF_LD | BPF_B | BPF_IND, HLEN),
        jump(BPF_JEQ, ETHERNET_LEN, 1, 0),
        statement(BPF_RET | BPF_K, 0),
        statement(BPF_ST, HASH),
        statement(BPF_LD | BPF_W | BPF_IND, CHADDR),
    ]);
    program.extend(mix);
    program.extend([
        statement(BPF_LDX | BPF_W | BPF_MEM, END),
        statement(BPF_LD | BPF_H | BPF_IND, CHADDR + 4),
        statement(BPF_ALU | BPF_LSH | BPF_K, 16),
    ]);
    program.extend(mix);
    for _ in 0..3 {
        program.push(statement(BPF_LD | BPF_IMM, 0));
        program.extend(mix);
    }
    program.push(statement(BPF_RET | 0x10, 0)); // BPF_A: what the accumulator holds
    program
}

/// The hash of a DHCPv6 client ([`dhcp_ebpf::steer::peer_hash`]), with X at the length of the tag. `base`
/// and `hash` are scratch words; `mix` adds the accumulator to the latter.
fn steer_ipv6(base: u32, hash: u32, mix: [sock_filter; 7]) -> Vec<sock_filter> {
    const SOURCE: u32 = 8;
    const MESSAGE: u32 = IPV6_HEADER_LEN + 8;
    const PEER_ADDRESS: u32 = MESSAGE + 18;
    const RELAY_FORWARD: u32 = 12;
    let mut program = vec![
        statement(BPF_LD | BPF_B | BPF_IND, MESSAGE),
        jump(BPF_JEQ, RELAY_FORWARD, 0, 3),
        statement(BPF_LD | BPF_IMM, PEER_ADDRESS - SOURCE),
        statement(BPF_ALU | BPF_ADD | BPF_X, 0),
        statement(BPF_MISC | BPF_TAX, 0),
        statement(BPF_MISC | BPF_TXA, 0),
        statement(BPF_ST, base),
        statement(BPF_LD | BPF_IMM, 16),
        statement(BPF_ST, hash),
    ];
    for word in 0..4 {
        program.push(statement(BPF_LDX | BPF_W | BPF_MEM, base));
        program.push(statement(BPF_LD | BPF_W | BPF_IND, SOURCE + 4 * word));
        program.extend(mix);
    }
    program.push(statement(BPF_LD | BPF_IMM, 0));
    program.extend(mix);
    program.push(statement(BPF_RET | 0x10, 0)); // BPF_A: what the accumulator holds
    program
}

/// Leaves the EtherType in the accumulator and in X the length of a VLAN tag, where there is one.
/// `load_type` reads the first EtherType; `inner` is where the next one stands behind a tag.
fn skip_tag(load_type: sock_filter, inner: u32) -> Vec<sock_filter> {
    vec![
        statement(BPF_LDX | BPF_IMM, 0),
        load_type,
        jump(BPF_JEQ, VLAN, 1, 0),
        jump(BPF_JEQ, SERVICE_VLAN, 0, 2),
        statement(BPF_LDX | BPF_IMM, 4),
        statement(BPF_LD | BPF_H | BPF_ABS, inner),
    ]
}

/// Adds to X the length of the IPv4 header at X plus `ip` (RFC 791 §3.1, IHL).
fn add_header_len(ip: u32) -> [sock_filter; 5] {
    [
        statement(BPF_LD | BPF_B | BPF_IND, ip),
        statement(BPF_ALU | BPF_AND | BPF_K, 0x0f),
        statement(BPF_ALU | BPF_LSH | BPF_K, 2),
        statement(BPF_ALU | BPF_ADD | BPF_X, 0),
        statement(BPF_MISC | BPF_TAX, 0),
    ]
}

fn statement(code: u32, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// Skips `yes` or `no` instructions, by how the accumulator compares with `k`.
fn jump(test: u32, k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | test | BPF_K) as u16, jt: yes, jf: no, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Served = Served { ipv4: true, ipv6: true };
    const ONLY_V4: Served = Served { ipv4: true, ipv6: false };
    const ONLY_V6: Served = Served { ipv4: false, ipv6: true };

    /// Runs `program` as the kernel would; a load outside `octets` ends it with 0.
    fn run(program: &[sock_filter], octets: &[u8], protocol: u32) -> u32 {
        fn load(octets: &[u8], at: u32, len: usize) -> Option<u32> {
            let octets = octets.get(at as usize..at as usize + len)?;
            Some(octets.iter().fold(0, |value, &octet| value << 8 | u32::from(octet)))
        }
        let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let code = u32::from(code);
            let len = match code & 0x18 {
                BPF_H => 2,
                BPF_B => 1,
                _ => 4,
            };
            let loaded = match code & 0xe7 {
                c if c == BPF_LD | BPF_ABS && k > 0x8000_0000 => Some(protocol),
                c if c == BPF_LD | BPF_ABS => load(octets, k, len),
                c if c == BPF_LD | BPF_IND => load(octets, x + k, len),
                c if c == BPF_LD | BPF_IMM => Some(k),
                c if c == BPF_LDX | BPF_IMM || c == BPF_LDX | BPF_MEM => {
                    x = if code & 0xe0 == BPF_IMM { k } else { memory[k as usize] };
                    continue;
                }
                _ => Some(a),
            };
            let Some(loaded) = loaded else { return 0 };
            a = loaded;
            match code {
                c if c & 7 == BPF_ST => memory[k as usize] = a,
                c if c == BPF_RET | BPF_K => return k,
                c if c == BPF_RET | 0x10 => return a,
                c if c == BPF_MISC | BPF_TAX => x = a,
                c if c == BPF_MISC | BPF_TXA => a = x,
                c if c & 7 == BPF_ALU => {
                    let operand = if c & 8 == BPF_X { x } else { k };
                    a = match c & 0xf0 {
                        BPF_ADD => a.wrapping_add(operand),
                        BPF_AND => a & operand,
                        BPF_LSH => a << operand,
                        BPF_RSH => a >> operand,
                        BPF_MUL => a.wrapping_mul(operand),
                        _ => a ^ operand,
                    };
                }
                c if c & 7 == BPF_JMP => {
                    let holds = if c & 0xf0 == BPF_JSET { a & k != 0 } else { a == k };
                    at += usize::from(if holds { jt } else { jf });
                }
                _ => {}
            }
        }
    }

    /// An IPv4 packet with `options` words of IP options to UDP `port` from `chaddr`.
    fn packet(options: usize, port: u16, chaddr: [u8; 6]) -> Vec<u8> {
        let mut packet = vec![0; 20 + 4 * options + 8 + 240];
        packet[0] = 0x45 + options as u8;
        packet[9] = 17;
        let udp = 20 + 4 * options;
        packet[udp + 2..udp + 4].copy_from_slice(&port.to_be_bytes());
        packet[udp + 8 + 2] = 6;
        packet[udp + 8 + 28..][..6].copy_from_slice(&chaddr);
        packet
    }

    fn framed(ethertypes: &[u16], packet: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for (index, ethertype) in ethertypes.iter().enumerate() {
            if index > 0 {
                frame.extend([0, 7]);
            }
            frame.extend(ethertype.to_be_bytes());
        }
        frame.extend(packet);
        frame
    }

    #[test]
    fn requests_are_wanted_with_ip_options_and_behind_a_tag() {
        for options in [0, 1, 10] {
            let request = packet(options, 67, [1; 6]);
            assert_eq!(run(&requests(BOTH), &framed(&[0x0800], &request), 0), ACCEPT);
            assert_eq!(run(&requests(BOTH), &framed(&[0x8100, 0x0800], &request), 0), ACCEPT);
            assert_eq!(run(&requests(BOTH), &framed(&[0x88a8, 0x0800], &request), 0), ACCEPT);
        }
    }

    /// An IPv6 packet to UDP `port` with this message in it.
    fn packet_v6(port: u16, source: [u8; 16], message: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 48];
        (packet[0], packet[6]) = (0x60, 17);
        packet[8..24].copy_from_slice(&source);
        packet[42..44].copy_from_slice(&port.to_be_bytes());
        packet.extend(message);
        packet
    }

    #[test]
    fn requests_of_what_is_served_are_wanted_and_of_nothing_else() {
        let [v4, v6] = [packet(0, 67, [1; 6]), packet_v6(547, [9; 16], &[1; 40])];
        for (served, wanted) in
            [(BOTH, [ACCEPT; 2]), (ONLY_V4, [ACCEPT, 0]), (ONLY_V6, [0, ACCEPT])]
        {
            let program = requests(served);
            for types in [&[][..], &[0x8100], &[0x88a8]] {
                let found = [(0x0800, &v4), (0x86dd, &v6)]
                    .map(|(last, it)| run(&program, &framed(&[types, &[last]].concat(), it), 0));
                assert_eq!(found, wanted, "{served:?} {types:?}");
            }
        }
        let other_port = packet_v6(546, [9; 16], &[1; 40]);
        assert_eq!(run(&requests(BOTH), &framed(&[0x86dd], &other_port), 0), 0);
        let mut tcp = v6.clone();
        tcp[6] = 6;
        assert_eq!(run(&requests(BOTH), &framed(&[0x86dd], &tcp), 0), 0);
        assert_eq!(run(&requests(BOTH), &framed(&[0x86dd], &v6[..43]), 0), 0);
    }

    #[test]
    fn a_dhcpv6_client_has_the_hash_of_its_address_direct_and_behind_a_relay() {
        for client in 0..100_u8 {
            let mut address = [0xfe; 16];
            address[15] = client;
            let hash = dhcp_ebpf::steer::peer_hash(&address);
            let direct = packet_v6(547, address, &[1, 0, 0, 1]);
            let relayed = [&[12, 0][..], &[7; 16], &address, &[0, 9, 0, 0]].concat();
            let relayed = packet_v6(547, [3; 16], &relayed);
            for packet in [direct, relayed] {
                assert_eq!(run(&steer(), &packet, 0x86dd), hash);
                let tagged: Vec<u8> = [0, 9, 0x86, 0xdd].into_iter().chain(packet).collect();
                assert_eq!(run(&steer(), &tagged, 0x8100), hash);
            }
        }
    }

    #[test]
    fn nothing_else_is_wanted() {
        let request = packet(0, 67, [1; 6]);
        assert_eq!(run(&requests(BOTH), &framed(&[0x86dd], &request), 0), 0);
        assert_eq!(run(&requests(BOTH), &framed(&[0x0800], &packet(0, 68, [1; 6])), 0), 0);
        let mut tcp = request.clone();
        tcp[9] = 6;
        assert_eq!(run(&requests(BOTH), &framed(&[0x0800], &tcp), 0), 0);
        let mut fragment = request.clone();
        fragment[7] = 9;
        assert_eq!(run(&requests(BOTH), &framed(&[0x0800], &fragment), 0), 0);
        assert_eq!(run(&requests(BOTH), &framed(&[0x0800], &request[..21]), 0), 0);
    }

    #[test]
    fn an_ethernet_client_has_one_hash_on_both_paths() {
        for client in 0..100_u32 {
            let mut chaddr = [0; 16];
            chaddr[..6].copy_from_slice(&[2, 0, 0, 0, client as u8, 0xc3]);
            let hash = dhcp_ebpf::client_hash(&chaddr, 6);
            let request = packet(client as usize % 11, 67, chaddr[..6].try_into().unwrap());
            assert_eq!(run(&steer(), &request, 0x0800), hash);
            let tagged: Vec<u8> = [0, 9, 8, 0].into_iter().chain(request).collect();
            assert_eq!(run(&steer(), &tagged, 0x8100), hash);
        }
    }

    #[test]
    fn other_hardware_meets_at_the_first_worker() {
        let mut request = packet(0, 67, [1; 6]);
        request[28 + 2] = 16;
        assert_eq!(run(&steer(), &request, 0x0800), 0);
        assert_eq!(run(&steer(), &request[..30], 0x0800), 0);
    }
}
