//! Which call is legal in which state, and what it makes of the sandbox (`spec/control-plane.md` D.3).
//!
//! | call | does something in | leaves as is | refused as busy | refused |
//! |---|---|---|---|---|
//! | start | stopped | started | on the way somewhere | failed, or not startable |
//! | stop | started | | on the way somewhere | failed, stopped |
//! | delete | everything else | while being deleted | | |

use paddock_types::{DesiredState, SandboxState};

use crate::Retention;

/// What a user asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Run it.
    Start,
    /// End it, keep its files unless it is ephemeral.
    Stop,
    /// Remove it. Cancels whatever is under way.
    Delete,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A new wish, and the state that is shown from now on.
    Accepted {
        /// The wish.
        desired: DesiredState,
        /// The state to show.
        state: SandboxState,
    },
    /// It is so already, or on the way there: answer with what is.
    AsIs,
    /// Not now: something else is under way.
    Busy,
    /// Not in this state.
    Illegal,
    /// Not any more: the sandbox has failed.
    Failed,
}

/// What `call` does to a sandbox of which `state` is shown and `desired` was asked for.
pub fn decide(call: Call, state: SandboxState, desired: DesiredState, retention: Retention) -> Verdict {
    match call {
        Call::Start => start(state),
        Call::Stop => stop(state, retention),
        Call::Delete => delete(state, desired),
    }
}

fn start(state: SandboxState) -> Verdict {
    match state {
        SandboxState::Stopped => {
            Verdict::Accepted { desired: DesiredState::Started, state: SandboxState::Starting }
        }
        SandboxState::Started => Verdict::AsIs,
        SandboxState::Error | SandboxState::BuildFailed => Verdict::Failed,
        // These two become legal together with archives and pauses, which nothing makes yet.
        SandboxState::Archived | SandboxState::Paused | SandboxState::Destroyed => Verdict::Illegal,
        state => busy(state),
    }
}

fn stop(state: SandboxState, retention: Retention) -> Verdict {
    match state {
        SandboxState::Started => match retention {
            Retention::Keep => {
                Verdict::Accepted { desired: DesiredState::Stopped, state: SandboxState::Stopping }
            }
            Retention::Ephemeral => {
                Verdict::Accepted { desired: DesiredState::Destroyed, state: SandboxState::Destroying }
            }
        },
        SandboxState::Error | SandboxState::BuildFailed => Verdict::Failed,
        SandboxState::Stopped | SandboxState::Archived | SandboxState::Paused | SandboxState::Destroyed => {
            Verdict::Illegal
        }
        state => busy(state),
    }
}

fn delete(state: SandboxState, desired: DesiredState) -> Verdict {
    match (state, desired) {
        (SandboxState::Destroyed, _) => Verdict::Illegal,
        // A deletion that failed may be asked for again.
        (SandboxState::Error, DesiredState::Destroyed) => {
            Verdict::Accepted { desired: DesiredState::Destroyed, state: SandboxState::Destroying }
        }
        (_, DesiredState::Destroyed) => Verdict::AsIs,
        _ => Verdict::Accepted { desired: DesiredState::Destroyed, state: SandboxState::Destroying },
    }
}

/// Everything on the way somewhere is busy; the states that callers have handled are not.
fn busy(state: SandboxState) -> Verdict {
    match state {
        SandboxState::PendingBuild
        | SandboxState::BuildingSnapshot
        | SandboxState::PullingSnapshot
        | SandboxState::Creating
        | SandboxState::Restoring
        | SandboxState::Starting
        | SandboxState::Stopping
        | SandboxState::Pausing
        | SandboxState::Resuming
        | SandboxState::Archiving
        | SandboxState::Resizing
        | SandboxState::Snapshotting
        | SandboxState::Forking
        | SandboxState::Destroying
        | SandboxState::Unknown => Verdict::Busy,
        SandboxState::Started
        | SandboxState::Stopped
        | SandboxState::Paused
        | SandboxState::Archived
        | SandboxState::Error
        | SandboxState::BuildFailed
        | SandboxState::Destroyed => Verdict::Illegal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLED: [SandboxState; 7] = [
        SandboxState::Started,
        SandboxState::Stopped,
        SandboxState::Paused,
        SandboxState::Archived,
        SandboxState::Error,
        SandboxState::BuildFailed,
        SandboxState::Destroyed,
    ];

    fn keep(call: Call, state: SandboxState) -> Verdict {
        decide(call, state, DesiredState::Started, Retention::Keep)
    }

    #[test]
    fn a_sandbox_on_the_way_somewhere_is_busy_for_start_and_stop() {
        for &state in SandboxState::ALL.iter().filter(|state| !SETTLED.contains(state)) {
            assert_eq!(keep(Call::Start, state), Verdict::Busy, "{state}");
            assert_eq!(keep(Call::Stop, state), Verdict::Busy, "{state}");
        }
    }

    #[test]
    fn a_stopped_sandbox_starts_and_a_started_one_stops() {
        let starting = Verdict::Accepted { desired: DesiredState::Started, state: SandboxState::Starting };
        assert_eq!(keep(Call::Start, SandboxState::Stopped), starting);
        let stopping = Verdict::Accepted { desired: DesiredState::Stopped, state: SandboxState::Stopping };
        assert_eq!(keep(Call::Stop, SandboxState::Started), stopping);
        assert_eq!(keep(Call::Start, SandboxState::Started), Verdict::AsIs);
        assert_eq!(keep(Call::Stop, SandboxState::Stopped), Verdict::Illegal);
    }

    #[test]
    fn stopping_an_ephemeral_sandbox_deletes_it() {
        let verdict = decide(Call::Stop, SandboxState::Started, DesiredState::Started, Retention::Ephemeral);
        let gone = Verdict::Accepted { desired: DesiredState::Destroyed, state: SandboxState::Destroying };
        assert_eq!(verdict, gone);
    }

    #[test]
    fn deletion_is_legal_in_every_state_and_asked_for_twice_it_is_one() {
        let accepted =
            Verdict::Accepted { desired: DesiredState::Destroyed, state: SandboxState::Destroying };
        for &state in SandboxState::ALL {
            let verdict = keep(Call::Delete, state);
            let expected = if state == SandboxState::Destroyed { Verdict::Illegal } else { accepted };
            assert_eq!(verdict, expected, "{state}");
        }
        let again = |state| decide(Call::Delete, state, DesiredState::Destroyed, Retention::Keep);
        assert_eq!(again(SandboxState::Destroying), Verdict::AsIs);
        assert_eq!(again(SandboxState::Error), accepted, "a failed deletion is tried again");
    }

    #[test]
    fn a_failed_sandbox_neither_starts_nor_stops() {
        for state in [SandboxState::Error, SandboxState::BuildFailed] {
            assert_eq!(keep(Call::Start, state), Verdict::Failed);
            assert_eq!(keep(Call::Stop, state), Verdict::Failed);
        }
    }
}
