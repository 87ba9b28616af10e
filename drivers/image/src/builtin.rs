//! The built-in root file system: the host's own distribution, made on the host by mmdebstrap.
//!
//! It lies in a cache that all instances on a host share, under a name made from its recipe: another
//! recipe, another directory. It appears there complete or not at all.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use paddock_types::RootBase;
use sha2::{Digest, Sha256};

use crate::{Error, Images, Root, trust};

/// The recipe, as data: changing a byte makes a new root.
const RECIPE: [(&str, &str); 4] = [
    ("build.sh", include_str!("../builtin/build.sh")),
    ("packages.txt", include_str!("../builtin/packages.txt")),
    ("npm.txt", include_str!("../builtin/npm.txt")),
    ("pip.txt", include_str!("../builtin/pip.txt")),
];

/// The built-in root of one host.
#[derive(Debug, Clone)]
pub struct Builtin {
    /// The cache. Default `/var/cache/paddock`, from `PADDOCK_CACHE`.
    pub cache: PathBuf,
    /// Where layers of this instance alone go.
    pub layers: PathBuf,
    /// Certificates that every sandbox trusts beside its own, in PEM form. `None`: no others.
    pub extra_authorities: Option<PathBuf>,
}

impl Builtin {
    /// Where the present recipe's root is, or will be.
    pub fn directory(&self) -> PathBuf {
        let mut hash = Sha256::new();
        for (name, text) in RECIPE {
            hash.update(name);
            hash.update(text);
        }
        // The same recipe makes another root on another release.
        hash.update(fs::read("/etc/os-release").unwrap_or_default());
        hash.update(std::env::consts::ARCH);
        let name: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.cache.join(name)
    }

    fn make(&self, directory: &Path, lock: &File, progress: &dyn Fn(&str)) -> Result<(), Error> {
        let making = directory.with_extension("making");
        let _ = fs::remove_dir_all(&making);
        fs::create_dir_all(&making).map_err(Error::io("make", &making))?;
        for (name, text) in RECIPE {
            fs::write(making.join(name), text).map_err(Error::io("write", making.join(name)))?;
        }
        let log = making.join("log");
        let log_file = File::create(&log).map_err(Error::io("make", &log))?;
        let mut command = Command::new("sh");
        let lock = lock.as_raw_fd();
        #[expect(unsafe_code, reason = "a descriptor is kept open between fork and exec")]
        // SAFETY: one fcntl on an integer: async-signal-safe.
        unsafe {
            // The build holds the lock itself: one that outlives a killed runner is waited for, not deleted under.
            command.pre_exec(move || paddock_sys::fd::place(lock, lock));
        }
        let mut child = command
            .args(["build.sh", "root"])
            .current_dir(&making)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .map_err(Error::io("run", making.join("build.sh")))?;
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                progress(&line);
            }
        }
        let status = child.wait().map_err(Error::io("wait for", making.join("build.sh")))?;
        if !status.success() {
            return Err(Error::Build(last_line(&log)));
        }
        let size = size_of_tree(&making.join("root")).map_err(Error::io("measure", &making))?;
        fs::write(making.join("size"), size.to_string()).map_err(Error::io("write", making.join("size")))?;
        fs::rename(&making, directory).map_err(Error::io("name", directory))
    }
}

impl Images for Builtin {
    fn ensure_base(&self, base: RootBase, progress: &dyn Fn(&str)) -> Result<Root, Error> {
        if base == RootBase::Empty {
            // An overlay needs something undermost.
            let nothing = self.layers.join("empty");
            fs::create_dir_all(&nothing).map_err(Error::io("make", &nothing))?;
            return Ok(Root { layers: vec![nothing], size_bytes: 0 });
        }
        let directory = self.directory();
        if !directory.join("size").exists() {
            fs::create_dir_all(&self.cache).map_err(Error::io("make", &self.cache))?;
            let lock_path = directory.with_extension("lock");
            let lock = File::create(&lock_path).map_err(Error::io("make", &lock_path))?;
            if lock.try_lock().is_err() {
                progress("waiting for another server on this host that makes the same root file system");
                lock.lock().map_err(Error::io("lock", &lock_path))?;
            }
            if !directory.join("size").exists() {
                self.make(&directory, &lock, progress)?;
            }
        }
        let size_file = directory.join("size");
        let size = fs::read_to_string(&size_file).map_err(Error::io("read", &size_file))?;
        let base = directory.join("root");
        let mut layers = vec![base];
        layers.extend(self.trust(&layers)?);
        Ok(Root { layers, size_bytes: size.trim().parse().unwrap_or(0) })
    }

    fn trust(&self, layers: &[PathBuf]) -> Result<Option<PathBuf>, Error> {
        self.extra_authorities.as_ref().map(|extra| trust::layer(layers, extra, &self.layers)).transpose()
    }
}

fn last_line(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(file) = File::open(log) {
        let _ = file.take(4 << 20).read_to_string(&mut text);
    }
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned()
}

/// Bytes on disk of everything beneath `path`, links not followed, names of one file counted once each.
fn size_of_tree(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += metadata.blocks() * 512;
        if metadata.is_dir() {
            total += size_of_tree(&entry.path())?;
        }
    }
    Ok(total)
}
