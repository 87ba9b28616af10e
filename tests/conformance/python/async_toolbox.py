"""The asynchronous client does what the other one does, several things at once."""

import asyncio

from daytona import AsyncDaytona, LspLanguageId, SessionExecuteRequest


async def main():
    async with AsyncDaytona() as daytona:
        sandbox = await daytona.create()
        try:
            await asyncio.gather(sessions(sandbox), terminal(sandbox), interpreter(sandbox), git(sandbox), server(sandbox))
        finally:
            await sandbox.delete()


async def sessions(sandbox):
    process = sandbox.process
    await process.create_session("s")
    done = await process.execute_session_command("s", SessionExecuteRequest(command="echo out; echo err >&2"))
    assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 0), done
    slow = await process.execute_session_command(
        "s", SessionExecuteRequest(command="for i in 1 2 3; do echo $i; sleep 0.3; done", run_async=True)
    )
    out, err = [], []
    await process.get_session_command_logs_async("s", slow.cmd_id, out.append, err.append)
    assert ("".join(out), err) == ("1\n2\n3\n", []), (out, err)
    await process.delete_session("s")


async def terminal(sandbox):
    seen = []
    handle = await sandbox.process.create_pty_session("t", on_data=lambda data: seen.append(data))
    await handle.wait_for_connection()
    await handle.send_input("echo \"it is $((40 + 2))\"; exit 5\n")
    result = await handle.wait()
    assert result.exit_code == 5 and b"it is 42" in b"".join(seen), (result, seen)


async def interpreter(sandbox):
    result = await sandbox.code_interpreter.run_code("print(6 * 7)")
    assert result.stdout == "42\n", result
    context = await sandbox.code_interpreter.create_context()
    try:
        await sandbox.code_interpreter.run_code("import time; time.sleep(30)", context=context, timeout=1)
        raise AssertionError("no timeout")
    except Exception as error:
        assert type(error).__name__ == "DaytonaTimeoutError", repr(error)
    await sandbox.code_interpreter.delete_context(context)


async def git(sandbox):
    await sandbox.git.init("repo", initial_branch="main")
    await sandbox.fs.upload_file(b"text", "repo/a.txt")
    await sandbox.git.add("repo", ["."])
    commit = await sandbox.git.commit("repo", "first", "Ada", "ada@example.com")
    assert len(commit.sha) == 40, commit
    assert (await sandbox.git.status("repo")).current_branch == "main"


async def server(sandbox):
    await sandbox.fs.upload_file(b"class Flock:\n    pass\n", "p/flock.py")
    lsp = sandbox.create_lsp_server(LspLanguageId.PYTHON, "p")
    await lsp.start()
    await lsp.did_open("p/flock.py")
    assert "Flock" in [one.name for one in await lsp.document_symbols("p/flock.py")]
    await lsp.stop()


asyncio.run(main())
