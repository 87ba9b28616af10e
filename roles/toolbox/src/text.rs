//! Bytes of programs as text: where they may be cut, and their form in JSON.

/// The largest cut of at most `limit` that does not fall into a character. Bytes that are no
/// character may be cut anywhere. Never 0 for a positive limit of 4 and more.
pub(crate) fn character_boundary(bytes: &[u8], limit: usize) -> usize {
    let is_continuation = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    // A character has at most three continuation bytes.
    (limit.saturating_sub(3)..=limit).rev().find(|&cut| !is_continuation(bytes[cut])).unwrap_or(limit)
}

/// Appends `bytes` as the inside of a JSON string.
pub(crate) fn escape(bytes: &[u8], json: &mut Vec<u8>) {
    for chunk in bytes.utf8_chunks() {
        escape_text(chunk.valid().as_bytes(), json);
        if !chunk.invalid().is_empty() {
            json.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn escape_text(text: &[u8], json: &mut Vec<u8>) {
    let mut plain_from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.extend_from_slice(&text[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => json.extend_from_slice(br#"\""#),
            b'\\' => json.extend_from_slice(br"\\"),
            b'\n' => json.extend_from_slice(br"\n"),
            b'\r' => json.extend_from_slice(br"\r"),
            b'\t' => json.extend_from_slice(br"\t"),
            control => json.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
    }
    json.extend_from_slice(&text[plain_from..]);
}

/// How many bytes at the end are the beginning of a character whose rest is missing, 0 to 3.
pub(crate) fn incomplete_character(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let tail = &bytes[from..];
    // The last byte that is no continuation may begin a character.
    let Some(lead) = tail.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000) else { return 0 };
    let wanted = match tail[lead] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let there = tail.len() - lead;
    if there < wanted { there } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_beginning_of_a_character_is_told_from_a_whole_one_and_from_none() {
        for (bytes, incomplete) in [
            (&b""[..], 0),
            (b"abc", 0),
            ("aé".as_bytes(), 0),
            (&"aé".as_bytes()[..2], 1),
            (&"€".as_bytes()[..2], 2),
            (&"\u{1F600}".as_bytes()[..3], 3),
            ("\u{1F600}".as_bytes(), 0),
            (b"\xff", 0),
            (b"\x80\x80\x80\x80", 0),
        ] {
            assert_eq!(incomplete_character(bytes), incomplete, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_out_as_the_text_that_rust_makes_of_them(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut json = b"\"".to_vec();
            escape(&bytes, &mut json);
            json.push(b'"');
            let text: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn cutting_anywhere_changes_no_text(text in "\\PC{0,40}", limit in 4_usize..20) {
            let bytes = text.as_bytes();
            let mut json = b"\"".to_vec();
            let mut rest = bytes;
            while !rest.is_empty() {
                let cut = if rest.len() > limit { character_boundary(rest, limit) } else { rest.len() };
                prop_assert!(cut > 0);
                escape(&rest[..cut], &mut json);
                rest = &rest[cut..];
            }
            json.push(b'"');
            let out: String = serde_json::from_slice(&json).unwrap();
            prop_assert_eq!(out, text);
        }
    }
}
