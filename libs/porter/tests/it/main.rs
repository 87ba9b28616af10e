//! Files go to a store and come back, and what goes wrong is told and leaves nothing. Cast: a directory as the store, of
//! an unprivileged user; the probe as the program; where a store must not answer, a socket that accepts and is silent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod accidents;
mod walls;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use paddock_driver_object::s3::S3Config;
use paddock_porter::{Cancel, Error, Exported, Form, Limits, ObjectKey, Porter, PorterConfig, StoreConfig};

const USER: (u32, u32) = (65_534, 65_534);
const GENEROUS: Limits = Limits { members: 10_000, bytes: 1 << 30 };

struct Stage {
    temporary: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        // The unprivileged half has to get to its directory.
        fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
        let stage = Self { temporary };
        let objects = stage.objects();
        fs::create_dir(&objects).unwrap();
        chown(&objects, Some(USER.0), Some(USER.1)).unwrap();
        stage
    }

    fn objects(&self) -> PathBuf {
        self.temporary.path().join("store")
    }

    fn porter(&self) -> Porter {
        self.porter_for(StoreConfig::Directory(self.objects()))
    }

    fn porter_for(&self, store: StoreConfig) -> Porter {
        Porter::new(PorterConfig {
            program: env!("CARGO_BIN_EXE_paddock-porter-probe").into(),
            arguments: vec!["port".to_owned()],
            user: USER,
            store,
        })
    }

    /// A volume that is empty.
    fn volume(&self, name: &str) -> PathBuf {
        let root = self.temporary.path().join(name);
        fs::create_dir_all(root.join("upper")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        root
    }

    /// A volume with things in it, some of which nobody else may read.
    fn filled(&self) -> PathBuf {
        let root = self.volume("filled");
        fs::create_dir(root.join("upper/closed")).unwrap();
        fs::write(root.join("upper/closed/secret"), "secret").unwrap();
        chown(root.join("upper/closed"), Some(1234), Some(5678)).unwrap();
        fs::set_permissions(root.join("upper/closed"), Permissions::from_mode(0o000)).unwrap();
        symlink("/etc/passwd", root.join("upper/link")).unwrap();
        let null = rustix::fs::makedev(1, 3);
        let kind = rustix::fs::FileType::CharacterDevice;
        rustix::fs::mknodat(rustix::fs::CWD, root.join("upper/null"), kind, rustix::fs::Mode::RUSR, null)
            .unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, root.join("upper/gone"), kind, rustix::fs::Mode::empty(), 0)
            .unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::lsetxattr(root.join("upper/link"), "trusted.mine", b"value", flags).unwrap();
        fs::write(root.join("data/engine"), vec![7; 3 << 20]).unwrap();
        root
    }
}

fn key() -> ObjectKey {
    "archives/one".parse().unwrap()
}

fn never() -> Cancel {
    paddock_porter::cancel().unwrap().1
}

fn export(porter: &Porter, root: &Path) -> Result<Exported, Error> {
    porter.export(root, Form::Archive, &key(), &mut |_| {}, &never())
}

fn import(porter: &Porter, exported: &Exported, root: &Path) -> Result<u64, Error> {
    porter.import(&key(), exported.digest, Form::Archive, root, GENEROUS, &mut |_| {}, &never())
}

/// A store that never answers.
fn silent() -> (std::net::TcpListener, StoreConfig) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = S3Config {
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        bucket: "objects".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "someone".to_owned(),
        secret_key: "a-secret-of-the-store".to_owned(),
        prefix: String::new(),
    };
    (listener, StoreConfig::S3(config))
}

#[test]
fn an_archive_comes_back_as_it_was() {
    let stage = Stage::new();
    let (porter, from, to) = (stage.porter(), stage.filled(), stage.volume("to"));
    let mut told = Vec::new();
    let exported =
        porter.export(&from, Form::Archive, &key(), &mut |bytes| told.push(bytes), &never()).unwrap();
    assert_eq!(told, [exported.size_bytes]);
    assert!(exported.size_bytes < 100_000 && exported.uncompressed_bytes > 3 << 20, "{exported:?}");
    let known = porter.look(&key(), &never()).unwrap().unwrap();
    assert_eq!((known.digest, known.size_bytes), (exported.digest, exported.size_bytes));

    assert_eq!(import(&porter, &exported, &to).unwrap(), exported.uncompressed_bytes);
    let look = |path: &str| fs::symlink_metadata(to.join(path)).unwrap();
    assert_eq!(fs::read_to_string(to.join("upper/closed/secret")).unwrap(), "secret");
    assert_eq!((look("upper/closed").uid(), look("upper/closed").mode() & 0o7777), (1234, 0));
    assert_eq!(look("upper/null").rdev(), rustix::fs::makedev(1, 3));
    assert_eq!((look("upper/gone").rdev(), look("data/engine").len()), (0, 3 << 20));
    let mut value = [0; 16];
    let count = rustix::fs::lgetxattr(to.join("upper/link"), "trusted.mine", &mut value[..]).unwrap();
    assert_eq!(&value[..count], b"value");

    // The same tree is the same object, also when told by the one that came back.
    assert_eq!(export(&porter, &to).unwrap(), exported);
    porter.delete(&key(), &never()).unwrap();
    porter.delete(&key(), &never()).expect("deleting nothing is no error");
    assert_eq!(porter.look(&key(), &never()).unwrap(), None);
}

#[test]
fn a_layer_is_the_upper_alone_and_has_the_sum_of_its_tar() {
    let stage = Stage::new();
    let (porter, from) = (stage.porter(), stage.filled());
    let upper = from.join("upper");
    let exported = porter.export(&upper, Form::Layer, &key(), &mut |_| {}, &never()).unwrap();
    let object = stage.objects().join("objects/archives/one~");
    // What stands behind the content is no part of it.
    let content = fs::read(&object).unwrap();
    let compressed = &content[..usize::try_from(exported.size_bytes).unwrap()];
    let tar = zstd::decode_all(compressed).unwrap();
    assert_eq!(paddock_porter::Digest::of(&tar), exported.uncompressed_digest);
    assert_eq!(paddock_porter::Digest::of(compressed), exported.digest);
    let to = stage.temporary.path().join("layer");
    fs::create_dir(&to).unwrap();
    porter.import(&key(), exported.digest, Form::Layer, &to, GENEROUS, &mut |_| {}, &never()).unwrap();
    assert_eq!(fs::read_to_string(to.join("closed/secret")).unwrap(), "secret");
}
