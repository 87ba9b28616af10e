//! Registries for tests: Debian's `docker-registry`, with images that the tests push into it, and one of our own
//! ([`bad`]) that misbehaves as it is told.

pub mod bad;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::images::{Image, catalogue};

/// Who may read a registry that asks for it.
pub const USER: &str = "someone";
/// See [`USER`].
pub const PASSWORD: &str = "a-password-of-tests";
/// Both, as a file for Apache's programs has them.
const PASSWORD_FILE: &str = "someone:$2b$04$jYO7R2Yn3RDOotaWg88C/.wNLycriOOHDcCYgEpnX44nCXrfJtqwm\n";

/// A real registry on a port of its own, empty at first. Ends with this value.
pub struct Registry {
    /// `None`: it is somebody else's.
    process: Option<(Child, tempfile::TempDir)>,
    host: String,
    is_private: bool,
}

/// The variable with the host and port of a registry that all tests of one run share.
pub const SHARED: &str = "PADDOCK_TEST_REGISTRY";

impl Registry {
    /// One that everybody may read and write.
    ///
    /// # Panics
    /// When Debian's `docker-registry` is not there.
    pub fn start() -> Self {
        Self::start_with(false)
    }

    /// One that only [`USER`] may read and write.
    ///
    /// # Panics
    /// When Debian's `docker-registry` is not there.
    pub fn start_private() -> Self {
        Self::start_with(true)
    }

    /// The one that all tests of this run share, with what [`Registry::fill`] pushed; else one of one's own, without.
    ///
    /// # Panics
    /// When Debian's `docker-registry` is not there.
    pub fn shared() -> Self {
        match std::env::var(SHARED) {
            Ok(host) => Self { process: None, host, is_private: false },
            Err(_) => Self::start(),
        }
    }

    /// Pushes what whole-system tests ask for by public names: `debian:12-slim`, `python:3.12-slim-bookworm`, `busybox:1.36`,
    /// `paddock/echo:1` (one program, no shell), `paddock/layers:50`.
    ///
    /// # Panics
    /// When the packages cannot be had, or skopeo fails.
    pub fn fill(&self) {
        self.push_layout(&catalogue::debian(), catalogue::DEBIAN);
        self.push_layout(&catalogue::python(), catalogue::PYTHON);
        // As the SDKs of the time of writing call it.
        self.push_layout(&catalogue::python(), "library/python:3.12.10-slim-bookworm");
        self.push(&catalogue::busybox(), "library/busybox:1.36");
        self.push(&catalogue::distroless(), "paddock/echo:1");
        self.push(&catalogue::layers(50), "paddock/layers:50");
    }

    fn start_with(is_private: bool) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let root = directory.path();
        let mut config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\n\
             http: {{addr: '127.0.0.1:0', secret: of-a-test}}\n",
            root.join("data").display()
        );
        if is_private {
            let passwords = root.join("passwords");
            fs::write(&passwords, PASSWORD_FILE).expect("a directory of the test's own");
            config.push_str(&format!("auth:\n  htpasswd: {{realm: tests, path: {}}}\n", passwords.display()));
        }
        let file = root.join("config.yml");
        fs::write(&file, config).expect("a directory of the test's own");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("scripts/install.sh test installs docker-registry");
        let mut lines =
            BufReader::new(child.stderr.take().expect("it was asked for")).lines().map_while(Result::ok);
        let told = lines.find_map(|line| {
            let (_, behind) = line.split_once("listening on ")?;
            Some(
                behind
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ':')
                    .collect::<String>(),
            )
        });
        // What it says later is read, so that it never waits for somebody to.
        std::thread::spawn(move || lines.for_each(drop));
        let host = told.expect("docker-registry says where it listens");
        Self { process: Some((child, directory)), host, is_private }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The setting that puts it in the place of Docker Hub, and of nobody else.
    pub fn as_mirror_of_hub(&self) -> (&'static str, String) {
        ("PADDOCK_IMAGES_MIRRORS", format!("docker.io=http://{}", self.host))
    }

    /// Pushes an image under a name such as `library/a:1`.
    ///
    /// # Panics
    /// When skopeo fails.
    pub fn push(&self, image: &Image, name: &str) {
        let layout = tempfile::tempdir().expect("there is room");
        image.write(layout.path());
        self.push_layout(layout.path(), name);
    }

    /// Pushes what lies in a directory as an OCI layout, as `latest` there.
    ///
    /// # Panics
    /// When skopeo fails.
    pub fn push_layout(&self, layout: &Path, name: &str) {
        self.copy(&format!("oci:{}:latest", layout.display()), name, &[]);
    }

    /// Pushes several images as one name: a list with one for each kind of host.
    ///
    /// # Panics
    /// When skopeo fails.
    pub fn push_list(&self, images: &[(Image, &str)], name: &str) {
        let layout = tempfile::tempdir().expect("there is room");
        let mut manifests = Vec::new();
        for (image, architecture) in images {
            let one = image.clone().architecture(architecture);
            one.write(layout.path());
            let text = fs::read(layout.path().join("index.json")).expect("it was written");
            let index: serde_json::Value = serde_json::from_slice(&text).expect("it was written");
            let mut entry = index["manifests"][0].clone();
            entry["annotations"] = serde_json::Value::Null;
            entry["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
            manifests.push(entry);
        }
        let list = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
        });
        let list = list.to_string().into_bytes();
        let digest = crate::images::sum(&list);
        fs::write(layout.path().join("blobs/sha256").join(&digest), &list)
            .expect("a directory of the test's own");
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.index.v1+json", "digest": format!("sha256:{digest}"),
            "size": list.len(), "annotations": {"org.opencontainers.image.ref.name": "latest"},
        }]});
        fs::write(layout.path().join("index.json"), index.to_string())
            .expect("a directory of the test's own");
        self.copy(&format!("oci:{}:latest", layout.path().display()), name, &["--all"]);
    }

    fn copy(&self, from: &str, name: &str, more: &[&str]) {
        let mut command = Command::new("skopeo");
        command
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--preserve-digests"])
            .args(more);
        if self.is_private {
            command.args(["--dest-creds", &format!("{USER}:{PASSWORD}")]);
        }
        let output = command.arg(from).arg(format!("docker://{}/{name}", self.host)).output();
        let output = output.expect("scripts/install.sh test installs skopeo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
