# What bad input and extreme programs get: an exception, never a crash.
def rec(n): return rec(n+1)
try: rec(0)
except RecursionError as e: print('RecursionError', e)
l = []
for _ in range(300000): l = [l]
del l
a = []; a.append(a); print(a)
class N: pass
h = None
for _ in range(300000):
    n = N(); n.next = h; h = n
del h
try: 'x' * 10**13
except MemoryError: print('MemoryError')
try: [0] * 10**13
except MemoryError: print('MemoryError')
class E:
    def __eq__(self, o): return self == o
try: E() == E()
except RecursionError: print('rec eq')
d = {}
class K:
    def __hash__(self): d.clear(); d[1]=2; return 5
d[K()] = 3
print(len(d))
try: exec('('*100 + ')'*100 + '(')
except SyntaxError as e: print('SE', e.msg)
try: eval('['*100000)
except (SyntaxError, MemoryError) as e: print(type(e).__name__, e)
def g():
    try:
        yield 1
        yield 2
    finally: print('closed')
it = g(); next(it); del it
try:
    try: 1/0
    except ZeroDivisionError as e: raise ValueError('v') from e
except ValueError as e: print(repr(e.__cause__))
try:
    raise ExceptionGroup('g', [ValueError(1), TypeError(2)])
except* ValueError as eg: print('star', eg.exceptions)
except* TypeError as eg: print('star2', eg.exceptions)
class M(type):
    def __new__(m, n, b, ns): return super().__new__(m, n, b, ns)
class X(metaclass=M):
    __slots__ = ('a', 'b')
x = X(); x.a = 1
try: x.c = 2
except AttributeError as e: print(type(e).__name__)
print(X.__mro__, isinstance(x, X), type(X))
print(f"{3.14159:.2f} {255:#x} {'hi':>5}|{1_000_000:,}", '%5.1f %s %d' % (2.5, 'a', 7), '{0} {a[k]}'.format(1, a={'k': 2}))
x = 1
def outer():
    y = 10
    def inner():
        nonlocal y
        y += x
        return y
    return inner
f = outer(); print(f(), f())
