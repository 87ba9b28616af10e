//! Python: `python3 -u -` with the code on standard input, inside a wrapper if it draws charts.

use std::ffi::OsString;
use std::io;

use super::Program;
use crate::memory_file::memory_file;
use crate::process::artifacts::Author;

/// What makes `pyplot.show()` report figures. Its last line, the call, is added here.
pub(crate) const CHART_REPORTER: &str = include_str!("charts.py");

pub(super) fn prepare(code: &str, arguments: Vec<String>) -> io::Result<Program> {
    let (source, author) = if imports_matplotlib(code) {
        let call = format!("run_user_code({:?})\n", base64(code.as_bytes()));
        (memory_file("script", &[CHART_REPORTER.as_bytes(), call.as_bytes()])?, Author::Wrapper)
    } else {
        (memory_file("script", &[code.as_bytes()])?, Author::Program)
    };
    Ok(Program {
        name: "python3".into(),
        arguments: ["-u".into(), "-".into()]
            .into_iter()
            .chain(arguments.into_iter().map(OsString::from))
            .collect(),
        source: Some(source),
        author,
        scratch: None,
    })
}

/// Whether the code, comments aside, says that it imports matplotlib. Looks at the text only.
fn imports_matplotlib(code: &str) -> bool {
    code.lines().any(|line| {
        let code = line.split('#').next().unwrap_or_default();
        code.contains("matplotlib") && names_matplotlib_as_module(code)
    })
}

fn names_matplotlib_as_module(line: &str) -> bool {
    let statement = line.split(';').map(str::trim_start).any(|statement| {
        if let Some(modules) = keyword(statement, "import") {
            modules.split(',').any(|module| is_matplotlib(module.trim_start()))
        } else if let Some(module) = keyword(statement, "from") {
            is_matplotlib(module.trim_start())
        } else {
            false
        }
    });
    // `if x: import matplotlib` and the like.
    let inline = line.split(':').skip(1).any(|rest| {
        let rest = rest.trim_start();
        keyword(rest, "import")
            .or_else(|| keyword(rest, "from"))
            .is_some_and(|module| is_matplotlib(module.trim_start()))
    });
    let compact: String =
        line.chars().filter(|c| !c.is_whitespace()).map(|c| if c == '"' { '\'' } else { c }).collect();
    let call = [
        "__import__('matplotlib",
        "import_module('matplotlib",
        "load_module('matplotlib'",
        "sys.modules['matplotlib'",
    ];
    statement || inline || call.iter().any(|call| compact.contains(call))
}

/// What follows `word` if the statement begins with it.
fn keyword<'a>(statement: &'a str, word: &str) -> Option<&'a str> {
    statement.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t']))
}

/// Whether a module's name is matplotlib or one inside it.
fn is_matplotlib(module: &str) -> bool {
    module
        .strip_prefix("matplotlib")
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let padded = [three[0], three.get(1).copied().unwrap_or(0), three.get(2).copied().unwrap_or(0)];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= three.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_seen_in_every_spelling() {
        for code in [
            "import matplotlib",
            "  import matplotlib.pyplot as plt",
            "import os, matplotlib.pyplot as plt",
            "from matplotlib import pyplot",
            "from matplotlib.figure import Figure",
            "x = 1; import matplotlib",
            "try: import matplotlib",
            "p = __import__('matplotlib')",
            "p = __import__( \"matplotlib.pyplot\" )",
            "importlib.import_module('matplotlib.pyplot')",
            "loader.load_module('matplotlib')",
            "sys.modules['matplotlib']",
            "a\nimport\tmatplotlib # yes",
        ] {
            assert!(imports_matplotlib(code), "{code}");
        }
    }

    #[test]
    fn mentions_are_not_imports() {
        for code in [
            "# import matplotlib",
            "print('matplotlib')",
            "import matplotlibx",
            "from my_matplotlib import x",
            "important matplotlib",
            "x = 1 # from matplotlib import pyplot",
        ] {
            assert!(!imports_matplotlib(code), "{code}");
        }
    }

    #[test]
    fn base64_is_padded() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
