"""Volumes, as the newest SDK uses them, synchronously and asynchronously."""

import asyncio
import time

from daytona import (
    AsyncDaytona,
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaError,
    VolumeMount,
)
from daytona.common.errors import DaytonaConflictError, DaytonaNotFoundError

daytona = Daytona()


def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError("this should have been refused")


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def new(*mounts, **parameters):
    volumes = [VolumeMount(volume_id=id, mount_path=path, subpath=subpath) for id, path, subpath in mounts]
    return daytona.create(CreateSandboxFromSnapshotParams(volumes=volumes, labels={"suite": "volumes"}, **parameters))


def run(sandbox, command):
    done = sandbox.process.exec(command)
    assert done.exit_code == 0, (command, done.result)
    return done.result.strip()


def gone(sandbox):
    try:
        return daytona.get(sandbox.id).state == "destroyed"
    except DaytonaNotFoundError:
        return True


NAME = "conformance python"
sandboxes = []
try:
    refused(DaytonaNotFoundError, lambda: daytona.volume.get(NAME))
    volume = daytona.volume.get(NAME, create=True)
    assert volume.name == NAME and volume.error_reason is None, volume
    # What documentation shows: made, and mounted at once.
    sandbox = new((volume.id, "/home/daytona/volume", None))
    sandboxes.append(sandbox)
    assert daytona.volume.get(NAME, create=True).id == volume.id
    assert daytona.volume.get(NAME).state == "ready"
    assert volume.id in [found.id for found in daytona.volume.list()]
    assert "already exists" in refused(DaytonaError, lambda: daytona.volume.create(NAME))

    # Its user may write, and so may root; owners and modes are kept.
    run(sandbox, "cd ~/volume && echo kept > file && mkdir -p deep/er && sudo sh -c 'echo r > root-file; chown 33:33 root-file; chmod 640 root-file'")
    assert run(sandbox, "stat -c '%u:%g %a' ~/volume/root-file") == "33:33 640"
    assert run(sandbox, "stat -c %U ~/volume/file") == "daytona"
    sandbox.fs.upload_file(b"by the toolbox", "/home/daytona/volume/uploaded")
    options = run(sandbox, "grep ' /home/daytona/volume ' /proc/mounts | cut -d' ' -f4").split(",")
    assert "nosuid" in options and "nodev" in options and "rw" in options, options

    # The same files, at once, from another sandbox, by name; and only a part of them, made where it was not.
    other = new((NAME, "/data", None), (NAME, "/mine", "users/alice"), (NAME, "/data/nested", "deep"))
    sandboxes.append(other)
    shown = [(mount.volume_id, mount.mount_path, mount.subpath) for mount in other.volumes]
    assert shown == [
        (volume.id, "/data", None),
        (volume.id, "/mine", "users/alice"),
        (volume.id, "/data/nested", "deep"),
    ], shown
    assert run(other, "cat /data/file /data/uploaded; ls /data/nested") == "kept\nby the toolboxer"
    run(other, "echo hello > /mine/from-other; echo more >> /data/file; ls -A /mine")
    assert run(sandbox, "cat ~/volume/users/alice/from-other ~/volume/file") == "hello\nkept\nmore"
    run(other, "test ! -e /mine/file")

    # A stop and a start mount it again; a fork mounts it too, and copies nothing of it.
    run(sandbox, "echo own > ~/own")
    sandbox.stop()
    sandbox.start()
    assert run(sandbox, "cat ~/volume/file ~/own") == "kept\nmore\nown"
    child = sandbox._experimental_fork() if not hasattr(sandbox, "fork") else sandbox.fork()
    sandboxes.append(child)
    assert [mount.volume_id for mount in daytona.get(child.id).volumes] == [volume.id]
    run(child, "echo from child > ~/volume/child; echo childs > ~/own")
    assert run(sandbox, "cat ~/volume/child ~/own") == "from child\nown"
    # An archive does not hold it, and what was written meanwhile is there when it comes back.
    child.stop()
    child.archive()
    wait_until(lambda: daytona.get(child.id).state == "archived")
    run(sandbox, "echo changed > ~/volume/child")
    child.start()
    assert run(child, "cat ~/volume/child ~/own") == "changed\nchilds"

    # Nothing is deleted that is in use; and what no sandbox mounts any more is.
    message = refused(DaytonaConflictError, lambda: daytona.volume.delete(volume))
    assert "in use" in message, message
    used = daytona.volume.get(NAME).last_used_at
    assert used is not None
    child.delete()
    wait_until(lambda: gone(child))
    for left in (sandbox, other):
        left.delete()
    sandboxes.clear()

    # It outlives all of them.
    wait_until(lambda: gone(sandbox) and gone(other))
    later = new((volume.id, "/data", None))
    sandboxes.append(later)
    assert run(later, "cat /data/file") == "kept\nmore"
    later.delete()
    sandboxes.clear()
    daytona.volume.delete(volume)
    refused(DaytonaNotFoundError, lambda: daytona.volume.get(NAME))
    fresh = daytona.volume.get(NAME, create=True)
    assert fresh.id != volume.id
    wait_until(lambda: daytona.volume.get(NAME).state == "ready")
    wait_until(lambda: volume.id not in [found.id for found in daytona.volume.list()])
    again = new((fresh.id, "/data", None), ephemeral=True)
    sandboxes.append(again)
    assert run(again, "ls -A /data") == ""
    again.delete()
    sandboxes.clear()
    daytona.volume.delete(fresh)

    # What makes no sense is refused with a word about it.
    for path in ("data", "/", "/a/../b", "/etc/x", "/proc", "/a//b"):
        message = refused(DaytonaError, lambda: new((NAME, path, None)))
        assert "mountPath" in message, message
    refused(DaytonaNotFoundError, lambda: new(("no such volume", "/data", None)))
finally:
    for sandbox in sandboxes:
        sandbox.delete()


async def asynchronously():
    async with AsyncDaytona() as client:
        volume = await client.volume.get("conformance python async", create=True)
        sandbox = None
        try:
            mount = VolumeMount(volume_id=volume.id, mount_path="/data")
            sandbox = await client.create(CreateSandboxFromSnapshotParams(volumes=[mount]))
            done = await sandbox.process.exec("echo async > /data/file && cat /data/file")
            assert done.result == "async\n", done
            assert volume.name in [found.name for found in await client.volume.list()]
        finally:
            if sandbox:
                await sandbox.delete()
            await client.volume.delete(volume)


asyncio.run(asynchronously())
