"""Digits of pi: big-integer arithmetic."""


def digits():
    q, r, t, k, n, l = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < n * t:
            yield n
            q, r, n = 10 * q, 10 * (r - n * t), (10 * (3 * q + r)) // t - 10 * n
        else:
            q, r, t, n, l, k = (q * k, (2 * q + r) * l, t * l, (q * (7 * k) + 2 + r * l) // (t * l), l + 2, k + 1)


def main(n):
    out = []
    for digit in digits():
        out.append(str(digit))
        if len(out) == n:
            return "".join(out)


print(main(1400)[-20:], (3**5000) % (10**20), len(str(7**4000)))
