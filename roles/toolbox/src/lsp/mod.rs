//! Language servers: programs of the image that know a language, one per language and project.
//!
//! ```text
//!  start ──▶ known, running ──(crash)──▶ known, ended ──(any request)──▶ running again, documents open again
//!                │    ▲                        ▲
//!                │    └──(any request)──┐      │
//!                └──(nobody asks for ten minutes: shut down)
//! ```
//!
//! A request under way when the server crashes is told why; the next one finds a new server. What a server sends is
//! passed on as far as clients can read it, which is less than the protocol allows.
//!
//! | File | What it does |
//! |---|---|
//! | `framing` | messages on a byte stream |
//! | `connection` | requests, answers, and what the server asks us |
//! | `server` | one known server, running or not |
//! | `servers` | which are known |
//! | `language` | which program serves which language |
//! | `uri` | the addresses of documents, as clients write them |
//! | `shapes` | the protocol's many forms of one thing as the wire's one |
//! | `scan` | symbols of a project whose server cannot tell them |

mod completions;
mod connection;
mod document_symbols;
mod documents;
mod framing;
mod language;
mod scan;
mod server;
mod servers;
mod shapes;
mod start;
mod stop;
mod uri;
mod workspace_symbols;

pub(crate) use completions::completions;
pub(crate) use document_symbols::document_symbols;
pub(crate) use documents::{did_close, did_open};
pub(crate) use servers::Servers;
pub(crate) use start::start;
pub(crate) use stop::stop;
pub(crate) use workspace_symbols::workspace_symbols;
