"""Timers of a minute, as they really fire: what counts as use, and what does not."""

import time

from daytona import CreateSandboxFromSnapshotParams, Daytona, DaytonaError
from daytona.common.errors import DaytonaNotFoundError

daytona = Daytona()


def new(**parameters):
    return daytona.create(CreateSandboxFromSnapshotParams(**parameters))


def state(sandbox):
    """Asking is no use of a sandbox."""
    try:
        return str(daytona.get(sandbox.id).state.value)
    except DaytonaNotFoundError:
        return "gone"


idle = new(auto_stop_interval=1)
idle.process.exec("nohup sh -c 'while :; do date; sleep 1; done' > /tmp/work 2>&1 &")
used = new(auto_stop_interval=1)
noted = new(auto_stop_interval=1)
paused = new(auto_pause_interval=1)
ephemeral = new(ephemeral=True, auto_stop_interval=1)
brief = new(auto_stop_interval=0, ttl_minutes=1)
archived = new(auto_archive_interval=1)
deleted = new(auto_delete_interval=1)
paused.process.exec("echo kept > /dev/shm/word; echo $$ > /tmp/pid")
archived.process.exec("echo kept > ~/word")
archived.stop()
deleted.stop()

expected = [
    (idle, "stopped"),  # work inside is no use
    (paused, "paused"),
    (ephemeral, "gone"),
    (brief, "gone"),
    (archived, "archived"),
    (deleted, "gone"),
]
try:
    begin = time.monotonic()
    left = list(expected)
    while left:
        assert time.monotonic() < begin + 150, [(state(sandbox), wanted) for sandbox, wanted in left]
        assert used.process.exec("echo here").result == "here\n"
        noted.refresh_activity()
        for sandbox, wanted in list(left):
            seen = state(sandbox)
            if seen == wanted or (wanted == "gone" and seen in ("destroying", "destroyed")):
                # A minute is a minute, but for the seconds that creating took.
                assert time.monotonic() > begin + 45, (wanted, time.monotonic() - begin)
                left = [one for one in left if one[0] is not sandbox]
        time.sleep(1)
    assert (state(used), state(noted)) == ("started", "started")
    idle.start()
    assert int(idle.process.exec("wc -l < /tmp/work").result) > 20
    paused.start()
    assert paused.process.exec("cat /dev/shm/word").result == "kept\n"
    archived.start()
    assert archived.process.exec("cat ~/word").result == "kept\n"
finally:
    for sandbox in (idle, used, noted, paused, archived):
        try:
            sandbox.delete()
        except DaytonaError:
            pass
