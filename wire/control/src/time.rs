//! Times on the wire: written one way, read in every way that a client is known to write them.

use paddock_types::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A time as the wire shows it: RFC 3339 in UTC with exactly three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WireTime(pub Timestamp);

impl Serialize for WireTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let out_of_range = if self.0.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let time = jiff::Timestamp::from_millisecond(self.0.0).unwrap_or(out_of_range);
        serializer.collect_str(&format_args!("{time:.3}"))
    }
}

impl<'de> Deserialize<'de> for WireTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_time(&text).map(Self).ok_or_else(|| de::Error::custom("not a time"))
    }
}

/// Reads a time: RFC 3339, the offset with or without colon (Python leaves it out), or no offset at
/// all for UTC; a date alone is its midnight. `None` when it is none of these.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    // A plus sign that nobody encoded arrives as a blank.
    let mended: String;
    let text = match text.rfind(' ') {
        Some(at) if at > 10 => {
            mended = format!("{}+{}", &text[..at], &text[at + 1..]);
            mended.as_str()
        }
        _ => text,
    };
    let time = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let naive = text.parse::<jiff::civil::DateTime>().ok()?;
        jiff::tz::TimeZone::UTC.to_timestamp(naive).ok()
    });
    time.map(|time| Timestamp(time.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_three_decimals() {
        let written = |ms| serde_json::to_string(&WireTime(Timestamp(ms))).unwrap();
        assert_eq!(written(1_767_323_045_678), r#""2026-01-02T03:04:05.678Z""#);
        assert_eq!(written(1_767_323_045_000), r#""2026-01-02T03:04:05.000Z""#);
        assert!(written(i64::MAX).starts_with("\"9999"));
    }

    #[test]
    fn every_spelling_of_a_known_client_is_read() {
        let expected = Some(Timestamp(1_767_323_045_000));
        for text in [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.000006+0000",
            "2026-01-02T03:04:05.000006+00:00",
            "2026-01-02T04:04:05+01:00",
            "2026-01-02T03:04:05 0000",
            "2026-01-02T03:04:05",
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
        assert_eq!(parse_time("2026-01-02"), Some(Timestamp(1_767_312_000_000)));
        for text in ["", "yesterday", "2026-13-01", "1767323045"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
