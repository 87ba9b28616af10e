//! What a step of a build depends on, as one number: steps with the same number make the same files.

use paddock_types::SnapshotName;
use sha2::{Digest, Sha256};

/// A SHA-256.
pub(super) type Sum = [u8; 32];

/// The sum of a list of texts.
pub(super) fn sum<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> Sum {
    let mut sum = Sha256::new();
    for text in texts {
        // With its length, so that two lists of texts are never the same bytes.
        sum.update((text.len() as u64).to_be_bytes());
        sum.update(text);
    }
    sum.finalize().into()
}

/// In hexadecimal digits.
pub(super) fn hex(sum: &Sum) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the snapshot of a step is called in its workshop.
pub(super) fn step_name(sum: &Sum) -> SnapshotName {
    name("step", &hex(sum))
}

/// What the snapshot of an image is called in a workshop, by the sum of its manifest.
pub(super) fn image_name(manifest: &str) -> SnapshotName {
    name("image", manifest)
}

fn name(kind: &str, digits: &str) -> SnapshotName {
    SnapshotName::try_from(format!("{kind}/{digits}")).expect("letters and digits make a name")
}

/// The reference of a build: equal Dockerfiles with equal contexts have one, whatever the order in which contexts are named.
pub(crate) fn reference(dockerfile: &str, context_hashes: &[String]) -> String {
    let mut hashes: Vec<&str> = context_hashes.iter().map(String::as_str).collect();
    hashes.sort_unstable();
    let texts = [dockerfile.as_bytes()].into_iter().chain(hashes.into_iter().map(str::as_bytes));
    format!("paddock-{}", hex(&sum(texts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_of_the_text_and_the_contexts_in_any_order() {
        let of = |text: &str, hashes: &[&str]| {
            reference(text, &hashes.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of("FROM a", &["1", "2"]), of("FROM a", &["2", "1"]));
        assert_ne!(of("FROM a", &["1", "2"]), of("FROM a", &["12"]));
        assert_ne!(of("FROM a", &[]), of("FROM b", &[]));
        assert_ne!(of("FROM a", &["1"]), of("FROM a1", &[]));
        assert!(SnapshotName::try_from(of("FROM a", &[])).is_ok());
    }
}
