"""Dicts: string, int and tuple keys; get, setdefault, in, items, update, comprehension, deletion, counting."""

WORDS = ("the quick brown fox jumps over the lazy dog and then some more words come along the way " * 50).split()


def words():
    counts = {}
    for _ in range(60):
        for word in WORDS:
            counts[word] = counts.get(word, 0) + 1
        for word in WORDS:
            if word in counts:
                counts[word] += 1
            else:
                counts[word] = 1
    return sum(counts.values())


def ints(n):
    d = {}
    for i in range(n):
        d[i] = i
    total = 0
    for i in range(n):
        total += d[i]
    for i in range(0, n, 2):
        del d[i]
    for key, value in d.items():
        total += key ^ value
    return total, len(d)


def tuples(n):
    d = {}
    for x in range(n):
        for y in range(n):
            d[x, y] = x * y
    return sum(d[x, x] for x in range(n))


def grouping(n):
    groups = {}
    for i in range(n):
        groups.setdefault(i % 97, []).append(i)
    squares = {k: len(v) for k, v in groups.items()}
    merged = {**squares, "a": 1}
    merged.update(squares)
    return sum(squares.values()), len(merged)


print(words(), ints(300_000), tuples(300), grouping(300_000))
