"""Sandboxes and snapshots from images and builds, as the newest SDK makes them."""

import tempfile

from daytona import (
    CreateSandboxFromImageParams,
    CreateSandboxFromSnapshotParams,
    CreateSnapshotParams,
    Daytona,
    DaytonaError,
    Image,
    Resources,
)
from daytona.common.errors import DaytonaNotFoundError

daytona = Daytona()
made = []


def new(image, **parameters):
    sandbox = daytona.create(CreateSandboxFromImageParams(image=image, **parameters), timeout=400)
    made.append(sandbox)
    return sandbox


def said(sandbox, command):
    answer = sandbox.process.exec(command)
    assert answer.exit_code == 0, (command, answer.result)
    return answer.result.strip()


def from_text(text):
    with tempfile.NamedTemporaryFile("w", suffix="Dockerfile") as file:
        file.write(text)
        file.flush()
        return Image.from_dockerfile(file.name)


try:
    # An image by name, with its log told.
    log = []
    plain = daytona.create(
        CreateSandboxFromImageParams(image="debian:12-slim", resources=Resources(cpu=2, memory=2, disk=4)),
        timeout=120,
        on_snapshot_create_logs=log.append,
    )
    made.append(plain)
    assert "FROM debian:12-slim" in "\n".join(log), log
    assert said(plain, "id -un") == "root"
    assert "Debian" in said(plain, "cat /etc/os-release")
    shown = daytona.get(plain.id)
    assert (shown.cpu, shown.memory, shown.disk) == (2, 2, 4), shown
    assert shown.build_info.dockerfile_content == "FROM debian:12-slim\n"

    # Stages, arguments, here-documents, owners, users, mounts.
    staged = from_text("""\
# syntax=docker/dockerfile:1
ARG BASE=debian:12-slim
FROM ${BASE} AS build
ARG GREETING=hello
ENV NAME="wide world" UNUSED=x
WORKDIR /src
COPY <<EOF main.sh
#!/bin/sh
echo $GREETING "$NAME"
EOF
RUN chmod +x main.sh && ./main.sh > out.txt
RUN <<EOF
set -e
mkdir -p /opt/tool/bin
printf '#!/bin/sh\\necho tool\\n' > /opt/tool/bin/tool
chmod 755 /opt/tool/bin/tool
EOF
RUN python3 <<EOF
open('/src/by-python', 'w').write('python')
EOF
FROM debian:12-slim AS unused
RUN false
FROM debian:12-slim
RUN useradd --create-home app && mkdir /emptied && touch /emptied/gone /gone
COPY --from=build --chown=app:app --chmod=640 /src/out.txt /src/by-* /home/app/
COPY --from=0 /opt/tool /opt/tool
RUN rm -r /emptied /gone /etc/motd
ENV PATH=/opt/tool/bin:$PATH A=1
RUN --mount=type=cache,target=/var/cache/mine echo kept >> /var/cache/mine/x
RUN --mount=type=cache,target=/var/cache/mine --mount=type=tmpfs,target=/scratch \\
    --mount=type=bind,from=build,source=/src,target=/other \\
    cat /var/cache/mine/x /other/out.txt > /scratch/y && cp /scratch/y /mounted
USER app
WORKDIR /home/app/work
ENTRYPOINT ["tool"]
CMD ["x"]
""")
    sandbox = new(staged)
    # What it runs as is known when the image is: the SDK's own copy is from before.
    assert daytona.get(sandbox.id).user == "app"
    assert said(sandbox, "id -un; pwd; echo $A; tool") == "app\n/home/app/work\n1\ntool"
    assert said(sandbox, "cat ~/out.txt ~/by-python") == "hello wide world\npython"
    assert said(sandbox, "stat -c '%U:%G %a' ~/out.txt") == "app:app 640"
    assert said(sandbox, "cat /mounted") == "kept\nhello wide world"
    assert said(sandbox, "ls -d /emptied /gone /etc/motd /src /scratch/y 2>&1 | grep -c 'No such file'") == "5"
    assert said(sandbox, "env | grep -c -E '^(NAME|GREETING)=' || true") == "0", "what a stage had stays there"

    # The same again costs no step; another line costs its own.
    log = []
    again = daytona.create(CreateSandboxFromImageParams(image=staged), timeout=60, on_snapshot_create_logs=log.append)
    made.append(again)
    assert said(again, "tool") == "tool"
    steps = [line for line in "\n".join(log).splitlines() if line.startswith(("Step", "(as before)"))]
    makes_files = [line for line in steps if any(f" : {word} " in line for word in ("RUN", "COPY"))]
    assert len(makes_files) == steps.count("(as before)") - 1, steps

    # What fails says what, and where.
    for text, words in [
        ("FROM debian:12-slim\nRUN echo before; exit 7\n", "non-zero code: 7"),
        ("FROM debian:12-slim\nNONSENSE x\n", "line 2: unknown instruction"),
        ("FROM debian:12-slim\nRUN /no/such/program\n", "non-zero code: 127"),
        ("FROM debian:no-such-tag\n", "not found"),
        ("FROM debian:12-slim\nCOPY --from=0 /nothing /x\n", "not found"),
        ("FROM debian:12-slim\nUSER nobody-here\nRUN true\n", "nobody-here"),
    ]:
        log = []
        try:
            daytona.create(
                CreateSandboxFromImageParams(image=from_text(text)), timeout=120, on_snapshot_create_logs=log.append
            )
        except DaytonaError as error:
            assert words in str(error), (text, error)
        else:
            raise AssertionError(text)
        assert "ERROR" in "\n".join(log), log
    for failed in [sandbox for sandbox in daytona.list() if sandbox.state == "build_failed"]:
        failed.delete()

    # Snapshots: of a build, of an image; what is made of them; lists; the way off the host and back is in another test.
    log = []
    snapshot = daytona.snapshot.create(
        CreateSnapshotParams(
            name="images-built",
            image=Image.base("debian:12-slim").run_commands("echo built > /built").env({"B": "2"}).workdir("/w"),
            resources=Resources(cpu=1, memory=1, disk=5),
        ),
        on_logs=log.append,
        timeout=120,
    )
    assert snapshot.state == "active", snapshot
    assert any("echo built" in line for line in log), log
    assert (snapshot.disk, snapshot.mem) == (5, 1)
    assert snapshot.size > 0
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(snapshot="images-built"))
    made.append(sandbox)
    assert said(sandbox, "cat /built; pwd; echo $B") == "built\n/w\n2"
    assert "images-built" in [one.name for one in daytona.snapshot.list().items]

    # An image without glibc and without bash.
    daytona.snapshot.create(CreateSnapshotParams(name="images-busybox", image="busybox:1.36"), timeout=120)
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(snapshot="images-busybox"))
    made.append(sandbox)
    assert said(sandbox, "test ! -e /bin/bash && echo bare") == "bare"
    sandbox.fs.upload_file(b"there", "/tmp/file")
    assert said(sandbox, "cat /tmp/file") == "there"

    # One without a shell: files work, and a command says what is missing.
    daytona.snapshot.create(CreateSnapshotParams(name="images-bare", image="paddock/echo:1"), timeout=120)
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(snapshot="images-bare"))
    made.append(sandbox)
    sandbox.fs.upload_file(b"bare", "/file")
    assert sandbox.fs.download_file("/file") == b"bare"
    assert sandbox.process.exec("true").exit_code != 0

    # Many layers.
    sandbox = new("paddock/layers:50")
    assert sandbox.fs.list_files("/")

    # A second sandbox of an image costs what any costs; a fork, a stop, an archive keep what the image says.
    sandbox.stop()
    sandbox.start()
    for name in ["images-built", "images-busybox", "images-bare"]:
        daytona.snapshot.delete(daytona.snapshot.get(name))
        try:
            daytona.snapshot.get(name)
        except DaytonaNotFoundError:
            pass
        else:
            raise AssertionError(name)
    # Those that were made of it live on.
    assert daytona.create(CreateSandboxFromImageParams(image="debian:12-slim"), timeout=60).delete() is None
finally:
    for sandbox in made:
        sandbox.delete()
