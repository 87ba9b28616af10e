//! The compiled seccomp filter, made once by the runtime program itself and handed back to it.
//!
//! crun compiles the profile anew for every container, which was nearly half of its time. It leaves the result beside
//! its state, and takes one in an annotation (base64) instead of compiling. So the first launch of a process compiles,
//! and the later ones repeat that filter to the byte. The profile stays in the document: a program that does not know
//! the annotation leaves no filter behind, is given none, and compiles. Kept in memory only, so that another program
//! or profile, which need a new process of ours, never meet an old filter.

use std::path::Path;
use std::sync::OnceLock;

/// The annotation that crun reads.
pub(super) const ANNOTATION: &str = "run.oci.seccomp_bpf_data";
/// What crun calls the filter in a container's state directory.
const FILE: &str = "seccomp.bpf";
/// An instruction's size, and the most that the kernel takes (`BPF_MAXINSNS`).
const INSTRUCTION_BYTES: usize = 8;
const MOST_INSTRUCTIONS: usize = 4096;

/// The filter, once a launch has left one.
#[derive(Debug, Default)]
pub(super) struct Filter(OnceLock<String>);

impl Filter {
    /// The filter in base64. `None`: not known yet, or never.
    pub(super) fn encoded(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Remembers what the program left in a container's state directory, which must be root's alone. Does nothing when
    /// there is no filter or one is known.
    pub(super) fn learn(&self, state: &Path) {
        if self.0.get().is_some() {
            return;
        }
        if let Ok(filter) = std::fs::read(state.join(FILE))
            && is_filter(&filter)
        {
            self.0.get_or_init(|| encode(&filter));
        }
    }
}

fn is_filter(bytes: &[u8]) -> bool {
    let instructions = bytes.len() / INSTRUCTION_BYTES;
    bytes.len().is_multiple_of(INSTRUCTION_BYTES) && (1..=MOST_INSTRUCTIONS).contains(&instructions)
}

/// Base64 with padding (RFC 4648, section 4).
fn encode(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let vectors = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, encoded) in vectors {
            assert_eq!(encode(plain.as_bytes()), encoded);
        }
        assert_eq!(encode(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn only_whole_instructions_are_learnt_and_the_first_ones_stay() {
        let state = tempfile::tempdir().unwrap();
        let filter = Filter::default();
        for not_one in [&b""[..], b"1234567", &[0; 8 * 4097]] {
            std::fs::write(state.path().join(FILE), not_one).unwrap();
            filter.learn(state.path());
            assert_eq!(filter.encoded(), None);
        }
        std::fs::write(state.path().join(FILE), [0; 8]).unwrap();
        filter.learn(state.path());
        assert_eq!(filter.encoded(), Some("AAAAAAAAAAA="));
        std::fs::write(state.path().join(FILE), [1; 8]).unwrap();
        filter.learn(state.path());
        assert_eq!(filter.encoded(), Some("AAAAAAAAAAA="));
    }
}
