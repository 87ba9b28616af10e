"""What goes wrong arrives as the SDK's own typed errors, with words that frameworks look for."""

import uuid

from daytona import (
    CreateSandboxFromSnapshotParams,
    Daytona,
    DaytonaConfig,
    DaytonaError,
    DaytonaNotFoundError,
)
from daytona.common.errors import DaytonaAuthenticationError, DaytonaConflictError, DaytonaTimeoutError, DaytonaValidationError


def raises(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


daytona = Daytona()
raises(DaytonaNotFoundError, lambda: daytona.get(str(uuid.uuid4())))
raises(DaytonaNotFoundError, lambda: daytona.get("no-such-name"))
raises(DaytonaError, lambda: daytona.create(CreateSandboxFromSnapshotParams(snapshot="no-such-snapshot")))
stranger = Daytona(DaytonaConfig(api_key="dtn_" + "0" * 64))
raises(DaytonaAuthenticationError, lambda: stranger.create())

sandbox = daytona.create(CreateSandboxFromSnapshotParams(name="errors-one"))
try:
    raises(DaytonaConflictError, lambda: daytona.create(CreateSandboxFromSnapshotParams(name="errors-one")))
    message = raises(DaytonaNotFoundError, lambda: sandbox.fs.get_file_info("/no/such"))
    assert "not found" in message.lower(), message
    raises(DaytonaNotFoundError, lambda: sandbox.fs.download_file("/no/such"))
    message = raises(DaytonaError, lambda: sandbox.fs.list_files("/root"))
    assert "permission denied" in message.lower(), message
    message = raises(DaytonaTimeoutError, lambda: sandbox.process.exec("sleep 600", timeout=1))
    assert "timeout" in message.lower(), message
    sandbox.stop()
    raises(DaytonaError, lambda: sandbox.process.exec("true"))
    raises(DaytonaValidationError, lambda: sandbox.stop())
finally:
    sandbox.delete()
