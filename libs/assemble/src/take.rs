//! Which files a source names, and their stream.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use paddock_dockerfile::{Ignore, Pattern};
use paddock_wire_toolbox::{BuildSource, BuildSources, BuildTake};
use tar::{Builder, EntryType, Header};

use crate::{Error, xattr};

/// Where nothing of an image lies: what the system shows there is no part of it.
const NOT_OF_THE_IMAGE: [&str; 4] = ["proc", "sys", "dev", "opt/paddock"];

/// Writes a line of JSON with what was found, and the stream of it.
///
/// # Errors
/// When a source names nothing, and when something cannot be read.
pub fn take(wanted: &BuildTake, output: impl Write) -> Result<(), Error> {
    take_beneath(Path::new("/"), wanted, output)
}

/// The same with a root of the caller's choice.
pub(crate) fn take_beneath(root: &Path, wanted: &BuildTake, mut output: impl Write) -> Result<(), Error> {
    let exclude =
        Ignore::parse(&wanted.exclude.join("\n")).map_err(|error| Error::refused(error.to_string()))?;
    let skipped = NOT_OF_THE_IMAGE.map(|name| root.join(name));
    let mut found = Vec::new();
    for source in &wanted.sources {
        let mut is_found = false;
        for relative in matches(root, source)? {
            // A source that is a link stands for what it leads to.
            let path = root.join(&relative);
            let path = fs::canonicalize(&path).map_err(Error::io("look at", &path))?;
            let is_of_image = !skipped.iter().any(|skipped| path != *skipped && path.starts_with(skipped));
            if is_of_image {
                found.push((relative, path));
                is_found = true;
            }
        }
        if !is_found {
            return Err(Error::refused(format!("{source:?} not found")));
        }
    }
    let mut sources = Vec::new();
    for (relative, path) in &found {
        let metadata = fs::metadata(path).map_err(Error::io("look at", path))?;
        let name = if wanted.keeps_parents { Some(relative.as_os_str()) } else { relative.file_name() };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        sources.push(BuildSource { name, is_directory: metadata.is_dir(), is_archive: false });
    }
    let mut line = serde_json::to_vec(&BuildSources(sources)).map_err(|error| Error::Stream(error.into()))?;
    line.push(b'\n');
    output.write_all(&line).map_err(Error::Stream)?;
    let mut stream = Builder::new(output);
    for (number, (_, path)) in found.iter().enumerate() {
        add(&mut stream, path, Path::new(&number.to_string()), &|path, inside| {
            let is_system = skipped.iter().any(|skipped| path == skipped || path.parent() == Some(skipped));
            is_system || exclude.leaves_out(inside)
        })?;
    }
    stream.into_inner().and_then(|mut output| output.flush()).map_err(Error::Stream)
}

/// The paths that a source names, in order, from the root.
fn matches(root: &Path, source: &str) -> Result<Vec<PathBuf>, Error> {
    let clean = clean(source);
    let mut found = vec![PathBuf::new()];
    for part in clean.components() {
        let text = part.as_os_str().to_string_lossy();
        let pattern = Pattern::of_files(&text).map_err(|error| Error::refused(error.to_string()))?;
        let mut next = Vec::new();
        for directory in &found {
            if pattern.is_literal() {
                let path = directory.join(text.replace('\\', ""));
                if fs::symlink_metadata(root.join(&path)).is_ok() {
                    next.push(path);
                }
                continue;
            }
            let Ok(entries) = fs::read_dir(root.join(directory)) else { continue };
            let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
            names.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            let names = names.into_iter().filter(|name| pattern.matches(&name.to_string_lossy()));
            next.extend(names.map(|name| directory.join(name)));
        }
        found = next;
    }
    Ok(found)
}

/// A path from the root, without `.` and `..`.
pub(crate) fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

type Skip<'a> = &'a dyn Fn(&Path, &Path) -> bool;

/// Adds a file, or a directory with all in it, under `name`.
fn add(stream: &mut Builder<impl Write>, path: &Path, name: &Path, skip: Skip<'_>) -> Result<(), Error> {
    // Without recursion: trees may be deeper than a stack. What is left to be done, the next one last.
    let mut left = vec![(path.to_owned(), name.to_owned())];
    while let Some((path, name)) = left.pop() {
        let metadata = fs::symlink_metadata(&path).map_err(Error::io("look at", &path))?;
        entry(stream, &path, &name, &metadata)?;
        if !metadata.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&path).map_err(Error::io("read", &path))?;
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        let names =
            names.as_mut().map_err(|error| Error::io("read", &path)(io::Error::from(error.kind())))?;
        names.sort_unstable_by(|a, b| b.as_bytes().cmp(a.as_bytes()));
        for file in names.drain(..) {
            let (path, name) = (path.join(&file), name.join(&file));
            let inside: PathBuf = name.components().skip(1).collect();
            if !skip(&path, &inside) {
                left.push((path, name));
            }
        }
    }
    Ok(())
}

fn entry(
    stream: &mut Builder<impl Write>,
    path: &Path,
    name: &Path,
    metadata: &Metadata,
) -> Result<(), Error> {
    let attributes = xattr::read(path);
    if !attributes.is_empty() {
        let records: Vec<_> = attributes
            .iter()
            .map(|(name, value)| (format!("{}{name}", xattr::PREFIX), value.as_slice()))
            .collect();
        let records = records.iter().map(|(name, value)| (name.as_str(), *value));
        stream.append_pax_extensions(records).map_err(Error::Stream)?;
    }
    let mut header = Header::new_gnu();
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mode(metadata.mode() & 0o7777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_size(0);
    let kind = metadata.file_type();
    if kind.is_file() {
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        let file = File::open(path).map_err(Error::io("open", path))?;
        // One that grows meanwhile is as long as it was; one that shrinks is an error that the reader sees.
        return stream
            .append_data(&mut header, name, io::Read::take(file, metadata.len()))
            .map_err(Error::Stream);
    }
    if kind.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        let target = fs::read_link(path).map_err(Error::io("read", path))?;
        return stream.append_link(&mut header, name, target).map_err(Error::Stream);
    }
    if kind.is_dir() {
        header.set_entry_type(EntryType::Directory);
        return stream.append_data(&mut header, name, io::empty()).map_err(Error::Stream);
    }
    if kind.is_fifo() {
        header.set_entry_type(EntryType::Fifo);
        return stream.append_data(&mut header, name, io::empty()).map_err(Error::Stream);
    }
    // Sockets and devices are no part of an image that somebody copies from.
    Ok(())
}
