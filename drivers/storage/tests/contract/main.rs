//! What every storage must do, asked of each implementation. Cast: `Dir` and `Fake` on a temporary
//! directory; `Btrfs` on a small pool in a mount namespace that ends with its test; for kills, a probe that does one
//! thing as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on, fails")]

mod copies;
mod kills;

use std::io::Write;
use std::path::Path;

use paddock_driver_storage::btrfs::{Btrfs, PoolConfig};
use paddock_driver_storage::dir::Dir;
use paddock_driver_storage::fake::Fake;
use paddock_driver_storage::{Error, Storage};
use paddock_types::SandboxId;

const MIB: u64 = 1 << 20;

fn check_contract(storage: &dyn Storage) {
    let id = SandboxId::random();
    assert!(storage.find_volume(id).unwrap().is_none());
    storage.delete_volume(id).expect("deleting nothing is no error");

    let volume = storage.ensure_volume(id, 64 * MIB).unwrap();
    std::fs::write(volume.upper().join("kept"), "content").unwrap();
    let again = storage.ensure_volume(id, 64 * MIB).unwrap();
    assert_eq!(again, volume);
    assert_eq!(std::fs::read_to_string(again.upper().join("kept")).unwrap(), "content");
    assert_eq!(storage.find_volume(id).unwrap(), Some(volume.clone()));
    assert_eq!(storage.list_volumes().unwrap(), [id]);
    storage.usage(id).unwrap();

    let other = SandboxId::random();
    storage.ensure_volume(other, 64 * MIB).unwrap();
    storage.delete_volume(id).unwrap();
    assert!(!volume.root().exists());
    assert_eq!(storage.list_volumes().unwrap(), [other]);

    // Half made, as a crash would leave it: listed, not found, deletable, completed by another try.
    std::fs::remove_dir(storage.find_volume(other).unwrap().unwrap().root().join("data")).unwrap();
    assert!(storage.find_volume(other).unwrap().is_none());
    assert_eq!(storage.list_volumes().unwrap(), [other]);
    storage.ensure_volume(other, 64 * MIB).unwrap();
    assert!(storage.find_volume(other).unwrap().is_some());
    storage.delete_volume(other).unwrap();
    assert!(storage.list_volumes().unwrap().is_empty());
}

#[test]
fn plain_directories_keep_the_contract() {
    let temporary = tempfile::tempdir().unwrap();
    check_contract(&Dir::open(temporary.path()).unwrap());
}

#[test]
fn the_fake_keeps_the_contract() {
    let temporary = tempfile::tempdir().unwrap();
    check_contract(&Fake::open(temporary.path()).unwrap());
}

/// Runs `test` with a pool that is mounted for it alone.
fn with_pool(test: impl FnOnce(&Btrfs, &PoolConfig) + Send) {
    let temporary = tempfile::tempdir().unwrap();
    let config = PoolConfig {
        file: temporary.path().join("pool.img"),
        mount_point: temporary.path().join("pool"),
        size_bytes: 512 * MIB,
        reserve_bytes: 64 * MIB,
    };
    paddock_sys::thread::scoped::<_, std::io::Error>(|| {
        paddock_sys::thread::unshare_mounts()?;
        test(&Btrfs::open(&config).unwrap(), &config);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_pool_keeps_the_contract() {
    with_pool(|storage, _| check_contract(storage));
}

fn fill(path: &Path, bytes: u64) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    let chunk = vec![7u8; MIB as usize];
    for _ in 0..bytes / MIB {
        file.write_all(&chunk)?;
    }
    file.sync_all()
}

#[test]
fn a_full_volume_stops_at_its_size_and_its_neighbour_does_not_notice() {
    with_pool(|storage, _| {
        let (greedy, neighbour) = (SandboxId::random(), SandboxId::random());
        let greedy_volume = storage.ensure_volume(greedy, 32 * MIB).unwrap();
        let neighbour_volume = storage.ensure_volume(neighbour, 32 * MIB).unwrap();
        let error = fill(&greedy_volume.upper().join("flood"), 100 * MIB).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::QuotaExceeded);
        fill(&neighbour_volume.upper().join("file"), 20 * MIB).unwrap();
        std::fs::remove_file(greedy_volume.upper().join("flood")).unwrap();
        // The kernel counts when it commits.
        let synced = std::process::Command::new("sync").arg("-f").arg(neighbour_volume.root()).status();
        assert!(synced.unwrap().success());
        let usage = storage.usage(neighbour).unwrap();
        assert_eq!(usage.limit_bytes, Some(32 * MIB));
        assert!(usage.used_bytes >= 20 * MIB, "{usage:?}");
    });
}

#[test]
fn a_pool_below_its_reserve_takes_no_new_volume_and_keeps_the_old_ones() {
    with_pool(|storage, config| {
        let old = SandboxId::random();
        let volume = storage.ensure_volume(old, 600 * MIB).unwrap();
        fill(&volume.upper().join("most"), 440 * MIB).unwrap();
        let error = storage.ensure_volume(SandboxId::random(), MIB).unwrap_err();
        assert!(matches!(error, Error::PoolFull { .. }), "{error} with reserve {}", config.reserve_bytes);
        storage.ensure_volume(old, 600 * MIB).expect("an existing volume starts whatever is free");
    });
}

#[test]
fn there_is_never_a_second_loop_device_over_one_pool_file() {
    with_pool(|_, config| {
        let devices = || {
            let mut found = 0;
            for entry in std::fs::read_dir("/sys/block").unwrap() {
                let path = entry.unwrap().path().join("loop/backing_file");
                found += usize::from(
                    std::fs::read_to_string(path).is_ok_and(|text| Path::new(text.trim_end()) == config.file),
                );
            }
            found
        };
        assert_eq!(devices(), 1);
        // Opened again with the mount there; and with the mount gone while something still uses the device.
        Btrfs::open(config).unwrap();
        assert_eq!(devices(), 1);
        let in_use = std::fs::File::open(&config.mount_point).unwrap();
        paddock_sys::mount::detach(&config.mount_point).unwrap();
        Btrfs::open(config).unwrap();
        assert_eq!(devices(), 1);
        drop(in_use);
    });
}
