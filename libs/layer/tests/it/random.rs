//! Random trees go through a stream and come out equal, and the same tree gives the same bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, chown, lchown};
use std::path::{Path, PathBuf};

use paddock_layer::Form;
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};

use crate::{GENEROUS, inventory, pack, unpack};

/// What to plant; where is decided by the numbers of places, so that every plan can be carried out.
#[derive(Debug, Clone)]
struct Plan {
    kind: Kind,
    name: Vec<u8>,
    /// Which of the directories planted before it goes into.
    place: usize,
    mode: u32,
    owner: (u32, u32),
    time: (i64, u32),
    attributes: Vec<(&'static str, Vec<u8>)>,
}

#[derive(Debug, Clone)]
enum Kind {
    Directory,
    Opaque,
    Gone,
    File(Vec<u8>),
    Hollow(Vec<(u32, u8)>, u32),
    Symlink(Vec<u8>),
    HardLink(usize),
    Device(bool, u8, u8),
    Fifo,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let bytes =
        proptest::collection::vec(any::<u8>().prop_filter("not in names", |&b| b != 0 && b != b'/'), 1..40);
    let plain = "[a-z]{1,8}".prop_map(String::into_bytes);
    let long = proptest::collection::vec(b'a'..=b'z', 90..=255);
    prop_oneof![4 => plain, 2 => bytes, 1 => long].prop_filter("marks are planted otherwise", |name| {
        !name.starts_with(b".wh.") && name != b"." && name != b".."
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let kind = prop_oneof![
        4 => Just(Kind::Directory),
        1 => Just(Kind::Opaque),
        1 => Just(Kind::Gone),
        4 => proptest::collection::vec(any::<u8>(), 0..3000).prop_map(Kind::File),
        2 => (proptest::collection::vec((0u32..512, any::<u8>()), 0..6), 0u32..600)
            .prop_map(|(pieces, end)| Kind::Hollow(pieces, end)),
        2 => proptest::collection::vec(1u8.., 1..300).prop_map(Kind::Symlink),
        2 => any::<usize>().prop_map(Kind::HardLink),
        1 => (any::<bool>(), 1u8.., any::<u8>()).prop_map(|(block, major, minor)| Kind::Device(block, major, minor)),
        1 => Just(Kind::Fifo),
    ];
    let attribute = (
        prop::sample::select(vec!["trusted.a", "trusted.b=c%", "security.note"]),
        proptest::collection::vec(any::<u8>(), 0..700),
    );
    (
        kind,
        name(),
        any::<usize>(),
        0u32..0o10000,
        (0u32..65_536, 0u32..65_536),
        (-5_000_000_000i64..10_000_000_000, 0u32..1_000_000_000),
        proptest::collection::vec(attribute, 0..3),
    )
        .prop_map(|(kind, name, place, mode, owner, time, attributes)| Plan {
            kind,
            name,
            place,
            mode,
            owner,
            time,
            attributes,
        })
}

fn plant(root: &Path, plans: &[Plan]) {
    let mut directories = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    let mut dressed = Vec::new();
    for plan in plans {
        let path = directories[plan.place % directories.len()].join(OsStr::from_bytes(&plan.name));
        // The name may be taken, and a path of the test's own has its limit.
        if path.as_os_str().len() > 3000 || fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        let node = |kind, device| rustix::fs::mknodat(CWD, &path, kind, Mode::RUSR, device).unwrap();
        match &plan.kind {
            Kind::Directory | Kind::Opaque => {
                fs::create_dir(&path).unwrap();
                directories.push(path.clone());
                if matches!(plan.kind, Kind::Opaque) {
                    set(&path, "trusted.overlay.opaque", b"y");
                }
            }
            Kind::Gone => {
                node(FileType::CharacterDevice, 0);
                rustix::fs::chmod(&path, Mode::empty()).unwrap();
                // A mark has no time of its own in a layer.
                continue;
            }
            Kind::File(content) => fs::write(&path, content).unwrap(),
            Kind::Hollow(pieces, end) => {
                let file = fs::File::create(&path).unwrap();
                file.set_len(u64::from(*end) * 8192 + 17).unwrap();
                for (at, byte) in pieces {
                    file.write_at(&[*byte; 5000], u64::from(*at) * 8192).unwrap();
                }
            }
            Kind::Symlink(target) => std::os::unix::fs::symlink(OsStr::from_bytes(target), &path).unwrap(),
            Kind::HardLink(which) => {
                if files.is_empty() {
                    continue;
                }
                fs::hard_link(&files[which % files.len()], &path).unwrap();
                continue;
            }
            Kind::Device(block, major, minor) => {
                let kind = if *block { FileType::BlockDevice } else { FileType::CharacterDevice };
                node(kind, rustix::fs::makedev((*major).into(), (*minor).into()));
            }
            Kind::Fifo => node(FileType::Fifo, 0),
        }
        if !path.is_dir() || path.is_symlink() {
            files.push(path.clone());
        }
        dressed.push((path, plan));
    }
    // From the last to the first, since directories change with what is put into them.
    for (path, plan) in dressed.iter().rev() {
        lchown(path, Some(plan.owner.0), Some(plan.owner.1)).unwrap();
        if !path.is_symlink() {
            rustix::fs::chmod(path, Mode::from_raw_mode(plan.mode)).unwrap();
        }
        plan.attributes.iter().for_each(|(name, value)| set(path, name, value));
        let time = Timespec { tv_sec: plan.time.0, tv_nsec: plan.time.1.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
    chown(root, Some(7), Some(8)).unwrap();
}

fn set(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

/// What a mark carries beside its name does not travel, and need not.
fn without_times_of_marks(lines: Vec<String>) -> Vec<String> {
    let is_mark = |line: &String| line.contains(" 20000 0:0 ");
    lines
        .into_iter()
        .map(|line| if is_mark(&line) { line.split(" 20000 ").next().unwrap().to_owned() } else { line })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_tree_survives_a_layer_and_an_archive(plans in proptest::collection::vec(plan(), 0..40)) {
        let temporary = tempfile::tempdir().unwrap();
        let [from, to, volume, restored] = ["from", "to", "volume", "restored"].map(|name| temporary.path().join(name));
        for path in [&from, &to, &volume.join("upper"), &volume.join("data"), &restored.join("upper"), &restored.join("data")] {
            fs::create_dir_all(path).unwrap();
        }
        plant(&from, &plans);
        let bytes = pack(&from, Form::Layer).unwrap();
        unpack(&to, Form::Layer, &bytes, GENEROUS).unwrap();
        prop_assert_eq!(without_times_of_marks(inventory::of(&to)), without_times_of_marks(inventory::of(&from)));
        prop_assert!(pack(&to, Form::Layer).unwrap() == bytes, "what came back is told as it was");

        plant(&volume.join("upper"), &plans);
        // No guest can set the attributes of a privileged overlay.
        let unprivileged: Vec<Plan> =
            plans.iter().filter(|plan| !matches!(plan.kind, Kind::Opaque)).cloned().collect();
        plant(&volume.join("data"), &unprivileged);
        let bytes = pack(&volume, Form::Archive).unwrap();
        prop_assert!(pack(&volume, Form::Archive).unwrap() == bytes, "the same tree gives the same bytes");
        unpack(&restored, Form::Archive, &bytes, GENEROUS).unwrap();
        for section in ["upper", "data"] {
            let [was, is] = [&volume, &restored].map(|root| {
                let lines = inventory::of(&root.join(section));
                if section == "upper" { without_times_of_marks(lines) } else { lines }
            });
            prop_assert_eq!(is, was);
        }
    }
}
