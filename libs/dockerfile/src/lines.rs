//! From text to logical lines: continued lines are joined, comments and empty lines left out, here-documents gathered.

use crate::{Document, Error, MOST_BYTES, MOST_INSTRUCTIONS, Problem};

/// One instruction, not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it begins, from 1.
    pub(crate) number: usize,
    /// Its first word, in capitals.
    pub(crate) keyword: String,
    /// What follows, joined to one line, without blanks around it.
    pub(crate) rest: String,
    /// The here-documents that its text names, in their order.
    pub(crate) documents: Vec<Document>,
}

/// The text's lines, and its escape character (`\` unless a directive says otherwise).
pub(crate) fn lines(text: &str) -> Result<(Vec<Line>, char), Error> {
    if text.len() > MOST_BYTES {
        return Err(Problem::TooLong.at(1));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let physical: Vec<&str> = text.lines().collect();
    let escape = escape_directive(&physical);
    let mut lines = Vec::new();
    let mut at = 0;
    while at < physical.len() {
        let number = at + 1;
        let Some(joined) = join(&physical, &mut at, escape) else { continue };
        let (keyword, rest) = first_word(&joined);
        let keyword = keyword.to_ascii_uppercase();
        let takes_documents = matches!(keyword.as_str(), "RUN" | "COPY" | "ADD")
            || keyword == "ONBUILD"
                && matches!(first_word(rest).0.to_ascii_uppercase().as_str(), "RUN" | "COPY" | "ADD");
        let documents =
            if takes_documents { documents(rest, &physical, &mut at, number)? } else { Vec::new() };
        if lines.len() == MOST_INSTRUCTIONS {
            return Err(Problem::TooMany.at(number));
        }
        lines.push(Line { number, keyword, rest: rest.to_owned(), documents });
    }
    Ok((lines, escape))
}

/// The first word, and what follows it, without blanks around either.
pub(crate) fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    match text.find(char::is_whitespace) {
        Some(end) => (&text[..end], text[end..].trim_start()),
        None => (text, ""),
    }
}

/// `# escape=` among the comments at the head of the file.
fn escape_directive(physical: &[&str]) -> char {
    for line in physical {
        let Some(comment) = line.trim_start().strip_prefix('#') else { break };
        let Some((name, value)) = comment.split_once('=') else { break };
        if name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}

/// One logical line from `at` on, which is moved behind it. `None`: there was only a comment, or nothing.
fn join(physical: &[&str], at: &mut usize, escape: char) -> Option<String> {
    let mut joined = String::new();
    let mut is_begun = false;
    while let Some(line) = physical.get(*at) {
        *at += 1;
        let is_comment = line.trim_start().starts_with('#');
        if is_comment || line.trim().is_empty() {
            // Within an instruction both are passed over, between instructions they end nothing.
            if is_begun {
                continue;
            }
            return None;
        }
        is_begun = true;
        let line = if joined.is_empty() { line.trim_start() } else { line };
        match line.trim_end().strip_suffix(escape) {
            Some(continued) => joined.push_str(continued),
            None => {
                joined.push_str(line);
                break;
            }
        }
    }
    let joined = joined.trim();
    (!joined.is_empty()).then(|| joined.to_owned())
}

/// The here-documents that `text` names, from `at` on.
fn documents(text: &str, physical: &[&str], at: &mut usize, number: usize) -> Result<Vec<Document>, Error> {
    let mut found = Vec::new();
    for Opening { name, is_quoted, is_indented } in openings(text) {
        let mut content = String::new();
        loop {
            let Some(line) = physical.get(*at) else { return Err(Problem::OpenDocument(name).at(number)) };
            *at += 1;
            let line = if is_indented { line.trim_start_matches('\t') } else { line };
            if line.trim_end_matches('\r') == name {
                break;
            }
            content.push_str(line);
            content.push('\n');
        }
        found.push(Document { name, content, is_expanded: !is_quoted });
    }
    Ok(found)
}

/// `<<NAME`, `<<-NAME`, `<<"NAME"`.
struct Opening {
    name: String,
    is_quoted: bool,
    is_indented: bool,
}

/// Where `text` opens here-documents, outside of quotation marks. `<<<` opens none.
fn openings(text: &str) -> Vec<Opening> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let (mut at, mut quote) = (0, None);
    while at < bytes.len() {
        let byte = bytes[at];
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => at += 1,
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'<') if text[at..].starts_with("<<<") => at += 2,
            (None, b'<') if text[at..].starts_with("<<") => {
                let (opening, length) = opening(&text[at + 2..]);
                found.extend(opening);
                at += 1 + length;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The name behind a `<<`, if there is one, and how many bytes it takes.
fn opening(text: &str) -> (Option<Opening>, usize) {
    let (is_indented, named) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let quote = named.chars().next().filter(|mark| matches!(mark, '"' | '\''));
    let inner = if quote.is_some() { &named[1..] } else { named };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name: String = inner.chars().take_while(|c| is_name(*c)).collect();
    let is_closed = quote.is_none_or(|mark| inner[name.len()..].starts_with(mark));
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts_well || !is_closed {
        return (None, 0);
    }
    let length = usize::from(is_indented) + name.len() + if quote.is_some() { 2 } else { 0 };
    (Some(Opening { name, is_quoted: quote.is_some(), is_indented }), length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        lines(text).unwrap().0.into_iter().map(|line| (line.keyword, line.rest)).collect()
    }

    #[test]
    fn continued_lines_are_one_and_comments_between_them_are_passed_over() {
        let text = "# syntax=x\n\nfrom a\nRUN echo a && \\\n  # why\n\n  echo b\n# end\nUSER u";
        let wanted = [("FROM", "a"), ("RUN", "echo a &&   echo b"), ("USER", "u")];
        assert_eq!(read(text), wanted.map(|(keyword, rest)| (keyword.to_owned(), rest.to_owned())));
    }

    #[test]
    fn the_escape_character_can_be_chosen() {
        let (lines, escape) = lines("# escape=`\nRUN a `\n b \\\nUSER c").unwrap();
        assert_eq!(escape, '`');
        assert_eq!(lines[0].rest, "a  b \\");
        assert_eq!(lines[1].keyword, "USER");
    }

    #[test]
    fn here_documents_are_gathered_wherever_a_command_opens_them() {
        let text = "RUN python3 <<EOF && cat <<-'B'\nprint(1) \\\n# kept\nEOF\n\tb\n\tB\nUSER x";
        let (lines, _) = lines(text).unwrap();
        assert_eq!(lines[0].documents[0].content, "print(1) \\\n# kept\n");
        assert!(lines[0].documents[0].is_expanded);
        assert_eq!(
            (lines[0].documents[1].content.as_str(), lines[0].documents[1].is_expanded),
            ("b\n", false)
        );
        assert_eq!(lines[1].keyword, "USER");
    }

    #[test]
    fn what_looks_like_a_here_document_and_is_none() {
        for text in ["RUN cat <<<word", "RUN echo '<<EOF'", "RUN echo $((1 << 2))", "RUN echo \\<<EOF"] {
            assert!(lines(text).unwrap().0[0].documents.is_empty(), "{text}");
        }
        assert_eq!(lines("\nRUN cat <<EOF\nx").unwrap_err(), Problem::OpenDocument("EOF".into()).at(2));
    }
}
