"""From nothing to a running sandbox and back, as a user's first program would."""

from daytona import CreateSandboxFromSnapshotParams, Daytona, DaytonaNotFoundError

daytona = Daytona()

sandbox = daytona.create()
try:
    assert sandbox.state == "started", sandbox.state
    assert sandbox.name == sandbox.id
    assert sandbox.snapshot == "paddock-small"
    assert (sandbox.cpu, sandbox.memory, sandbox.disk) == (1, 1, 3)

    answer = sandbox.process.exec("echo hello; echo problem >&2; exit 3")
    assert answer.exit_code == 3, answer
    assert answer.result == "hello\nproblem\n", answer
    answer = sandbox.process.exec("pwd; echo $GREETING", cwd="/tmp", env={"GREETING": "good day"})
    assert answer.result == "/tmp\ngood day\n", answer
    assert sandbox.get_work_dir() == "/home/daytona"
    assert sandbox.get_user_home_dir() == "/home/daytona"

    sandbox.fs.upload_file(b"kept over a stop", "kept.txt")
    sandbox.process.exec("sudo sh -c 'echo of root > /etc/kept-too'")
    sandbox.stop()
    assert sandbox.state == "stopped", sandbox.state
    sandbox.start()
    assert sandbox.state == "started", sandbox.state
    assert sandbox.fs.download_file("kept.txt") == b"kept over a stop"
    assert sandbox.process.exec("cat /etc/kept-too").result == "of root\n"

    sandbox.stop(force=True)
    assert daytona.get(sandbox.id).state == "stopped"
    daytona.start(sandbox)

    labels = sandbox.set_labels({"purpose": "life", "code-toolbox-language": "python"})
    assert labels["purpose"] == "life", labels
    found = [one.id for one in daytona.list()]
    assert sandbox.id in found, found
finally:
    sandbox.delete()

try:
    daytona.get(sandbox.id)
    gone = daytona.get(sandbox.id).state == "destroying"
except DaytonaNotFoundError:
    gone = True
assert gone

named = daytona.create(
    CreateSandboxFromSnapshotParams(
        name="life-by-name",
        snapshot="paddock-medium",
        env_vars={"FROM_CREATE": "yes"},
        labels={"suite": "life"},
        auto_stop_interval=30,
    )
)
try:
    assert daytona.get("life-by-name").id == named.id
    assert (named.cpu, named.memory, named.disk) == (2, 4, 8)
    assert named.process.exec("echo $FROM_CREATE").result == "yes\n"
    assert named.auto_stop_interval == 30
finally:
    daytona.delete(named)

again = daytona.create(CreateSandboxFromSnapshotParams(name="life-by-name"))
again.delete()
assert daytona.snapshot.get("paddock-small").state == "active"
assert any(one.name == "paddock-small" for one in daytona.snapshot.list().items)
