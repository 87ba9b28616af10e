//! What a runtime must do, asked of each. Cast: `crun` and `runc` with a probe as first process, in a mount
//! namespace that ends with its test; `Fake` for what needs no isolation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod mounts;
mod pause;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use paddock_driver_runtime::cgroup::{self, Cgroups};
use paddock_driver_runtime::fake::Fake;
use paddock_driver_runtime::oci::{Oci, OciConfig};
use paddock_driver_runtime::{Error, Launch, Mount, Runtime};
use paddock_sys::namespace::{IdRange, Pair, make_pair};
use paddock_sys::process::{self, Process};
use paddock_sys::thread;
use paddock_types::{BuiltinSnapshot, SandboxId};

const FIRST: u32 = 0x6fff_0000;

/// A runtime, and a place for layers and volumes.
struct Stage {
    runtime: Box<dyn Runtime>,
    directory: PathBuf,
    pair: Pair,
    group: String,
}

type Facts = BTreeMap<String, String>;

/// The way to ask the probe for something, a letter each, and to hear that it is done.
struct Talk {
    ask: PipeWriter,
    hear: BufReader<PipeReader>,
}

impl Talk {
    /// Asks without waiting.
    fn ask(&mut self, letter: u8) {
        self.ask.write_all(&[letter]).unwrap();
    }

    /// Whether an answer comes within `limit`.
    fn hears_within(&mut self, limit: Duration) -> bool {
        if !process::wait_readable(self.hear.get_ref(), limit).unwrap() {
            return false;
        }
        let mut line = String::new();
        self.hear.read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
        true
    }

    /// Asks and waits.
    fn have_done(&mut self, letter: u8) {
        self.ask(letter);
        assert!(self.hears_within(Duration::from_secs(20)), "{}", char::from(letter));
    }
}

impl Stage {
    fn layers(&self, count: usize) -> Vec<PathBuf> {
        (0..count)
            .map(|number| {
                let layer = self.directory.join(format!("layer{number}"));
                fs::create_dir_all(&layer).unwrap();
                fs::write(layer.join("from-layer"), "x").unwrap();
                fs::write(layer.join(format!("layer-{number}")), "x").unwrap();
                layer
            })
            .collect()
    }

    fn volume(&self) -> PathBuf {
        let volume = self.directory.join("volume");
        for name in ["upper", "work"] {
            fs::create_dir_all(volume.join(name)).unwrap();
        }
        fs::set_permissions(volume.join("upper"), fs::Permissions::from_mode(0o755)).unwrap();
        volume
    }

    fn launch(&self, id: SandboxId, layers: &[PathBuf]) -> Result<(Process, Facts), Error> {
        self.launch_talking(id, layers).map(|(first, facts, _)| (first, facts))
    }

    fn launch_talking(&self, id: SandboxId, layers: &[PathBuf]) -> Result<(Process, Facts, Talk), Error> {
        self.launch_mounting(id, layers, &[], "")
    }

    /// `look` names files inside to tell of, divided by colons.
    fn launch_mounting(
        &self,
        id: SandboxId,
        layers: &[PathBuf],
        mounts: &[Mount],
        look: &str,
    ) -> Result<(Process, Facts, Talk), Error> {
        let (asked, ask) = io::pipe().unwrap();
        let (report, report_writer) = io::pipe().unwrap();
        let first = self.runtime.launch(Launch {
            id,
            layers,
            volume: &self.volume(),
            pair: &self.pair,
            resources: BuiltinSnapshot::Small.resources(),
            max_pids: 64,
            hostname: "the-name",
            toolbox: Path::new(env!("CARGO_BIN_EXE_paddock-runtime-probe")),
            environment: vec!["GREETING=good day".to_owned(), format!("LOOK={look}")],
            arguments: &[],
            scratch: &[],
            mounts,
            descriptors: &[asked.as_fd(), report_writer.as_fd()],
        })?;
        drop(report_writer);
        let mut hear = BufReader::new(report);
        let facts = hear
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .map(|line| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
            .take_while(|(key, _)| key != "end")
            .collect();
        Ok((first, facts, Talk { ask, hear }))
    }
}

/// Runs `test` with `program` on a stage of its own.
fn with(program: &str, test: impl FnOnce(&Stage) + Send) {
    let temporary = tempfile::tempdir().unwrap();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let group = format!("paddock-contract-{}-{number}", std::process::id());
    thread::scoped::<_, io::Error>(|| {
        thread::unshare_mounts()?;
        cgroup::hide_hybrid()?;
        let cgroups = Cgroups::find(&group)?;
        let config = OciConfig {
            program: program.to_owned(),
            state: temporary.path().join("state"),
            stage: temporary.path().join("stage"),
            cgroups: cgroups.clone(),
        };
        let pair = make_pair(IdRange { first: FIRST, count: 65_536 })?;
        let stage = Stage {
            runtime: Box::new(Oci::open(config).unwrap()),
            directory: temporary.path().to_owned(),
            pair,
            group: group.clone(),
        };
        test(&stage);
        cgroups.remove_parent()
    })
    .unwrap();
}

fn check_life(stage: &Stage) {
    let id = SandboxId::random();
    let runtime = &stage.runtime;
    assert!(runtime.find(id).is_none());
    runtime.remove(id).expect("removing nothing is no error");

    let layers = stage.layers(1);
    let mounts_before = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let (first, facts) = stage.launch(id, &layers).unwrap();
    assert_eq!(
        fs::read_to_string("/proc/thread-self/mountinfo").unwrap(),
        mounts_before,
        "nothing is mounted here"
    );
    assert!(first.is_alive());
    assert_eq!(runtime.find(id), Some(first));
    assert_eq!(runtime.list().unwrap(), [id]);
    assert_eq!(runtime.accidents(id).memory_kills, 0);

    let fact = |key: &str| facts.get(key).map(String::as_str).unwrap_or_default();
    assert_eq!(fact("pid"), "1");
    assert_eq!(fact("uid_map"), format!("0 {FIRST} 65536"));
    assert_eq!(fact("hostname"), "the-name");
    assert_eq!(fact("greeting"), "good day");
    assert_eq!(fact("CapBnd"), "00000000a80425fb");
    assert_eq!(fact("Seccomp"), "2");
    assert_eq!(fact("NoNewPrivs"), "0");
    assert_eq!(fact("descriptors"), "[0, 1, 2, 3, 4]");
    assert_eq!(fact("layer_file"), "0:0", "ids of layers are mapped");
    assert_eq!(fact("write"), "ok");
    let root = fact("mounts").split(';').find(|line| line.split(' ').nth(1) == Some("/")).unwrap().to_owned();
    assert!(root.contains("overlay") && root.contains("nodev"), "{root}");

    let kept = fs::metadata(stage.volume().join("upper/kept")).unwrap();
    assert_eq!((kept.uid(), kept.gid()), (0, 0), "ids on disk are unshifted");
    let null = fs::metadata("/dev/null").unwrap();
    assert_eq!((null.uid(), null.mode() & 0o777), (0, 0o666), "the host's null device keeps its owner");
    assert!(!layers[0].join("kept").exists(), "layers are never written to");

    runtime.remove(id).unwrap();
    assert!(!first.is_alive());
    assert!(runtime.find(id).is_none());
    assert!(runtime.list().unwrap().is_empty());
    assert!(Cgroups::find(&stage.group).unwrap().list().unwrap().is_empty());
    runtime.remove(id).unwrap();

    let (_, facts) = stage.launch(id, &layers).unwrap();
    assert_eq!(facts.get("kept").map(String::as_str), Some("kept"), "its files are there again");
    runtime.remove(id).unwrap();
}

fn check_fifty_layers(stage: &Stage) {
    let id = SandboxId::random();
    let (_, facts) = stage.launch(id, &stage.layers(50)).unwrap();
    assert_eq!(facts.get("files").map(String::as_str), Some("50 with 50 numbers"));
    stage.runtime.remove(id).unwrap();
}

fn check_failure(stage: &Stage) {
    let id = SandboxId::random();
    let missing = [stage.directory.join("no-such-layer")];
    let error = stage.launch(id, &missing).unwrap_err();
    assert!(matches!(error, Error::Root { .. }), "{error}");
    stage.runtime.remove(id).unwrap();
    assert!(stage.runtime.list().unwrap().is_empty());
}

#[test]
fn crun_starts_finds_and_ends_sandboxes() {
    with("crun", check_life);
}

#[test]
fn runc_starts_finds_and_ends_sandboxes() {
    with("runc", check_life);
}

#[test]
fn crun_mounts_fifty_layers_in_one_space_of_inode_numbers() {
    with("crun", check_fifty_layers);
}

#[test]
fn runc_mounts_fifty_layers_in_one_space_of_inode_numbers() {
    with("runc", check_fifty_layers);
}

#[test]
fn a_launch_that_fails_says_why_and_leaves_nothing() {
    with("crun", check_failure);
    with("runc", check_failure);
}

#[test]
fn the_fake_starts_finds_and_ends_sandboxes() {
    let temporary = tempfile::tempdir().unwrap();
    let stage = Stage {
        runtime: Box::new(Fake::default()),
        directory: temporary.path().to_owned(),
        pair: make_pair(IdRange { first: FIRST, count: 65_536 }).unwrap(),
        group: String::new(),
    };
    let id = SandboxId::random();
    stage.runtime.remove(id).unwrap();
    let (first, _) = stage.launch(id, &stage.layers(1)).unwrap();
    assert_eq!(stage.runtime.find(id), Some(first));
    assert_eq!(stage.runtime.list().unwrap(), [id]);
    stage.runtime.remove(id).unwrap();
    assert!(stage.runtime.find(id).is_none() && stage.runtime.list().unwrap().is_empty());
    assert!(!first.is_alive());
}
