"""Warm pools, as the newest SDK keeps them; and creates that are given their members."""

import concurrent.futures
import os
import time

from daytona import CreateSandboxFromSnapshotParams, Daytona
from daytona.common.errors import DaytonaNotFoundError
from daytona_api_client import ApiClient, Configuration, SandboxApi
from daytona_api_client.exceptions import ConflictException, NotFoundException

daytona = Daytona()
# The SDK's own list never asks for members.
sandboxes = SandboxApi(
    ApiClient(Configuration(host=os.environ["DAYTONA_API_URL"], access_token=os.environ["DAYTONA_API_KEY"]))
)
# One that no other script uses, whose creates would be given these members.
SNAPSHOT = "paddock-large"


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shown(pool):
    return next((found for found in daytona.warm_pool.list() if found.id == pool.id), None)


def members():
    listed = sandboxes.list_sandboxes(include_warm=True, snapshots=[SNAPSHOT], limit=200).items
    return {found.id: found for found in listed if found.warm_pool_id}


pool = daytona.warm_pool.create(SNAPSHOT, pool=2)
made = []
try:
    assert (pool.snapshot, pool.pool, pool.target) == (SNAPSHOT, 2, "local"), pool
    assert (pool.cpu, pool.mem, pool.disk, pool.os_user, pool.env) == (4, 8, 10, "daytona", {}), pool
    try:
        daytona.warm_pool.create(SNAPSHOT, pool=1)
        raise AssertionError("there is one already")
    except ConflictException:
        pass
    wait_until(lambda: shown(pool).current_size == 2)

    # Who waits is there for nobody.
    waiting = set(members())
    assert len(waiting) == 2, waiting
    assert not waiting & {found.id for found in daytona.list()}
    for member in waiting:
        try:
            daytona.get(member)
            raise AssertionError("a member of a pool was shown")
        except DaytonaNotFoundError:
            pass

    # A create of the plain snapshot is given one, at once and whole.
    sandbox = daytona.create(
        CreateSandboxFromSnapshotParams(snapshot=SNAPSHOT, name="warm-one", labels={"suite": "warm"}, auto_stop_interval=7)
    )
    made.append(sandbox)
    assert sandbox.id in waiting and sandbox.state == "started"
    assert (sandbox.name, sandbox.auto_stop_interval, sandbox.warm_pool_id) == ("warm-one", 7, None)
    assert sandbox.labels["suite"] == "warm"
    answer = sandbox.process.exec("whoami; echo $DAYTONA_SANDBOX_ID; nproc; ls -A /home/daytona | wc -l")
    lines = answer.result.split()
    assert lines[:2] == ["daytona", sandbox.id], lines
    fresh = daytona.create(CreateSandboxFromSnapshotParams(snapshot=SNAPSHOT, env_vars={"A": "b"}))
    made.append(fresh)
    assert fresh.id not in waiting, "this one was made for the occasion"
    assert fresh.process.exec("ls -A /home/daytona | wc -l").result.split() == lines[3:], "nobody was there before"

    # It is a sandbox like any other.
    sandbox.stop()
    sandbox.start()
    assert sandbox.process.exec("echo again").result == "again\n"

    # The place was filled; more who ask at once than wait are all served, and nobody shares.
    wait_until(lambda: shown(pool).current_size == 2)
    with concurrent.futures.ThreadPoolExecutor(4) as many:
        create = lambda _: daytona.create(CreateSandboxFromSnapshotParams(snapshot=SNAPSHOT))
        four = list(many.map(create, range(4)))
    made += four
    assert len({found.id for found in four}) == 4
    assert all(found.process.exec("echo hi").result == "hi\n" for found in four)
    assert len(members()) <= 2

    # Drained, and gone.
    wait_until(lambda: shown(pool).current_size == 2)
    assert daytona.warm_pool.update(pool.id, pool=0).pool == 0
    wait_until(lambda: not members() and shown(pool).current_size == 0)
    assert sandbox.process.exec("echo still").result == "still\n"
    assert shown(pool).error_reason is None, shown(pool)
finally:
    daytona.warm_pool.delete(pool.id)
    for own in made:
        own.delete()
assert shown(pool) is None
try:
    daytona.warm_pool.delete(pool.id)
    raise AssertionError("it was there")
except NotFoundException:
    pass
