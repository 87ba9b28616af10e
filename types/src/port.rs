//! TCP ports as text.

/// A port from 1 to 65535 in its one spelling: decimal digits without a leading zero or sign. Any other
/// spelling of the same number could slip past a check of this one.
pub fn parse_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_one_spelling() {
        assert_eq!(parse_port("1"), Some(1));
        assert_eq!(parse_port("2280"), Some(2280));
        assert_eq!(parse_port("65535"), Some(65535));
        for wrong in ["", "0", "02280", "+2280", "-1", "65536", "2280.0", " 80", "8e1", "٣", "0x50"] {
            assert_eq!(parse_port(wrong), None, "{wrong:?}");
        }
    }
}
