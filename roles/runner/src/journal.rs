//! What this host was asked for and what came of it, one small file per sandbox.
//!
//! Written before an act that leaves something on the host, so that after a kill at any point the file says
//! what may be there. A file appears whole (temporary name, then rename).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use paddock_sys::process::Process;
use paddock_types::{Generation, ObjectId, Resources, SandboxId};
use paddock_wire_runner::{TaskReport, Wish};
use serde::{Deserialize, Serialize};

/// One sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The newest wish.
    pub(crate) wish: Wish,
    /// The generation for which it was seen running. When the wish is of the same generation and it does not
    /// run, then it ended by itself; else the wish is still to be fulfilled.
    pub(crate) reached: Option<Generation>,
    /// Its own first files were written. They are never written again: by then a guest may have put links there.
    pub(crate) seeded: bool,
    /// What a running one holds.
    pub(crate) running: Option<Running>,
    /// The newest task that has ended, and how: it is not done again however often it is wished.
    #[serde(default)]
    pub(crate) finished: Option<TaskReport>,
    /// What may be in the object store of it: noted before anything is put there.
    #[serde(default)]
    pub(crate) archives: BTreeSet<ObjectId>,
}

impl Entry {
    /// The archives that go, when only `kept` stays.
    pub(crate) fn archives_but(&self, kept: Option<ObjectId>) -> Vec<ObjectId> {
        let recorded = self.wish.archive.as_ref().map(|archive| archive.id);
        let all = self.archives.iter().copied().chain(recorded.filter(|id| !self.archives.contains(id)));
        all.filter(|id| Some(*id) != kept).collect()
    }
}

/// What a running sandbox holds on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Which boot of the host this was.
    pub(crate) boot: String,
    /// The first process: pid.
    pub(crate) pid: i32,
    /// The first process: start time in ticks since boot.
    pub(crate) start_ticks: u64,
    /// Its place in the network.
    pub(crate) port: u16,
    /// The first of its host ids.
    pub(crate) first_id: u32,
    /// The version that its toolbox said.
    pub(crate) version: String,
    /// Its limits. Not said by runners of before: as wished then.
    #[serde(default)]
    pub(crate) resources: Option<Resources>,
}

impl Running {
    /// The first process.
    pub(crate) fn process(&self) -> Process {
        Process { pid: self.pid, start_ticks: self.start_ticks }
    }
}

/// The directory of entries.
#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    /// The present boot of the host.
    pub(crate) boot: String,
}

impl Journal {
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Ok(Self { directory: directory.to_owned(), boot })
    }

    fn path(&self, id: SandboxId) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    pub(crate) fn write(&self, id: SandboxId, entry: &Entry) -> io::Result<()> {
        let path = self.path(id);
        let temporary = path.with_extension("new");
        fs::write(&temporary, serde_json::to_vec(entry)?)?;
        fs::rename(temporary, path)
    }

    /// Makes what was written of a sandbox survive a power cut.
    pub(crate) fn sync(&self, id: SandboxId) -> io::Result<()> {
        fs::File::open(self.path(id))?.sync_data()?;
        fs::File::open(&self.directory)?.sync_all()
    }

    pub(crate) fn remove(&self, id: SandboxId) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Every entry. One that cannot be read is logged and left for a person to look at; what it speaks of is
    /// then treated as unknown, which never deletes files.
    pub(crate) fn load(&self) -> io::Result<BTreeMap<SandboxId, Entry>> {
        let mut entries = BTreeMap::new();
        for file in fs::read_dir(&self.directory)? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let id = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            let entry = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice::<Entry>(&bytes)?));
            match (id, entry) {
                (Some(id), Ok(entry)) => drop(entries.insert(id, entry)),
                (_, Err(error)) => {
                    tracing::error!(path = %path.display(), %error, "unreadable journal entry")
                }
                (None, Ok(_)) => tracing::error!(path = %path.display(), "journal entry with a strange name"),
            }
        }
        Ok(entries)
    }
}
