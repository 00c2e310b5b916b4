"""Spectral norm: calls, float division, generator expressions and zip."""


def eval_a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1)


def times_u(u):
    return [sum(eval_a(i, j) * u_j for j, u_j in enumerate(u)) for i in range(len(u))]


def times_ut(u):
    return [sum(eval_a(j, i) * u_j for j, u_j in enumerate(u)) for i in range(len(u))]


def main(n):
    u = [1.0] * n
    for _ in range(8):
        v = times_ut(times_u(u))
        u = times_ut(times_u(v))
    vbv = sum(ue * ve for ue, ve in zip(u, v))
    vv = sum(ve * ve for ve in v)
    return "%.9f" % (vbv / vv) ** 0.5


print(main(110))
