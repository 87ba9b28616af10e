//! The process that shows a prefix of a bucket as a file system.
//!
//! [`spawn`] starts this program anew. That process ([`run`]), still root, joins its control group, mounts the file system
//! whose requests it will answer, makes itself a mount namespace with nothing of it, gives up every privilege, and becomes
//! `s3fs`. The client never mounts anything: where it would ask `fusermount` for a connection to the kernel, this program
//! stands in that program's place and hands over the one that is there already ([`hand_over`]).
//!
//! The secret of the bucket comes over standard input and lies in a file that only the client sees. It is in no argument and
//! no environment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use paddock_sys::{fd, mount, thread};
use serde::{Deserialize, Serialize};

/// User and group of clients: nobody else's on the host, and in no sandbox.
pub const ID: u32 = 0x6ffe_0000;

/// What the program is called when it stands in `fusermount`'s place.
pub const STAND_IN: &str = "fusermount";
/// Where the client's own side of the connection to the kernel is told.
const CONNECTION: &str = "PADDOCK_FUSE_CONNECTION";
/// Where `fusermount` is told the socket to hand it over on (libfuse's).
const SOCKET: &str = "_FUSE_COMMFD";
/// What a wish may take, in bytes.
const LONGEST_WISH: u64 = 1 << 20;

/// A bucket of S3, or of what speaks like it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bucket {
    /// The URL of the service. No comma in it, nor in the others: the client's options are divided by them.
    pub endpoint: String,
    /// Which.
    pub name: String,
    /// What requests are signed for.
    pub region: String,
    /// Who asks.
    pub access_key: String,
    /// The secret of the access key.
    pub secret_key: String,
    /// Before every name. May be empty.
    pub prefix: String,
}

/// What a client is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Wish {
    pub(super) bucket: Bucket,
    /// Which part of the bucket.
    pub(super) path: String,
    pub(super) mount_point: PathBuf,
    pub(super) stage: PathBuf,
    pub(super) scratch: PathBuf,
    /// The files that take its number.
    pub(super) groups: Vec<PathBuf>,
}

/// Starts a client. It goes on when this process ends.
pub(super) fn spawn(program: &(PathBuf, Vec<String>), wish: &Wish, log: &Path) -> io::Result<()> {
    // New: the directory is a client's, and one of before may have left anything in this place.
    let log = File::options().append(true).create_new(true).open(log)?;
    let mut command = Command::new(&program.0);
    command.args(&program.1).env_clear().stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    // A signal to our group is not meant for it.
    command.process_group(0);
    let mut child = command.spawn()?;
    let text = serde_json::to_vec(wish)?;
    let told = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.write_all(&text);
    // Nobody else takes note of its end while we are here.
    std::thread::Builder::new().name("client".to_owned()).spawn(move || child.wait())?;
    told
}

/// The last thing that a client said which reads like a reason.
pub(super) fn last_words(log: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(log).ok()?.take(64 << 10).read_to_string(&mut text).ok()?;
    let is_reason =
        |line: &&str| ["[CRT]", "[ERR]", "s3fs:", "fuse:", "client:"].iter().any(|word| line.contains(word));
    let line = text.lines().rev().find(is_reason)?;
    // Without the time and the place in its source.
    let words = line.rsplit_once("): ").map_or(line, |(_, words)| words);
    Some(words.chars().filter(|c| !c.is_control()).take(300).collect())
}

/// Becomes a client, as told on standard input. Only returns when that fails.
pub fn run() -> io::Error {
    match prepare() {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    }
}

fn prepare() -> io::Result<Command> {
    let mut text = Vec::new();
    io::stdin().lock().take(LONGEST_WISH).read_to_end(&mut text)?;
    let wish: Wish = serde_json::from_slice(&text)?;
    for group in &wish.groups {
        fs::write(group, std::process::id().to_string()).map_err(explain("join", group))?;
    }
    // Made here, and opened again by nobody: not closed when the client begins.
    let connection = File::options().read(true).write(true).custom_flags(0).open("/dev/fuse");
    let connection = connection.map_err(explain("open", Path::new("/dev/fuse")))?;
    let number = fd::duplicate_above(connection.as_raw_fd(), 10)?;
    fd::keep_open(number)?;
    let options = format!("fd={number},rootmode=40000,user_id={ID},group_id={ID},allow_other");
    mount::classic(Path::new("s3fs"), &wish.mount_point, "fuse", mount::NOSUID_NODEV, &options)
        .map_err(explain("mount", &wish.mount_point))?;

    let scratch = mount::clone_tree(&wish.scratch)?;
    let own = mount::clone_tree(Path::new("/proc/self/exe"))?;
    thread::unshare_mounts()?;
    // The connection ends when nothing of it is mounted: not for a copy that the client itself keeps.
    mount::detach(&wish.mount_point)?;
    let stage = Stage::make(&wish.stage, &scratch, &own, &wish.bucket)?;
    give_up_privileges()?;

    let mut command = Command::new("s3fs");
    command
        .arg(format!("{}:/{}", wish.bucket.name, wish.path))
        .arg(&stage.mount_point)
        .arg("-f")
        .arg("-o")
        .arg(stage.options(&wish.bucket))
        .env_clear()
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", stage.programs.display()))
        .env("HOME", "/")
        .env(CONNECTION, number.to_string())
        .current_dir("/")
        .stdin(Stdio::null());
    Ok(command)
}

/// What the client sees of its own, in a file system that ends with it.
struct Stage {
    mount_point: PathBuf,
    scratch: PathBuf,
    secret: PathBuf,
    programs: PathBuf,
}

impl Stage {
    fn make(
        root: &Path,
        scratch: &mount::Detached,
        own: &mount::Detached,
        bucket: &Bucket,
    ) -> io::Result<Self> {
        let fresh = mount::make(
            "tmpfs",
            &[("mode", Some("0755")), ("size", Some("1m"))],
            mount::Attributes { nodev: true, nosuid: true },
        )?;
        fs::create_dir_all(root)?;
        mount::attach(&fresh, root)?;
        let [mount_point, scratch_point, secret, programs] =
            ["mnt", "scratch", "secret", "bin"].map(|name| root.join(name));
        for directory in [&mount_point, &scratch_point, &programs] {
            fs::create_dir(directory)?;
        }
        chown(&mount_point, Some(ID), Some(ID))?;
        mount::attach(scratch, &scratch_point)?;

        let file = File::options().write(true).create_new(true).mode(0o400).open(&secret)?;
        writeln!(&file, "{}:{}", bucket.access_key, bucket.secret_key)?;
        chown(&secret, Some(ID), Some(ID))?;

        // Ours stands where libfuse looks first, and where it looks next.
        let stand_in = programs.join(STAND_IN);
        fs::write(&stand_in, "")?;
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755))?;
        mount::attach(own, &stand_in)?;
        for place in ["/bin", "/usr/bin"] {
            if let Ok(there) = fs::canonicalize(Path::new(place).join(STAND_IN)) {
                mount::bind(&stand_in, &there)?;
            }
        }
        Ok(Self { mount_point, scratch: scratch_point, secret, programs })
    }

    fn options(&self, bucket: &Bucket) -> String {
        [
            format!("url={}", bucket.endpoint),
            format!("endpoint={}", bucket.region),
            "use_path_request_style".to_owned(),
            format!("passwd_file={}", self.secret.display()),
            format!("tmpdir={}", self.scratch.display()),
            // Has libfuse ask `fusermount`, which is ours, instead of mounting.
            "auto_unmount".to_owned(),
            "allow_other".to_owned(),
            // Everybody may do everything, and every file is one owner's.
            "umask=0000".to_owned(),
            format!("uid={ID}"),
            format!("gid={ID}"),
            // Others may write to the same prefix from another host: what is known of a file is asked anew after this.
            "stat_cache_expire=5".to_owned(),
            "retries=3".to_owned(),
            "connect_timeout=5".to_owned(),
            "readwrite_timeout=20".to_owned(),
            "dbglevel=err".to_owned(),
        ]
        .join(",")
    }
}

/// Becomes [`ID`] for ever.
fn give_up_privileges() -> io::Result<()> {
    use rustix::thread as this;
    let none = this::CapabilitySet::empty();
    for capability in this::CapabilitySet::all().iter() {
        if this::capability_is_in_bounding_set(capability).unwrap_or(false) {
            this::remove_capability_from_bounding_set(capability)?;
        }
    }
    rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    )?;
    this::set_thread_groups(&[])?;
    let (user, group) = (rustix::fs::Uid::from_raw(ID), rustix::fs::Gid::from_raw(ID));
    this::set_thread_res_gid(group, group, group)?;
    this::set_thread_res_uid(user, user, user)?;
    this::clear_ambient_capability_set()?;
    this::set_capabilities(
        None,
        this::CapabilitySets { effective: none, permitted: none, inheritable: none },
    )?;
    Ok(this::set_no_new_privs(true)?)
}

/// Does what `fusermount` would be asked for by a client: hands the connection over. A request to unmount is granted without
/// doing anything: that is the runner's.
///
/// # Errors
/// When it was not called by a client of ours.
pub fn hand_over() -> io::Result<()> {
    if std::env::args().any(|argument| argument == "-u") {
        return Ok(());
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    let (Some(connection), Some(socket)) = (number(CONNECTION), number(SOCKET)) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not called by a client"));
    };
    let [connection, socket] = [connection, socket].map(fd::inherited);
    let (connection, socket): (BorrowedFd<'_>, BorrowedFd<'_>) = (connection.as_fd(), socket.as_fd());
    fd::send_with(socket, &[0], Some(connection)).map(drop)
}

fn explain(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("could not {action} {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reason_of_a_client_is_told_without_its_noise() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            log.path(),
            "2026-11-22T10:13:21.7Z [INF] s3fs version 1.90\n\
             2026-11-22T10:13:41.7Z [CRT] s3fs.cpp:s3fs_check_service(3597): unable to connect(host=x)\nbye\n",
        )
        .unwrap();
        assert_eq!(last_words(log.path()).as_deref(), Some("unable to connect(host=x)"));
        fs::write(log.path(), "nothing of note\n").unwrap();
        assert_eq!(last_words(log.path()), None);
    }

    #[test]
    fn who_is_no_client_is_handed_nothing() {
        assert!(hand_over().is_err());
    }
}
