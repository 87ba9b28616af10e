//! What time does to a sandbox (`spec/control-plane.md` D.4).
//!
//! | timer | runs while it is | then |
//! |---|---|---|
//! | time to live | anything | destroyed |
//! | auto-stop | started, and idle | stopped; destroyed when ephemeral |
//! | auto-pause | started, and idle | paused |
//! | auto-delete | stopped; an ephemeral one at once | destroyed |
//! | auto-archive | stopped, and not ephemeral | archived |
//!
//! Idleness counts from the last use; a move from state to state is one.

use std::time::Duration;

use paddock_types::SandboxState;

use crate::Retention;
use crate::request::Call;

/// A sandbox's timers and how far they are. `None` is a timer that never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// What it is.
    pub state: SandboxState,
    /// Whether it outlives its stopping.
    pub retention: Retention,
    /// Since its last use.
    pub idle: Duration,
    /// Whether its time to live is over.
    pub is_expired: bool,
    /// How long it may be idle before it is stopped.
    pub auto_stop: Option<Duration>,
    /// How long it may be idle before it is paused.
    pub auto_pause: Option<Duration>,
    /// How long it may be stopped before it is archived.
    pub auto_archive: Option<Duration>,
    /// How long it may be stopped before it is deleted.
    pub auto_delete: Option<Duration>,
}

/// What is to be done now, if anything.
pub fn due(timers: &Timers) -> Option<Call> {
    let is_over = |limit: Option<Duration>| limit.is_some_and(|limit| timers.idle >= limit);
    if timers.is_expired && timers.state != SandboxState::Destroyed {
        return Some(Call::Delete);
    }
    match timers.state {
        SandboxState::Started if is_over(timers.auto_stop) => Some(Call::Stop),
        SandboxState::Started if is_over(timers.auto_pause) => Some(Call::Pause),
        // It became ephemeral when it was stopped already.
        SandboxState::Stopped if timers.retention == Retention::Ephemeral => Some(Call::Delete),
        SandboxState::Stopped if is_over(timers.auto_delete) => Some(Call::Delete),
        SandboxState::Stopped if is_over(timers.auto_archive) => Some(Call::Archive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn idle(state: SandboxState, idle: Duration) -> Timers {
        Timers {
            state,
            retention: Retention::Keep,
            idle,
            is_expired: false,
            auto_stop: Some(15 * MINUTE),
            auto_pause: None,
            auto_archive: Some(60 * MINUTE),
            auto_delete: Some(120 * MINUTE),
        }
    }

    #[test]
    fn each_timer_ends_to_the_moment_and_in_its_own_state_alone() {
        let almost = 15 * MINUTE - Duration::from_millis(1);
        assert_eq!(due(&idle(SandboxState::Started, almost)), None);
        assert_eq!(due(&idle(SandboxState::Started, 15 * MINUTE)), Some(Call::Stop));
        assert_eq!(due(&idle(SandboxState::Stopped, 15 * MINUTE)), None);
        assert_eq!(due(&idle(SandboxState::Stopped, 60 * MINUTE)), Some(Call::Archive));
        assert_eq!(due(&idle(SandboxState::Stopped, 120 * MINUTE)), Some(Call::Delete), "not archived first");
        for &state in SandboxState::ALL {
            if !matches!(state, SandboxState::Started | SandboxState::Stopped) {
                assert_eq!(due(&idle(state, 9_999 * MINUTE)), None, "{state}");
            }
        }
    }

    #[test]
    fn a_sandbox_whose_time_is_over_is_destroyed_whatever_it_is() {
        for &state in SandboxState::ALL {
            let over = Timers { is_expired: true, ..idle(state, Duration::ZERO) };
            let expected = (state != SandboxState::Destroyed).then_some(Call::Delete);
            assert_eq!(due(&over), expected, "{state}");
        }
    }

    #[test]
    fn a_stopped_sandbox_that_is_made_ephemeral_is_deleted_and_never_archived() {
        let ephemeral = Timers {
            retention: Retention::Ephemeral,
            auto_delete: None,
            ..idle(SandboxState::Stopped, 9_999 * MINUTE)
        };
        assert_eq!(due(&ephemeral), Some(Call::Delete));
    }

    #[test]
    fn pausing_is_an_alternative_to_stopping() {
        let pausable =
            Timers { auto_stop: None, auto_pause: Some(MINUTE), ..idle(SandboxState::Started, MINUTE) };
        assert_eq!(due(&pausable), Some(Call::Pause));
    }
}
