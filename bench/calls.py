"""Calls: positional, default, keyword, *args, **kwargs, methods, bound methods, lambdas."""


def positional(a, b, c):
    return a


def default(a, b=2, c=3):
    return b


def keyword(a, *, key=None):
    return key


def star(*args):
    return args


def double_star(**kwargs):
    return kwargs


def everything(a, b=1, *args, c, d=4, **rest):
    return c


class Klass:
    def method(self, x):
        return x

    @classmethod
    def of_class(cls, x):
        return x

    @staticmethod
    def static(x):
        return x


def main(n):
    total = 0
    k = Klass()
    bound = k.method
    f = lambda x: x + 1
    args = (1, 2, 3)
    kwargs = {"a": 1, "b": 2, "c": 3}
    for i in range(n):
        total += positional(i, 2, 3)
        total += default(i)
        total += default(i, 5)
        total += default(i, c=7)
        total += keyword(i, key=i)
        star(i, i)
        star()
        double_star(x=i)
        total += everything(i, 2, 3, c=i, e=5)
        total += k.method(i)
        total += bound(i)
        total += Klass.of_class(i)
        total += k.static(i)
        total += f(i)
        total += positional(*args)
        total += positional(**kwargs)
    return total


print(main(150_000))
