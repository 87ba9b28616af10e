//! Carries a sandbox's files to where objects are kept, and back.
//!
//! What makes or parses such bytes does not run in the runner, which is root and must not fall to a stream that an enemy
//! wrote. Two processes do it, joined by a pipe (`docs/decisions/0017-the-porter.md`):
//!
//! ```text
//!   runner ── starts both, hands each what it needs by descriptor, hears one line of JSON from each at its end
//!     ├─ packer or unpacker: sees the volume as its root and nothing else; no network; root with the few privileges
//!     │    that making files takes; a short list of system calls                       ──┐ pipe: a tar stream
//!     └─ carrier: the front's user, no privilege; compresses, sums, speaks to the store ◀──┘ (or the other way)
//! ```
//!
//! Invariants: an object comes to be only when the packer said that all went well (the carrier waits for the runner's
//! word before the last step), and an import succeeds only when the sum of all bytes was right. A cancelled call, and
//! one whose caller was killed, leaves no process.
//!
//! [`Porter`] is the caller's side; [`child`] is the processes'.

pub mod child;
mod filter;
mod porter;
mod said;

pub use paddock_driver_object::{Digest, Meta, ObjectKey};
pub use paddock_layer::{Form, Limits};
pub use porter::{Cancel, Canceller, Error, Exported, PORTER_STEPS, Porter, PorterConfig, cancel};
pub use said::StoreConfig;
