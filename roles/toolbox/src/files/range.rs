//! The `Range` header of a download.

/// What a request asks for of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no range, several (which a server may answer with everything), or none that is
    /// well-formed.
    Everything,
    /// These bytes, both ends included; `first <= last < length`.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// A range that the file does not have.
    Nothing,
}

/// Reads a `Range` header against a file of `length` bytes.
pub(super) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::Everything;
    };
    let Some((from, to)) = range.split_once('-') else { return Wanted::Everything };
    let number = |text: &str| {
        let text = text.trim();
        // Digits alone: parse would also take a sign.
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    match (from.trim().is_empty(), number(from), to.trim().is_empty(), number(to)) {
        (false, Some(first), to_the_end, last) if to_the_end || last.is_some_and(|last| first <= last) => {
            match length.checked_sub(1) {
                Some(end) if first <= end => {
                    Wanted::Part { first, last: last.map_or(end, |last| last.min(end)) }
                }
                _ => Wanted::Nothing,
            }
        }
        // The last so many bytes.
        (true, _, false, Some(0)) => Wanted::Nothing,
        (true, _, false, Some(_)) if length == 0 => Wanted::Nothing,
        (true, _, false, Some(count)) => {
            Wanted::Part { first: length.saturating_sub(count), last: length - 1 }
        }
        _ => Wanted::Everything,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |first, last| Wanted::Part { first, last };
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=2-", part(2, 9)),
            ("bytes=2-100", part(2, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-100", part(0, 9)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Everything),
            ("bytes=0-1,3-4", Wanted::Everything),
            ("bytes=-", Wanted::Everything),
            ("bytes=+1-2", Wanted::Everything),
            ("lines=1-2", Wanted::Everything),
            ("bytes=1", Wanted::Everything),
        ] {
            assert_eq!(wanted(Some(header), 10), expected, "{header}");
        }
        assert_eq!(wanted(None, 10), Wanted::Everything);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(Some("bytes=-1"), 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_is_always_inside_the_file(header in "bytes=[-0-9, ]{0,12}", length in 0_u64..50) {
            if let Wanted::Part { first, last } = wanted(Some(&header), length) {
                prop_assert!(first <= last && last < length);
            }
        }
    }
}
