//! Writes options, and options inside of options, into octets that may hold anything.

use std::net::Ipv6Addr;

use super::options::HEADER_LEN;
use super::{IaKind, Iaid, ReconfigureKey, StatusCode, authentication};
use crate::wire::option::v6::code;
use crate::wire::{Full, Ipv6Prefix, Seconds};

/// Options being written. What does not fit leaves no trace, so that a smaller one may follow.
#[derive(Debug)]
pub struct OptionWriter<'b> {
    octets: &'b mut [u8],
    at: usize,
}

impl<'b> OptionWriter<'b> {
    /// Writes into `octets`, `at` octets from the front; at most 65,535 in all, so that no length
    /// inside is longer than it can say.
    pub(in crate::wire) fn new(octets: &'b mut [u8], at: usize) -> Self {
        let len = octets.len().min(u16::MAX.into());
        Self { octets: &mut octets[..len], at: at.min(len) }
    }

    /// Where the next option goes.
    pub(in crate::wire) fn position(&self) -> usize {
        self.at
    }

    /// What has been written.
    pub(super) fn written_mut(&mut self) -> &mut [u8] {
        &mut self.octets[..self.at]
    }

    /// Makes everything longer than `len` octets, what is written included, not fit.
    pub(super) fn limit(&mut self, len: usize) {
        let octets = std::mem::take(&mut self.octets);
        let len = len.max(self.at).min(octets.len());
        self.octets = &mut octets[..len];
    }

    /// Adds an option.
    ///
    /// # Errors
    /// `Full` if it does not fit.
    pub fn push(&mut self, code: u16, data: &[u8]) -> Result<(), Full> {
        let end = self.at + HEADER_LEN + data.len();
        let place = self.octets.get_mut(self.at..end).ok_or(Full)?;
        let (head, place) = place.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header(code, data.len()));
        place.copy_from_slice(data);
        self.at = end;
        Ok(())
    }

    /// Adds an option of one octet.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_u8(&mut self, code: u16, value: u8) -> Result<(), Full> {
        self.push(code, &[value])
    }

    /// Adds an option of two octets.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_u16(&mut self, code: u16, value: u16) -> Result<(), Full> {
        self.push(code, &value.to_be_bytes())
    }

    /// Adds an option of four octets.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_u32(&mut self, code: u16, value: u32) -> Result<(), Full> {
        self.push(code, &value.to_be_bytes())
    }

    /// Adds an option of codes, as a client's option request is one.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_codes(&mut self, code: u16, codes: &[u16]) -> Result<(), Full> {
        self.nest(code, &[], |inside| {
            codes.iter().try_for_each(|code| inside.write(&code.to_be_bytes()))
        })
    }

    /// Adds an option of `head`, and behind it the options that `inside` adds: with all of them, or
    /// not at all.
    ///
    /// # Errors
    /// `Full` if it does not fit, or `inside` says so.
    pub fn nest(
        &mut self,
        code: u16,
        head: &[u8],
        inside: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let start = self.at;
        let written = self.push(code, head).and_then(|()| inside(self));
        if written.is_err() {
            self.at = start;
            return written;
        }
        let len = self.at - start - HEADER_LEN;
        self.octets[start..start + HEADER_LEN].copy_from_slice(&header(code, len));
        Ok(())
    }

    /// Adds a status with words for people.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn status(&mut self, status: StatusCode, text: &str) -> Result<(), Full> {
        self.nest(code::STATUS_CODE, &status.0.to_be_bytes(), |inside| {
            inside.write(text.as_bytes())
        })
    }

    /// Adds an IA_NA or IA_PD with what `inside` puts into it.
    ///
    /// # Errors
    /// As [`Self::nest`].
    pub fn ia(
        &mut self,
        kind: IaKind,
        iaid: Iaid,
        [t1, t2]: [Seconds; 2],
        inside: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let mut head = [0; 12];
        head[..4].copy_from_slice(&iaid.0.to_be_bytes());
        head[4..8].copy_from_slice(&t1.0.to_be_bytes());
        head[8..].copy_from_slice(&t2.0.to_be_bytes());
        self.nest(kind as u16, &head, inside)
    }

    /// Adds an address of an IA_NA with its preferred and valid lifetimes.
    ///
    /// # Errors
    /// As [`Self::nest`].
    pub fn address(
        &mut self,
        address: Ipv6Addr,
        [preferred, valid]: [Seconds; 2],
        inside: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let mut head = [0; 24];
        head[..16].copy_from_slice(&address.octets());
        head[16..20].copy_from_slice(&preferred.0.to_be_bytes());
        head[20..].copy_from_slice(&valid.0.to_be_bytes());
        self.nest(code::IA_ADDRESS, &head, inside)
    }

    /// Adds a prefix of an IA_PD with its preferred and valid lifetimes.
    ///
    /// # Errors
    /// As [`Self::nest`].
    pub fn prefix(
        &mut self,
        prefix: Ipv6Prefix,
        [preferred, valid]: [Seconds; 2],
        inside: impl FnOnce(&mut Self) -> Result<(), Full>,
    ) -> Result<(), Full> {
        let mut head = [0; 25];
        head[..4].copy_from_slice(&preferred.0.to_be_bytes());
        head[4..8].copy_from_slice(&valid.0.to_be_bytes());
        head[8] = prefix.len();
        head[9..].copy_from_slice(&prefix.address().octets());
        self.nest(code::IA_PREFIX, &head, inside)
    }

    /// Tells a client the key by which it will know this server's Reconfigures (RFC 8415 §20.4.2).
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn reconfigure_key(&mut self, replay: u64, key: &ReconfigureKey) -> Result<(), Full> {
        self.push(code::AUTHENTICATION, &authentication::telling(replay, key))
    }

    /// Octets of no option of their own.
    pub(in crate::wire) fn write(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        self.octets.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(octets);
        self.at = end;
        Ok(())
    }
}

/// Code and length of an option: no more than 65,535 octets are written in all.
fn header(code: u16, len: usize) -> [u8; HEADER_LEN] {
    let ([a, b], [c, d]) = (code.to_be_bytes(), (len as u16).to_be_bytes());
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcpv6::Options;

    #[test]
    fn options_stand_in_options_and_each_says_how_long_it_is() {
        let mut buffer = [0xa5; 200];
        let mut writer = OptionWriter::new(&mut buffer, 0);
        let times = [Seconds(1), Seconds(2)];
        writer
            .ia(IaKind::Addresses, Iaid(7), times, |ia| {
                ia.address(Ipv6Addr::LOCALHOST, times, |address| {
                    address.status(StatusCode::NOT_ON_LINK, "no")
                })
            })
            .unwrap();
        writer.push_codes(6, &[23, 24]).unwrap();
        writer.push_u8(7, 255).unwrap();
        let mut expected = vec![0, 3, 0, 48, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 5, 0, 32];
        expected.extend(Ipv6Addr::LOCALHOST.octets());
        expected.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 13, 0, 4, 0, 4, b'n', b'o']);
        expected.extend([0, 6, 0, 4, 0, 23, 0, 24, 0, 7, 0, 1, 255]);
        let len = writer.position();
        assert_eq!(buffer[..len], expected);
        assert!(buffer[len..].iter().all(|octet| *octet == 0xa5), "wrote past its end");
    }

    #[test]
    fn what_does_not_fit_leaves_no_trace_and_a_smaller_one_follows() {
        for room in 0..40 {
            let mut buffer = vec![0; room];
            let mut writer = OptionWriter::new(&mut buffer, 0);
            let written =
                writer.ia(IaKind::Prefixes, Iaid(1), [Seconds(0); 2], |ia| ia.push(99, &[1; 10]));
            assert_eq!(written.is_ok(), room >= 30, "{room}");
            assert_eq!(writer.position(), if room >= 30 { 30 } else { 0 });
            assert_eq!(writer.push(14, &[]).is_ok(), room % 30 >= 4, "{room}");
            let len = writer.position();
            assert!(Options::parse(&buffer[..len]).is_ok());
        }
    }

    #[test]
    fn no_length_is_longer_than_it_can_say() {
        let mut buffer = vec![0; 70_000];
        let mut writer = OptionWriter::new(&mut buffer, 0);
        assert_eq!(writer.push(1, &vec![0; 65_532]), Err(Full));
        assert_eq!(writer.push(1, &vec![0; 65_531]), Ok(()));
        assert_eq!(writer.push(1, &[]), Err(Full));
    }
}
