//! What exists once on a host and is shared by all instances of paddock on it: network slots and blocks
//! of user ids.
//!
//! A lease is a symbolic link with the thing's number as its name and the holder's data directory as its
//! target: made or not made, never half, and readable by anybody who wonders. The directory is on a file
//! system that a reboot empties. A lease whose holder's directory is gone is free.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use paddock_sys::namespace::IdRange;

/// Slices of 100.64.0.0/10; slice 0 holds the router's address.
const SLOTS: std::ops::RangeInclusive<u32> = 1..=63;
/// Blocks of ids from [`FIRST_ID`].
const BLOCKS: std::ops::Range<u32> = 0..4090;
const FIRST_ID: u32 = 0x7000_0000;
const IDS_PER_BLOCK: u32 = 65_536;

/// The network slot of the instance with this data directory: the one it has, else a free one.
pub fn lease_slot(leases: &Path, data: &Path) -> io::Result<u8> {
    let slots = Leases::open(&leases.join("slots"), data)?;
    let number = match slots.mine()?.first() {
        Some(&number) => number,
        None => slots.take(SLOTS)?,
    };
    u8::try_from(number).map_err(io::Error::other)
}

/// Gives the slot of the instance with this data directory back.
pub fn release_slot(leases: &Path, data: &Path) -> io::Result<()> {
    let slots = Leases::open(&leases.join("slots"), data)?;
    slots.mine()?.into_iter().try_for_each(|number| slots.release(number))
}

/// Blocks of user and group ids, one per running sandbox.
#[derive(Debug)]
pub struct IdLeases(Leases);

impl IdLeases {
    /// The leases of the instance with this data directory.
    pub fn open(leases: &Path, data: &Path) -> io::Result<Self> {
        Leases::open(&leases.join("ids"), data).map(Self)
    }

    /// Takes a free block.
    pub fn take(&self) -> io::Result<IdRange> {
        self.0.take(BLOCKS).map(range_of)
    }

    /// Gives a block back. One that is not ours is left alone.
    pub fn release(&self, range: IdRange) -> io::Result<()> {
        self.0.release((range.first - FIRST_ID) / IDS_PER_BLOCK)
    }

    /// Every block that this instance holds.
    pub fn mine(&self) -> io::Result<Vec<IdRange>> {
        Ok(self.0.mine()?.into_iter().map(range_of).collect())
    }
}

fn range_of(block: u32) -> IdRange {
    IdRange { first: FIRST_ID + block * IDS_PER_BLOCK, count: IDS_PER_BLOCK }
}

/// Numbered things of one kind.
#[derive(Debug)]
struct Leases {
    directory: PathBuf,
    holder: PathBuf,
}

impl Leases {
    fn open(directory: &Path, holder: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { directory: directory.to_owned(), holder: holder.to_owned() })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.directory.join(number.to_string())
    }

    fn take(&self, numbers: impl IntoIterator<Item = u32> + Clone) -> io::Result<u32> {
        for number in numbers.clone() {
            if self.try_take(number)? {
                return Ok(number);
            }
        }
        for number in numbers {
            // A holder that was removed by hand did not give its leases back.
            let holder = fs::read_link(self.path(number));
            if holder.is_ok_and(|holder| !holder.exists()) {
                let _ = fs::remove_file(self.path(number));
                if self.try_take(number)? {
                    return Ok(number);
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, "every number on this host is taken"))
    }

    fn try_take(&self, number: u32) -> io::Result<bool> {
        match symlink(&self.holder, self.path(number)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn release(&self, number: u32) -> io::Result<()> {
        let path = self.path(number);
        match fs::read_link(&path) {
            Ok(holder) if holder == self.holder => fs::remove_file(path),
            _ => Ok(()),
        }
    }

    fn mine(&self) -> io::Result<Vec<u32>> {
        let mut mine = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if fs::read_link(entry.path()).is_ok_and(|holder| holder == self.holder)
                && let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            {
                mine.push(number);
            }
        }
        mine.sort_unstable();
        Ok(mine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_never_hold_one_thing_and_an_instance_keeps_its_slot() {
        let temporary = tempfile::tempdir().unwrap();
        let (one, two) = (temporary.path().join("one"), temporary.path().join("two"));
        fs::create_dir_all(&one).unwrap();
        fs::create_dir_all(&two).unwrap();
        let leases = temporary.path().join("leases");
        let first = lease_slot(&leases, &one).unwrap();
        let second = lease_slot(&leases, &two).unwrap();
        assert_ne!(first, second);
        assert_eq!(lease_slot(&leases, &one).unwrap(), first);
        let (ids_one, ids_two) =
            (IdLeases::open(&leases, &one).unwrap(), IdLeases::open(&leases, &two).unwrap());
        let range = ids_one.take().unwrap();
        assert_ne!(ids_two.take().unwrap().first, range.first);
        ids_two.release(range).unwrap();
        assert_eq!(ids_one.mine().unwrap(), [range], "nobody gives back what is another's");
        ids_one.release(range).unwrap();
        assert!(ids_one.mine().unwrap().is_empty());
    }

    #[test]
    fn what_a_vanished_instance_held_is_free_when_all_else_is_taken() {
        let temporary = tempfile::tempdir().unwrap();
        let gone = temporary.path().join("gone");
        let here = temporary.path().join("here");
        fs::create_dir_all(&here).unwrap();
        let leases = temporary.path().join("leases");
        for _ in SLOTS {
            let slots = Leases::open(&leases.join("slots"), &gone).unwrap();
            slots.take(SLOTS).unwrap();
        }
        assert!(lease_slot(&leases, &here).is_ok());
    }
}
