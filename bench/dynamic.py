"""Dynamic Python: *args and **kwargs, descriptors, __getattr__, metaclasses, ABCs, exceptions, sets, bytes, context managers."""

import abc
import collections
import contextlib
import operator


class Meta(type):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        made.kind = cls.__name__
        return made


class Record(metaclass=Meta):
    def __init__(self, *fields, **named):
        self.fields = fields
        self.__dict__.update(named)

    def __getattr__(self, name):
        if name.startswith("f") and name[1:].isdigit():
            return self.fields[int(name[1:])]
        raise AttributeError(name)

    def __eq__(self, other):
        return self.__class__ is other.__class__ and self.fields == other.fields

    def __hash__(self):
        return hash(self.fields)

    def __lt__(self, other):
        return self.fields < other.fields

    def __getitem__(self, index):
        return self.fields[index]

    def __len__(self):
        return len(self.fields)

    def __iter__(self):
        return iter(self.fields)

    def __contains__(self, value):
        return value in self.fields

    def __add__(self, other):
        return type(self)(*self.fields, *other.fields)


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    __slots__ = ("side",)

    def __init__(self, side=1):
        self.side = side

    def area(self):
        return self.side * self.side


Shape.register(Record)


def passing(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner


@passing
def add(a, b=2, *rest, scale=1):
    return (a + b + len(rest)) * scale


@contextlib.contextmanager
def counted(counter, name):
    counter[name] += 1
    try:
        yield counter
    finally:
        counter["end"] += 1


def run(n):
    counter = collections.Counter()
    total = 0
    records = []
    for i in range(n):
        record = Record(i, i % 7, colour="red")
        records.append(record)
        total += record.f0 + getattr(record, "missing", 3) + hasattr(record, "colour")
        total += add(i, *record.fields, scale=2) + add(i, b=3) + add(**{"a": 1, "scale": i})
        total += isinstance(record, Shape) + isinstance(i, (str, Shape)) + issubclass(Square, Shape)
        total += len(record + record) + record[1] + (3 in record) + sum(record)
        try:
            if i % 3 == 0:
                raise ValueError(i)
            {}[i]
        except (KeyError, IndexError) as error:
            total += error.args[0]
        except ValueError:
            total += 1
        finally:
            counter["tried"] += 1
        with counted(counter, record.kind):
            total += Square(i).area() if i % 2 else Square(side=3).area()
        del record.colour
        total += len(type(record).__name__) + len(record.__class__.__mro__)
    unique = set(records) | {Record(1, 1), Record(-1)}
    records.sort(reverse=True)
    records.sort(key=operator.attrgetter("f1"))
    return total, len(unique), records[0][0], sorted(counter.items())


def bits(n):
    data = bytearray()
    for i in range(n):
        data += bytes((i & 255, i >> 8 & 255))
    view = memoryview(data)
    words = view.cast("H")
    total = sum(words) + sum(data[::3]) + data.count(b"\x01")
    total += int.from_bytes(data[:16], "little") % 1000003
    small = {i % 50 for i in range(n)} & frozenset(range(0, 100, 3)) ^ {1, 2, 3}
    total += len(small) + len(bytes(data).translate(bytes(range(255, -1, -1))).split(b"\xff"))
    queue = collections.deque(maxlen=100)
    for i in range(n):
        queue.append(i)
        if i % 3 == 0:
            queue.rotate(1)
        total += queue[0]
    groups = collections.defaultdict(list)
    for i in range(n):
        groups[i % 13].append(i)
    a, *rest = groups[5]
    first, (second, third) = rest[0], rest[1:3]
    return total, a, first, second, third


for _ in range(6):
    print(run(1500), bits(5000))
