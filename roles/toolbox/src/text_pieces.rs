//! Bytes of a stream as text, in pieces.

/// Makes text of bytes that come in pieces: a character that is cut by the end of a piece waits for the rest of it,
/// and what is no UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
pub(crate) struct TextPieces {
    /// The beginning of a character, three bytes at most.
    rest: Vec<u8>,
}

impl TextPieces {
    /// The text of what was held back and of `bytes`, as far as it is whole.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.rest.len());
        let mut held = 0;
        let mut chunks = self.rest.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let is_last = chunks.peek().is_none();
            match chunk.invalid() {
                [] => {}
                cut if is_last && is_cut(cut) => held = cut.len(),
                _ => text.push(char::REPLACEMENT_CHARACTER),
            }
        }
        self.rest.drain(..self.rest.len() - held);
        text
    }

    /// What is left when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Whether more bytes could make this a character.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_give_the_same_text_as_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..60), cuts in prop::collection::vec(0_usize..60, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut pieces = TextPieces::default();
            let mut text: String = cuts.windows(2).map(|pair| pieces.push(&bytes[pair[0]..pair[1]])).collect();
            text.push_str(&pieces.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn whole_text_is_never_held_back_beyond_one_character(text in "\\PC{0,30}") {
            let mut pieces = TextPieces::default();
            let bytes = text.as_bytes();
            let given: String = bytes.iter().map(|byte| pieces.push(&[*byte])).collect();
            prop_assert_eq!(given, text);
        }
    }
}
