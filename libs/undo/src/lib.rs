//! A stack of what to take back when a later step fails.
//!
//! Push the undo right after each step succeeded. Dropped, the stack runs backwards; after
//! [`Undo::keep`], it does nothing. It is no substitute for finding leftovers after a crash.

/// Acts to run backwards unless all went well.
#[derive(Default)]
pub struct Undo<'a> {
    acts: Vec<Box<dyn FnOnce() + Send + 'a>>,
}

impl<'a> Undo<'a> {
    /// An empty stack.
    pub fn new() -> Self {
        Self::default()
    }

    /// `act` takes back the step that has just succeeded. It handles its own failure: there is nobody to tell.
    pub fn push(&mut self, act: impl FnOnce() + Send + 'a) {
        self.acts.push(Box::new(act));
    }

    /// All went well: nothing is taken back.
    pub fn keep(mut self) {
        self.acts.clear();
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        while let Some(act) = self.acts.pop() {
            act();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn steps_are_taken_back_last_first_unless_kept() {
        let order = Mutex::new(Vec::new());
        let mut undo = Undo::new();
        undo.push(|| order.lock().unwrap().push(1));
        undo.push(|| order.lock().unwrap().push(2));
        drop(undo);
        assert_eq!(*order.lock().unwrap(), [2, 1]);

        let mut undo = Undo::new();
        undo.push(|| order.lock().unwrap().push(3));
        undo.keep();
        assert_eq!(*order.lock().unwrap(), [2, 1]);
    }
}
