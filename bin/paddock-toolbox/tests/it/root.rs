//! A directory that becomes a sandbox's root.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the program lies inside.
pub(crate) const PROGRAM: &str = "/.toolbox";

/// A root on the host, removed when it is dropped. Nothing is ever mounted in it outside a sandbox's
/// own mount namespace.
pub(crate) struct Root {
    path: PathBuf,
    /// What the sandbox's first process mounts before it becomes PID 1, as shell commands.
    pub(crate) mounts: String,
}

impl Root {
    /// Nothing but the program.
    pub(crate) fn empty() -> Self {
        let path = std::env::temp_dir().join(format!("sandbox-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).unwrap();
        mode(&path, 0o755);
        let program = path.join(PROGRAM.trim_start_matches('/'));
        std::fs::copy(env!("CARGO_BIN_EXE_paddock-toolbox"), &program).unwrap();
        mode(&program, 0o555);
        Self { path, mounts: String::new() }
    }

    /// Nothing but the program, a shell, and the libraries that the shell is linked with. No `/proc`, no `/dev`.
    pub(crate) fn with_a_shell() -> Self {
        let root = Self::empty();
        let shell = std::fs::canonicalize("/bin/sh").unwrap();
        let linked = Command::new("ldd").arg(&shell).output().unwrap();
        let linked = String::from_utf8(linked.stdout).unwrap();
        let libraries = linked.split_ascii_whitespace().filter(|word| word.starts_with('/'));
        for (from, to) in libraries.map(|path| (Path::new(path), path)).chain([(&*shell, "/bin/sh")]) {
            let copy = root.path.join(to.trim_start_matches('/'));
            std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
            std::fs::copy(from, &copy).unwrap();
        }
        root
    }

    /// The host's programs, no accounts, `/proc`, `/dev/null` and a `/tmp`.
    pub(crate) fn with_programs() -> Self {
        let mut root = Self::empty();
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), root.path.join(link)).unwrap();
        }
        for directory in ["usr", "proc", "dev", "etc", "tmp", "root"] {
            std::fs::create_dir(root.path.join(directory)).unwrap();
        }
        mode(&root.path.join("tmp"), 0o1777);
        root.write("dev/null", "", 0o666);
        let at = |name: &str| root.path.join(name).display().to_string();
        root.mounts = format!(
            "mount --rbind /usr {} && mount -t proc proc {} && mount --bind /dev/null {}",
            at("usr"),
            at("proc"),
            at("dev/null")
        );
        root
    }

    /// The same with accounts: root, and daytona (1000) with a home, a shell and two more groups.
    pub(crate) fn with_accounts() -> Self {
        let root = Self::with_programs();
        let passwd = "root:x:0:0:root:/root:/bin/sh\ndaytona:x:1000:1000::/home/daytona:/bin/sh\n";
        root.write("etc/passwd", passwd, 0o644);
        root.write(
            "etc/group",
            "root:x:0:\ndaytona:x:1000:\nsudo:x:27:daytona\nextra:x:2000:daytona\n",
            0o644,
        );
        let home = root.path.join("home/daytona");
        std::fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::chown(&home, Some(1000), Some(1000)).unwrap();
        root
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of root's.
    pub(crate) fn write(&self, name: &str, content: &str, file_mode: u32) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        mode(&path, file_mode);
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
