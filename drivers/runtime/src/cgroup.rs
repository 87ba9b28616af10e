//! Control groups, of either generation.
//!
//! The runtime program makes a sandbox's groups and writes its limits; this module finds them again,
//! reads what happened in them, and removes them. A sandbox's groups lie at `<parent>/<id>` in every
//! hierarchy; `parent` belongs to one instance of paddock alone.

use std::io;
use std::path::{Path, PathBuf};

use paddock_sys::mount;

/// Where the hierarchies are mounted.
const ROOT: &str = "/sys/fs/cgroup";

/// The hierarchies of this host, as the calling process sees them, and our place in each.
#[derive(Debug, Clone)]
pub struct Cgroups {
    hierarchies: Vec<PathBuf>,
    unified: bool,
    parent: String,
}

impl Cgroups {
    /// Finds the hierarchies. `parent` is a relative path such as `paddock-default`.
    pub fn find(parent: &str) -> io::Result<Self> {
        let root = Path::new(ROOT);
        if root.join("cgroup.controllers").exists() {
            return Ok(Self { hierarchies: vec![root.to_owned()], unified: true, parent: parent.to_owned() });
        }
        let mut hierarchies = Vec::new();
        for entry in std::fs::read_dir(root)? {
            let entry = entry?;
            // `cpu,cpuacct` and the like are mounts; `cpu` may be a link to one.
            if entry.file_type()?.is_dir() && entry.path().join("cgroup.procs").exists() {
                hierarchies.push(entry.path());
            }
        }
        hierarchies.sort();
        Ok(Self { hierarchies, unified: false, parent: parent.to_owned() })
    }

    /// Hierarchies at other places, for tests of one generation on a host of the other.
    #[cfg(test)]
    pub(crate) fn at(hierarchies: Vec<PathBuf>, unified: bool, parent: &str) -> Self {
        Self { hierarchies, unified, parent: parent.to_owned() }
    }

    /// Whether a hierarchy of version 1 has the controller `controller`.
    pub(crate) fn hierarchy_of(&self, controller: &str) -> bool {
        let names = self.hierarchies.iter().filter_map(|path| path.file_name()?.to_str());
        names.flat_map(|name| name.split(',')).any(|name| name == controller)
    }

    /// Where the groups of `name` lie, or would.
    pub(crate) fn groups(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        self.hierarchies.iter().map(move |hierarchy| hierarchy.join(&self.parent).join(name))
    }

    /// Whether this is version 2.
    pub fn is_unified(&self) -> bool {
        self.unified
    }

    /// The path of one sandbox's groups within each hierarchy, with a leading slash.
    pub fn path_of(&self, name: &str) -> String {
        format!("/{}/{name}", self.parent)
    }

    /// The names beneath our parent in any hierarchy.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for hierarchy in &self.hierarchies {
            match std::fs::read_dir(hierarchy.join(&self.parent)) {
                Ok(entries) => {
                    for entry in entries {
                        let entry = entry?;
                        if entry.file_type()?.is_dir() {
                            names.extend(entry.file_name().into_string());
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Makes groups `name` for processes of the host's own that are held to so much memory and so many processes, if they
    /// are not there. Gives back the files that take a process's number.
    pub fn make(&self, name: &str, memory_bytes: u64, most_processes: u32) -> io::Result<Vec<PathBuf>> {
        let limits: &[(&str, &str, u64)] = if self.unified {
            &[("", "memory.max", memory_bytes), ("", "pids.max", u64::from(most_processes))]
        } else {
            &[
                ("memory", "memory.limit_in_bytes", memory_bytes),
                ("pids", "pids.max", u64::from(most_processes)),
            ]
        };
        let mut files = Vec::new();
        for hierarchy in &self.hierarchies {
            let names =
                || hierarchy.file_name().and_then(|name| name.to_str()).unwrap_or_default().split(',');
            let wanted: Vec<_> = limits
                .iter()
                .filter(|(kind, ..)| self.unified || names().any(|name| name == *kind))
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let parent = hierarchy.join(&self.parent);
            std::fs::create_dir_all(&parent)?;
            if self.unified {
                // The runtime program does the same at its first sandbox.
                for group in [hierarchy, &parent] {
                    std::fs::write(group.join("cgroup.subtree_control"), "+memory +pids")?;
                }
            }
            let group = parent.join(name);
            std::fs::create_dir_all(&group)?;
            for (_, file, limit) in wanted {
                std::fs::write(group.join(file), limit.to_string())?;
            }
            files.push(group.join("cgroup.procs"));
        }
        Ok(files)
    }

    /// The processes in the groups of `name` and in those that it made beneath.
    pub fn processes(&self, name: &str) -> Vec<i32> {
        let mut found = Vec::new();
        self.groups(name).for_each(|group| collect_processes(&group, &mut found));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Removes the groups of `name`, which must hold no process, and what was made beneath. Absent ones
    /// are no error.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.groups(name).try_for_each(|group| remove_tree(&group))
    }

    /// Removes our parent, which must hold no sandbox.
    pub fn remove_parent(&self) -> io::Result<()> {
        self.hierarchies.iter().try_for_each(|hierarchy| remove_tree(&hierarchy.join(&self.parent)))
    }

    /// How often the kernel killed a process of `name` for want of memory.
    pub fn memory_kills(&self, name: &str) -> u64 {
        let file = if self.unified { "memory.events" } else { "memory.oom_control" };
        let events = self.read(name, file).unwrap_or_default();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        kills.unwrap_or(0)
    }

    /// A control file of `name`, in whichever hierarchy has it.
    pub(crate) fn read(&self, name: &str, file: &str) -> Option<String> {
        self.groups(name).find_map(|group| std::fs::read_to_string(group.join(file)).ok())
    }
}

fn collect_processes(group: &Path, found: &mut Vec<i32>) {
    let Ok(text) = std::fs::read_to_string(group.join("cgroup.procs")) else { return };
    found.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect_processes(&entry.path(), found);
        }
    }
}

fn remove_tree(group: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(group) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    match std::fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the hierarchies of a *hybrid* host (version 1 controllers and an almost empty version 2 beside
/// them) look like a plain version 1 host in the calling thread's mount namespace, which must be private:
/// crun refuses a hybrid one. On other hosts this does nothing. May be repeated.
pub fn hide_hybrid() -> io::Result<()> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() || !root.join("unified/cgroup.procs").exists() {
        return Ok(());
    }
    let mut controllers = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "unified" {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            controllers.push((name, Ok(mount::clone_tree(&entry.path())?)));
        } else if kind.is_symlink() {
            controllers.push((name, Err(std::fs::read_link(entry.path())?)));
        }
    }
    // A fresh tmpfs, since crun would write directories for version 2 into the host's own otherwise.
    let fresh =
        mount::make("tmpfs", &[("mode", Some("0755")), ("size", Some("1m"))], mount::Attributes::default())?;
    mount::attach(&fresh, root)?;
    for (name, what) in controllers {
        let target = root.join(name);
        match what {
            Ok(tree) => {
                std::fs::create_dir(&target)?;
                mount::attach(&tree, &target)?;
            }
            Err(link) => std::os::unix::fs::symlink(link, &target)?,
        }
    }
    Ok(())
}
