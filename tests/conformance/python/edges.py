"""The edges of a sandbox: signed addresses, ports, the web terminal, what it uses, finding and replacing."""

import time
import urllib.error
import urllib.request

from daytona import Daytona

sandbox = Daytona().create()


def ask(url, method="GET", data=None, **headers):
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


try:
    # --- signed addresses
    content = bytes(range(256)) * 10
    sandbox.fs.upload_file(content, "a report (ü).bin")
    url = sandbox.download_url("a report (ü).bin")
    status, body, headers = ask(url)
    assert (status, body) == (200, content), status
    status, body, headers = ask(url, "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(content))), headers
    status, body, _ = ask(url, Range="bytes=1-3")
    assert (status, body) == (206, b"\x01\x02\x03")
    assert ask(url, "POST", b"x")[0] == 401
    assert ask(url.replace("signature=v1_", "signature=v1_x"))[0] == 401
    assert ask(url.replace("download?", "info?"))[0] == 401
    up = sandbox.upload_url("folder/put.txt", 60)
    assert ask(up, "POST", b"through a signed address")[0] == 200
    assert sandbox.fs.download_file("folder/put.txt") == b"through a signed address"
    assert ask(up)[0] == 401
    assert ask(sandbox.download_url("a report (ü).bin", 0))[0] == 200, "one that never expires"

    # --- ports, also of servers that listen on the loopback address alone
    server = "cd /tmp && echo served > index.html && (python3 -m http.server 3333 --bind 127.0.0.1 > /dev/null 2>&1 &)"
    assert sandbox.process.exec(server).exit_code == 0
    assert sandbox.process.exec("for i in $(seq 100); do nc -z 127.0.0.1 3333 && break; sleep 0.1; done; nc -z 127.0.0.1 3333").exit_code == 0
    preview = sandbox.get_preview_link(3333)
    token = {"X-Daytona-Preview-Token": preview.token}
    status, body, _ = ask(f"{preview.url}/", **token)
    assert (status, body) == (200, b"served\n"), (preview, status, body)
    assert ask(f"{preview.url}/")[0] == 401
    closed = sandbox.get_preview_link(3334)
    assert ask(f"{closed.url}/", **token)[0] == 502

    # --- what it uses
    metrics = sandbox.get_metrics_latest()
    assert (metrics.cpu_count, metrics.mem_total, metrics.disk_total) == (1, 1 << 30, 3 << 30), metrics
    assert 0 < metrics.mem_used < metrics.mem_total and metrics.timestamp is not None, metrics
    sandbox.process.exec("(timeout 120 sh -c 'while :; do :; done' > /dev/null 2>&1 &)")
    deadline = time.monotonic() + 60
    while sandbox.get_metrics_latest().cpu_used_pct < 10:
        assert time.monotonic() < deadline, sandbox.get_metrics_latest()
    sandbox.process.exec("pkill timeout")

    # --- finding
    sandbox.fs.upload_file("eins\nzwei TODO\ndrei".encode(), "source/日本/a b.txt")
    sandbox.fs.upload_file(b"TODO\0binary", "source/binary")
    found = sandbox.fs.find_files("source", "TODO")
    assert [(one.file, one.line, one.content) for one in found] == [("source/日本/a b.txt", 2, "zwei TODO")], found
    assert sandbox.fs.search_files("source", "*.txt").files == ["source/日本/a b.txt"]
    assert sandbox.fs.search_files("nowhere", "*").files == []
    results = sandbox.fs.replace_in_files(["source/日本/a b.txt", "source/missing"], "TODO", "done")
    assert [one.success for one in results] == [True, False] and results[1].error, results
    assert sandbox.fs.download_file("source/日本/a b.txt") == "eins\nzwei done\ndrei".encode()
    listed = [one.path for one in sandbox.fs.list_files("source", depth=3)]
    assert "/home/daytona/source/日本/a b.txt" in listed or "source/日本/a b.txt" in listed, listed
finally:
    sandbox.delete()
