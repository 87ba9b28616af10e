//! What comes next for one sandbox: pure, total, and small enough to read whole.
//!
//! ```text
//!              Create                    launched
//!   Absent ───────────────▶ (launch) ───────────────▶ Running
//!     ▲                        │ failed                  │ Stopped, Killed, or it ends by itself
//!     │ remove                 ▼                         ▼
//!     └──────────────────── Failed ◀──── lost ──────── Stopped ──▶ (launch)
//! ```

use paddock_types::Generation;
use paddock_wire_runner::{Desired, Existence};

/// What is on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Absent,
    /// Its files, and no process.
    Stopped,
    /// Its files and its first process.
    Running,
}

/// What the past attempts came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    /// The generation for which it was seen running.
    pub(super) reached: Option<Generation>,
    /// The generation whose last attempt failed.
    pub(super) failed: Option<Generation>,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing: wait for a wish or an accident.
    Rest,
    /// Start it, with new files if there are none.
    Launch,
    /// Make its files, and leave it stopped.
    Make,
    /// Ask it to end, then make it.
    End,
    /// Make it end at once.
    Kill,
    /// Remove all of it.
    Remove,
    /// Its files should be here and are not: say so.
    Lose,
}

/// The next act.
pub(super) fn next(
    place: Place,
    desired: Desired,
    existence: Existence,
    generation: Generation,
    past: Past,
) -> Act {
    match (desired, place) {
        // Removal is tried again for ever: whoever asked for it will not ask again.
        (Desired::Absent, Place::Running) => Act::Kill,
        (Desired::Absent, Place::Stopped | Place::Absent) => Act::Remove,
        _ if past.failed == Some(generation) => Act::Rest,
        (Desired::Started, Place::Running) | (Desired::Stopped | Desired::Killed, Place::Stopped) => {
            Act::Rest
        }
        // It ran for this very wish and does not any more: it ended by itself, and only a new wish starts it.
        (Desired::Started, Place::Stopped) if past.reached == Some(generation) => Act::Rest,
        (Desired::Started, Place::Stopped) => Act::Launch,
        (Desired::Stopped, Place::Running) => Act::End,
        (Desired::Killed, Place::Running) => Act::Kill,
        (_, Place::Absent) if existence == Existence::Existing || past.reached.is_some() => Act::Lose,
        (Desired::Started, Place::Absent) => Act::Launch,
        (Desired::Stopped | Desired::Killed, Place::Absent) => Act::Make,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Generation = Generation { epoch: 1, number: 5 };
    const BEFORE: Generation = Generation { epoch: 1, number: 4 };
    const FRESH: Past = Past { reached: None, failed: None };

    #[test]
    fn a_new_sandbox_is_launched_and_a_lost_one_is_not_replaced_by_an_empty_one() {
        assert_eq!(next(Place::Absent, Desired::Started, Existence::Create, NOW, FRESH), Act::Launch);
        assert_eq!(next(Place::Absent, Desired::Started, Existence::Existing, NOW, FRESH), Act::Lose);
        let ran = Past { reached: Some(BEFORE), failed: None };
        assert_eq!(next(Place::Absent, Desired::Started, Existence::Create, NOW, ran), Act::Lose);
    }

    #[test]
    fn one_that_ended_by_itself_rests_until_a_newer_wish() {
        let ran = Past { reached: Some(NOW), failed: None };
        assert_eq!(next(Place::Stopped, Desired::Started, Existence::Existing, NOW, ran), Act::Rest);
        let earlier = Past { reached: Some(BEFORE), failed: None };
        assert_eq!(next(Place::Stopped, Desired::Started, Existence::Existing, NOW, earlier), Act::Launch);
    }

    #[test]
    fn a_failed_wish_is_not_tried_again_but_removal_always_is() {
        let failed = Past { reached: None, failed: Some(NOW) };
        for place in [Place::Absent, Place::Stopped, Place::Running] {
            for desired in [Desired::Started, Desired::Stopped, Desired::Killed] {
                assert_eq!(next(place, desired, Existence::Create, NOW, failed), Act::Rest);
            }
            assert_ne!(next(place, Desired::Absent, Existence::Create, NOW, failed), Act::Rest);
        }
    }

    #[test]
    fn every_act_but_rest_leads_to_its_wish() {
        // Follow the acts from every place: each wish is reached, or refused by name, in at most three.
        for desired in [Desired::Started, Desired::Stopped, Desired::Killed, Desired::Absent] {
            for start in [Place::Absent, Place::Stopped, Place::Running] {
                for existence in [Existence::Create, Existence::Existing] {
                    let (mut place, mut past, mut gone) = (start, FRESH, false);
                    for _ in 0..3 {
                        match next(place, desired, existence, NOW, past) {
                            Act::Rest => break,
                            Act::Launch => {
                                place = Place::Running;
                                past.reached = Some(NOW);
                            }
                            Act::Make | Act::End | Act::Kill => place = Place::Stopped,
                            Act::Remove => {
                                gone = true;
                                break;
                            }
                            Act::Lose => past.failed = Some(NOW),
                        }
                    }
                    let reached = match desired {
                        Desired::Started => place == Place::Running,
                        Desired::Stopped | Desired::Killed => place == Place::Stopped,
                        Desired::Absent => gone,
                    };
                    assert!(reached || past.failed.is_some(), "{desired:?} from {start:?}, {existence:?}");
                }
            }
        }
    }
}
