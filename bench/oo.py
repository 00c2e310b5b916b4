"""Classes: attributes, methods, super(), properties, __slots__, class attributes, special methods, isinstance."""


class Base:
    kind = 0
    made = 0

    def __init__(self, x):
        self.x = x
        self.count = 0

    def touch(self, n):
        self.count += n
        return self.count


class Middle(Base):
    kind = 1

    def __init__(self, x, y):
        super().__init__(x)
        self.y = y

    def touch(self, n):
        return super().touch(n) + self.kind


class Leaf(Middle):
    kind = 2

    @property
    def total(self):
        return self.x + self.y

    @total.setter
    def total(self, value):
        self.x = value


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __eq__(self, other):
        return isinstance(other, Point) and self.x == other.x and self.y == other.y

    def __hash__(self):
        return hash((self.x, self.y))

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return self.x if i == 0 else self.y

    def __bool__(self):
        return self.x != 0


def main(n):
    total = 0
    leaf = Leaf(1, 2)
    point = Point(0, 0)
    step = Point(1, 2)
    for i in range(n):
        total += leaf.touch(i)
        total += leaf.total
        leaf.total = i
        total += leaf.kind
        point = point + step
        if point == step:
            total += 1
        total += point[0] + len(point)
        if point:
            total += 1
        Leaf(i, i)
        Leaf.made += 1
        if isinstance(leaf, Base) and type(leaf) is Leaf:
            total += 1
        point.x = i
    return total, point.x, point.y, Leaf.made


print(main(120_000))
