//! How long a deleted session's processes have to end by themselves.

use std::time::Duration;

use crate::environment::Environment;
use crate::spawn::Grace;

const PERIOD: (&str, Duration) = ("DAYTONA_TERMINATION_GRACE_PERIOD", Duration::from_secs(5));
const INTERVAL: (&str, Duration) = ("DAYTONA_TERMINATION_CHECK_INTERVAL", Duration::from_millis(100));

/// Never looks more often than this, whatever the environment says.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(5);

/// As the environment says, where it says something that can be read.
pub(super) fn grace(environment: &Environment) -> Grace {
    let read = |(name, default): (&str, Duration), unit: Duration| {
        environment.get(name).and_then(|text| duration(text.to_str()?, unit)).unwrap_or(default)
    };
    Grace {
        period: read(PERIOD, Duration::from_secs(1)),
        interval: read(INTERVAL, Duration::from_millis(1)).max(SHORTEST_INTERVAL),
    }
}

/// A whole number of `unit`, or of the unit that is written behind it: `5`, `5s`, `500ms`.
fn duration(text: &str, unit: Duration) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, Duration::from_millis(1)),
        (None, Some(number)) => (number, Duration::from_secs(1)),
        (None, None) => (text, unit),
    };
    unit.checked_mul(number.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_with_and_without_a_unit_and_nonsense_is_not_read() {
        let second = Duration::from_secs(1);
        assert_eq!(duration("5", second), Some(Duration::from_secs(5)));
        assert_eq!(duration("500ms", second), Some(Duration::from_millis(500)));
        assert_eq!(duration("2s", Duration::from_millis(1)), Some(Duration::from_secs(2)));
        for nonsense in ["", "s", "-1", "5m", "1e9", "4294967296"] {
            assert_eq!(duration(nonsense, second), None, "{nonsense}");
        }
    }

    #[test]
    fn without_anything_it_is_five_seconds() {
        let grace = grace(&Environment::default());
        assert_eq!((grace.period, grace.interval), (Duration::from_secs(5), Duration::from_millis(100)));
    }
}
