//! How a warm pool gets as many members as it should have.
//!
//! | member is | then |
//! |---|---|
//! | started | it waits |
//! | on the way there | it counts as if it were |
//! | anything else | it is of no use: deleted, and replaced |
//!
//! A pool that is too large loses those first that are not started yet, then the youngest. After a failure one member
//! is tried at a time, with longer and longer pauses; the first that comes up ends that.

use std::time::Duration;

use paddock_types::{DesiredState, SandboxState};

/// Time since some fixed moment, by a clock that does not jump.
pub type Moment = Duration;

/// The most members of one pool that are made at once: others want the host too.
pub const MOST_AT_ONCE: usize = 8;
/// The pause after the first failure; doubled with each further one up to [`LONGEST_PAUSE`].
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What a member is to its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Started: it could be handed out.
    Ready,
    /// Will be started.
    Making,
    /// Will not be.
    Useless,
    /// Being removed already: not a member any more.
    Leaving,
}

/// What is to be done, as places in the list of members.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be deleted.
    pub delete: Vec<usize>,
    /// How many are to be made.
    pub make: usize,
}

/// How often a pool's members have failed in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    count: u32,
    /// When the next member may be made.
    again: Moment,
}

impl Failures {
    /// One more.
    #[must_use]
    pub fn and_one_more(self, now: Moment) -> Self {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.count)).min(LONGEST_PAUSE);
        Self { count: self.count.saturating_add(1), again: now + pause }
    }

    /// How many members may be under way at once.
    fn most_at_once(self, now: Moment) -> usize {
        match self.count {
            0 => MOST_AT_ONCE,
            _ if now >= self.again => 1,
            _ => 0,
        }
    }
}

/// What a sandbox in this state is to its pool.
pub const fn standing(state: SandboxState, desired: DesiredState) -> Standing {
    match (desired, state) {
        (DesiredState::Destroyed, _) => Standing::Leaving,
        (DesiredState::Started, SandboxState::Started) => Standing::Ready,
        (
            DesiredState::Started,
            SandboxState::Creating
            | SandboxState::PullingSnapshot
            | SandboxState::Starting
            | SandboxState::Restoring
            | SandboxState::Resuming
            | SandboxState::PendingBuild
            | SandboxState::BuildingSnapshot
            | SandboxState::Unknown,
        ) => Standing::Making,
        (DesiredState::Started, _)
        | (
            DesiredState::Stopped | DesiredState::Paused | DesiredState::Archived | DesiredState::Resized,
            _,
        ) => Standing::Useless,
    }
}

/// The next steps for a pool that should have `size` members and has these, the oldest first. To be asked again whenever
/// a member changes.
pub fn plan(size: usize, members: &[Standing], failures: Failures, now: Moment) -> Plan {
    let places = |wanted: Standing| {
        members.iter().enumerate().filter(move |(_, standing)| **standing == wanted).map(|(place, _)| place)
    };
    let mut delete: Vec<usize> = places(Standing::Useless).collect();
    let making = places(Standing::Making).count();
    let live = making + places(Standing::Ready).count();
    let dispensable = places(Standing::Making).rev().chain(places(Standing::Ready).rev());
    delete.extend(dispensable.take(live.saturating_sub(size)));
    let room = failures.most_at_once(now).saturating_sub(making);
    Plan { delete, make: size.saturating_sub(live).min(room) }
}

#[cfg(test)]
mod tests {
    use super::Standing::{Leaving, Making, Ready, Useless};
    use super::*;

    const CALM: Failures = Failures { count: 0, again: Duration::ZERO };

    fn at_once(size: usize, members: &[Standing]) -> Plan {
        plan(size, members, CALM, Duration::ZERO)
    }

    #[test]
    fn a_pool_is_filled_up_and_what_is_under_way_counts() {
        assert_eq!(at_once(3, &[]), Plan { delete: vec![], make: 3 });
        assert_eq!(at_once(3, &[Ready, Making, Leaving]), Plan { delete: vec![], make: 1 });
        assert_eq!(at_once(3, &[Ready, Making, Ready]), Plan::default());
        assert_eq!(at_once(100, &[Making; 3]).make, MOST_AT_ONCE - 3, "not all at once");
    }

    #[test]
    fn what_is_of_no_use_is_deleted_and_replaced() {
        assert_eq!(at_once(2, &[Useless, Ready, Useless]), Plan { delete: vec![0, 2], make: 1 });
    }

    #[test]
    fn a_pool_that_is_too_large_loses_what_is_not_started_and_then_the_youngest() {
        assert_eq!(at_once(1, &[Ready, Making, Ready, Leaving]).delete, [1, 2]);
        assert_eq!(at_once(0, &[Ready, Ready, Useless]).delete, [2, 1, 0]);
    }

    #[test]
    fn after_failures_one_at_a_time_is_tried_with_longer_and_longer_pauses() {
        let mut failures = CALM;
        let mut now = Duration::ZERO;
        let mut pause = FIRST_PAUSE;
        for _ in 0..20 {
            failures = failures.and_one_more(now);
            let almost = now + pause.saturating_sub(Duration::from_millis(1));
            assert_eq!(plan(5, &[Ready], failures, almost).make, 0);
            now += pause;
            assert_eq!(plan(5, &[Ready], failures, now).make, 1);
            assert_eq!(plan(5, &[Ready, Making], failures, now).make, 0, "one is under way");
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        assert_eq!(pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_member_is_of_use_only_while_it_is_started_or_on_the_way_there() {
        for &state in SandboxState::ALL {
            assert_eq!(standing(state, DesiredState::Destroyed), Leaving, "{state}");
            assert_eq!(standing(state, DesiredState::Stopped), Useless, "{state}");
            let settled_elsewhere = matches!(
                state,
                SandboxState::Stopped | SandboxState::Error | SandboxState::Paused | SandboxState::Destroyed
            );
            let of_use = matches!(standing(state, DesiredState::Started), Ready | Making);
            assert!(!(settled_elsewhere && of_use), "{state}");
        }
    }
}
