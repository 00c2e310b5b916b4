"""A hand-written tokenizer, parser and evaluator of expressions: strings, lists, dispatch through dicts, match."""


def tokenize(text):
    i = 0
    n = len(text)
    out = []
    while i < n:
        c = text[i]
        if c.isdigit():
            j = i
            while j < n and text[j].isdigit():
                j += 1
            out.append(("num", int(text[i:j])))
            i = j
        elif c.isalpha():
            j = i
            while j < n and text[j].isalnum():
                j += 1
            out.append(("name", text[i:j]))
            i = j
        elif c in "+-*()":
            out.append(("op", c))
            i += 1
        else:
            i += 1
    out.append(("end", None))
    return out


class Parser:
    def __init__(self, tokens):
        self.tokens = tokens
        self.pos = 0

    def next(self):
        token = self.tokens[self.pos]
        self.pos += 1
        return token

    def peek(self):
        return self.tokens[self.pos]

    def expression(self):
        left = self.term()
        while self.peek() in (("op", "+"), ("op", "-")):
            _, op = self.next()
            left = {"kind": "binary", "op": op, "left": left, "right": self.term()}
        return left

    def term(self):
        left = self.factor()
        while self.peek() == ("op", "*"):
            self.next()
            left = {"kind": "binary", "op": "*", "left": left, "right": self.factor()}
        return left

    def factor(self):
        kind, value = self.next()
        match kind:
            case "num":
                return {"kind": "number", "value": value}
            case "name":
                return {"kind": "name", "id": value}
            case "op" if value == "(":
                inner = self.expression()
                self.next()
                return inner
        raise SyntaxError(value)


def evaluate(node, scope):
    match node:
        case {"kind": "number", "value": value}:
            return value
        case {"kind": "name", "id": name}:
            return scope[name]
        case {"kind": "binary", "op": op, "left": left, "right": right}:
            a, b = evaluate(left, scope), evaluate(right, scope)
            if op == "+":
                return a + b
            elif op == "-":
                return a - b
            return a * b


def main(n):
    text = "x1 + 2 * (y - 34) * (abc + 12345) - (4 + (5 - x1) * 2) + name * 7 - (((1)))"
    scope = {"x1": 3, "y": 40, "abc": 5, "name": 11}
    total = 0
    for i in range(n):
        tree = Parser(tokenize(text)).expression()
        for _ in range(5):
            total += evaluate(tree, scope)
    return total


print(main(2500))
