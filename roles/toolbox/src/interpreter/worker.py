# One interpreter context: runs what the toolbox sends, one execution after another, in one namespace.
#
# Started as `python3 -c <this file> <text of charts.py>`, with descriptor 9 as a socket to the toolbox.
# Standard output and error are pipes that the toolbox reads itself, so what child processes write
# arrives like the program's own, and nothing that a program writes can be taken for the protocol.
#
# A message is a byte that says what it is, the number of its fields, and each field behind its
# length; numbers are four bytes, most significant first.
#
#   to here     X code, name, value, name, value, …   execute, with these variables in the environment
#   from here   E name, value, traceback              the program raised
#               D mime type, content, …               something was displayed; images in base64
#               C chart                               a figure was shown; JSON
#               F / I                                 finished / interrupted; all output is written
#
# Nothing is imported that Python has not loaded by itself: a context starts as fast as Python does.

import builtins
import io
import os
import sys

import _signal
import _thread

CHANNEL = 9
PROGRAM_NAME = "<stdin>"
# Of an error's text and of its traceback, in characters.
LONGEST_TEXT = 128 << 10
# Of one form of what is displayed, in characters.
LONGEST_FORM = 8 << 20


def main(charts_source):
    os.set_inheritable(CHANNEL, False)
    sys.argv[:] = [""]
    # What has no display draws into files; a program that asks for another backend gets it.
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.stdout = output(1)
    sys.stderr = output(2)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    _signal.signal(_signal.SIGINT, interrupt)
    program = type(sys)("__main__")
    program.__builtins__ = builtins
    sys.modules["__main__"] = program
    builtins.display = display
    figures = FigureHook(charts_source)
    sys.meta_path.insert(0, figures)
    worker = os.getpid()
    number = 0
    while True:
        try:
            kind, fields = receive()
            number += 1
            figures.forget()
            answer = execute(fields, program.__dict__, number)
        except KeyboardInterrupt:
            # It came in the moment between the program's end and ours.
            answer = b"I"
        if os.getpid() != worker:
            # The program forked and the child has come to the program's end.
            flush()
            os._exit(0)
        flush()
        send(answer)


def output(descriptor):
    buffer = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False), 1024)
    text = io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    text._CHUNK_SIZE = 1024
    return text


def flush():
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except BaseException:
            # The program may have closed it, or put anything in its place.
            pass


# --- one execution -----------------------------------------------------------------------------

is_running = False
is_interrupted = False


def interrupt(_number, _frame):
    global is_interrupted
    if is_running:
        raise KeyboardInterrupt
    is_interrupted = True


def execute(fields, namespace, number):
    global is_running, is_interrupted
    source = fields[0].decode("utf-8", "surrogatepass")
    # Each execution has a name of its own, so that tracebacks show its own lines; it is not shown.
    name = f"<stdin-{number}>"
    before = {}
    for variable, value in zip(fields[1::2], fields[2::2]):
        variable, value = os.fsdecode(variable), os.fsdecode(value)
        before[variable] = os.environ.get(variable)
        os.environ[variable] = value
    if sys.stdin is None or sys.stdin.closed:
        sys.stdin = open(os.devnull)
    answer = b"F"
    try:
        is_interrupted = False
        is_running = True
        try:
            exec(compile(source, name, "exec", dont_inherit=True), namespace)
        finally:
            is_running = False
    except SystemExit:
        pass
    except KeyboardInterrupt:
        answer = b"I"
    except BaseException as error:
        flush()
        report(error, source, name)
    finally:
        is_running = False
        for variable, value in before.items():
            if value is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = value
    return answer


def report(error, source, name):
    """Send the error with the program's own frames."""
    kind = type(error).__name__
    try:
        value = str(error)
    except BaseException:
        value = "<the error's text could not be made>"
    try:
        text = traceback_of(error, source, name, kind, value)
    except BaseException:
        text = f"{kind}: {value}\n"
    send(b"E", *(shown(cut(part)).encode("utf-8", "backslashreplace") for part in (kind, value, text)))


def cut(text):
    """At most LONGEST_TEXT characters: clients take no message of any length."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters are left out here]\n{text[-half:]}"


def traceback_of(error, source, name, kind, value):
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<stdin-"):
        trace = trace.tb_next
    last = f"{kind}: {value}\n" if value else f"{kind}\n"
    if trace is None:
        return last
    import linecache
    import traceback

    lines = [line + "\n" for line in source.splitlines()]
    linecache.cache[name] = (len(source), None, lines, name)
    return "".join(traceback.format_exception(type(error), error, trace))


def shown(text):
    """The text with every execution's own name replaced by the one that people know."""
    parts = text.split("<stdin-")
    for index in range(1, len(parts)):
        digits, mark, rest = parts[index].partition(">")
        parts[index] = PROGRAM_NAME + rest if mark and digits.isdigit() else "<stdin-" + parts[index]
    return "".join(parts)


# --- display -----------------------------------------------------------------------------------

RICH = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("application/json", "_repr_json_"),
)


def display(*objects):
    """Show objects: their text on standard output, and every richer form they have to clients that ask."""
    for thing in objects:
        text = thing if isinstance(thing, str) else repr(thing)
        print(text)
        forms = {"text/plain": text}
        for mime, method in RICH:
            try:
                form = getattr(thing, method, None)
                form = form() if callable(form) else None
                # Some give metadata with it.
                form = form[0] if isinstance(form, tuple) else form
                if form is not None:
                    forms[mime] = content(form)
            except Exception as error:
                print(f"warning: {method} failed: {error}", file=sys.stderr)
        if "matplotlib.figure" in sys.modules and isinstance(thing, sys.modules["matplotlib.figure"].Figure):
            picture = io.BytesIO()
            thing.savefig(picture, format="png", bbox_inches="tight", dpi=100)
            forms["image/png"] = content(picture.getvalue())
        for mime in [mime for mime, form in forms.items() if len(form) > LONGEST_FORM]:
            del forms[mime]
            print(f"warning: {mime} is too long to be displayed", file=sys.stderr)
        flush()
        send(b"D", *(part.encode("utf-8", "backslashreplace") for form in forms.items() for part in form))


def content(form):
    if isinstance(form, str):
        return form
    if isinstance(form, (bytes, bytearray)):
        import binascii

        return binascii.b2a_base64(form, newline=False).decode("ascii")
    import json

    return json.dumps(form)


class FigureHook:
    """Makes pyplot.show() send its figures, from the moment the program loads pyplot."""

    def __init__(self, charts_source):
        self.charts_source = charts_source
        self.finder = None

    def forget(self):
        """Figures of earlier executions may be shown again."""
        if self.finder is not None:
            self.finder.reporter.seen.clear()

    def find_spec(self, name, path, target=None):
        if name != "matplotlib.pyplot":
            return None
        if self.finder is None:
            charts = {"__name__": "charts"}
            exec(compile(self.charts_source, "<charts>", "exec"), charts)

            class Reporter(charts["FigureReporter"]):
                def publish(self, chart):
                    import json

                    text = json.dumps(chart, allow_nan=False)
                    flush()
                    send(b"C", text.encode("utf-8"))

            self.finder = charts["PyplotFinder"](Reporter())
        return self.finder.find_spec(name, path, target)


# --- the channel -------------------------------------------------------------------------------


def receive():
    kind = take(1)
    fields = [take(int.from_bytes(take(4), "big")) for _ in range(int.from_bytes(take(4), "big"))]
    return kind, fields


def take(count):
    parts = []
    while count:
        part = os.read(CHANNEL, min(count, 1 << 20))
        if not part:
            # The toolbox has closed the context.
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


channel_lock = _thread.allocate_lock()


def send(kind, *fields):
    """Send a message whole: an interrupt waits until it is written, and other threads too."""
    global is_running
    was_running, is_running = is_running, False
    try:
        with channel_lock:
            write(kind, fields)
    finally:
        is_running = was_running
    if was_running and is_interrupted:
        raise KeyboardInterrupt


def write(kind, fields):
    message = kind + len(fields).to_bytes(4, "big")
    message += b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    view = memoryview(message)
    while view:
        view = view[os.write(CHANNEL, view) :]


main(sys.argv[1])
