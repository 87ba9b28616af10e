//! What the contract tests kill half way: `fork` and `restore` and `copy` of a storage, as a process of their own, so
//! that fail points (`PADDOCK_FAILPOINTS`) may end it. Prints nothing; fails with a message.
//!
//! `paddock-storage-probe dir|btrfs PLACE fork|copy|restore|flush ID ID`

use std::path::Path;

use paddock_driver_storage::btrfs::{Btrfs, PoolConfig};
use paddock_driver_storage::dir::Dir;
use paddock_driver_storage::{Storage, UPPER};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, place, verb, first, second] = arguments.as_slice() else {
        return Err("five arguments".into());
    };
    let place = Path::new(place);
    let storage: Box<dyn Storage> = match kind.as_str() {
        "dir" => Box::new(Dir::open(place)?),
        _ => Box::new(Btrfs::open(&PoolConfig {
            file: place.join("pool.img"),
            mount_point: place.join("pool"),
            size_bytes: 512 << 20,
            reserve_bytes: 64 << 20,
        })?),
    };
    match verb.as_str() {
        "fork" => storage.fork_volume(first.parse()?, second.parse()?, 32 << 20).map(drop)?,
        "copy" => storage.copy_for_export(first.parse()?, second.parse()?).map(drop)?,
        "flush" => storage.flush_volume(first.parse()?).map(drop)?,
        _ => storage
            .restore_volume(second.parse()?, 32 << 20, &mut |root| {
                Ok(std::fs::write(root.join(UPPER).join("kept"), "content")?)
            })
            .map(drop)?,
    }
    Ok(())
}
