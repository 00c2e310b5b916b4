"""Generators: plain, nested with yield from, send, expressions; a recursive tree walk."""


class Tree:
    def __init__(self, left, value, right):
        self.left = left
        self.value = value
        self.right = right

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def build(values):
    n = len(values)
    if n == 0:
        return None
    middle = n // 2
    return Tree(build(values[:middle]), values[middle], build(values[middle + 1 :]))


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def running():
    total = 0
    while True:
        got = yield total
        total += got


def pipeline(n):
    evens = (x for x in count(n) if x % 2 == 0)
    squares = (x * x for x in evens)
    return sum(squares)


def main():
    tree = build(range(20_000))
    total = 0
    for _ in range(4):
        for value in tree:
            total += value
    accumulate = running()
    next(accumulate)
    for i in range(300_000):
        total += accumulate.send(1)
    total += pipeline(600_000)
    total += sum(x for x in range(500_000))
    return total


print(main())
