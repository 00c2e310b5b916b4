"""Operators of built-in classes' subclasses that define one of an operator's two methods."""


class F(float):
    def __truediv__(self, other):
        return "F/"


class R(float):
    def __radd__(self, other):
        return "+R"


class P(int):
    def __rpow__(self, other, modulus=None):
        return "**P"


class S(str):
    def __mod__(self, other):
        return "S%"


class D(dict):
    def __or__(self, other):
        return "D|"


print(1 / F(4), 1.0 / F(4), F(4) / 2)
print(R(1) + 2, 2 + R(1), R(1) + R(2), 2.5 + R(1), 1j + R(1))
print(P(2) ** 3, 3 ** P(2), P(2) ** P(2), pow(P(2), 3, 5))
print("a%s" % S("x"), S("x") % 1, S("a") * 2)
print({1: 2} | D({3: 4}), D() | {})


class Broken:
    @property
    def __lt__(self):
        raise KeyError("looked up")


try:
    print(Broken() < 1)
except KeyError as error:
    print("KeyError", error)
