"""Arithmetic on small ints: multiply, remainder, shifts, comparisons."""


def loop(n):
    total = 0
    for i in range(n):
        total += i * 2 % 7
        if total & 8:
            total ^= i >> 3
        elif total > 1 << 40:
            total //= 3
    return total


print(loop(3_000_000))
