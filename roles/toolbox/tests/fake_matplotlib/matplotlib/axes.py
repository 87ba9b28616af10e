"""Axes with one attribute for each thing that can be drawn on them."""


class DateFormatter:
    pass


class PlainFormatter:
    pass


class Axis:
    def __init__(self, ticks, labels, formatter=PlainFormatter):
        self.ticks, self.labels, self.formatter = ticks, labels, formatter()

    def get_majorticklocs(self):
        return self.ticks

    def get_majorticklabels(self):
        from matplotlib.pyplot import Text

        return [Text(label) for label in self.labels]

    def get_major_formatter(self):
        return self.formatter

    def get_major_locator(self):
        return None

    def get_converter(self):
        return None


class Transform:
    def __init__(self, of_data):
        self.of_data = of_data

    def contains_branch_seperately(self, _other):
        return (self.of_data, self.of_data)


class Line:
    def __init__(self, label, points, of_data=True):
        self.label, self.points, self.of_data = label, points, of_data

    def get_label(self):
        return self.label

    def get_xydata(self):
        return self.points

    def get_transform(self):
        return Transform(self.of_data)


class Axes:
    transData = Transform(True)

    def __init__(self, x=None, y=None, title="", lines=(), collections=(), containers=(), patches=(), label=""):
        self.xaxis = x or Axis([0.0, 0.5], ["0.0", "0.5"])
        self.yaxis = y or Axis([0.0, 0.5], ["0.0", "0.5"])
        self.title, self.label = title, label
        self.lines, self.collections = list(lines), list(collections)
        self.containers, self.patches = list(containers), list(patches)

    def get_label(self):
        return self.label

    def get_visible(self):
        return True

    def get_title(self):
        return self.title

    def get_xlabel(self):
        return "ex"

    def get_ylabel(self):
        return "why"

    def get_xscale(self):
        return "linear"

    def get_yscale(self):
        return "linear"

    def bxp(self, bxpstats, positions=None, vert=None, orientation="vertical"):
        class Median:
            axes = self

        return {"medians": [Median() for _ in bxpstats]}
