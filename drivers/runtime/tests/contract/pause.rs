//! Holding still, giving memory back, and other limits for what runs.

use std::path::Path;
use std::time::Duration;

use paddock_driver_runtime::cgroup::Cgroups;
use paddock_driver_runtime::fake::Fake;
use paddock_driver_runtime::{Error, Launch, Runtime};
use paddock_sys::namespace::{IdRange, make_pair};
use paddock_types::{BuiltinSnapshot, Cores, Gib, Resources, SandboxId};

use crate::{FIRST, Stage, with};

const LIMIT: Duration = Duration::from_secs(10);
/// As long as an answer is waited for that must not come.
const SILENCE: Duration = Duration::from_millis(100);

fn check_pause(stage: &Stage) {
    let id = SandboxId::random();
    let runtime = &stage.runtime;
    assert!(runtime.info().freezes && runtime.info().resizes);
    assert!(runtime.freeze(id, LIMIT).is_err(), "what does not run cannot be held");
    runtime.thaw(id).expect("nor need it be let go");

    let (first, _, mut talk) = stage.launch_talking(id, &stage.layers(1)).unwrap();
    talk.have_done(b'.');
    assert!(!runtime.is_frozen(id));
    runtime.freeze(id, LIMIT).unwrap();
    runtime.freeze(id, LIMIT).expect("a held one may be held again");
    assert!(runtime.is_frozen(id));
    assert_eq!(runtime.find(id), Some(first), "it is held, not gone");
    talk.ask(b'.');
    assert!(!talk.hears_within(SILENCE));
    runtime.thaw(id).unwrap();
    runtime.thaw(id).unwrap();
    assert!(!runtime.is_frozen(id));
    assert!(talk.hears_within(LIMIT));

    runtime.freeze(id, LIMIT).unwrap();
    runtime.remove(id).expect("a held sandbox can be ended");
    assert!(!first.is_alive());
    assert!(runtime.list().unwrap().is_empty() && !runtime.is_frozen(id));
    assert!(Cgroups::find(&stage.group).unwrap().list().unwrap().is_empty());
}

fn check_reclaim(stage: &Stage) {
    let id = SandboxId::random();
    let runtime = &stage.runtime;
    assert!(runtime.reclaim(id).is_err());
    let (_, _, mut talk) = stage.launch_talking(id, &stage.layers(1)).unwrap();
    talk.have_done(b'c');
    runtime.freeze(id, LIMIT).unwrap();
    let reclaimed = runtime.reclaim(id).unwrap();
    assert!(reclaimed.before_bytes > 64 << 20, "{reclaimed:?}");
    assert!(reclaimed.after_bytes < 32 << 20, "{reclaimed:?}");
    runtime.thaw(id).unwrap();
    talk.have_done(b'.');
    runtime.remove(id).unwrap();
}

fn resources(cores: u32, memory_gib: u32) -> Resources {
    Resources { cpu: Cores(cores), memory: Gib(memory_gib), disk: Gib(1) }
}

/// Processors in thousandths and memory in GiB, as the sandbox is limited now.
fn limits(runtime: &dyn Runtime, id: SandboxId) -> (u64, u64) {
    let now = runtime.consumption(id).unwrap();
    (now.cpu_limit_millicores.unwrap(), now.memory_limit_bytes.unwrap() >> 30)
}

fn check_resize(stage: &Stage) {
    let id = SandboxId::random();
    let runtime = &stage.runtime;
    assert!(runtime.resize(id, resources(1, 1)).is_err());
    let (_, _, mut talk) = stage.launch_talking(id, &stage.layers(1)).unwrap();
    let small = BuiltinSnapshot::Small.resources();
    assert_eq!(limits(&**runtime, id), (u64::from(small.cpu.0) * 1000, u64::from(small.memory.0)));
    runtime.resize(id, resources(2, 2)).unwrap();
    runtime.resize(id, resources(2, 2)).expect("may be repeated");
    assert_eq!(limits(&**runtime, id), (2000, 2));

    // More than the first limit was, which shows that the second holds.
    (0..18).for_each(|_| talk.have_done(b'm'));
    assert_eq!(runtime.accidents(id).memory_kills, 0);
    let error = runtime.resize(id, resources(1, 1)).unwrap_err();
    assert!(matches!(error, Error::InUse { memory_mib: 1024, .. }), "{error}");
    assert_eq!(limits(&**runtime, id), (2000, 2));
    talk.have_done(b'.');

    // Memory is set before processors, and so many processors the kernel does not take.
    runtime.resize(id, resources(u32::MAX, 3)).unwrap_err();
    assert_eq!(limits(&**runtime, id), (2000, 2), "memory was put back");

    runtime.freeze(id, LIMIT).unwrap();
    runtime.resize(id, resources(1, 4)).unwrap();
    assert_eq!(limits(&**runtime, id), (1000, 4));
    runtime.resize(id, resources(1, 2)).expect("less is fine while it is not in use");
    runtime.remove(id).unwrap();
}

#[test]
fn crun_sandboxes_are_held_let_go_and_ended_while_held() {
    with("crun", check_pause);
}

#[test]
fn runc_sandboxes_are_held_let_go_and_ended_while_held() {
    with("runc", check_pause);
}

#[test]
fn a_held_sandbox_gives_up_the_page_cache_of_its_files() {
    with("crun", check_reclaim);
}

#[test]
fn crun_sandboxes_get_other_limits_while_they_run() {
    with("crun", check_resize);
}

#[test]
fn runc_sandboxes_get_other_limits_while_they_run() {
    with("runc", check_resize);
}

#[test]
fn the_fake_is_held_and_resized_or_refuses_when_told() {
    let pair = make_pair(IdRange { first: FIRST, count: 65_536 }).unwrap();
    let fake = Fake::default();
    let id = SandboxId::random();
    assert!(fake.freeze(id, LIMIT).is_err() && fake.resize(id, resources(1, 1)).is_err());
    let launch = Launch {
        id,
        layers: &[],
        volume: Path::new("/"),
        pair: &pair,
        resources: resources(1, 1),
        max_pids: 1,
        hostname: "fake",
        toolbox: Path::new("/"),
        mounts: &[],
        environment: Vec::new(),
        arguments: &[],
        scratch: &[],
        descriptors: &[],
    };
    let first = fake.launch(launch).unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", first.pid)).unwrap();
    let deadline = std::time::Instant::now() + LIMIT;
    fake.freeze(id, LIMIT).unwrap();
    while !state().contains(") T ") {
        assert!(std::time::Instant::now() < deadline, "{}", state());
        std::thread::yield_now();
    }
    assert!(fake.is_frozen(id));
    fake.thaw(id).unwrap();
    assert!(!fake.is_frozen(id));
    fake.resize(id, resources(3, 2)).unwrap();
    assert_eq!(limits(&fake, id), (3000, 2));
    fake.set_busy(true);
    assert!(matches!(fake.freeze(id, LIMIT).unwrap_err(), Error::NotFrozen { .. }));
    assert!(matches!(fake.resize(id, resources(3, 1)).unwrap_err(), Error::InUse { .. }));
    fake.set_busy(false);
    fake.freeze(id, LIMIT).unwrap();
    fake.remove(id).unwrap();
    assert!(!first.is_alive());
}
