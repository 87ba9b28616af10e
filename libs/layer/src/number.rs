//! Numbers in tar headers: octal digits, padded as tools liked it, or GNU's base 256.

/// A number that is not negative. A field without digits is 0, as others take it.
pub(crate) fn unsigned(field: &[u8]) -> Option<u64> {
    match wide(field)? {
        number if number >= 0 => u64::try_from(number).ok(),
        _ => None,
    }
}

/// A number of either sign.
pub(crate) fn signed(field: &[u8]) -> Option<i64> {
    i64::try_from(wide(field)?).ok()
}

fn wide(field: &[u8]) -> Option<i128> {
    match field.split_first() {
        // The first bit says that this is no digit, the second is the sign; the others are a number, highest byte first.
        Some((&first, rest)) if first & 0x80 != 0 => {
            let start =
                if first & 0x40 == 0 { i128::from(first & 0x3f) } else { i128::from(first | 0xc0) - 0x100 };
            rest.iter().try_fold(start, |sum, &byte| {
                let sum = sum.checked_mul(256)? + i128::from(byte);
                (sum.unsigned_abs() >> 64 == 0).then_some(sum)
            })
        }
        _ => octal(field).map(i128::from),
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let is_padding = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !is_padding(byte)).unwrap_or(field.len());
    let digits = field.get(start..)?;
    let digits = digits.get(..digits.iter().position(is_padding).unwrap_or(digits.len()))?;
    digits.iter().try_fold(0u64, |sum, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 8)?;
        sum.checked_mul(8)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_tools_have_written_them() {
        for (field, number) in [
            (&b"0000644\0"[..], 0o644),
            (b"000644 \0", 0o644),
            (b"   644 \0", 0o644),
            (b"644\0junk", 0o644),
            (b"77777777777\0", 0o77_777_777_777),
            (b"\0\0\0\0", 0),
            (b"        ", 0),
            (b"", 0),
            (b"\x80\0\0\0\0\0\0\0\0\0\x02\x01", 513),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
        ] {
            assert_eq!(signed(field), Some(number), "{}", field.escape_ascii());
        }
        for field in [&b"8"[..], b"-1", b"0x1", b"12z", b"\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(unsigned(field), None, "{}", field.escape_ascii());
        }
        assert_eq!(unsigned(b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"), Some(u64::MAX));
        assert_eq!(unsigned(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(unsigned(&[0x80; 12]), None);
        assert_eq!(unsigned(&[b'7'; 24]), None);
    }
}
