"""Lists and tuples: append, pop, slices, index, comprehension, unpacking, zip, enumerate, copies, in, reverse."""


def build(n):
    a = []
    for i in range(n):
        a.append(i)
    b = [x * 2 for x in a if x & 1]
    c = list(range(n))
    d = a + c
    total = 0
    for i, x in enumerate(d):
        total += i ^ x
    for x, y in zip(a, c):
        total += x - y
    while a:
        total += a.pop()
    return total + len(b)


def rotate(n):
    a = list(range(100))
    for _ in range(n):
        a = a[1:] + a[:1]
        a[0], a[-1] = a[-1], a[0]
        x, y, *rest = a
        a[3] = x + y
    return a[:5]


def matrix(n):
    m = [[i * j for j in range(n)] for i in range(n)]
    t = [list(row) for row in zip(*m)]
    total = 0
    for i in range(n):
        row = m[i]
        for j in range(n):
            total += row[j] * t[j][i]
    return total


def search(n):
    a = [str(i) for i in range(50)]
    hits = 0
    for i in range(n):
        if "25" in a:
            hits += a.index("30")
    a.reverse()
    return hits, max(a), min(a), len(a)


print(build(400_000), rotate(60_000), matrix(300), search(30_000))
