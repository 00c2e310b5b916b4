# Inline caches of instances' values serve many classes: what one class does must not be seen in another.

class Base:
    def __init__(self):
        self.a = 1
        self.b = 2


class Plain(Base):
    pass


class Hidden(Base):
    pass


class Computed(Base):
    def __init__(self):
        super().__init__()
        self._x = 10

    @property
    def x(self):
        return self._x


def read_a(o):
    return o.a


def write_b(o, value):
    o.b = value


def warm(*objects):
    for _ in range(100):
        for o in objects:
            read_a(o)
            write_b(o, 5)


plain, hidden, computed = Plain(), Hidden(), Computed()
warm(plain, hidden, computed)
print(read_a(plain), read_a(hidden), read_a(computed))

# A property hides the instance's value in one class only.
Hidden.a = property(lambda self: 'hidden')
print(read_a(plain), read_a(hidden), read_a(computed), hidden.__dict__['a'])
del Hidden.a
print(read_a(plain), read_a(hidden), read_a(computed))

# And so does one of a common base, for all of them.
Base.b = property(lambda self: 'base', lambda self, value: print('set', value))
write_b(plain, 6)
write_b(hidden, 7)
print(plain.b, hidden.b, plain.__dict__['b'], hidden.__dict__['b'])
del Base.b
write_b(plain, 8)
print(plain.b, hidden.b)


# A class's value that becomes a data descriptor later.
class Late:
    def __init__(self, name):
        self.name = name


class Holder(Base):
    a = Late('a')


holder = Holder()
warm(plain, holder)
print(read_a(holder), read_a(plain))
Late.__get__ = lambda self, instance, owner: 'late ' + self.name
print(read_a(holder), read_a(plain))
Late.__set__ = lambda self, instance, value: print('late set', value)
print(read_a(holder), read_a(plain))
holder.a = 3
del Late.__set__
print(read_a(holder), read_a(plain))


# Classes that decide themselves.
class Own(Base):
    def __getattribute__(self, name):
        return ('own', name)


class Fallback(Base):
    def __getattr__(self, name):
        return ('missing', name)


class Setter(Base):
    def __setattr__(self, name, value):
        object.__setattr__(self, name, ('through', value))


own, fallback, setter = Own(), Fallback(), Setter()
warm(plain, own, fallback, setter)
print(read_a(own), read_a(fallback), fallback.c, read_a(setter))
write_b(setter, 9)
print(setter.b)
Plain.__getattribute__ = lambda self, name: 'taken over'
print(read_a(plain), read_a(hidden))
del Plain.__getattribute__
print(read_a(plain), read_a(hidden))


# The same names at other places of the object: slots, a native base, attributes in another order.
class Slotted(Base):
    __slots__ = ('a', 'extra')


class Listed(list):
    def __init__(self):
        self.a, self.b = 'list', 2


class Other:
    def __init__(self):
        self.b, self.a = 2, 'other'


class Failure(Exception):
    def __init__(self):
        self.a, self.b = 'failure', 2


class Meta(type):
    a = 'meta'


class Made(metaclass=Meta):
    b = 0


objects = [Slotted(), Listed(), Other(), Failure(), Plain(), Made]
warm(*objects)
print([read_a(o) for o in objects], [o.b for o in objects])

# An instance that changes its class.
moved = Plain()
warm(moved)
moved.__class__ = Computed
moved._x = 11
print(read_a(moved), moved.x)


# A base that hides, and a class between that shows again.
class Shows(Computed):
    x = 'plain'


shows = Shows()
shows.__dict__['x'] = 'own'
print([o.x for o in (computed, shows, computed, shows) for _ in range(30)][::30])


# `__dict__` and `__weakref__` are names like others in a class that takes them.
class Dict(Base):
    __dict__ = 'no dict'


odd = Dict()
for _ in range(50):
    for o in (odd, hidden):
        last = o.__dict__
print(odd.__dict__, last)
