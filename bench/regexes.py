"""Regular expressions: matching, searching, substituting, splitting, and compiling them."""

import re

LOG = "\n".join(
    f'10.0.{i % 256}.{i * 7 % 256} - user{i % 13} [2026-11-{i % 28 + 1:02}] "GET /item/{i}?q={i * i % 97} HTTP/1.1" {200 + i % 5} {i * 31}'
    for i in range(800)
)
DNA = "".join("acgt"[(i * i + i // 3) % 4] for i in range(20000))


def lines():
    pattern = re.compile(r'(\S+) - (?P<user>\w+) \[([\d-]+)\] "(GET|POST) ([^ "]+) HTTP/\d\.\d" (\d{3}) (\d+)')
    total = 0
    for line in LOG.splitlines():
        found = pattern.match(line)
        if found and found["user"] != "user7":
            total += int(found[7]) + len(found.group(5))
    return total


def scan():
    found = len(re.findall(r"\b\w+er\d\b", LOG))
    found += sum(1 for _ in re.finditer(r"(?i)get\s+(/\w+/)(?=\d*5)", LOG))
    found += len(re.split(r"[\s\[\]\"]+", LOG))
    found += len(re.sub(r"(\d+)\.(\d+)", lambda m: m[2] + m[1], LOG))
    found += len(re.sub(r"\s+", " ", LOG))
    for variant in ("agggtaaa|tttaccct", "[cgt]gggtaaa|tttaccc[acg]", "ag[act]gtaaa|tttac[agt]ct"):
        found += len(re.findall(variant, DNA))
    return found


def compiling():
    size = 0
    for i in range(12):
        re.purge()
        for source in (
            rf"(?P<scheme>https?)://(?P<host>[\w.-]+)(:(?P<port>\d{{1,{i + 2}}}))?(?P<path>/[^?#\s]*)?(\?(?P<query>[^#]*))?",
            rf"^\s*(?:(def|class|async\s+def)\s+(\w{{{i + 1},}})\s*\(?|@(\w+)|#.*|(?:from\s+(\S+)\s+)?import\s+(.+))$",
            rf"[A-Za-z_\u0080-\uffff][\w]*|0[xX](?:_?[0-9a-fA-F])+|\d+(?:\.\d*)?(?:[eE][+-]?\d{{1,{i + 1}}})?|'(?:\\.|[^'\\])*'",
        ):
            size += re.compile(source).groups
    return size


for _ in range(5):
    print(lines(), scan(), compiling())
