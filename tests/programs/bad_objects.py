# Objects that misbehave: exceptions in __del__, __hash__ and __eq__ that change the dict, methods that give nonsense.
import gc
import sys
import weakref

sys.unraisablehook = lambda args: print("unraisable:", args.exc_type.__name__, args.exc_value)


class Bad:
    def __del__(self):
        raise ValueError("in __del__")


Bad()
b = Bad()
b.itself = b
del b
gc.collect()


class Back:
    def __del__(self):
        kept.append(self)


kept = []
Back()
print(len(kept))
kept.clear()
print(len(kept))


def callback(reference):
    raise KeyError("in a callback")


class Plain:
    pass


p = Plain()
reference = weakref.ref(p, callback)
del p


def generator():
    try:
        yield
    finally:
        raise OSError("while closed")


g = generator()
next(g)
del g

table = {}


class Emptying:
    def __init__(self, number):
        self.number = number

    def __hash__(self):
        table.clear()
        table[len(table)] = self.number
        return 1

    def __eq__(self, other):
        table.clear()
        for i in range(50):
            table[i] = i
        return False


for i in range(5):
    table[Emptying(i)] = i
print(len(table) > 0)


class Growing:
    def __hash__(self):
        return 1

    def __eq__(self, other):
        if len(many) < 200:
            many.add(len(many) + 1000)
        return False


many = set()
for _ in range(20):
    many.add(Growing())
print(len(many) >= 20)

numbers = {1: 1, 2: 2, 3: 3}
try:
    for key in numbers:
        numbers[key + 100] = 1
except RuntimeError as error:
    print(error)
items = [1, 2, 3]
for item in items:
    if len(items) < 1000:
        items.append(item)
print(len(items))


class Vanishing:
    def __lt__(self, other):
        victims.clear()
        return True


victims = [Vanishing() for _ in range(10)]
try:
    victims.sort()
except ValueError as error:
    print(error)

for name, value in {
    "__len__": -1,
    "__hash__": "no number",
    "__bool__": 2,
    "__index__": 1.5,
    "__str__": 3,
    "__repr__": None,
    "__iter__": 7,
    "__int__": "x",
    "__float__": "x",
    "__format__": 1,
    "__bytes__": "text",
    "__complex__": 1,
    "__length_hint__": "x",
    "__contains__": [],
}.items():
    nonsense = type("Nonsense", (), {name: lambda self, *args, value=value: value})()
    for function in (len, hash, bool, str, repr, iter, int, float, format, bytes, complex, list, lambda x: 1 in x, lambda x: [1, 2][x]):
        try:
            function(nonsense)
        except (TypeError, ValueError) as error:
            if function.__name__.strip("_") in name or name in ("__index__", "__contains__"):
                print(name, function.__name__, error)


class Meta(type):
    def mro(cls):
        return [cls, int, str] if cls.__name__ == "Odd" else super().mro()


try:

    class Odd(metaclass=Meta):
        pass

    print(Odd)
except TypeError as error:
    print("mro:", type(error).__name__)


class Names:
    def __getattribute__(self, name):
        raise RuntimeError(name)


for function in (str, len, iter, dir, vars, callable, hash):
    try:
        function(Names())
    except (RuntimeError, TypeError) as error:
        print(function.__name__, type(error).__name__)

b = bytearray(b"abc")
view = memoryview(b)
try:
    b.append(1)
except BufferError as error:
    print(error)
view.release()
b.append(1)
print(b)
