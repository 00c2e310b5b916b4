"""A chaos game over a spline: many small float objects, attribute access, properties of vectors."""


class Vector:
    def __init__(self, x=0.0, y=0.0, z=0.0):
        self.x = x
        self.y = y
        self.z = z

    def mag(self):
        return (self.x**2 + self.y**2 + self.z**2) ** 0.5

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def __mul__(self, k):
        return Vector(self.x * k, self.y * k, self.z * k)

    def dist(self, other):
        return (self - other).mag()

    def combination(self, k1, other, k2):
        return Vector(self.x * k1 + other.x * k2, self.y * k1 + other.y * k2, self.z * k1 + other.z * k2)


class Spline:
    def __init__(self, points, degree=3):
        self.points = points
        self.degree = degree
        self.knots = [0] * degree + list(range(1, len(points) - degree)) + [len(points) - degree] * degree

    def domain(self):
        return self.knots[self.degree - 1], self.knots[len(self.knots) - self.degree]

    def index(self, u):
        first, last = self.domain()
        for i in range(self.degree - 1, len(self.knots) - self.degree):
            if self.knots[i] <= u < self.knots[i + 1]:
                return i
        return last + self.degree - 2

    def __call__(self, u):
        i = self.index(u)
        d = [self.points[i - self.degree + 1 + j] for j in range(self.degree + 1)]
        for j in range(1, self.degree + 1):
            for k in range(self.degree - j + 1):
                low = self.knots[i - self.degree + 1 + k + j - 1]
                high = self.knots[min(i + k + 1, len(self.knots) - 1)]
                span = (high - low) or 1
                alpha = (u - low) / span
                d[k] = d[k].combination(1 - alpha, d[k + 1], alpha)
        return d[0]


def main(n):
    points = [Vector(float(i % 3), float(i * i % 5), 0.5 * i) for i in range(12)]
    spline = Spline(points)
    first, last = spline.domain()
    seed = 1
    at = Vector(1.0, 1.0, 0.0)
    length = 0.0
    for i in range(n):
        seed = (seed * 16807) % 2147483647
        t = first + (last - first) * (seed / 2147483647) * 0.75
        target = spline(t)
        moved = at + (target - at) * 0.5
        length += at.dist(moved)
        at = moved
    return "%.6f" % length


print(main(12_000))
