# Recursion without end, in Python and in what looks like it: an exception, and the program goes on.
import copy
import json
import sys


def attempt(name, function, *args):
    try:
        function(*args)
    except RecursionError:
        print(name, "RecursionError")
    except (TypeError, ValueError, SystemError) as error:
        print(name, type(error).__name__)
    else:
        print(name, "fine")


def endless(n=0):
    return endless(n + 1)


class Mirror:
    def __eq__(self, other):
        return self == other

    def __hash__(self):
        return hash(self)

    def __repr__(self):
        return repr(self)

    def __str__(self):
        return f"{self}"

    def __len__(self):
        return len(self)

    def __iter__(self):
        return iter(self)

    def __call__(self):
        return self()

    def __getattr__(self, name):
        return getattr(self, name + "x")

    def __add__(self, other):
        return self + other

    def __getitem__(self, key):
        return self[key]

    def __contains__(self, item):
        return item in self

    def __bool__(self):
        return bool(self)

    def __lt__(self, other):
        return self < other


m = Mirror()
attempt("call", endless)
attempt("eq", lambda: m == m)
attempt("hash", lambda: hash(m))
attempt("repr", lambda: repr(m))
attempt("str", lambda: str(m))
attempt("len", lambda: len(m))
attempt("iter", lambda: iter(m))
attempt("call object", lambda: m())
attempt("getattr", lambda: m.a)
attempt("add", lambda: m + 1)
attempt("getitem", lambda: m[0])
attempt("contains", lambda: 1 in m)
attempt("bool", lambda: bool(m))
attempt("lt", lambda: m < 1)
attempt("sort", lambda: sorted([m, m]))

itself = []
itself.append(itself)
print(itself, {"a": itself})
table = {}
table["self"] = table
print(table)

nested = []
for _ in range(100_000):
    nested = [nested]
attempt("repr of a deep list", repr, nested)
attempt("eq of deep lists", lambda: nested == copy.copy(nested) and nested[0] == [nested[0][0]])
attempt("json of a list in itself", json.dumps, itself)
attempt("hash of a deep tuple", lambda: None)
del nested

t = ()
for _ in range(100_000):
    t = (t,)
try:
    hash(t)
except RecursionError:
    pass
del t
print("deep tuples are freed")


class Node:
    pass


head = None
for _ in range(1_000_000):
    node = Node()
    node.next = head
    head = node
del node, head
print("a chain of a million objects is freed")

head = {}
for _ in range(300_000):
    head = {"next": head}
del head
head = lambda: 0
for _ in range(100_000):
    head = (lambda inner: lambda: inner)(head)
del head


def generators(n):
    g = iter(())
    for _ in range(n):
        g = (x for x in g)
    return g


attempt("generators in generators", lambda: list(generators(300)))
try:
    list(generators(50_000))
except RecursionError:
    pass
print("many generators in generators finish or are refused")

for wrong in (0, -1, "many", 2**40, 1.5):
    try:
        sys.setrecursionlimit(wrong)
    except (ValueError, TypeError, OverflowError) as error:
        print("setrecursionlimit", wrong, type(error).__name__)


def down(n):
    if n == 0:
        try:
            sys.setrecursionlimit(50)
        except RecursionError as error:
            print("RecursionError:", str(error)[:42])
        return
    down(n - 1)


down(100)
sys.setrecursionlimit(100_000)
attempt("with a limit of 100,000", endless)
sys.setrecursionlimit(1000)


def descend():
    try:
        descend()
    finally:
        try:
            descend
        except Exception:
            pass


attempt("finally", descend)


class Deep(type):
    def __instancecheck__(cls, other):
        return isinstance(other, cls)


class D(metaclass=Deep):
    pass


attempt("isinstance", lambda: isinstance(1, D))
nested_types = int
for _ in range(20_000):
    nested_types = (nested_types,)
attempt("isinstance of nested tuples", isinstance, "", nested_types)
print("done")
