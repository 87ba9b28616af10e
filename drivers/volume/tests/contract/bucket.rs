//! Volumes in a bucket of moto's, shown by a real client; its control group is a file here, since what a group limits is the
//! runtime's to test.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use paddock_driver_volume::s3::client::{self, Bucket as ClientBucket};
use paddock_driver_volume::s3::{Groups, S3, S3Config};
use paddock_driver_volume::{Error, Volumes};
use paddock_sys::process::Process;
use paddock_testkit::bucket::{Bucket, SECRET};
use paddock_types::{SandboxId, VolumeId};

use crate::{check_life, look, staged};

/// A group is a file with a process's number.
struct Files(PathBuf);

impl Groups for Files {
    fn make(&self, name: &str) -> io::Result<Vec<PathBuf>> {
        fs::create_dir_all(&self.0)?;
        let file = self.0.join(name);
        fs::write(&file, "")?;
        Ok(vec![file])
    }

    fn processes(&self, name: &str) -> Vec<i32> {
        let text = fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.trim()
            .parse()
            .ok()
            .filter(|pid| Process::of(*pid).is_some_and(|found| found.is_alive()))
            .into_iter()
            .collect()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn open(bucket: &Bucket, stage: &Path) -> S3 {
    S3::open(S3Config {
        bucket: ClientBucket {
            endpoint: bucket.endpoint().to_owned(),
            name: "objects".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "someone".to_owned(),
            secret_key: SECRET.to_owned(),
            prefix: "here/".to_owned(),
        },
        state: stage.join("clients/now"),
        // Whoever the client becomes must be able to go there.
        stage: PathBuf::from("/mnt"),
        scratch: stage.join("scratch"),
        scratch_limit_bytes: None,
        program: (env!("CARGO_BIN_EXE_paddock-volume-probe").into(), vec!["mount".to_owned()]),
        groups: Arc::new(Files(stage.join("groups"))),
    })
    .unwrap()
}

/// The volumes that anything of is in the bucket.
fn there(bucket: &Bucket) -> BTreeSet<VolumeId> {
    let id = |name: &str| name.strip_prefix("here/volumes/")?.split('/').next()?.parse().ok();
    let names = bucket.names();
    let made = names.iter().filter(|name| !name.ends_with('/') || name.matches('/').count() > 3);
    made.filter_map(|name| id(name)).collect()
}

#[test]
fn a_bucket_keeps_the_contract_and_no_client_is_left() {
    staged(|stage| {
        let bucket = Bucket::start();
        let volumes = open(&bucket, stage);
        check_life(&volumes, stage, &|expected| {
            assert_eq!(there(&bucket), expected.iter().copied().collect());
        });
        assert_eq!(fs::read_dir(stage.join("groups")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(stage.join("clients/now")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(stage.join("scratch")).unwrap().count(), 0);
    });
}

#[test]
fn a_successor_finds_the_clients_and_their_users() {
    staged(|stage| {
        let bucket = Bucket::start();
        let (id, user) = (VolumeId::random(), SandboxId::random());
        let volumes = open(&bucket, stage);
        volumes.ensure(id).unwrap();
        let tree = volumes.open(id, None, user).unwrap();
        let client = || fs::read_to_string(stage.join("groups").join(format!("volume-{id}"))).unwrap();
        let before = client();
        drop(volumes);
        // What lies beside the state of this start of the host is of one before.
        fs::create_dir_all(stage.join("clients/before").join(id.to_string())).unwrap();
        let volumes = open(&bucket, stage);
        assert!(!stage.join("clients/before").exists());
        assert_eq!(volumes.users().unwrap(), [user]);
        look(tree, stage, |root| fs::write(root.join("file"), "content").unwrap());
        let other = SandboxId::random();
        look(volumes.open(id, None, other).unwrap(), stage, |root| {
            assert_eq!(fs::read_to_string(root.join("file")).unwrap(), "content");
        });
        assert_eq!(client(), before, "it is the same client");
        volumes.close(user).unwrap();
        assert_eq!(volumes.users().unwrap(), [other]);
        volumes.close(other).unwrap();
        assert!(!stage.join("groups").join(format!("volume-{id}")).exists());
        volumes.delete(id).unwrap();
    });
}

#[test]
fn a_client_that_cannot_serve_says_why_and_leaves_nothing() {
    staged(|stage| {
        let bucket = Bucket::start();
        let endpoint = bucket.endpoint().to_owned();
        let volumes = open(&bucket, stage);
        drop(bucket);
        let (id, user) = (VolumeId::random(), SandboxId::random());
        let error = volumes.open(id, None, user).unwrap_err();
        let Error::Client { detail, .. } = &error else { panic!("{endpoint}: {error}") };
        assert!(!detail.is_empty());
        volumes.close(user).unwrap();
        assert_eq!(fs::read_dir(stage.join("groups")).unwrap().count(), 0);
        assert!(volumes.users().unwrap().is_empty());
    });
}

#[test]
fn a_client_is_nobody_else_on_the_host() {
    let sandboxes = 0x7000_0000..0x8000_0000_u32;
    assert!(!sandboxes.contains(&client::ID) && client::ID > 65_536);
}
