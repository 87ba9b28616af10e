//! The named places where a test may kill control or make a step fail (see `paddock_failpoint`).
//!
//! Each operation passes the same five points. `error` makes the step fail: at
//! `after_request` the caller is answered 500 though the wish is kept; at the others the step is tried
//! again. `kill` at any of them must leave a state from which a restart converges.

use paddock_failpoint::Injected;

/// What is being done to a sandbox or a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Start,
    Stop,
    Pause,
    Resume,
    Resize,
    Fork,
    Snapshot,
    BackUp,
    Archive,
    Restore,
    Delete,
    CreateVolume,
    DeleteVolume,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The wish is durable and its event is out; nothing acts on it yet.
    AfterRequest,
    /// The wish is about to be sent to the runner.
    BeforeWish,
    /// The runner has accepted the wish; its answer is not looked at yet.
    AfterWish,
    /// The runner has said how it ended; nothing is recorded yet.
    BeforeRecord,
    /// How it ended is durable and told.
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
    "control.pause.after_request": Pause, AfterRequest;
    "control.pause.before_wish": Pause, BeforeWish;
    "control.pause.after_wish": Pause, AfterWish;
    "control.pause.before_record": Pause, BeforeRecord;
    "control.pause.after_record": Pause, AfterRecord;
    "control.resume.after_request": Resume, AfterRequest;
    "control.resume.before_wish": Resume, BeforeWish;
    "control.resume.after_wish": Resume, AfterWish;
    "control.resume.before_record": Resume, BeforeRecord;
    "control.resume.after_record": Resume, AfterRecord;
    "control.resize.after_request": Resize, AfterRequest;
    "control.resize.before_wish": Resize, BeforeWish;
    "control.resize.after_wish": Resize, AfterWish;
    "control.resize.before_record": Resize, BeforeRecord;
    "control.resize.after_record": Resize, AfterRecord;
    "control.fork.after_request": Fork, AfterRequest;
    "control.fork.before_wish": Fork, BeforeWish;
    "control.fork.after_wish": Fork, AfterWish;
    "control.fork.before_record": Fork, BeforeRecord;
    "control.fork.after_record": Fork, AfterRecord;
    "control.snapshot.after_request": Snapshot, AfterRequest;
    "control.snapshot.before_wish": Snapshot, BeforeWish;
    "control.snapshot.after_wish": Snapshot, AfterWish;
    "control.snapshot.before_record": Snapshot, BeforeRecord;
    "control.snapshot.after_record": Snapshot, AfterRecord;
    "control.back_up.after_request": BackUp, AfterRequest;
    "control.back_up.before_wish": BackUp, BeforeWish;
    "control.back_up.after_wish": BackUp, AfterWish;
    "control.back_up.before_record": BackUp, BeforeRecord;
    "control.back_up.after_record": BackUp, AfterRecord;
    "control.archive.after_request": Archive, AfterRequest;
    "control.archive.before_wish": Archive, BeforeWish;
    "control.archive.after_wish": Archive, AfterWish;
    "control.archive.before_record": Archive, BeforeRecord;
    "control.archive.after_record": Archive, AfterRecord;
    "control.restore.after_request": Restore, AfterRequest;
    "control.restore.before_wish": Restore, BeforeWish;
    "control.restore.after_wish": Restore, AfterWish;
    "control.restore.before_record": Restore, BeforeRecord;
    "control.restore.after_record": Restore, AfterRecord;
    "control.delete.after_request": Delete, AfterRequest;
    "control.delete.before_wish": Delete, BeforeWish;
    "control.delete.after_wish": Delete, AfterWish;
    "control.delete.before_record": Delete, BeforeRecord;
    "control.delete.after_record": Delete, AfterRecord;
    "control.create_volume.after_request": CreateVolume, AfterRequest;
    "control.create_volume.before_wish": CreateVolume, BeforeWish;
    "control.create_volume.after_wish": CreateVolume, AfterWish;
    "control.create_volume.before_record": CreateVolume, BeforeRecord;
    "control.create_volume.after_record": CreateVolume, AfterRecord;
    "control.delete_volume.after_request": DeleteVolume, AfterRequest;
    "control.delete_volume.before_wish": DeleteVolume, BeforeWish;
    "control.delete_volume.after_wish": DeleteVolume, AfterWish;
    "control.delete_volume.before_record": DeleteVolume, BeforeRecord;
    "control.delete_volume.after_record": DeleteVolume, AfterRecord;
}
