class Wedge:
    def __init__(self, label, theta1, theta2, r):
        self.label, self.theta1, self.theta2, self.r = label, theta1, theta2, r

    def get_label(self):
        return self.label


class Bar:
    def __init__(self, x, y, width, height):
        self.x, self.y, self.width, self.height = x, y, width, height

    def get_x(self):
        return self.x

    def get_y(self):
        return self.y

    def get_width(self):
        return self.width

    def get_height(self):
        return self.height
