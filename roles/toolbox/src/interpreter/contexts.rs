//! Which contexts there are.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paddock_wire_toolbox::InterpreterContext;

use super::context::Context;

/// The context of executions that name none. Not listed, and cannot be deleted.
pub(super) const DEFAULT: &str = "default";

/// All contexts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    named: Mutex<Vec<(String, Arc<Context>)>>,
    default: std::sync::OnceLock<Arc<Context>>,
}

impl Contexts {
    /// Adds a context that works in `directory`, under an id of its own.
    pub(super) fn add(&self, directory: PathBuf) -> Arc<Context> {
        let id = uuid::Uuid::new_v4().to_string();
        let context = Arc::new(Context::new(id.clone(), directory));
        self.named().push((id, Arc::clone(&context)));
        context
    }

    /// The context of this id.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Context>> {
        self.named().iter().find(|(known, _)| known == id).map(|(_, context)| Arc::clone(context))
    }

    /// The default one, which comes into being when it is first asked for.
    pub(super) fn default_in(&self, directory: &std::path::Path) -> Arc<Context> {
        let new = || Arc::new(Context::new(DEFAULT.to_owned(), directory.to_owned()));
        Arc::clone(self.default.get_or_init(new))
    }

    /// Takes a context away: no further execution finds it.
    pub(super) fn remove(&self, id: &str) -> Option<Arc<Context>> {
        let mut named = self.named();
        let at = named.iter().position(|(known, _)| known == id)?;
        Some(named.remove(at).1)
    }

    /// All but the default one.
    pub(super) fn describe(&self) -> Vec<InterpreterContext> {
        self.named().iter().map(|(_, context)| context.describe()).collect()
    }

    fn named(&self) -> MutexGuard<'_, Vec<(String, Arc<Context>)>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
