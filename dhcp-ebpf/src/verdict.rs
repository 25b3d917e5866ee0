//! What becomes of a packet.

/// What the program did with one packet; the number is the index of its counter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u32)]
pub enum Verdict {
    /// Into the socket of the worker that owns the client.
    Taken = 0,
    /// To the kernel: not UDP to a DHCP server's port.
    Other = 1,
    /// To the kernel: to a DHCP server's port, but to an address we do not listen on.
    Elsewhere = 2,
    /// To the kernel, which reassembles it for the socket path: a fragment.
    Fragment = 3,
    /// To the kernel, for the socket path: IPv4 options or IPv6 extension headers.
    Options = 4,
    /// To the kernel: too short to hold the fixed part of a request.
    Short = 5,
    /// To the kernel: not a request, so it is for a relay agent on this host if for anyone.
    NotRequest = 6,
    /// To the kernel: the server does not serve this protocol.
    NotServed = 7,
    /// To the kernel, for the socket path: the worker has no socket on this queue.
    NoSocket = 8,
    /// Dropped: the server must not answer now.
    Silenced = 9,
    /// Dropped: the client sends more than the guard lets it.
    ClientFlood = 10,
    /// Dropped: the relay, or the port, sends more than the guard lets it.
    PortFlood = 11,
    /// Dropped: by load balancing the partner answers this client.
    PartnersClient = 12,
}

impl Verdict {
    /// All of them; each one's place is its number.
    pub const ALL: [Self; 13] = [
        Self::Taken,
        Self::Other,
        Self::Elsewhere,
        Self::Fragment,
        Self::Options,
        Self::Short,
        Self::NotRequest,
        Self::NotServed,
        Self::NoSocket,
        Self::Silenced,
        Self::ClientFlood,
        Self::PortFlood,
        Self::PartnersClient,
    ];

    /// As status and metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Other => "other",
            Self::Elsewhere => "elsewhere",
            Self::Fragment => "fragment",
            Self::Options => "options",
            Self::Short => "short",
            Self::NotRequest => "not-request",
            Self::NotServed => "not-served",
            Self::NoSocket => "no-socket",
            Self::Silenced => "silenced",
            Self::ClientFlood => "client-flood",
            Self::PortFlood => "port-flood",
            Self::PartnersClient => "partners-client",
        }
    }

    /// Where the packet went.
    #[must_use]
    pub const fn fate(self) -> Fate {
        match self {
            Self::Taken => Fate::Taken,
            Self::Silenced | Self::ClientFlood | Self::PortFlood | Self::PartnersClient => {
                Fate::Dropped
            }
            _ => Fate::Passed,
        }
    }
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fate {
    /// Into an AF_XDP socket.
    Taken,
    /// On to the kernel.
    Passed,
    /// Nowhere.
    Dropped,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdicts_place_among_all_is_its_number() {
        for (index, verdict) in Verdict::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, index, "{}", verdict.name());
        }
    }

    #[test]
    fn no_two_verdicts_share_a_name() {
        for (index, verdict) in Verdict::ALL.into_iter().enumerate() {
            for other in &Verdict::ALL[index + 1..] {
                assert_ne!(verdict.name(), other.name());
            }
        }
    }

    #[test]
    fn only_silence_the_guard_and_the_partners_clients_drop() {
        let dropped: Vec<_> =
            Verdict::ALL.into_iter().filter(|verdict| verdict.fate() == Fate::Dropped).collect();
        let (client, port) = (Verdict::ClientFlood, Verdict::PortFlood);
        assert_eq!(dropped, [Verdict::Silenced, client, port, Verdict::PartnersClient]);
    }
}
