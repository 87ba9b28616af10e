"""Pausing, resizing, forking, timers and recovery, as the newest SDK does them."""

import concurrent.futures
import time

from daytona import CreateSandboxFromSnapshotParams, Daytona, DaytonaError, Resources
from daytona.common.errors import DaytonaNotFoundError

daytona = Daytona()


def refused(call):
    try:
        call()
    except DaytonaError as error:
        return str(error)
    raise AssertionError("this should have been refused")


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def new(**parameters):
    return daytona.create(CreateSandboxFromSnapshotParams(**parameters))


def shown(sandbox):
    """As the server has it now: the SDK's own copy may for a moment be behind, by an event that is still on its way."""
    return daytona.get(sandbox.id)


def sum_of(sandbox, path):
    return sandbox.process.exec(f"sha256sum < {path}").result


sandbox = new(labels={"suite": "lifecycle"}, auto_stop_interval=0)
children = []
try:
    # A pause keeps memory: the same process goes on counting where it was.
    sandbox.process.exec("nohup sh -c 'while :; do echo >> /tmp/beats; sleep 0.05; done' >/dev/null 2>&1 & echo $! > /tmp/pid")
    token = sandbox.get_preview_link(3000).token
    sandbox.pause()
    assert sandbox.state == "paused", sandbox.state
    refused(lambda: sandbox.process.exec("true"))
    sandbox.start()
    assert sandbox.state == "started", sandbox.state
    assert sandbox.process.exec("kill -0 $(cat /tmp/pid)").exit_code == 0
    assert sandbox.get_preview_link(3000).token == token
    before = int(sandbox.process.exec("wc -l < /tmp/beats").result)
    after = int(sandbox.process.exec("sleep 0.3; wc -l < /tmp/beats").result)
    assert after > before, (before, after)

    # More cores and memory while it runs; the kernel inside sees the new limits at once.
    sandbox.resize(Resources(cpu=2, memory=2))
    now = shown(sandbox)
    assert (now.state, now.cpu, now.memory) == ("started", 2, 2), now
    assert sandbox.process.exec("kill -0 $(cat /tmp/pid)").exit_code == 0
    big = "python3 -c 'b = bytearray(1400 << 20); print(len(b) >> 20)'"
    assert sandbox.process.exec(big).result == "1400\n"
    refused(lambda: sandbox.resize(Resources(cpu=1)))
    refused(lambda: sandbox.resize(Resources(disk=5)))
    refused(lambda: sandbox.resize(Resources(memory=9)))

    # A fork has the files, and from then on its own.
    sandbox.process.exec("head -c 50000000 /dev/urandom > /home/daytona/big; echo parent > /home/daytona/who")
    sandbox.process.exec("sudo rm /etc/motd; sudo sh -c 'echo changed > /etc/issue'")
    child = sandbox.fork(name="lifecycle-fork")
    children.append(child)
    assert child.state == "started" and child.id != sandbox.id
    assert sum_of(child, "/home/daytona/big") == sum_of(sandbox, "/home/daytona/big")
    assert child.process.exec("cat /etc/issue; test -e /etc/motd").result == "changed\n"
    child.process.exec("echo child > /home/daytona/who")
    assert shown(sandbox).state == "started"
    assert sandbox.process.exec("cat /home/daytona/who").result == "parent\n"
    assert sandbox.process.exec("kill -0 $(cat /tmp/pid)").exit_code == 0, "its parent was only held"
    assert "forks" in refused(sandbox.delete)

    # Of a stopped one too, and of a fork.
    child.stop()
    grandchild = child.fork()
    children.append(grandchild)
    assert grandchild.process.exec("cat /home/daytona/who").result == "child\n"
    assert shown(child).state == "stopped"

    # A stopped one takes any size; its disk grows.
    child.resize(Resources(cpu=1, memory=1, disk=4))
    now = shown(child)
    assert (now.state, now.cpu, now.disk) == ("stopped", 1, 4), now
    child.start()
    assert child.process.exec("head -c 3300000000 /dev/zero > /home/daytona/fits && echo yes").result.endswith("yes\n")

    # A snapshot of what it has become makes others, while it runs on. It outlives its source, and they outlive it.
    child.process.exec("rm /home/daytona/fits; sudo rm -rf /etc/skel; sudo mkdir /etc/skel; sudo ln /etc/issue /etc/linked")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        taking = pool.submit(child.create_snapshot, "lifecycle-base")
        while not taking.done():
            assert child.process.exec("echo here").result == "here\n"
        taking.result()
    assert shown(child).state == "started"
    snapshot = daytona.snapshot.get("lifecycle-base")
    assert (snapshot.state, snapshot.source_sandbox_id, snapshot.disk) == ("active", child.id, 4), snapshot
    assert "exists" in refused(lambda: child.create_snapshot("lifecycle-base"))
    made = [new(snapshot="lifecycle-base") for _ in range(2)]
    children.extend(made)
    for one in made:
        assert (one.snapshot, one.disk, one.cpu) == ("lifecycle-base", 4, 1), one
        assert one.process.exec("cat /home/daytona/who /etc/linked; test -e /etc/motd; ls -A /etc/skel; hostname").result == f"child\nchanged\n{one.id}\n"
        assert sum_of(one, "/home/daytona/big") == sum_of(sandbox, "/home/daytona/big")
        one.process.exec("echo made > /home/daytona/who")
    made[0].create_snapshot("lifecycle-second")
    daytona.snapshot.delete(snapshot)
    refused(lambda: new(snapshot="lifecycle-base"))
    children.append(new(snapshot="lifecycle-second"))
    assert children[-1].process.exec("cat /home/daytona/who /etc/issue; ls -A /etc/skel").result == "made\nchanged\n"
    daytona.snapshot.delete(daytona.snapshot.get("lifecycle-second"))
    made[1].stop()
    made[1].start()
    assert made[1].process.exec("cat /home/daytona/who").result == "made\n"

    # Timers of a live sandbox.
    sandbox.set_autostop_interval(30)
    sandbox.set_auto_archive_interval(60)
    sandbox.set_auto_delete_interval(120)
    now = shown(sandbox)
    assert (now.auto_stop_interval, now.auto_archive_interval, now.auto_delete_interval) == (30, 60, 120), now
    refused(lambda: sandbox.set_autostop_interval(-1))

    # Into the object store and back: content, owners, modes, links and what was removed. Nothing is kept on the host.
    prove = "cd / && sudo find home etc/issue -exec stat -c '%n %A %U %s' {} + | sort | sha256sum; sudo sha256sum /home/daytona/* | sha256sum; test -e /etc/motd; echo $?; readlink /home/daytona/link"
    sandbox.process.exec("ln -s big /home/daytona/link; sudo chown root /home/daytona/who; chmod 4751 /home/daytona/big; sudo rm /etc/host.conf")
    before = sandbox.process.exec(prove).result
    refused(sandbox.archive)
    sandbox.stop()
    sandbox.archive()
    wait_until(lambda: shown(sandbox).state == "archived")
    assert shown(sandbox).backup_state == "Completed"
    refused(lambda: sandbox.process.exec("true"))
    sandbox.start()
    assert sandbox.state == "started", sandbox.state
    assert sandbox.process.exec(prove).result == before, (before, sandbox.process.exec(prove).result)
    assert sandbox.process.exec("test -e /etc/host.conf").exit_code == 1

    # Two who want opposite things at once: one wins, the other is told, and nothing is stuck.
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        orders = [pool.submit(order) for order in (child.stop, child.pause, child.stop, child.pause)]
    done = [order for order in orders if order.exception() is None]
    assert done, [order.exception() for order in orders]
    wait_until(lambda: shown(child).state in ("stopped", "paused"))
finally:
    for one in reversed(children):
        one.delete(wait=True)
    sandbox.delete()

gone = new(ephemeral=True)
gone.stop()
try:
    assert daytona.get(gone.id).state in ("destroyed", "destroying")
except DaytonaNotFoundError:
    pass
