//! What the sandbox uses, as far as it can be seen from inside.
//!
//! Over the proxy nobody asks this: the runner knows limits that are not to be seen from here, and answers in its
//! place. This is for a toolbox that is reached directly.

mod metrics;

pub(crate) use metrics::metrics;
