# Runs a user's program so that matplotlib's show() reports figures to the toolbox.
#
# The toolbox feeds this file to `python3 -u -`, followed by one line that calls run_user_code. It
# needs nothing but the standard library until the user's program imports matplotlib itself; where
# matplotlib is missing, the user sees Python's own ImportError.
#
# What it keeps: the program runs as __main__ with its own fresh namespace, its tracebacks show its
# own frames and lines, and its exit status is its own. Reporting a figure never raises.

import sys

MARKER = "dtn_artifact_k39fd2:"
PROGRAM_NAME = "<target_code>"


def run_user_code(encoded):
    """Run the program given as base64 of its UTF-8 text. Exits with 1 if it raises."""
    import base64
    import linecache
    import os
    import types

    source = base64.b64decode(encoded).decode("utf-8", "surrogateescape")
    # Sandboxes have no display; a program that asks for another backend still gets it.
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.meta_path.insert(0, PyplotFinder(FigureReporter()))

    program = types.ModuleType("__main__")
    program.__file__ = PROGRAM_NAME
    run_user_code.own_module = sys.modules["__main__"]
    sys.modules["__main__"] = program
    lines = source.splitlines(keepends=True)
    linecache.cache[PROGRAM_NAME] = (len(source), None, lines, PROGRAM_NAME)
    try:
        exec(compile(source, PROGRAM_NAME, "exec", dont_inherit=True), program.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        strip_own_frames(error)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def strip_own_frames(error):
    """Drop the frames above the user's from the traceback; all of them if none is the user's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != PROGRAM_NAME:
        trace = trace.tb_next
    error.__traceback__ = trace


class PyplotFinder:
    """An import hook that replaces pyplot.show as soon as pyplot has been loaded."""

    def __init__(self, reporter):
        self.reporter = reporter

    def find_spec(self, name, path, target=None):
        if name != "matplotlib.pyplot":
            return None
        import importlib.machinery

        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_hook(module):
                load(module)
                self.reporter.hook(module)

            spec.loader.exec_module = load_and_hook
        return spec


class FigureReporter:
    """Writes each figure that is shown to standard output, once."""

    def __init__(self):
        self.seen = set()

    def hook(self, pyplot):
        from matplotlib.axes import Axes

        record_boxes(Axes)

        def show(*_args, **_kwargs):
            for number in pyplot.get_fignums():
                self.report(pyplot.figure(number))
            pyplot.close("all")

        pyplot.show = show

    def report(self, figure):
        try:
            png = render(figure)
            if png in self.seen:
                return
            self.seen.add(png)
            self.publish(describe_figure(figure, png))
        except Exception as error:  # A figure that cannot be drawn must not end the program.
            print(f"warning: a figure could not be shown: {error}", file=sys.stderr)

    def publish(self, chart):
        line = chart_line(chart)
        # The line end before the marker is removed by the toolbox together with the line: nobody
        # can know here whether the output stands at the beginning of a line.
        sys.stdout.flush()
        sys.__stdout__.write("\n" + line + "\n")
        sys.__stdout__.flush()


def chart_line(chart):
    import json

    return MARKER + json.dumps({"type": "chart", "value": chart}, allow_nan=False)


def render(figure):
    """The figure as base64 of a PNG. Equal figures give equal text."""
    import base64
    import io

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", dpi=100)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


# --- boxes -------------------------------------------------------------------------------------

# Nothing in the finished axes says which lines are boxes, so the statistics are noted when they
# are drawn; boxplot(), pandas and seaborn all come through bxp().


def record_boxes(axes_class):
    draw = axes_class.bxp

    def bxp(self, bxpstats, positions=None, *args, **kwargs):
        artists = draw(self, bxpstats, positions, *args, **kwargs)
        turned = kwargs.get("orientation") == "horizontal" or kwargs.get("vert") is False
        places = positions if positions is not None else range(1, len(bxpstats) + 1)
        noted = self.__dict__.setdefault("_paddock_boxes", [])
        noted.append((list(zip(bxpstats, places)), turned, artists["medians"]))
        return artists

    bxp.__doc__ = draw.__doc__
    axes_class.bxp = bxp


def boxes_of(axes):
    """The noted boxes that are still drawn, as (statistics, place, turned)."""
    return [
        (stats, place, turned)
        for pairs, turned, medians in getattr(axes, "_paddock_boxes", [])
        for (stats, place), median in zip(pairs, medians)
        if median.axes is axes
    ]


# --- description -------------------------------------------------------------------------------


def describe_figure(figure, png):
    """A figure as a chart of the wire: one chart, or a composite with one element for each axes."""
    axes = [one for one in figure.axes if one.get_label() != "<colorbar>" and one.get_visible()]
    if len(axes) == 1:
        return {**describe_axes(axes[0]), "png": png}
    if not axes:
        return {"type": "unknown", "png": png, "elements": []}
    title = figure._suptitle.get_text() if figure._suptitle is not None else None
    chart = {"type": "composite_chart", "png": png, "elements": [describe_axes(one) for one in axes]}
    if title:
        chart["title"] = title
    return chart


def describe_axes(axes):
    """One axes as a chart without its picture. What cannot be told is left out."""
    x, y = describe_axis(axes.xaxis, axes.get_xscale()), describe_axis(axes.yaxis, axes.get_yscale())
    kind, elements, turned = elements_of(axes, x, y)
    chart = {"type": kind, "title": axes.get_title(), "elements": elements}
    chart["x_label"], chart["y_label"] = axes.get_xlabel(), axes.get_ylabel()
    if turned:
        chart["x_label"], chart["y_label"] = chart["y_label"], chart["x_label"]
    for name, axis in (("x", x), ("y", y)):
        chart[name + "_tick_labels"] = axis["labels"]
        chart[name + "_scale"] = axis["scale"]
        if axis["ticks"] is not None:
            chart[name + "_ticks"] = axis["ticks"]
    return chart


def describe_axis(axis, scale):
    ticks = [float(tick) for tick in axis.get_majorticklocs()]
    labels = [label.get_text() for label in axis.get_majorticklabels()]
    if is_date_axis(axis):
        scale = "datetime"
    elif is_categorical(ticks, labels):
        scale = "categorical"
    sendable = scale != "datetime" and all(map(is_finite, ticks))
    return {"ticks": ticks if sendable else None, "places": ticks, "labels": labels, "scale": scale}


def is_date_axis(axis):
    """Whether the axis shows dates: by matplotlib's own classes, pandas' or anybody's."""
    converter = getattr(axis, "get_converter", lambda: getattr(axis, "converter", None))()
    speakers = (axis.get_major_formatter(), axis.get_major_locator(), converter)
    return any("Date" in cls.__name__ for one in speakers for cls in type(one).__mro__)


def is_categorical(ticks, labels):
    """Whether the ticks are 0, 1, 2, … and the labels say something else than these numbers."""
    if not ticks or ticks != [float(number) for number in range(len(ticks))]:
        return False
    return len(labels) == len(ticks) and not all(says_number(*pair) for pair in zip(labels, ticks))


def says_number(label, number):
    try:
        return float(label.replace("\N{MINUS SIGN}", "-")) == number
    except ValueError:
        return False


def elements_of(axes, x, y):
    """The kind of chart, its elements, and whether it lies on its side."""
    from matplotlib.collections import PathCollection
    from matplotlib.container import BarContainer
    from matplotlib.patches import Wedge

    boxes = boxes_of(axes)
    if boxes:
        turned = boxes[0][2]
        return "box_and_whisker", [box(stats, place, y if turned else x) for stats, place, _ in boxes], turned
    wedges = [patch for patch in axes.patches if isinstance(patch, Wedge)]
    if wedges:
        return "pie", [wedge(patch) for patch in wedges], False
    containers = [one for one in axes.containers if isinstance(one, BarContainer) and len(one) > 0]
    if containers:
        turned = containers[0].orientation == "horizontal"
        axis = y if turned else x
        bars = [bar(patch, one, axis, turned) for one in containers for patch in one.patches]
        return "bar", bars, turned
    is_dated = "datetime" in (x["scale"], y["scale"])
    clouds = [one for one in axes.collections if isinstance(one, PathCollection)]
    if clouds:
        series = [series_of(one, "Series", n, one.get_offsets(), is_dated) for n, one in enumerate(clouds, 1)]
        return "scatter", series, False
    # Lines of the grid and of axhline() and its kin do not live in the coordinates of the data.
    lines = [one for one in axes.lines if all(one.get_transform().contains_branch_seperately(axes.transData))]
    if lines:
        series = [series_of(one, "Line", n, one.get_xydata(), is_dated) for n, one in enumerate(lines, 1)]
        return "line", series, False
    return "unknown", [], False


def series_of(artist, word, number, points, is_dated):
    """A line or a scatter. Points that are no pair of numbers, or dates, are left out."""
    label = str(artist.get_label())
    pairs = [] if is_dated else [[float(px), float(py)] for px, py in unmasked(points)]
    return {
        "label": f"{word} {number}" if label.startswith("_") else label,
        "points": [pair for pair in pairs if all(map(is_finite, pair))],
    }


def unmasked(points):
    """Rows of an array, without those that are masked."""
    mask = getattr(points, "mask", None)
    if mask is None or mask is False or not mask.any():
        return list(points)
    return [row for row, hidden in zip(points, mask) if not hidden.any()]


def bar(patch, container, axis, turned):
    length, start, thickness = (
        (patch.get_width(), patch.get_y(), patch.get_height())
        if turned
        else (patch.get_height(), patch.get_x(), patch.get_width())
    )
    element = {"label": text_at(start + thickness / 2, axis), "value": number_text(length)}
    group = str(container.get_label())
    if not group.startswith("_"):
        element["group"] = group
    return element


def box(stats, place, axis):
    element = {"label": str(stats.get("label") or text_at(place, axis))}
    names = {"min": "whislo", "first_quartile": "q1", "median": "med", "third_quartile": "q3", "max": "whishi"}
    for name, key in names.items():
        if is_finite(stats[key]):
            element[name] = float(stats[key])
    outliers = stats.get("fliers")
    element["outliers"] = [float(one) for one in (outliers if outliers is not None else []) if is_finite(one)]
    return element


def wedge(patch):
    label = str(patch.get_label())
    return {
        "label": "" if label.startswith("_") else label,
        "angle": abs(float(patch.theta2) - float(patch.theta1)),
        "radius": float(patch.r),
    }


def text_at(place, axis):
    """The label of the tick nearest to a place, if it is nearer than half a tick; else the number."""
    places = axis["places"]
    if places and len(places) == len(axis["labels"]):
        nearest = min(range(len(places)), key=lambda index: abs(places[index] - place))
        gap = min((abs(b - a) for a, b in zip(places, places[1:])), default=1.0)
        if abs(places[nearest] - place) <= gap / 2 and axis["labels"][nearest]:
            return axis["labels"][nearest]
    return number_text(place)


def number_text(number):
    """A number as text: 3 for 3 and 3.5 for 3.5, whether Python's or NumPy's."""
    return str(number.item() if hasattr(number, "item") else number)


def is_finite(number):
    import math

    return math.isfinite(number)


