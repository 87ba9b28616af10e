//! What the documents say of sandboxes, in settled states.

use super::Dice;

/// One of a few names that sandboxes have in a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub usize);

impl Slot {
    /// How many there are.
    pub const COUNT: usize = 4;
    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [Self(0), Self(1), Self(2), Self(3)];

    /// The sandbox's name.
    pub fn name(self) -> String {
        format!("walk-{}", self.0)
    }
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Makes a sandbox.
    Create(Slot),
    /// Makes a sandbox that is gone when it stops.
    CreateEphemeral(Slot),
    /// Starts, resumes or restores it.
    Start(Slot),
    /// Stops it.
    Stop(Slot),
    /// Holds it.
    Pause(Slot),
    /// Gives it so many cores.
    Resize(Slot, u8),
    /// Makes the second of the first.
    Fork(Slot, Slot),
    /// Makes a snapshot of it, under a name of its own.
    Snapshot(Slot),
    /// Copies it to the object store.
    BackUp(Slot),
    /// Moves it to the object store.
    Archive(Slot),
    /// Tries again what failed; nothing has.
    Recover(Slot),
    /// Removes it.
    Delete(Slot),
    /// Writes this into a file of it.
    Write(Slot, u16),
}

impl Op {
    /// Any operation on any sandbox.
    pub fn random(dice: &mut Dice) -> Self {
        let slot = Slot(dice.below(Slot::COUNT));
        let other = Slot(dice.below(Slot::COUNT));
        match dice.below(32) {
            0..4 => Self::Create(slot),
            4 => Self::CreateEphemeral(slot),
            5..9 => Self::Start(slot),
            9..13 => Self::Stop(slot),
            13..15 => Self::Pause(slot),
            15..17 => Self::Resize(slot, u8::try_from(1 + dice.below(4)).unwrap_or(1)),
            17..20 => Self::Fork(slot, other),
            20 => Self::Snapshot(slot),
            21 => Self::BackUp(slot),
            22..25 => Self::Archive(slot),
            25 => Self::Recover(slot),
            26..28 => Self::Delete(slot),
            _ => Self::Write(slot, u16::try_from(dice.below(60_000)).unwrap_or(0)),
        }
    }

    /// Whether its answer waits for a start.
    pub(super) const fn is_waited_for(self) -> bool {
        matches!(self, Self::Create(_) | Self::CreateEphemeral(_) | Self::Start(_) | Self::Fork(_, _))
    }

    /// Whom it is about; of a fork the parent.
    pub const fn slot(self) -> Slot {
        match self {
            Self::Create(slot)
            | Self::CreateEphemeral(slot)
            | Self::Start(slot)
            | Self::Stop(slot)
            | Self::Pause(slot)
            | Self::Resize(slot, _)
            | Self::Fork(slot, _)
            | Self::Snapshot(slot)
            | Self::BackUp(slot)
            | Self::Archive(slot)
            | Self::Recover(slot)
            | Self::Delete(slot)
            | Self::Write(slot, _) => slot,
        }
    }
}

/// A settled state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `started`
    Started,
    /// `stopped`
    Stopped,
    /// `paused`
    Paused,
    /// `archived`
    Archived,
}

/// What is seen of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sandbox {
    /// Its state.
    pub place: Place,
    /// Its cores.
    pub cpu: u8,
    /// What was last written into its file; 0 is nothing, or not looked at.
    pub content: u16,
}

/// What is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// 200, and then this is so.
    Done(Model),
    /// One of these statuses, and nothing changes.
    Refused(&'static [u16]),
}

/// What is so.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    slots: [Option<Known>; Slot::COUNT],
    born: u32,
}

/// One sandbox; those that are gone have no parent's claim on anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    shown: Sandbox,
    is_ephemeral: bool,
    /// Which birth it was: a name is used again, and a fork is of the first who had it.
    number: u32,
    parent: Option<u32>,
}

impl Model {
    /// What is to come of an operation.
    pub fn after(&self, op: Op) -> Answer {
        const ABSENT: Answer = Answer::Refused(&[404]);
        const ILLEGAL: Answer = Answer::Refused(&[400]);
        const TAKEN: Answer = Answer::Refused(&[409]);
        if let Op::Create(slot) | Op::CreateEphemeral(slot) = op {
            if self.slots[slot.0].is_some() {
                return TAKEN;
            }
            let shown = Sandbox { place: Place::Started, cpu: 1, content: 0 };
            return self.with_new(slot, shown, matches!(op, Op::CreateEphemeral(_)), None);
        }
        let slot = op.slot();
        let Some(known) = self.slots[slot.0] else { return ABSENT };
        let moved = |place| self.with(slot, Some(Known { shown: Sandbox { place, ..known.shown }, ..known }));
        let (place, cpu) = (known.shown.place, known.shown.cpu);
        let (is_running, is_idle) = (place == Place::Started, place == Place::Stopped);
        match op {
            Op::Create(_) | Op::CreateEphemeral(_) => TAKEN,
            Op::Start(_) => moved(Place::Started),
            Op::Stop(_) if known.is_ephemeral && self.has_forks(known) => ILLEGAL,
            Op::Stop(_) if known.is_ephemeral => self.with(slot, None),
            Op::Stop(_) if matches!(place, Place::Started | Place::Paused) => moved(Place::Stopped),
            Op::Pause(_) if is_running => moved(Place::Paused),
            Op::Resize(_, wanted) if (is_running && wanted > cpu) || (is_idle && wanted != cpu) => {
                let shown = Sandbox { cpu: wanted, ..known.shown };
                self.with(slot, Some(Known { shown, ..known }))
            }
            Op::Fork(_, _) if !is_running && !is_idle => ILLEGAL,
            Op::Fork(_, child) if self.slots[child.0].is_some() => TAKEN,
            Op::Fork(_, child) => {
                let shown = Sandbox { place: Place::Started, ..known.shown };
                self.with_new(child, shown, known.is_ephemeral, Some(known.number))
            }
            Op::Snapshot(_) if is_running || is_idle => Answer::Done(self.clone()),
            Op::BackUp(_) if (is_running || is_idle) && !known.is_ephemeral => Answer::Done(self.clone()),
            Op::Archive(_) if is_idle && !known.is_ephemeral => moved(Place::Archived),
            Op::Delete(_) if self.has_forks(known) => ILLEGAL,
            Op::Delete(_) => self.with(slot, None),
            Op::Write(_, content) if is_running => {
                let shown = Sandbox { content, ..known.shown };
                self.with(slot, Some(Known { shown, ..known }))
            }
            Op::Stop(_)
            | Op::Pause(_)
            | Op::Resize(_, _)
            | Op::Snapshot(_)
            | Op::BackUp(_)
            | Op::Archive(_)
            | Op::Recover(_)
            | Op::Write(_, _) => ILLEGAL,
        }
    }

    /// One that ran runs no more.
    pub(super) fn ended(&self, slot: Slot) -> Self {
        let mut after = self.clone();
        if let Some(known) = &mut after.slots[slot.0]
            && matches!(known.shown.place, Place::Started | Place::Paused)
        {
            if known.is_ephemeral {
                after.slots[slot.0] = None;
            } else {
                known.shown.place = Place::Stopped;
            }
        }
        after
    }

    /// It runs.
    pub(super) fn recovered(&self, slot: Slot) -> Self {
        let mut after = self.clone();
        if let Some(known) = &mut after.slots[slot.0] {
            known.shown.place = Place::Started;
        }
        after
    }

    /// Whether this is seen when the model is true. A content of 0 was not looked at.
    pub(super) fn looks_like(&self, seen: &[Option<Sandbox>; Slot::COUNT]) -> bool {
        self.slots.iter().zip(seen).all(|(known, seen)| match (known, seen) {
            (None, None) => true,
            (Some(Known { shown, .. }), Some(seen)) => {
                (shown.place, shown.cpu) == (seen.place, seen.cpu)
                    && (seen.content == 0 || seen.content == shown.content)
            }
            _ => false,
        })
    }

    /// What this model says of a sandbox.
    pub fn of(&self, slot: Slot) -> Option<Sandbox> {
        self.slots[slot.0].map(|known| known.shown)
    }

    fn has_forks(&self, parent: Known) -> bool {
        self.slots.iter().flatten().any(|known| known.parent == Some(parent.number))
    }

    fn with(&self, slot: Slot, known: Option<Known>) -> Answer {
        let mut after = self.clone();
        after.slots[slot.0] = known;
        Answer::Done(after)
    }

    fn with_new(&self, slot: Slot, shown: Sandbox, is_ephemeral: bool, parent: Option<u32>) -> Answer {
        let mut after = self.clone();
        after.born += 1;
        after.slots[slot.0] = Some(Known { shown, is_ephemeral, number: after.born, parent });
        Answer::Done(after)
    }
}
