//! A model of sandboxes' lives, to walk through at random with whatever really keeps them.
//!
//! The cast: [`Op`] is what somebody does; [`Model`] is what the documents say of it (`docs/lifecycle.md`), written down a
//! second time and as plainly as can be; [`Walk`] holds every model that agrees with all that was answered and seen so far,
//! since of an operation whose answer was lost nobody knows whether it was done; [`shrink`] finds a short sequence that
//! fails like a long one.
//!
//! The model knows settled states only: whoever walks waits until everything is settled before it looks.

mod model;
mod plan;
mod shrink;

pub use model::{Answer, Model, Op, Place, Sandbox, Slot};
pub use plan::{Step, Victim, plan, seed};
pub use shrink::shrink;

use std::collections::BTreeSet;

/// Numbers that look random and are the same for the same seed (splitmix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Begins at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    #[expect(clippy::cast_possible_truncation, reason = "smaller than the bound")]
    pub const fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }
}

/// Every model that may be true.
#[derive(Debug, Clone)]
pub struct Walk {
    models: BTreeSet<Model>,
}

impl Default for Walk {
    fn default() -> Self {
        Self { models: [Model::default()].into() }
    }
}

impl Walk {
    /// The next operation: legal nearly always, or there would be more refusals than life.
    pub fn next(&self, dice: &mut Dice) -> Op {
        let model = self.models.iter().next().cloned().unwrap_or_default();
        for _ in 0..dice.below(8) {
            let op = Op::random(dice);
            if matches!(model.after(op), Answer::Done(_)) {
                return op;
            }
        }
        Op::random(dice)
    }

    /// One operation was answered with this status; `None` if the answer was lost.
    ///
    /// # Errors
    /// When no model allows the answer.
    pub fn answered(&mut self, op: Op, status: Option<u16>) -> Result<(), String> {
        self.both(&[(op, status)])
    }

    /// Operations that were begun at once were answered so: in some order, which nobody knows.
    ///
    /// # Errors
    /// When no order of any model allows the answers.
    pub fn both(&mut self, answers: &[(Op, Option<u16>)]) -> Result<(), String> {
        let mut next = BTreeSet::new();
        for order in orders(answers) {
            let mut models = self.models.clone();
            for (op, status) in order {
                models = models
                    .into_iter()
                    .flat_map(|model| step(&model, op, status, answers.len() > 1))
                    .collect();
            }
            next.append(&mut models);
        }
        if next.is_empty() {
            return Err(format!("{answers:?} is not what any of {:?} allows", self.models));
        }
        self.models = next;
        Ok(())
    }

    /// A sandbox ended by itself.
    pub fn ended(&mut self, slot: Slot) {
        self.models = self.models.iter().map(|model| model.ended(slot)).collect();
    }

    /// A sandbox that had failed was recovered: it runs, with what it had.
    pub fn recovered(&mut self, slot: Slot) {
        self.models = self.models.iter().map(|model| model.recovered(slot)).collect();
    }

    /// What may have been written last into the file of a sandbox.
    pub fn contents(&self, slot: Slot) -> BTreeSet<u16> {
        self.models.iter().filter_map(|model| model.of(slot)).map(|sandbox| sandbox.content).collect()
    }

    /// Everything is settled, and this is what is so.
    ///
    /// # Errors
    /// When no model says so.
    pub fn seen(&mut self, seen: &[Option<Sandbox>; Slot::COUNT]) -> Result<(), String> {
        let agreeing: BTreeSet<Model> =
            self.models.iter().filter(|model| model.looks_like(seen)).cloned().collect();
        if agreeing.is_empty() {
            return Err(format!("{seen:?} is none of {:?}", self.models));
        }
        self.models = agreeing;
        Ok(())
    }
}

/// What may be so after an answer.
fn step(model: &Model, op: Op, status: Option<u16>, is_contested: bool) -> Vec<Model> {
    match (model.after(op), status) {
        // Somebody else was quicker, or still busy with it.
        (_, Some(409)) if is_contested => vec![model.clone()],
        // Two who delete the same are both answered that it is being deleted.
        (Answer::Refused([404]), Some(200)) if is_contested && matches!(op, Op::Delete(_)) => {
            vec![model.clone()]
        }
        // Whoever waits for a start hears of it when somebody else undoes it.
        (Answer::Done(after), Some(400)) if is_contested && op.is_waited_for() => vec![model.clone(), after],
        (Answer::Done(after), Some(200)) => vec![after],
        (Answer::Refused(statuses), Some(status)) if statuses.contains(&status) => vec![model.clone()],
        (Answer::Done(after), None) => vec![model.clone(), after],
        (Answer::Refused(_), None) => vec![model.clone()],
        _ => Vec::new(),
    }
}

fn orders(answers: &[(Op, Option<u16>)]) -> Vec<Vec<(Op, Option<u16>)>> {
    let backwards: Vec<_> = answers.iter().rev().copied().collect();
    if answers.len() > 1 { vec![answers.to_vec(), backwards] } else { vec![answers.to_vec()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Slot = Slot::ALL[0];
    const B: Slot = Slot::ALL[1];

    #[test]
    fn an_answer_that_no_model_allows_is_an_error() {
        let mut walk = Walk::default();
        assert!(walk.clone().answered(Op::Start(A), Some(200)).is_err());
        walk.answered(Op::Start(A), Some(404)).unwrap();
        walk.answered(Op::Create(A), Some(200)).unwrap();
        assert!(walk.clone().answered(Op::Create(A), Some(200)).is_err());
        assert!(walk.clone().answered(Op::Archive(A), Some(200)).is_err());
        assert!(walk.seen(&Default::default()).is_err(), "a sandbox that is gone is a loss");
    }

    #[test]
    fn of_a_lost_answer_both_is_possible_until_it_is_seen() {
        let mut walk = Walk::default();
        walk.answered(Op::Create(A), Some(200)).unwrap();
        walk.answered(Op::Stop(A), None).unwrap();
        for place in [Place::Started, Place::Stopped] {
            let mut walk = walk.clone();
            let mut seen: [Option<Sandbox>; Slot::COUNT] = Default::default();
            seen[0] = Some(Sandbox { place, cpu: 1, content: 0 });
            walk.seen(&seen).unwrap();
            let other = if place == Place::Started { 400 } else { 200 };
            assert!(walk.answered(Op::Start(A), Some(other)).is_err() || place == Place::Stopped);
        }
        let mut seen: [Option<Sandbox>; Slot::COUNT] = Default::default();
        seen[0] = Some(Sandbox { place: Place::Paused, cpu: 1, content: 0 });
        assert!(walk.seen(&seen).is_err());
    }

    #[test]
    fn a_fork_has_what_its_parent_had_then_and_no_more() {
        let mut walk = Walk::default();
        walk.answered(Op::Create(A), Some(200)).unwrap();
        walk.answered(Op::Write(A, 7), Some(200)).unwrap();
        walk.answered(Op::Fork(A, B), Some(200)).unwrap();
        walk.answered(Op::Write(A, 8), Some(200)).unwrap();
        walk.answered(Op::Delete(A), Some(400)).unwrap();
        let mut seen: [Option<Sandbox>; Slot::COUNT] = Default::default();
        seen[0] = Some(Sandbox { place: Place::Started, cpu: 1, content: 8 });
        seen[1] = Some(Sandbox { place: Place::Started, cpu: 1, content: 7 });
        walk.seen(&seen).unwrap();
        seen[1] = Some(Sandbox { place: Place::Started, cpu: 1, content: 8 });
        assert!(walk.seen(&seen).is_err());
    }

    #[test]
    fn opposite_orders_leave_either_and_nothing_else() {
        let mut walk = Walk::default();
        walk.answered(Op::Create(A), Some(200)).unwrap();
        walk.both(&[(Op::Stop(A), Some(200)), (Op::Pause(A), Some(409))]).unwrap();
        let mut seen: [Option<Sandbox>; Slot::COUNT] = Default::default();
        seen[0] = Some(Sandbox { place: Place::Paused, cpu: 1, content: 0 });
        assert!(walk.seen(&seen).is_err(), "the pause was refused");
    }
}
