"""Prints which functions of the library programs run: the contents of early.txt.

    naja crates/stdlib/build/early.py > crates/stdlib/build/early.txt

A line is the path of a module and the qualified names of its functions whose code has been read.  First come the modules of
every start, in the order of their import; behind an empty line what the programs below read besides, the modules that most of
them use first.  A code object's size tells whether its body has been read (vm/src/objects/code/lazy.rs).
"""

import sys

#: What programs often do first. Each is run in a process of its own.
PROGRAMS = [
    "import argparse; p = argparse.ArgumentParser('x', description='y'); p.add_argument('-n', type=int, default=1, help='n');"
    " p.add_argument('names', nargs='*'); p.parse_args(['-n', '3', 'a']); p.format_help()",
    "import re; re.compile(r'(\\w+)\\s*=\\s*([^;]*)').sub(r'\\2', 'a = b; c = d'); re.findall('[a-z]+|(?i:x)', 'abc'); re.split(', *', 'a, b')",
    "import json; json.loads(json.dumps({'a': [1, 2.5, None]})); json.dumps([1], indent=2)",
    "import logging; logging.basicConfig(level=logging.INFO); logging.getLogger('a.b').info('x %s', 1)",
    "import dataclasses\n@dataclasses.dataclass(order=True)\nclass C:\n  a: int\n  b: list = dataclasses.field(default_factory=list)\nrepr(C(1)), C(1) == C(2)",
    "import typing, enum\nclass E(enum.Enum):\n  A = 1\n  B = enum.auto()\nE(1), E.A.name, list(E)\nclass F(enum.IntFlag):\n  A = 1\n  B = 2\nF.A | F.B\n"
    "T = typing.TypeVar('T')\nclass G(typing.Generic[T]):\n  x: typing.Optional[typing.List[T]]\ntyping.get_type_hints(G)\n"
    "class N(typing.NamedTuple):\n  a: int\nN(1)",
    "import collections; collections.namedtuple('P', 'x y')(1, 2); collections.Counter('abca').most_common(1); collections.OrderedDict(a=1); collections.ChainMap({})",
    "import functools; functools.lru_cache(lambda x: x)(1); functools.partial(int, base=2); functools.singledispatch(lambda x: x)(1); functools.total_ordering",
    "import pathlib; p = pathlib.Path('.').resolve(); (p / 'x').exists(); list(p.iterdir()); p.name, p.suffix, p.parent, str(p); list(p.glob('*.x'))",
    "import datetime, time; d = datetime.datetime.now(); d.isoformat(); d.strftime('%Y'); datetime.date.today() - datetime.timedelta(days=1); datetime.datetime.strptime('2020', '%Y')",
    "import decimal, fractions; str(decimal.Decimal('1.1') * 2); fractions.Fraction(1, 3) + 1",
    "import random; random.seed(1); random.randint(1, 5); random.shuffle([1, 2, 3]); random.choice([1]); random.sample(range(9), 3); random.gauss(0, 1)",
    "import statistics; statistics.mean([1, 2, 4]); statistics.median([1, 2]); statistics.stdev([1, 2, 4])",
    "import subprocess, sys; subprocess.run([sys.executable, '-c', ''], capture_output=True, text=True)",
    "import tempfile, shutil, os; d = tempfile.mkdtemp(); open(d + '/x', 'w').close(); shutil.copy(d + '/x', d + '/y'); shutil.rmtree(d)",
    "import asyncio\nasync def f(n):\n  await asyncio.sleep(0)\n  return n\nasync def m():\n  await asyncio.gather(f(1), f(2))\n"
    "  async with asyncio.TaskGroup() as g:\n    g.create_task(f(1))\n  await asyncio.wait_for(f(1), 1)\nasyncio.run(m())",
    "import asyncio\nasync def h(r, w):\n  w.write(await r.readline())\n  await w.drain()\n  w.close()\nasync def m():\n"
    "  s = await asyncio.start_server(h, '127.0.0.1', 0)\n  r, w = await asyncio.open_connection(*s.sockets[0].getsockname())\n  w.write(b'x\\n')\n  await r.readline()\n  w.close()\n  s.close()\nasyncio.run(m())",
    "import unittest\nclass T(unittest.TestCase):\n  def test(self): self.assertEqual(1, 1)\nunittest.main(argv=['x'], exit=False)",
    "import csv, io; list(csv.DictReader(io.StringIO('a,b\\n1,2'))); csv.writer(io.StringIO()).writerow([1])",
    "import sqlite3; c = sqlite3.connect(':memory:'); c.execute('select 1').fetchall()",
    "import urllib.parse, urllib.request, http.client; urllib.parse.urlparse('http://a/b?c=d'); urllib.parse.quote('a b'); urllib.request.Request('http://a')",
    "import xml.etree.ElementTree as E; E.tostring(E.fromstring('<a b=\"1\"><c/>x</a>')); E.Element('a').iter()",
    "import contextlib\n@contextlib.contextmanager\ndef f(): yield\nwith f(), contextlib.suppress(KeyError), contextlib.ExitStack(): pass",
    "import inspect; inspect.signature(lambda a, b=1, *c, d: 0); inspect.getsource(inspect.signature); inspect.getmembers(int)",
    "import copy; copy.deepcopy([{1: (2, [3])}]); copy.copy({})",
    "import pickle; pickle.loads(pickle.dumps([1, 'a'])); pickle._loads(pickle._dumps([1, ('a', {2: 3.0})], 4))",
    "import pprint, textwrap; pprint.pformat([{'a': list(range(40))}] * 4); textwrap.fill('a b ' * 60); textwrap.dedent(' a')",
    "import string; string.Template('$a').substitute(a=1); string.Formatter().format('{}', 1)",
    "import threading, queue; t = threading.Thread(target=lambda: 0); t.start(); t.join(); q = queue.Queue(); q.put(1); q.get(); threading.Event().wait(0)",
    "import concurrent.futures as f\nwith f.ThreadPoolExecutor(2) as e: list(e.map(abs, [1]))",
    "import heapq, bisect, itertools, operator, math; heapq.merge([1], [2]); heapq.nlargest(1, [1, 2])",
    "import hashlib, base64, struct, uuid; hashlib.sha256(b'').hexdigest(); base64.b64decode(base64.b64encode(b'x')); uuid.uuid4()",
    "import zipfile, gzip, tarfile, io; zipfile.ZipFile(io.BytesIO(), 'w').writestr('a', 'b'); gzip.decompress(gzip.compress(b'x'))",
    "import configparser, io; c = configparser.ConfigParser(); c.read_string('[a]\\nb=1'); c.get('a', 'b')",
    "import traceback, warnings\ntry: 1/0\nexcept ZeroDivisionError: traceback.format_exc()\nwarnings.simplefilter('ignore'); warnings.warn('x')",
    "import sys\nsys.stderr = open('/dev/null', 'w')\nsys.excepthook(ValueError, ValueError(1), None)",
    "import ast, dis, tokenize, io; ast.unparse(ast.parse('x = f(1)')); dis.dis(lambda: 0, file=io.StringIO()); list(tokenize.generate_tokens(io.StringIO('x').readline))",
    "import socket, select, selectors; socket.socketpair(); selectors.DefaultSelector()",
    "import getpass, platform, locale, gettext, shlex, glob, fnmatch, stat; shlex.split('a b'); glob.glob('*'); platform.system(); locale.getlocale()",
    "import multiprocessing; multiprocessing.Queue; multiprocessing.cpu_count()",
    "import weakref, abc, numbers, types; weakref.WeakValueDictionary(); weakref.WeakSet(); weakref.finalize; types.SimpleNamespace(a=1)",
    "import email.message, html; m = email.message.EmailMessage(); m['a'] = 'b'; m.set_content('x'); str(m); html.escape('<')",
    "import array, calendar, cmath, codecs, difflib, timeit; calendar.month(2020, 1); list(difflib.unified_diff(['a'], ['b']))",
]


def functions(start):
    """All functions that can be reached from the objects given."""
    import gc
    function = type(lambda: 0)
    seen, todo, found = set(), [*start, *gc.get_objects()], []
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if type(item) is function:
            found.append(item)
        todo.extend(gc.get_referents(item))
    return found


def read_code(modules):
    """Path of each module of the library, in the order of import, with the functions whose code has been read."""
    unread = (lambda: 0).__code__.__sizeof__.__self__.__class__.__basicsize__ + 16
    paths = {}
    for module in modules:
        file = getattr(getattr(module, '__spec__', None), 'origin', None)
        code_of = getattr(module, '__file__', None) or file
        if not code_of or module.__name__ == '__main__':
            continue
        path = code_of.rpartition('/lib/python3.14/')[2]
        if path == 'frozen':
            path = module.__name__.replace('_frozen_importlib_external', 'importlib._bootstrap_external')
            path = path.replace('_frozen_importlib', 'importlib._bootstrap').replace('.', '/') + '.py'
        if path.endswith('.py'):
            paths.setdefault(path, set())
    for item in functions(modules):
        code = item.__code__
        path = code.co_filename.rpartition('/lib/python3.14/')[2]
        if path.startswith('<frozen '):
            path = path[8:-1].replace('.', '/') + '.py'
        if path in paths and code.__sizeof__() > unread:
            paths[path].add(code.co_qualname)
    return paths


def show(place):
    """Called in the process of a program, at its end."""
    paths = read_code(list(sys.modules.values()))
    with open(place, 'w') as out:
        for path, names in paths.items():
            print(path, *sorted(name for name in names if ' ' not in name), file=out)


def record(program):
    """What `show` says at the end of a program."""
    with tempfile.NamedTemporaryFile('r') as said:
        # Not by an import, which would be found as well.
        end = f"\nearly = {{'__name__': 'early'}}; exec(open({__file__!r}).read(), early); early['show']({said.name!r})"
        done = subprocess.run([sys.executable, '-c', program + end], capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            print('failed:', program, done.stderr.decode(), file=sys.stderr)
        lines = [line.split() for line in said]
    return {path: names for path, *names in lines}


def main():
    # Not before: what `show` finds in a process is what its program imported.
    global os, subprocess, tempfile
    import os, subprocess, tempfile
    start = record('')
    print(*(' '.join([path, *names]) for path, names in start.items()), sep='\n', end='\n\n')
    users, common = {}, {}
    for program in PROGRAMS:
        for path, names in record(program).items():
            users[path] = users.get(path, 0) + 1
            common.setdefault(path, set()).update(names)
    for path in sorted(common, key=lambda path: -users[path]):
        names = sorted(common[path].difference(start.get(path, ())))
        if names or path not in start:
            print(path, *names)


if __name__ == '__main__':
    main()
