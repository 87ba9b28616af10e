//! The root file system of one launch: layers below, volume above, ids mapped, in a mount namespace that
//! nobody else sees.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use paddock_sys::{mount, thread};

use crate::{Error, Ids, Launch, Mount};

/// What stands ready for the runtime program. Its paths mean something in the launching thread's mount
/// namespace only.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The bundle directory.
    pub(super) path: PathBuf,
    /// The assembled root.
    pub(super) root: PathBuf,
    /// The toolbox program, readable by the sandbox's root.
    pub(super) toolbox: PathBuf,
    /// A null device of this launch's own, for standard input and output. Runtimes give these to the
    /// sandbox's root (crun 1.8 by chown), who could then close the host's `/dev/null` to everybody.
    pub(super) null: PathBuf,
    /// Where the trees of [`Launch::mounts`] stand, and where each is to be shown; outer places first.
    pub(super) mounts: Vec<(PathBuf, String)>,
}

fn step(step: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let step = step.into();
    move |source| Error::Root { step, source }
}

/// Assembles the root beneath `stage`. The calling thread must have a mount namespace of its own.
pub(super) fn assemble(launch: &Launch<'_>, stage: &Path) -> Result<Bundle, Error> {
    let tmpfs =
        mount::make("tmpfs", &[("mode", Some("0755"))], mount::Attributes { nodev: false, nosuid: true })
            .map_err(step("make a stage"))?;
    // Instances share it, and one that is removed may have taken it along.
    fs::create_dir_all(stage).map_err(step("make a place for the stage"))?;
    mount::attach(&tmpfs, stage).map_err(step("mount the stage"))?;
    let bundle = Bundle {
        path: stage.to_owned(),
        root: stage.join("root"),
        toolbox: stage.join("toolbox"),
        null: stage.join("null"),
        mounts: mount_points(launch, stage),
    };
    mount::make_null_device(&bundle.null).map_err(step("make a null device"))?;
    let make = |path: &Path| fs::create_dir(path).map_err(step(format!("make {}", path.display())));

    let mut lower = Vec::with_capacity(launch.layers.len());
    for (index, layer) in launch.layers.iter().enumerate() {
        let target = stage.join(format!("l{index}"));
        make(&target)?;
        let layer_mount =
            mount::clone_tree(layer).map_err(step(format!("open layer {}", layer.display())))?;
        mount::map_ids(&layer_mount, &launch.pair.user)
            .map_err(step(format!("map ids of layer {}", layer.display())))?;
        mount::make_read_only(&layer_mount).map_err(step("make a layer read-only"))?;
        mount::attach(&layer_mount, &target).map_err(step("mount a layer"))?;
        lower.push(target);
    }

    let volume = stage.join("volume");
    make(&volume)?;
    let volume_mount = mount::clone_tree(launch.volume).map_err(step("open the volume"))?;
    mount::map_ids(&volume_mount, &launch.pair.user).map_err(step("map ids of the volume"))?;
    mount::attach(&volume_mount, &volume).map_err(step("mount the volume"))?;

    make(&bundle.root)?;
    let root = overlay(launch, &lower, &volume)?;
    mount::attach(&root, &bundle.root).map_err(step("mount the root"))?;

    for ((target, _), shown) in bundle.mounts.iter().zip(sorted(launch)) {
        make(target)?;
        if shown.ids == Ids::Mapped {
            mount::map_ids(&shown.tree, &launch.pair.user)
                .map_err(step(format!("map ids of what is mounted at {}", shown.path)))?;
        }
        mount::restrict(&shown.tree, mount::Attributes { nodev: true, nosuid: true })
            .map_err(step(format!("restrict what is mounted at {}", shown.path)))?;
        mount::attach(&shown.tree, target).map_err(step(format!("mount {}", shown.path)))?;
    }

    fs::write(&bundle.toolbox, "").map_err(step("make a place for the toolbox"))?;
    let toolbox = mount::clone_tree(launch.toolbox).map_err(step("open the toolbox"))?;
    mount::make_read_only(&toolbox).map_err(step("make the toolbox read-only"))?;
    mount::attach(&toolbox, &bundle.toolbox).map_err(step("mount the toolbox"))?;
    Ok(bundle)
}

/// What is shown besides, outer places first: what is mounted at a place would hide what is mounted below it.
fn sorted<'a>(launch: &Launch<'a>) -> Vec<&'a Mount> {
    let mut mounts: Vec<&Mount> = launch.mounts.iter().collect();
    mounts.sort_by(|one, other| one.path.cmp(&other.path));
    mounts
}

fn mount_points(launch: &Launch<'_>, stage: &Path) -> Vec<(PathBuf, String)> {
    let place = |(number, mount): (usize, &Mount)| (stage.join(format!("m{number}")), mount.path.clone());
    sorted(launch).into_iter().enumerate().map(place).collect()
}

/// The overlay of `lower` (lowest first) and the volume.
///
/// The kernel does an overlay's own work (making files in *work*, marks of deletion) with the ids of
/// whoever mounted it. Those must exist in the id-mapped volume: as the host's root, which does not, the
/// overlay would come up read-only. So it is mounted as the sandbox's root, with our capabilities.
fn overlay(launch: &Launch<'_>, lower: &[PathBuf], volume: &Path) -> Result<mount::Detached, Error> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let upper = text(&volume.join("upper"));
    let work = text(&volume.join("work"));
    // One string may have 256 bytes, so layers are handed over one by one, topmost first (Linux 6.7).
    let layers: Vec<String> = lower.iter().rev().map(|path| text(path)).collect();
    let mut options: Vec<(&str, Option<&str>)> = vec![("source", Some("paddock"))];
    options.extend(layers.iter().map(|layer| ("lowerdir+", Some(layer.as_str()))));
    options.extend([
        ("upperdir", Some(upper.as_str())),
        ("workdir", Some(work.as_str())),
        // Said and not left to the kernel's defaults: inode numbers are unique within the sandbox, and an
        // upper stays readable by itself and copyable.
        ("xino", Some("on")),
        ("redirect_dir", Some("off")),
        ("metacopy", Some("off")),
        ("index", Some("off")),
    ]);
    let first = launch.pair.range.first;
    thread::assume_ids_keeping_capabilities(first, first).map_err(step("take on the sandbox's ids"))?;
    let mut made = mount::make("overlay", &options, mount::Attributes { nodev: true, nosuid: false });
    if made
        .as_ref()
        .is_err_and(|error| error.raw_os_error().is_none() && error.to_string().contains("lowerdir+"))
    {
        made = classic_overlay(&layers, &upper, &work);
    }
    thread::assume_ids_keeping_capabilities(0, 0).map_err(step("take back our ids"))?;
    made.map_err(step("mount the overlay"))
}

/// For kernels before 6.7: all layers in one string, which `mount(2)` takes up to a page.
fn classic_overlay(layers: &[String], upper: &str, work: &str) -> io::Result<mount::Detached> {
    let lower = layers.join(":");
    let options = format!(
        "lowerdir={lower},upperdir={upper},workdir={work},xino=on,redirect_dir=off,metacopy=off,index=off"
    );
    let target =
        Path::new(upper).parent().and_then(Path::parent).ok_or(io::ErrorKind::InvalidInput)?.join("classic");
    fs::create_dir(&target)?;
    mount::classic(Path::new("paddock"), &target, "overlay", libc::MS_NODEV, &options)?;
    mount::clone_tree(&target)
}
