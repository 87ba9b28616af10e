"""Linked sandboxes, as the newest SDK makes them."""

import time

from daytona import CreateSandboxFromSnapshotParams, Daytona, DaytonaError
from daytona.common.errors import DaytonaNotFoundError

daytona = Daytona()


def new(**parameters):
    return daytona.create(CreateSandboxFromSnapshotParams(**parameters))


def refused(call):
    try:
        call()
    except DaytonaError as error:
        return str(error)
    raise AssertionError("this should have been refused")


def is_gone(sandbox):
    try:
        return daytona.get(sandbox.id).state == "destroyed"
    except DaytonaNotFoundError:
        return True


app = new(name="linked-app", labels={"suite": "linked"})
try:
    assert "ephemeral" in refused(lambda: new(linked_sandbox=app.id))
    refused(lambda: new(linked_sandbox="nobody-of-this-name", ephemeral=True))
    db = new(name="linked-db", linked_sandbox="linked-app", ephemeral=True)
    assert db.state == "started" and daytona.get(db.id).linked_sandbox_id == app.id
    assert "chained" in refused(lambda: new(linked_sandbox=db.id, ephemeral=True))

    # A service of one, used by the other, by name and by id.
    db.process.exec("mkdir -p /tmp/site && echo from the database > /tmp/site/index.html")
    db.process.exec("nohup python3 -m http.server 5432 --directory /tmp/site >/dev/null 2>&1 &")
    get = "curl -s --retry 20 --retry-delay 1 --retry-connrefused http://{}:5432/"
    for host in ("linked-db", db.id):
        assert app.process.exec(get.format(host)).result == "from the database\n", host
    # And the other way round.
    app.process.exec("nohup python3 -m http.server 8080 --directory /tmp >/dev/null 2>&1 &")
    there = db.process.exec("curl -s -o /dev/null -w '%{http_code}' --retry 20 --retry-delay 1 --retry-connrefused http://linked-app:8080/")
    assert there.result == "200", there.result

    # They end together.
    app.delete()
    deadline = time.monotonic() + 30
    while not (is_gone(app) and is_gone(db)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
finally:
    try:
        app.delete()
    except DaytonaError:
        pass
