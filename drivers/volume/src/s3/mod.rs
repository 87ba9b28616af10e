//! Volumes in a bucket: each a prefix, shown as a file system by one client process per volume and host.
//!
//! ```text
//! <prefix>volumes/<id>/made     says that the volume was made; nobody but us sees it
//! <prefix>volumes/<id>/files/   what sandboxes see
//! ```
//!
//! The client is `s3fs`, without any privilege ([`client`]). It runs as long as somebody uses the volume, in a control group
//! of its own, and outlives this process: what it serves stays mounted in the namespace that the process runs in, and its
//! group and the names in the state directory tell a successor what is whose.
//!
//! Invariant: no call waits for a client for ever. What asks a client for something does so under a guard ([`guard`]) that
//! ends the client when it takes too long; the kernel then fails every request to it.

pub mod client;
mod guard;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use paddock_sys::mount::{self, Detached};
use paddock_sys::process::{self, Process};
use paddock_types::{SandboxId, Subpath, VolumeId};

use crate::steps::{make_directory, mount_tree};
use crate::{Error, Info, Volumes, tree};
use client::{Bucket, Wish};

/// How long a client may take to serve, or to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a removal may take: one request for each file.
const REMOVAL_LIMIT: Duration = Duration::from_secs(3600);
/// How long a client may take to end once nothing of it is mounted. What was closed is in the bucket before that.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How long a client that could not be started is not tried again.
const FAILURE_LASTS: Duration = Duration::from_secs(3);
/// How often something is looked at that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// The fail points of a client's start, in order.
pub const CLIENT_STEPS: [&str; 3] =
    ["volume.client.before_start", "volume.client.after_start", "volume.client.after_answer"];

/// Says that a volume was made.
const MARKER: &str = "made";
/// What sandboxes see.
const FILES: &str = "files";

/// Where volumes are, and what their clients need.
pub struct S3Config {
    /// The bucket.
    pub bucket: Bucket,
    /// What is kept while clients run: root's alone, and another directory after each start of the host. Its parent holds
    /// nothing else.
    pub state: PathBuf,
    /// A directory to mount on in the clients' own namespaces, which every user may enter.
    pub stage: PathBuf,
    /// Where clients keep what is not in the bucket yet: a directory of a mounted btrfs whose quotas are on, if there is a
    /// limit.
    pub scratch: PathBuf,
    /// The most bytes that one client keeps there. `None`: not limited.
    pub scratch_limit_bytes: Option<u64>,
    /// The program, and its arguments, that calls [`client::run`].
    pub program: (PathBuf, Vec<String>),
    /// Where clients are held.
    pub groups: Arc<dyn Groups>,
}

/// Control groups of clients, each named `volume-<id>`.
pub trait Groups: Send + Sync {
    /// Makes the group if it is not there, with limits. Gives back the files that take a process's number.
    fn make(&self, name: &str) -> io::Result<Vec<PathBuf>>;

    /// The processes in it. One that is not there has none.
    fn processes(&self, name: &str) -> Vec<i32>;

    /// Removes it; it must hold no process. One that is not there is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// The bucket's volumes.
pub struct S3 {
    config: S3Config,
    /// One lock per volume: of two who want a client, one starts it.
    locks: Mutex<HashMap<VolumeId, Arc<Mutex<()>>>>,
    /// Clients that just now could not be started, and why.
    failures: Mutex<HashMap<VolumeId, (Instant, String)>>,
}

impl S3 {
    /// Makes the directories that are not there. Clients of an earlier process go on.
    pub fn open(config: S3Config) -> Result<Self, Error> {
        make_directory(&config.state)?;
        make_directory(&config.scratch)?;
        // Of clients before the host's last start: nothing is mounted there any more.
        let before =
            config.state.parent().map(fs::read_dir).transpose().map_err(Error::io("list", &config.state))?;
        for entry in before.into_iter().flatten().flatten().filter(|entry| entry.path() != config.state) {
            remove_tree(&entry.path())?;
        }
        let volumes = Self { config, locks: Mutex::default(), failures: Mutex::default() };
        for id in names_in(&volumes.config.scratch)? {
            if !volumes.directory(id).exists() {
                volumes.remove_scratch(id)?;
            }
        }
        Ok(volumes)
    }

    fn locked<T>(&self, id: VolumeId, act: impl FnOnce() -> T) -> T {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody waits for those that we alone hold.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(id).or_default())
        };
        let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        act()
    }

    fn group(id: VolumeId) -> String {
        format!("volume-{id}")
    }

    fn directory(&self, id: VolumeId) -> PathBuf {
        self.config.state.join(id.to_string())
    }

    fn mount_point(&self, id: VolumeId) -> PathBuf {
        self.directory(id).join("mnt")
    }

    fn users_of(&self, id: VolumeId) -> Result<Vec<SandboxId>, Error> {
        names_in(&self.directory(id).join("users"))
    }

    /// Asks the client for something. When it does not answer in time it is ended.
    fn ask<T: Send>(
        &self,
        id: VolumeId,
        limit: Duration,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        let point = self.mount_point(id);
        let groups = Arc::clone(&self.config.groups);
        guard::within(limit, move || kill(&*groups, &Self::group(id)), || work(&point))
    }

    /// Starts the client, unless it runs and answers. Who waited while another tried in vain is told the same at once: many
    /// who want what cannot be reached must not wait one after the other.
    fn ensure_client(&self, id: VolumeId) -> Result<(), Error> {
        let failures = || self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures().retain(|_, (at, _)| at.elapsed() < FAILURE_LASTS);
        if let Some((_, detail)) = failures().get(&id) {
            return Err(Error::Client { id, detail: detail.clone() });
        }
        let started = self.try_ensure_client(id);
        if let Err(Error::Client { detail, .. }) = &started {
            failures().insert(id, (Instant::now(), detail.clone()));
        }
        started
    }

    fn try_ensure_client(&self, id: VolumeId) -> Result<(), Error> {
        let is_running = !self.config.groups.processes(&Self::group(id)).is_empty();
        if is_running && self.ask(id, ANSWER_LIMIT, look).is_ok() {
            return Ok(());
        }
        self.end_client(id)?;
        let point = self.mount_point(id);
        make_directory(&point)?;
        let scratch = self.make_scratch(id)?;
        let groups =
            self.config.groups.make(&Self::group(id)).map_err(Error::io("make a group for", &point))?;
        // Within what the client may fill: an unreachable bucket is complained of for as long as it lasts.
        let log = scratch.join("log");
        let wish = Wish {
            bucket: self.config.bucket.clone(),
            path: format!("{}volumes/{id}", self.config.bucket.prefix),
            mount_point: point,
            stage: self.config.stage.clone(),
            scratch,
            groups,
        };
        paddock_failpoint::hit("volume.client.before_start")?;
        client::spawn(&self.config.program, &wish, &log).map_err(Error::io("start a client for", &log))?;
        paddock_failpoint::hit("volume.client.after_start")?;
        self.wait_until_served(id).map_err(|reason| {
            let detail = client::last_words(&log).unwrap_or(reason);
            let _ = self.end_client(id);
            Error::Client { id, detail }
        })?;
        Ok(paddock_failpoint::hit("volume.client.after_answer")?)
    }

    /// Waits until the file system is there and answers.
    fn wait_until_served(&self, id: VolumeId) -> Result<(), String> {
        let point = self.mount_point(id);
        let deadline = Instant::now() + ANSWER_LIMIT;
        let name = Self::group(id);
        // It is in its group before it mounts, and not yet when it has just begun.
        let mut was_seen = false;
        loop {
            let is_running = !self.config.groups.processes(&name).is_empty();
            was_seen |= is_running;
            if is_mounted(&point).unwrap_or(false) {
                return self.ask(id, ANSWER_LIMIT, look).map_err(|error| error.to_string());
            }
            if (was_seen && !is_running) || Instant::now() > deadline {
                return Err("it did not serve".to_owned());
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Ends the client, running or dead, and removes what is kept of it but its users. May be repeated.
    fn end_client(&self, id: VolumeId) -> Result<(), Error> {
        let point = self.mount_point(id);
        while is_mounted(&point).map_err(Error::io("look at", &point))? {
            mount::detach(&point).map_err(Error::io("unmount", &point))?;
        }
        let (groups, name) = (&*self.config.groups, Self::group(id));
        // It ends when nothing of it is mounted any more.
        let deadline = Instant::now() + END_LIMIT;
        while !groups.processes(&name).is_empty() && Instant::now() < deadline {
            std::thread::park_timeout(LOOK);
        }
        kill(groups, &name);
        groups.remove(&name).map_err(Error::io("remove the group of", &point))?;
        self.remove_scratch(id)
    }

    /// Removes everything that is kept of a volume that nobody uses.
    fn forget(&self, id: VolumeId) -> Result<(), Error> {
        self.end_client(id)?;
        remove_tree(&self.directory(id))
    }

    fn make_scratch(&self, id: VolumeId) -> Result<PathBuf, Error> {
        let path = self.config.scratch.join(id.to_string());
        if let Some(limit) = self.config.scratch_limit_bytes {
            use paddock_sys::btrfs;
            let parent =
                fs::File::open(&self.config.scratch).map_err(Error::io("open", &self.config.scratch))?;
            match btrfs::create_subvolume(&parent, &id.to_string()) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other.map_err(Error::io("make subvolume", &path))?,
            }
            let directory = fs::File::open(&path).map_err(Error::io("open", &path))?;
            btrfs::subvolume_id(&directory)
                .and_then(|subvolume| btrfs::limit_subvolume(&directory, subvolume, limit))
                .map_err(Error::io("limit", &path))?;
        } else {
            make_directory(&path)?;
        }
        std::os::unix::fs::chown(&path, Some(client::ID), Some(client::ID))
            .map_err(Error::io("give away", &path))?;
        Ok(path)
    }

    fn remove_scratch(&self, id: VolumeId) -> Result<(), Error> {
        let path = self.config.scratch.join(id.to_string());
        if self.config.scratch_limit_bytes.is_none() {
            return remove_tree(&path);
        }
        let parent = fs::File::open(&self.config.scratch).map_err(Error::io("open", &self.config.scratch))?;
        match paddock_sys::btrfs::delete_subvolume(&parent, &id.to_string()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Does something with a client that runs, or is started for it alone.
    fn with_client<T: Send>(
        &self,
        id: VolumeId,
        limit: Duration,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        self.locked(id, || {
            let done = self.ensure_client(id).and_then(|()| self.ask(id, limit, work));
            let ended = if self.users_of(id)?.is_empty() { self.forget(id) } else { Ok(()) };
            let done = done?;
            ended?;
            Ok(done)
        })
    }
}

impl Volumes for S3 {
    fn info(&self) -> Info {
        Info { name: "s3", enforces_size: false, maps_ids: false }
    }

    fn ensure(&self, id: VolumeId) -> Result<(), Error> {
        paddock_failpoint::hit("volume.create.before")?;
        self.with_client(id, ANSWER_LIMIT, |root| {
            make_directory(&root.join(FILES))?;
            paddock_failpoint::hit("volume.create.after_directory")?;
            paddock_failpoint::hit("volume.create.after_limit")?;
            fs::write(root.join(MARKER), "").map_err(Error::io("mark", "the volume"))
        })
    }

    /// Those that have a client: what else is in the bucket is not looked for.
    fn list(&self) -> Result<Vec<VolumeId>, Error> {
        names_in(&self.config.state)
    }

    fn delete(&self, id: VolumeId) -> Result<(), Error> {
        paddock_failpoint::hit("volume.delete.before")?;
        self.with_client(id, REMOVAL_LIMIT, |root| {
            // What is half removed is not mounted any more.
            remove_file(&root.join(MARKER))?;
            remove_tree(&root.join(FILES))
        })?;
        Ok(paddock_failpoint::hit("volume.delete.after")?)
    }

    fn open(&self, id: VolumeId, subpath: Option<&Subpath>, user: SandboxId) -> Result<Detached, Error> {
        paddock_failpoint::hit("volume.open.before")?;
        self.locked(id, || {
            let users = self.directory(id).join("users");
            make_directory(&users)?;
            let mark = users.join(user.to_string());
            fs::write(&mark, "").map_err(Error::io("note the user", &mark))?;
            self.ensure_client(id)?;
            self.ask(id, ANSWER_LIMIT, |root| {
                if !root.join(MARKER).try_exists().map_err(Error::io("look at", "the volume"))? {
                    return Err(Error::NoVolume { id });
                }
                let files: OwnedFd =
                    tree::open_root(&root.join(FILES)).map_err(Error::io("open", "the volume"))?;
                mount_tree(id, files, subpath)
            })
        })
    }

    fn close(&self, user: SandboxId) -> Result<(), Error> {
        for id in names_in::<VolumeId>(&self.config.state)? {
            let mark = self.directory(id).join("users").join(user.to_string());
            // Looked at before the lock, which the removal of another volume may hold for long.
            if !mark.exists() {
                continue;
            }
            self.locked(id, || {
                // Forgotten last: what fails is tried again by the next who closes.
                if self.users_of(id)?.iter().all(|other| *other == user) {
                    return self.forget(id);
                }
                remove_file(&mark)
            })?;
        }
        Ok(())
    }

    fn users(&self) -> Result<Vec<SandboxId>, Error> {
        let mut users = Vec::new();
        for id in names_in::<VolumeId>(&self.config.state)? {
            users.extend(self.users_of(id)?);
        }
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }
}

/// Ends the clients in a group, whoever uses what they serve, and removes the group.
///
/// # Errors
/// When some process of it does not end.
pub fn end(groups: &dyn Groups, name: &str) -> io::Result<()> {
    kill(groups, name);
    groups.remove(name)
}

/// Whether the file system answers.
fn look(point: &Path) -> Result<(), Error> {
    fs::read_dir(point).map(drop).map_err(Error::io("read", "the volume"))
}

/// Whether something is mounted at `path` itself. Asks the kernel's table and not the file system, which might not answer.
fn is_mounted(path: &Path) -> io::Result<bool> {
    let table = fs::read_to_string("/proc/thread-self/mountinfo")?;
    let wanted = path.to_string_lossy();
    Ok(table.lines().any(|line| line.split(' ').nth(4) == Some(&*wanted)))
}

/// Kills every process of a group.
fn kill(groups: &dyn Groups, name: &str) {
    for process in groups.processes(name).into_iter().filter_map(Process::of) {
        if let Ok(Some(pidfd)) = process.open() {
            // What cannot be killed now is seen again by whoever removes the group.
            let _ = process::signal(&pidfd, 9);
            let _ = process::wait_for_end(&pidfd, END_LIMIT);
        }
    }
}

fn names_in<Id: std::str::FromStr>(directory: &Path) -> Result<Vec<Id>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("list", directory))?,
    };
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}
