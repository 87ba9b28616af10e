//! PAX records: what a tar header has no room for. `<length> <key>=<value>\n`, the length counting itself.

use std::ffi::CString;

use paddock_tree::Time;

/// Before the name of an extended attribute.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// Records in the order in which they were pushed.
#[derive(Debug, Default)]
pub(crate) struct Records(pub(crate) Vec<u8>);

impl Records {
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        // The length of the length: at most two tries.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while rest + digits(length) != length {
            length = rest + digits(length);
        }
        self.0.extend_from_slice(length.to_string().as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    pub(crate) fn push_attribute(&mut self, name: &std::ffi::CStr, value: &[u8]) {
        let mut key = ATTRIBUTE.to_vec();
        // A key ends at its first `=`; GNU tar spells these two so.
        for &byte in name.to_bytes() {
            match byte {
                b'=' => key.extend_from_slice(b"%3D"),
                b'%' => key.extend_from_slice(b"%25"),
                other => key.push(other),
            }
        }
        self.push(&key, value);
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

/// The first record of `bytes`, and what is behind it. `None`: this is none.
pub(crate) fn next(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().take(20).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..space)?).ok()?.parse().ok()?;
    let (record, rest) = (bytes.get(space + 1..length)?, bytes.get(length..)?);
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, rest))
}

/// The extended attribute that a key names. `Some(None)`: it names none that can be.
pub(crate) fn attribute(key: &[u8]) -> Option<Option<CString>> {
    let spelled = key.strip_prefix(ATTRIBUTE)?;
    let mut name = Vec::with_capacity(spelled.len());
    let mut rest = spelled;
    while let Some((&byte, behind)) = rest.split_first() {
        (name, rest) = match (byte, behind.get(..2)) {
            (b'%', Some(b"3D")) => (with(name, b'='), behind.get(2..).unwrap_or_default()),
            (b'%', Some(b"25")) => (with(name, b'%'), behind.get(2..).unwrap_or_default()),
            _ => (with(name, byte), behind),
        };
    }
    Some(CString::new(name).ok())
}

fn with(mut name: Vec<u8>, byte: u8) -> Vec<u8> {
    name.push(byte);
    name
}

/// A time as seconds with a decimal point.
pub(crate) fn spell_time(time: Time) -> String {
    if time.seconds < 0 && time.nanoseconds > 0 {
        let fraction = 1_000_000_000 - time.nanoseconds;
        return format!("-{}.{fraction:09}", (time.seconds + 1).unsigned_abs());
    }
    format!("{}.{:09}", time.seconds, time.nanoseconds)
}

/// The time that [`spell_time`] and others spell so. Digits beyond nanoseconds are dropped.
pub(crate) fn parse_time(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(match (is_negative, nanoseconds) {
        (false, nanoseconds) => Time { seconds, nanoseconds },
        (true, 0) => Time { seconds: -seconds, nanoseconds: 0 },
        (true, nanoseconds) => Time { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for size in [0, 1, 5, 88, 89, 90, 91, 92, 988, 989, 990, 9_980, 9_990] {
            let mut records = Records::default();
            let value = vec![b'v'; size];
            records.push(b"key", &value);
            let (key, found, rest) = next(&records.0).unwrap();
            assert_eq!((key, found, rest), (&b"key"[..], &value[..], &b""[..]), "{size}");
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in [
            "",
            "5",
            "x a=b\n",
            "6 a=b",
            "6 a=b\n".get(..5).unwrap(),
            "999999999999999999999 a=b\n",
            "5 ab\n",
            "0 a=b\n",
            "-6 a=b\n",
            "3 a=b\n",
        ] {
            assert!(next(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn attributes_keep_every_name() {
        for name in [c"user.a=b", c"user.100%", c"user.%3D", c"trusted.x"] {
            let mut records = Records::default();
            records.push_attribute(name, b"v\n\0=");
            let (key, value, _) = next(&records.0).unwrap();
            assert_eq!((attribute(key).unwrap().unwrap().as_c_str(), value), (name, &b"v\n\0="[..]));
        }
        assert!(attribute(b"SCHILY.xattr.user.\0").unwrap().is_none());
        assert!(attribute(b"path").is_none());
    }

    #[test]
    fn times_before_and_after_1970_survive() {
        for (seconds, nanoseconds) in
            [(0, 0), (0, 1), (-1, 999_999_999), (-1, 0), (-2, 500_000_000), (1 << 40, 7)]
        {
            let time = Time { seconds, nanoseconds };
            assert_eq!(parse_time(spell_time(time).as_bytes()), Some(time));
        }
        assert_eq!(spell_time(Time { seconds: -2, nanoseconds: 500_000_000 }), "-1.500000000");
        assert_eq!(parse_time(b"12"), Some(Time { seconds: 12, nanoseconds: 0 }));
        assert_eq!(parse_time(b"1.23456789012"), Some(Time { seconds: 1, nanoseconds: 234_567_890 }));
        for text in ["", "x", "1.x", "--1", "99999999999999999999"] {
            assert_eq!(parse_time(text.as_bytes()), None, "{text}");
        }
    }
}
