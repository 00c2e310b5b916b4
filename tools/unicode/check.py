"""Compare crates/unicode with CPython 3.14 over all code points, all names, and many texts to normalise.

Run with CPython 3.14 after `cargo build -p naja-unicode --example dump`:
    python3.14 tools/unicode/check.py target/debug/examples/dump
"""

import _sre
import random
import subprocess
import sys
import unicodedata as u

old = u.ucd_3_2_0
program = sys.argv[1]
errors = 0


def report(*what):
    global errors
    errors += 1
    if errors < 30:
        print(*what)


def hexes(text):
    return " ".join(f"{ord(c):x}" for c in text)


def check_properties():
    process = subprocess.Popen([program, "properties"], stdout=subprocess.PIPE, text=True)
    for c, line in enumerate(process.stdout):
        s = chr(c)
        got = line.rstrip("\n").split("|")
        flags = [s.isalpha(), s.isdecimal(), s.isdigit(), s.isnumeric(), s.isalnum(), s.isspace(), s.isprintable(),
                 s.islower(), s.isupper(), len((s + "a").splitlines()) == 2, ("a" + s).isidentifier(),
                 _sre.unicode_iscased(c), (s + "a").title()[-1] == "a", u.mirrored(s), old.mirrored(s)]
        lower = "\u03c3" if c == 0x3A3 else s.lower()
        want = ["".join("01"[bool(f)] for f in flags), hexes(lower), hexes(s.upper()), hexes(s.title()),
                hexes(s.casefold()), f"{_sre.unicode_tolower(c):x}", str(u.decimal(s, -1)), str(u.digit(s, -1)),
                u.numeric(s, -7.0), u.category(s), u.bidirectional(s), str(u.combining(s)), u.east_asian_width(s),
                u.decomposition(s), u.name(s, ""), str(old.decimal(s, -1)), str(old.digit(s, -1)),
                old.numeric(s, -7.0), old.category(s), old.bidirectional(s), str(old.combining(s)),
                old.east_asian_width(s), old.decomposition(s), old.name(s, "")]
        for i in (8, 17):
            got[i] = float(got[i])
        if got != want:
            for i, (g, w) in enumerate(zip(got, want)):
                if g != w:
                    report(f"U+{c:04X} field {i}: {g!r}, CPython {w!r}")
    assert c == 0x10FFFF


def ask(task, lines):
    return subprocess.run([program, task], input="\n".join(lines) + "\n", capture_output=True, text=True,
                          check=True).stdout.splitlines()


def check_names():
    names = {u.name(chr(c), "") for c in range(0x110000)} - {""}
    for c in range(0xF0000, 0xF0400):
        text = chr(c).encode("ascii", "namereplace").decode()
        if text.startswith("\\N{"):
            names.add(text[3:-1])
    names |= {f"TANGUT IDEOGRAPH-{c:X}" for c in range(0x16F00, 0x19000)}
    names |= {n.lower() for n in names} | {n[:-1] for n in names} | {n + "X" for n in names} | {n.title() for n in names}
    names = sorted(names)
    for name, got in zip(names, ask("lookup", names), strict=True):
        try:
            want = hexes(u.lookup(name))
        except KeyError:
            want = ""
        if got != want:
            report(f"lookup({name!r}): {got!r}, CPython {want!r}")


def check_normal_forms():
    rng = random.Random(1)
    interesting = [c for c in range(0x110000) if u.decomposition(chr(c)) or u.combining(chr(c))]
    interesting += list(range(0x1100, 0x1200)) * 20 + list(range(0x41, 0x7B)) * 20
    texts = [chr(c) for c in range(0x30000)]
    for _ in range(150000):
        texts.append("".join(chr(rng.choice(interesting)) for _ in range(rng.randrange(1, 9))))
    for _ in range(50000):
        base = u.normalize("NFD", chr(rng.choice(interesting)))
        marks = [chr(rng.choice((0x300, 0x301, 0x304, 0x307, 0x308, 0x323, 0x327, 0x345, 0x3099, 0x11A8))) for _ in range(4)]
        texts.append(base + "".join(marks))
    for text, line in zip(texts, ask("normalize", map(hexes, texts)), strict=True):
        want = ""
        for data in (u, old):
            for form in ("NFD", "NFKD", "NFC", "NFKC"):
                want += f"{hexes(data.normalize(form, text))} {str(data.is_normalized(form, text)).lower()}|"
        if line != want:
            report(f"normalize({ascii(text)}): {line!r}, CPython {want!r}")


check_properties()
check_names()
check_normal_forms()
print(errors, "differences")
sys.exit(bool(errors))
