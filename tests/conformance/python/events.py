"""Waits end by events alone while polling is blind, and by polling alone when the stream breaks in the middle."""

import time

from daytona import Daytona, DaytonaNotFoundError
from passage import deadline, is_listening, steer


def until_listening():
    end = deadline()
    while not is_listening():
        assert time.monotonic() < end, "the SDK has no event stream"
        time.sleep(0.02)


daytona = Daytona()
sandbox = daytona.create()
try:
    until_listening()

    # Two answers before the events pass: one of the call, one of the wait. Both say `started`, as all later ones.
    sandbox.refresh_data()
    steer("blind/2")
    sandbox.stop(timeout=30)
    assert steer("open")["gets"] >= 2, "polling was asked, and was blind"
    assert daytona.get(sandbox.id).state == "stopped"

    sandbox.start()
    assert sandbox.state == "started", sandbox.state

    # The stream breaks while the wait is under way: three times polling still sees the old state, then the new one.
    sandbox.refresh_data()
    steer("cut/3")
    sandbox.stop(timeout=30)
    report = steer("report")
    assert sandbox.state == "stopped", sandbox.state
    assert report["sockets"] == 0 and report["gets"] >= 4, report

    # Once it may, the SDK listens again by itself.
    steer("open")
    sandbox.start()
    until_listening()
    sandbox.refresh_data()
    steer("blind/2")
    sandbox.stop(timeout=30)
    steer("open")

    # A deletion is waited for in the same way.
    sandbox.refresh_data()
    assert sandbox.state == "stopped", sandbox.state
    steer("blind/1")
    sandbox.delete(timeout=30, wait=True)
    assert steer("open")["gets"] >= 1
    try:
        daytona.get(sandbox.id)
        raise AssertionError("it is still there")
    except DaytonaNotFoundError:
        pass
finally:
    steer("open")
    try:
        sandbox.delete()
    except DaytonaNotFoundError:
        pass
