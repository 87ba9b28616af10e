//! Secrets that control makes: API keys and the tokens of sandboxes.

use std::fmt;

use paddock_store::KeyHash;
use paddock_store::sandbox::AuthToken;

/// An API key in clear: `dtn_` and 64 hexadecimal digits. Not printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    /// A new key with 256 random bits.
    pub fn generate() -> Self {
        Self(format!("dtn_{}", random_hex::<32>()))
    }

    /// A key that was made before. `None` when the text is not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("dtn_")?;
        let is_ours = digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_ours.then(|| Self(text.to_owned()))
    }

    /// The key itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }

    /// The ends of the key: three characters, twenty asterisks, three characters.
    pub(crate) fn masked(&self) -> String {
        format!("{}{}{}", &self.0[..3], "*".repeat(20), &self.0[self.0.len() - 3..])
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeySecret(..)")
    }
}

/// A new token for one start of a sandbox: 128 random bits.
pub(crate) fn auth_token() -> AuthToken {
    AuthToken(random_hex::<16>())
}

/// A new key for signed addresses of a sandbox's files: 256 random bits.
pub(crate) fn signing_key() -> String {
    random_hex::<32>()
}

/// The name of one session of an event stream, of no use to whoever knows it.
pub(crate) fn session_id() -> String {
    random_hex::<10>()
}

fn random_hex<const N: usize>() -> String {
    let mut bytes = [0; N];
    // Without randomness there is no secret, and nothing better to do than not to go on.
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_known_form_and_is_shown_by_its_ends_only() {
        let key = ApiKeySecret::generate();
        assert_eq!(ApiKeySecret::parse(key.reveal()), Some(key.clone()));
        assert_ne!(key, ApiKeySecret::generate());
        assert_eq!(key.masked().len(), 26);
        assert!(key.masked().starts_with("dtn***"));
        assert!(!format!("{key:?}").contains("dtn_"));
        for text in ["", "dtn_", "dtn_xyz", &key.reveal().to_uppercase()] {
            assert_eq!(ApiKeySecret::parse(text), None);
        }
    }
}
