"""Fannkuch: permutations of a small list, slices, indexing."""


def fannkuch(n):
    count = list(range(1, n + 1))
    most = 0
    checksum = 0
    perm1 = list(range(n))
    r = n
    even = True
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        if perm1[0] != 0:
            perm = perm1[:]
            flips = 0
            k = perm[0]
            while k:
                perm[: k + 1] = reversed(perm[: k + 1])
                flips += 1
                k = perm[0]
            most = max(most, flips)
            checksum += flips if even else -flips
        even = not even
        while r != n:
            perm1.insert(r, perm1.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        else:
            return checksum, most
        r = max(r, 1)


print(fannkuch(8))
