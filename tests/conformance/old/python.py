"""An older Python SDK (see the test runner for the version): what it does differently goes on working.

It builds its own command lines for code, splits labelled logs itself, and makes a terminal before it connects."""

import asyncio

from daytona import Daytona, SessionExecuteRequest
from daytona.common.pty import PtySize

sandbox = Daytona().create()
process = sandbox.process
try:
    # This one takes the last line end away.
    assert process.exec("echo hello").result.rstrip("\n") == "hello"
    ran = process.code_run("import sys; print('from python'); print(sys.version_info.major)")
    assert (ran.exit_code, ran.result.rstrip("\n")) == (0, "from python\n3"), ran
    plot = process.code_run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('line')\nplt.show()")
    assert [one.title for one in plot.artifacts.charts] == ["line"], plot

    sandbox.fs.create_folder("folder", "755")
    sandbox.fs.upload_file("日本".encode(), "folder/a b.txt")
    assert sandbox.fs.download_file("folder/a b.txt") == "日本".encode()
    assert [one.name for one in sandbox.fs.list_files("folder")] == ["a b.txt"]
    assert sandbox.fs.search_files("folder", "*.txt").files == ["folder/a b.txt"]
    assert sandbox.fs.find_files("folder", "日")[0].line == 1
    sandbox.fs.replace_in_files(["folder/a b.txt"], "日", "x")
    sandbox.fs.move_files("folder/a b.txt", "moved")
    sandbox.fs.set_file_permissions("moved", mode="644")
    sandbox.fs.delete_file("moved")

    process.create_session("s")
    done = process.execute_session_command("s", SessionExecuteRequest(command="cd /tmp; echo out; echo err >&2"))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out\n", "err\n"), done
    slow = process.execute_session_command("s", SessionExecuteRequest(command="pwd; sleep 0.5; echo end", run_async=True))
    out, err = [], []
    asyncio.run(process.get_session_command_logs_async("s", slow.cmd_id, out.append, err.append))
    assert ("".join(out), "".join(err)) == ("/tmp\nend\n", ""), (out, err)
    logs = process.get_session_command_logs("s", done.cmd_id)
    assert (logs.stdout, logs.stderr) == ("out\n", "err\n"), logs
    assert process.get_session("s").commands[0].exit_code == 0
    process.delete_session("s")

    handle = process.create_pty_session("t", pty_size=PtySize(cols=100, rows=30))
    handle.wait_for_connection()
    handle.send_input("stty size; exit 4\n")
    seen = []
    result = handle.wait(on_data=seen.append, timeout=30)
    assert result.exit_code == 4 and b"30 100" in b"".join(seen), (result, seen)

    assert sandbox.code_interpreter.run_code("print(6 * 7)").stdout == "42\n"

    sandbox.process.exec("git init -q -b main origin && cd origin && git config user.email a@b && git config user.name a && echo 1 > f && git add f && git commit -qm first")
    sandbox.git.clone("file:///home/daytona/origin", "copy")
    sandbox.fs.upload_file(b"2", "copy/g")
    sandbox.git.add("copy", ["g"])
    assert len(sandbox.git.commit("copy", "second", "Ada", "ada@example.com").sha) == 40
    assert sandbox.git.status("copy").current_branch == "main"
    assert sandbox.git.branches("copy").branches == ["main"]

    sandbox.fs.upload_file(b"class Flock:\n    pass\n", "p/flock.py")
    server = sandbox.create_lsp_server("python", "p")
    server.start()
    server.did_open("p/flock.py")
    assert "Flock" in [one.name for one in server.document_symbols("p/flock.py")]
    server.stop()
    assert sandbox.get_preview_link(3000).token
finally:
    sandbox.delete()
