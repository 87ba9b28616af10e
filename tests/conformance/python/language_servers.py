"""Language servers, as the reference's own tests use them: with relative paths, for Python and TypeScript."""

from daytona import Daytona, DaytonaBadRequestError, DaytonaLspServerNotInitializedError, LspLanguageId
from daytona.common.lsp_server import LspCompletionPosition

sandbox = Daytona().create()

PYTHON = """import os


class Flock:
    def count(self):
        return 1


flock = Flock()
flock.
"""

TYPESCRIPT = """export class Flock {
  count(): number { return 1 }
}
const flock = new Flock()
flock.
"""

try:
    for language, name, text in (
        (LspLanguageId.PYTHON, "flock.py", PYTHON),
        (LspLanguageId.TYPESCRIPT, "flock.ts", TYPESCRIPT),
    ):
        project = f"project-{language.value}"
        sandbox.fs.upload_file(text.encode(), f"{project}/{name}")
        server = sandbox.create_lsp_server(language, project)
        try:
            server.document_symbols(f"{project}/{name}")
            raise AssertionError("a server answered before its start")
        except DaytonaLspServerNotInitializedError:
            pass
        server.start()
        server.start()
        server.did_open(f"{project}/{name}")
        symbols = server.document_symbols(f"{project}/{name}")
        assert "Flock" in [one.name for one in symbols], symbols
        assert all(one.location.uri.startswith("file:///home/daytona/") for one in symbols), symbols
        found = server.sandbox_symbols("Flock")
        assert "Flock" in [one.name for one in found], found
        place = LspCompletionPosition(line=text.count("\n") - 1, character=6)
        completions = server.completions(f"{project}/{name}", place)
        assert any(one.label.startswith("count") for one in completions.items), completions
        server.did_close(f"{project}/{name}")

        # A server that dies is found again by the next request.
        # In brackets, so that the command does not mean itself.
        program = "bin/[p]ylsp" if name.endswith(".py") else "bin/[t]ypescript-language-server"
        killed = sandbox.process.exec(f"pkill -f {program} && while pgrep -f {program}; do sleep 0.1; done")
        assert killed.exit_code == 0, killed
        # Its end is told at most once.
        for _ in range(2):
            try:
                server.did_open(f"{project}/{name}")
                again = server.document_symbols(f"{project}/{name}")
                break
            except DaytonaBadRequestError as error:
                assert "the language server has ended" in str(error), error
        assert "Flock" in [one.name for one in again]
        server.stop()
        try:
            server.document_symbols(f"{project}/{name}")
            raise AssertionError("a server answered after its stop")
        except DaytonaLspServerNotInitializedError:
            pass
finally:
    sandbox.delete()
