//! Where copies land, whose they are, and which mode they have.

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use paddock_wire_toolbox::{BuildPut, BuildSource};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use tar::{Archive, Entry, EntryType};

use crate::owner::{Mode, Owner};
use crate::take::clean;
use crate::{Error, xattr};

/// Puts the files of a stream where `wanted` says. What is there is replaced, directories are filled.
///
/// # Errors
/// When several sources go to what is no directory, when a file would have to be a directory or the other way round, when an owner
/// is not known, and when something cannot be written. What was written until then stays.
pub fn put(wanted: &BuildPut, input: impl Read) -> Result<(), Error> {
    let owner = wanted.owner.as_deref().map(Owner::find).transpose()?;
    put_beneath(Path::new("/"), wanted, owner, input)
}

/// The same with a root of the caller's choice.
pub(crate) fn put_beneath(
    root: &Path,
    wanted: &BuildPut,
    owner: Option<Owner>,
    input: impl Read,
) -> Result<(), Error> {
    let mode = wanted.mode.as_deref().map(Mode::parse).transpose()?;
    let destination = root.join(clean(&wanted.destination));
    let places = places(wanted, &destination)?;
    let mut putting = Putting { owner, mode, directories: Vec::new(), links: HashMap::new() };
    for place in &places {
        let above = if place.is_directory { Some(place.path.as_path()) } else { place.path.parent() };
        putting.make_parents(above.unwrap_or(root))?;
    }
    let mut archive = Archive::new(input);
    for entry in archive.entries().map_err(Error::Stream)? {
        let mut entry = entry.map_err(Error::Stream)?;
        let name = entry.path().map_err(Error::Stream)?.into_owned();
        let (number, inside) = divided(&name)?;
        let place = places.get(number).ok_or_else(|| Error::refused("a file of no source"))?;
        let target =
            if inside.as_os_str().is_empty() { place.path.clone() } else { place.path.join(&inside) };
        putting.put(&mut entry, &target, number, &places)?;
    }
    putting.finish()
}

/// Makes a directory with those above it, root's, as `WORKDIR` does.
pub(crate) fn make_directory(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(Error::io("make", path))?;
    fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(Error::io("make", path))
}

/// Where one source goes.
struct Place {
    path: PathBuf,
    is_directory: bool,
}

fn places(wanted: &BuildPut, destination: &Path) -> Result<Vec<Place>, Error> {
    let sources = &wanted.sources.0;
    let ends_with_slash = wanted.destination.ends_with(['/']) || wanted.destination.ends_with("/.");
    let is_directory = ends_with_slash || destination.is_dir();
    if sources.len() > 1 && !ends_with_slash {
        return Err(Error::refused(
            "with more than one source the destination must be a directory and end with a slash",
        ));
    }
    sources
        .iter()
        .map(|source| {
            let BuildSource { name, is_directory: is_tree, is_archive } = source;
            let has_parents = name.contains('/');
            if *is_tree || *is_archive {
                if destination.exists() && !destination.is_dir() {
                    return Err(Error::refused(format!("{} is no directory", destination.display())));
                }
                // The content of a directory goes there, not the directory; but with its parents it is one of them.
                let path = if has_parents { destination.join(clean(name)) } else { destination.to_owned() };
                return Ok(Place { path, is_directory: true });
            }
            let goes_inside = is_directory || has_parents;
            let path = if goes_inside { destination.join(clean(name)) } else { destination.to_owned() };
            Ok(Place { path, is_directory: false })
        })
        .collect()
}

/// The number of the source and the path within it.
fn divided(name: &Path) -> Result<(usize, PathBuf), Error> {
    let text = name.to_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| name.to_string_lossy().into_owned());
    let (number, _) = text.split_once('/').unwrap_or((&text, ""));
    let number = number.parse().map_err(|_| Error::refused("a file of no source"))?;
    let mut inside = PathBuf::new();
    for part in name.components().skip(1) {
        match part {
            std::path::Component::Normal(part) => inside.push(part),
            std::path::Component::CurDir => {}
            _ => return Err(Error::refused(format!("{} leads out of its directory", name.display()))),
        }
    }
    Ok((number, inside))
}

struct Putting {
    owner: Option<Owner>,
    mode: Option<Mode>,
    /// Directories with what they get at the end: what is put into them changes their time, and a mode may forbid it.
    directories: Vec<(PathBuf, u32, u64)>,
    /// Where files lie that later names of theirs refer to.
    links: HashMap<PathBuf, PathBuf>,
}

impl Putting {
    /// Makes the directories that lead to a copy: of the same owner, as BuildKit does.
    fn make_parents(&self, path: &Path) -> Result<(), Error> {
        let missing: Vec<&Path> =
            path.ancestors().take_while(|path| fs::symlink_metadata(path).is_err()).collect();
        for directory in missing.into_iter().rev() {
            fs::create_dir(directory).map_err(Error::io("make", directory))?;
            fs::set_permissions(directory, Permissions::from_mode(0o755))
                .map_err(Error::io("make", directory))?;
            if let Some(owner) = self.owner {
                chown(directory, Some(owner.uid), Some(owner.gid)).map_err(Error::io("make", directory))?;
            }
        }
        if path.is_dir() {
            Ok(())
        } else {
            Err(Error::refused(format!("{} is no directory", path.display())))
        }
    }

    fn put(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        target: &Path,
        number: usize,
        places: &[Place],
    ) -> Result<(), Error> {
        let header = entry.header();
        let kind = header.entry_type();
        let mode = header.mode().map_err(Error::Stream)? & 0o7777;
        let mtime = header.mtime().map_err(Error::Stream)?;
        let own = Owner {
            uid: u32::try_from(header.uid().map_err(Error::Stream)?).unwrap_or(0),
            gid: u32::try_from(header.gid().map_err(Error::Stream)?).unwrap_or(0),
        };
        let owner = self.owner.unwrap_or(own);
        if let Some(parent) = target.parent().filter(|parent| !parent.exists()) {
            self.make_parents(parent)?;
        }
        let is_there = fs::symlink_metadata(target).ok();
        if kind.is_dir() {
            match is_there {
                // A link to a directory is as good as one.
                Some(_) if target.is_dir() => {}
                Some(_) => return Err(Error::refused(format!("{} is no directory", target.display()))),
                None => fs::create_dir(target).map_err(Error::io("make", target))?,
            }
            chown(target, Some(owner.uid), Some(owner.gid)).map_err(Error::io("give away", target))?;
            let mode = self.mode.as_ref().map_or(mode, |change| change.apply(mode, true));
            self.directories.push((target.to_owned(), mode, mtime));
            return Ok(());
        }
        if let Some(there) = is_there {
            if there.is_dir() {
                return Err(Error::refused(format!(
                    "{} is a directory and cannot become a file",
                    target.display()
                )));
            }
            fs::remove_file(target).map_err(Error::io("replace", target))?;
        }
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = File::create_new(target).map_err(Error::io("make", target))?;
                io::copy(entry, &mut file).map_err(Error::io("write", target))?;
            }
            EntryType::Symlink => {
                let to = entry.link_name().map_err(Error::Stream)?;
                let to = to.ok_or_else(|| Error::refused("a link to nothing"))?;
                symlink(&to, target).map_err(Error::io("make", target))?;
                lchown(target, Some(owner.uid), Some(owner.gid)).map_err(Error::io("give away", target))?;
                set_time(target, mtime)?;
                return Ok(());
            }
            EntryType::Link => {
                let to = entry.link_name().map_err(Error::Stream)?;
                let to = to.ok_or_else(|| Error::refused("a link to nothing"))?.into_owned();
                let first = self.links.get(&to).cloned();
                let first = first.or_else(|| named(&to, number, places));
                let first = first.ok_or_else(|| Error::refused(format!("a link to {}", to.display())))?;
                return fs::hard_link(&first, target).map_err(Error::io("link", target));
            }
            EntryType::Fifo => {
                let fifo = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(CWD, target, fifo, rustix::fs::Mode::RUSR, 0)
                    .map_err(|error| Error::io("make", target)(error.into()))?;
            }
            // Devices of a context would be the host's.
            _ => return Ok(()),
        }
        self.links.insert(entry.path().map_err(Error::Stream)?.into_owned(), target.to_owned());
        chown(target, Some(owner.uid), Some(owner.gid)).map_err(Error::io("give away", target))?;
        let mode = self.mode.as_ref().map_or(mode, |change| change.apply(mode, false));
        // After the owner, which takes set-user-id bits away.
        fs::set_permissions(target, Permissions::from_mode(mode)).map_err(Error::io("make", target))?;
        let extensions = entry.pax_extensions().map_err(Error::Stream)?;
        for record in extensions.into_iter().flatten() {
            let record = record.map_err(Error::Stream)?;
            if let Some(name) = record.key_bytes().strip_prefix(xattr::PREFIX.as_bytes()) {
                xattr::write(target, name, record.value_bytes());
            }
        }
        set_time(target, mtime)
    }

    fn finish(self) -> Result<(), Error> {
        // The deepest first, so that no mode is in the way of those within.
        for (path, mode, mtime) in self.directories.into_iter().rev() {
            fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(Error::io("make", &path))?;
            set_time(&path, mtime)?;
        }
        Ok(())
    }
}

/// A name of the same source.
fn named(to: &Path, number: usize, places: &[Place]) -> Option<PathBuf> {
    let (other, inside) = divided(to).ok()?;
    (other == number).then(|| places[other].path.join(inside))
}

fn set_time(path: &Path, mtime: u64) -> Result<(), Error> {
    let time = Timespec { tv_sec: i64::try_from(mtime).unwrap_or(0), tv_nsec: 0 };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| Error::io("set the time of", path)(error.into()))
}
