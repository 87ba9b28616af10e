//! `cargo xtask soak --lives MINUTES`: the random walk and the cycles of the test suite, for long.
//!
//! The walk reports its steps, kills and checks, and ends at the first sandbox that is lost or stuck and at the first thing that
//! is left over; so what a run that passes has lost is nothing.

use anyhow::{Result, bail};

use crate::test;

/// A stop and a start, and a stop, an archive and a restoration, fit into a minute about so often.
const CYCLES_PER_MINUTE: u64 = 50;

/// Walks for so many minutes, after so many minutes of each kind of cycle.
pub(crate) fn run(minutes: u64) -> Result<()> {
    if minutes == 0 {
        bail!("the minutes are a whole number from 1");
    }
    let arguments = ["--profile", "soak", "--no-capture", "-E", "test(/^walk::killed/) or test(/^cycles::/)"];
    let variables = [
        ("PADDOCK_WALK_MINUTES", minutes.to_string()),
        ("PADDOCK_CYCLES", (CYCLES_PER_MINUTE * minutes).to_string()),
    ];
    test::run_with(&arguments.map(str::to_owned), &variables)
}
