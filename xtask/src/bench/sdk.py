"""Does what it is told, one line after the other, and says how long it took."""

import json
import sys
import time

from daytona import Daytona

daytona = Daytona()
known = {}


def create():
    begin = time.perf_counter()
    sandbox = daytona.create()
    output = sandbox.process.exec("echo hi").result
    seconds = time.perf_counter() - begin
    assert output == "hi\n", output
    return {"seconds": seconds, "id": sandbox.id}


def execute(sandbox):
    if sandbox not in known:
        known[sandbox] = daytona.get(sandbox)
        known[sandbox].process.exec("true")
    begin = time.perf_counter()
    code = known[sandbox].process.exec("true").exit_code
    seconds = time.perf_counter() - begin
    assert code == 0, code
    return {"seconds": seconds}


for line in sys.stdin:
    words = line.split()
    answer = create() if words[0] == "create" else execute(words[1])
    print(json.dumps(answer), flush=True)
