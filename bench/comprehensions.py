"""List, set and dict comprehensions; map, filter, sum, any, all, min, max with functions; sets."""


def main(n):
    total = 0
    data = list(range(200))
    for i in range(n):
        total += sum([x * x for x in data])
        total += len({x % 17 for x in data})
        total += len({x: x + 1 for x in data if x % 3})
        total += sum(map(abs, data))
        total += len(list(filter(None, data)))
        total += any(x > 150 for x in data) + all(x >= 0 for x in data)
        total += max(data, key=lambda x: -x)
        a, b = set(data), {1, 2, 3, 500}
        total += len(a & b) + len(a | b) + len(a - b) + len(a ^ b)
        total += sum(1 for row in [data[:10]] * 5 for x in row)
    return total


print(main(2500))
