//! What comes next for one sandbox: pure, total, and small enough to read whole.
//!
//! ```text
//!              Create, Restore           launched                 frozen
//!   Absent ───────────────▶ (launch) ───────────────▶ Running ◀────────────▶ Paused
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
    /// The same, and all of its processes are held.
    Paused,
}

/// What the past attempts came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    /// The generation for which it was seen running.
    pub(super) reached: Option<Generation>,
    /// The generation whose last attempt failed.
    pub(super) failed: Option<Generation>,
    /// It ended by itself, and has not been started since.
    pub(super) has_ended: bool,
}

/// The newest wish, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wished {
    /// What it should become.
    pub(super) desired: Desired,
    /// Whether its files may be made.
    pub(super) existence: Existence,
    /// Which wish this is.
    pub(super) generation: Generation,
    /// Whether one that runs has other limits.
    pub(super) is_resized: bool,
    /// Whether it is believed to run since an earlier wish.
    pub(super) continues: bool,
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
    /// Fetch its files from the object store, and leave it stopped.
    Restore,
    /// Give it other limits.
    Resize,
    /// Hold its processes.
    Freeze,
    /// Let its processes go on.
    Thaw,
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
pub(super) fn next(place: Place, wished: Wished, past: Past) -> Act {
    let Wished { desired, existence, generation, is_resized, continues } = wished;
    match (desired, place) {
        // Removal is tried again for ever: whoever asked for it will not ask again.
        (Desired::Absent | Desired::Evicted, Place::Running | Place::Paused) => Act::Kill,
        (Desired::Absent | Desired::Evicted, Place::Stopped | Place::Absent) => Act::Remove,
        _ if past.failed == Some(generation) => Act::Rest,
        (Desired::Started, Place::Running) if is_resized => Act::Resize,
        (Desired::Started, Place::Running) => Act::Rest,
        (Desired::Started, Place::Paused) => Act::Thaw,
        // It ran for this very wish and does not any more: it ended by itself, and only a new wish starts it. Nor does one
        // that was made in the belief that it runs.
        (Desired::Started, Place::Stopped) if past.reached == Some(generation) => Act::Rest,
        (Desired::Started, Place::Stopped) if continues && past.has_ended => Act::Rest,
        (Desired::Started, Place::Stopped) => Act::Launch,
        (Desired::Paused, Place::Running) => Act::Freeze,
        // What has ended has no memory to keep.
        (Desired::Paused, Place::Paused | Place::Stopped) => Act::Rest,
        (Desired::Stopped | Desired::Killed, Place::Stopped) => Act::Rest,
        (Desired::Stopped, Place::Running | Place::Paused) => Act::End,
        (Desired::Killed, Place::Running | Place::Paused) => Act::Kill,
        // A wish that was reached once does not bring back an old archive without a word.
        (_, Place::Absent) if existence == Existence::Restore && past.reached != Some(generation) => {
            Act::Restore
        }
        (_, Place::Absent) if existence == Existence::Restore => Act::Lose,
        (_, Place::Absent) if existence == Existence::Existing || past.reached.is_some() => Act::Lose,
        (Desired::Started, Place::Absent) => Act::Launch,
        (Desired::Stopped | Desired::Killed | Desired::Paused, Place::Absent) => Act::Make,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Generation = Generation { epoch: 1, number: 5 };
    const BEFORE: Generation = Generation { epoch: 1, number: 4 };
    const FRESH: Past = Past { reached: None, failed: None, has_ended: false };
    const PLACES: [Place; 4] = [Place::Absent, Place::Stopped, Place::Running, Place::Paused];
    const WISHES: [Desired; 6] = [
        Desired::Started,
        Desired::Paused,
        Desired::Stopped,
        Desired::Killed,
        Desired::Evicted,
        Desired::Absent,
    ];

    fn wished(desired: Desired, existence: Existence) -> Wished {
        Wished { desired, existence, generation: NOW, is_resized: false, continues: false }
    }

    #[test]
    fn a_new_sandbox_is_launched_and_a_lost_one_is_not_replaced_by_an_empty_one() {
        let new = wished(Desired::Started, Existence::Create);
        let old = wished(Desired::Started, Existence::Existing);
        assert_eq!(next(Place::Absent, new, FRESH), Act::Launch);
        assert_eq!(next(Place::Absent, old, FRESH), Act::Lose);
        let ran = Past { reached: Some(BEFORE), failed: None, has_ended: false };
        assert_eq!(next(Place::Absent, new, ran), Act::Lose);
    }

    #[test]
    fn an_archived_one_is_fetched_unless_its_files_are_still_here() {
        let archived = wished(Desired::Started, Existence::Restore);
        assert_eq!(next(Place::Absent, archived, FRESH), Act::Restore);
        assert_eq!(next(Place::Stopped, archived, FRESH), Act::Launch);
    }

    #[test]
    fn one_that_ended_by_itself_rests_until_a_newer_wish() {
        let wish = wished(Desired::Started, Existence::Existing);
        let ran = Past { reached: Some(NOW), failed: None, has_ended: false };
        assert_eq!(next(Place::Stopped, wish, ran), Act::Rest);
        let earlier = Past { reached: Some(BEFORE), failed: None, has_ended: false };
        let believed = Wished { continues: true, ..wish };
        let ended = Past { has_ended: true, ..earlier };
        assert_eq!(next(Place::Stopped, believed, ended), Act::Rest, "whoever wished it did not know");
        assert_eq!(next(Place::Stopped, wish, ended), Act::Launch);
        assert_eq!(next(Place::Stopped, believed, earlier), Act::Launch, "it was stopped by a wish");
        assert_eq!(next(Place::Stopped, wish, earlier), Act::Launch);
    }

    #[test]
    fn a_failed_wish_is_not_tried_again_but_removal_always_is() {
        let failed = Past { reached: None, failed: Some(NOW), has_ended: false };
        for place in PLACES {
            for desired in WISHES {
                let act = next(place, wished(desired, Existence::Create), failed);
                assert_eq!(act == Act::Rest, !desired.is_gone(), "{desired:?} {place:?}");
            }
        }
    }

    #[test]
    fn only_a_running_sandbox_is_given_other_limits() {
        for place in PLACES {
            let wish = Wished { is_resized: true, ..wished(Desired::Started, Existence::Existing) };
            assert_eq!(next(place, wish, FRESH) == Act::Resize, place == Place::Running, "{place:?}");
        }
    }

    #[test]
    fn every_act_but_rest_leads_to_its_wish() {
        // Follow the acts from every place: each wish is reached, or refused by name, in at most four.
        for desired in WISHES {
            for start in PLACES {
                for existence in [Existence::Create, Existence::Existing, Existence::Restore] {
                    let (mut place, mut past, mut gone) = (start, FRESH, false);
                    for _ in 0..4 {
                        match next(place, wished(desired, existence), past) {
                            Act::Rest => break,
                            Act::Launch => {
                                place = Place::Running;
                                past.reached = Some(NOW);
                            }
                            Act::Thaw => place = Place::Running,
                            Act::Freeze => place = Place::Paused,
                            Act::Make | Act::Restore | Act::End | Act::Kill => place = Place::Stopped,
                            Act::Resize => unreachable!("its limits are as wished"),
                            Act::Remove => {
                                gone = true;
                                break;
                            }
                            Act::Lose => past.failed = Some(NOW),
                        }
                    }
                    let reached = match desired {
                        Desired::Started => place == Place::Running,
                        // One that does not run cannot be held: it is said to be stopped.
                        Desired::Paused => matches!(place, Place::Paused | Place::Stopped),
                        Desired::Stopped | Desired::Killed => place == Place::Stopped,
                        Desired::Evicted | Desired::Absent => gone,
                    };
                    assert!(reached || past.failed.is_some(), "{desired:?} from {start:?}, {existence:?}");
                }
            }
        }
    }
}
