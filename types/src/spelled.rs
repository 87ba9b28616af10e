//! Enums whose values have one spelling each, on the wire and in the store.
//!
//! Only spelling: what a value means, and which moves between values are legal, is said elsewhere.

/// A text that is not a value of its kind. Carries the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {text:?}")]
pub struct UnknownSpelling {
    /// What the text should have been, for example `SandboxState`.
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in the order of the specification's table.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The spelling on the wire and in the store.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::UnknownSpelling;

            fn from_str(text: &str) -> Result<Self, crate::UnknownSpelling> {
                match text { $($text => Ok(Self::$variant),)* other => Err(crate::UnknownSpelling {
                        kind: stringify!($name),
                        text: other.to_owned(),
                    }) }
            }
        }
    };
}

pub(crate) use spelled;
