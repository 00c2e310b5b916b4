"""f-strings, str.format, %-formatting, format specs, repr, str of floats and containers."""


def main(n):
    total = 0
    for i in range(n):
        x = i / 3
        total += len(f"{i} {x:.2f} {i:>8} {i!r} {'a'}")
        total += len(f"{i:05d}|{i:x}|{x:10.3e}|{i:,}")
        total += len("%d items, %s, %.3f" % (i, "abc", x))
        total += len("{} {:>5} {name}".format(i, i, name="n"))
        total += len(str(x)) + len(repr(i)) + len(str(i))
        total += len(repr([i, "a", None])) + len(str((1, i)))
    return total


print(main(60_000))
