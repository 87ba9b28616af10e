//! What is shown beside the root: in place, with the owners that it has, without the meaning of set-user-id bits; and never
//! outside the root, whatever links lie in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use paddock_driver_runtime::{Ids, Mount};
use paddock_sys::mount;
use paddock_types::SandboxId;

use crate::{FIRST, Stage, with};

fn at(stage: &Stage, name: &str, path: &str, ids: Ids) -> Mount {
    let directory = stage.directory.join(name);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("file"), name).unwrap();
    let tree = mount::clone_tree(&directory).unwrap();
    Mount { tree, path: path.to_owned(), ids }
}

fn check_mounts(stage: &Stage) {
    let id = SandboxId::random();
    let layers = stage.layers(1);
    // The inner one is named first, and lies in the outer one all the same.
    let mounts = [
        at(stage, "inner", "/outer/deep/inner", Ids::Mapped),
        at(stage, "outer", "/outer", Ids::Mapped),
        at(stage, "unmapped", "/srv/unmapped", Ids::AsOnHost),
    ];
    let look = "/outer/file:/outer/deep/inner/file:/srv/unmapped/file";
    let before = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let (_, facts, _talk) = stage.launch_mounting(id, &layers, &mounts, look).unwrap();
    assert_eq!(fs::read_to_string("/proc/thread-self/mountinfo").unwrap(), before, "nothing is mounted here");
    let fact = |key: &str| facts.get(key).map(String::as_str).unwrap_or_default();
    assert_eq!(fact("/outer/file"), "outer of 0:0");
    assert_eq!(fact("/outer/deep/inner/file"), "inner of 0:0");
    assert_eq!(fact("/srv/unmapped/file"), "unmapped of 65534:65534");
    for path in ["/outer", "/outer/deep/inner", "/srv/unmapped"] {
        let line =
            fact("mounts").split(';').find(|line| line.split(' ').nth(1) == Some(path)).unwrap().to_owned();
        assert!(line.contains("nosuid") && line.contains("nodev") && line.contains("rw"), "{line}");
    }
    assert!(
        stage.directory.join("outer/deep/inner").is_dir(),
        "the place for the inner one was made in the outer one"
    );
    assert!(fs::read_dir(stage.directory.join("outer/deep/inner")).unwrap().next().is_none());
    stage.runtime.remove(id).unwrap();
}

fn check_links(stage: &Stage) {
    let layers = stage.layers(1);
    let name = format!("paddock-escape-{FIRST}-{}", std::process::id());
    for target in ["/", "../../../../../..", "/proc/self/root", "/var"] {
        let link = stage.volume().join("upper/escape");
        let _ = fs::remove_file(&link);
        symlink(target, &link).unwrap();
        let id = SandboxId::random();
        let mounts = [at(stage, "outer", &format!("/escape/{name}"), Ids::Mapped)];
        let seen = format!("/escape/{name}/file");
        match stage.launch_mounting(id, &layers, &mounts, &seen) {
            Ok((_, facts, _talk)) => assert_eq!(facts[&seen], "outer of 0:0", "{target}"),
            // Refusing is as good.
            Err(error) => assert!(!error.to_string().is_empty(), "{target}"),
        }
        stage.runtime.remove(id).unwrap();
        for place in ["/", "/var", "/escape"] {
            assert!(!Path::new(place).join(&name).exists(), "{target} led to the host's {place}");
        }
    }
}

#[test]
fn crun_shows_trees_in_their_places() {
    with("crun", check_mounts);
}

#[test]
fn runc_shows_trees_in_their_places() {
    with("runc", check_mounts);
}

#[test]
fn crun_mounts_nothing_outside_the_root() {
    with("crun", check_links);
}

#[test]
fn runc_mounts_nothing_outside_the_root() {
    with("runc", check_links);
}
