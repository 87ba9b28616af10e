//! What happens in a walk, decided before it begins.

use super::{Dice, Op, Slot, Walk};

/// One step of a walk.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Somebody does something.
    Do(Op),
    /// Two do something at once.
    Both(Op, Op),
    /// Somebody does something, and so much later (of [`Step::LATEST`]) somebody is ended without a word.
    Cut(Op, Victim, usize),
    /// A sandbox's first process is ended from inside.
    End(Slot),
}

/// Who is ended without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// Whoever keeps the records.
    Control,
    /// Whoever keeps the sandboxes.
    Runner,
    /// Both at once.
    Both,
}

impl Step {
    /// An end comes less than so much later.
    pub const LATEST: usize = 40;
}

/// So many steps, the same for the same seed.
pub fn plan(seed: u64, count: usize) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    // What is legal depends on what will be answered: a walk of its own guesses.
    let mut guess = Walk::default();
    let mut guessed = |dice: &mut Dice| {
        let op = guess.next(dice);
        // A refusal changes nothing.
        let _ = guess.answered(op, Some(200));
        op
    };
    let mut step = |dice: &mut Dice| match dice.below(10) {
        0 => Step::Both(guessed(dice), Op::random(dice)),
        1 | 2 => {
            let victim = [Victim::Control, Victim::Runner, Victim::Both][dice.below(3)];
            Step::Cut(guessed(dice), victim, dice.below(Step::LATEST))
        }
        3 if dice.below(3) == 0 => Step::End(Slot(dice.below(Slot::COUNT))),
        _ => Step::Do(guessed(dice)),
    };
    (0..count).map(|_| step(&mut dice)).collect()
}

/// A seed that was never used before, or the one that the environment variable `PADDOCK_SEED` asks for.
pub fn seed() -> u64 {
    let asked = std::env::var("PADDOCK_SEED").ok().and_then(|seed| seed.parse().ok());
    asked.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Dice::new(now.as_secs() ^ u64::from(now.subsec_nanos()) << 32).roll()
    })
}
