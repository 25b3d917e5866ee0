//! `[[limit]]`: how many leases one subscriber may hold.

use super::class::Classes;
use super::model::{Limit, LimitPer};
use super::notebook::{Notebook, quote};
use super::reader::{Placed, Section};

/// Reads all limits.
pub(super) fn read(sections: Vec<Section<'_>>, classes: &Classes, notes: &Notebook) -> Vec<Limit> {
    let mut limits: Vec<Placed<Limit>> = Vec::new();
    for mut section in sections {
        let whole = section.span;
        let name =
            section.require("name", "name = \"port\"").and_then(|v| Some(v.placed(v.name()?)));
        let per = section.require("per", "per = \"circuit-id\"").and_then(|value| {
            value.choice(&[
                ("circuit-id", LimitPer::CircuitId),
                ("remote-id", LimitPer::RemoteId),
                ("interface-id", LimitPer::InterfaceId),
                ("duid", LimitPer::Duid),
                ("relay", LimitPer::Relay),
                ("class", LimitPer::Class),
            ])
        });
        let leases = section.require("leases", "leases = 4").and_then(|v| v.integer(1..=u32::MAX));
        let class = section.take("class");
        section.finish();

        if per == Some(LimitPer::Class) && class.is_none() {
            let message = "a limit per class does not say which class";
            notes.mistake(whole, message, "add class = \"…\"");
        }
        let class = class.and_then(|value| classes.resolve(value));
        let (Some(name), Some(per), Some(leases)) = (name, per, leases) else { continue };
        if let Some(first) = limits.iter().find(|limit| limit.value.name == name.value) {
            let message = format!("limit {} stands here twice", quote(name.value));
            notes.clash(name.span, first.span, message, "the first one is at");
        }
        let limit = Limit { name: name.value.to_owned(), per, leases, class };
        limits.push(Placed { value: limit, span: name.span });
    }
    limits.into_iter().map(|limit| limit.value).collect()
}
