"""Corners of the short ways that loops, sets, slices, sorting and float arithmetic take."""
from array import array
import heapq, itertools, sys


class Eq:
    def __init__(self, n): self.n = n
    def __hash__(self): return 1
    def __eq__(self, other): return isinstance(other, Eq) and self.n == other.n
    def __repr__(self): return f"Eq({self.n})"


# sets: places, growth, removal, elements that must be asked
s = set()
for i in range(40):
    s.add(i * 7 % 41)
    if i % 5 == 0:
        s.discard(i)
print(s, len(s))
s = {Eq(1), Eq(2), Eq(1), 1, True, 1.0, (1, 2), (1.0, 2), "a", -1, -2}
print(len(s), Eq(2) in s, (True, 2.0) in s, sorted(map(repr, s)))
a, b = frozenset(range(0, 30, 2)), frozenset(range(0, 30, 3))
print(a & b, a | b, a - b, a ^ b, type(a & set(b)), type(set(a) - b))
print({Eq(i) for i in range(5)} & {Eq(i) for i in range(3, 9)} == {Eq(3), Eq(4)})
print(set("hello") == frozenset("hello"), {0, -0.0, False}, set(range(3)) <= {0, 1, 2, 3})

# pairs of a loop that are taken apart at once
d = {"a": 1, "b": 2, "c": 3}
print([k * v for k, v in d.items()], [(i, x) for i, x in enumerate("xyz", 5)])
for x, y in zip([1, 2, 3], [4, 5]):
    print(x, y, end=" ")
for x, y in zip([(1, 2), (3, 4)], itertools.count()):
    print(x, y, end=" ")
print()
try:
    for k, v in d.items():
        d[k + "!"] = v
except RuntimeError as e:
    print(e)
try:
    for x, y in zip([1, 2], [3], strict=True):
        print(x, y)
except ValueError as e:
    print(e)
for n, x in enumerate([5, 6], 2**61 - 2):
    print(n, x, end=" ")
print()
def pairs():
    yield 1, 2
    return
for x, y in pairs(): print(x, y)
kept = [p for p in enumerate("ab")]
print(kept)

# floats that are no words
big, tiny, zero = 1e200, 1e-200, 0.0
x = big
for i in range(3):
    x = x * 1.5 + big
    y = x
    x = x - tiny
print(x, y, big, tiny * tiny, big * big, -zero, zero * -1, zero + -zero)
acc = 0.0
for i in range(5):
    acc += 0.0
    acc -= -0.0
print(acc, acc * big, 1e300 / 1e-300 if big else 0, [v for v in (0.0, -0.0, 1e300) if v > 0.0])

# slices
l = list(range(10))
m = l
l[:5] = l[4::-1]
l[2:4] = l[3:5]
print(l, l is m, l[::-1], l[8:2:-1], l[-1:-11:-2], l[5:5], l[::3])
t = l[1:4]
l[1:4] = t
print(l, t)
l[2:4] = (v * 2 for v in (1, 2, 3))
l[0:2] = []
print(l, [0] * 4, [1, 2] * 2, (1,) + (2, 3), () + (1,), (1, 2) * 0, [] + [1])

# sorting and comparing
print(sorted([3, 1, 2], reverse=True), sorted([2.5, -1.5]), sorted([True, 0, 2, False]))
print(sorted([(1, "b"), (1, "a"), (True, "c"), (0,)]), sorted([(1, 2), (1,), ()]))
print(sorted([5, 1.5, 3, -2]), min((2, "x"), (2, "a")), max([1, True]), max([True, 1]))
try:
    sorted([(1, 2), (1, "a")])
except TypeError as e:
    print(e)
nan = float("nan")
print((nan,) == (nan,), (nan,) < (nan,), (1, nan) < (1, nan, 2), [nan] == [nan])
h = [(3, "c"), (1, "z"), (1, "a")]
heapq.heapify(h)
print([heapq.heappop(h) for _ in range(3)])

# comprehensions and conditions
print([x for x in range(40) if x % 9 == 0], [y for x in (1, 2) for y in range(x)])
print([x for x in [1, 2, 3] if x > 1], tuple(x for x in range(5)), [*range(3)], list(range(3, 0, -1)))
def f(n):
    out = []
    for i in range(n):
        if i == 3: continue
        if not i < 6: break
        if i > 1 and i != 4: out.append(i)
    return out
print(f(9), list(range(0)), tuple(range(4)), set(range(0)))

# arrays
for code, values in ("d", [0.0, 1.5]), ("f", [0.5]), ("b", [-1, 127]), ("B", [255]), ("h", [-2]), ("H", [9]), ("i", [-3]), ("I", [7]), ("q", [-2**63]), ("Q", [2**64 - 1]), ("l", [5]):
    arr = array(code, values)
    arr[0] = arr[-1]
    print(code, arr[0], arr, end="; ")
    try:
        arr[len(arr)]
    except IndexError as e:
        print(e, end="; ")
    try:
        arr[0] = 2**70
        print(arr[0])
    except (OverflowError, TypeError) as e:
        print(type(e).__name__)
