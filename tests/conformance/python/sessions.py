"""Sessions: a shell that keeps its state, commands that run in it, and their logs in every form."""

import asyncio

from daytona import (
    Daytona,
    DaytonaCommandAlreadyCompletedError,
    DaytonaConflictError,
    DaytonaNotFoundError,
    DaytonaSessionEndedError,
    SessionExecuteRequest,
)

sandbox = Daytona().create()
process = sandbox.process


def run(session, command, **more):
    return process.execute_session_command(session, SessionExecuteRequest(command=command, **more))


def follow(session, command):
    out, err = [], []
    asyncio.run(process.get_session_command_logs_async(session, command, out.append, err.append))
    return "".join(out), "".join(err)


try:
    process.create_session("work")
    try:
        process.create_session("work")
        raise AssertionError("a session was made twice")
    except DaytonaConflictError as error:
        assert "session already exists" in str(error), error

    first = run("work", "cd /tmp && export GREETING='good day' && greet() { echo \"$GREETING from $PWD\"; }")
    assert (first.exit_code, first.stdout, first.stderr) == (0, "", ""), first
    second = run("work", "greet; echo problem >&2; (exit 3)")
    assert (second.exit_code, second.stdout, second.stderr) == (3, "good day from /tmp\n", "problem\n"), second
    assert "\x01\x01\x01good day" in second.output and "\x02\x02\x02problem" in second.output, second.output
    logs = process.get_session_command_logs("work", second.cmd_id)
    assert (logs.stdout, logs.stderr) == ("good day from /tmp\n", "problem\n"), logs
    assert follow("work", second.cmd_id) == ("good day from /tmp\n", "problem\n")

    # Asynchronous, with input and a reader who listens while it runs.
    asked = run("work", "read name; echo \"hello $name\"; read end", run_async=True)
    assert asked.cmd_id and asked.exit_code is None, asked
    process.send_session_command_input("work", asked.cmd_id, "日本")
    process.send_session_command_input("work", asked.cmd_id, "\n")
    out, err = follow("work", asked.cmd_id)
    assert "hello 日本\n" in out and err == "", (out, err)
    assert process.get_session_command("work", asked.cmd_id).exit_code == 0
    try:
        process.send_session_command_input("work", asked.cmd_id, "too late")
        raise AssertionError("a finished command took input")
    except DaytonaCommandAlreadyCompletedError:
        pass

    # Both streams for a while, with pauses, long lines and text that is cut anywhere.
    script = "for i in 1 2 3; do echo \"out $i äöü\"; echo \"err $i\" >&2; sleep 0.2; done; head -c 200000 /dev/zero | tr '\\0' 'x'; echo"
    flood = run("work", script, run_async=True)
    out, err = follow("work", flood.cmd_id)
    assert out.startswith("out 1 äöü\nout 2 äöü\nout 3 äöü\n") and out.count("x") == 200_000, out[:100]
    assert err == "err 1\nerr 2\nerr 3\n", err

    session = process.get_session("work")
    assert [one.command for one in session.commands][1].startswith("greet"), session
    assert [one.session_id for one in process.list_sessions()] == ["work"]

    # A shell that exits answers, and then there is nothing more to be had of it.
    process.create_session("short")
    assert run("short", "exit 7").exit_code == 7
    try:
        run("short", "echo again")
        raise AssertionError("a session that has ended took a command")
    except DaytonaSessionEndedError:
        pass

    # Deleting ends what runs in it, and whoever follows it.
    process.create_session("doomed")
    endless = run("doomed", "echo on; sleep 1000", run_async=True)

    async def follow_and_delete():
        seen = asyncio.Event()
        following = asyncio.create_task(
            process.get_session_command_logs_async("doomed", endless.cmd_id, lambda _: seen.set(), print)
        )
        await asyncio.wait_for(seen.wait(), 20)
        await asyncio.to_thread(process.delete_session, "doomed")
        await asyncio.wait_for(following, 20)

    asyncio.run(follow_and_delete())
    for missing in (lambda: process.get_session("doomed"), lambda: process.delete_session("doomed")):
        try:
            missing()
            raise AssertionError("a deleted session was found")
        except DaytonaNotFoundError:
            pass
    assert process.exec("pgrep -x sleep").exit_code == 1

    entrypoint = process.get_entrypoint_session()
    assert entrypoint.session_id == "entrypoint" and len(entrypoint.commands) == 1, entrypoint
    assert process.get_entrypoint_logs().stdout == ""

    # What is set later is there for whatever starts later, and not for what runs already.
    sandbox.update_env({"LATER": "yes"})
    assert process.exec("echo \"[$LATER]\"").result == "[yes]\n"
    assert run("work", "echo \"[$LATER]\"").stdout == "[]\n"
    sandbox.update_env({}, unset=["LATER"])
    assert process.exec("echo \"[$LATER]\"").result == "[]\n"

    # Two hundred at once.
    async def many():
        def one(number):
            name = f"many {number}/ü"
            process.create_session(name)
            assert run(name, f"echo {number}").stdout == f"{number}\n"
            process.delete_session(name)

        await asyncio.gather(*(asyncio.to_thread(one, number) for number in range(200)))

    asyncio.run(many())
    # What they were made of is gone with them.
    assert int(process.exec("ls ~/.daytona/sessions | wc -l").result) == 2
finally:
    sandbox.delete()
