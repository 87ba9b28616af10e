//! The real server, as a process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::api::Api;
use crate::wait;

/// A server and where to find it.
pub struct Server {
    /// Its API with the administrator's key.
    pub api: Api,
    /// Its data directory.
    pub data: PathBuf,
    /// Its instance name.
    pub instance: String,
    environment: BTreeMap<String, String>,
    child: Option<Child>,
}

/// The `paddock` binary under test: beside the test programs.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let directory = own.parent().and_then(Path::parent).unwrap();
    directory.join("paddock")
}

impl Server {
    /// The server that all tests share.
    ///
    /// # Panics
    /// When there is none: run the tests through `cargo xtask test`.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            let data = std::env::var("PADDOCK_TEST_SERVER").expect("run these tests with `cargo xtask test`");
            let mut server = Self {
                api: Api::none(),
                data: data.into(),
                instance: String::new(),
                environment: BTreeMap::new(),
                child: None,
            };
            server.api = server.find_api();
            server
        })
    }

    /// A server of the test's own, with `settings` beside the usual ones. Ended and removed with the value.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let instance = format!("t{}-{number}", std::process::id());
        let data = std::env::temp_dir().join(format!("paddock-{instance}"));
        Self::start_at(instance, data, settings)
    }

    /// As [`Server::start`], with its data in a directory of the test's choice, which stays.
    pub fn start_in(directory: &Path, settings: &[(&str, &str)]) -> Self {
        let name = directory.file_name().unwrap().to_string_lossy();
        let instance = format!("t{}-{name}", std::process::id());
        Self::start_at(instance, directory.join("data"), settings)
    }

    fn start_at(instance: String, data: PathBuf, settings: &[(&str, &str)]) -> Self {
        let mut environment = usual_settings(&instance, &data);
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        fs::create_dir_all(data.join("failpoints")).unwrap();
        // The front takes a point by renaming its file, and is nobody there.
        fs::set_permissions(data.join("failpoints"), fs::Permissions::from_mode(0o777)).unwrap();
        environment.insert("PADDOCK_FAILPOINTS".to_owned(), data.join("failpoints").display().to_string());
        let mut server = Self { api: Api::none(), data, instance, environment, child: None };
        server.boot();
        server
    }

    /// Starts the process and waits until its API answers and sandboxes can be made.
    pub fn boot(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let _ = fs::remove_file(self.data.join("run/endpoints.json"));
        let child = Command::new(binary())
            .arg("serve")
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the binary under test was built");
        self.child = Some(child);
        wait::until("the server makes its built-in snapshot", Duration::from_secs(600), || {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("the server ended with {status}:\n{}", self.log_text());
            }
            let ready =
                self.data.join("run/endpoints.json").exists() && self.data.join("credentials").exists();
            let api = ready.then(|| self.find_api())?;
            let answer = api.try_get("/snapshots/paddock-small")?;
            (answer.status == 200 && answer.body["state"] == "active").then(|| self.api = api)
        });
    }

    fn find_api(&self) -> Api {
        let endpoints = fs::read_to_string(self.data.join("run/endpoints.json")).unwrap();
        let endpoints: Value = serde_json::from_str(&endpoints).unwrap_or_default();
        let key = fs::read_to_string(self.data.join("credentials")).unwrap();
        Api::new(
            endpoints["api_url"].as_str().unwrap_or_default(),
            endpoints["proxy_url"].as_str().unwrap_or_default(),
            key.trim(),
        )
    }

    fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    /// What the server logged.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// The pid of the supervisor's child in `role`.
    pub fn role(&self, role: &str) -> Option<i32> {
        let supervisor = self.child.as_ref().map(Child::id)?;
        let children = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).ok()?;
        children.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()).find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).split('\0').any(|word| word == role)
        })
    }

    /// Ends the process in `role` as a crash would.
    pub fn kill_role(&self, role: &str) {
        let pid = wait::until("the role runs", Duration::from_secs(10), || self.role(role));
        kill(pid);
    }

    /// Ends all of the server's processes as a crash of the supervisor would, and waits until they are gone.
    pub fn kill_all(&mut self) {
        let roles: Vec<i32> = ["front", "runner"].iter().filter_map(|role| self.role(role)).collect();
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        wait::until("the roles end with their supervisor", Duration::from_secs(15), || {
            roles.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
    }

    /// What a restart of the host does: nothing of the server's runs any more, nothing is mounted, and the data is there.
    /// The kernel's boot stays the same, so the runner's notes are made to be of another.
    pub fn restart_host(&mut self) {
        self.kill_all();
        let reset = ["reset", "--yes", "--keep-data"];
        let output = Command::new(binary()).args(reset).envs(&self.environment).output().unwrap();
        assert!(output.status.success(), "reset failed: {}", String::from_utf8_lossy(&output.stderr));
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for entry in fs::read_dir(self.data.join("runner/journal")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text.replace(boot.trim(), "00000000-0000-4000-8000-000000000000")).unwrap();
        }
        self.boot();
    }

    /// Holds the process in `role`, or lets it go on.
    pub fn hold_role(&self, role: &str, is_held: bool) {
        let pid = wait::until("the role runs", Duration::from_secs(10), || self.role(role));
        #[expect(unsafe_code, reason = "no other way to send a signal")]
        // SAFETY: integers only.
        unsafe {
            libc::kill(pid, if is_held { libc::SIGSTOP } else { libc::SIGCONT });
        }
    }

    /// Arms a fail point. `action` is one of `paddock_failpoint`'s.
    pub fn arm(&self, point: &str, action: &str) {
        fs::write(self.data.join("failpoints").join(point), action).unwrap();
    }

    /// Whether an armed fail point was reached.
    pub fn was_hit(&self, point: &str) -> bool {
        self.data.join("failpoints").join(format!("{point}.hit")).exists()
    }

    /// Forgets that a fail point was reached.
    pub fn forget_hit(&self, point: &str) {
        let _ = fs::remove_file(self.data.join("failpoints").join(format!("{point}.hit")));
    }

    /// The directories of all volumes on the host, as its runner sees them.
    pub fn volume_directories(&self) -> Vec<PathBuf> {
        let runner = wait::until("the runner runs", Duration::from_secs(10), || self.role("runner"));
        let beneath = self.data.join("runner/pool/shared");
        let seen =
            Path::new("/proc").join(runner.to_string()).join("root").join(beneath.strip_prefix("/").unwrap());
        fs::read_dir(seen).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// What the host has of sandboxes other than `known`: control groups, journal entries, sockets,
    /// layers, and what lies in the object store.
    pub fn strangers(&self, known: &str) -> Vec<PathBuf> {
        let mut strangers = Vec::new();
        let ours = [
            "runner/journal",
            "runner/toolbox",
            "runner/layers",
            "objects/objects/layers",
            "objects/objects/sandboxes",
            "objects/uploads",
        ];
        let mut directories: Vec<PathBuf> = ours.iter().map(|ours| self.data.join(ours)).collect();
        let root = Path::new("/sys/fs/cgroup");
        directories.push(root.join(format!("paddock-{}", self.instance)));
        directories.extend(
            fs::read_dir(root)
                .unwrap()
                .flatten()
                .map(|entry| entry.path().join(format!("paddock-{}", self.instance))),
        );
        for directory in directories {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().replace(".json", "").replace('~', "");
                let name = name.rsplit('+').next().unwrap_or_default();
                // A sandbox's id, and not a file of the kernel's.
                if name.len() == 36 && name.matches('-').count() == 4 && name != known {
                    strangers.push(entry.path());
                }
            }
        }
        strangers
    }

    /// Ends the server in good order and removes all it made.
    pub fn stop_and_reset(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = i32::try_from(child.id()).unwrap();
            #[expect(unsafe_code, reason = "no other way to send SIGTERM")]
            // SAFETY: integers only; the child is unreaped, so the number is its.
            unsafe {
                libc::kill(pid, libc::SIGTERM);
            }
            child.wait().unwrap();
        }
        let output =
            Command::new(binary()).args(["reset", "--yes"]).envs(&self.environment).output().unwrap();
        assert!(output.status.success(), "reset failed: {}", String::from_utf8_lossy(&output.stderr));
        // What is left is the test's own.
        for entry in fs::read_dir(&self.data).into_iter().flatten().flatten() {
            assert!(
                ["log", "failpoints"].contains(&&*entry.file_name().to_string_lossy()),
                "{:?} is left",
                entry.path()
            );
        }
        let _ = fs::remove_dir_all(&self.data);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.environment.is_empty() {
            return;
        }
        if std::thread::panicking() {
            eprintln_log(&self.log_text());
        }
        self.stop_and_reset();
    }
}

#[expect(clippy::print_stderr, reason = "what a failed test shows")]
fn eprintln_log(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("--- the server's last lines\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
}

fn kill(pid: i32) {
    #[expect(unsafe_code, reason = "a crash has to be a real one")]
    // SAFETY: integers only.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
    }
}

/// The settings of a server for tests.
pub fn usual_settings(instance: &str, data: &Path) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> = [
        ("PADDOCK_INSTANCE", instance),
        ("PADDOCK_DATA", &data.display().to_string()),
        ("PADDOCK_API_PORT", "0"),
        ("PADDOCK_PROXY_PORT", "0"),
        ("PADDOCK_POOL_GIB", "3"),
        ("PADDOCK_POOL_RESERVE_MIB", "128"),
        ("PADDOCK_SPARE_NAMESPACES", "2"),
        ("PADDOCK_MAX_PIDS", "256"),
        ("PADDOCK_LOG", "debug,hyper=info,hyper_util=info"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    if Path::new(authorities).exists() {
        settings.insert("PADDOCK_EXTRA_CA_FILE".to_owned(), authorities.to_owned());
    }
    settings
}
