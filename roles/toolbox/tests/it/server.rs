//! A toolbox in this process, in a directory of its own.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use paddock_toolbox::{Config, Listener, Toolbox};
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::client::Client;

/// Serves until it is dropped; then its directory is removed.
pub(crate) struct Server {
    base: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let base = std::env::temp_dir().join(format!("toolbox-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(base.join("work")).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(base.join("socket")).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut config = Config::embedded(base.join("work"));
        config.home = Some(base.clone());
        config.session_directories = vec![base.join(".daytona/sessions")];
        change(&mut config);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = Listener::Unix(UnixListener::from_std(listener).unwrap());
                let shutdown = async {
                    let _ = stopped.await;
                };
                Toolbox::new(config).unwrap().run(listener, shutdown).await.unwrap();
            });
        });
        Self { base, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.socket())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.base.join("socket")
    }

    /// How many sessions have files.
    pub(crate) fn session_files(&self) -> usize {
        std::fs::read_dir(self.base.join(".daytona/sessions")).map_or(0, Iterator::count)
    }

    /// The work directory.
    pub(crate) fn work(&self) -> PathBuf {
        self.base.join("work")
    }

    /// A path in the work directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// The names in the work directory, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.work()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        let _ = std::fs::remove_dir_all(&self.base);
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

/// A path as a query's value.
pub(crate) fn encoded(path: &Path) -> String {
    form_urlencoded::byte_serialize(path.to_str().unwrap().as_bytes()).collect()
}

/// Waits until `condition` gives something; fails after ten seconds.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(std::time::Instant::now() < deadline, "it did not become so: {what}");
        std::thread::yield_now();
    }
}

/// Whether a process is there and is not a mere entry.
pub(crate) fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
