"""Instructions that are done along with their neighbours: what they do stays what each does alone."""
import sys
from array import array


class Loud:
    """Says when it goes, and what the function's variables are by then."""

    def __init__(self, name):
        self.name = name

    def __del__(self):
        frame = sys._getframe(1)
        seen = {k: v for k, v in frame.f_locals.items() if isinstance(v, int)}
        print("gone:", self.name, seen)


def in_order():
    a, b = Loud("a"), Loud("b")
    a, b = 1, 2
    print(a, b)
    a, b, c = Loud("a"), Loud("b"), Loud("c")
    items = [1, 2, 3]
    a, b, c = items
    print(a, b, c)
    same = Loud("same")
    a = b = c = same
    del same
    a, b, c = (4, 5, 6)
    print(a, b, c)


class Emptier:
    def __init__(self, items):
        self.items = items

    def __del__(self):
        self.items.clear()


def emptied_while_unpacked():
    items = [10, 20, 30, 40]
    a = Emptier(items)
    a, b, c, d = items
    print(a, b, c, d, items)


def the_only_reference():
    a = (1.5, "text" * 2, [1], {})
    a, b, c, d = a
    print(a, b, c, d)
    a = ["x" * 3, "y" * 3]
    b, a = a
    print(a, b)
    (a, b), c = (b, a), [a, b]
    print(a, b, c)
    for a, b, c, d, e in [(1, 2, 3, 4, 5), "abcde", range(5)]:
        print(a, b, c, d, e)
    a, a, a = 1, 2, 3
    print(a)
    try:
        a, b, c = 1, 2
    except ValueError as error:
        print(error)


def augmented():
    row, i = [1, 2.5, "s"], 0
    row[i] += 1
    row[1] *= 2
    row[-1] += "t"
    table = {"k": [1]}
    table["k"] += [2]
    table["k"][0] -= 5
    print(row, table)

    def other():
        nonlocal row
        row = None
        return 7

    row[0] += other()
    print(row)

    def replaced(v, j):
        v[j] += (v := [9])[0]
        return v

    kept = [1]
    print(replaced(kept, 0), kept)
    try:
        row = [1]
        row[5] += 1
    except IndexError as error:
        print(error)


def conditions(a, b):
    return a and b, a or b, not a and b, (a or b) and a, a and 5, a or 6


def statements():
    got = yield
    print("got", got)
    yield
    got = yield 3
    print("got", got)


def effects():
    for _ in range(2):
        None
        len("")
    run = statements()
    for value in run:
        print("value", value)
    run = statements()
    print(next(run), run.send("x"), next(run))
    try:
        run.send("y")
    except StopIteration as stop:
        print("stop", stop.value)


def arrays():
    floats = array("d", [0.0, -0.0, 1.5, float("inf"), 5e-324])
    print([floats[i] for i in range(-5, 5)])
    total = 0.0
    for i in range(5):
        total += floats[i] * 0.0 if i != 3 else 0.0
    print(total, 0.0 * -1.0, 0.0 - 0.0, -0.0 + 0.0, 5e-324 + 5e-324, 1e308 * 10.0)
    for code, values in {"b": [-128, 127], "H": [0, 65535], "q": [-(2**63), 2**63 - 1], "f": [0.5]}.items():
        items = array(code, values)
        items[0] = values[-1]
        print(code, [items[i] for i in range(len(items))], items[-1])
    for index, value in [(5, 1.0), (-6, 1.0), (0, "x"), (2**70, 0.0)]:
        try:
            floats[index] = value
        except (IndexError, TypeError) as error:
            print(type(error).__name__, error)
        try:
            print(floats[index])
        except IndexError as error:
            print(error)

    class Doubled(array):
        def __getitem__(self, index):
            return super().__getitem__(index) * 2

        def __setitem__(self, index, value):
            super().__setitem__(index, value + 1)

    doubled = Doubled("i", [1, 2, 3])
    for i in range(3):
        doubled[i] = doubled[i]
    print(list(doubled), doubled[0])
    doubled.__class__.__getitem__ = lambda self, index: "other"
    print(doubled[0])


class Base:
    def name(self):
        return "Base"

    @classmethod
    def made(cls):
        return cls.__name__

    @property
    def prop(self):
        return "prop"


class Middle(Base):
    def name(self):
        return "Middle/" + super().name()

    @classmethod
    def made(cls):
        return "Middle." + super().made()

    @property
    def prop(self):
        return "middle " + super().prop


class Side(Base):
    def name(self):
        return "Side/" + super().name()


class Both(Middle, Side):
    pass


def supers():
    for _ in range(3):
        print([c().name() for c in (Middle, Both, Side)], Both.made(), Both().made(), Both().prop)
    Side.name = lambda self: "changed"
    print(Both().name())
    del Side.name
    print(Both().name())
    Base.name = staticmethod(lambda: "static")
    print(Middle().name())

    class Odd(Base):
        def name(self):
            return super(Odd, self).name(), super().__class__, super().__init__()

    for _ in range(3):
        print(Odd().name())


def ranges():
    for args in [(3,), (2, 5), (5, 2), (0, 7, 3), (7, 0, -3), (0, -7, -7), (0, 1, 5), (-3,), (3, 3, -1)]:
        got = []
        for i in range(*args):
            got.append(i)
        print(args, got)
    got = []
    for i in range(2, 9, 3):
        for j in range(i):
            got.append(j)
        for j in range(i, -i, -4):
            got.append(j)
    print(got)
    big = 2**61 - 2
    for i in range(big, big + 3):
        got = i
    print(got == big + 2)
    for wrong in [(1, 2, 0), (1.5,), ("a",)]:
        try:
            if len(wrong) == 3:
                for i in range(1, 2, wrong[2]):
                    pass
            else:
                for i in range(wrong[0]):
                    pass
        except (TypeError, ValueError) as error:
            print(error)


def classes():
    known = frozenset({int, str, type(None), Base})
    kinds = {int, list}
    values = [1, "s", None, 1.5, True, Base(), Middle(), [], 2**70]
    print([type(v) in known for v in values], [type(v) in kinds for v in values])
    print([type(v).__name__ for v in values], [getattr(v, "missing", "no") for v in values])


for _ in range(3):
    in_order()
    emptied_while_unpacked()
    the_only_reference()
    augmented()
print([conditions(a, b) for a in (True, False) for b in (True, False)])
print([conditions(a, b) for a in (0, 1, "", None) for b in (True, [])])
effects()
arrays()
supers()
ranges()
classes()
