//! A client's or server's message, read where it lies.

use super::options::Options;
use super::{
    Authentication, Counted, Duid, Ia, IaKind, MessageType, ReconfigureKey, Status, UserClass,
    VendorClass, VendorOptions, authentication,
};
use crate::wire::WireError;
use crate::wire::fqdn::Fqdn;
use crate::wire::option::v6::code;

/// A message laid over the octets it arrived in. What decides about leases in it is sound; what only
/// describes the client may not be, and then is as if it were not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    kind: MessageType,
    octets: &'a [u8],
    options: Options<'a>,
    /// The data of what is asked for again and again, found once.
    client_id: Option<&'a [u8]>,
    server_id: Option<&'a [u8]>,
    option_request: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Message type and transaction-id.
    pub const HEADER_LEN: usize = 4;

    /// Reads what a UDP datagram, or a relay's message, carries.
    ///
    /// # Errors
    /// `Truncated` for a message or an option that is cut short, `Value` for a type that is not
    /// known, or a relay's; `Length` for an option that cannot be so long.
    pub fn parse(octets: &'a [u8]) -> Result<Self, WireError> {
        WireError::at_least("message", Self::HEADER_LEN, octets)?;
        let kind = MessageType::from_number(octets[0])
            .filter(|kind| !kind.is_relayed())
            .ok_or(WireError::Value { field: "message type", value: octets[0].into() })?;
        let [mut client_id, mut server_id, mut option_request] = [None; 3];
        let options = Options::parse_each(&octets[Self::HEADER_LEN..], |code, data| {
            let place = match code {
                code::CLIENT_ID => Some(&mut client_id),
                code::SERVER_ID => Some(&mut server_id),
                code::OPTION_REQUEST => Some(&mut option_request),
                _ => None,
            };
            if let Some(place) = place {
                place.get_or_insert(data);
            }
            check(code, data)
        })?;
        Ok(Self { kind, octets, options, client_id, server_id, option_request })
    }

    /// msg-type.
    #[must_use]
    pub fn kind(&self) -> MessageType {
        self.kind
    }

    /// transaction-id, 24 bits.
    #[must_use]
    pub fn transaction_id(&self) -> u32 {
        let [_, a, b, c] = [self.octets[0], self.octets[1], self.octets[2], self.octets[3]];
        u32::from_be_bytes([0, a, b, c])
    }

    /// Client identifier: a whole DUID.
    #[must_use]
    pub fn client_id(&self) -> Option<&'a [u8]> {
        self.client_id
    }

    /// Server identifier: a whole DUID.
    #[must_use]
    pub fn server_id(&self) -> Option<&'a [u8]> {
        self.server_id
    }

    /// IA_NAs and IA_PDs, in order.
    pub fn ias(&self) -> impl Iterator<Item = Ia<'a>> + use<'a> {
        self.options.iter().filter_map(|(code, data)| {
            // `parse` has seen all of them.
            Some(Ia::sound(IaKind::from_code(code)?, data))
        })
    }

    /// Whether there is an IA of any kind, also of one that is not served.
    #[must_use]
    pub fn has_ia(&self) -> bool {
        self.options.iter().any(|(code, _)| matches!(code, code::IA_NA | code::IA_TA | code::IA_PD))
    }

    /// Codes that the client wants, in its order.
    pub fn requested(&self) -> impl Iterator<Item = u16> + use<'a> {
        let data = self.option_request.unwrap_or_default();
        let (codes, _) = data.as_chunks::<2>();
        codes.iter().map(|code| u16::from_be_bytes(*code))
    }

    /// Whether the client wants this option.
    #[must_use]
    pub fn requests(&self, code: u16) -> bool {
        self.requested().any(|requested| requested == code)
    }

    /// For how long the client has tried, in hundredths of a second; 65,535 is that or longer.
    #[must_use]
    pub fn elapsed_hundredths(&self) -> Option<u16> {
        self.options.get_u16(code::ELAPSED_TIME)
    }

    /// Whether the client takes a Reply to its Solicit.
    #[must_use]
    pub fn has_rapid_commit(&self) -> bool {
        self.options.has(code::RAPID_COMMIT)
    }

    /// Whether the client takes Reconfigures.
    #[must_use]
    pub fn accepts_reconfigure(&self) -> bool {
        self.options.has(code::RECONFIGURE_ACCEPT)
    }

    /// What a Reconfigure asks for.
    #[must_use]
    pub fn reconfigure_message(&self) -> Option<MessageType> {
        MessageType::from_number(self.options.get_u8(code::RECONFIGURE_MESSAGE)?)
    }

    /// How much the server is to be preferred.
    #[must_use]
    pub fn preference(&self) -> Option<u8> {
        self.options.get_u8(code::PREFERENCE)
    }

    /// How it went with the whole message.
    #[must_use]
    pub fn status(&self) -> Option<Status<'a>> {
        Status::parse(self.options.get(code::STATUS_CODE)?).ok()
    }

    /// Authentication.
    #[must_use]
    pub fn authentication(&self) -> Option<Authentication<'a>> {
        Authentication::parse(self.options.get(code::AUTHENTICATION)?).ok()
    }

    /// Whether who sent it knows this key (RFC 8415 §20.4.3).
    #[must_use]
    pub fn is_signed_with(&self, key: &ReconfigureKey) -> bool {
        authentication::is_signed(self, key)
    }

    /// User classes.
    #[must_use]
    pub fn user_class(&self) -> Option<UserClass<'a>> {
        Counted::parse(self.options.get(code::USER_CLASS)?).ok()
    }

    /// Vendor classes, one for each vendor.
    pub fn vendor_classes(&self) -> impl Iterator<Item = VendorClass<'a>> + use<'a> {
        self.options.all(code::VENDOR_CLASS).filter_map(|data| VendorClass::parse(data).ok())
    }

    /// Vendor options, one for each vendor.
    pub fn vendor_options(&self) -> impl Iterator<Item = VendorOptions<'a>> + use<'a> {
        self.options.all(code::VENDOR_OPTIONS).filter_map(|data| VendorOptions::parse(data).ok())
    }

    /// The name that the client wants (RFC 4704).
    #[must_use]
    pub fn fqdn(&self) -> Option<Fqdn> {
        Fqdn::parse_v6(self.options.get(code::CLIENT_FQDN)?).ok()
    }

    /// All options.
    #[must_use]
    pub fn options(&self) -> Options<'a> {
        self.options
    }

    /// The whole message as it arrived.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// Whether an option by which the server decides can be what it says it is.
fn check(code: u16, data: &[u8]) -> Result<(), WireError> {
    let exactly = |field: &'static str, len: usize| {
        if data.len() == len { Ok(()) } else { Err(WireError::Length { field, value: data.len() }) }
    };
    match code {
        code::CLIENT_ID | code::SERVER_ID => Duid::check(data),
        code::IA_NA => Ia::check(IaKind::Addresses, data),
        code::IA_PD => Ia::check(IaKind::Prefixes, data),
        code::OPTION_REQUEST if !data.len().is_multiple_of(2) => {
            Err(WireError::Length { field: "option request", value: data.len() })
        }
        code::PREFERENCE => exactly("preference", 1),
        code::ELAPSED_TIME => exactly("elapsed time", 2),
        code::AUTHENTICATION => Authentication::parse(data).map(|_| ()),
        code::STATUS_CODE => Status::parse(data).map(|_| ()),
        code::RAPID_COMMIT => exactly("rapid commit", 0),
        code::RECONFIGURE_MESSAGE => exactly("reconfigure message", 1),
        code::RECONFIGURE_ACCEPT => exactly("reconfigure accept", 0),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dhcpv6::Iaid;

    fn option(code: u16, data: &[u8]) -> Vec<u8> {
        [&code.to_be_bytes(), &(data.len() as u16).to_be_bytes(), data].concat()
    }

    fn solicit(options: &[Vec<u8>]) -> Vec<u8> {
        [&[1, 0xaa, 0xbb, 0xcc][..], &options.concat()].concat()
    }

    #[test]
    fn every_option_that_a_client_sends_is_read() {
        let octets = solicit(&[
            option(8, &[1, 0]),
            option(1, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
            option(3, &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]),
            option(25, &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0]),
            option(6, &[0, 23, 0, 24]),
            option(14, &[]),
            option(20, &[]),
            option(15, b"\0\x01a"),
            option(16, b"\0\0\x01\x37\0\x04MSFT"),
            option(17, b"\0\0\x11\x8b\0\x20\0\0"),
            option(39, b"\x01\x03box"),
        ]);
        let message = Message::parse(&octets).unwrap();
        assert_eq!((message.kind(), message.transaction_id()), (MessageType::Solicit, 0xaa_bbcc));
        assert_eq!(message.client_id(), Some(&[0, 3, 0, 1, 2, 0, 0, 0, 0, 1][..]));
        assert_eq!((message.server_id(), message.elapsed_hundredths()), (None, Some(256)));
        let ias: Vec<_> = message.ias().map(|ia| (ia.kind(), ia.iaid())).collect();
        assert_eq!(ias, [(IaKind::Addresses, Iaid(7)), (IaKind::Prefixes, Iaid(7))]);
        assert!(message.requests(23) && message.requests(24) && !message.requests(6));
        assert!(message.has_rapid_commit() && message.accepts_reconfigure() && message.has_ia());
        assert_eq!(message.user_class().unwrap().iter().count(), 1);
        assert_eq!(message.vendor_classes().next().unwrap().enterprise, 311);
        assert_eq!(message.vendor_options().next().unwrap().enterprise, 4_491);
        let fqdn = message.fqdn().unwrap();
        assert_eq!((fqdn.name.to_string().as_str(), fqdn.is_complete), ("box", false));
        assert!(fqdn.wants_server_update());
    }

    #[test]
    fn what_decides_about_leases_has_its_length() {
        for (code, len, field) in [
            (1, 0, "DUID"),
            (1, 2, "DUID"),
            (1, 131, "DUID"),
            (2, 0, "DUID"),
            (6, 3, "option request"),
            (7, 0, "preference"),
            (8, 1, "elapsed time"),
            (14, 1, "rapid commit"),
            (19, 2, "reconfigure message"),
            (20, 4, "reconfigure accept"),
        ] {
            let refused = WireError::Length { field, value: len };
            let octets = solicit(&[option(code, &vec![0; len])]);
            assert_eq!(Message::parse(&octets), Err(refused), "option {code}");
        }
        for (code, len) in [(3, 11), (25, 11), (11, 10), (13, 1)] {
            let octets = solicit(&[option(code, &vec![0; len])]);
            let refused = Message::parse(&octets);
            assert!(matches!(refused, Err(WireError::Truncated { .. })), "option {code}");
        }
    }

    #[test]
    fn what_only_describes_a_client_may_be_nonsense() {
        let octets = solicit(&[
            option(1, &[9; 130]),
            option(15, b"\0\x05a"),
            option(16, b"\0"),
            option(17, b"\0\0\0\0\0"),
            option(39, b"\x01\x3fbox"),
            option(4, &[]),
            option(61_440, &[0; 300]),
        ]);
        let message = Message::parse(&octets).unwrap();
        assert_eq!(message.client_id().map(<[u8]>::len), Some(130));
        assert!(message.user_class().is_none() && message.fqdn().is_none());
        assert_eq!((message.vendor_classes().count(), message.vendor_options().count()), (0, 0));
        assert_eq!((message.ias().count(), message.has_ia()), (0, true));
    }

    #[test]
    fn a_type_that_no_client_may_send_is_refused() {
        for kind in [0, 12, 13, 18, 24, 35, 255] {
            let refused = WireError::Value { field: "message type", value: kind.into() };
            assert_eq!(Message::parse(&[kind, 0, 0, 0]), Err(refused));
        }
        for end in 0..4 {
            assert!(Message::parse(&[1, 0, 0, 0][..end]).is_err());
        }
    }
}
