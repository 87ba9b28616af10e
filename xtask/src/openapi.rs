//! The checked-in documents of the APIs.

use std::path::{Path, PathBuf};

/// An API that has a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// The control plane's, from its handlers.
    Control,
    /// The toolbox's, from the table in `wire/toolbox`.
    Toolbox,
}

impl Api {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Control, Self::Toolbox];

    /// The document as the code now makes it.
    pub(crate) fn document(self) -> anyhow::Result<serde_json::Value> {
        Ok(match self {
            Self::Control => serde_json::to_value(paddock_control::openapi())?,
            Self::Toolbox => paddock_wire_toolbox::openapi::document(),
        })
    }

    fn path(self, root: &Path) -> PathBuf {
        root.join(match self {
            Self::Control => "openapi/control.json",
            Self::Toolbox => "openapi/toolbox.json",
        })
    }

    fn text(self) -> anyhow::Result<String> {
        let text = match self {
            // Not by way of a value: in the order in which its handlers have the fields.
            Self::Control => serde_json::to_string_pretty(&paddock_control::openapi())?,
            Self::Toolbox => serde_json::to_string_pretty(&self.document()?)?,
        };
        Ok(text + "\n")
    }
}

/// Writes the documents as the code now makes them.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    Api::ALL.into_iter().try_for_each(|api| crate::write(&api.path(root), &api.text()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_documents_are_fresh() {
        for api in Api::ALL {
            let kept = crate::read(&api.path(&crate::root())).unwrap();
            assert!(
                kept == api.text().unwrap(),
                "the document of {api:?} is stale: run `cargo xtask openapi`"
            );
        }
    }
}
