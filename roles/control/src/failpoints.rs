//! The named places where a test may kill control or make a step fail (see `paddock_failpoint`).
//!
//! Each of the four operations passes the same five points. `error` makes the step fail: at
//! `after_request` the caller is answered 500 though the wish is kept; at the others the step is tried
//! again. `kill` at any of them must leave a state from which a restart converges.

use paddock_failpoint::Injected;

/// What is being done to a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Start,
    Stop,
    Delete,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The wish is durable; nobody knows of it but the store.
    AfterRequest,
    /// The wish is about to be sent to the runner.
    BeforeWish,
    /// The runner has accepted the wish; its answer is not looked at yet.
    AfterWish,
    /// The runner has said how it ended; nothing is recorded yet.
    BeforeRecord,
    /// How it ended is durable; nobody waiting has been told.
    AfterRecord,
}

macro_rules! points {
    ($($name:literal: $operation:ident, $moment:ident;)*) => {
        /// Every point.
        pub const ALL: &[&str] = &[$($name),*];

        /// Passes the point of an operation at a moment.
        pub(crate) fn hit(operation: Operation, moment: Moment) -> Result<(), Injected> {
            match (operation, moment) {
                $((Operation::$operation, Moment::$moment) => paddock_failpoint::hit($name),)*
            }
        }
    };
}

points! {
    "control.create.after_request": Create, AfterRequest;
    "control.create.before_wish": Create, BeforeWish;
    "control.create.after_wish": Create, AfterWish;
    "control.create.before_record": Create, BeforeRecord;
    "control.create.after_record": Create, AfterRecord;
    "control.start.after_request": Start, AfterRequest;
    "control.start.before_wish": Start, BeforeWish;
    "control.start.after_wish": Start, AfterWish;
    "control.start.before_record": Start, BeforeRecord;
    "control.start.after_record": Start, AfterRecord;
    "control.stop.after_request": Stop, AfterRequest;
    "control.stop.before_wish": Stop, BeforeWish;
    "control.stop.after_wish": Stop, AfterWish;
    "control.stop.before_record": Stop, BeforeRecord;
    "control.stop.after_record": Stop, AfterRecord;
    "control.delete.after_request": Delete, AfterRequest;
    "control.delete.before_wish": Delete, BeforeWish;
    "control.delete.after_wish": Delete, AfterWish;
    "control.delete.before_record": Delete, BeforeRecord;
    "control.delete.after_record": Delete, AfterRecord;
}
