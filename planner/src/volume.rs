//! What control does next about a volume. Pure and total.
//!
//! ```text
//!   pending_create ──▶ creating ──▶ ready ──(request)──▶ pending_delete ──▶ deleting ──▶ deleted
//!                          │                                  ▲                 │
//!                          └────────▶ error ──(request)───────┘                 │
//!                                       ▲───────────────────────────────────────┘
//! ```

use std::time::Duration;

use paddock_types::VolumeState;

/// How long a runner may take to make a volume: as long as a restart of it takes, with room.
pub const CREATE_LIMIT: Duration = Duration::from_secs(60);
/// How long a runner may take to remove one, with all that it holds.
pub const DELETE_LIMIT: Duration = Duration::from_secs(3600);

/// Who still mounts a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// Nobody.
    None,
    /// Sandboxes that are on their way out.
    Leaving,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: it is where it should be.
    Nothing,
    /// Nothing yet: look again soon.
    Wait,
    /// Show it in this state.
    Record(VolumeState),
    /// Ask the runner to make it.
    AskPresent,
    /// Ask the runner to remove it.
    AskAbsent,
    /// Give up: the runner did not do it in time.
    GiveUp,
}

/// The next step for a volume that has been in `state` for `since`, as far as this process has seen.
pub fn plan(state: VolumeState, users: Users, since: Duration) -> Step {
    match state {
        VolumeState::PendingCreate => Step::Record(VolumeState::Creating),
        VolumeState::Creating if since > CREATE_LIMIT => Step::GiveUp,
        VolumeState::Creating => Step::AskPresent,
        // Its files are not taken from under a sandbox that is still being ended.
        VolumeState::PendingDelete if users == Users::Leaving => Step::Wait,
        VolumeState::PendingDelete => Step::Record(VolumeState::Deleting),
        VolumeState::Deleting if since > DELETE_LIMIT => Step::GiveUp,
        VolumeState::Deleting => Step::AskAbsent,
        VolumeState::Ready | VolumeState::Deleted | VolumeState::Error => Step::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    /// Follows the steps with a runner that does what it is asked.
    fn end_of(mut state: VolumeState) -> VolumeState {
        for _ in 0..4 {
            state = match plan(state, Users::None, NOW) {
                Step::Record(next) => next,
                Step::AskPresent => VolumeState::Ready,
                Step::AskAbsent => VolumeState::Deleted,
                Step::Nothing => return state,
                Step::Wait | Step::GiveUp => unreachable!("nobody mounts it and no time has passed"),
            };
        }
        state
    }

    #[test]
    fn every_state_leads_to_its_end() {
        for state in VolumeState::ALL {
            let end = match state {
                VolumeState::PendingCreate | VolumeState::Creating | VolumeState::Ready => VolumeState::Ready,
                VolumeState::Error => VolumeState::Error,
                VolumeState::PendingDelete | VolumeState::Deleting | VolumeState::Deleted => {
                    VolumeState::Deleted
                }
            };
            assert_eq!(end_of(*state), end, "{state}");
        }
    }

    #[test]
    fn a_volume_waits_for_the_last_sandbox_that_mounts_it() {
        assert_eq!(plan(VolumeState::PendingDelete, Users::Leaving, DELETE_LIMIT * 9), Step::Wait);
        assert_eq!(plan(VolumeState::PendingDelete, Users::None, NOW), Step::Record(VolumeState::Deleting));
    }

    #[test]
    fn what_no_runner_does_is_given_up_in_the_end() {
        let late = DELETE_LIMIT + Duration::from_secs(1);
        assert_eq!(plan(VolumeState::Creating, Users::None, late), Step::GiveUp);
        assert_eq!(plan(VolumeState::Deleting, Users::None, late), Step::GiveUp);
        assert_eq!(plan(VolumeState::Ready, Users::None, late), Step::Nothing);
    }
}
