"""Terminals: made, left, found again, resized, and ended in every way."""

from daytona import Daytona, DaytonaConflictError, DaytonaNotFoundError
from daytona.common.pty import PtySize

sandbox = Daytona().create()
process = sandbox.process


def read_to_the_end(handle):
    seen = []
    result = handle.wait(on_data=seen.append, timeout=60)
    return b"".join(seen).decode(), result


try:
    # As the reference's own tests do it: made, left, still there, found again.
    handle = process.create_pty_session("one", pty_size=PtySize(cols=80, rows=24))
    handle.disconnect()
    info = process.get_pty_session_info("one")
    assert (info.cols, info.rows, info.active, info.cwd) == (80, 24, True, "/home/daytona"), info
    assert [one.id for one in process.list_pty_sessions()] == ["one"]
    info = process.resize_pty_session("one", PtySize(cols=100, rows=30))
    assert (info.cols, info.rows) == (100, 30), info
    handle = process.connect_pty_session("one")
    handle.wait_for_connection()
    handle.send_input("stty size; echo \"it is $((40 + 2))\"; exit\n")
    seen, result = read_to_the_end(handle)
    assert "30 100" in seen and "it is 42" in seen, seen
    assert (result.exit_code, result.error) == (0, None), result
    assert process.list_pty_sessions() == []

    handle = process.create_pty_session("two", cwd="/tmp", envs={"ODD": "a=b c ü", "TERM": "dumb"})
    handle.send_input("pwd; echo \"<$ODD> $TERM\"; exit 3\n")
    seen, result = read_to_the_end(handle)
    assert "/tmp" in seen and "<a=b c ü> dumb" in seen, seen
    assert (result.exit_code, result.error) == (3, "non-zero exit"), result

    handle = process.create_pty_session("three")
    try:
        process.create_pty_session("three")
        raise AssertionError("a terminal was made twice")
    except DaytonaConflictError:
        pass
    handle.kill()
    _, result = read_to_the_end(handle)
    assert (result.exit_code, result.error) == (137, "SIGKILL"), result
    try:
        process.get_pty_session_info("three")
        raise AssertionError("a killed terminal was found")
    except DaytonaNotFoundError:
        pass

    # A program at the terminal is interrupted by what is typed. It says itself that it has begun: between two commands of the
    # shell an interruption would meet neither.
    handle = process.create_pty_session("four")
    handle.send_input("sh -c 'echo began; exec sleep 1000'\n")
    for data in handle:
        if b"began\r\n" in data:
            break
    handle.send_input("\x03")
    handle.send_input("echo \"status $?\"; exit\n")
    seen, result = read_to_the_end(handle)
    assert "status 130" in seen and result.exit_code == 0, (seen, result)

    # All that was written comes before the end is told.
    handle = process.create_pty_session("five")
    handle.send_input("stty -echo; seq 1 20000; exit\n")
    seen, _ = read_to_the_end(handle)
    assert "\n20000\r\n" in seen, seen[-200:]
finally:
    sandbox.delete()
