"""Closures, cells, decorators, functools-like wrappers made by hand."""


def counter():
    n = 0

    def step(by=1):
        nonlocal n
        n += by
        return n

    return step


def compose(*functions):
    def run(x):
        for f in functions:
            x = f(x)
        return x

    return run


def adder(n):
    return lambda x: x + n


def logged(f):
    def wrapper(*args, **kwargs):
        wrapper.calls += 1
        return f(*args, **kwargs)

    wrapper.calls = 0
    return wrapper


@logged
def product(a, b):
    return a * b


def main():
    step = counter()
    for i in range(400_000):
        step()
        step(2)
    chain = compose(adder(1), adder(2), adder(3), adder(-6))
    total = 0
    for i in range(150_000):
        total += chain(i)
        total += product(i, 2)
    for i in range(200_000):
        total += adder(i)(1)
    return step(0), total, product.calls


print(main())
