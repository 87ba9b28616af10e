//! The output of one command in memory, under a budget that all commands share.
//!
//! The answer is one JSON string and the specification sets no limit to it, but the daemon is PID 1
//! and must not grow until the kernel kills it. What does not fit is read and dropped, so that the
//! command ends as it would have, and the text says at its end how much is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is asked of the budget at a time.
const STEP: usize = 1 << 20;

/// What all captured outputs together may hold in memory.
#[derive(Debug)]
pub struct OutputBudget {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl OutputBudget {
    /// A budget of `limit_bytes`; each command may take what the others have left.
    pub fn new(limit_bytes: usize) -> Arc<Self> {
        Arc::new(Self { limit_bytes, used_bytes: AtomicUsize::new(0) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|&sum| sum <= self.limit_bytes)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Bytes in the order in which a command has written them.
#[derive(Debug)]
pub(crate) struct Capture {
    bytes: Vec<u8>,
    dropped_bytes: u64,
    mode: Mode,
    budget: Arc<OutputBudget>,
    taken_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Keeping,
    /// The budget is used up. What comes is counted.
    Full,
    /// Nobody will read the output.
    Abandoned,
}

impl Capture {
    /// An empty one.
    pub(crate) fn new(budget: Arc<OutputBudget>) -> Self {
        Self { bytes: Vec::new(), dropped_bytes: 0, mode: Mode::Keeping, budget, taken_bytes: 0 }
    }

    /// Adds what has been read. After the first byte that does not fit, nothing is kept any more:
    /// the text has one end and no holes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let needed = self.bytes.len() + bytes.len();
        if self.mode == Mode::Keeping && needed > self.taken_bytes {
            let more = (needed - self.taken_bytes).next_multiple_of(STEP);
            if self.budget.take(more) {
                self.taken_bytes += more;
            } else {
                self.mode = Mode::Full;
            }
        }
        match self.mode {
            Mode::Keeping => self.bytes.extend_from_slice(bytes),
            Mode::Full => self.dropped_bytes += bytes.len() as u64,
            Mode::Abandoned => {}
        }
    }

    /// Frees what is there and drops whatever else comes.
    pub(crate) fn abandon(&mut self) {
        self.mode = Mode::Abandoned;
        self.bytes = Vec::new();
        self.budget.give_back(std::mem::take(&mut self.taken_bytes));
    }

    /// Ends the text with a remark if something is missing. To be called once, after the last push.
    pub(crate) fn finish(&mut self) {
        if self.dropped_bytes > 0 {
            let remark = format!("\n[output too large: {} bytes are missing here]\n", self.dropped_bytes);
            self.bytes.extend_from_slice(remark.as_bytes());
        }
    }

    /// The bytes kept so far.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to be made shorter.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.budget.give_back(self.taken_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_said() {
        let budget = OutputBudget::new(2 * STEP);
        let mut first = Capture::new(Arc::clone(&budget));
        first.push(&vec![b'a'; STEP]);
        let mut second = Capture::new(Arc::clone(&budget));
        second.push(&vec![b'b'; STEP]);
        first.push(b"more");
        first.push(b"and more");
        first.finish();
        second.finish();
        assert_eq!(&first.bytes()[STEP..], b"\n[output too large: 12 bytes are missing here]\n");
        assert_eq!(second.bytes().len(), STEP);
    }

    #[test]
    fn the_budget_comes_back_when_outputs_go() {
        let budget = OutputBudget::new(2 * STEP);
        let mut abandoned = Capture::new(Arc::clone(&budget));
        abandoned.push(&vec![b'a'; STEP]);
        abandoned.abandon();
        abandoned.push(b"dropped");
        assert_eq!(abandoned.bytes(), b"");
        let mut whole = Capture::new(Arc::clone(&budget));
        whole.push(&vec![b'a'; 2 * STEP]);
        assert_eq!(whole.bytes().len(), 2 * STEP);
        drop(whole);
        drop(abandoned);
        assert_eq!(budget.used_bytes.load(Ordering::Relaxed), 0);
    }
}
