"""Native operations of every kind, a little of each: what the profile would not see otherwise.

Each line of OPERATIONS is run some thousand times with the names of `setup`.
"""
import json
import math
import random
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial, reduce
from heapq import heapify, heappop, heappush, heapreplace, merge, nlargest, nsmallest
from itertools import (
    accumulate, batched, chain, combinations, compress, count, cycle, dropwhile, groupby, islice,
    pairwise, permutations, product, repeat, starmap, takewhile, tee, zip_longest,
)
from operator import add, attrgetter, itemgetter, mul


class O:
    pass


def setup():
    names = dict(globals())
    o = O()
    o.x = 3
    objs = []
    for i in range(100):
        p = O()
        p.x = i * 37 % 101
        objs.append(p)
    names.update(o=o, objs=objs,
      l=list(range(100)), l10=list(range(10)), t10=tuple(range(10)), t3=(1,2,3), u3=(1,2,3), ts=('a','b','c'),
      fl=[i*1.5 for i in range(100)], sl=[str(i) for i in range(100)],
      d={i:i for i in range(100)}, ds={str(i):i for i in range(100)}, dt={(i,i+1):i for i in range(100)},
      s=set(range(100)), s10=set(range(5,15)), fs=frozenset(range(8)), fs2=frozenset(range(4,12)),
      big=12345678901234567890123, big2=98765432109876543210, b2=2**64+1, b3=2**70+5, huge=3**2000, huge2=7**1500,
      x=1.5, y=2.75, i=12345, j=77, pairs=[(i*37%101, i) for i in range(100)], tl=[(i*37%101,'x') for i in range(100)],
      dd=defaultdict(int), ddl=defaultdict(list), cnt=Counter(), dq=deque(range(10)), hp=list(range(50)),
      od=OrderedDict((str(i),i) for i in range(20)), f1=Fraction(3,7), f2=Fraction(5,11), dc=Decimal('1.25'), dc2=Decimal('3.5'),
      words=['the','quick','brown','fox','the','lazy','dog','the']*5, st='abcdefghij'*3, key0=itemgetter(0), ig2=itemgetter(0,1), ax=attrgetter('x'),
      rows=[(1,2,3)]*10, js='{"a": 1, "b": [1,2,3, 4.5, "x"], "c": {"d": null, "e": true}}', jl=json.loads, jd=json.dumps,
      rnd=random.random, rint=random.randint, rb=random.Random(1), ba=bytes(range(16)), P=namedtuple('P','x y'),
      part=partial(pow,2), lc=lru_cache(None)(lambda a:a), big4=2**62, mat=[[1]*10 for _ in range(10)], dk={'a':1,'b':2,'c':3}, nest=[[i,i+1] for i in range(20)])
    return names


OPERATIONS = """
[x for x in l]
{x for x in l}
{x:x for x in l}
{x:0 for x in sl}
{'a':i,'b':j,'c':3}
{'a':i,'b':j,'c':3,'d':4,'e':5,'f':6,'g':7,'h':8}
{i:1,j:2}
{i,j,3}
set(l)
set(t3)
frozenset(l10)
frozenset(t3)
dict(ds)
dict(a=1,b=2)
dict(pairs)
dict(zip(sl,l))
dict.fromkeys(l)
list(d)
list(d.items())
list(d.values())
sorted(d)
for k in d: pass
for k,v in d.items(): pass
for k in s: pass
d.get(50)
dt.get((50,51))
dt[(50,51)]
dt.setdefault((50,51),0)
d.pop(3,0); d[3]=3
dt[50,51]=1; del dt[50,51]
(50,51) in dt
d.copy()
d == d.copy()
{**dk, 'z':1}
dk | dk
d.update(dk); 
dd[i]+=1
ddl[3].append(1) if len(ddl[3])<1000 else ddl.clear()
cnt['a']+=1
Counter(words)
cnt.update(words)
cnt.most_common(1)
Counter(words).most_common(3)
dq.append(1); dq.popleft()
dq.appendleft(1); dq.pop()
dq.rotate(1)
dq[3]
for k in dq: pass
deque(l)
l[10:20]
l[:]
l[::2]
l[::-1]
l10+l10
l10*5
[0]*100
[*l10,*l10]
l10.copy()
l10.insert(3,1); del l10[3]
l10.append(1); l10.pop()
l10.insert(0,1); l10.pop(0)
l10.extend(t3); del l10[-3:]
l10[2:4]=[2,3]
l10 == list(l10)
t10 == tuple(l10)
t3 == u3
t3 < u3
pairs[3] < pairs[4]
ts == ('a','b','d')
hash(t3)
hash(t10)
hash(big)
hash(x)
l.index(90)
l.count(5)
90 in l
9 in t10
'j' in sl
tuple(l)
list(t10)
list(range(100))
l.reverse()
sorted(l)
sorted(pairs)
sorted(tl)
sorted(fl)
sorted(sl)
sorted(pairs, key=key0)
sorted(pairs, key=lambda p:p[1])
sorted(objs, key=ax)
sorted(sl, key=len)
sorted(l, reverse=True)
sorted(words)
min(l)
max(fl)
min(i,j)
max(i,j,3)
min(pairs, key=key0)
max(l, key=lambda q:-q)
sum(l)
sum(fl)
sum(x*x for x in l)
any(q>90 for q in l)
all(l)
all(q<1000 for q in l)
len(l)
abs(-i)
divmod(i,j)
pow(i,j,1000)
pow(2,10)
i**3
i//j
i%j
-i
i<<3
i>>3
i&j
~i
i/j
x//y
x%y
x**y
divmod(x,y)
round(x)
round(y,1)
int(x)
float(i)
int('12345')
float('1.25')
str(i)
str(x)
repr(y)
f'{x:.2f}'
'%.3f' % x
f'{i:5d}'
f'{i}'
'%d' % i
big+big2
big-big2
big+1
big*big2
big//j
big//big2
big%big2
big%j
big<big2
big==big2
b2+b3
b2*3
b2>>5
b2&b3
big>>10
1<<70
big4+big4
huge+huge2
huge*huge2
huge//huge2
str(big)
int(big)
-big
int('12345678901234567890123')
i.bit_length()
i.to_bytes(4,'big')
int.from_bytes(ba,'big')
bin(i)
math.gcd(i,j)
math.sqrt(x)
math.floor(x)
math.isqrt(i)
math.sin(x)
math.hypot(x,y)
math.prod(l10)
x.is_integer()
list(chain(l10,l10))
list(chain.from_iterable(rows))
list(map(str,l))
list(map(abs,l))
list(map(lambda q:q,l))
list(map(add,l,l))
list(filter(None,l))
list(filter(lambda q:q,l))
list(zip(l,l))
list(zip(*rows))
zip(*mat)
list(zip(l10,l10,l10))
list(enumerate(l))
list(reversed(l))
list(islice(l,10,20))
list(islice(count(),20))
list(takewhile(lambda q:q<50,l))
list(dropwhile(lambda q:q<50,l))
list(accumulate(l))
list(accumulate(l,mul))
list(product(l10,l10))
list(product('ab',repeat=3))
list(combinations(l10,2))
list(permutations(range(4)))
list(groupby(l10))
[list(g) for k,g in groupby(words)]
list(repeat(1,20))
list(islice(cycle(t3),20))
list(starmap(add,pairs))
list(pairwise(l10))
list(batched(l,5))
list(zip_longest(l10,t3))
list(compress(l10,t10))
tee(l10)
for a,b in zip(l,l): pass
for a,b in enumerate(l): pass
for a in reversed(l): pass
for a in chain(l10,l10): pass
for a in map(abs,l): pass
next(iter(l))
iter(l)
reduce(add,l)
reduce(lambda a,b:a+b,l)
part(5)
lc(3)
heappush(hp,25); heappop(hp)
heapreplace(hp,25)
heapify(l[::-1])
nsmallest(3,l)
nlargest(3,l)
h=[]; [heappush(h,p) for p in pairs]; [heappop(h) for _ in pairs]
list(merge(l10,l10))
key0(t3)
ig2(t3)
ax(o)
s|s10
s&s10
s-s10
s^s10
fs|fs2
fs&fs2
fs-fs2
fs<=fs2
fs==fs2
hash(frozenset(t3))
s10.issubset(s)
s.copy()
s10.add(7)
s10.discard(500)
s10.isdisjoint(fs)
7 in s
(7,8) in s
s.update(l10)
set(sl)
f1+f2
f1*f2
f1<f2
f1==f2
Fraction(6,4)
float(f1)
hash(f1)
dc+dc2
dc*dc2
dc/dc2
Decimal('1.25')
str(dc)
dc.quantize(dc2)
rnd()
rint(1,100)
rb.choice(l)
rb.shuffle(l10); l10.sort()
rb.sample(l,5)
rb.randrange(10)
rb.gauss(0,1)
rb.uniform(1,2)
jl(js)
jd(dk)
jd(l)
struct.pack('<IHB',1,2,3)
struct.unpack('<IHB',b'1234567')
P(1,2)
P(1,2).x
od['5']
od['zz']=1; del od['zz']
od.move_to_end('3')
list(od.items())
complex(x,y)*2
range(10)
len(range(10))
5 in range(10)
for q in range(100): pass
isinstance(i,int)
divmod(big,j)
[[0]*10 for _ in range(10)]
[r[:] for r in mat]
[sum(r) for r in mat]
{k:v for k,v in pairs}
{p for p in pairs}
{(a,b) for a,b in pairs}
[a+b for a,b in pairs]
tuple(q for q in l)
list(q for q in l)
''.join([str(q) for q in l10])
''.join(sl)
a,b,c=t3
a,*b=l10
del l[:0]
nest.sort()
x+y
x*y
x<y
i==j
i+j
i*j
x==i
i<x
i in (1,2,3)
bool(l)
l and 1
d.keys()
d.keys() & s10
set(d)
d.items() >= dk.items()
list(dict.fromkeys(words))
i.__add__(j)
bytes(l)
bytearray(l)
tuple(map(int,sl))
"""


def main():
    for line in OPERATIONS.strip().splitlines():
        names = setup()
        exec(f"def f(n):\n  for _ in range(n):\n    {line}\nf(1000)", names)
    print("done")


main()
