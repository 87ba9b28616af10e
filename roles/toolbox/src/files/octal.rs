//! Modes as requests write them.

use crate::http::ApiError;

/// `755`, `0755`, `1777`: octal digits, at most 7777.
pub(super) fn parse_mode(text: &str) -> Result<u32, ApiError> {
    let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if is_octal && mode <= 0o7777 => Ok(mode),
        _ => Err(ApiError::bad_request(format!("invalid mode {text:?}: use octal digits such as 755"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_digits_and_nothing_else() {
        assert_eq!(parse_mode("755").unwrap(), 0o755);
        assert_eq!(parse_mode("0644").unwrap(), 0o644);
        assert_eq!(parse_mode("1777").unwrap(), 0o1777);
        for bad in ["", "8", "0o755", "+755", "-1", "rwx", "77777", "99999999999999"] {
            assert!(parse_mode(bad).is_err(), "{bad}");
        }
    }
}
