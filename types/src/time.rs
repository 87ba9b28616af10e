//! Points in time and lengths of time, as the store keeps them and the wire counts them.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970 by the wall clock. Only for showing and for ordering across restarts:
/// deadlines use a clock that jumps do not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// Whole minutes, as every interval of a sandbox is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minutes(pub u32);

impl Minutes {
    /// The same in milliseconds.
    pub const fn millis(self) -> i64 {
        self.0 as i64 * 60_000
    }
}

/// An interval outside its range. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {range}")]
pub struct InvalidInterval {
    what: &'static str,
    range: &'static str,
}

/// When an idle sandbox is stopped. On the wire: 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoStop {
    /// Never.
    Disabled,
    /// After this long without activity.
    After(Minutes),
}

impl AutoStop {
    /// 15 minutes (`spec/control-plane.md` D.4).
    pub const DEFAULT: Self = Self::After(Minutes(15));

    /// Reads the wire's number.
    ///
    /// # Errors
    /// For a negative number, and for one above 2^31.
    pub fn from_wire(minutes: i64) -> Result<Self, InvalidInterval> {
        match minutes {
            0 => Ok(Self::Disabled),
            _ => positive("autoStopInterval", minutes).map(Self::After),
        }
    }

    /// The wire's number.
    pub fn to_wire(self) -> i64 {
        match self {
            Self::Disabled => 0,
            Self::After(minutes) => minutes.0.into(),
        }
    }
}

/// When an idle sandbox is paused. On the wire: 0 is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoPause {
    /// Never.
    Disabled,
    /// After this long without activity.
    After(Minutes),
}

impl AutoPause {
    /// Reads the wire's number.
    ///
    /// # Errors
    /// For a negative number, and for one above 2^31.
    pub fn from_wire(minutes: i64) -> Result<Self, InvalidInterval> {
        match minutes {
            0 => Ok(Self::Disabled),
            _ => positive("autoPauseInterval", minutes).map(Self::After),
        }
    }

    /// The wire's number.
    pub fn to_wire(self) -> i64 {
        match self {
            Self::Disabled => 0,
            Self::After(minutes) => minutes.0.into(),
        }
    }
}

/// How long a sandbox lives in whatever state, from when this was said. On the wire: 0 is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeToLive {
    /// For ever.
    Unlimited,
    /// Then it is destroyed.
    For(Minutes),
}

impl TimeToLive {
    /// Reads the wire's number.
    ///
    /// # Errors
    /// For a negative number, and for one above 2^31.
    pub fn from_wire(minutes: i64) -> Result<Self, InvalidInterval> {
        match minutes {
            0 => Ok(Self::Unlimited),
            _ => positive("ttlMinutes", minutes).map(Self::For),
        }
    }

    /// When it ends, counted from `now`.
    pub fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Unlimited => None,
            Self::For(minutes) => Some(Timestamp(now.0.saturating_add(minutes.millis()))),
        }
    }
}

/// How long a sandbox stays stopped before it is archived; never longer than [`AutoArchive::LONGEST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoArchive(Minutes);

impl AutoArchive {
    /// Seven days.
    pub const DEFAULT: Self = Self(Minutes(10_080));
    /// Thirty days: what 0 means, and the cap of everything else.
    pub const LONGEST: Self = Self(Minutes(43_200));

    /// Reads the wire's number: 0 is the longest.
    ///
    /// # Errors
    /// For a negative number.
    pub fn from_wire(minutes: i64) -> Result<Self, InvalidInterval> {
        match minutes {
            0 => Ok(Self::LONGEST),
            _ => {
                let longest = Self::LONGEST.to_wire();
                positive("autoArchiveInterval", minutes.min(longest)).map(Self)
            }
        }
    }

    /// How long it stays stopped.
    pub const fn after(self) -> Minutes {
        self.0
    }

    /// The wire's number.
    pub fn to_wire(self) -> i64 {
        self.0.0.into()
    }
}

/// When a stopped sandbox is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoDelete {
    /// Never; negative on the wire.
    Never,
    /// As soon as it stops: the sandbox is ephemeral. 0 on the wire.
    OnStop,
    /// After this long without being started.
    After(Minutes),
}

impl AutoDelete {
    /// Reads the wire's number.
    ///
    /// # Errors
    /// For a number above 2^31.
    pub fn from_wire(minutes: i64) -> Result<Self, InvalidInterval> {
        match minutes {
            ..0 => Ok(Self::Never),
            0 => Ok(Self::OnStop),
            _ => positive("autoDeleteInterval", minutes).map(Self::After),
        }
    }

    /// The wire's number.
    pub fn to_wire(self) -> i64 {
        match self {
            Self::Never => -1,
            Self::OnStop => 0,
            Self::After(minutes) => minutes.0.into(),
        }
    }
}

fn positive(what: &'static str, minutes: i64) -> Result<Minutes, InvalidInterval> {
    let range = "between 0 and 2147483647 minutes";
    match i32::try_from(minutes) {
        Ok(fits) if fits > 0 => Ok(Minutes(fits.unsigned_abs())),
        _ => Err(InvalidInterval { what, range }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_negative_mean_something_else_in_each_interval() {
        assert_eq!(AutoStop::from_wire(0), Ok(AutoStop::Disabled));
        assert!(AutoStop::from_wire(-1).is_err());
        assert_eq!(AutoArchive::from_wire(0), Ok(AutoArchive::LONGEST));
        assert!(AutoArchive::from_wire(-1).is_err());
        assert_eq!(AutoDelete::from_wire(0), Ok(AutoDelete::OnStop));
        assert_eq!(AutoDelete::from_wire(i64::MIN), Ok(AutoDelete::Never));
    }

    #[test]
    fn an_archive_interval_is_capped_and_others_are_refused_when_absurd() {
        assert_eq!(AutoArchive::from_wire(i64::MAX), Ok(AutoArchive::LONGEST));
        assert!(AutoStop::from_wire(i64::MAX).is_err());
        assert!(AutoDelete::from_wire(1 << 31).is_err());
    }

    #[test]
    fn an_interval_survives_the_wire() {
        for minutes in [1, 15, 2_147_483_647] {
            assert_eq!(AutoStop::from_wire(minutes).unwrap().to_wire(), minutes);
            assert_eq!(AutoDelete::from_wire(minutes).unwrap().to_wire(), minutes);
        }
        assert_eq!(AutoDelete::Never.to_wire(), -1);
    }
}
