//! Writes a message into a buffer that may hold anything.
//!
//! Options go into the options field; what does not fit there into `file`, then into `sname`, where
//! these are not in use (option 52; RFC 2131 §4.1). One longer than 255 octets is split, its parts
//! in the order in which a reader joins them (RFC 3396 §5); shorter ones never are, for the sake of
//! clients that know nothing of that.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::{
    BOOT_REPLY, BOOT_REQUEST, BROADCAST_FLAG, MIN_LEN, MIN_MAX_MESSAGE_SIZE, Message, field,
};
use crate::wire::option::code;
use crate::wire::{Full, HardwareAddress};

/// Code and length of one option.
const OPTION_HEADER_LEN: usize = 2;
/// Option 52 as a whole.
const OVERLOAD_LEN: usize = 3;
/// IPv4 and UDP headers: option 57 counts them in, as ISC dhcpd and the clients read it.
const DATAGRAM_HEADERS_LEN: usize = 28;

/// A message being written. Nothing of what the buffer held before gets into it.
#[derive(Debug)]
pub struct Writer<'b> {
    octets: &'b mut [u8],
    /// The longest the message may become.
    limit: usize,
    /// Where the next option goes in each field; in the order in which a reader joins them.
    options: Field,
    file: Field,
    sname: Field,
    /// Option 82's data, written last of all.
    relay_information: Option<&'b [u8]>,
}

/// One of the three fields that can hold options.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    /// The whole field.
    len: usize,
    /// Where the next option goes.
    at: usize,
    /// Where options end, and the end option has its place; `start` if the field is not for them.
    end: usize,
}

impl<'b> Writer<'b> {
    /// Begins the reply to `request`: `htype`, `hlen`, `xid`, `flags`, `giaddr` and `chaddr` are
    /// copied (RFC 2131 §4.3.1, table 3), the other fields are zero.
    ///
    /// It may become as long as the request's option 57 says, and `buffer` is; 576 octets with IPv4
    /// and UDP headers without that option. A BOOTP client gets no more than the 300 octets it
    /// knows beside option 82, and no overload.
    ///
    /// # Panics
    /// If `buffer` is shorter than [`MIN_LEN`].
    pub fn reply(buffer: &'b mut [u8], request: &Message<'_>) -> Self {
        let mut writer = Self::new(buffer, BOOT_REPLY, request.xid(), &request.hardware());
        writer.octets[field::CHADDR].copy_from_slice(request.chaddr());
        writer.flags(request.flags());
        writer.giaddr(request.giaddr());
        if request.option(code::MESSAGE_TYPE).is_some() {
            writer.limit(request.option_u16(code::MAX_MESSAGE_SIZE).unwrap_or_default());
        } else {
            // The relay takes option 82 out again before a client sees it.
            let echoed = request.option(code::RELAY_AGENT_INFORMATION).unwrap_or_default();
            writer.limit = (MIN_LEN + split_len(echoed.len())).min(writer.octets.len());
            writer.no_overload(); // and keeps room by that limit
        }
        writer
    }

    /// Begins a client's message: everything but `op`, `xid` and the hardware address is zero.
    ///
    /// # Panics
    /// If `buffer` is shorter than [`MIN_LEN`].
    pub fn request(buffer: &'b mut [u8], xid: u32, hardware: &HardwareAddress) -> Self {
        Self::new(buffer, BOOT_REQUEST, xid, hardware)
    }

    fn new(buffer: &'b mut [u8], op: u8, xid: u32, hardware: &HardwareAddress) -> Self {
        assert!(buffer.len() >= MIN_LEN, "a buffer of {} octets holds no message", buffer.len());
        buffer[..field::FIXED_LEN].fill(0);
        buffer[field::OP] = op;
        buffer[field::HTYPE] = hardware.kind();
        buffer[field::HLEN] = hardware.octets().len() as u8;
        buffer[field::XID].copy_from_slice(&xid.to_be_bytes());
        buffer[field::CHADDR][..hardware.octets().len()].copy_from_slice(hardware.octets());
        buffer[field::COOKIE].copy_from_slice(&field::MAGIC_COOKIE);
        let mut writer = Self {
            limit: 0,
            options: Field::new(field::OPTIONS..buffer.len()),
            file: Field::new(field::FILE),
            sname: Field::new(field::SNAME),
            relay_information: None,
            octets: buffer,
        };
        writer.limit(MIN_MAX_MESSAGE_SIZE);
        writer
    }

    /// Sets how long the message may become by the maximum DHCP message size, as option 57 has it:
    /// a whole IPv4 datagram, in octets. Less than 576 is not legal and read as that.
    pub fn limit(&mut self, max_message_size: u16) -> &mut Self {
        let datagram = usize::from(max_message_size.max(MIN_MAX_MESSAGE_SIZE));
        self.limit = (datagram - DATAGRAM_HEADERS_LEN).min(self.octets.len());
        self.keep_room();
        self
    }

    /// Keeps options out of `file` and `sname`.
    pub fn no_overload(&mut self) -> &mut Self {
        self.file.close();
        self.sname.close();
        self.keep_room();
        self
    }

    /// Sets `hops`.
    pub fn hops(&mut self, hops: u8) -> &mut Self {
        self.octets[field::HOPS] = hops;
        self
    }

    /// Sets `secs`.
    pub fn secs(&mut self, secs: u16) -> &mut Self {
        self.octets[field::SECS].copy_from_slice(&secs.to_be_bytes());
        self
    }

    /// Sets `flags`.
    pub fn flags(&mut self, flags: u16) -> &mut Self {
        self.octets[field::FLAGS].copy_from_slice(&flags.to_be_bytes());
        self
    }

    /// Sets the broadcast flag, as a relay needs it for a DHCPNAK (RFC 2131 §4.3.2).
    pub fn broadcast(&mut self) -> &mut Self {
        self.octets[field::FLAGS.start] |= (BROADCAST_FLAG >> 8) as u8;
        self
    }

    /// Sets `ciaddr`.
    pub fn ciaddr(&mut self, address: Ipv4Addr) -> &mut Self {
        self.octets[field::CIADDR].copy_from_slice(&address.octets());
        self
    }

    /// Sets `yiaddr`.
    pub fn yiaddr(&mut self, address: Ipv4Addr) -> &mut Self {
        self.octets[field::YIADDR].copy_from_slice(&address.octets());
        self
    }

    /// Sets `siaddr`.
    pub fn siaddr(&mut self, address: Ipv4Addr) -> &mut Self {
        self.octets[field::SIADDR].copy_from_slice(&address.octets());
        self
    }

    /// Sets `giaddr`.
    pub fn giaddr(&mut self, address: Ipv4Addr) -> &mut Self {
        self.octets[field::GIADDR].copy_from_slice(&address.octets());
        self
    }

    /// Sets `sname`, which then takes no options.
    ///
    /// # Errors
    /// `Full` if it is longer than 63 octets, or options are there already.
    pub fn sname(&mut self, name: &[u8]) -> Result<(), Full> {
        self.sname.set(self.octets, name)?;
        self.keep_room();
        Ok(())
    }

    /// Sets `file`, which then takes no options.
    ///
    /// # Errors
    /// `Full` if it is longer than 127 octets, or options are there already.
    pub fn file(&mut self, name: &[u8]) -> Result<(), Full> {
        self.file.set(self.octets, name)?;
        self.keep_room();
        Ok(())
    }

    /// Sets option 82, which will stand at the very end of the options field and never in `file`
    /// or `sname` (RFC 3046 §2.2). Room for it is kept from now on, so set it before options that
    /// could do without a place.
    ///
    /// # Errors
    /// `Full` if there is no room: the reply then goes without it, as §2.2 has it.
    pub fn relay_information(&mut self, data: &'b [u8]) -> Result<(), Full> {
        if split_len(data.len()) > self.options.room() {
            return Err(Full);
        }
        self.relay_information = Some(data);
        self.keep_room();
        Ok(())
    }

    /// Adds an option, split if it is longer than 255 octets. Not for pad, end, and options 52 and
    /// 82, which have their own ways in.
    ///
    /// # Errors
    /// `Full` if there is no room for it; a smaller one may still fit.
    #[inline]
    pub fn push(&mut self, code: u8, data: &[u8]) -> Result<(), Full> {
        // Nearly all there is, and worth being a few instructions where it is written.
        if data.len() <= usize::from(u8::MAX)
            && self.options.room() >= OPTION_HEADER_LEN + data.len()
        {
            self.options.push(self.octets, code, data);
            return Ok(());
        }
        self.push_elsewhere(code, data)
    }

    /// The same for an option that is split, or has no room in the options field.
    fn push_elsewhere(&mut self, code: u8, data: &[u8]) -> Result<(), Full> {
        let fields = [&mut self.options, &mut self.file, &mut self.sname];
        if data.len() <= usize::from(u8::MAX) {
            let field = fields
                .into_iter()
                .find(|field| field.room() >= OPTION_HEADER_LEN + data.len())
                .ok_or(Full)?;
            field.push(self.octets, code, data);
            return Ok(());
        }
        if fields.iter().map(|field| data_room(field.room())).sum::<usize>() < data.len() {
            return Err(Full);
        }
        let mut rest = data;
        for field in fields {
            while !rest.is_empty() && data_room(field.room()) > 0 {
                let room = field.room() - OPTION_HEADER_LEN;
                let (part, after) = rest.split_at(rest.len().min(room).min(u8::MAX.into()));
                field.push(self.octets, code, part);
                rest = after;
            }
        }
        Ok(())
    }

    /// Adds an option of four octets.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_u32(&mut self, code: u8, value: u32) -> Result<(), Full> {
        self.push(code, &value.to_be_bytes())
    }

    /// Adds an option of one address.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_address(&mut self, code: u8, address: Ipv4Addr) -> Result<(), Full> {
        self.push(code, &address.octets())
    }

    /// Ends the message and says how long it is; at least [`MIN_LEN`].
    pub fn finish(mut self) -> usize {
        let overload = u8::from(self.file.is_used()) | u8::from(self.sname.is_used()) << 1;
        if overload != 0 {
            self.options.push(self.octets, code::OPTION_OVERLOAD, &[overload]);
            self.file.finish(self.octets);
            self.sname.finish(self.octets);
        }
        for part in self.relay_information.unwrap_or_default().chunks(u8::MAX.into()) {
            self.options.push(self.octets, code::RELAY_AGENT_INFORMATION, part);
        }
        self.octets[self.options.at] = code::END;
        let end = self.options.at + 1;
        if end < MIN_LEN {
            self.octets[end..MIN_LEN].fill(0);
        }
        end.max(MIN_LEN)
    }

    /// Ends the options field where the end option, option 82 and, as long as there may be an
    /// overload, option 52 have their places behind it.
    fn keep_room(&mut self) {
        let overload = if self.file.is_open() || self.sname.is_open() { OVERLOAD_LEN } else { 0 };
        let relay_information = self.relay_information.map_or(0, |data| split_len(data.len()));
        self.options.end = self.limit.saturating_sub(overload + relay_information + 1);
    }
}

impl Field {
    fn new(range: Range<usize>) -> Self {
        Self { start: range.start, len: range.len(), at: range.start, end: range.end - 1 }
    }

    fn is_open(self) -> bool {
        self.end > self.start
    }

    fn is_used(self) -> bool {
        self.at > self.start
    }

    fn close(&mut self) {
        self.end = self.start;
    }

    /// What options may still take.
    fn room(self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// Puts the field to the use it has its name from.
    fn set(&mut self, octets: &mut [u8], name: &[u8]) -> Result<(), Full> {
        // The last octet stays zero: not every client looks at the field's length.
        if self.is_used() || name.len() > self.len - 1 {
            return Err(Full);
        }
        self.close();
        octets[self.start..self.start + self.len].fill(0);
        octets[self.start..self.start + name.len()].copy_from_slice(name);
        Ok(())
    }

    #[inline]
    fn push(&mut self, octets: &mut [u8], code: u8, data: &[u8]) {
        let start = self.at + OPTION_HEADER_LEN;
        octets[self.at] = code;
        octets[self.at + 1] = data.len() as u8;
        octets[start..start + data.len()].copy_from_slice(data);
        self.at = start + data.len();
    }

    fn finish(self, octets: &mut [u8]) {
        if self.is_used() {
            octets[self.at] = code::END;
        }
    }
}

/// Octets that an option takes with its data split as needed.
fn split_len(data_len: usize) -> usize {
    data_len + OPTION_HEADER_LEN * data_len.div_ceil(u8::MAX.into())
}

/// Octets of data that options of one code can have in a room.
fn data_room(room: usize) -> usize {
    let whole = OPTION_HEADER_LEN + usize::from(u8::MAX);
    room / whole * usize::from(u8::MAX) + (room % whole).saturating_sub(OPTION_HEADER_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcpv4::Scratch;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 9];

    fn request(options: &[(u8, &[u8])]) -> Vec<u8> {
        let mut octets = vec![0xa5; 2_000];
        let hardware = HardwareAddress::new(1, &MAC).unwrap();
        let mut writer = Writer::request(&mut octets, 0x0102_0304, &hardware);
        writer.flags(0x8000).giaddr(Ipv4Addr::new(10, 0, 0, 1)).secs(7).hops(1);
        for (code, data) in options {
            writer.push(*code, data).unwrap();
        }
        let len = writer.finish();
        octets.truncate(len);
        octets
    }

    /// The reply to `request` as `write` fills it in, written into a dirty buffer.
    fn reply(request: &[u8], write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut scratch = Scratch::new();
        let request = Message::parse(request, &mut scratch).unwrap();
        let mut octets = vec![0xa5; 2_000];
        let mut writer = Writer::reply(&mut octets, &request);
        write(&mut writer);
        let len = writer.finish();
        assert!(octets[len..].iter().all(|octet| *octet == 0xa5), "wrote past its end");
        octets.truncate(len);
        octets
    }

    #[test]
    fn a_reply_is_these_octets_whatever_the_buffer_held() {
        let request = request(&[(53, &[1])]);
        let written = reply(&request, |writer| {
            writer.yiaddr(Ipv4Addr::new(10, 0, 0, 7)).siaddr(Ipv4Addr::new(10, 0, 0, 2));
            writer.sname(b"tftp").unwrap();
            writer.file(b"image").unwrap();
            writer.push(53, &[2]).unwrap();
            writer.push_address(54, Ipv4Addr::new(10, 0, 0, 2)).unwrap();
            writer.push_u32(51, 3_600).unwrap();
            writer.push(80, &[]).unwrap();
        });
        let mut expected = vec![2, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0x80, 0];
        expected.extend([0, 0, 0, 0, 10, 0, 0, 7, 10, 0, 0, 2, 10, 0, 0, 1]);
        expected.extend(MAC.iter().chain(&[0; 10]));
        expected.extend(b"tftp".iter().chain(&[0; 60]));
        expected.extend(b"image".iter().chain(&[0; 123]));
        expected.extend([99, 130, 83, 99, 53, 1, 2, 54, 4, 10, 0, 0, 2, 51, 4, 0, 0, 14, 16]);
        expected.extend([80, 0, 255]);
        expected.resize(MIN_LEN, 0);
        assert_eq!(written, expected);
    }

    #[test]
    fn a_message_grows_to_what_option_57_allows_and_no_further() {
        for (asked, payload) in [(None, 548), (Some(100_u16), 548), (Some(1_000), 972)] {
            let size = asked.map(u16::to_be_bytes);
            let size = size.as_ref().map(|size| (57, &size[..]));
            let options: Vec<_> = [(53, &[1][..])].into_iter().chain(size).collect();
            let written = reply(&request(&options), |writer| {
                writer.no_overload();
                while writer.push(43, &[7]).is_ok() {}
            });
            // Three octets an option: at most two stay over.
            assert!((payload - 2..=payload).contains(&written.len()), "{}", written.len());
        }
        let huge = reply(&request(&[(53, &[1]), (57, &[0xff, 0xff])]), |writer| {
            while writer.push(43, &[7]).is_ok() {}
        });
        assert!((1_998..=2_000).contains(&huge.len()), "no further than the buffer");
    }

    #[test]
    fn what_does_not_fit_goes_into_file_and_sname() {
        let (long, middle, short) = (vec![1; 255], vec![2; 124], vec![3; 60]);
        let written = reply(&request(&[(53, &[1])]), |writer| {
            writer.push(43, &long).unwrap();
            writer.push(44, &middle).unwrap();
            writer.push(45, &short).unwrap();
            assert_eq!(writer.push(46, &[0; 62]), Err(Full));
            assert_eq!(writer.file(b"boot"), Err(Full));
        });
        let mut scratch = Scratch::new();
        let message = Message::parse(&written, &mut scratch).unwrap();
        assert_eq!(message.option(43), Some(&long[..]));
        assert_eq!(message.option(44), Some(&middle[..]));
        assert_eq!(message.option(45), Some(&short[..]));
        assert_eq!(written[field::FILE][..2], [44, 124]);
        assert_eq!(written[field::SNAME][..2], [45, 60]);
        assert_eq!(message.option(code::OPTION_OVERLOAD), Some(&[3][..]));
    }

    #[test]
    fn an_option_longer_than_255_octets_is_split_over_all_three_fields() {
        let data: Vec<u8> = (0..470).map(|n| (n % 251) as u8).collect();
        let written = reply(&request(&[(53, &[1])]), |writer| {
            writer.push(53, &[5]).unwrap();
            assert_eq!(writer.push(121, &[0; 484]), Err(Full));
            writer.push(121, &data).unwrap();
        });
        let mut scratch = Scratch::new();
        let message = Message::parse(&written, &mut scratch).unwrap();
        assert_eq!(message.option(121), Some(&data[..]));
        assert_eq!(message.option(code::OPTION_OVERLOAD), Some(&[3][..]));
        assert!(written.len() <= 548);
    }

    /// RFC 3046 §2.2.
    #[test]
    fn option_82_is_the_last_of_the_options_field_however_full_the_message() {
        const CIRCUIT: &[u8] = &[1, 6, b'p', b'o', b'r', b't', b'/', b'7'];
        let written = reply(&request(&[(53, &[1])]), |writer| {
            writer.relay_information(CIRCUIT).unwrap();
            while writer.push(43, &[9; 20]).is_ok() {}
            while writer.push(44, &[9]).is_ok() {}
        });
        assert_eq!(written.last(), Some(&code::END));
        let at = written.len() - 1 - CIRCUIT.len() - 2;
        assert_eq!(written[at..at + 2], [82, 8]);
        assert_eq!(written[at + 2..written.len() - 1], *CIRCUIT);
        let refused = reply(&request(&[(53, &[1])]), |writer| {
            assert_eq!(writer.relay_information(&[0; 400]), Err(Full));
        });
        assert_eq!(refused.len(), MIN_LEN);
    }

    #[test]
    fn a_bootp_client_gets_300_octets_and_what_its_relay_takes_out_again() {
        let written = reply(&request(&[]), |writer| {
            assert_eq!(writer.push(43, &[1; 60]), Err(Full));
            writer.push(43, &[1; 57]).unwrap();
            assert_eq!(writer.push(44, &[]), Err(Full));
        });
        assert_eq!(written.len(), MIN_LEN);
        const CIRCUIT: &[u8] = &[1, 3, b'p', b'/', b'1'];
        let relayed = reply(&request(&[(82, CIRCUIT)]), |writer| {
            writer.relay_information(CIRCUIT).unwrap();
            writer.push(43, &[1; 57]).unwrap();
        });
        assert_eq!(relayed.len(), MIN_LEN + 7);
    }

    #[test]
    fn names_that_leave_no_zero_behind_them_are_refused() {
        reply(&request(&[(53, &[1])]), |writer| {
            assert_eq!(writer.sname(&[b'a'; 64]), Err(Full));
            assert_eq!(writer.file(&[b'a'; 128]), Err(Full));
            assert_eq!(writer.sname(&[b'a'; 63]), Ok(()));
            assert_eq!(writer.file(&[b'a'; 127]), Ok(()));
            writer.broadcast();
        });
    }
}
