"""A tour of Python 3.14 on Naja: the language, and the library that comes inside the executable."""

import asyncio
import json
import re
import sqlite3
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path


# ---- classes, properties, operators

class Vector:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    @property
    def length(self):
        return (self.x**2 + self.y**2) ** 0.5

    def __repr__(self):
        return f"Vector({self.x!r}, {self.y!r})"


print("classes:     ", Vector(1, 2) + Vector(2, 2), (Vector(1, 2) + Vector(2, 2)).length)


# ---- generators

def primes():
    found = []
    n = 2
    while True:
        if all(n % p for p in found):
            found.append(n)
            yield n
        n += 1


source = primes()
print("generators:  ", [next(source) for _ in range(10)], f"{2**100:,}")


# ---- dataclasses and type parameters

@dataclass(order=True)
class Planet[T]:
    radius: float
    name: str = field(compare=False)
    moons: list[T] = field(default_factory=list, compare=False)


planets = [Planet(6371.0, "Earth", ["Moon"]), Planet(3389.5, "Mars", ["Phobos", "Deimos"]), Planet(2439.7, "Mercury")]
print("dataclasses: ", min(planets), [planet.name for planet in sorted(planets, reverse=True)])


# ---- pattern matching

def describe(value):
    match value:
        case []:
            return "nothing"
        case [int() | float() as only]:
            return f"the number {only}"
        case [first, *rest]:
            return f"{first} and {len(rest)} more"
        case {"name": str(name), **others}:
            return f"{name} with {sorted(others)}"
        case Planet(name=name, moons=[_, *_] as moons):
            return f"{name} and its {len(moons)} moons"
        case _:
            return "something else"


for value in ([], [1.5], "abc".split("b"), {"name": "x", "b": 2, "a": 1}, planets[1], 7):
    print("matching:    ", describe(value))


# ---- json, regular expressions, template strings

text = json.dumps([asdict(planet) for planet in planets], indent=None)
print("json:        ", text[:60], json.loads(text)[1]["moons"])
words = re.findall(r"(?P<word>\b[a-z]{3,}\b)", "the quick brown fox and the lazy dog and the cat")
print("re:          ", Counter(words).most_common(2), re.sub(r"(\w)(\d+)", r"\2\1", "a12 b3"))
name = "world"
template = t"hello {name!r:>10}"
print("t-strings:   ", template.strings, template.interpolations[0].value)


# ---- exceptions

def careful(*numbers):
    problems = []
    for number in numbers:
        try:
            yield 12 / number
        except (ZeroDivisionError, TypeError) as problem:
            problem.add_note(f"the number was {number!r}")
            problems.append(problem)
    if problems:
        raise ExceptionGroup("some numbers", problems)


results = []
try:
    for result in careful(3, 0, "x", 4):
        results.append(result)
except* ZeroDivisionError as group:
    print("exceptions:  ", results, group.exceptions[0], group.exceptions[0].__notes__)
except* TypeError as group:
    print("exceptions:  ", group.exceptions[0])


# ---- files and databases

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    (folder / "planets.json").write_text(text, encoding="utf-8")
    print("pathlib:     ", [(path.name, path.stat().st_size) for path in folder.glob("*.json")])

    with sqlite3.connect(folder / "planets.db") as database:
        database.execute("create table planet (name text primary key, radius real)")
        database.executemany("insert into planet values (?, ?)", [(p.name, p.radius) for p in planets])
        database.create_function("area", 1, lambda radius: round(4 * 3.14159 * radius**2))
        rows = database.execute("select name, area(radius) from planet where radius > ? order by name", (3000,))
        print("sqlite3:     ", rows.fetchall())
    database.close()


# ---- asyncio

async def fetch(name, delay):
    await asyncio.sleep(delay)
    return f"{name} after {delay}"


async def main():
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(name, delay)) for name, delay in [("slow", 0.02), ("quick", 0.01)]]
    try:
        async with asyncio.timeout(0.01):
            await fetch("never", 10)
    except TimeoutError:
        outcome = "one timed out"
    return [task.result() for task in tasks], outcome


print("asyncio:     ", asyncio.run(main()))
