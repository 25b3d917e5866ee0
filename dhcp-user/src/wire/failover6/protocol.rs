//! Which failover protocol a partner speaks: both have TCP port 647.

/// One of the two protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// draft-12: its first message is a CONNECT.
    V4,
    /// RFC 8156: its first message is a STARTTLS or a CONNECT.
    V6,
}

impl Protocol {
    /// Which protocol the first message of a stream is of, by its type, which both have behind a
    /// length of two octets; `Ok(None)` until that is there.
    ///
    /// # Errors
    /// The type, if no connection begins with it.
    pub fn of_first(stream: &[u8]) -> Result<Option<Self>, u8> {
        match stream.get(2) {
            None => Ok(None),
            Some(5) => Ok(Some(Self::V4)),
            Some(23 | 31) => Ok(Some(Self::V6)),
            Some(other) => Err(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_octet_of_a_connection_tells_the_protocol() {
        assert_eq!(Protocol::of_first(&[0, 105]), Ok(None));
        assert_eq!(Protocol::of_first(&[0, 105, 5, 12]), Ok(Some(Protocol::V4)));
        assert_eq!(Protocol::of_first(&[0, 4, 23]), Ok(Some(Protocol::V6)));
        assert_eq!(Protocol::of_first(&[0, 55, 31]), Ok(Some(Protocol::V6)));
        for kind in [0, 4, 6, 24, 34, b'G'] {
            assert_eq!(Protocol::of_first(&[0, 55, kind]), Err(kind));
        }
    }
}
