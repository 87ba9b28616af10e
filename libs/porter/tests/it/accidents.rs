//! What goes wrong is named in words for people, and leaves no object and no process.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use paddock_driver_object::dir::Dir;
use paddock_driver_object::upload::put;
use paddock_porter::{Digest, Error, Exported, Form, Limits};
use paddock_sys::{mount, thread};

use crate::{GENEROUS, Stage, export, import, key, never};

fn of(size_bytes: u64, digest: Digest) -> Exported {
    Exported { digest, size_bytes, uncompressed_digest: digest, uncompressed_bytes: size_bytes }
}

/// Puts an object that no porter made, as the store's owner could.
fn plant(stage: &Stage, content: &[u8]) -> Exported {
    let store = Dir::open(&stage.objects()).unwrap();
    let meta = put(&store, &key(), content, |_| {}).unwrap();
    // Its reader is somebody else.
    for place in ["objects", "objects/archives", "uploads"] {
        fs::set_permissions(stage.objects().join(place), Permissions::from_mode(0o777)).unwrap();
    }
    of(meta.size_bytes, meta.digest)
}

#[test]
fn an_object_that_is_not_there_is_named() {
    let stage = Stage::new();
    let error = import(&stage.porter(), &of(0, Digest::of(b"")), &stage.volume("to")).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the object store does not have archives/one");
}

#[test]
fn a_damaged_object_is_named_whatever_its_damage() {
    let stage = Stage::new();
    let porter = stage.porter();
    let exported = export(&porter, &stage.filled()).unwrap();
    let object = stage.objects().join("objects/archives/one~");
    let whole = fs::read(&object).unwrap();
    let size = exported.size_bytes as usize;
    // Some of these the decompression notices, some the unpacker, and some only the sum.
    for position in (0..size).step_by((size / 40).max(1)).chain([size - 1]) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x10;
        fs::write(&object, &damaged).unwrap();
        let error = import(&porter, &exported, &stage.volume(&position.to_string())).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "at {position}: {error:?}");
    }
    fs::write(&object, &whole).unwrap();
    let other = of(exported.size_bytes, Digest::of(b"something else"));
    assert!(matches!(import(&porter, &other, &stage.volume("other")).unwrap_err(), Error::Damaged { .. }));
}

#[test]
fn a_store_that_refuses_is_named() {
    let stage = Stage::new();
    fs::set_permissions(stage.objects(), Permissions::from_mode(0o500)).unwrap();
    let error = export(&stage.porter(), &stage.filled()).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    fs::remove_dir_all(stage.objects()).unwrap();
    let error = export(&stage.porter(), &stage.filled_again()).unwrap_err();
    assert!(matches!(error, Error::Denied { .. } | Error::Unreachable { .. }), "{error:?}");
}

impl Stage {
    fn filled_again(&self) -> std::path::PathBuf {
        self.temporary.path().join("filled")
    }
}

#[test]
fn a_disk_that_is_full_is_named() {
    let stage = Stage::new();
    let porter = stage.porter();
    let exported = export(&porter, &stage.filled()).unwrap();
    let small = stage.temporary.path().join("small");
    fs::create_dir(&small).unwrap();
    thread::scoped::<_, io::Error>(|| {
        thread::unshare_mounts()?;
        let disk = mount::make("tmpfs", &[("size", Some("1m"))], mount::Attributes::default())?;
        mount::attach(&disk, &small)?;
        for section in ["upper", "data"] {
            fs::create_dir(small.join(section))?;
        }
        let error = import(&porter, &exported, &small).unwrap_err();
        assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
        assert_eq!(error.to_string(), "the sandbox's disk is full");
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_is_no_archive_of_ours_is_refused() {
    let stage = Stage::new();
    let porter = stage.porter();
    let refused = |content: &[u8]| {
        let planted = plant(&stage, content);
        let error = import(&porter, &planted, &stage.volume("to")).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        error.to_string()
    };
    refused(b"neither compressed nor anything");
    refused(&zstd::encode_all(&b"compressed, and no tar stream"[..], 3).unwrap());
    let mut trick = tar_of("upper/../../outside");
    assert!(refused(&zstd::encode_all(&trick[..], 3).unwrap()).contains("out of the target"));
    trick = tar_of("elsewhere");
    assert!(refused(&zstd::encode_all(&trick[..], 3).unwrap()).contains("no part of a volume"));
    // Beyond what may come out of it.
    let planted = plant(&stage, &zstd::encode_all(&tar_of("upper/x")[..], 3).unwrap());
    let none = Limits { members: 0, ..GENEROUS };
    let to = stage.volume("limited");
    let error =
        porter.import(&key(), planted.digest, Form::Archive, &to, none, &mut |_| {}, &never()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[test]
fn layers_are_taken_as_other_tools_compress_them() {
    use std::io::Write;
    let stage = Stage::new();
    let porter = stage.porter();
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    };
    let tar = tar_of("made");
    let (first, second) = tar.split_at(300);
    let unpacked = |name: &str, content: &[u8]| {
        let planted = plant(&stage, content);
        let to = stage.volume(name);
        let limits = GENEROUS;
        porter
            .import(&key(), planted.digest, Form::Layer, &to, limits, &mut |_| {}, &never())
            .map(|_| assert!(to.join("made").is_file(), "{name}"))
    };
    unpacked("plain", &tar).unwrap();
    unpacked("gzip", &gzip(&tar)).unwrap();
    unpacked("members", &[gzip(first), gzip(second)].concat()).unwrap();
    unpacked("zstd", &zstd::encode_all(&tar[..], 3).unwrap()).unwrap();
    unpacked("frames", &[first, second].map(|part| zstd::encode_all(part, 3).unwrap()).concat()).unwrap();
    let error = unpacked("behind", &[gzip(&tar), b"more".to_vec()].concat()).unwrap_err();
    assert!(
        matches!(&error, Error::Refused { detail, .. } if detail.contains("behind the stream's end")),
        "{error:?}"
    );
    // A bomb: a thousand times what it weighs.
    let limits = Limits { members: 10, bytes: 1 << 20 };
    let to = stage.volume("bomb");
    let mut bomb = tar.clone();
    bomb.truncate(512);
    bomb[124..135].copy_from_slice(b"10000000000");
    let sum: u32 =
        bomb.iter().zip(0..).map(|(&b, at)| if (148..156).contains(&at) { 32 } else { u32::from(b) }).sum();
    bomb[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bomb.resize(64 << 20, 0);
    let planted = plant(&stage, &gzip(&bomb));
    let error =
        porter.import(&key(), planted.digest, Form::Layer, &to, limits, &mut |_| {}, &never()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("too large when it is unpacked"), "{error}");
}

/// A stream with one file.
fn tar_of(path: &str) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(b"00000000000\0");
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    [&header[..], &[0; 1024]].concat()
}

#[test]
fn a_layer_of_names_that_look_like_marks_is_told_so() {
    let stage = Stage::new();
    let root = stage.volume("odd");
    fs::write(root.join("upper/.wh.file"), "").unwrap();
    let porter = stage.porter();
    let error = porter.export(&root.join("upper"), Form::Layer, &key(), &mut |_| {}, &never()).unwrap_err();
    assert!(matches!(&error, Error::Unfit { detail } if detail.contains(".wh.file")), "{error:?}");
    assert_eq!(porter.look(&key(), &never()).unwrap(), None);
    export(&porter, &root).expect("an archive keeps it");
}

#[test]
fn a_packer_that_ends_half_way_makes_no_object() {
    let stage = Stage::new();
    let porter = stage.porter();
    let root = stage.volume("odd");
    // Found last: nearly everything has been sent by then.
    fs::write(root.join("upper/a-large-one"), vec![1; 40 << 20]).unwrap();
    fs::create_dir(root.join("upper/zz")).unwrap();
    let mut deep = root.join("upper/zz");
    for _ in 0..300 {
        deep = deep.join("d");
    }
    fs::create_dir_all(&deep).unwrap();
    lengthen(&root.join("upper/zz"), &deep);
    let error = export(&porter, &root).unwrap_err();
    assert!(matches!(&error, Error::Failed { detail } if detail.contains("deep")), "{error:?}");
    assert_eq!(porter.look(&key(), &never()).unwrap(), None);
}

/// Puts directories into each other, deeper than any path can name.
fn lengthen(top: &Path, first: &Path) {
    let mut inner = first.to_owned();
    for round in 0..9 {
        // The whole chain moves into a fresh one, and so gets 250 levels deeper each time.
        let outer = top.with_file_name(format!("zz{round}"));
        let mut end = outer.clone();
        for _ in 0..250 {
            end = end.join("d");
        }
        fs::create_dir_all(&end).unwrap();
        let chain = if round == 0 { top.to_owned() } else { top.with_file_name(format!("zz{}", round - 1)) };
        fs::rename(chain, end.join("d")).unwrap();
        inner = outer;
    }
    assert!(inner.exists());
}
