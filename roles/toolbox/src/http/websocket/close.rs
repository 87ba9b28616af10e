//! How sockets end.

use axum::extract::ws::{CloseFrame, Utf8Bytes};

/// A close frame's payload is 125 bytes at most, two of them the code.
const LONGEST_REASON: usize = 123;

/// The end that an operation wants for its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// All has been said.
    pub(crate) const NORMAL: u16 = 1000;
    /// The toolbox, or what the socket is about, goes away.
    pub(crate) const GOING_AWAY: u16 = 1001;
    /// The peer does not keep to the protocol.
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    /// The peer reads too slowly, or asks for what it may not have.
    pub(crate) const POLICY: u16 = 1008;
    /// Something failed here.
    pub(crate) const INTERNAL: u16 = 1011;

    /// `code` with a reason, which is cut to what a frame can hold, at the boundary of a character.
    pub(crate) fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(LONGEST_REASON));
        Self { code, reason }
    }

    /// All has been said, without a reason.
    pub(crate) fn normal() -> Self {
        Self::new(Self::NORMAL, "")
    }

    pub(super) fn into_frame(self) -> CloseFrame {
        CloseFrame { code: self.code, reason: Utf8Bytes::from(self.reason) }
    }
}

/// Why a socket cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Closed {
    /// The peer has closed it, or its connection is gone.
    #[error("the peer has gone away")]
    ByPeer,
    /// The peer does not keep to the protocol, or sent a message that is too long.
    #[error("the peer does not keep to the protocol")]
    Broken,
    /// The peer does not read.
    #[error("the peer does not read")]
    Stuck,
    /// The toolbox stops.
    #[error("the toolbox stops")]
    Stopping,
}

impl Closed {
    /// What there is to tell the peer, if it may still listen.
    pub(super) fn close(self) -> Option<Close> {
        match self {
            Self::ByPeer | Self::Stuck => None,
            Self::Broken => Some(Close::new(Close::PROTOCOL_ERROR, "")),
            Self::Stopping => Some(Close::new(Close::GOING_AWAY, "the toolbox stops")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame_and_no_character_is_cut() {
        assert_eq!(Close::new(1000, "x".repeat(200)).reason.len(), 123);
        let euros = Close::new(1000, "€".repeat(100)).reason;
        assert_eq!(euros, "€".repeat(41));
        assert_eq!(Close::new(1011, "short").reason, "short");
    }
}
