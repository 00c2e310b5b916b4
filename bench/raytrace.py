"""A small ray tracer: classes, floats, polymorphic methods, closures over lists."""


class Vector:
    __slots__ = ("x", "y", "z")

    def __init__(self, x, y, z):
        self.x = x
        self.y = y
        self.z = z

    def dot(self, other):
        return self.x * other.x + self.y * other.y + self.z * other.z

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y, self.z - other.z)

    def scale(self, f):
        return Vector(self.x * f, self.y * f, self.z * f)

    def magnitude(self):
        return self.dot(self) ** 0.5

    def normalized(self):
        return self.scale(1.0 / self.magnitude())

    def reflect(self, other):
        other = other.normalized()
        return self - other.scale(2 * self.dot(other))


class Ray:
    def __init__(self, point, vector):
        self.point = point
        self.vector = vector.normalized()

    def at(self, t):
        return self.point + self.vector.scale(t)


class Sphere:
    def __init__(self, centre, radius, colour):
        self.centre = centre
        self.radius = radius
        self.colour = colour

    def hit(self, ray):
        cp = self.centre - ray.point
        v = cp.dot(ray.vector)
        disc = self.radius * self.radius - (cp.dot(cp) - v * v)
        if disc < 0:
            return None
        return v - disc**0.5

    def normal(self, p):
        return (p - self.centre).normalized()


class Plane:
    def __init__(self, point, normal, colour):
        self.point = point
        self.n = normal.normalized()
        self.colour = colour

    def hit(self, ray):
        v = ray.vector.dot(self.n)
        if abs(v) < 1e-9:
            return None
        return (self.point - ray.point).dot(self.n) / v

    def normal(self, p):
        return self.n


class Scene:
    def __init__(self, objects, light):
        self.objects = objects
        self.light = light

    def nearest(self, ray):
        best = None
        for thing in self.objects:
            t = thing.hit(ray)
            if t is not None and t > 1e-6 and (best is None or t < best[0]):
                best = (t, thing)
        return best

    def colour(self, ray, depth):
        found = self.nearest(ray)
        if found is None:
            return 0.1
        t, thing = found
        p = ray.at(t)
        n = thing.normal(p)
        to_light = (self.light - p).normalized()
        shade = max(0.0, n.dot(to_light))
        if self.nearest(Ray(p + n.scale(1e-4), to_light)) is not None:
            shade *= 0.5
        result = thing.colour * (0.2 + 0.8 * shade)
        if depth > 0:
            result += 0.3 * self.colour(Ray(p, ray.vector.reflect(n)), depth - 1)
        return result


def main(width, height):
    objects = [Sphere(Vector(i * 2.0 - 4, 1.0 + i % 2, 6.0 + i), 1.0, 0.4 + i / 10) for i in range(5)]
    objects.append(Plane(Vector(0.0, -1.0, 0.0), Vector(0.0, 1.0, 0.0), 0.6))
    scene = Scene(objects, Vector(5.0, 10.0, -5.0))
    eye = Vector(0.0, 1.0, -4.0)
    total = 0.0
    for y in range(height):
        for x in range(width):
            direction = Vector(x / width - 0.5, 0.4 - y / height, 1.0)
            total += scene.colour(Ray(eye, direction), 2)
    return "%.6f" % total


print(main(60, 45))
