class BarContainer:
    def __init__(self, label, patches, orientation="vertical"):
        self.label, self.patches, self.orientation = label, patches, orientation

    def __len__(self):
        return len(self.patches)

    def get_label(self):
        return self.label
