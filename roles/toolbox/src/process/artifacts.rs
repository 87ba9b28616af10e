//! Taking charts out of a program's output.
//!
//! A chart is one line that begins with a marker, followed by JSON. Every such line is removed,
//! whether or not it can be read; what can be read becomes a [`Chart`].

use paddock_wire_toolbox::Chart;
use serde::Deserialize;

/// What a line with a chart begins with. Programs that show charts know it: it is part of the wire.
const MARKER: &[u8] = b"dtn_artifact_k39fd2:";

#[derive(Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
enum Artifact {
    Chart(Chart),
}

/// Who wrote the marked lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Author {
    /// The program itself. A line end before a marked line is the program's.
    Program,
    /// Our wrapper, which writes a line end before each marked line, since it cannot know whether
    /// the output is at the beginning of a line: that one is removed too.
    Wrapper,
}

/// Removes the marked lines from `output`, in place, and gives back the charts in order.
pub(super) fn take_charts(output: &mut Vec<u8>, author: Author) -> Vec<Chart> {
    let marker = memchr::memmem::Finder::new(MARKER);
    let mut charts = Vec::new();
    // Everything before `from` has been dealt with, and what was kept of it now ends at `kept`.
    let (mut from, mut kept, mut search_from) = (0, 0, 0);
    while let Some(found) = marker.find(&output[search_from..]) {
        let at = search_from + found;
        if at > 0 && output[at - 1] != b'\n' {
            search_from = at + MARKER.len();
            continue;
        }
        let end = memchr::memchr(b'\n', &output[at..]).map_or(output.len(), |length| at + length);
        if let Ok(Artifact::Chart(chart)) = serde_json::from_slice(&output[at + MARKER.len()..end]) {
            charts.push(chart);
        }
        let keep_until = if author == Author::Wrapper && at > from { at - 1 } else { at };
        output.copy_within(from..keep_until, kept);
        kept += keep_until - from;
        from = (end + 1).min(output.len());
        search_from = from;
    }
    if from > 0 {
        output.copy_within(from.., kept);
        output.truncate(kept + output.len() - from);
    }
    charts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(output: &str, author: Author) -> (String, Vec<String>) {
        let mut bytes = output.as_bytes().to_vec();
        let charts = take_charts(&mut bytes, author);
        let titles = charts.into_iter().map(|chart| chart.title.unwrap_or_default()).collect();
        (String::from_utf8(bytes).unwrap(), titles)
    }

    fn line(title: &str) -> String {
        format!(r#"dtn_artifact_k39fd2:{{"type":"chart","value":{{"type":"line","title":"{title}"}}}}"#)
    }

    #[test]
    fn marked_lines_leave_the_output_and_become_charts_in_order() {
        let output = format!("a\n{}\nb\n{}\n", line("one"), line("two"));
        assert_eq!(taken(&output, Author::Program), ("a\nb\n".into(), vec!["one".into(), "two".into()]));
        let output = format!("{}\n{}", line("one"), line("two"));
        assert_eq!(taken(&output, Author::Program), (String::new(), vec!["one".into(), "two".into()]));
    }

    #[test]
    fn output_without_markers_is_untouched() {
        assert_eq!(taken("no\nmarkers", Author::Program), ("no\nmarkers".into(), vec![]));
        assert_eq!(taken("", Author::Program), (String::new(), vec![]));
    }

    #[test]
    fn a_marker_inside_a_line_is_output() {
        let output = format!("see {}\n", line("x"));
        assert_eq!(taken(&output, Author::Program), (output.clone(), vec![]));
    }

    #[test]
    fn lines_that_cannot_be_read_are_removed_and_dropped() {
        let broken = "a\ndtn_artifact_k39fd2:{\"type\":\"chart\"\nb\n";
        assert_eq!(taken(broken, Author::Program), ("a\nb\n".into(), vec![]));
        let unknown = "dtn_artifact_k39fd2:{\"type\":\"sound\",\"value\":{}}\nb";
        assert_eq!(taken(unknown, Author::Program), ("b".into(), vec![]));
    }

    #[test]
    fn the_wrappers_line_end_before_a_chart_goes_with_it() {
        let output = format!("half a line\n{}\nand its rest\n\n{}\nend\n", line("one"), line("two"));
        let (text, titles) = taken(&output, Author::Wrapper);
        assert_eq!(text, "half a lineand its rest\nend\n");
        assert_eq!(titles, ["one", "two"]);
        let (text, _) = taken(&format!("\n{}\nx", line("one")), Author::Wrapper);
        assert_eq!(text, "x");
        let (text, titles) = taken(&format!("\n{}\n\n{}\n", line("one"), line("two")), Author::Wrapper);
        assert_eq!((text.as_str(), titles.len()), ("", 2));
    }
}
