//! What a driver tells of an interface and lets us set: the ioctl behind `ethtool`.
//!
//! Every structure of Linux `ethtool.h` that is used here is a row of words, so rows of words is
//! what they are written as: the command first.
#![allow(unsafe_code, reason = "ioctl")]

use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

const SIOCETHTOOL: libc::Ioctl = 0x8946;
const GSTRINGS: u32 = 0x1b;
const GFEATURES: u32 = 0x3a;
const SFEATURES: u32 = 0x3b;
const GCHANNELS: u32 = 0x3c;
/// `ETH_SS_FEATURES`: the names of features, in the order of their bits.
const FEATURE_NAMES: u32 = 4;
/// `ETH_GSTRING_LEN` in words: a name, zeros behind it.
const NAME_WORDS: usize = 8;
/// Room for so many blocks of 32 features; Linux 6.18 has two.
const BLOCKS_MAX: usize = 4;

/// Receive queues that the driver has in use.
pub(super) fn channels(interface: &str) -> io::Result<u32> {
    // `struct ethtool_channels`: four maxima, then rx, tx, other and combined.
    let mut words = [GCHANNELS, 0, 0, 0, 0, 0, 0, 0, 0];
    ask(interface, &mut words)?;
    let [.., rx, _, _, combined] = words;
    Ok(rx + combined)
}

/// The bits of those of the features called `wanted` that are on.
pub(super) fn features_on(interface: &str, wanted: &[&str]) -> io::Result<Vec<usize>> {
    // `struct ethtool_gfeatures`: for each block what can be changed, is asked for, is on, never
    // changes.
    let mut features = [0; 2 + 4 * BLOCKS_MAX];
    features[..2].copy_from_slice(&[GFEATURES, BLOCKS_MAX as u32]);
    ask(interface, &mut features)?;
    let blocks = blocks(features[1])?;
    // `struct ethtool_gstrings`: the kernel writes all names that it has, at most 32 for a block.
    let mut names = [0; 3 + 32 * BLOCKS_MAX * NAME_WORDS];
    names[..2].copy_from_slice(&[GSTRINGS, FEATURE_NAMES]);
    ask(interface, &mut names)?;
    let len = (names[2] as usize).min(32 * blocks);
    let bits = names[3..].chunks_exact(NAME_WORDS).take(len).enumerate();
    let bits = bits.filter(|(_, words)| wanted.iter().any(|wanted| spells(words, wanted)));
    let is_on = |bit: &usize| features[2 + 4 * (bit / 32) + 2] & (1 << (bit % 32)) != 0;
    Ok(bits.map(|(bit, _)| bit).filter(is_on).collect())
}

/// Asks for features by the bits that [`features_on`] gave. The driver may do otherwise.
pub(super) fn set_features(interface: &str, bits: &[usize], on: bool) -> io::Result<()> {
    let mut features = [GFEATURES, 0];
    ask(interface, &mut features)?;
    // `struct ethtool_sfeatures`: as many blocks as the kernel has, for each what is meant, and
    // which of that is to be on.
    let mut wishes = [0; 2 + 2 * BLOCKS_MAX];
    wishes[..2].copy_from_slice(&[SFEATURES, blocks(features[1])? as u32]);
    for &bit in bits {
        wishes[2 + 2 * (bit / 32)] |= 1 << (bit % 32);
        wishes[2 + 2 * (bit / 32) + 1] |= u32::from(on) << (bit % 32);
    }
    ask(interface, &mut wishes)
}

/// The kernel's number of blocks, if there is room for them.
fn blocks(count: u32) -> io::Result<usize> {
    let blocks = count as usize;
    if blocks <= BLOCKS_MAX { Ok(blocks) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Whether the octets of `words`, zeros at their end left out, are `text`.
fn spells(words: &[u32], text: &str) -> bool {
    let octets = words.iter().flat_map(|word| word.to_ne_bytes());
    octets.take_while(|&octet| octet != 0).eq(text.bytes())
}

/// One request, answered in place. `words` must have room for all that its command writes.
fn ask(interface: &str, words: &mut [u32]) -> io::Result<()> {
    let name = CString::new(interface)?;
    let octets = name.as_bytes_with_nul();
    if octets.len() > libc::IFNAMSIZ {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .or_else(|_| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
    // SAFETY: a structure of integers, pointers and octets, for which all zeros is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, &octet) in request.ifr_name.iter_mut().zip(octets) {
        *place = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
    // SAFETY: `request` is whole, and its pointer leads to as many words as the command writes: the
    // callers above have room for the whole structure, names for as many blocks as there are.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_the_features_that_it_always_has() {
        let on = features_on("lo", &["loopback", "no such feature"]).unwrap();
        assert_eq!(on.len(), 1, "{on:?}");
        assert!(features_on("lo", &["no such feature"]).unwrap().is_empty());
    }

    #[test]
    fn an_interface_that_is_not_there_has_none() {
        assert!(features_on("no-such-thing", &["loopback"]).is_err());
        assert!(features_on("a name that is far too long", &["loopback"]).is_err());
    }
}
