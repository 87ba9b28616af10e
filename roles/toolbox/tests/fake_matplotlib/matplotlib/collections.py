class PathCollection:
    def __init__(self, label, offsets):
        self.label, self.offsets = label, offsets

    def get_label(self):
        return self.label

    def get_offsets(self):
        return self.offsets
