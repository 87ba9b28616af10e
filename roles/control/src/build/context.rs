//! The files that a build was given: the contexts that its owner uploaded, and what of them an instruction names.
//!
//! Contexts are tar streams from strangers. They are never unpacked on this host: each lies in a file of its own while the
//! build runs, an index says which bytes of it are which file, and what an instruction names goes into the build's sandbox as
//! another tar stream, made here. A path cannot lead out of anything, for no path is ever opened.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use paddock_dockerfile::{Ignore, Pattern};
use paddock_wire_toolbox::{BuildSource, BuildSources};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

/// The most files of all contexts of a build together.
const MOST_ENTRIES: usize = 500_000;
/// How often a link is followed to a link.
const MOST_LINKS: usize = 40;

/// Why a context is of no use. Fit for whoever wrote the build.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It is no tar stream, or has too much in it.
    #[error("a build context could not be read: {0}")]
    Unreadable(String),
    /// Nothing is called so.
    #[error("{0:?} not found in the build context")]
    NotFound(String),
    /// A pattern that is none.
    #[error(transparent)]
    Pattern(#[from] paddock_dockerfile::Problem),
    /// Our own disk, or whoever was to take the files.
    #[error("the files of the build context could not be passed on")]
    Io(#[source] io::Error),
}

/// All contexts of one build, as one tree; later ones win.
#[derive(Debug, Default)]
pub(super) struct Context {
    files: Vec<File>,
    entries: BTreeMap<PathBuf, Entry>,
    ignore: Ignore,
}

#[derive(Debug, Clone)]
struct Entry {
    mode: u32,
    mtime: u64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Directory,
    File { context: usize, at: u64, size: u64 },
    Symlink(PathBuf),
}

/// What an instruction names, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection(Vec<PathBuf>);

impl Context {
    /// Adds a context. Blocks.
    pub(super) fn add(&mut self, file: File) -> Result<(), Error> {
        let unreadable = |error: io::Error| Error::Unreadable(error.to_string());
        let context = self.files.len();
        let reader = file.try_clone().map_err(Error::Io)?;
        let mut archive = Archive::new(BufReader::with_capacity(64 << 10, reader));
        for entry in archive.entries_with_seek().map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let header = entry.header();
            let path = clean(&entry.path().map_err(unreadable)?);
            let kind = header.entry_type();
            let what = match kind {
                EntryType::Directory => What::Directory,
                EntryType::Regular | EntryType::Continuous => {
                    What::File { context, at: entry.raw_file_position(), size: entry.size() }
                }
                EntryType::Symlink => {
                    let target = entry.link_name().map_err(unreadable)?;
                    What::Symlink(target.unwrap_or_default().into_owned())
                }
                EntryType::Link => {
                    let target = entry.link_name().map_err(unreadable)?.unwrap_or_default();
                    match self.entries.get(&clean(&target)) {
                        Some(Entry { what: what @ What::File { .. }, .. }) => what.clone(),
                        _ => {
                            return Err(Error::Unreadable(format!(
                                "{} is a link to nothing",
                                path.display()
                            )));
                        }
                    }
                }
                // Devices, pipes and heads that say nothing of a file.
                _ => continue,
            };
            if path.as_os_str().is_empty() {
                continue;
            }
            let mode = header.mode().map_err(unreadable)? & 0o7777;
            let mtime = header.mtime().map_err(unreadable)?;
            for parent in path.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
                let directory = Entry { mode: 0o755, mtime, what: What::Directory };
                let known = self.entries.entry(parent.to_owned()).or_insert(directory);
                if !matches!(known.what, What::Directory) {
                    return Err(Error::Unreadable(format!("{} is no directory", parent.display())));
                }
            }
            self.entries.insert(path, Entry { mode, mtime, what });
            if self.entries.len() > MOST_ENTRIES {
                return Err(Error::Unreadable(format!("it holds more than {MOST_ENTRIES} files")));
            }
        }
        self.files.push(file);
        Ok(())
    }

    /// Takes in what the context says of itself. To be called when all are added. Blocks.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let Some(Entry { what: What::File { context, at, size }, .. }) =
            self.entries.get(Path::new(".dockerignore"))
        else {
            return Ok(());
        };
        let mut text = Vec::new();
        self.open(*context, *at, (*size).min(1 << 20))?.read_to_end(&mut text).map_err(Error::Io)?;
        self.ignore = Ignore::parse(&String::from_utf8_lossy(&text))?;
        Ok(())
    }

    /// What the sources of an instruction name: paths or patterns from the context's root.
    pub(super) fn select(&self, sources: &[String]) -> Result<Selection, Error> {
        let mut selected = Vec::new();
        for source in sources {
            let found = self.matching(source)?;
            if found.is_empty() {
                return Err(Error::NotFound(source.clone()));
            }
            selected.extend(found);
        }
        Ok(Selection(selected))
    }

    fn matching(&self, source: &str) -> Result<Vec<PathBuf>, Error> {
        let mut found = vec![PathBuf::new()];
        for part in clean(Path::new(source)).components() {
            let pattern = Pattern::of_files(&part.as_os_str().to_string_lossy())?;
            let mut next = Vec::new();
            for directory in found {
                let Some(directory) = self.resolve(&directory) else { continue };
                let names = self.children(&directory).filter(|path| {
                    let name = path.file_name().map(|name| name.to_string_lossy());
                    name.is_some_and(|name| pattern.matches(&name)) && !self.ignore.leaves_out(path)
                });
                next.extend(names.cloned());
            }
            found = next;
        }
        Ok(found)
    }

    /// What lies in a directory, by name.
    fn children<'c>(&'c self, directory: &Path) -> impl Iterator<Item = &'c PathBuf> + use<'c> {
        let depth = directory.components().count() + 1;
        self.beneath(directory).filter(move |path| path.components().count() == depth)
    }

    /// All beneath a directory, which is not among it.
    fn beneath<'c>(&'c self, directory: &Path) -> impl Iterator<Item = &'c PathBuf> + use<'c> {
        let directory = directory.to_owned();
        let first = directory.clone();
        self.entries
            .range::<Path, _>((std::ops::Bound::Excluded(first.as_path()), std::ops::Bound::Unbounded))
            .map(|(path, _)| path)
            .take_while(move |path| path.starts_with(&directory))
    }

    /// Where a path leads when links are followed, within the context. `None`: nowhere.
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        let mut resolved = PathBuf::new();
        let mut left: Vec<PathBuf> =
            path.components().rev().map(|part| PathBuf::from(part.as_os_str())).collect();
        let mut links = 0;
        while let Some(part) = left.pop() {
            match part.components().next()? {
                Component::ParentDir => {
                    resolved.pop();
                    continue;
                }
                Component::RootDir => {
                    resolved = PathBuf::new();
                    continue;
                }
                Component::CurDir => continue,
                _ => resolved.push(&part),
            }
            if let Some(Entry { what: What::Symlink(target), .. }) = self.entries.get(&resolved) {
                links += 1;
                if links > MOST_LINKS {
                    return None;
                }
                resolved.pop();
                left.extend(target.components().rev().map(|part| PathBuf::from(part.as_os_str())));
            }
        }
        (resolved.as_os_str().is_empty() || self.entries.contains_key(&resolved)).then_some(resolved)
    }

    /// What a selection consists of, for whoever takes its stream. With `archives`, files that are archives are those.
    pub(super) fn sources(
        &self,
        selection: &Selection,
        keeps_parents: bool,
        archives: bool,
    ) -> Result<BuildSources, Error> {
        let sources = selection.0.iter().map(|path| {
            let target = self.resolve(path).ok_or_else(|| Error::NotFound(path.display().to_string()))?;
            let name = if keeps_parents { Some(path.as_os_str()) } else { path.file_name() };
            let what = self.entries.get(&target).map(|entry| &entry.what);
            let is_archive = match what {
                Some(What::File { context, at, size }) if archives => {
                    super::archive::is_archive(&mut self.open(*context, *at, *size)?).map_err(Error::Io)?
                }
                _ => false,
            };
            Ok(BuildSource {
                name: name.unwrap_or_default().to_string_lossy().into_owned(),
                is_directory: matches!(what, None | Some(What::Directory)),
                is_archive,
            })
        });
        Ok(BuildSources(sources.collect::<Result<_, Error>>()?))
    }

    /// What a selection's content hashes to: names, modes and bytes, not times. Blocks.
    pub(super) fn sum(&self, selection: &Selection, exclude: &Ignore) -> Result<[u8; 32], Error> {
        let mut sum = Sha256::new();
        self.walk(selection, exclude, |name, entry| {
            let kind = match &entry.what {
                What::Directory => b"d",
                What::File { .. } => b"f",
                What::Symlink(_) => b"l",
            };
            sum.update(kind);
            sum.update(entry.mode.to_be_bytes());
            feed(&mut sum, name.as_os_str().as_encoded_bytes());
            match &entry.what {
                What::Directory => {}
                What::Symlink(target) => feed(&mut sum, target.as_os_str().as_encoded_bytes()),
                What::File { context, at, size } => {
                    sum.update(size.to_be_bytes());
                    io::copy(&mut self.open(*context, *at, *size)?, &mut HashWriter(&mut sum))
                        .map_err(Error::Io)?;
                }
            }
            Ok(())
        })?;
        Ok(sum.finalize().into())
    }

    /// Writes a selection's stream. Everything belongs to root. Blocks.
    pub(super) fn write(
        &self,
        selection: &Selection,
        sources: &BuildSources,
        exclude: &Ignore,
        output: impl Write,
    ) -> Result<(), Error> {
        let mut stream = Builder::new(output);
        self.walk(selection, exclude, |name, entry| {
            let number =
                name.components().next().and_then(|part| part.as_os_str().to_str()?.parse::<usize>().ok());
            let is_archive =
                number.and_then(|number| sources.0.get(number)).is_some_and(|source| source.is_archive);
            let mut header = Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_mtime(entry.mtime);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            match &entry.what {
                What::File { context, at, size } if is_archive => {
                    let file = self.open(*context, *at, *size)?;
                    return super::archive::pass_on(file, name, &mut stream).map_err(|error| {
                        Error::Unreadable(format!("{} is a broken archive: {error}", name.display()))
                    });
                }
                What::Directory => {
                    header.set_entry_type(EntryType::Directory);
                    stream.append_data(&mut header, name, io::empty())
                }
                What::Symlink(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    stream.append_link(&mut header, name, target)
                }
                What::File { context, at, size } => {
                    header.set_entry_type(EntryType::Regular);
                    header.set_size(*size);
                    stream.append_data(&mut header, name, self.open(*context, *at, *size)?)
                }
            }
            .map_err(Error::Io)
        })?;
        stream.into_inner().and_then(|mut output| output.flush()).map_err(Error::Io)
    }

    /// Goes through a selection: each source by its number, then what lies beneath it.
    fn walk(
        &self,
        selection: &Selection,
        exclude: &Ignore,
        mut visit: impl FnMut(&Path, &Entry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let root = Entry { mode: 0o755, mtime: 0, what: What::Directory };
        for (number, source) in selection.0.iter().enumerate() {
            let target = self.resolve(source).ok_or_else(|| Error::NotFound(source.display().to_string()))?;
            let number = PathBuf::from(number.to_string());
            visit(&number, self.entries.get(&target).unwrap_or(&root))?;
            for path in self.beneath(&target) {
                let inside = path.strip_prefix(&target).unwrap_or(path);
                // A directory that is left out may hold what a later pattern takes in again: whoever takes that makes it.
                if self.ignore.leaves_out(path) || exclude.leaves_out(inside) {
                    continue;
                }
                visit(&number.join(inside), &self.entries[path])?;
            }
        }
        Ok(())
    }

    fn open(&self, context: usize, at: u64, size: u64) -> Result<Part<'_>, Error> {
        let file = self.files.get(context).ok_or_else(|| Error::Unreadable("it is gone".to_owned()))?;
        Ok(Part { file, at, left: size })
    }
}

/// A part of a file.
struct Part<'f> {
    file: &'f File,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

struct HashWriter<'h>(&'h mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Feeds a text with its length, so that two lists of texts are never the same bytes.
pub(super) fn feed(sum: &mut Sha256, bytes: &[u8]) {
    sum.update((bytes.len() as u64).to_be_bytes());
    sum.update(bytes);
}

/// A path from the root, without `.` and `..`.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A context of `(path, content)`; a content that begins with `->` makes a link, a path that ends with a slash a directory.
    fn context(files: &[(&str, &str)]) -> Context {
        let mut builder = Builder::new(tempfile::tempfile().unwrap());
        for (path, content) in files {
            let mut header = Header::new_gnu();
            header.set_mode(0o644);
            header.set_mtime(1);
            header.set_size(0);
            if let Some(target) = content.strip_prefix("->") {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, path, target).unwrap();
            } else if path.ends_with('/') {
                header.set_entry_type(EntryType::Directory);
                builder.append_data(&mut header, path, io::empty()).unwrap();
            } else {
                header.set_size(content.len() as u64);
                // By hand: the library writes no name that leads out.
                header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
                header.set_cksum();
                builder.append(&header, content.as_bytes()).unwrap();
            }
        }
        let mut file = builder.into_inner().unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let mut context = Context::default();
        context.add(file).unwrap();
        context.finish().unwrap();
        context
    }

    /// The names and contents that come out.
    fn written(context: &Context, sources: &[&str]) -> Vec<(String, String)> {
        let sources: Vec<String> = sources.iter().map(ToString::to_string).collect();
        let selection = context.select(&sources).unwrap();
        let listed = context.sources(&selection, false, true).unwrap();
        let mut stream = Vec::new();
        context.write(&selection, &listed, &Ignore::default(), &mut stream).unwrap();
        let mut archive = Archive::new(stream.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            if let Some(target) = entry.link_name().unwrap() {
                content = format!("->{}", target.display());
            }
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    fn names(context: &Context, sources: &[&str]) -> Vec<String> {
        written(context, sources).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn paths_and_patterns_name_files_and_directories() {
        let context =
            context(&[("app/main.py", "m"), ("app/lib/a.py", "a"), ("app/b.txt", "b"), ("empty/", "")]);
        assert_eq!(written(&context, &["app/main.py"]), [("0".to_owned(), "m".to_owned())]);
        assert_eq!(names(&context, &["/app/*.py"]), ["0"]);
        assert_eq!(names(&context, &["app"]), ["0", "0/b.txt", "0/lib", "0/lib/a.py", "0/main.py"]);
        assert_eq!(names(&context, &["./app/../empty", "app/b.txt"]), ["0", "1"]);
        assert_eq!(names(&context, &["."]).len(), 7);
        let missing = context.select(&["nothing".to_owned()]).unwrap_err();
        assert_eq!(missing.to_string(), "\"nothing\" not found in the build context");
        assert!(context.select(&["app/nothing*".to_owned()]).is_err());
    }

    #[test]
    fn no_path_leads_out() {
        let context = context(&[
            ("../../etc/passwd", "theirs"),
            ("/abs", "x"),
            ("out", "->../../../etc"),
            ("loop", "->loop"),
        ]);
        assert_eq!(written(&context, &["etc/passwd"]), [("0".to_owned(), "theirs".to_owned())]);
        assert_eq!(names(&context, &["../../abs"]), ["0"]);
        // A link that leads out leads to the context's own root.
        assert_eq!(written(&context, &["out/passwd"]), [("0".to_owned(), "theirs".to_owned())]);
        let selection = context.select(&["loop".to_owned()]).unwrap();
        assert!(context.sources(&selection, false, false).is_err());
    }

    #[test]
    fn what_is_ignored_is_not_there() {
        let files = [
            (".dockerignore", "*.log\n!keep.log\nnode_modules\n"),
            ("a.log", ""),
            ("keep.log", ""),
            ("node_modules/x", ""),
            ("b", ""),
        ];
        let context = context(&files);
        assert_eq!(names(&context, &["."]), ["0", "0/.dockerignore", "0/b", "0/keep.log"]);
        assert!(context.select(&["a.log".to_owned()]).is_err());
        assert!(context.select(&["node_modules/x".to_owned()]).is_err());
    }

    #[test]
    fn the_sum_is_of_names_modes_and_content_alone() {
        let sum = |files: &[(&str, &str)]| {
            let context = context(files);
            context.sum(&context.select(&[".".to_owned()]).unwrap(), &Ignore::default()).unwrap()
        };
        let one = sum(&[("a", "1"), ("b", "2")]);
        assert_eq!(one, sum(&[("b", "2"), ("a", "1")]));
        assert_ne!(one, sum(&[("a", "1"), ("b", "3")]));
        assert_ne!(one, sum(&[("a", "1"), ("c", "2")]));
        assert_ne!(one, sum(&[("a", "1"), ("b", "->2")]));
    }

    #[test]
    fn what_is_no_context_is_refused() {
        let file = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            io::Seek::rewind(&mut file).unwrap();
            Context::default().add(file)
        };
        assert!(file(b"").is_ok(), "an empty one has no files");
        assert!(file(&[7; 2000]).is_err());
    }
}
