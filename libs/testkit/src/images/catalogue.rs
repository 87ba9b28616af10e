//! Images that several tests want. Those from packages are made once per host and kept in the cache (decision 21 of the
//! built-in root): the first time takes minutes, later ones a copy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Compression, Image, Tar, host_architecture, sum};

/// How the root of [`debian`] is made. Changing a byte makes another one.
const RECIPE: &str = include_str!("debian.sh");

/// What the world calls a small Debian, and Python on it. Ours has the host's own release and Python, whatever these
/// names say: they are names alone, so that clients can ask for what they always ask for.
pub const DEBIAN: &str = "library/debian:12-slim";
/// See [`DEBIAN`].
pub const PYTHON: &str = "library/python:3.12-slim-bookworm";

/// The OCI layout of a small Debian with `python3` and `pip`. In the cache; not to be written to.
///
/// # Panics
/// When the packages cannot be had.
pub fn debian() -> PathBuf {
    cached("debian", RECIPE, |making| {
        let root = making.join("root");
        let script = making.join("debian.sh");
        fs::write(&script, RECIPE).expect("the cache is writable");
        let status = Command::new("sh").arg(&script).arg(&root).status().expect("there is a shell");
        assert!(status.success(), "mmdebstrap failed");
        let image = Image::new().layer_of(&tar_of(&root), Compression::Gzip);
        image.config("Cmd", vec!["bash"]).config("Env", usual_path()).write(&making.join("layout"));
        fs::remove_dir_all(&root).expect("the cache is writable");
    })
}

/// The same with what Python's own image has: `python` and `pip` under those names, in a second layer.
pub fn python() -> PathBuf {
    let below = debian();
    cached("python", &format!("{RECIPE} with names"), |making| {
        let root = layer_of(&below);
        let names = Tar::default()
            .symlink("usr/local/bin/python", "/usr/bin/python3")
            .symlink("usr/local/bin/python3", "/usr/bin/python3");
        let image = Image::new().layer_of(&root, Compression::Gzip).layer(names, Compression::Gzip);
        let env = vec!["PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"];
        image.config("Cmd", vec!["python3"]).config("Env", env).write(&making.join("layout"));
    })
}

/// One static program under the names of all its tools; `sh` is one, `bash` is not.
///
/// # Panics
/// When Debian's `busybox-static` is not there.
pub fn busybox() -> Image {
    let program = fs::read("/bin/busybox").expect("busybox-static is installed");
    let list = Command::new("/bin/busybox").arg("--list").output().expect("it is a program");
    let names = String::from_utf8_lossy(&list.stdout).into_owned();
    let start = Tar::default()
        .directory("bin", 0o755)
        .directory("tmp", 0o1777)
        .directory("root", 0o700)
        .directory("etc", 0o755)
        .file(
            "etc/passwd",
            0o644,
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
        )
        .file("etc/group", 0o644, "root:x:0:\nnobody:x:65534:\n")
        .file("bin/busybox", 0o755, program);
    let layer = names
        .lines()
        .filter(|name| *name != "busybox" && !name.contains('/'))
        .fold(start, |tar, name| tar.symlink(&format!("bin/{name}"), "busybox"));
    Image::new().layer(layer, Compression::Gzip).config("Cmd", vec!["sh"]).config("Env", vec!["PATH=/bin"])
}

/// Nothing but one static program, which says what it was called with (busybox's `echo`).
///
/// # Panics
/// When Debian's `busybox-static` is not there.
pub fn distroless() -> Image {
    let program = fs::read("/bin/busybox").expect("busybox-static is installed");
    Image::new()
        .layer(Tar::default().file("echo", 0o755, program), Compression::Gzip)
        .config("Entrypoint", vec!["/echo"])
}

/// Busybox beneath `count` − 1 layers, each of which adds a file `layers/<number>`, changes `top` and hides the file of
/// the tenth layer below it.
///
/// # Panics
/// When Debian's `busybox-static` is not there.
pub fn layers(count: usize) -> Image {
    (1..count).fold(busybox(), |image, number| {
        let mut tar = Tar::default().file(&format!("layers/{number}"), 0o644, format!("{number}\n"));
        tar = tar.file("top", 0o644, format!("{number}\n"));
        if number > 10 {
            tar = tar.whiteout(&format!("layers/{}", number - 10));
        }
        image.layer(tar, if number % 2 == 0 { Compression::Gzip } else { Compression::Zstd })
    })
}

/// Busybox with about `mebibytes` MiB of files of 1 MiB that do not compress well, in four layers. An OCI layout in the
/// cache.
///
/// # Panics
/// When Debian's `busybox-static` is not there.
pub fn large(mebibytes: usize) -> PathBuf {
    cached("large", &format!("{mebibytes} MiB of noise"), |making| {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut noise = || {
            let mut content = Vec::with_capacity(1 << 20);
            while content.len() < 1 << 20 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Half of it noise, half of it not, as programs are.
                content.extend_from_slice(&state.to_le_bytes());
                content.extend_from_slice(b"programs");
            }
            content
        };
        let image = (0..4).fold(busybox(), |image, part| {
            let numbers = 0..mebibytes / 4;
            let tar = numbers.fold(Tar::default(), |tar, number| {
                tar.file(&format!("data/{part}/{number}"), 0o644, noise())
            });
            image.layer(tar, Compression::Gzip)
        });
        image.write(&making.join("layout"));
    })
}

/// An OCI layout in the cache, made if it is not there. Appears there whole or not at all; several processes at once make
/// it once.
fn cached(name: &str, recipe: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    // A change of how layouts are written is one of the recipe too.
    let parts = [recipe, &release, host_architecture(), include_str!("mod.rs"), include_str!("catalogue.rs")];
    let hash = sum(parts.join("\0").as_bytes());
    let cache = std::env::var_os("PADDOCK_CACHE").map_or_else(|| "/var/cache/paddock".into(), PathBuf::from);
    let directory = cache.join(format!("test-{name}-{}", hash.get(..16).unwrap_or_default()));
    let layout = directory.join("layout");
    if layout.exists() {
        return layout;
    }
    fs::create_dir_all(&cache).expect("the cache is writable");
    let lock = File::create(directory.with_extension("lock")).expect("the cache is writable");
    lock.lock().expect("a lock is waited for");
    if !layout.exists() {
        let making = directory.with_extension("making");
        let _ = fs::remove_dir_all(&making);
        fs::create_dir_all(&making).expect("the cache is writable");
        make(&making);
        fs::rename(&making, &directory).expect("the cache is writable");
    }
    layout
}

/// All of a tree as a tar stream, in an order of its own, with the numbers of owners.
fn tar_of(root: &Path) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["--numeric-owner", "--sort=name", "--xattrs", "--format=pax", "-C"])
        .arg(root)
        .args(["-c", "."])
        .output()
        .expect("there is tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The stream of the only layer of a layout of ours.
fn layer_of(layout: &Path) -> Vec<u8> {
    let read = |path: PathBuf| fs::read(path).expect("it was written");
    let blob = |digest: &serde_json::Value| {
        let digest = digest.as_str().unwrap_or_default().trim_start_matches("sha256:").to_owned();
        read(layout.join("blobs/sha256").join(digest))
    };
    let json = |text: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&text).expect("it was written");
    let index = json(read(layout.join("index.json")));
    let manifest = json(blob(&index["manifests"][0]["digest"]));
    let stored = blob(&manifest["layers"][0]["digest"]);
    let mut stream = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&stored[..]), &mut stream).expect("it was written");
    stream
}

fn usual_path() -> Vec<&'static str> {
    vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
}
