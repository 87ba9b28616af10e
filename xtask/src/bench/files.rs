//! A sandbox's files on the move, at the level of drivers: forks against `cp`, archives against `tar | zstd`.
//!
//! The porter is the one of the tests, whose code is that of `paddock port`: this figure needs no server. On a pool of
//! its own, in a mount namespace that ends with the figure. The pause of a fork is what a frozen sandbox
//! waits for: the copy alone, after the flush that comes before the freeze.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use paddock_driver_storage::Storage;
use paddock_driver_storage::btrfs::{Btrfs, PoolConfig};
use paddock_porter::{Cancel, Form, Limits, Porter, PorterConfig, StoreConfig};
use paddock_sys::thread;

use super::figure::{Against, Row, Series, Table, Unit};
use super::interrupt;

const MIB: u64 = 1 << 20;
const ROUNDS: usize = 5;
/// What a volume may hold: never reached.
const LIMIT: u64 = 8 << 30;
/// What a sandbox had written when it is forked, with how that is called.
const WRITTEN: [(u64, &str); 3] =
    [(0, "fork, nothing written"), (100 * MIB, "fork, 100 MiB written"), (1024 * MIB, "fork, 1 GiB written")];
/// Who carries. Any user without privileges does.
const NOBODY: (u32, u32) = (65_534, 65_534);
/// What is archived: programs and many small files, of the built-in root.
const ARCHIVED: [&str; 2] = ["usr/bin", "usr/lib/python3"];

/// Measures in `place`, which is made and removed, with files of `root`. Everybody may enter the directories above.
pub(super) fn measure(place: &Path, root: &Path, table: &mut Table) -> Result<()> {
    let binary = build()?;
    fs::create_dir_all(place)?;
    let measured = thread::scoped(|| {
        thread::unshare_mounts()?;
        let config = PoolConfig {
            file: place.join("pool.img"),
            mount_point: place.join("pool"),
            size_bytes: 6 << 30,
            reserve_bytes: 0,
        };
        let storage = Btrfs::open(&config).map_err(io::Error::other)?;
        forks(&storage, &config.mount_point, table)
            .and_then(|()| archives(&storage, place, &binary, root, table))
            .map_err(io::Error::other)
    });
    fs::remove_dir_all(place)?;
    Ok(measured?)
}

/// Builds the porter as it is released, and returns its path.
fn build() -> Result<PathBuf> {
    let name = "paddock-porter-probe";
    let arguments = ["build", "--release", "--locked", "--quiet", "-p", "paddock-porter", "--bin", name];
    run(Command::new(env!("CARGO")).args(arguments))?;
    Ok(super::release_directory()?.join(name))
}

fn forks(storage: &Btrfs, pool: &Path, table: &mut Table) -> Result<()> {
    for (bytes, figure) in WRITTEN {
        let [mut bare, mut flush, mut pause] = [(); 3].map(|()| Series::default());
        for _ in 0..ROUNDS {
            interrupt::check()?;
            let [source, target] = [(); 2].map(|()| paddock_types::SandboxId::random());
            let volume = storage.ensure_volume(source, LIMIT)?;
            write(&volume.upper().join("written"), bytes)?;
            let begin = Instant::now();
            run(Command::new("cp").args(["-a", "--reflink=never"]).arg(volume.upper()).arg(volume.data()))?;
            bare.push_time(begin.elapsed());
            fs::remove_dir_all(volume.data().join("upper"))?;
            write(&volume.upper().join("written"), bytes)?;
            let begin = Instant::now();
            storage.flush_volume(source)?;
            flush.push_time(begin.elapsed());
            let begin = Instant::now();
            storage.fork_volume(source, target, LIMIT)?;
            pause.push_time(begin.elapsed());
            storage.delete_volume(source)?;
            storage.delete_volume(target)?;
            // What is removed gives its space back after the next commit, and the next round needs it.
            run(Command::new("btrfs").args(["--quiet", "filesystem", "sync"]).arg(pool))?;
            run(Command::new("btrfs").args(["--quiet", "subvolume", "sync"]).arg(pool))?;
        }
        table.add(Row::new(figure, "bare cp -a, not flushed", Unit::Milliseconds, &bare));
        table.add(Row::new(figure, "flush, while the sandbox runs", Unit::Milliseconds, &flush));
        table.add(
            Row::new(figure, "fork, while it stands still", Unit::Milliseconds, &pause)
                .against(Against::Alone(pause.median()))
                .promised(100.0),
        );
    }
    Ok(())
}

/// Bytes that no file system finds anything to save on.
fn write(path: &Path, bytes: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let block: Vec<u8> = (0..MIB).map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
    (0..bytes / MIB).try_for_each(|_| file.write_all(&block))?;
    Ok(())
}

fn archives(storage: &Btrfs, place: &Path, binary: &Path, root: &Path, table: &mut Table) -> Result<()> {
    let source = paddock_types::SandboxId::random();
    let volume = storage.ensure_volume(source, LIMIT)?;
    let upper = volume.upper();
    for name in ARCHIVED {
        fs::create_dir_all(upper.join("usr/lib"))?;
        run(Command::new("cp").arg("-a").arg(root.join(name)).arg(upper.join(name)))?;
    }
    let objects = place.join("objects");
    fs::create_dir(&objects)?;
    chown(&objects, Some(NOBODY.0), Some(NOBODY.1))?;
    fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
    let porter = Porter::new(PorterConfig {
        program: binary.to_owned(),
        arguments: vec!["port".to_owned()],
        user: NOBODY,
        store: StoreConfig::Directory(objects),
    });
    let (_canceller, cancel) = paddock_porter::cancel()?;
    let archive = place.join("bare.tar.zst");
    let mut all = [(); 4].map(|()| Series::default());
    let mut size = 0;
    for round in 0..=ROUNDS {
        interrupt::check()?;
        let (bytes, times) = one_round(storage, &porter, &upper, volume.root(), &archive, &cancel)?;
        size = bytes;
        if round > 0 {
            for (series, time) in all.iter_mut().zip(times) {
                series.push(speed(bytes, time));
            }
        }
    }
    storage.delete_volume(source)?;
    let [bare_pack, pack, bare_unpack, unpack] = all;
    let size = size / MIB;
    for (verb, bare_name, bare, ours) in [
        ("archive", "bare tar | zstd -3, synced", bare_pack, pack),
        ("restore", "bare zstd -d | tar", bare_unpack, unpack),
    ] {
        let figure = format!("{verb} {size} MiB");
        table.add(Row::new(&figure, bare_name, Unit::MegabytesPerSecond, &bare));
        table.add(
            Row::new(&figure, "porter", Unit::MegabytesPerSecond, &ours)
                .against(Against::Times(ours.median() / bare.median())),
        );
    }
    Ok(())
}

/// How many bytes were moved, and: bare archive, archive, bare restore, restore.
fn one_round(
    storage: &Btrfs,
    porter: &Porter,
    upper: &Path,
    volume: &Path,
    archive: &Path,
    cancel: &Cancel,
) -> Result<(u64, [Duration; 4])> {
    let (pack, unpack) = (
        "tar --xattrs -C \"$1\" -c . | zstd -3 -q -f -o \"$2\" && sync \"$2\"",
        "zstd -dq < \"$2\" | tar --xattrs -x -C \"$1\"",
    );
    let shell = |script: &str, directory: &Path| -> Result<Duration> {
        let begin = Instant::now();
        run(Command::new("bash").args(["-o", "pipefail", "-c", script, "bash"]).arg(directory).arg(archive))?;
        Ok(begin.elapsed())
    };
    let key = "bench".parse()?;
    let bare_pack = shell(pack, upper)?;
    let begin = Instant::now();
    let exported = porter.export(volume, Form::Archive, &key, &mut |_| {}, cancel)?;
    let packed = begin.elapsed();
    let target = paddock_types::SandboxId::random();
    let bare: PathBuf = storage.ensure_volume(target, LIMIT)?.upper();
    let bare_unpack = shell(unpack, &bare)?;
    storage.delete_volume(target)?;
    let begin = Instant::now();
    let restored = storage.ensure_volume(target, LIMIT)?;
    let limits = Limits { members: 10_000_000, bytes: LIMIT };
    porter.import(&key, exported.digest, Form::Archive, restored.root(), limits, &mut |_| {}, cancel)?;
    let unpacked = begin.elapsed();
    storage.delete_volume(target)?;
    porter.delete(&key, cancel)?;
    Ok((exported.uncompressed_bytes, [bare_pack, packed, bare_unpack, unpacked]))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { bail!("{command:?} ended with {status}") }
}

#[expect(clippy::cast_precision_loss, reason = "far below what a double holds")]
fn speed(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}
