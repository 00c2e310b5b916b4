"""sorted and list.sort: ints, strings, floats, tuples, with keys, reversed, already sorted; a sort written in Python."""


def numbers(n, seed=42):
    out = []
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(seed)
    return out


class Item:
    def __init__(self, key):
        self.key = key

    def __lt__(self, other):
        return self.key < other.key


def quicksort(a, low, high):
    while low < high:
        pivot = a[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while a[i] < pivot:
                i += 1
            while a[j] > pivot:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        quicksort(a, low, j)
        low = i


def main():
    ints = numbers(100_000)
    floats = [x / 7 for x in ints]
    strings = [str(x) for x in ints]
    pairs = [(x % 1000, x) for x in ints]
    total = sorted(ints)[5] + int(sorted(floats)[5]) + int(sorted(strings)[5])
    total += sorted(pairs)[5][1]
    total += sorted(ints, key=lambda x: -x)[5]
    total += sorted(pairs, key=lambda p: p[1], reverse=True)[5][1]
    ordered = sorted(ints)
    ordered.append(3)
    ordered.sort()
    items = [Item(x) for x in ints[:30_000]]
    items.sort()
    total += items[3].key
    quicksort(ints, 0, len(ints) - 1)
    return total, ints[:3], ordered[:2]


print(main())
