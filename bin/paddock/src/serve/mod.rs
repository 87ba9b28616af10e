//! The supervisor: a small root process that starts the runner and the front, restarts them when they die,
//! and ends them when it ends. It parses nothing from anybody.
//!
//! It binds the front's sockets itself and hands them down, so that clients are queued, not refused, while a front
//! is restarted. It is the nearest reaper of the sandboxes' first processes. Sandboxes live on without it.

mod banner;
pub(crate) mod front;
mod http;
pub(crate) mod resolver;
pub(crate) mod runner;
mod signals;
pub(crate) mod volumes;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use paddock_config::{Config, Objects};
use paddock_control::ApiKeySecret;
use serde::{Deserialize, Serialize};

use crate::paths;
use crate::porter;
use crate::user::{self, User};

/// How soon a child that died is started again, at first; doubled up to [`SLOWEST`] while it keeps dying.
const FASTEST: Duration = Duration::from_millis(50);
const SLOWEST: Duration = Duration::from_secs(5);
/// A child that lived this long has not "kept dying".
const SETTLED: Duration = Duration::from_secs(2);
/// How long children may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);

/// How the front gets the administrator's first key.
pub(crate) const FIRST_KEY_VARIABLE: &str = "PADDOCK_FIRST_KEY";

/// How the front gets to know where objects are kept: a [`paddock_porter::StoreConfig`] as JSON, with the store's secret, which it
/// could not read.
pub(crate) const STORE_VARIABLE: &str = "PADDOCK_FRONT_STORE";

/// Real addresses of a running server, as `<data>/run/endpoints.json` holds them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    /// The base of the API, `http://127.0.0.1:3000/api`.
    pub(crate) api_url: String,
    /// The base of the proxy, `http://127.0.0.1:4000`.
    pub(crate) proxy_url: String,
    /// The region to ask for.
    pub(crate) target: String,
    /// The supervisor.
    pub(crate) pid: u32,
}

/// What the front tells the supervisor, one JSON document a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FrontSays {
    /// The API answers.
    Serving,
    /// The built-in snapshot is being made: a line of progress.
    Progress(String),
    /// Sandboxes can be made.
    Ready,
}

/// Runs the server until it is told to end.
pub(crate) fn supervise(config: &Config) -> Result<()> {
    #[expect(unsafe_code, reason = "no well-kept crate of ours wraps it")]
    // SAFETY: takes nothing.
    if unsafe { libc::geteuid() } != 0 {
        bail!("paddock serve must be started as root: it makes namespaces, mounts and control groups");
    }
    // Who may read what is said file by file; a stricter mask of the administrator's shell would lock the front out of
    // its directories, and guests out of what is made for them.
    #[expect(unsafe_code, reason = "one call that takes an integer")]
    // SAFETY: as said, and it cannot fail.
    unsafe {
        libc::umask(0o022);
    }
    // Children inherit it: each sandbox takes descriptors of the runner, each request of the front.
    paddock_sys::process::raise_open_files().context("could not raise the limit of open files")?;
    let user = user::find(&config.front_user)?;
    make_directories(config, user)?;
    let _lock = lock(config)?;
    let waiting = signals::block_all()?;
    let api = bind(config, config.api_port)?;
    let proxy = bind(config, config.proxy_port)?;
    let endpoints = write_endpoints(config, &api, &proxy)?;
    let (says, heard) = io::pipe().map(|(reader, writer)| (OwnedFd::from(writer), reader))?;
    let key = first_key(config)?;
    let banner = banner::Banner::new(endpoints, key.clone());
    std::thread::spawn(move || listen(heard, banner));

    let store = serde_json::to_string(&porter::store(config)?).context("the object store's settings")?;
    // Nobody but its own user and root reads a process's environment.
    let told = vec![(FIRST_KEY_VARIABLE, key), (STORE_VARIABLE, store)];
    let mut children = [
        Supervised::new("runner", user, vec![], vec![]),
        Supervised::new("front", user, vec![api.as_raw_fd(), proxy.as_raw_fd(), says.as_raw_fd()], told),
    ];
    let result = attend(&waiting, &mut children);
    end(&waiting, &mut children);
    let _ = fs::remove_file(paths::endpoints(config));
    result
}

/// Starts and restarts the children until a signal says to end.
fn attend(waiting: &signals::Waiting, children: &mut [Supervised]) -> Result<()> {
    loop {
        for child in &mut *children {
            child.start_if_due()?;
        }
        let pause = children.iter().map(Supervised::due_in).min().unwrap_or(SLOWEST);
        match waiting.next(pause)? {
            signals::Signal::End => return Ok(()),
            signals::Signal::Child | signals::Signal::None => {}
        }
        // Also reaps sandboxes' first processes, which become ours when their runtime program ends.
        while let Some((pid, how)) = signals::reap()? {
            for child in children.iter_mut().filter(|child| child.pid() == Some(pid)) {
                child.died(&how);
            }
        }
    }
}

fn end(waiting: &signals::Waiting, children: &mut [Supervised]) {
    for child in children.iter_mut() {
        child.signal(libc::SIGTERM);
    }
    let deadline = Instant::now() + END_LIMIT;
    while children.iter().any(|child| child.pid().is_some()) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            children.iter_mut().for_each(|child| child.signal(libc::SIGKILL));
        }
        if waiting.next(left.max(Duration::from_millis(100))).is_err() {
            return;
        }
        while let Ok(Some((pid, _))) = signals::reap() {
            children.iter_mut().filter(|child| child.pid() == Some(pid)).for_each(|child| child.child = None);
        }
    }
}

/// A process that is to run as long as we do.
struct Supervised {
    role: &'static str,
    user: User,
    /// Handed down as 3, 4, …
    descriptors: Vec<RawFd>,
    /// What it alone is told.
    told: Vec<(&'static str, String)>,
    child: Option<Child>,
    started: Instant,
    due: Instant,
    pause: Duration,
}

impl Supervised {
    fn new(
        role: &'static str,
        user: User,
        descriptors: Vec<RawFd>,
        told: Vec<(&'static str, String)>,
    ) -> Self {
        let now = Instant::now();
        Self { role, user, descriptors, told, child: None, started: now, due: now, pause: FASTEST }
    }

    fn pid(&self) -> Option<i32> {
        self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    fn due_in(&self) -> Duration {
        if self.child.is_some() { SLOWEST } else { self.due.saturating_duration_since(Instant::now()) }
    }

    fn start_if_due(&mut self) -> Result<()> {
        if self.child.is_some() || Instant::now() < self.due {
            return Ok(());
        }
        let own = std::env::current_exe().context("could not find this program's own path")?;
        let mut command = Command::new(own);
        command.args(["serve", "--role", self.role]);
        command.envs(self.told.iter().map(|(name, value)| (name, value)));
        let descriptors = self.descriptors.clone();
        let user = self.user;
        let drop_to = (self.role == "front").then_some((user.uid, user.gid));
        let parent = std::process::id();
        #[expect(unsafe_code, reason = "the child is prepared between fork and exec")]
        // SAFETY: only system calls on integers, all async-signal-safe.
        unsafe {
            command.pre_exec(move || signals::prepare_child(parent, &descriptors, drop_to));
        }
        let child = command.spawn().with_context(|| format!("could not start the {}", self.role))?;
        tracing::info!(role = self.role, pid = child.id(), "started");
        self.started = Instant::now();
        self.child = Some(child);
        Ok(())
    }

    fn died(&mut self, how: &str) {
        tracing::error!(role = self.role, how, "died, starting it again");
        self.child = None;
        self.pause = if self.started.elapsed() > SETTLED { FASTEST } else { (self.pause * 2).min(SLOWEST) };
        self.due = Instant::now() + self.pause;
    }

    fn signal(&mut self, signal: i32) {
        if let Some(pid) = self.pid() {
            signals::send(pid, signal);
        }
    }
}

fn make_directories(config: &Config, user: User) -> Result<()> {
    let directory = |path: &std::path::Path, owner: u32, group: u32, mode: u32| -> Result<()> {
        let make = || -> io::Result<()> {
            fs::create_dir_all(path)?;
            chown(path, Some(owner), Some(group))?;
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        };
        make().with_context(|| format!("could not make {}", path.display()))
    };
    directory(&config.data, 0, 0, 0o755)?;
    directory(&paths::runner(config), 0, 0, 0o700)?;
    directory(&paths::front(config), user.uid, user.gid, 0o700)?;
    directory(&paths::run(config), 0, user.gid, 0o750)?;
    if let Objects::Directory(path) = &config.objects {
        directory(path, user.uid, user.gid, 0o700)?;
    }
    directory(std::path::Path::new(paths::LEASES), 0, 0, 0o755)?;
    directory(&paths::stage(config), 0, 0, 0o755)
}

fn lock(config: &Config) -> Result<File> {
    let path = paths::run(config).join("lock");
    let file = File::create(&path).with_context(|| format!("could not make {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another paddock serve runs with the data directory {}", config.data.display());
    }
    Ok(file)
}

fn bind(config: &Config, port: u16) -> Result<TcpListener> {
    let address = SocketAddr::new(config.listen, port);
    TcpListener::bind(address).with_context(|| format!("could not listen on {address}"))
}

fn write_endpoints(config: &Config, api: &TcpListener, proxy: &TcpListener) -> Result<Endpoints> {
    // "Every address" is none that a client can use.
    let host = match config.listen {
        address if address.is_unspecified() => "127.0.0.1".to_owned(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
        std::net::IpAddr::V4(address) => address.to_string(),
    };
    let endpoints = Endpoints {
        api_url: format!("http://{host}:{}/api", api.local_addr()?.port()),
        proxy_url: format!("http://{host}:{}", proxy.local_addr()?.port()),
        target: front::REGION.to_owned(),
        pid: std::process::id(),
    };
    let path = paths::endpoints(config);
    let making = path.with_extension("new");
    fs::write(&making, serde_json::to_vec_pretty(&endpoints)?)
        .and_then(|()| fs::rename(&making, &path))
        .with_context(|| format!("could not write {}", path.display()))?;
    Ok(endpoints)
}

/// The administrator's first key: kept in a file of root's before anybody may use it, so that a crash cannot lose
/// it. The store keeps a hash alone.
fn first_key(config: &Config) -> Result<String> {
    let path = paths::credentials(config);
    match fs::read_to_string(&path) {
        Ok(key) => return Ok(key.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
    }
    let key = ApiKeySecret::generate();
    let making = path.with_extension("new");
    let _ = fs::remove_file(&making);
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&making)?;
        writeln!(file, "{}", key.reveal())?;
        file.sync_all()?;
        fs::rename(&making, &path)
    };
    write().with_context(|| format!("could not write {}", path.display()))?;
    Ok(key.reveal().to_owned())
}

/// Hears what fronts say, one after the other, as long as the supervisor lives.
fn listen(heard: io::PipeReader, mut banner: banner::Banner) {
    for line in BufReader::new(heard).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(said) => banner.hear(said),
            Err(error) => tracing::warn!(%error, "the front said something strange"),
        }
    }
}
