"""Code in the three languages that the SDK knows, with arguments, failures and a chart."""

import base64

from daytona import CodeRunParams, CreateSandboxFromSnapshotParams, Daytona

daytona = Daytona()

CHART = """
import matplotlib.pyplot as plt
plt.plot([1, 2, 3], [4, 5, 6], label="a line")
plt.title("A title")
plt.xlabel("across")
plt.show()
plt.bar(["x", "y"], [7, 8])
plt.show()
print("after the charts")
"""

sandbox = daytona.create()
try:
    answer = sandbox.process.code_run(
        "import os, sys\nprint(sys.argv[1:], os.environ['A'])", CodeRunParams(argv=["one two", "3"], env={"A": "b"})
    )
    assert (answer.exit_code, answer.result) == (0, "['one two', '3'] b\n"), answer
    answer = sandbox.process.code_run("import sys\nprint('half')\nsys.exit(5)")
    assert (answer.exit_code, answer.result) == (5, "half\n"), answer
    answer = sandbox.process.code_run("raise ValueError('wrong')")
    assert answer.exit_code == 1 and "ValueError: wrong" in answer.result, answer
    assert "numpy" in sandbox.process.code_run("import numpy, pandas; print(numpy.__name__)").result

    answer = sandbox.process.code_run(CHART)
    assert answer.exit_code == 0, answer
    assert answer.result == "after the charts\n", answer.result
    line, bar = answer.artifacts.charts
    assert (line.type, line.title, line.x_label) == ("line", "A title", "across"), line
    assert line.elements[0].label == "a line" and [list(p) for p in line.elements[0].points] == [[1, 4], [2, 5], [3, 6]]
    assert base64.b64decode(line.png).startswith(b"\x89PNG")
    assert bar.type == "bar" and [element.label for element in bar.elements] == ["x", "y"], bar
finally:
    sandbox.delete()

for language, code, expected in [
    ("javascript", "const os = require('os'); console.log(process.argv.slice(2 - 1).join('+'), typeof os.cpus)", "a b+c function\n"),
    ("typescript", "const sum = (a: number, b: number): number => a + b\nconsole.log(sum(20, 22))", "42\n"),
]:
    sandbox = daytona.create(CreateSandboxFromSnapshotParams(language=language))
    try:
        answer = sandbox.process.code_run(code, CodeRunParams(argv=["a b", "c"]))
        assert (answer.exit_code, answer.result) == (0, expected), (language, answer)
        answer = sandbox.process.code_run("process.exit(4)")
        assert answer.exit_code == 4, (language, answer)
    finally:
        sandbox.delete()
