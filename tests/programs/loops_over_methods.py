# Loops whose items come from __getitem__ or __next__ in Python: their ends, errors, and tables keyed by addresses.
import sys


class Seq:
    def __init__(self, n, error=IndexError):
        self.n, self.error = n, error

    def __getitem__(self, i):
        if i >= self.n:
            raise self.error(f"no {i}")
        return i, i * i


class Count:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        if self.n == 0:
            raise StopIteration("done")
        self.n -= 1
        return self.n


class LateIndexError(IndexError):
    pass


for error in (IndexError, StopIteration, LateIndexError, ValueError, KeyError):
    seen = []
    try:
        for a, b in Seq(3, error):
            seen.append(a + b)
        else:
            seen.append("else")
    except Exception as e:
        frames = []
        tb = e.__traceback__
        while tb:
            frames.append(tb.tb_frame.f_code.co_name)
            tb = tb.tb_next
        seen.append((type(e).__name__, str(e), frames, e.__context__))
    print(error.__name__, seen, sys.exception())

print([x for x in Count(4)], list(Count(3)), [a for a, _ in Seq(4)])

# The iterator goes on after an error at the item that failed, and stays at its end.
class Once:
    failed = False

    def __getitem__(self, i):
        if i == 1 and not Once.failed:
            Once.failed = True
            raise ValueError(i)
        if i == 3:
            raise IndexError
        return i


it = iter(Once())
for _ in range(2):
    try:
        for x in it:
            print("item", x)
    except ValueError as e:
        print("error", e)
print(list(it), next(it, "end"))

# The end of one loop inside the handler of another, and an exception kept by the method.
kept = []


class Keeps:
    def __getitem__(self, i):
        if i == 2:
            e = IndexError("kept")
            kept.append(e)
            raise e
        return i


try:
    1 / 0
except ZeroDivisionError:
    print([x for x in Keeps()], type(sys.exception()).__name__)
print(kept[0].__traceback__ is not None, type(kept[0].__context__).__name__)


def deep(n):
    for x in Count(1):
        return deep(n - 1) if n else x


print(deep(50))

# A loop so long that its jump needs an extended argument.
body = "\n".join(f"    total += a * {i} + b" for i in range(200))
space = {"Seq": Seq, "Count": Count}
exec(f"total = 0\nfor a, b in Seq(5):\n{body}\nend = 'after'\nfor c in Count(3):\n    a, b = c, 1\n{body}", space)
print(space["total"], space["end"])


def traced(frame, event, arg):
    events.append((frame.f_code.co_name, event))
    return traced


events = []


def loop():
    for a, b in Seq(1):
        pass


sys.settrace(traced)
loop()
sys.settrace(None)
print([e for e in events if e[1] != "line"])

l = [1, 2, 3]
m = [1, 2, 3]
l.append(4)
print(l, m, [*"ab"], [(), "x", None], [10**20, 1.5, 7])
objects = [object() for _ in range(1000)]
table, members = {id(o): i for i, o in enumerate(objects)}, set(objects)
print(all(table[id(o)] == i for i, o in enumerate(objects)), all(o in members for o in objects), object() in members)
classes = {int: 1, str: 2, Seq: 3, (1, "a"): 4, frozenset((1, 2)): 5}
print(classes[Seq], classes[1, "a"], classes[frozenset((2, 1))], bool in classes, (1, []) in [(1, [])])
for unhashable in ([], (1, []), {}):
    try:
        unhashable in classes
    except TypeError as e:
        print(e)
a, b, c = 1 << 62, (1 << 63) + 5, -(1 << 70)
print(a ^ b, a & c, b | c, a + a, b - c, a * a, a * 3, b >> 3, c >> 200, a - (1 << 62), True + a, a ^ True)
print({1, 2} <= {1, 2, 3}, {1} < {1}, frozenset((1, 2)) == {2, 1}, {1} != {2}, {1, 2} >= {2}, {1} > {0}, {1, 2} > {2})
