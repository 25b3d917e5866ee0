//! The views as threads share them: one publishes, many go by them, and the one can tell when all do.
//!
//! Whoever goes by views takes them anew each turn and keeps them to its end, so for a while after a
//! publication some still grant by what was published before. Whoever must know of all that was
//! granted so waits until everybody has begun a turn since ([`SharedViews::is_followed`]). Nobody else
//! waits for anything.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::sync::AtomicU64;
use super::sync::Ordering::{Acquire, Relaxed, Release};
use super::view::Views;

/// The views in force, and who goes by them.
#[derive(Debug)]
pub struct SharedViews {
    views: ArcSwap<Views>,
    publications: Publications,
    /// How far each follower has come.
    marks: Mutex<Vec<Arc<Mark>>>,
}

/// One that goes by the views, turn by turn.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<SharedViews>,
    mark: Arc<Mark>,
}

impl SharedViews {
    /// To begin with, these.
    #[must_use]
    pub fn new(views: Views) -> Self {
        Self {
            views: ArcSwap::from_pointee(views),
            publications: Publications::new(),
            marks: Mutex::default(),
        }
    }

    /// The latest, for who decides nothing by them.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<Views>> {
        self.views.load()
    }

    /// From now on these hold, for everybody once the number that is given back
    /// [`is_followed`](Self::is_followed). For one thread.
    pub fn publish(&self, views: Views) -> u64 {
        self.views.store(Arc::new(views));
        self.publications.publish()
    }

    /// Whether everybody goes by that publication or a later one, and all that was decided by earlier
    /// ones is in the table.
    #[must_use]
    pub fn is_followed(&self, publication: u64) -> bool {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.iter().all(|mark| mark.has(publication))
    }

    /// One more that goes by the views. It is waited for until its first turn, too.
    #[must_use]
    pub fn follower(self: &Arc<Self>) -> Follower {
        let mark = Arc::new(Mark::new());
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.push(Arc::clone(&mark));
        Follower { shared: Arc::clone(self), mark }
    }
}

impl Default for SharedViews {
    fn default() -> Self {
        Self::new(Views::default())
    }
}

impl Follower {
    /// Begins a turn: nothing is decided any more by what the last one gave.
    pub fn turn(&mut self) -> Guard<Arc<Views>> {
        self.mark.turn(&self.shared.publications);
        self.shared.load()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.mark.leave();
    }
}

/// How many publications there were.
#[derive(Debug)]
struct Publications(AtomicU64);

/// The number of the publication that one follower goes by, at the least.
#[derive(Debug)]
struct Mark(AtomicU64);

impl Publications {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts what was just stored.
    fn publish(&self) -> u64 {
        // Release: who reads the number finds what it counts.
        self.0.fetch_add(1, Release) + 1
    }
}

impl Mark {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// To be called before what is published is loaded.
    fn turn(&self, publications: &Publications) {
        // Acquire: see `Publications::publish`.
        let latest = publications.0.load(Acquire);
        if self.0.load(Relaxed) != latest {
            // Release: who reads it finds all that the turns before brought about.
            self.0.store(latest, Release);
        }
    }

    fn leave(&self) {
        // Release: as above.
        self.0.store(u64::MAX, Release);
    }

    fn has(&self, publication: u64) -> bool {
        // Acquire: see `turn`.
        self.0.load(Acquire) >= publication
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::View;
    use super::*;

    #[test]
    fn a_publication_is_followed_once_everybody_has_begun_a_turn_or_is_gone() {
        let shared = Arc::new(SharedViews::default());
        let [mut one, mut other] = [shared.follower(), shared.follower()];
        let first = shared.publish(Views(vec![View::SILENT]));
        assert!(!shared.is_followed(first), "neither has had a turn");
        assert_eq!(one.turn().0, [View::SILENT]);
        assert!(!shared.is_followed(first));
        let _ = other.turn();
        assert!(shared.is_followed(first));
        let second = shared.publish(Views(vec![View::ALONE]));
        assert_eq!(one.turn().0, [View::ALONE]);
        assert!(shared.is_followed(first) && !shared.is_followed(second));
        drop(other);
        assert!(shared.is_followed(second));
    }
}

#[cfg(test)]
#[cfg(loom)]
mod loom_tests {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::interleavings::explore;

    /// A view by which an address may be given, one by which it may not, and the address.
    struct Model {
        publications: Publications,
        mark: Mark,
        is_narrow: AtomicU64,
        given: AtomicU64,
    }

    /// Whoever walks over the table when a narrower view is followed finds all that was given by the
    /// wider one.
    #[test]
    fn loom_what_was_granted_by_an_earlier_view_is_there_once_a_later_one_is_followed() {
        explore("views: one grants, one narrows and walks", 3, 20, || {
            let model = Arc::new(Model {
                publications: Publications::new(),
                mark: Mark::new(),
                is_narrow: AtomicU64::new(0),
                given: AtomicU64::new(0),
            });
            let worker = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    for turn in 1..=3 {
                        model.mark.turn(&model.publications);
                        if model.is_narrow.load(Relaxed) == 0 {
                            model.given.store(turn, Relaxed);
                        }
                    }
                    model.mark.leave();
                })
            };
            let walker = {
                let model = Arc::clone(&model);
                thread::spawn(move || {
                    model.is_narrow.store(1, Relaxed);
                    let number = model.publications.publish();
                    while !model.mark.has(number) {
                        thread::yield_now();
                    }
                    model.given.load(Relaxed)
                })
            };
            worker.join().unwrap();
            let found = walker.join().unwrap();
            assert_eq!(found, model.given.load(Relaxed), "given behind the walk's back");
        });
    }
}
