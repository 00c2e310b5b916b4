# The order of elements after every operation of sets, and what natives find in containers: a checksum for each.
import itertools
import random
import zlib
from collections import Counter


class Odd:
    """Equal hashes for different values."""

    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return self.n % 7

    def __eq__(self, other):
        return isinstance(other, Odd) and self.n == other.n

    def __repr__(self):
        return f"Odd({self.n})"


R = random.Random(2026)
SIZES = [0, 1, 3, 4, 5, 6, 10, 19, 20, 40, 77, 130, 300]


def elements(kind, n):
    return [
        lambda: R.randrange(-5, 3 * n + 5),
        lambda: R.randrange(1 << 40),
        lambda: R.randrange(50) * 32,
        lambda: R.randrange(16) / 2,
        lambda: (R.randrange(9), R.randrange(9)),
        lambda: Odd(R.randrange(40)),
    ][kind], n


OPERATIONS = {
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "compare": lambda a, b: [a <= b, a < b, a == b, a != b, a >= b, a > b, a.isdisjoint(b)],
    "copy": lambda a, b: a.copy(),
    "union": lambda a, b: a.union(list(b), b),
    "intersection": lambda a, b: a.intersection(list(b)),
    "difference": lambda a, b: a.difference(list(b), b),
    "symmetric": lambda a, b: a.symmetric_difference(list(b)),
    "dict": lambda a, b: a.union(dict.fromkeys(b)),
    "keys": lambda a, b: dict.fromkeys(b).keys() - a,
    "keys set": lambda a, b: set(dict.fromkeys(b).keys()),
    "list": lambda a, b: list(a) * 2 + list(b)[1:5],
    "find": lambda a, b: [x in list(b) for x in a] + [list(a).index(x) for x in a],
}
sums = dict.fromkeys(OPERATIONS, 0)
for step in range(600):
    make, n = elements(step % 6, R.choice(SIZES))
    a, b = {make() for _ in range(n)}, {make() for _ in range(R.choice(SIZES))}
    for _ in range(R.randrange(4)):
        if a:
            a.pop()
        b.discard(next(iter(b), None))
    if step & 1:
        a = frozenset(a)
    for name, operation in OPERATIONS.items():
        shown = repr(list(operation(a, b)))
        sums[name] = zlib.crc32(shown.encode(), sums[name])
    if a and step % 6 < 5:
        assert min(a) == sorted(a)[0] and max(a) == max(list(a)) == max(tuple(a)) == sorted(a)[-1]
        assert min(a, key=lambda x: (hash(x) % 3, x)) == sorted(a, key=lambda x: (hash(x) % 3, x))[0]
for name, sum_ in sums.items():
    print(name, sum_)
print(Counter("abracadabra"), Counter([1, 1.0, True, 2]))
print(list(itertools.product("ab", (1, 2), repeat=2))[5:9], [sum(t) for t in zip([1, 2], [3, 4], [5, 6])])
print(list(itertools.chain([1], (2,), range(2), "x", iter([5]))), list(reversed(range(10, 2, -3))))
nan = float("nan")
print(nan == nan, [nan] == [nan], nan in [nan], None == None, None == 0, [] == None, 0.0 == -0.0, 1 == True)
print(sorted([True, 2, False, 1, 0]), sorted([(True, 2), (False, 3), (True, 1), (1, 0)]))
