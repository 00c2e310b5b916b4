# A walk through the language.
def fib(n):
    return n if n < 2 else fib(n-1) + fib(n-2)
print(fib(20))
class A:
    def __init__(self, x): self.x = x
    def __repr__(self): return f"A({self.x!r})"
    def __add__(self, o): return A(self.x + o.x)
    @property
    def double(self): return self.x * 2
print(A(1) + A(2), A(3).double)
def gen(n):
    for i in range(n): yield i*i
print(list(gen(5)), sum(gen(10)))
d = {'a': 1, 'b': [1,2,3], (1,2): None}
print(d, d['a'], len(d))
try:
    d['zz']
except KeyError as e:
    print('KeyError', e)
print([x*2 for x in range(5) if x % 2], {x for x in 'abc'} == {'a','b','c'})
match (1, 2, 3):
    case (a, *rest): print(a, rest)
with_ = 0
class CM:
    def __enter__(self): print('enter'); return self
    def __exit__(self, *a): print('exit', a[0]); return True
with CM(): raise ValueError('x')
print(sorted([3,1,2], reverse=True), max(3,5), 'x'.join(['a','b']), 2**100, 1/3)
lam = lambda *a, k=3, **kw: (a, k, kw)
print(lam(1,2,k=5,z=6), lam(*[1], **{'q': 2}))
async def co(): return 42
try: co().send(None)
except StopIteration as e: print(e.value)
def handler():
    try:
        raise ValueError('in a function')
    except ValueError as error:
        seen = error.args
    x = 5
    del x
    return seen
print(handler(), handler())
print({1: [2]}.items() == {1: [2]}.items(), sorted({'a': 1, 'b': 2}.keys() & {'a'}))
