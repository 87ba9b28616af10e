//! Sizes of a sandbox: whole cores and whole GiB, as the wire counts them.

use serde::{Deserialize, Serialize};

/// CPU cores, whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cores(pub u32);

/// Gibibytes (2^30 bytes), whole. The reference's messages say "GB" and mean this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Gib(pub u32);

impl Gib {
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        (self.0 as u64) << 30
    }
}

/// What one sandbox may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// CPU cores.
    pub cpu: Cores,
    /// Memory.
    pub memory: Gib,
    /// Disk that the sandbox may fill on top of its snapshot.
    pub disk: Gib,
}

/// The largest sandbox that may be asked for (`spec/control-plane.md` G.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimits(pub Resources);

impl ResourceLimits {
    /// 4 cores, 8 GiB of memory, 10 GiB of disk: the reference's default organization.
    pub const DEFAULT: Self = Self(Resources { cpu: Cores(4), memory: Gib(8), disk: Gib(10) });
}

/// A size above its limit, or zero. The message is fit for users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be between 1 and {maximum}{unit}")]
pub struct InvalidResources {
    what: &'static str,
    maximum: u32,
    unit: &'static str,
}

impl Resources {
    /// Checks every size against `limits`; the first that does not fit is the error.
    pub fn check(&self, limits: ResourceLimits) -> Result<(), InvalidResources> {
        let maximum = limits.0;
        for (what, value, maximum, unit) in [
            ("cpu", self.cpu.0, maximum.cpu.0, ""),
            ("memory", self.memory.0, maximum.memory.0, " GiB"),
            ("disk", self.disk.0, maximum.disk.0, " GiB"),
        ] {
            if value == 0 || value > maximum {
                return Err(InvalidResources { what, maximum, unit });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_of_zero_or_above_its_limit_is_refused_by_name() {
        let good = Resources { cpu: Cores(4), memory: Gib(8), disk: Gib(10) };
        assert!(good.check(ResourceLimits::DEFAULT).is_ok());
        let message = |r: Resources| r.check(ResourceLimits::DEFAULT).unwrap_err().to_string();
        assert_eq!(message(Resources { memory: Gib(9), ..good }), "memory must be between 1 and 8 GiB");
        assert_eq!(message(Resources { cpu: Cores(0), ..good }), "cpu must be between 1 and 4");
    }
}
