"""Binary trees: allocation and freeing of many small tuples and objects."""


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def count(self):
        if self.left is None:
            return 1
        return 1 + self.left.count() + self.right.count()


def objects(depth):
    if depth == 0:
        return Node(None, None)
    return Node(objects(depth - 1), objects(depth - 1))


def tuples(depth):
    if depth == 0:
        return (None, None)
    return (tuples(depth - 1), tuples(depth - 1))


def check(t):
    left, right = t
    return 1 if left is None else 1 + check(left) + check(right)


def main(depth):
    long_lived = objects(depth)
    total = 0
    for d in range(4, depth, 3):
        for _ in range(1 << (depth - d)):
            total += objects(d).count() + check(tuples(d))
    return total, long_lived.count()


print(main(14))
