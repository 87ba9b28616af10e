//! Starting a sandbox: from files, or nothing, to a toolbox that answers.
//!
//! Every step is a named fail point, in the order of [`LAUNCH_STEPS`]; a failure runs the undo stack, a kill leaves
//! what the next start of the runner finds by the sandbox's name and removes before it tries again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use paddock_driver_network::{Policy, Port};
use paddock_driver_runtime::{Launch, Mount};
use paddock_sys::process::{self, Process};
use paddock_types::SandboxId;
use paddock_undo::Undo;
use paddock_wire_runner::{NetworkPolicy, SandboxSpec};
use serde::Deserialize;
use tracing::debug_span;

use crate::journal::{Entry, Running};
use crate::{Config, Context, chain, links, pairs, volumes};

/// The fail points of a launch, in the order in which they are passed.
pub const LAUNCH_STEPS: [&str; 10] = [
    "storage.create.after_volume",
    "runner.launch.after_volume",
    "runner.launch.after_seed",
    "runner.launch.after_pair",
    "runner.launch.after_link",
    "runner.launch.after_socket",
    "runtime.launch.before_program",
    "runtime.launch.after_program",
    "runner.launch.after_program",
    "runner.launch.after_ready",
];

/// The fail points of a stop and of a removal.
pub const END_STEPS: [&str; 4] = [
    "runner.end.before_signal",
    "runner.end.after_signal",
    "runner.remove.before_volume",
    "runner.remove.after_volume",
];

/// The toolbox must say that it serves within this time.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// What a toolbox may say about itself, in bytes.
const REPORT_LIMIT: u64 = 4096;

/// Why a sandbox does not run. The message is fit for users.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Storage(#[from] paddock_driver_storage::Error),
    #[error("could not close its volumes")]
    Volume(#[from] paddock_driver_volume::Error),
    #[error(transparent)]
    Pair(#[from] pairs::Error),
    #[error("could not set what it may reach")]
    Network(#[from] paddock_driver_network::Error),
    #[error(transparent)]
    Link(#[from] links::Error),
    #[error(transparent)]
    Runtime(#[from] paddock_driver_runtime::Error),
    #[error("could not {action}")]
    Io { action: &'static str, source: io::Error },
    #[error("its files are not on this host any more")]
    Gone,
    /// The toolbox's own words: it could not serve, for a reason that lies in the image or the request.
    #[error("{0}")]
    Refused(String),
    #[error("the toolbox did not start: {0}")]
    Silent(&'static str),
    #[error(transparent)]
    Injected(#[from] paddock_failpoint::Injected),
}

impl Error {
    /// Whether another try, or more room, may help.
    pub(super) fn is_curable(&self) -> bool {
        match self {
            // It lies in the image or the request.
            Self::Refused(_) | Self::Gone => false,
            Self::Storage(_)
            | Self::Volume(_)
            | Self::Pair(_)
            | Self::Network(_)
            | Self::Link(_)
            | Self::Runtime(_)
            | Self::Io { .. }
            | Self::Silent(_)
            | Self::Injected(_) => true,
        }
    }

    fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

/// The one line that a toolbox says about itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    Ready { version: String },
    Failed(String),
}

/// Where the sockets of all toolboxes are: root's alone.
pub(crate) fn socket_directory(config: &Config) -> PathBuf {
    config.data.join("toolbox")
}

/// The volume and first files of a sandbox, made as far as they are missing.
pub(super) fn make_files(context: &Context, id: SandboxId, entry: &mut Entry) -> Result<PathBuf, Error> {
    let limit = entry.wish.spec.resources.disk.bytes();
    // Never an empty one in the place of one that was used.
    if entry.seeded && context.drivers.storage.find_volume(id)?.is_none() {
        return Err(Error::Gone);
    }
    let volume = debug_span!("volume").in_scope(|| context.drivers.storage.ensure_volume(id, limit))?;
    paddock_failpoint::hit("runner.launch.after_volume")?;
    if !entry.seeded {
        let _step = debug_span!("seed").entered();
        seed(context, id, &volume.upper())?;
        entry.seeded = true;
        context.journal.write(id, entry).map_err(Error::io("write the journal"))?;
    }
    paddock_failpoint::hit("runner.launch.after_seed")?;
    Ok(volume.root().to_owned())
}

fn seed(context: &Context, id: SandboxId, upper: &std::path::Path) -> Result<(), Error> {
    let resolver = context.drivers.network.info().resolver;
    super::seed::write(upper, &id.to_string(), resolver).map_err(Error::io("write its first files"))
}

/// Starts the sandbox on `layers`, with `mounts` beside them, and returns what it holds. Blocks until its toolbox answers. What an earlier
/// attempt left must have been removed.
pub(super) fn launch(
    context: &Arc<Context>,
    id: SandboxId,
    entry: &mut Entry,
    layers: &[PathBuf],
    mounts: Vec<Mount>,
) -> Result<Running, Error> {
    let volume = make_files(context, id, entry)?;
    let mut undo = Undo::new();
    let connected = debug_span!("pair").in_scope(|| pairs::take(context))?;
    let (port, first_id) = (connected.port, connected.pair.range.first);
    let is_clean = Arc::new(AtomicBool::new(true));
    let clean = Arc::clone(&is_clean);
    undo.push(move || {
        // Ids that something may still run with are nobody else's; the next start of the runner looks again.
        if clean.load(Ordering::SeqCst) {
            pairs::release(context, port, first_id);
        }
    });
    let spec = entry.wish.spec.clone();
    if spec.network == NetworkPolicy::Blocked {
        context.drivers.network.set_policy(port, Policy::Blocked)?;
    }
    paddock_failpoint::hit("runner.launch.after_pair")?;
    let unlinked = Arc::clone(&is_clean);
    undo.push(move || {
        if let Err(error) = context.links.ended(&*context.drivers.network, id) {
            unlinked.store(false, Ordering::SeqCst);
            tracing::warn!(sandbox.id = %id, reason = chain(&error), "a link could not be ended after a failed launch");
        }
    });
    context.links.started(&*context.drivers.network, id, &spec, port)?;
    paddock_failpoint::hit("runner.launch.after_link")?;

    let listener = listen(context, id)?;
    let (report_reader, report_writer) = io::pipe().map_err(Error::io("make a pipe"))?;
    paddock_failpoint::hit("runner.launch.after_socket")?;
    undo.push(move || {
        if let Err(error) = context.drivers.runtime.remove(id) {
            is_clean.store(false, Ordering::SeqCst);
            tracing::warn!(sandbox.id = %id, reason = chain(&error), "could not clean up after a failed launch");
        }
    });
    let scratch: Vec<(String, u64)> =
        spec.scratch.iter().map(|mount| (mount.path.to_string(), mount.size_bytes)).collect();
    let launched = context.drivers.runtime.launch(Launch {
        id,
        layers,
        volume: &volume,
        pair: &connected.pair,
        resources: spec.resources,
        max_pids: context.config.max_pids,
        hostname: &id.to_string(),
        toolbox: &context.config.toolbox,
        environment: environment(context, id, &spec),
        arguments: &spec.image.arguments,
        scratch: &scratch,
        mounts: &mounts,
        descriptors: &[listener.as_fd(), report_writer.as_fd()],
    });
    // One that ended before it could be looked at has said why, as any other that ends.
    let first = match launched {
        Err(paddock_driver_runtime::Error::Ended) => None,
        launched => Some(launched?),
    };
    // Ours must be closed, or the end of the toolbox could not be told from its silence.
    drop((listener, report_writer, connected, mounts));
    paddock_failpoint::hit("runner.launch.after_program")?;

    let report = File::from(std::os::fd::OwnedFd::from(report_reader));
    let version = debug_span!("toolbox ready").in_scope(|| wait_until_ready(report, first.as_ref()))?;
    let first = first.ok_or(Error::Silent("it ended at once"))?;
    paddock_failpoint::hit("runner.launch.after_ready")?;
    undo.keep();
    Ok(Running {
        boot: context.journal.boot.clone(),
        pid: first.pid,
        start_ticks: first.start_ticks,
        port: port.0,
        first_id,
        version,
        resources: Some(spec.resources),
    })
}

/// What a running sandbox held is given back, and what the runtime keeps of it removed. Blocks; may be repeated.
pub(super) fn clean_up(context: &Context, id: SandboxId, running: Option<&Running>) -> Result<(), Error> {
    context.drivers.runtime.remove(id)?;
    volumes::close(context, id)?;
    if let Some(running) = running {
        context.links.ended(&*context.drivers.network, id)?;
        pairs::release(context, Port(running.port), running.first_id);
    }
    match fs::remove_file(socket_directory(&context.config).join(id.to_string())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove its socket")(error)),
        _ => Ok(()),
    }
}

/// A path to the sandbox's socket that fits into a socket address however deep the data directory lies.
fn short_path(directory: &File, id: SandboxId) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}/{id}", directory.as_raw_fd()))
}

fn open_directory(config: &Config) -> io::Result<File> {
    File::open(socket_directory(config))
}

fn listen(context: &Context, id: SandboxId) -> Result<UnixListener, Error> {
    let directory = open_directory(&context.config).map_err(Error::io("open the socket directory"))?;
    let path = short_path(&directory, id);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove a socket")(error));
        }
        _ => {}
    }
    UnixListener::bind(&path).map_err(Error::io("make its socket"))
}

/// A connection to the toolbox of a running sandbox. Does not wait: a toolbox that does not accept is an error.
pub(crate) async fn connect_toolbox(config: &Config, id: SandboxId) -> io::Result<tokio::net::UnixStream> {
    let directory = open_directory(config)?;
    tokio::net::UnixStream::connect(short_path(&directory, id)).await
}

fn environment(context: &Context, id: SandboxId, spec: &SandboxSpec) -> Vec<String> {
    let mut variables: Vec<(String, String)> =
        vec![("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into())];
    let of_image = spec.image.env.iter().filter_map(|text| text.split_once('='));
    variables.extend(of_image.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.extend([
        ("DAYTONA_SANDBOX_ID".into(), id.to_string()),
        ("DAYTONA_SANDBOX_SNAPSHOT".into(), spec.snapshot_name.clone()),
        ("DAYTONA_ORGANIZATION_ID".into(), spec.organization.to_string()),
        ("DAYTONA_REGION_ID".into(), spec.region.clone()),
    ]);
    variables.extend(context.config.environment.iter().cloned());
    if let Some(user) = &spec.user {
        variables.push(("DAYTONA_SANDBOX_USER".into(), user.to_string()));
    }
    // The user's own come last and win, but for those that say as whom everything runs.
    variables.extend(spec.env.iter().map(|(name, value)| (name.as_str().to_owned(), value.clone())));
    variables.retain(|(name, _)| !name.starts_with("PADDOCK_"));
    if let Some(user) = &spec.user {
        variables.push(("PADDOCK_USER".into(), user.to_string()));
    }
    if let Some(work_dir) = &spec.image.work_dir {
        variables.push(("PADDOCK_WORKDIR".into(), work_dir.clone()));
    }
    let mut last = std::collections::BTreeMap::new();
    last.extend(variables);
    last.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn wait_until_ready(report: File, first: Option<&Process>) -> Result<String, Error> {
    let deadline = Instant::now() + READY_LIMIT;
    let mut line = Vec::new();
    let mut report = report.take(REPORT_LIMIT);
    while !line.ends_with(b"\n") {
        let left = deadline.saturating_duration_since(Instant::now());
        if !process::wait_readable(report.get_ref(), left).map_err(Error::io("wait for the toolbox"))? {
            return Err(Error::Silent("it said nothing in time"));
        }
        let mut chunk = [0; 512];
        let count = report.read(&mut chunk).map_err(Error::io("read what the toolbox says"))?;
        if count == 0 {
            break;
        }
        line.extend_from_slice(&chunk[..count]);
    }
    match serde_json::from_slice(&line) {
        Ok(Report::Ready { version }) if first.is_some_and(Process::is_alive) => Ok(version),
        Ok(Report::Ready { .. }) => Err(Error::Silent("it ended at once")),
        Ok(Report::Failed(reason)) => Err(Error::Refused(reason)),
        Err(_) if line.is_empty() => Err(Error::Silent("it ended before it served")),
        Err(_) => Err(Error::Silent("what it said makes no sense")),
    }
}
