//! One node of a tree: what it is, who owns it, when it changed.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, Uid};

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    Character,
    /// A block device.
    Block,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl Kind {
    fn of(mode: RawMode) -> io::Result<Self> {
        Ok(match FileType::from_raw_mode(mode) {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Symlink,
            FileType::CharacterDevice => Self::Character,
            FileType::BlockDevice => Self::Block,
            FileType::Fifo => Self::Fifo,
            FileType::Socket => Self::Socket,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }

    fn file_type(self) -> FileType {
        match self {
            Self::File => FileType::RegularFile,
            Self::Directory => FileType::Directory,
            Self::Symlink => FileType::Symlink,
            Self::Character => FileType::CharacterDevice,
            Self::Block => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}

/// A moment, as file systems keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds beyond them, 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// One node, as `lstat` tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-user-id, set-group-id and sticky: the low 12 bits.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// When its content changed.
    pub modified: Time,
    /// Bytes of a file's content, or of a link's target. 0 for others.
    pub size_bytes: u64,
    /// Major and minor number of a device. (0, 0) for others, and for a character device that is an overlay's mark of
    /// deletion.
    pub device: (u32, u32),
    /// How many names it has.
    pub names: u64,
    /// Which node of which file system it is, to tell that two names are one.
    pub identity: (u64, u64),
}

impl Node {
    /// Looks at `name` in `parent` without following it.
    pub fn look(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<Self> {
        Self::from_stat(&fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Looks at an open file or directory.
    pub fn of(file: impl AsFd) -> io::Result<Self> {
        Self::from_stat(&fs::fstat(file)?)
    }

    fn from_stat(stat: &Stat) -> io::Result<Self> {
        let kind = Kind::of(stat.st_mode)?;
        let has_size = matches!(kind, Kind::File | Kind::Symlink);
        let is_device = matches!(kind, Kind::Character | Kind::Block);
        let device = if is_device { (fs::major(stat.st_rdev), fs::minor(stat.st_rdev)) } else { (0, 0) };
        #[expect(
            clippy::useless_conversion,
            reason = "the width of these fields differs between architectures"
        )]
        Ok(Self {
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            modified: Time {
                seconds: stat.st_mtime.into(),
                nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
            },
            size_bytes: if has_size { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
            device,
            names: stat.st_nlink.into(),
            identity: (stat.st_dev, stat.st_ino),
        })
    }
}

/// Opens the regular file `name` of `parent` for reading; never a link, and never anything that opening would act on.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it is no regular file.
pub fn open_file(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<std::fs::File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = fs::openat(parent, name, flags, Mode::empty())?;
    if Node::of(&file)?.kind != Kind::File {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file any more"));
    }
    Ok(file.into())
}

/// Opens the directory `name` of `parent`; never through a link.
pub fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(parent, name, flags, Mode::empty())?)
}

/// Makes the regular file `name`, which must not exist, in `parent`, and opens it for writing. Only its maker may read it
/// until [`set_owner_and_mode`].
pub fn make_file(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<std::fs::File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Makes the directory `name` in `parent`, for its maker alone until [`set_owner_and_mode`], and opens it.
pub fn make_directory(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<std::os::fd::OwnedFd> {
    fs::mkdirat(parent, name, Mode::RWXU)?;
    open_directory(parent, name)
}

/// Makes a device, pipe or socket's name. `kind` is one of those.
pub fn make_special(
    parent: BorrowedFd<'_>,
    name: &CStr,
    kind: Kind,
    (major, minor): (u32, u32),
) -> io::Result<()> {
    Ok(fs::mknodat(parent, name, kind.file_type(), Mode::RUSR | Mode::WUSR, fs::makedev(major, minor))?)
}

/// Gives `name` of `parent` its owner, and its mode unless it is a link, which has none. The owner comes first: a
/// change of owner takes set-user-id away.
pub fn set_owner_and_mode(
    parent: BorrowedFd<'_>,
    name: &CStr,
    kind: Kind,
    (uid, gid): (u32, u32),
    mode: u32,
) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    fs::chownat(parent, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    if kind != Kind::Symlink {
        fs::chmodat(parent, name, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?;
    }
    Ok(())
}

/// As [`set_owner_and_mode`], of an open directory.
pub fn set_directory_owner_and_mode(directory: impl AsFd, owner: (u32, u32), mode: u32) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
    fs::fchown(&directory, uid, gid)?;
    Ok(fs::fchmod(&directory, Mode::from_raw_mode(mode & 0o7777))?)
}

/// Sets when `name` of `parent` changed, and was read, to `modified`. Last of all: any other change sets it anew.
pub fn set_time(parent: BorrowedFd<'_>, name: &CStr, modified: Time) -> io::Result<()> {
    Ok(fs::utimensat(parent, name, &timestamps(modified), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// As [`set_time`], of an open directory.
pub fn set_directory_time(directory: impl AsFd, modified: Time) -> io::Result<()> {
    Ok(fs::futimens(directory, &timestamps(modified))?)
}

fn timestamps(time: Time) -> Timestamps {
    let spec = Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() };
    Timestamps { last_access: spec, last_modification: spec }
}
