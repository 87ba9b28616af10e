//! Does one thing with a volume and ends, unless a fail point ends it before: `<kind> <directory> <verb> <volume>`. With
//! the one argument `mount`, and in the place of `fusermount`, it is what the real program is for clients of buckets.

use std::error::Error;
use std::path::PathBuf;

use paddock_driver_volume::Volumes;
use paddock_driver_volume::dir::Dir;
use paddock_driver_volume::s3::client;
use paddock_driver_volume::subvolume::{SubvolumeConfig, Subvolumes};

fn main() -> Result<(), Box<dyn Error>> {
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    if called.file_name().is_some_and(|name| name == client::STAND_IN) {
        return Ok(client::hand_over()?);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["mount"] {
        return Err(client::run().into());
    }
    let [kind, directory, verb, volume] = arguments.as_slice() else {
        return Err("usage: <kind> <directory> <verb> <volume>".into());
    };
    let directory = PathBuf::from(directory);
    let volumes: Box<dyn Volumes> = match kind.as_str() {
        "dir" => Box::new(Dir::open(&directory)?),
        _ => Box::new(Subvolumes::open(SubvolumeConfig {
            directory,
            limit_bytes: 32 << 20,
            reserve_bytes: 0,
        })?),
    };
    let id = volume.parse()?;
    match verb.as_str() {
        "ensure" => volumes.ensure(id)?,
        "delete" => volumes.delete(id)?,
        other => return Err(format!("no such verb: {other}").into()),
    }
    Ok(())
}
