//! Holding all processes of a sandbox still, and letting them go on.
//!
//! Invariant: [`Cgroups::freeze`] either holds all of them or lets all of them go; no part of a sandbox stays held
//! after an error, unless it could not be let go, which the error then says.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use paddock_sys::process;

use crate::cgroup::Cgroups;

/// How often version 1 is asked, which tells nobody when it is done.
const ASK_AGAIN: Duration = Duration::from_millis(1);

impl Cgroups {
    /// Whether this host can hold processes still.
    pub(crate) fn can_freeze(&self) -> bool {
        self.is_unified() || self.hierarchy_of("freezer")
    }

    /// Holds all processes of `name`, and those they make, still. Returns once they are.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when some were not within `limit` (one that waits for a disk cannot be held); all go
    /// on then. [`io::ErrorKind::NotFound`] when there is no such group.
    pub(crate) fn freeze(&self, name: &str, limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        let held = if self.is_unified() {
            self.freeze_unified(name, deadline)
        } else {
            self.freeze_separate(name, deadline)
        };
        let Err(error) = held else { return Ok(()) };
        self.thaw(name).map_err(|thaw| {
            io::Error::other(format!("{error}, and what was held could not be let go: {thaw}"))
        })?;
        Err(error)
    }

    fn freeze_unified(&self, name: &str, deadline: Instant) -> io::Result<()> {
        self.write(name, "cgroup.freeze", "1")?;
        let events = self.find_file(name, "cgroup.events").ok_or(io::ErrorKind::NotFound)?;
        // Opened before it is read: a change in between is told of.
        let watched = File::open(&events)?;
        loop {
            if std::fs::read_to_string(&events)?.lines().any(|line| line == "frozen 1") {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            process::wait_changed(&watched, left)?;
        }
    }

    fn freeze_separate(&self, name: &str, deadline: Instant) -> io::Result<()> {
        loop {
            // Said again each time: a process made meanwhile is held by that only.
            self.write(name, FREEZER_STATE, "FROZEN")?;
            if self.read(name, FREEZER_STATE).is_some_and(|state| state.trim() == "FROZEN") {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::park_timeout(ASK_AGAIN);
        }
    }

    /// Lets all processes of `name` go on. A group that is not there, or not held, is no error.
    pub(crate) fn thaw(&self, name: &str) -> io::Result<()> {
        let written = if self.is_unified() {
            self.write(name, "cgroup.freeze", "0")
        } else {
            self.write(name, FREEZER_STATE, "THAWED")
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Whether processes of `name` are held, or about to be: whether there is anything to thaw.
    pub(crate) fn is_frozen(&self, name: &str) -> bool {
        let (file, free) = if self.is_unified() { ("cgroup.freeze", "0") } else { (FREEZER_STATE, "THAWED") };
        self.read(name, file).is_some_and(|state| state.trim() != free)
    }

    /// The control file `file` of `name`, in whichever hierarchy has it.
    pub(crate) fn find_file(&self, name: &str, file: &str) -> Option<PathBuf> {
        self.groups(name).map(|group| group.join(file)).find(|path| path.exists())
    }

    /// Writes a control file of `name`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when no hierarchy has it.
    pub(crate) fn write(&self, name: &str, file: &str, value: &str) -> io::Result<()> {
        let path = self.find_file(name, file).ok_or(io::ErrorKind::NotFound)?;
        // Not `fs::write`: nothing may be made or cut off here.
        io::Write::write_all(&mut File::options().write(true).open(path)?, value.as_bytes())
    }
}

/// The control file of version 1.
const FREEZER_STATE: &str = "freezer.state";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use paddock_sys::loopdev::LoopDevice;
    use paddock_sys::{mount, thread};

    use super::*;

    /// Groups of both generations, as far as this host has them mounted, under a parent of this test's own.
    fn generations(test: &str) -> Vec<Cgroups> {
        let parent = format!("paddock-freezer-{}-{test}", std::process::id());
        let mut found = Vec::new();
        for unified in ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"] {
            if Path::new(unified).join("cgroup.controllers").exists() {
                found.push(Cgroups::at(vec![unified.into()], true, &parent));
            }
        }
        if Path::new("/sys/fs/cgroup/freezer/cgroup.procs").exists() {
            found.push(Cgroups::at(vec!["/sys/fs/cgroup/freezer".into()], false, &parent));
        }
        assert!(!found.is_empty(), "this host shows no control groups");
        found
    }

    fn group(cgroups: &Cgroups) -> PathBuf {
        let group = cgroups.groups("one").next().unwrap();
        fs::create_dir_all(&group).unwrap();
        group
    }

    fn join(child: &mut Child, group: &Path) {
        fs::write(group.join("cgroup.procs"), child.id().to_string()).unwrap();
    }

    fn end(cgroups: &Cgroups, child: &mut Child) {
        child.kill().unwrap();
        cgroups.thaw("one").unwrap();
        child.wait().unwrap();
        cgroups.remove_parent().unwrap();
    }

    #[test]
    fn a_group_is_held_until_it_is_let_go() {
        for cgroups in generations("held") {
            let group = group(&cgroups);
            let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            join(&mut child, &group);
            let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let mut answers = |letter: &[u8], limit| {
                io::Write::write_all(&mut input, letter).unwrap();
                let answered = process::wait_readable(&output, limit).unwrap();
                if answered {
                    io::Read::read_exact(&mut output, &mut [0]).unwrap();
                }
                answered
            };
            assert!(answers(b"x", Duration::from_secs(10)));
            assert!(!cgroups.is_frozen("one"));
            cgroups.freeze("one", Duration::from_secs(10)).unwrap();
            cgroups.freeze("one", Duration::from_secs(10)).expect("may be repeated");
            assert!(cgroups.is_frozen("one"));
            assert!(!answers(b"x", Duration::from_millis(100)));
            cgroups.thaw("one").unwrap();
            assert!(!cgroups.is_frozen("one"));
            assert!(answers(b"", Duration::from_secs(10)));
            end(&cgroups, &mut child);
        }
    }

    /// A write to a file that is mapped into memory can neither be refused nor be interrupted.
    const WRITES_TO_A_MAP: &str = "
import mmap, sys
file = open('file', 'w+b')
file.truncate(4096)
mapped = mmap.mmap(file.fileno(), 4096)
print('ready', flush=True)
sys.stdin.readline()
mapped[0] = 1
print('done', flush=True)
sys.stdin.readline()
";

    /// A small file system that can be stopped, so that who needs it waits as for a disk: such a wait cannot be held.
    struct Disk {
        place: tempfile::TempDir,
        _device: LoopDevice,
    }

    impl Disk {
        /// Mounts one in the calling thread's mount namespace.
        fn mount() -> Self {
            let place = tempfile::tempdir().unwrap();
            let (image, mounted) = (place.path().join("image"), place.path().join("mounted"));
            let backing = File::options().read(true).write(true).create_new(true).open(&image).unwrap();
            backing.set_len(16 << 20).unwrap();
            assert!(Command::new("mke2fs").arg("-q").arg(&image).status().unwrap().success());
            let device = LoopDevice::over(&backing, &image).unwrap();
            let source = device.path().to_str().unwrap();
            let made =
                mount::make("ext4", &[("source", Some(source))], mount::Attributes::default()).unwrap();
            fs::create_dir(&mounted).unwrap();
            mount::attach(&made, &mounted).unwrap();
            Self { place, _device: device }
        }

        fn path(&self) -> PathBuf {
            self.place.path().join("mounted")
        }

        fn have(&self, what: &str) {
            Command::new("fsfreeze").arg(what).arg(self.path()).stderr(Stdio::null()).status().unwrap();
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            self.have("--unfreeze");
            mount::detach(&self.path()).unwrap();
        }
    }

    #[test]
    fn a_group_that_does_not_hold_still_in_time_goes_on() {
        thread::scoped::<_, io::Error>(|| {
            thread::unshare_mounts()?;
            // Version 1 can hold even these, wherever they wait.
            for cgroups in generations("busy").into_iter().filter(Cgroups::is_unified) {
                let group = group(&cgroups);
                let disk = Disk::mount();
                let mut command = Command::new("python3");
                command.args(["-c", WRITES_TO_A_MAP]).current_dir(disk.path());
                let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
                join(&mut child, &group);
                let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
                io::Read::read_exact(&mut output, &mut [0; 6])?;
                disk.have("--freeze");
                io::Write::write_all(&mut input, b"\n")?;
                let stat = format!("/proc/{}/stat", child.id());
                let deadline = Instant::now() + Duration::from_secs(10);
                while !fs::read_to_string(&stat)?.contains(") D ") {
                    assert!(Instant::now() < deadline, "{:?}", fs::read_to_string(&stat));
                    std::thread::yield_now();
                }
                let error = cgroups.freeze("one", Duration::from_millis(200)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
                assert!(!cgroups.is_frozen("one"));
                disk.have("--unfreeze");
                io::Read::read_exact(&mut output, &mut [0; 5])?;
                end(&cgroups, &mut child);
            }
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn version_one_is_asked_no_longer_than_the_limit() {
        let place = tempfile::tempdir().unwrap();
        let cgroups = Cgroups::at(vec![place.path().to_owned()], false, "parent");
        fs::create_dir_all(place.path().join("parent/one")).unwrap();
        // Takes every word and never says that it is done.
        std::os::unix::fs::symlink("/dev/null", place.path().join("parent/one/freezer.state")).unwrap();
        let error = cgroups.freeze("one", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }

    #[test]
    fn what_is_not_there_cannot_be_held_and_need_not_be_let_go() {
        for cgroups in generations("absent") {
            let error = cgroups.freeze("nobody", Duration::from_secs(1)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
            cgroups.thaw("nobody").unwrap();
            assert!(!cgroups.is_frozen("nobody"));
        }
    }
}
