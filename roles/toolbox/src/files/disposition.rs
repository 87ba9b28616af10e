//! File names in `Content-Disposition`: once for readers of the old form, once for those of RFC 5987.

/// `filename="…"; filename*=utf-8''…` for a name.
///
/// The plain form is Latin-1: other characters become `_`, `\` and `"` get a backslash, line ends
/// and NUL are dropped. The extended form is the whole name: decoded, it is equal to `name`.
pub(super) fn file_name_parameters(name: &str) -> Vec<u8> {
    let mut out = b"filename=\"".to_vec();
    out.extend(latin1(name, |c, out| match c {
        '\r' | '\n' | '\0' => {}
        '"' | '\\' => out.extend([b'\\', c as u8]),
        c => out.push(u8::try_from(c).unwrap_or(b'_')),
    }));
    finish_with_extended(out, name)
}

/// The same for a header of HTTP itself, where the plain form may hold no control characters, and
/// quotes, which few readers unescape, are replaced.
pub(super) fn header_file_name_parameters(name: &str) -> Vec<u8> {
    let mut out = b"filename=\"".to_vec();
    out.extend(latin1(name, |c, out| match c {
        '"' | '\\' | '\0'..='\x1f' | '\x7f'..='\u{9f}' => out.push(b'_'),
        c => out.push(u8::try_from(c).unwrap_or(b'_')),
    }));
    finish_with_extended(out, name)
}

fn latin1(name: &str, mut write: impl FnMut(char, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    name.chars().for_each(|c| write(c, &mut out));
    out
}

fn finish_with_extended(mut out: Vec<u8>, name: &str) -> Vec<u8> {
    out.extend_from_slice(b"\"; filename*=utf-8''");
    for &byte in name.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        bytes.iter().map(|&byte| byte as char).collect()
    }

    #[test]
    fn both_forms_stand_beside_each_other() {
        assert_eq!(
            text(&file_name_parameters("/a/é €\"\\.txt")),
            "filename=\"/a/é _\\\"\\\\.txt\"; filename*=utf-8''%2Fa%2F%C3%A9%20%E2%82%AC%22%5C.txt"
        );
        assert_eq!(
            text(&header_file_name_parameters("a\"\n.txt")),
            "filename=\"a__.txt\"; filename*=utf-8''a%22%0A.txt"
        );
    }

    proptest! {
        #[test]
        fn the_extended_form_decodes_to_the_name(name in any::<String>()) {
            for parameters in [file_name_parameters(&name), header_file_name_parameters(&name)] {
                let parameters = text(&parameters);
                let (plain, extended) = parameters.rsplit_once("\"; filename*=utf-8''").unwrap();
                let decoded = form_urlencoded::parse(extended.as_bytes()).next().map(|(key, _)| key.into_owned());
                prop_assert_eq!(decoded.unwrap_or_default(), name.clone());
                prop_assert!(!plain.contains(['\r', '\n', '\0']));
            }
        }

        #[test]
        fn a_header_takes_every_name(name in any::<String>()) {
            prop_assert!(http::HeaderValue::from_bytes(&header_file_name_parameters(&name)).is_ok());
        }
    }
}
