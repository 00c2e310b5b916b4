"""Modules that programs live in: logging, argparse, dataclasses, enum, typing, datetime, decimal, pathlib, csv, sqlite3, XML, pprint."""

import argparse
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import io
import logging
import pathlib
import pprint
import sqlite3
import string
import textwrap
import typing
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass(order=True)
class Item:
    name: str
    price: decimal.Decimal
    count: int = 1
    tags: list[str] = dataclasses.field(default_factory=list)

    def total(self):
        return self.price * self.count


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


@typing.runtime_checkable
class HasTotal(typing.Protocol):
    name: str

    def total(self): ...


def options(n):
    parser = argparse.ArgumentParser(prog="p", add_help=False)
    for i in range(20):
        parser.add_argument(f"--option-{i}", type=int, default=i, help="an option")
    parser.add_argument("rest", nargs="*")
    total = 0
    for i in range(n):
        found = parser.parse_args(["--option-3", str(i), f"--option-{i % 20}=7", "a", "b"])
        total += found.option_3 + len(found.rest)
    return total


def logs(n):
    stream = io.StringIO()
    logger = logging.getLogger("bench")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for i in range(n):
        logger.debug("not shown %d", i)
        logger.info("value %d of %s", i, "many")
        logger.warning("plain")
    logger.removeHandler(handler)
    return len(stream.getvalue())


def money(n):
    total = decimal.Decimal(0)
    context = decimal.getcontext()
    for i in range(n):
        price = decimal.Decimal(i * 37 + 11) / 100
        tax = (price * decimal.Decimal("0.19")).quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_EVEN)
        total += price + tax
    with decimal.localcontext() as context:
        context.prec = 60
        root = decimal.Decimal(2).sqrt()
    return total, root, f"{total:,.2f}", fractions.Fraction(n, 7) + fractions.Fraction(1, 3)


def days(n):
    start = datetime.datetime(2026, 1, 31, 12, 30, tzinfo=datetime.UTC)
    total = 0
    for i in range(n):
        day = start + datetime.timedelta(days=i, seconds=i * 7)
        total += day.weekday() + len(day.isoformat()) + (day - start).days
        total += datetime.date.fromisoformat(day.strftime("%Y-%m-%d")).toordinal() % 7
    return total


def database(n):
    base = sqlite3.connect(":memory:")
    base.execute("create table t (id integer primary key, name text, value real)")
    base.executemany("insert into t (name, value) values (?, ?)", ((f"n{i % 50}", i / 2) for i in range(n)))
    base.create_function("twice", 1, lambda x: x * 2)
    rows = base.execute("select name, sum(twice(value)), count(*) from t group by name order by name").fetchall()
    return len(rows), rows[3]


def documents(n):
    root = ElementTree.Element("root")
    for i in range(n):
        item = ElementTree.SubElement(root, "item", id=str(i), kind="odd" if i % 2 else "even")
        item.text = f"text {i} & more"
        ElementTree.SubElement(item, "child").tail = "\n"
    text = ElementTree.tostring(root, encoding="unicode")
    again = ElementTree.fromstring(text)
    found = sum(len(item.get("id")) for item in again.iter("item")) + len(again.findall("item[@kind='odd']/child"))
    return len(text), found, sum(1 for _ in ElementTree.iterparse(io.StringIO(text)))


def texts(n):
    rows = [[i, f"name, {i}", i / 3] for i in range(n)]
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    stream.seek(0)
    size = sum(len(row) for row in csv.reader(stream))
    size += len(pprint.pformat([dict(a=row, b={"key": tuple(row)}) for row in rows[:40]]))
    size += len(textwrap.fill("some words to fill a paragraph with " * 30, 60))
    size += len(string.Template("$a and ${b}").substitute(a=size, b=n))
    path = pathlib.PurePosixPath("/usr/lib")
    for i in range(n):
        size += len((path / f"python3.{i}" / "x.py").with_suffix(".pyc").name)
    return size


@functools.lru_cache(maxsize=64)
def cached(i):
    return Colour(i % 2 + 1), Flags(i % 4)


def objects(n):
    items = sorted(Item(f"n{i % 17}", decimal.Decimal(i), i) for i in range(n))
    total = sum(isinstance(item, HasTotal) for item in items)
    total += sum(dataclasses.replace(item, count=1).count for item in items)
    total += sum(len(dataclasses.asdict(item)) for item in items)
    return total, sum(cached(i % 80)[0] is Colour.RED for i in range(n)), repr(items[0])


for _ in range(5):
    print(options(60), logs(600), money(1500))
    print(days(600), database(3000), documents(400))
    print(texts(300), objects(250))
