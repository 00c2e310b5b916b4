"""Compare crates/sre with CPython 3.14's `re`, on CPython's own table of patterns and on random ones.

Run with CPython 3.14 after `cargo build -p naja-sre --example run`:
    python3.14 tools/sre/check.py target/debug/examples/run [seed [count]]
    python3.14 tools/sre/check.py --fuzz target/debug/examples/run [seed [count]]
    python3.14 tools/sre/check.py --bench target/release/examples/run
"""

import itertools
import random
import re
import subprocess
import sys
import time
import warnings
from re import _compiler, _parser

warnings.simplefilter("ignore")


def code_of(pattern, flags):
    tree = _parser.parse(pattern, flags)
    return [int(c) for c in _compiler._code(tree, flags | tree.state.flags)]


class Offsets(dict):
    """Byte offset by character offset."""

    def __init__(self, subject):
        if isinstance(subject, bytes):
            super().__init__((i, i) for i in range(len(subject) + 1))
        else:
            sizes = [len(c.encode("utf-8", "surrogatepass")) for c in subject]
            super().__init__(enumerate(itertools.accumulate(sizes, initial=0)))


def describe(match, groups, offsets):
    spans = []
    for i in range(groups + 1):
        a, b = match.span(i)
        spans.append("-" if a < 0 else f"{offsets[a]}:{offsets[b]}")
    return ",".join(spans) + f" {match.lastindex or 0}"


def request(pattern, flags, subject, task, pos=0, end=None, ask=True):
    """The line to ask, and CPython's answer if asked."""
    compiled = re.compile(pattern, flags)
    offsets = Offsets(subject)
    end = len(subject) if end is None else end
    if not ask:
        want = None
    elif task == "iter":
        want = "all " + ";".join(describe(m, compiled.groups, offsets) for m in compiled.finditer(subject, pos, end))
    else:
        match = getattr(compiled, task)(subject, pos, end)
        want = describe(match, compiled.groups, offsets) if match else "none"
    raw = subject if isinstance(subject, bytes) else subject.encode("utf-8", "surrogatepass")
    kind = "bytes" if isinstance(subject, bytes) else "ascii" if subject.isascii() else "text"
    codes = ",".join(map(str, code_of(pattern, flags)))
    return f"{kind} {task} {compiled.groups} {offsets[pos]} {offsets[end]} {codes} {raw.hex()}", want


class Generator:
    def __init__(self, rng):
        self.rng = rng

    def pattern(self, depth):
        self.groups = 0
        self.closed = []
        return self.alternatives(depth)

    def alternatives(self, depth):
        return "|".join(self.sequence(depth) for _ in range(self.rng.choice((1, 1, 1, 2, 3))))

    def sequence(self, depth):
        return "".join(self.piece(depth) for _ in range(self.rng.randrange(0, 4)))

    def char(self):
        return self.rng.choice("aaabbbcAB\n1_ kKsS\u017f\u212aé\u0130ß日\U0001f600\ud800".replace("\n", "\\n")) \
            if self.rng.random() < 0.9 else "\\n"

    def atom(self, depth):
        r = self.rng
        n = r.randrange(16 if depth > 0 else 8)
        if n < 4:
            c = self.char()
            return "n" if c == "\\" else c
        if n == 4:
            return r.choice((".", "\\w", "\\W", "\\d", "\\s", "\\S", "\\D"))
        if n == 5:
            items = "".join(r.choice(("a", "b", "A", "\\w", "\\d", "a-c", "b-é", "日-\U0001f601", "\u0100-\u0500", "k", "\\W",
                                      "\U0001f5ff-\U0001f610", "\U00010400-\U00010420", "\\s"))
                            for _ in range(r.randrange(1, 4)))
            return f"[{r.choice(('', '^'))}{items}]"
        if n == 6:
            return r.choice(("^", "$", "\\b", "\\B", "\\A", "\\Z"))
        if n == 7:
            return f"\\{r.choice(self.closed)}" if self.closed else "a"
        if n <= 9:
            self.groups += 1
            mine = self.groups
            inner = self.alternatives(depth - 1)
            self.closed.append(mine)
            return f"({inner})"
        if n <= 11:
            return f"(?:{self.alternatives(depth - 1)})"
        if n == 12:
            return f"(?{r.choice('=!')}{self.alternatives(depth - 1)})"
        if n == 13:
            return f"(?<{r.choice('=!')}{r.choice(('a', 'ab', '.', '\\w\\w', '(?:a|b)', '日', '[^a]'))})"
        if n == 14:
            return f"(?>{self.alternatives(depth - 1)})"
        if self.closed:
            return f"(?({r.choice(self.closed)}){self.sequence(depth - 1)}|{self.sequence(depth - 1)})"
        return "b"

    def piece(self, depth):
        text = self.atom(depth)
        r = self.rng
        if r.random() < 0.45 and text not in ("^", "$", "\\b", "\\B", "\\A", "\\Z"):
            text += r.choice(("*", "+", "?", "{1,2}", "{2}", "{0,3}", "{1,}")) + r.choice(("", "", "?", "+"))
        return text

    def subject(self):
        r = self.rng
        alphabet = r.choice(("ab", "abc", "abA\n", "aAbBkKs1_ \n", "abé日\U0001f600", "a\u017fsS\u212akKi\u0130ıéÉß",
                             "a\ud800\udc00b\U00010000", "\U00010400\U00010428a"))
        return "".join(r.choice(alphabet) for _ in range(r.randrange(0, 12)))


def table():
    from test.re_tests import tests
    for entry in tests:
        for flags in (0, re.I, re.A, re.I | re.A, re.M | re.S):
            for task in ("search", "match", "fullmatch", "iter"):
                yield entry[0], flags, entry[1], task
                yield entry[0].encode(), flags & ~re.A, entry[1].encode(), task
                yield entry[0].encode(), flags & re.I | re.L, entry[1].encode(), task


def randoms(seed, count):
    rng = random.Random(seed)
    generator = Generator(rng)
    for _ in range(count):
        pattern = generator.pattern(3)
        flags = rng.choice((0, 0, re.I, re.A, re.I | re.A, re.M, re.S | re.I, re.M | re.S))
        as_bytes = rng.random() < 0.15
        if as_bytes:
            flags = flags & ~re.A | rng.choice((0, re.L))
            pattern = pattern.encode("latin-1", "ignore")
        for _ in range(3):
            subject = generator.subject()
            if as_bytes:
                subject = subject.encode("latin-1", "replace")
            task = rng.choice(("search", "match", "fullmatch", "iter", "iter"))
            pos = rng.randrange(len(subject) + 1) if rng.random() < 0.2 else 0
            end = rng.randrange(pos, len(subject) + 1) if rng.random() < 0.2 else None
            yield pattern, flags, subject, task, pos, end


def check(program, seed=1, count=40000):
    cases, lines, wants = [], [], []
    for case in itertools.chain(table(), randoms(seed, count)):
        try:
            line, want = request(*case)
        except (re.PatternError, ValueError, OverflowError, RecursionError):
            continue
        cases.append(case)
        lines.append(line)
        wants.append(want)
    got = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True).stdout.splitlines()
    errors = 0
    for case, line, want, answer in itertools.zip_longest(cases, lines, wants, got):
        if want != answer and answer != "Interrupted":  # patterns that take exponential time in CPython too
            errors += 1
            if errors <= 15:
                print(ascii(case), line.split()[5], "\n   CPython:", want, "\n   here:   ", answer)
    print(len(cases), "cases,", errors, "differences")
    return errors


def fuzz(program, seed=1, count=100000):
    """Garbled code must be refused or run, never crash."""
    rng = random.Random(seed)
    lines = []
    for case in itertools.islice(randoms(seed, count), count):
        try:
            line, _ = request(*case, ask=False)
        except (re.PatternError, ValueError, OverflowError, RecursionError):
            continue
        fields = line.split(" ")
        codes = list(map(int, fields[5].split(",")))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(codes))
            action = rng.randrange(4)
            if action == 0:
                codes[at] = rng.choice((0, 1, 2, 3, 5, 8, 43, 255, 2**31, 2**32 - 1, rng.randrange(43)))
            elif action == 1:
                codes[at] = max(0, min(2**32 - 1, codes[at] + rng.choice((-2, -1, 1, 2))))
            elif action == 2:
                del codes[at]
            else:
                codes.insert(at, rng.randrange(43))
            if not codes:
                codes = [1]
        if rng.random() < 0.5:
            codes[-1] = 1
        fields[0] = rng.choice(("text", "bytes", fields[0]))
        fields[3] = str(rng.randrange(8))
        fields[5] = ",".join(map(str, codes))
        fields[6] = fields[6] if rng.random() < 0.5 else rng.randbytes(rng.randrange(9)).hex()
        lines.append(" ".join(fields))
    done = subprocess.run([program, "--fuzz"], input="\n".join(lines) + "\n", capture_output=True, text=True)
    answers = done.stdout.splitlines()
    print(len(lines), "cases,", answers.count("invalid"), "refused,", len(lines) - len(answers), "unanswered")
    print(done.stderr[-2000:])
    if done.returncode:
        print(lines[len(answers)])
    return done.returncode


def bench(program):
    words = "the quick brown fox jumps over the lazy dog, naïve café 1234 foo@example.com http://example.org/x?y=1\n"
    ascii_text = words.replace("ï", "i").replace("é", "e") * 4000
    wide_text = words * 4000
    patterns = [r"fox", r"\w+", r"[a-z]+ing|dog|cat", r"(\w+)\s(\w+)", r"\b\w+@\w+\.com\b", r"(?i)LAZY", r"\d+",
                r"http://[^\s/]+/[^\s?]*", r"(?:[a-z]+ )+dog", r".*dog", r".*?dog", r"^the", r"(?m)^the.*$",
                r"(a|b|c|d|e)+", r"[^,]*,", r"\s+", r"(?:(?:quick|brown|fox|jumps) ?)+", r"\"(?:[^\"\\]|\\.)*\"|x"]
    total = []
    for name, text in (("ascii", ascii_text), ("text", wide_text)):
        for pattern in patterns:
            compiled = re.compile(pattern)
            line, _ = request(pattern, 0, "", "search")
            fields = line.split(" ")
            raw = text.encode()
            fields[0], fields[4], fields[6] = name, str(len(raw)), raw.hex()
            answer = subprocess.run([program, "--bench"], input=" ".join(fields) + "\n", capture_output=True, text=True)
            seconds, count = answer.stdout.split()
            started = time.perf_counter()
            matches = sum(1 for _ in compiled.finditer(text))
            theirs = time.perf_counter() - started
            started = time.perf_counter()
            compiled.sub("", text)
            sub = time.perf_counter() - started
            assert matches == int(count), (pattern, matches, count)
            total.append(min(theirs, sub) / float(seconds))
            print(f"{name:5} {pattern:40} {float(seconds) * 1000:8.2f} ms, CPython finditer {theirs * 1000:8.2f}, "
                  f"sub {sub * 1000:8.2f}: {min(theirs, sub) / float(seconds):6.1f}x")


if sys.argv[1] == "--bench":
    bench(sys.argv[2])
elif sys.argv[1] == "--fuzz":
    sys.exit(fuzz(sys.argv[2], *map(int, sys.argv[3:])))
else:
    sys.exit(bool(check(sys.argv[1], *map(int, sys.argv[2:]))))
