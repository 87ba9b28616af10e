//! The bare cost of a sandbox: the runtime program alone, on the same root file system, without any code of ours.
//!
//! A plain overlay over the built-in root, the same namespaces and the same seccomp profile, `crun run --detach` and
//! `crun exec`. A sample leaves nothing behind, also when it fails.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use paddock_driver_runtime::cgroup::{Cgroups, hide_hybrid};
use paddock_sys::{mount, thread};
use serde_json::{Value, json};

/// The host ids of the bare sandbox: below those that servers lease.
const FIRST_ID: u32 = 0x6f00_0000;
/// What it is called.
const NAME: &str = "bare";

/// A place for bare sandboxes, one at a time.
pub(super) struct Bare {
    place: PathBuf,
    root: PathBuf,
    cgroups: Cgroups,
    null: PathBuf,
}

impl Bare {
    /// Gives the calling thread a mount namespace of its own, in which everything happens, and makes a bundle in
    /// `place`, an empty directory all parents of which everybody may enter.
    pub(super) fn prepare(place: &Path, root: &Path) -> Result<Self> {
        thread::unshare_mounts()?;
        hide_hybrid()?;
        let tmpfs = mount::make(
            "tmpfs",
            &[("mode", Some("0755"))],
            mount::Attributes { nodev: false, nosuid: true },
        )?;
        mount::attach(&tmpfs, place)?;
        let parent = format!("paddock-bare-{}", std::process::id());
        let bare = Self {
            place: place.to_owned(),
            root: root.to_owned(),
            cgroups: Cgroups::find(&parent)?,
            null: place.join("null"),
        };
        // Of our own: crun gives its standard input away to the sandbox's root.
        mount::make_null_device(&bare.null)?;
        let profile = crate::read(&crate::root().join("drivers/runtime/src/oci/seccomp.json"))?;
        let document = bare.document(serde_json::from_str(&profile)?);
        fs::write(place.join("config.json"), serde_json::to_vec(&document)?)?;
        Ok(bare)
    }

    /// From nothing to the output of `echo hi`.
    pub(super) fn create(&self) -> Result<Duration> {
        let begin = Instant::now();
        let result = self.start_and_exec();
        let time = begin.elapsed();
        self.clean_up();
        result.map(|()| time)
    }

    fn start_and_exec(&self) -> Result<()> {
        let at = |name: &str| self.place.join(name);
        for name in ["upper", "work", "merged"] {
            fs::create_dir(at(name)).with_context(|| format!("could not make {name}"))?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            self.root.display(),
            at("upper").display(),
            at("work").display()
        );
        mount::classic(Path::new("bare"), &at("merged"), "overlay", 0, &options)?;
        let bundle = self.place.display().to_string();
        self.crun(&["run", "--detach", "--bundle", &bundle, NAME])?;
        let ran = self.crun(&["exec", NAME, "/bin/sh", "-c", "echo hi"])?;
        if ran.stdout != b"hi\n" {
            bail!("the bare sandbox printed {:?}", String::from_utf8_lossy(&ran.stdout));
        }
        Ok(())
    }

    fn crun(&self, arguments: &[&str]) -> Result<Output> {
        let null = || File::options().read(true).write(true).open(&self.null).map(Stdio::from);
        let mut command = Command::new("crun");
        // Its complaints go to a file: a pipe would be held open by the sandbox.
        let log = self.place.join("log");
        command.arg("--root").arg(self.place.join("state")).arg("--log").arg(&log);
        command.args(arguments).stdin(null()?).stderr(null()?);
        // A detached sandbox holds its output open: only a command inside gets a pipe.
        let is_exec = arguments.first() == Some(&"exec");
        command.stdout(if is_exec { Stdio::piped() } else { null()? });
        let output = command.spawn().and_then(std::process::Child::wait_with_output)?;
        if !output.status.success() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            bail!("crun {} ended with {}: {}", arguments.join(" "), output.status, said.trim());
        }
        Ok(output)
    }

    /// Removes what one sample made. What was not made is no error.
    fn clean_up(&self) {
        let _ = self.crun(&["delete", "--force", NAME]);
        let _ = self.cgroups.remove(NAME);
        let _ = mount::detach(&self.place.join("merged"));
        for name in ["upper", "work", "merged"] {
            let _ = fs::remove_dir_all(self.place.join(name));
        }
    }

    fn document(&self, seccomp: Value) -> Value {
        let mapping = json!([{ "containerID": 0, "hostID": FIRST_ID, "size": 65_536 }]);
        // Without one for control groups: crun makes that after `run` has returned, and an `exec` that comes before
        // is refused.
        let namespaces =
            ["user", "network", "mount", "pid", "ipc", "uts"].map(|kind| json!({ "type": kind }));
        json!({
            "ociVersion": "1.0.2",
            "root": { "path": self.place.join("merged"), "readonly": false },
            "hostname": NAME,
            "process": {
                "user": { "uid": 0, "gid": 0 },
                "cwd": "/",
                "args": ["/bin/sleep", "infinity"],
                "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
                { "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
                { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "mode=1777"] },
                { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue" },
                { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"] },
            ],
            "linux": {
                "namespaces": namespaces,
                "uidMappings": mapping,
                "gidMappings": mapping,
                "cgroupsPath": self.cgroups.path_of(NAME),
                "resources": {
                    "devices": [{ "allow": false, "access": "rwm" }],
                    "memory": { "limit": 1_u64 << 30 },
                    "cpu": { "quota": 100_000, "period": 100_000 },
                    "pids": { "limit": 4096 },
                },
                "seccomp": seccomp,
            },
        })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.clean_up();
        let _ = self.cgroups.remove_parent();
    }
}
