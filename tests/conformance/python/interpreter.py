"""The code interpreter: state, contexts, errors, timeouts, and programs that misbehave."""

from concurrent.futures import ThreadPoolExecutor

from daytona import Daytona, DaytonaError, DaytonaNotFoundError, DaytonaTimeoutError

sandbox = Daytona().create()
interpreter = sandbox.code_interpreter

try:
    pieces = []
    result = interpreter.run_code("x = 41\nprint('hello', flush=True)\nx", on_stdout=lambda one: pieces.append(one.output))
    assert (result.stdout, result.stderr, result.error) == ("hello\n", "", None), result
    assert "".join(pieces) == "hello\n"
    result = interpreter.run_code("import sys; print(x + 1); print('problem', file=sys.stderr)")
    assert (result.stdout, result.stderr) == ("42\n", "problem\n"), result

    result = interpreter.run_code("def f():\n    return 1 / 0\nf()")
    assert (result.error.name, result.error.value) == ("ZeroDivisionError", "division by zero"), result
    assert 'File "<stdin>", line 2, in f' in result.error.traceback, result.error.traceback

    result = interpreter.run_code("import os; print(os.environ['GREETING'])", envs={"GREETING": "good day"})
    assert result.stdout == "good day\n", result
    result = interpreter.run_code("import subprocess; subprocess.run('echo child; echo err >&2', shell=True)")
    assert (result.stdout, result.stderr) == ("child\n", "err\n"), result
    assert len(interpreter.run_code("print('y' * (1 << 20))").stdout) == (1 << 20) + 1
    assert interpreter.run_code("import numpy; print(numpy.arange(3).sum())").stdout == "3\n"

    context = interpreter.create_context(cwd="/tmp")
    assert (context.language, context.cwd, context.active) == ("python", "/tmp", True), context
    assert [one.id for one in interpreter.list_contexts()] == [context.id]
    result = interpreter.run_code("import os; print(os.getcwd(), 'x' in globals())", context=context)
    assert result.stdout == "/tmp False\n", result

    interpreter.run_code("kept = 'still here'", context=context)
    try:
        interpreter.run_code("import time; time.sleep(60)", context=context, timeout=1)
        raise AssertionError("an endless program came to its end")
    except DaytonaTimeoutError:
        pass
    assert interpreter.run_code("print(kept)", context=context).stdout == "still here\n"

    result = interpreter.run_code("import os; os._exit(1)", context=context)
    assert result.error.name == "WorkerProcessError", result
    assert interpreter.run_code("print('kept' in globals())", context=context).stdout == "False\n"

    # A figure's text form does not disturb those who know nothing of figures.
    plot = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('drawn')"
    assert interpreter.run_code(plot).stdout == "drawn\n"

    def own(number):
        one = interpreter.create_context()
        interpreter.run_code(f"import time; n = {number}; time.sleep(0.2)", context=one)
        seen = interpreter.run_code("print(n)", context=one).stdout
        interpreter.delete_context(one)
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(own, range(8))) == [f"{number}\n" for number in range(8)]

    interpreter.delete_context(context)
    try:
        interpreter.delete_context(context)
        raise AssertionError("a context was deleted twice")
    except DaytonaNotFoundError:
        pass
    try:
        interpreter.run_code("1", context=context)
        raise AssertionError("a deleted context ran code")
    except DaytonaError as error:
        assert "context not found" in str(error), error
finally:
    sandbox.delete()
