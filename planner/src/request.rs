//! Which call is legal in which state, and what it makes of the sandbox (`spec/control-plane.md` D.3).
//!
//! | call | does something in | leaves as is | refused |
//! |---|---|---|---|
//! | start | stopped, paused, archived, archiving | started | others |
//! | stop | started, paused | | others |
//! | pause | started | | others |
//! | archive | stopped, unless ephemeral | | others |
//! | resize, fork, snapshot | started, stopped | | others |
//! | back up | started, stopped, unless ephemeral | while one is made | others |
//! | recover | failed, if that can be cured | | others |
//! | delete | everything else | while being deleted | destroyed |
//!
//! Refused means *busy* while the sandbox is on the way somewhere, *failed* when it has failed, and *illegal*
//! otherwise.

use paddock_types::{DesiredState, SandboxState};

use crate::Retention;

/// What a user, or a timer, asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Run it.
    Start,
    /// End it, keep its files unless it is ephemeral.
    Stop,
    /// Freeze it.
    Pause,
    /// Move its files off the host.
    Archive,
    /// Change its size.
    Resize,
    /// Make another of its files.
    Fork,
    /// Make a snapshot of its files.
    Snapshot,
    /// Copy its files to the object store.
    BackUp,
    /// Try again what failed.
    Recover {
        /// Whether it is to be stopped afterwards, and not started.
        skip_start: bool,
    },
    /// Remove it. Cancels whatever is under way.
    Delete,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A new wish, and the state that is shown from now on.
    Accepted(Move),
    /// It is so already, or on the way there: answer with what is.
    AsIs,
    /// Not now: something else is under way.
    Busy,
    /// Not in this state.
    Illegal,
    /// Not for a sandbox that is deleted when it stops.
    Ephemeral,
    /// Not any more: the sandbox has failed.
    Failed,
    /// It has failed, and another try would not help.
    Incurable,
}

/// A change of a sandbox by request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The wish.
    pub desired: DesiredState,
    /// The state to show.
    pub state: SandboxState,
    /// The state to show afterwards, for maintenance that ends where it began.
    pub returns_to: Option<SandboxState>,
}

/// What is on record of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What clients are shown.
    pub state: SandboxState,
    /// What was asked for.
    pub desired: DesiredState,
    /// Whether it outlives its stopping.
    pub retention: Retention,
    /// Whether its failure can be cured by another try.
    pub recoverable: bool,
    /// Whether a backup of it is being made.
    pub is_backing_up: bool,
}

/// What `call` does to a sandbox.
pub fn decide(call: Call, facts: Facts) -> Verdict {
    match call {
        Call::Start => start(facts.state),
        Call::Stop => stop(facts),
        Call::Pause => pause(facts.state),
        Call::Archive => archive(facts),
        Call::Resize => maintain(facts.state, SandboxState::Resizing),
        // One work on its files at a time.
        Call::Fork | Call::Snapshot if facts.is_backing_up => Verdict::Busy,
        Call::Fork => maintain(facts.state, SandboxState::Forking),
        Call::Snapshot => maintain(facts.state, SandboxState::Snapshotting),
        Call::BackUp => back_up(facts),
        Call::Recover { skip_start } => recover(facts, skip_start),
        Call::Delete => delete(facts),
    }
}

fn go(desired: DesiredState, state: SandboxState) -> Verdict {
    Verdict::Accepted(Move { desired, state, returns_to: None })
}

fn start(state: SandboxState) -> Verdict {
    match state {
        SandboxState::Stopped => go(DesiredState::Started, SandboxState::Starting),
        // Its files are still here until it is archived.
        SandboxState::Archiving => go(DesiredState::Started, SandboxState::Starting),
        SandboxState::Archived => go(DesiredState::Started, SandboxState::Restoring),
        SandboxState::Paused => go(DesiredState::Started, SandboxState::Resuming),
        SandboxState::Started => Verdict::AsIs,
        state => refuse(state),
    }
}

fn stop(facts: Facts) -> Verdict {
    match facts.state {
        SandboxState::Started | SandboxState::Paused => match facts.retention {
            Retention::Keep => go(DesiredState::Stopped, SandboxState::Stopping),
            Retention::Ephemeral => go(DesiredState::Destroyed, SandboxState::Destroying),
        },
        state => refuse(state),
    }
}

fn pause(state: SandboxState) -> Verdict {
    match state {
        SandboxState::Started => go(DesiredState::Paused, SandboxState::Pausing),
        state => refuse(state),
    }
}

fn archive(facts: Facts) -> Verdict {
    match (facts.state, facts.retention) {
        (SandboxState::Stopped, Retention::Keep) => go(DesiredState::Archived, SandboxState::Archiving),
        (SandboxState::Stopped, Retention::Ephemeral) => Verdict::Ephemeral,
        (state, _) => refuse(state),
    }
}

/// Short work that ends where it began.
fn maintain(state: SandboxState, shown: SandboxState) -> Verdict {
    let stays = match state {
        SandboxState::Started => DesiredState::Started,
        SandboxState::Stopped => DesiredState::Stopped,
        state => return refuse(state),
    };
    let desired = if shown == SandboxState::Resizing { DesiredState::Resized } else { stays };
    Verdict::Accepted(Move { desired, state: shown, returns_to: Some(state) })
}

/// A backup is not shown as a state: the sandbox can be used meanwhile.
fn back_up(facts: Facts) -> Verdict {
    match (facts.state, facts.retention) {
        (SandboxState::Started | SandboxState::Stopped, Retention::Ephemeral) => Verdict::Ephemeral,
        (SandboxState::Started | SandboxState::Stopped, Retention::Keep) if facts.is_backing_up => {
            Verdict::AsIs
        }
        (state @ (SandboxState::Started | SandboxState::Stopped), Retention::Keep) => {
            go(facts.desired, state)
        }
        (state, _) => refuse(state),
    }
}

fn recover(facts: Facts, skip_start: bool) -> Verdict {
    match facts.state {
        // What could not be deleted is deleted again, and not brought back.
        SandboxState::Error if facts.desired == DesiredState::Destroyed => Verdict::Incurable,
        SandboxState::Error if !facts.recoverable => Verdict::Incurable,
        SandboxState::Error if skip_start => go(DesiredState::Stopped, SandboxState::Stopping),
        SandboxState::Error => go(DesiredState::Started, SandboxState::Starting),
        SandboxState::BuildFailed => Verdict::Incurable,
        state => refuse(state),
    }
}

fn delete(facts: Facts) -> Verdict {
    let gone = go(DesiredState::Destroyed, SandboxState::Destroying);
    match (facts.state, facts.desired) {
        (SandboxState::Destroyed, _) => Verdict::Illegal,
        // A deletion that failed may be asked for again.
        (SandboxState::Error, DesiredState::Destroyed) => gone,
        (_, DesiredState::Destroyed) => Verdict::AsIs,
        _ => gone,
    }
}

/// Why a call that does nothing in this state is refused.
fn refuse(state: SandboxState) -> Verdict {
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
        SandboxState::Error | SandboxState::BuildFailed => Verdict::Failed,
        SandboxState::Started
        | SandboxState::Stopped
        | SandboxState::Paused
        | SandboxState::Archived
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
    const CALLS: [Call; 11] = [
        Call::Start,
        Call::Stop,
        Call::Pause,
        Call::Archive,
        Call::Resize,
        Call::Fork,
        Call::Snapshot,
        Call::BackUp,
        Call::Recover { skip_start: false },
        Call::Recover { skip_start: true },
        Call::Delete,
    ];

    fn facts(state: SandboxState) -> Facts {
        Facts {
            state,
            desired: DesiredState::Started,
            retention: Retention::Keep,
            recoverable: false,
            is_backing_up: false,
        }
    }

    fn keep(call: Call, state: SandboxState) -> Verdict {
        decide(call, facts(state))
    }

    /// The states in which a call does something.
    fn legal(call: Call, retention: Retention, recoverable: bool) -> Vec<SandboxState> {
        let accepted = |state: &SandboxState| {
            let facts = Facts { retention, recoverable, ..facts(*state) };
            matches!(decide(call, facts), Verdict::Accepted(_))
        };
        SandboxState::ALL.iter().copied().filter(accepted).collect()
    }

    #[test]
    fn every_call_is_legal_just_where_the_table_says() {
        use SandboxState::{Archived, Archiving, Error, Paused, Started, Stopped};
        let kept = |call| legal(call, Retention::Keep, true);
        assert_eq!(kept(Call::Start), [Stopped, Paused, Archiving, Archived]);
        assert_eq!(kept(Call::Stop), [Started, Paused]);
        assert_eq!(kept(Call::Pause), [Started]);
        assert_eq!(kept(Call::Archive), [Stopped]);
        assert_eq!(kept(Call::Recover { skip_start: false }), [Error]);
        for call in [Call::Resize, Call::Fork, Call::Snapshot, Call::BackUp] {
            assert_eq!(kept(call), [Started, Stopped], "{call:?}");
        }
        for call in [Call::Archive, Call::BackUp] {
            assert_eq!(legal(call, Retention::Ephemeral, true), [], "{call:?}");
        }
        assert_eq!(legal(Call::Recover { skip_start: false }, Retention::Keep, false), []);
    }

    #[test]
    fn a_sandbox_on_the_way_somewhere_is_busy_for_all_but_delete() {
        for &state in SandboxState::ALL.iter().filter(|state| !SETTLED.contains(state)) {
            for call in CALLS.into_iter().filter(|call| *call != Call::Delete) {
                if (call, state) != (Call::Start, SandboxState::Archiving) {
                    assert_eq!(keep(call, state), Verdict::Busy, "{call:?} {state}");
                }
            }
        }
    }

    #[test]
    fn a_start_goes_by_the_way_that_the_state_needs() {
        let shown = |state| match keep(Call::Start, state) {
            Verdict::Accepted(Move { desired: DesiredState::Started, state, returns_to: None }) => state,
            other => panic!("{other:?}"),
        };
        assert_eq!(shown(SandboxState::Stopped), SandboxState::Starting);
        assert_eq!(shown(SandboxState::Paused), SandboxState::Resuming);
        assert_eq!(shown(SandboxState::Archived), SandboxState::Restoring);
        assert_eq!(keep(Call::Start, SandboxState::Started), Verdict::AsIs);
        assert_eq!(keep(Call::Stop, SandboxState::Stopped), Verdict::Illegal);
    }

    #[test]
    fn maintenance_returns_to_where_it_began() {
        for state in [SandboxState::Started, SandboxState::Stopped] {
            for call in [Call::Resize, Call::Fork, Call::Snapshot] {
                let Verdict::Accepted(planned) = keep(call, state) else { panic!("{call:?}") };
                assert_eq!(planned.returns_to, Some(state));
                assert_eq!(planned.desired == DesiredState::Resized, call == Call::Resize);
            }
        }
    }

    #[test]
    fn a_backup_under_way_leaves_room_for_all_but_a_fork_and_a_snapshot() {
        let backing_up = Facts { is_backing_up: true, ..facts(SandboxState::Started) };
        for call in [Call::Fork, Call::Snapshot] {
            assert_eq!(decide(call, backing_up), Verdict::Busy, "{call:?}");
        }
        assert_eq!(decide(Call::BackUp, backing_up), Verdict::AsIs);
        for call in [Call::Stop, Call::Resize, Call::Pause, Call::Delete] {
            assert!(matches!(decide(call, backing_up), Verdict::Accepted(_)), "{call:?}");
        }
    }

    #[test]
    fn stopping_an_ephemeral_sandbox_deletes_it() {
        for state in [SandboxState::Started, SandboxState::Paused] {
            let ephemeral = Facts { retention: Retention::Ephemeral, ..facts(state) };
            let gone = go(DesiredState::Destroyed, SandboxState::Destroying);
            assert_eq!(decide(Call::Stop, ephemeral), gone);
        }
    }

    #[test]
    fn deletion_is_legal_in_every_state_and_asked_for_twice_it_is_one() {
        let accepted = go(DesiredState::Destroyed, SandboxState::Destroying);
        for &state in SandboxState::ALL {
            let verdict = keep(Call::Delete, state);
            let expected = if state == SandboxState::Destroyed { Verdict::Illegal } else { accepted };
            assert_eq!(verdict, expected, "{state}");
        }
        let again = |state| decide(Call::Delete, Facts { desired: DesiredState::Destroyed, ..facts(state) });
        assert_eq!(again(SandboxState::Destroying), Verdict::AsIs);
        assert_eq!(again(SandboxState::Error), accepted, "a failed deletion is tried again");
    }

    #[test]
    fn a_failed_sandbox_is_only_recovered_or_deleted() {
        for state in [SandboxState::Error, SandboxState::BuildFailed] {
            for call in [Call::Start, Call::Stop, Call::Pause, Call::Archive, Call::Resize, Call::Fork] {
                assert_eq!(keep(call, state), Verdict::Failed, "{call:?}");
            }
            assert_eq!(keep(Call::Recover { skip_start: false }, state), Verdict::Incurable);
        }
        let going =
            Facts { desired: DesiredState::Destroyed, recoverable: true, ..facts(SandboxState::Error) };
        assert_eq!(decide(Call::Recover { skip_start: false }, going), Verdict::Incurable);
    }
}
