//! What can go wrong between us and a registry, in words for whoever named the image.

use std::time::Duration;

use paddock_types::Sha256;

use crate::reference::ImageReference;

/// What is behind an error, for logs.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an image could not be had. The messages are fit for users; they hold no credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry says that there is no such image, or no such layer.
    #[error("image {image} was not found: {server} does not have it")]
    NotFound {
        /// What was asked for.
        image: Box<ImageReference>,
        /// Who was asked.
        server: String,
    },
    /// The registry wants credentials, and none were given.
    #[error(
        "access to image {image} is denied by {server}: it does not exist, or needs credentials (add the registry with a user name and password)"
    )]
    NeedsCredentials {
        /// What was asked for.
        image: Box<ImageReference>,
        /// Who was asked.
        server: String,
    },
    /// The registry does not let in whoever has these credentials.
    #[error(
        "access to image {image} is denied by {server}: the user name or password is wrong, or may not read it"
    )]
    Denied {
        /// What was asked for.
        image: Box<ImageReference>,
        /// Who was asked.
        server: String,
    },
    /// Nobody answers, or the connection is cut again and again.
    #[error("registry {server} cannot be reached: {why}")]
    Unreachable {
        /// Who.
        server: String,
        /// In short.
        why: String,
        /// More.
        #[source]
        cause: Option<Cause>,
    },
    /// It answers, and too slowly.
    #[error("registry {server} is too slow: {why}")]
    TooSlow {
        /// Who.
        server: String,
        /// In which way.
        why: String,
    },
    /// It wants fewer questions, and wanted so to the end.
    #[error("registry {server} limits how often it may be asked; try again later")]
    Limited {
        /// Who.
        server: String,
        /// How long it wants to be left alone, if it said so.
        after: Option<Duration>,
    },
    /// It answers with what no registry answers with.
    #[error("registry {server} gave an answer that makes no sense: {what}")]
    Strange {
        /// Who.
        server: String,
        /// What about it.
        what: String,
    },
    /// What it sent is not what has that digest.
    #[error("registry {server} sent something else than what was asked for: sha256:{digest} does not match")]
    WrongDigest {
        /// Who.
        server: String,
        /// What was asked for.
        digest: Sha256,
    },
    /// What it sent is not as long as its manifest says.
    #[error(
        "registry {server} sent something else than what was asked for: sha256:{digest} has another size"
    )]
    WrongSize {
        /// Who.
        server: String,
        /// What was asked for.
        digest: Sha256,
    },
    /// The image is more than is taken.
    #[error("image {image} is too large: {what} is {size}, and at most {most} is allowed")]
    TooLarge {
        /// Which.
        image: Box<ImageReference>,
        /// What of it.
        what: &'static str,
        /// How much it is.
        size: u64,
        /// The most.
        most: u64,
    },
    /// It is no image, or one of a kind that cannot be used.
    #[error("image {image} cannot be used: {why}")]
    Unsupported {
        /// Which.
        image: Box<ImageReference>,
        /// Why.
        why: String,
    },
    /// There is none for this host.
    #[error("image {image} is not made for {wanted}, only for {offered}")]
    NoPlatform {
        /// Which.
        image: Box<ImageReference>,
        /// What this host is.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// The host is not one that this server speaks to.
    #[error("registry {server} is not spoken to: {why}")]
    Forbidden {
        /// Who.
        server: String,
        /// Why.
        why: String,
    },
    /// The layer could not be kept.
    #[error("a layer of the image could not be kept")]
    Store(#[source] paddock_driver_object::Error),
    /// Something of ours failed.
    #[error("could not {action}")]
    Internal {
        /// What.
        action: &'static str,
        /// Why.
        #[source]
        cause: Cause,
    },
    /// A test wanted it so.
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    /// Whether trying again later, unchanged, may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TooSlow { .. } | Self::Limited { .. } => true,
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// Whether whoever named the image, or gave the credentials, can put it right. Else it is the registry's, or ours.
    pub fn is_of_the_user(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::NeedsCredentials { .. }
                | Self::Denied { .. }
                | Self::TooLarge { .. }
                | Self::Unsupported { .. }
                | Self::NoPlatform { .. }
                | Self::Forbidden { .. }
        )
    }

    pub(crate) fn internal(action: &'static str) -> impl FnOnce(Cause) -> Self {
        move |cause| Self::Internal { action, cause }
    }
}
