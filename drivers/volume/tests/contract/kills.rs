//! A kill at every step: the next try succeeds, what was there is as it was, and nothing is left in between.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use paddock_driver_volume::dir::Dir;
use paddock_driver_volume::subvolume::Subvolumes;
use paddock_driver_volume::{CREATE_STEPS, DELETE_STEPS, Volumes};
use paddock_types::{SandboxId, VolumeId};

use crate::{config, directory, look, staged, with_pool};

struct Probe<'a> {
    kind: &'a str,
    directory: &'a Path,
    points: &'a Path,
}

impl Probe<'_> {
    fn run(&self, verb: &str, id: VolumeId) -> ExitStatus {
        Command::new(env!("CARGO_BIN_EXE_paddock-volume-probe"))
            .arg(self.kind)
            .arg(self.directory)
            .args([verb, &id.to_string()])
            .env("PADDOCK_FAILPOINTS", self.points)
            .status()
            .unwrap()
    }

    /// Runs the probe, which `point` shall kill. Checks that the point was reached.
    fn killed(&self, point: &str, verb: &str, id: VolumeId) {
        fs::write(self.points.join(point), "kill").unwrap();
        let status = self.run(verb, id);
        assert_eq!(status.signal(), Some(9), "{verb} at {point}: {status}");
        assert!(self.points.join(format!("{point}.hit")).exists());
    }
}

fn check_kills(probe: &Probe<'_>, stage: &Path, open: &dyn Fn() -> Box<dyn Volumes>) {
    let user = SandboxId::random();
    let bystander = VolumeId::random();
    open().ensure(bystander).unwrap();
    look(open().open(bystander, None, user).unwrap(), stage, |root| {
        fs::write(root.join("kept"), "content").unwrap();
    });
    for point in CREATE_STEPS {
        // Left half made, then removed: nothing of it stays.
        let id = VolumeId::random();
        probe.killed(point, "ensure", id);
        assert_eq!(open().list().unwrap().contains(&id), !point.ends_with("before"), "{point}");
        assert!(probe.run("delete", id).success(), "{point}");
        assert_eq!(open().list().unwrap(), [bystander], "{point}");
        // Left half made, then made: it is whole.
        let id = VolumeId::random();
        probe.killed(point, "ensure", id);
        assert!(probe.run("ensure", id).success(), "{point}");
        look(open().open(id, None, user).unwrap(), stage, |root| {
            assert_eq!(fs::metadata(root).unwrap().mode() & 0o7777, 0o777, "{point}");
        });
        for point in DELETE_STEPS {
            probe.killed(point, "delete", id);
            assert_eq!(open().list().unwrap().contains(&id), point.ends_with("before"), "{point}");
        }
        assert!(probe.run("delete", id).success(), "{point}");
    }
    assert_eq!(open().list().unwrap(), [bystander]);
    look(open().open(bystander, None, user).unwrap(), stage, |root| {
        assert_eq!(fs::read_to_string(root.join("kept")).unwrap(), "content");
    });
}

#[test]
fn plain_directories_survive_a_kill_at_every_step() {
    staged(|stage| {
        let points = tempfile::tempdir().unwrap();
        let directory = stage.join("volumes");
        let probe = Probe { kind: "dir", directory: &directory, points: points.path() };
        check_kills(&probe, stage, &|| Box::new(Dir::open(&directory).unwrap()));
    });
}

#[test]
fn subvolumes_survive_a_kill_at_every_step() {
    with_pool(0, |_, stage| {
        let points = tempfile::tempdir().unwrap();
        let probe = Probe { kind: "subvolume", directory: &directory(stage), points: points.path() };
        check_kills(&probe, stage, &|| Box::new(Subvolumes::open(config(stage, 0)).unwrap()));
    });
}
