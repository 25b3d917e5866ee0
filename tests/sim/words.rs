//! What a trace says of messages: what tells one from another, and times since the scenario began.

use dhcp_user::failover::link::Spoken;
use dhcp_user::lease::{Binding, Resource};
use dhcp_user::wire::Stamp;

use super::clock::Clock;
use super::observer::whose;
use super::scenario::Time;
use super::telling::{Telling, Told};

/// Messages of more addresses than this are counted.
const SHOWN: usize = 40;

/// A message of either failover protocol.
pub(super) fn message(message: &Spoken) -> String {
    match Telling::of(message) {
        Telling::Updates(updates) => all("BNDUPD", &updates, update),
        Telling::Answers(answers) => all("BNDACK", &answers, answer),
        Telling::State { state, is_startup, since } => {
            let startup = if is_startup { " (STARTUP)" } else { "" };
            format!("STATE {state}{startup} since {}", at(since))
        }
        _ => match message {
            Spoken::V4(message) => format!("{message:?}"),
            Spoken::V6(message) => format!("{message:?}"),
        },
    }
}

fn all<T>(what: &str, items: &[T], one: impl Fn(&T) -> String) -> String {
    let shown: Vec<_> = items.iter().take(SHOWN).map(one).collect();
    let more = items.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{what} {}{more}", shown.join("; "))
}

fn update(update: &Told) -> String {
    let client = update.client.map(|client| format!(" client {client}")).unwrap_or_default();
    let time = |what: &str, time: Option<Stamp>| {
        time.map(|time| format!(" {what} {}", at(time))).unwrap_or_default()
    };
    format!(
        "{} {:?}{client}{}{}{}{}",
        update.resource,
        update.status,
        time("ends", update.expires),
        time("potential", update.potential),
        time("since", update.starts),
        time("heard", update.cltt)
    )
}

fn answer((resource, why): &(Resource, Option<String>)) -> String {
    match why {
        None => format!("{resource} taken"),
        Some(why) => format!("{resource} refused: {why}"),
    }
}

/// What a server holds of an address.
pub(super) fn binding(binding: Option<&Binding>) -> String {
    let Some(binding) = binding else { return "never used".to_owned() };
    let client = whose(binding).map_or("nobody".to_owned(), |client| format!("client {client}"));
    format!(
        "{:?} {client}, since {}, heard {}, ends {}, told {:?}; potential sent {}, acknowledged {}, \
         received {}",
        binding.status,
        at(binding.starts),
        at(binding.cltt),
        at(binding.expires),
        binding.told,
        at(binding.sent_potential),
        at(binding.acked_potential),
        at(binding.received_potential)
    )
}

/// A time of a server's as the trace counts; its clock may be wrong.
pub(super) fn at(stamp: Stamp) -> String {
    match stamp {
        Stamp::ZERO => "-".to_owned(),
        Stamp::NEVER => "never".to_owned(),
        stamp => {
            let begin = Clock::default().at(0);
            let passed = u64::from(stamp.0.saturating_sub(begin.0)) * 1_000;
            Time(passed).to_string().trim_end_matches(".000").to_owned()
        }
    }
}

/// Whether a line of a trace is about this address, or about what happens to the pair.
pub(super) fn concerns(line: &str, resource: Resource, client: Option<u16>) -> bool {
    let text = resource.to_string();
    let names = |text: &str| {
        line.match_indices(text).any(|(place, _)| {
            !line[place + text.len()..].starts_with(|next: char| next.is_ascii_hexdigit())
        })
    };
    let is_of_the_pair =
        ["***", "starts", "crashes", "a link", "the link", "Moved", "UPD", "Update", "operator"];
    names(&text)
        || client.is_some_and(|client| names(&format!("client {client}")))
        || (!line.contains("BNDUPD") && is_of_the_pair.iter().any(|what| line.contains(what)))
}
