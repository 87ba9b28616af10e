//! Instants as text, in the two forms of the wire.

use std::time::SystemTime;

use jiff::Timestamp;

/// Now, RFC 3339 in UTC.
pub(crate) fn now() -> String {
    Timestamp::now().to_string()
}

/// Now, in whole seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    Timestamp::now().as_second()
}

/// An instant, RFC 3339 in UTC. Instants before the year −9999 or after 9999, which a file may
/// carry, become the first or last that can be written.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    timestamp(time).to_string()
}

/// An instant as Go prints it: `2026-06-12 15:14:13.123456789 +0000 UTC`.
pub(crate) fn go_text(time: SystemTime) -> String {
    // The same digits with other separators: neither has zeros at the end of the fraction.
    timestamp(time).to_string().replace('T', " ").replace('Z', " +0000 UTC")
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time)
        .unwrap_or_else(|_| if time < SystemTime::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fractions_have_no_zeros_at_their_end_and_are_absent_when_zero() {
        let at = |nanos| SystemTime::UNIX_EPOCH + Duration::new(1_781_277_253, nanos);
        assert_eq!(go_text(at(123_456_789)), "2026-06-12 15:14:13.123456789 +0000 UTC");
        assert_eq!(go_text(at(120_000_000)), "2026-06-12 15:14:13.12 +0000 UTC");
        assert_eq!(go_text(at(0)), "2026-06-12 15:14:13 +0000 UTC");
        assert_eq!(rfc3339(at(120_000_000)), "2026-06-12T15:14:13.12Z");
    }

    #[test]
    fn an_instant_that_cannot_be_written_is_not_a_panic() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
        assert!(rfc3339(far).starts_with("9999-"));
    }
}
