//! Keeps the credentials of a call out of everything that is said about it.

use crate::url;

const STARS: &str = "***";

/// What must not be said.
#[derive(Default)]
pub(crate) struct Redaction {
    /// Longest first, so that one that contains another goes as a whole. None is empty.
    secrets: Vec<String>,
}

impl Redaction {
    /// Hides these texts, and the forms in which they travel in URLs.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<String> = secrets
            .into_iter()
            .flat_map(|secret| [secret.to_owned(), url::encode(secret)])
            .filter(|secret| !secret.is_empty())
            .collect();
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Self { secrets: all }
    }

    /// The text with stars in the place of secrets, and of passwords in URLs.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut text = url::hide_passwords(text);
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), STARS);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_stars_in_every_form() {
        let redaction = Redaction::new(["al", "p@ss/word", "", "ss"]);
        assert_eq!(redaction.apply("al p@ss/word p%40ss%2Fword"), "*** *** ***");
        assert_eq!(redaction.apply("https://x:y@h/r and x"), "https://x:***@h/r and x");
        assert_eq!(Redaction::default().apply("as it is"), "as it is");
    }
}
