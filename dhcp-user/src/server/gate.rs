//! Whom nobody here will answer, whatever is asked: for whoever can turn requests away before they
//! cost anything.

use super::{Service, v6};
use crate::lease::{Answers, Share, Views};

/// Whether it is worth hearing what clients say.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// The protocol is not served.
    Absent,
    /// Hear everybody.
    Open,
    /// Nobody is answered: every subnet has a partner, and in no relationship may we speak.
    Shut,
    /// Every DISCOVER is shared out with one partner: those of its clients need not be heard.
    Shared(Share),
}

/// The gates of both protocols.
#[derive(Clone, Debug, PartialEq)]
pub struct Gates {
    /// DHCPv4.
    pub ipv4: Gate,
    /// DHCPv6.
    pub ipv6: Gate,
}

impl v6::Service {
    /// What holds for all requests alike while `views` hold: no request is shared out by who sends it
    /// (RFC 8156 §4).
    #[must_use]
    pub fn gate(&self, views: &Views) -> Gate {
        let is_silent = |place: Option<u16>| views.of(place).answers == Answers::Nobody;
        if self.relationships().all(is_silent) { Gate::Shut } else { Gate::Open }
    }
}

impl Service {
    /// What holds for all requests alike while `views` hold.
    #[must_use]
    pub fn gate(&self, views: &Views) -> Gate {
        let mut relationships = self.topology.relationships();
        let Some(first) = relationships.next() else { return Gate::Absent };
        let is_one = self.topology.relationships().all(|relationship| relationship == first);
        let is_silent = |place: Option<u16>| views.of(place).answers == Answers::Nobody;
        match &views.of(first).answers {
            // Where the partner has run out somewhere, it takes a look at the pools.
            Answers::Shared(share) if is_one && !share.is_partner_starved => {
                Gate::Shared(share.clone())
            }
            Answers::Nobody if relationships.all(is_silent) => Gate::Shut,
            _ => Gate::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::v4::testing::{config, service};
    use super::*;
    use crate::lease::View;

    const TWO: &str = r#"
        [[interface]]
        name = "eth0"
        [[subnet4]]
        subnet = "10.0.0.0/24"
        pools = ["10.0.0.10-10.0.0.19"]
        [[subnet4]]
        subnet = "10.1.0.0/24"
        pools = ["10.1.0.10-10.1.0.19"]
    "#;

    fn gate(relationships: [Option<u16>; 2], views: &[&View]) -> Gate {
        let mut config = config(TWO);
        let subnets = config.networks.iter_mut().flat_map(|network| &mut network.subnets);
        subnets.zip(relationships).for_each(|(subnet, place)| subnet.failover = place);
        service(&config).gate(&Views(views.iter().map(|view| (*view).clone()).collect()))
    }

    #[test]
    fn the_gate_is_shut_or_shared_only_where_that_holds_for_every_subnet() {
        let share = Share { buckets: [1; 4], max_secs: None, is_partner_starved: false };
        let shared = View { answers: Answers::Shared(share.clone()), ..View::SILENT };
        let starved = Share { is_partner_starved: true, ..share.clone() };
        let starved = View { answers: Answers::Shared(starved), ..View::SILENT };
        let silent = &View::SILENT;
        let (one, both, half) = ([Some(0); 2], [Some(0), Some(1)], [Some(0), None]);
        assert_eq!(gate([None; 2], &[]), Gate::Open);
        assert_eq!(gate(one, &[silent]), Gate::Shut);
        assert_eq!(gate(one, &[]), Gate::Shut, "no endpoint has spoken yet");
        assert_eq!(gate(both, &[silent, silent]), Gate::Shut);
        assert_eq!(gate(both, &[silent, &shared]), Gate::Open);
        assert_eq!(gate(half, &[silent]), Gate::Open);
        assert_eq!(gate(one, &[&shared]), Gate::Shared(share));
        assert_eq!(gate(one, &[&starved]), Gate::Open);
        assert_eq!(gate(both, &[&shared, &shared]), Gate::Open);
        assert_eq!(gate(half, &[&shared]), Gate::Open);
    }
}
