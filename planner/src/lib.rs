//! Pure decisions: what is wished, what is seen, and therefore the next step.
//!
//! [`request`] says what a call does to a sandbox in a given state; [`timer`] which calls time makes by itself;
//! [`sandbox`] says what control does next about one sandbox, [`volume`] about one volume, [`warm_pool`] what it does to keep a pool full. There is no clock, no store, no wire and no await here: time and
//! observations are arguments. Every `match` names every value, so that a new state stops compiling
//! wherever somebody has to think about it.

pub mod request;
pub mod sandbox;
pub mod timer;
pub mod volume;
pub mod warm_pool;

/// Whether a sandbox outlives its stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Its files are kept.
    Keep,
    /// It is deleted as soon as it stops.
    Ephemeral,
}
