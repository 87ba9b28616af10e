//! The checked-in document of the API.

use std::path::{Path, PathBuf};

/// Writes the document as the handlers now make it.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    crate::write(&path(root), &document()?)
}

fn path(root: &Path) -> PathBuf {
    root.join("openapi/control.json")
}

fn document() -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&paddock_control::openapi())? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_document_is_fresh() {
        let kept = crate::read(&path(&crate::root())).unwrap();
        assert!(kept == document().unwrap(), "openapi/control.json is stale: run `cargo xtask openapi`");
    }
}
