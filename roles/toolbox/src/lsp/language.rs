//! Which program serves which language.

use std::path::Path;

/// A program that speaks the protocol on its standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Language {
    /// How it is started.
    pub(super) program: &'static str,
    pub(super) arguments: &'static [&'static str],
    /// Whether the reference knows it: a missing program is then a failure, and not an unknown language.
    pub(super) is_promised: bool,
    /// The endings of its source files.
    pub(super) endings: &'static [&'static str],
}

const fn language(
    program: &'static str,
    arguments: &'static [&'static str],
    endings: &'static [&'static str],
) -> Language {
    Language { program, arguments, is_promised: false, endings }
}

const SCRIPTS: [&str; 8] = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];

/// The program for a language, by the names that clients use.
pub(super) fn find(id: &str) -> Option<Language> {
    Some(match id {
        "python" => Language { is_promised: true, ..language("pylsp", &[], &["py", "pyi"]) },
        "typescript" | "javascript" => {
            Language { is_promised: true, ..language("typescript-language-server", &["--stdio"], &SCRIPTS) }
        }
        "go" => language("gopls", &[], &["go"]),
        "rust" => language("rust-analyzer", &[], &["rs"]),
        "c" | "cpp" => language("clangd", &[], &["c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx"]),
        "java" => language("jdtls", &[], &["java"]),
        "ruby" => language("solargraph", &["stdio"], &["rb"]),
        "php" => language("intelephense", &["--stdio"], &["php"]),
        "shellscript" | "bash" => language("bash-language-server", &["start"], &["sh", "bash"]),
        "html" => language("vscode-html-language-server", &["--stdio"], &["html"]),
        "css" => language("vscode-css-language-server", &["--stdio"], &["css"]),
        "json" => language("vscode-json-language-server", &["--stdio"], &["json"]),
        "yaml" => language("yaml-language-server", &["--stdio"], &["yaml", "yml"]),
        "lua" => language("lua-language-server", &[], &["lua"]),
        _ => return None,
    })
}

/// What a server is told that a document is: the client's language, or a dialect that the file's ending says.
pub(super) fn document_language<'a>(id: &'a str, path: &Path) -> &'a str {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match (id, ending) {
        ("typescript" | "javascript", "tsx") => "typescriptreact",
        ("typescript" | "javascript", "jsx") => "javascriptreact",
        ("typescript" | "javascript", "ts" | "mts" | "cts") => "typescript",
        ("typescript" | "javascript", "js" | "mjs" | "cjs") => "javascript",
        ("bash", _) => "shellscript",
        _ => id,
    }
}
