"""Strings: concatenation, join, split, replace, find, slicing, iteration, comparison, methods, str(int)."""

TEXT = "The quick brown fox jumps over the lazy dog. " * 40


def build(n):
    s = ""
    for i in range(n):
        s += "x"
        if i % 1000 == 0:
            s = ""
    parts = []
    for i in range(n):
        parts.append(str(i))
    return len(s), len(",".join(parts))


def scan(n):
    total = 0
    for _ in range(n):
        words = TEXT.split()
        total += len(words)
        total += TEXT.count("fox") + TEXT.find("lazy") + len(TEXT.replace("dog", "cat"))
        for word in words:
            if word.startswith("f") or word.endswith("."):
                total += 1
            word = word.lower().strip(".")
            if word == "brown" or word in ("over", "the"):
                total += len(word)
    return total


def characters(n):
    total = 0
    for _ in range(n):
        for c in TEXT:
            if c == "o":
                total += 1
            elif "a" <= c < "f":
                total += 2
        for i in range(0, len(TEXT), 3):
            if TEXT[i] == " ":
                total += 1
            total += len(TEXT[i : i + 4])
        total += sum(ord(c) for c in TEXT)
    return total


print(build(500_000), scan(300), characters(100))
