"""The declarative builder on the image that the SDK takes by itself: packages of the distribution and of Python."""

from daytona import CreateSandboxFromImageParams, Daytona, Image

daytona = Daytona()
image = (
    Image.debian_slim("3.12")
    .pip_install("six==1.17.0", "idna")
    .run_commands("echo run > /run-marker", ["sh", "-c", "echo list > /list-marker"])
    .env({"SUITE": "declarative"})
    .workdir("/home/work")
    .dockerfile_commands(["RUN echo raw > /raw-marker"])
    .entrypoint(["sleep", "infinity"])
)
log = []
sandbox = daytona.create(CreateSandboxFromImageParams(image=image), timeout=450, on_snapshot_create_logs=log.append)
try:
    text = "\n".join(log)
    assert "apt-get install" in text and "Successfully installed" in text, text[-2000:]
    answer = sandbox.process.exec(
        "python -c 'import six, idna; print(six.__version__)'; gcc --version | head -1; cat /run-marker /list-marker /raw-marker;"
        " pwd; echo $SUITE"
    )
    lines = answer.result.split("\n")
    assert lines[0] == "1.17.0" and lines[1].startswith("gcc"), answer.result
    assert lines[2:7] == ["run", "list", "raw", "/home/work", "declarative"], lines
    assert sandbox.process.code_run("import six; print(six.PY3)").result.strip() == "True"
finally:
    sandbox.delete()
