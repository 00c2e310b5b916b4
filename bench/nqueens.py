"""N queens by permutations from a generator, with sets; and by bit masks."""


def permutations(iterable, r=None):
    pool = tuple(iterable)
    n = len(pool)
    r = n if r is None else r
    indices = list(range(n))
    cycles = list(range(n - r + 1, n + 1))[::-1]
    yield tuple(pool[i] for i in indices[:r])
    while n:
        for i in reversed(range(r)):
            cycles[i] -= 1
            if cycles[i] == 0:
                indices[i:] = indices[i + 1 :] + indices[i : i + 1]
                cycles[i] = n - i
            else:
                j = cycles[i]
                indices[i], indices[-j] = indices[-j], indices[i]
                yield tuple(pool[i] for i in indices[:r])
                break
        else:
            return


def queens(n):
    columns = range(n)
    for vec in permutations(columns):
        if n == len(set(vec[i] + i for i in columns)) == len(set(vec[i] - i for i in columns)):
            yield vec


def masks(n, columns=0, left=0, right=0):
    if columns == (1 << n) - 1:
        return 1
    count = 0
    free = ~(columns | left | right) & ((1 << n) - 1)
    while free:
        bit = free & -free
        free ^= bit
        count += masks(n, columns | bit, (left | bit) << 1, (right | bit) >> 1)
    return count


print(len(list(queens(7))), masks(9))
