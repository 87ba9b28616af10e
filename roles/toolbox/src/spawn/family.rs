//! All processes that descend from one that led a session, and their end.
//!
//! A process belongs to it if it is in the leader's session or group, or descends from one that does.
//! One that has left the session *and* lost its parents belongs to nobody: that is how a program
//! becomes a daemon, and it is left alone.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Reaper;

/// How long after SIGKILL a process is waited for. One that hangs in the kernel for longer is left.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// How a family is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grace {
    /// From SIGTERM to SIGKILL.
    pub(crate) period: Duration,
    /// How often it is looked at in that time.
    pub(crate) interval: Duration,
}

/// Ends the family of `leader`: SIGTERM, then SIGKILL after the grace period to all that are left.
///
/// `leader_lives` says whether the leader has not been reaped; else its number may be another's by now.
pub(crate) async fn terminate(leader: Pid, leader_lives: bool, reaper: &Reaper, grace: Grace) {
    let mut family = Family::of(leader, leader_lives);
    let start = Instant::now();
    let mut reaped = reaper.watch();
    let mut living = family.look().await;
    let mut asked = HashSet::new();
    while !living.is_empty() && start.elapsed() < grace.period {
        // Also those that were started while the others were being asked.
        for &process in living.iter().filter(|&&process| asked.insert(process)) {
            signal(process, Signal::TERM);
        }
        let again = (Instant::now() + grace.interval).min(start + grace.period);
        tokio::select! {
            _ = reaped.changed() => {}
            () = sleep_until(again) => {}
        }
        living = family.look().await;
    }
    family.kill(living, &mut reaped, grace.interval).await;
}

/// Ends the family of `leader`, which has not been reaped, without asking: its descendants, then itself.
pub(crate) async fn kill_family(leader: Pid, reaper: &Reaper) {
    let mut family = Family::of(leader, true);
    let living = family.look().await;
    family.kill(living, &mut reaper.watch(), Duration::from_millis(20)).await;
}

fn signal(process: Pid, signal: Signal) {
    // Gone meanwhile, or of another user: either way nothing is left to do here.
    let _ = kill_process(process, signal);
}

#[derive(Debug)]
struct Family {
    leader: Pid,
    /// Members that have been seen, with the times of their starts: numbers are used again.
    known: HashMap<Pid, u64>,
}

impl Family {
    fn of(leader: Pid, leader_lives: bool) -> Self {
        let own = fs::read(format!("/proc/{}/stat", leader.as_raw_nonzero())).ok();
        let started = own.and_then(|stat| Process::parse(leader, &stat)).map(|process| process.started);
        let known = started.filter(|_| leader_lives).map(|started| (leader, started));
        Self { leader, known: known.into_iter().collect() }
    }

    async fn kill(
        &mut self,
        mut living: Vec<Pid>,
        reaped: &mut tokio::sync::watch::Receiver<u64>,
        interval: Duration,
    ) {
        let deadline = Instant::now() + KILL_LIMIT;
        while !living.is_empty() && Instant::now() < deadline {
            // The leader last: its end is what others wait for.
            living.sort_by_key(|&process| process == self.leader);
            for &process in &living {
                signal(process, Signal::KILL);
            }
            // Whether or not one was reaped, it is looked again: more may have been started meanwhile.
            let _ = timeout_at(deadline.min(Instant::now() + interval), reaped.changed()).await;
            living = self.look().await;
        }
    }

    /// Its living members now. Without `/proc` only the leader is known.
    async fn look(&mut self) -> Vec<Pid> {
        let processes = tokio::task::spawn_blocking(processes).await.unwrap_or_default();
        self.members(&processes)
    }

    fn members(&mut self, processes: &[Process]) -> Vec<Pid> {
        let is_known =
            |known: &HashMap<Pid, u64>, process: &Process| known.get(&process.id) == Some(&process.started);
        // As long as one of its session lives, the kernel gives the leader's number to nobody else.
        let is_reused =
            processes.iter().any(|process| process.id == self.leader && !is_known(&self.known, process));
        let is_in_session = |process: &Process| {
            !is_reused && (process.session == Some(self.leader) || process.group == Some(self.leader))
        };
        self.known = processes
            .iter()
            .filter(|process| is_known(&self.known, process) || is_in_session(process))
            .map(|process| (process.id, process.started))
            .collect();
        // Children may come before their parents in the list, so until none is new.
        loop {
            let before = self.known.len();
            for process in processes {
                if process.parent.is_some_and(|parent| self.known.contains_key(&parent)) {
                    self.known.insert(process.id, process.started);
                }
            }
            if self.known.len() == before {
                break;
            }
        }
        let lives = |process: &&Process| process.lives && is_known(&self.known, process);
        processes.iter().filter(lives).map(|process| process.id).collect()
    }
}

/// What is asked of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    id: Pid,
    parent: Option<Pid>,
    group: Option<Pid>,
    session: Option<Pid>,
    /// In ticks since the start of the system.
    started: u64,
    /// Not only an entry that waits to be reaped.
    lives: bool,
}

impl Process {
    /// Reads `/proc/<id>/stat`: `id (name) state parent group session … started …`, where the name may hold
    /// anything.
    fn parse(id: Pid, stat: &[u8]) -> Option<Self> {
        let rest = &stat[memchr::memrchr(b')', stat)? + 1..];
        let fields: Vec<&str> = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().collect();
        // A process that is just ending has no group and no session any more: -1.
        let process = |index: usize| {
            let number: i32 = fields.get(index)?.parse().ok()?;
            Pid::from_raw(number.max(0))
        };
        Some(Self {
            id,
            parent: process(1),
            group: process(2),
            session: process(3),
            started: fields.get(19)?.parse().ok()?,
            lives: !matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

/// All processes that can be seen. Blocks.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let name = entry.ok()?.file_name();
            let id = Pid::from_raw(i32::try_from(name.to_str()?.parse::<u32>().ok()?).ok()?)?;
            let stat = fs::read(format!("/proc/{}/stat", id.as_raw_nonzero())).ok()?;
            Process::parse(id, &stat)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).unwrap()
    }

    fn process(id: i32, parent: i32, session: i32, started: u64) -> Process {
        Process {
            id: pid(id),
            parent: Pid::from_raw(parent),
            group: Pid::from_raw(session),
            session: Pid::from_raw(session),
            started,
            lives: true,
        }
    }

    fn members(family: &mut Family, processes: &[Process]) -> Vec<i32> {
        family.members(processes).into_iter().map(|pid| pid.as_raw_nonzero().get()).collect()
    }

    #[test]
    fn a_family_is_its_session_and_all_descendants_even_once_the_leader_is_gone() {
        let mut family = Family { leader: pid(10), known: HashMap::from([(pid(10), 5)]) };
        let leader = process(10, 1, 10, 5);
        // 12 has a session of its own, 13 is its child and comes first in the list.
        let others =
            [process(13, 12, 12, 8), process(11, 1, 10, 6), process(12, 10, 12, 7), process(20, 1, 20, 1)];
        let all: Vec<_> = others.iter().copied().chain([leader]).collect();
        assert_eq!(members(&mut family, &all), [13, 11, 12, 10]);
        // The leader has ended, and 12 has been handed to PID 1.
        let orphaned = [process(13, 12, 12, 8), process(11, 1, 10, 6), process(12, 1, 12, 7)];
        assert_eq!(members(&mut family, &orphaned), [13, 11, 12]);
        // 11 has ended and another process got its number.
        assert_eq!(members(&mut family, &[process(11, 20, 20, 99), process(12, 1, 12, 7)]), [12]);
    }

    #[test]
    fn a_number_that_is_used_again_is_not_the_leader() {
        let mut family = Family { leader: pid(10), known: HashMap::new() };
        assert_eq!(members(&mut family, &[process(11, 1, 10, 6)]), [11]);
        let mut family = Family { leader: pid(10), known: HashMap::new() };
        assert_eq!(members(&mut family, &[process(10, 1, 10, 9), process(11, 10, 10, 10)]), [0; 0]);
    }

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"7 (a) b) R 1 2 3) S 4 5 6 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1234 0 0\n";
        let parsed = Process::parse(pid(7), stat).unwrap();
        assert_eq!((parsed.parent, parsed.group, parsed.session), (Some(pid(4)), Some(pid(5)), Some(pid(6))));
        assert_eq!((parsed.started, parsed.lives), (1234, true));
        let ending =
            Process::parse(pid(7), b"7 (a) X 0 -1 -1 0 -1 0 0 0 0 0 0 0 0 0 0 20 0 1 0 9 0").unwrap();
        assert_eq!((ending.parent, ending.group, ending.session, ending.lives), (None, None, None, false));
        assert_eq!(Process::parse(pid(7), b""), None);
        assert_eq!(Process::parse(pid(7), b"7 (\xff) S"), None);
    }
}
