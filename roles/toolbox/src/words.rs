//! Errors of the system in words.

use std::io;

/// The system's own words, without Rust's "(os error 2)".
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" (os error").unwrap_or(text.len());
    let mut words = text[..end].to_owned();
    // "No such file or directory" becomes "no such file or directory", as clients compare it.
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_come_without_number_and_capital() {
        assert_eq!(plain(&io::Error::from_raw_os_error(libc::ENOENT)), "no such file or directory");
        assert_eq!(plain(&io::Error::other("Éa (os error)")), "Éa");
    }
}
