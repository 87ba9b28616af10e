//! Tables for the moves that matter, and properties for all the others.

use std::time::Duration;

use paddock_types::{DesiredState, Generation, SandboxState, TaskId};
use proptest::prelude::*;

use super::*;

const GENERATION: Generation = Generation { epoch: 1, number: 5 };
const OLDER: Generation = Generation { epoch: 1, number: 4 };
const NEWER: Generation = Generation { epoch: 1, number: 6 };

const TASK: TaskId = TaskId::from_uuid(uuid::Uuid::from_u128(7));

const HOST_STATES: [HostState; 15] = [
    HostState::Lost,
    HostState::Resizing,
    HostState::Restoring,
    HostState::Pausing,
    HostState::Paused,
    HostState::Resuming,
    HostState::WaitingForRoot,
    HostState::Creating,
    HostState::Starting,
    HostState::Started,
    HostState::Stopping,
    HostState::Stopped,
    HostState::Removing,
    HostState::Absent,
    HostState::Failed,
];

fn record(desired: DesiredState, state: SandboxState) -> Sandbox {
    Sandbox {
        desired,
        generation: GENERATION,
        state,
        existed: false,
        retention: Retention::Keep,
        returns_to: None,
        task: None,
        awaits_parent: false,
    }
}

fn seen(state: HostState) -> Observed {
    Observed::Seen(Seen { state, generation: Some(GENERATION), has_reason: false, task: None })
}

/// Ten seconds into the phase, the wish sent one second ago.
const MID: Times = Times {
    now: Duration::from_secs(110),
    since: Duration::from_secs(100),
    asked: Some(Duration::from_secs(109)),
};
/// The phase has just begun and nothing was sent.
const FRESH: Times = Times { now: Duration::from_secs(100), since: Duration::from_secs(100), asked: None };
/// An hour into the phase.
const LATE: Times = Times {
    now: Duration::from_secs(7300),
    since: Duration::from_secs(0),
    asked: Some(Duration::from_secs(7299)),
};

#[test]
fn a_new_sandbox_is_asked_for_and_shown_started_when_it_is() {
    let new = record(DesiredState::Started, SandboxState::Creating);
    let unknown_to_host =
        Observed::Seen(Seen { state: HostState::Absent, generation: None, has_reason: false, task: None });
    assert_eq!(plan(&new, unknown_to_host, FRESH), Step::Ask);
    assert_eq!(plan(&new, seen(HostState::Creating), MID), Step::WaitUntil(Duration::from_secs(114)));
    let pulling = Step::Record(Change::Show(SandboxState::PullingSnapshot));
    assert_eq!(plan(&new, seen(HostState::WaitingForRoot), MID), pulling);
    let started = Step::Record(Change::Reached(SandboxState::Started));
    assert_eq!(plan(&new, seen(HostState::Started), MID), started);
}

#[test]
fn a_sandbox_that_has_existed_is_shown_starting_not_creating() {
    let old = Sandbox { existed: true, ..record(DesiredState::Started, SandboxState::PullingSnapshot) };
    assert_eq!(
        plan(&old, seen(HostState::Creating), MID),
        Step::Record(Change::Show(SandboxState::Starting))
    );
}

#[test]
fn an_unaccepted_wish_is_sent_again_after_a_pause() {
    let new = record(DesiredState::Started, SandboxState::Creating);
    let old_news = Observed::Seen(Seen {
        state: HostState::Stopped,
        generation: Some(OLDER),
        has_reason: true,
        task: None,
    });
    assert_eq!(plan(&new, old_news, MID), Step::WaitUntil(MID.asked.unwrap() + RESEND));
    let later = Times { now: Duration::from_secs(114), ..MID };
    assert_eq!(plan(&new, old_news, later), Step::Ask);
}

#[test]
fn a_sandbox_that_ends_by_itself_stays_stopped() {
    let running = record(DesiredState::Started, SandboxState::Started);
    assert_eq!(plan(&running, seen(HostState::Stopped), MID), Step::Record(Change::StoppedByItself));
    let starting = record(DesiredState::Started, SandboxState::Starting);
    let ended = Observed::Seen(Seen {
        state: HostState::Stopped,
        generation: Some(GENERATION),
        has_reason: true,
        task: None,
    });
    assert_eq!(plan(&starting, ended, MID), Step::Record(Change::StoppedByItself));
    // Accepted and not begun is not an end.
    assert!(matches!(plan(&starting, seen(HostState::Stopped), MID), Step::WaitUntil(_)));
}

#[test]
fn a_reported_failure_is_an_error_that_only_a_user_leaves() {
    let new = record(DesiredState::Started, SandboxState::Creating);
    assert_eq!(plan(&new, seen(HostState::Failed), MID), Step::Record(Change::Fail(Failure::Reported)));
    let failed = record(DesiredState::Started, SandboxState::Error);
    for state in HOST_STATES.into_iter().filter(|state| *state != HostState::Started) {
        assert_eq!(plan(&failed, seen(state), LATE), Step::Nothing, "{state:?}");
    }
    assert_eq!(
        plan(&failed, seen(HostState::Started), LATE),
        Step::Record(Change::Reached(SandboxState::Started)),
        "what is so is shown, even after an error"
    );
}

#[test]
fn nothing_is_concluded_while_the_host_is_unknown_but_a_deadline_still_ends() {
    let new = record(DesiredState::Started, SandboxState::Creating);
    assert_eq!(plan(&new, Observed::Unknown, MID), Step::WaitUntil(MID.since + Duration::from_secs(900)));
    let unreachable = Step::Record(Change::Fail(Failure::Unreachable(SandboxState::Creating)));
    assert_eq!(plan(&new, Observed::Unknown, LATE), unreachable);
    let running = record(DesiredState::Started, SandboxState::Started);
    assert_eq!(plan(&running, Observed::Unknown, LATE), Step::Nothing);
}

#[test]
fn a_deletion_ends_only_by_the_answer_to_it() {
    let going = record(DesiredState::Destroyed, SandboxState::Destroying);
    let never_heard_of =
        Observed::Seen(Seen { state: HostState::Absent, generation: None, has_reason: false, task: None });
    assert_eq!(plan(&going, never_heard_of, FRESH), Step::Ask);
    assert_eq!(
        plan(&going, seen(HostState::Absent), MID),
        Step::Record(Change::Reached(SandboxState::Destroyed))
    );
}

#[test]
fn a_failed_deletion_is_wished_anew_and_shown_as_an_error_when_overdue() {
    let going = record(DesiredState::Destroyed, SandboxState::Destroying);
    assert!(matches!(plan(&going, seen(HostState::Failed), MID), Step::WaitUntil(_)));
    let later = Times { now: Duration::from_secs(114), ..MID };
    assert_eq!(plan(&going, seen(HostState::Failed), later), Step::Record(Change::Reissue));
    let overdue = Step::Record(Change::Fail(Failure::Overdue(SandboxState::Destroying)));
    assert_eq!(plan(&going, seen(HostState::Failed), LATE), overdue);
    let stuck = record(DesiredState::Destroyed, SandboxState::Error);
    let after_a_minute = Times { asked: Some(Duration::from_secs(7240)), ..LATE };
    assert_eq!(plan(&stuck, seen(HostState::Failed), after_a_minute), Step::Record(Change::Reissue));
}

#[test]
fn what_comes_back_after_its_deletion_is_sent_away_again() {
    let gone = record(DesiredState::Destroyed, SandboxState::Destroyed);
    let zombie = Observed::Seen(Seen {
        state: HostState::Creating,
        generation: Some(OLDER),
        has_reason: false,
        task: None,
    });
    assert_eq!(plan(&gone, zombie, FRESH), Step::Ask);
    assert_eq!(plan(&gone, seen(HostState::Absent), LATE), Step::Nothing);
}

#[test]
fn a_wish_that_the_store_does_not_remember_starts_a_new_epoch() {
    let stopped = record(DesiredState::Stopped, SandboxState::Stopped);
    let later = Observed::Seen(Seen {
        state: HostState::Started,
        generation: Some(NEWER),
        has_reason: false,
        task: None,
    });
    assert_eq!(plan(&stopped, later, MID), Step::Record(Change::Renumber));
}

#[test]
fn a_stopped_sandbox_whose_files_are_gone_is_an_error() {
    let stopped = record(DesiredState::Stopped, SandboxState::Stopped);
    assert_eq!(plan(&stopped, seen(HostState::Absent), MID), Step::Record(Change::Fail(Failure::Lost)));
}

#[test]
fn a_task_that_ended_is_recorded_only_if_it_is_the_one_that_was_asked_for() {
    let forking = Sandbox {
        task: Some(TASK),
        returns_to: Some(SandboxState::Started),
        ..record(DesiredState::Started, SandboxState::Forking)
    };
    let sight = |task, sight| {
        let task = Some((task, sight));
        Observed::Seen(Seen {
            state: HostState::Started,
            generation: Some(GENERATION),
            has_reason: false,
            task,
        })
    };
    assert_eq!(plan(&forking, sight(TASK, TaskSight::Ended), MID), Step::Record(Change::TaskEnded));
    assert!(matches!(plan(&forking, sight(TASK, TaskSight::Running), MID), Step::WaitUntil(_)));
    assert!(matches!(plan(&forking, sight(TaskId::random(), TaskSight::Ended), MID), Step::WaitUntil(_)));
    assert_eq!(plan(&forking, seen(HostState::Started), LATE), Step::Record(Change::TaskFailed));
    assert_eq!(plan(&forking, seen(HostState::Failed), MID), Step::Record(Change::TaskFailed));
}

#[test]
fn files_leave_the_host_only_once_the_archive_is_on_record() {
    let archiving = Sandbox { task: Some(TASK), ..record(DesiredState::Archived, SandboxState::Archiving) };
    assert!(matches!(plan(&archiving, seen(HostState::Stopped), MID), Step::WaitUntil(_)));
    assert_eq!(plan(&archiving, seen(HostState::Absent), MID), Step::Record(Change::Fail(Failure::Lost)));
    let archived = record(DesiredState::Archived, SandboxState::Archived);
    let older = Observed::Seen(Seen {
        state: HostState::Stopped,
        generation: Some(OLDER),
        has_reason: false,
        task: None,
    });
    assert_eq!(plan(&archived, older, FRESH), Step::Ask);
    assert_eq!(plan(&archived, seen(HostState::Absent), MID), Step::Nothing);
}

#[test]
fn an_old_record_does_not_evict_what_the_host_has_had_since() {
    let archived = record(DesiredState::Archived, SandboxState::Archived);
    let newer =
        |state| Observed::Seen(Seen { state, generation: Some(NEWER), has_reason: false, task: None });
    for (host, found) in [
        (HostState::Started, SandboxState::Started),
        (HostState::Paused, SandboxState::Paused),
        (HostState::Stopped, SandboxState::Stopped),
    ] {
        assert_eq!(plan(&archived, newer(host), MID), Step::Record(Change::Found(found)));
    }
    assert_eq!(plan(&archived, newer(HostState::Absent), MID), Step::Record(Change::Renumber));
}

#[test]
fn lost_files_are_an_error_of_their_own_kind() {
    for (desired, state) in [
        (DesiredState::Started, SandboxState::Starting),
        (DesiredState::Stopped, SandboxState::Stopping),
        (DesiredState::Paused, SandboxState::Paused),
    ] {
        let lost = plan(&record(desired, state), seen(HostState::Lost), MID);
        assert_eq!(lost, Step::Record(Change::Fail(Failure::Lost)), "{desired}");
    }
}

#[test]
fn a_backup_that_does_not_end_is_called_off() {
    let backing_up = Sandbox { task: Some(TASK), ..record(DesiredState::Started, SandboxState::Started) };
    assert!(!matches!(plan(&backing_up, seen(HostState::Started), MID), Step::Record(_)));
    let long = Times { now: BACKUP_LIMIT, since: Duration::ZERO, asked: None };
    assert_eq!(plan(&backing_up, seen(HostState::Started), long), Step::Record(Change::TaskFailed));
}

#[test]
fn a_paused_sandbox_whose_host_was_restarted_is_stopped() {
    let paused = record(DesiredState::Paused, SandboxState::Paused);
    assert_eq!(plan(&paused, seen(HostState::Stopped), MID), Step::Record(Change::StoppedByItself));
    let pausing = record(DesiredState::Paused, SandboxState::Pausing);
    assert_eq!(
        plan(&pausing, seen(HostState::Paused), MID),
        Step::Record(Change::Reached(SandboxState::Paused))
    );
    assert_eq!(plan(&pausing, seen(HostState::Failed), MID), Step::Record(Change::PauseFailed));
    assert_eq!(plan(&pausing, seen(HostState::Started), LATE), Step::Record(Change::PauseFailed));
}

#[test]
fn a_failed_resize_returns_to_where_it_began() {
    let resizing = Sandbox {
        returns_to: Some(SandboxState::Started),
        ..record(DesiredState::Resized, SandboxState::Resizing)
    };
    assert_eq!(plan(&resizing, seen(HostState::Started), MID), Step::Record(Change::Resized));
    assert_eq!(plan(&resizing, seen(HostState::Failed), MID), Step::Record(Change::ResizeFailed));
    assert_eq!(plan(&resizing, Observed::Unknown, LATE), Step::Record(Change::ResizeFailed));
}

#[test]
fn a_child_waits_for_its_parent_and_then_asks_for_itself() {
    let child = Sandbox { awaits_parent: true, ..record(DesiredState::Started, SandboxState::Creating) };
    assert!(matches!(plan(&child, seen(HostState::Absent), MID), Step::WaitUntil(_)));
    assert_eq!(plan(&child, seen(HostState::Absent), LATE), Step::Record(Change::ForgetParent));
    let deleted = Sandbox { desired: DesiredState::Destroyed, state: SandboxState::Destroying, ..child };
    assert!(
        matches!(plan(&deleted, seen(HostState::Absent), MID), Step::WaitUntil(_)),
        "its files may yet come"
    );
}

fn any_generation() -> impl Strategy<Value = Option<Generation>> {
    prop_oneof![Just(None), Just(Some(OLDER)), Just(Some(GENERATION)), Just(Some(NEWER))]
}

fn any_observed() -> impl Strategy<Value = Observed> {
    let state = proptest::sample::select(HOST_STATES.to_vec());
    prop_oneof![
        1 => Just(Observed::Unknown),
        6 => (state, any_generation(), any::<bool>(), any_sight()).prop_map(
            |(state, generation, has_reason, sight)| {
                let task = sight.map(|sight| (TASK, sight));
                Observed::Seen(Seen { state, generation, has_reason, task })
            }
        ),
    ]
}

fn any_sight() -> impl Strategy<Value = Option<TaskSight>> {
    proptest::option::of(prop_oneof![Just(TaskSight::Running), Just(TaskSight::Ended)])
}

fn any_record() -> impl Strategy<Value = Sandbox> {
    (
        proptest::sample::select(DesiredState::ALL.to_vec()),
        proptest::sample::select(SandboxState::ALL.to_vec()),
        any::<[bool; 4]>(),
        proptest::option::of(prop_oneof![Just(SandboxState::Started), Just(SandboxState::Stopped)]),
    )
        .prop_map(|(desired, state, [existed, ephemeral, has_task, awaits_parent], returns_to)| {
            Sandbox {
                existed,
                retention: if ephemeral { Retention::Ephemeral } else { Retention::Keep },
                returns_to,
                task: has_task.then_some(TASK),
                awaits_parent,
                ..record(desired, state)
            }
        })
}

fn any_times() -> impl Strategy<Value = Times> {
    (0..10_000_u64, 0..10_000_u64, proptest::option::of(0..10_000_u64)).prop_map(|(since, length, asked)| {
        let (since, length) = (Duration::from_secs(since), Duration::from_secs(length));
        let asked = asked.map(|after| since + Duration::from_secs(after).min(length));
        Times { now: since + length, since, asked }
    })
}

/// The record after a step, as control would keep it.
fn apply(sandbox: Sandbox, change: Change) -> Sandbox {
    let next = Generation { number: sandbox.generation.number + 10, ..sandbox.generation };
    let returned = |desired: DesiredState| {
        let state = sandbox.returns_to.unwrap_or(SandboxState::Started);
        let desired = match (desired, state) {
            (DesiredState::Started | DesiredState::Stopped, _) => desired,
            (_, SandboxState::Stopped) => DesiredState::Stopped,
            _ => DesiredState::Started,
        };
        Sandbox { desired, state, generation: next, returns_to: None, task: None, ..sandbox }
    };
    match change {
        Change::Show(state) => Sandbox { state, ..sandbox },
        Change::Reached(state) => Sandbox { state, existed: true, ..sandbox },
        Change::StoppedByItself if sandbox.retention == Retention::Ephemeral => Sandbox {
            desired: DesiredState::Destroyed,
            state: SandboxState::Destroying,
            generation: next,
            existed: true,
            ..sandbox
        },
        Change::StoppedByItself => Sandbox {
            desired: DesiredState::Stopped,
            state: SandboxState::Stopped,
            generation: next,
            existed: true,
            ..sandbox
        },
        Change::TaskEnded if sandbox.desired == DesiredState::Archived => {
            Sandbox { state: SandboxState::Archived, generation: next, task: None, existed: false, ..sandbox }
        }
        Change::TaskFailed if sandbox.desired == DesiredState::Archived => {
            Sandbox { state: SandboxState::Error, task: None, ..sandbox }
        }
        // A backup ends without a word to the state.
        Change::TaskEnded if sandbox.returns_to.is_none() => {
            Sandbox { generation: next, task: None, ..sandbox }
        }
        Change::TaskEnded | Change::TaskFailed | Change::Resized | Change::ResizeFailed => {
            returned(sandbox.desired)
        }
        Change::PauseFailed => Sandbox {
            desired: DesiredState::Started,
            state: SandboxState::Started,
            generation: next,
            ..sandbox
        },
        Change::Found(state) => Sandbox {
            desired: match state {
                SandboxState::Started => DesiredState::Started,
                SandboxState::Paused => DesiredState::Paused,
                _ => DesiredState::Stopped,
            },
            state,
            existed: true,
            generation: next,
            ..sandbox
        },
        Change::ForgetParent => Sandbox { awaits_parent: false, existed: true, ..sandbox },
        Change::Fail(_) => Sandbox { state: SandboxState::Error, ..sandbox },
        Change::Reissue | Change::Renumber => Sandbox { generation: next, ..sandbox },
    }
}

proptest! {
    /// A wait is never for the past, or control would spin.
    #[test]
    fn a_wait_is_for_the_future(sandbox in any_record(), observed in any_observed(), times in any_times()) {
        if let Step::WaitUntil(moment) = plan(&sandbox, observed, times) {
            prop_assert!(moment > times.now);
        }
    }

    /// Changes of the record come to an end by themselves: no observation makes control write for ever.
    #[test]
    fn a_few_changes_lead_to_rest(sandbox in any_record(), observed in any_observed(), times in any_times()) {
        let mut sandbox = sandbox;
        for _ in 0..6 {
            match plan(&sandbox, observed, times) {
                // What is recorded begins a phase, and the wish of it is not sent yet.
                Step::Record(change) => sandbox = apply(sandbox, change),
                Step::Nothing | Step::Ask | Step::WaitUntil(_) => return Ok(()),
            }
        }
        prop_assert!(false, "still changing: {sandbox:?}");
    }

    /// Nothing leaves `destroyed`.
    #[test]
    fn destroyed_is_for_ever(observed in any_observed(), times in any_times(), ephemeral in any::<bool>()) {
        let retention = if ephemeral { Retention::Ephemeral } else { Retention::Keep };
        let gone = Sandbox { retention, ..record(DesiredState::Destroyed, SandboxState::Destroyed) };
        if let Step::Record(change) = plan(&gone, observed, times) {
            prop_assert_eq!(apply(gone, change).state, SandboxState::Destroyed);
        }
    }

    /// Whatever a host keeps saying, a sandbox on the way somewhere gets somewhere.
    #[test]
    fn no_transitional_state_lasts_for_ever(sandbox in any_record(), observed in any_observed()) {
        let mut sandbox = sandbox;
        let mut times = Times { now: Duration::ZERO, since: Duration::ZERO, asked: None };
        for _ in 0..5_000 {
            let before = (sandbox.generation, sandbox.state);
            match plan(&sandbox, observed, times) {
                Step::Nothing => break,
                Step::WaitUntil(moment) => times.now = moment,
                Step::Ask => times.asked = Some(times.now),
                Step::Record(change) => sandbox = apply(sandbox, change),
            }
            if before.1 != sandbox.state {
                times.since = times.now;
            }
            if before.0 != sandbox.generation {
                times.asked = None;
            }
        }
        prop_assert!(deadline(sandbox.state).is_none(), "stuck in {:?}", sandbox);
    }

    /// A host that does what it is told makes every wish come true.
    #[test]
    fn every_wish_is_reached_on_a_willing_host(sandbox in any_record(), observed in any_observed(), kept in any::<bool>()) {
        prop_assume!(sandbox.state != SandboxState::Error && sandbox.state != SandboxState::Destroyed);
        // An image that is not built is no host's to make.
        let awaits_image = matches!(
            sandbox.state,
            SandboxState::PendingBuild | SandboxState::BuildingSnapshot | SandboxState::BuildFailed
        );
        prop_assume!(!awaits_image || sandbox.desired == DesiredState::Destroyed);
        let mut sandbox = Sandbox { existed: kept, ..sandbox };
        let mut observed = observed;
        let mut times = Times { now: Duration::ZERO, since: Duration::ZERO, asked: None };
        for _ in 0..50 {
            match plan(&sandbox, observed, times) {
                Step::Nothing => break,
                Step::WaitUntil(moment) if observed == Observed::Unknown => {
                    prop_assume!(moment > times.now && !sandbox.awaits_parent);
                    observed = Observed::Seen(Seen { state: HostState::Absent, generation: None, has_reason: false, task: None });
                }
                Step::WaitUntil(moment) => times.now = moment,
                Step::Ask => {
                    times.asked = Some(times.now);
                    let state = match (sandbox.desired, sandbox.state) {
                        (DesiredState::Started, _) => HostState::Started,
                        (DesiredState::Resized, _) => HostState::Started,
                        (DesiredState::Paused, _) => HostState::Paused,
                        (DesiredState::Archived, SandboxState::Archived) => HostState::Absent,
                        (DesiredState::Stopped | DesiredState::Archived, _) => HostState::Stopped,
                        (DesiredState::Destroyed, _) => HostState::Absent,
                    };
                    let task = sandbox.task.map(|task| (task, TaskSight::Ended));
                    observed = Observed::Seen(Seen { state, generation: Some(sandbox.generation), has_reason: false, task });
                }
                Step::Record(Change::Fail(_) | Change::TaskFailed) => return Ok(()),
                Step::Record(change) => sandbox = apply(sandbox, change),
            }
        }
        let goal = match sandbox.desired {
            DesiredState::Started => SandboxState::Started,
            DesiredState::Stopped => SandboxState::Stopped,
            DesiredState::Paused => SandboxState::Paused,
            DesiredState::Archived if sandbox.task.is_none() => return Ok(()),
            DesiredState::Archived => SandboxState::Archived,
            DesiredState::Resized | DesiredState::Destroyed => SandboxState::Destroyed,
        };
        let unknown_rest = observed == Observed::Unknown && deadline(sandbox.state).is_none();
        prop_assert!(sandbox.state == goal || unknown_rest, "{:?} {:?}", sandbox, observed);
    }
}

#[test]
fn one_whose_image_is_being_built_is_told_to_nobody_until_it_is_to_be_gone() {
    for state in [SandboxState::PendingBuild, SandboxState::BuildingSnapshot] {
        let building = record(DesiredState::Started, state);
        for host in HOST_STATES {
            let wait = Step::WaitUntil(Duration::from_secs(100 + 3600));
            assert_eq!(plan(&building, seen(host), MID), wait, "{state} {host:?}");
        }
        assert_eq!(plan(&building, Observed::Unknown, MID), Step::WaitUntil(Duration::from_secs(3700)));
        let late = Step::Record(Change::Fail(Failure::Overdue(state)));
        assert_eq!(plan(&building, Observed::Unknown, LATE), late);
        let unwanted = record(DesiredState::Destroyed, state);
        let elsewhere = Observed::Seen(Seen {
            state: HostState::Absent,
            generation: None,
            has_reason: false,
            task: None,
        });
        assert_eq!(plan(&unwanted, elsewhere, FRESH), Step::Ask);
        assert_eq!(
            plan(&unwanted, seen(HostState::Absent), MID),
            Step::Record(Change::Reached(SandboxState::Destroyed))
        );
    }
}

#[test]
fn one_whose_build_failed_is_never_started() {
    let failed = record(DesiredState::Started, SandboxState::BuildFailed);
    for host in HOST_STATES {
        for times in [FRESH, MID, LATE] {
            assert_eq!(plan(&failed, seen(host), times), Step::Nothing);
        }
    }
    let unwanted = record(DesiredState::Destroyed, SandboxState::BuildFailed);
    assert_eq!(
        plan(&unwanted, seen(HostState::Absent), MID),
        Step::Record(Change::Reached(SandboxState::Destroyed))
    );
}
