#!/usr/bin/env python3
"""How times grow with the size of the data: a Markdown table of nanoseconds per element, for several interpreters.

    bench/growth.py [-k PATTERN] [--sizes 3-7] [--limit SECONDS] INTERPRETER...

Each cell is a process of its own, which makes the data, measures the best of a few runs, and prints the seconds; the
interpreters take turns.  A row ends for an interpreter where a step took longer than the limit (20 s), or more memory than
there is.  What grows in proportion stays the same along its row.  For the two rows of the collector, elements are objects
alive; for exceptions they are frames between `raise` and `except`; for numbers, decimal digits.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import time

ROWS = {}


def row(title):
    def add(function):
        ROWS[title] = function
        return function
    return add


def timed(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def best(n, measure):
    """The best of as many runs as make half a second, at most 200, and of two where one does not take long: the first one also
    measures how the system comes by fresh memory."""
    least = measure(n)
    spent, runs = least, 1
    while runs < 200 and (spent < 0.5 or runs < 2 and spent < 6):
        now = measure(n)
        least = min(least, now)
        spent += now
        runs += 1
    return least


@row('list: append')
def list_append(n):
    def run():
        items = []
        for i in range(n):
            items.append(i)
    return timed(run)


@row('list: pop from the end')
def list_pop(n):
    items = list(range(n))

    def run():
        while items:
            items.pop()
    return timed(run)


@row('deque: append and popleft')
def deque_turn(n):
    from collections import deque
    items = deque()

    def run():
        for i in range(n):
            items.append(i)
        for i in range(n):
            items.popleft()
    return timed(run)


@row('dict: insert ints')
def dict_insert(n):
    def run():
        table = {}
        for i in range(n):
            table[i] = i
    return timed(run)


@row('dict: insert strings')
def dict_strings(n):
    keys = [str(i) for i in range(n)]

    def run():
        table = {}
        for key in keys:
            table[key] = None
    return timed(run)


@row('dict: insert and delete in turn')
def dict_turn(n):
    table = dict.fromkeys(range(n))

    def run():
        for i in range(n):
            del table[i]
            table[n + i] = None
    return timed(run)


@row('dict: take the first until empty')
def dict_first(n):
    table = dict.fromkeys(range(n))

    def run():
        while table:
            del table[next(iter(table))]
    return timed(run)


@row('set: add')
def set_add(n):
    def run():
        items = set()
        for i in range(n):
            items.add(i * 7919)
    return timed(run)


@row('str: join')
def str_join(n):
    parts = ['abc'] * n
    return timed(''.join, parts)


@row('str: += in a loop')
def str_add(n):
    def run():
        text = ''
        for i in range(n):
            text += 'x'
    return timed(run)


@row('str: += in a loop, not ASCII')
def str_add_wide(n):
    def run():
        text = ''
        for i in range(n):
            text += '\u20ac'
    return timed(run)


@row('str: index each of a text that is not ASCII')
def str_index(n):
    text = 'a\u20ac' * (n // 2)

    def run():
        for i in range(0, n, 16):
            text[i]
    return timed(run) * 16


@row('str: find what is not there')
def str_find(n):
    text = 'a' * n
    return timed(text.find, 'a' * 50 + 'b')


@row('str: find, a bad case')
def str_find_bad(n):
    text = ('a' * 99 + 'b') * (n // 100)
    return timed(text.find, 'a' * 50 + 'b' + 'a' * 99 + 'c')


@row('str: replace')
def str_replace(n):
    text = 'ab' * (n // 2)
    return timed(text.replace, 'a', 'xyz')


@row('str: split')
def str_split(n):
    text = 'a ' * (n // 2)
    return timed(text.split)


@row('bytearray: +=, and del from the front')
def bytearray_turn(n):
    def run():
        data = bytearray()
        for i in range(n):
            data += b'x'
        while data:
            del data[:16]
    return timed(run)


@row('StringIO: write, and read lines')
def stringio(n):
    import io

    def run():
        file = io.StringIO()
        for i in range(n // 10):
            file.write('abcdefghi\n')
        file.seek(0)
        for line in file:
            pass
    return timed(run)


@row('list: sort, random')
def sort_random(n):
    state, items = 1, []
    for i in range(n):
        state = state * 1103515245 + 12345 & 0x7fffffff
        items.append(state)
    return timed(items.sort)


@row('list: sort, in order')
def sort_ordered(n):
    items = list(range(n))
    return timed(items.sort)


@row('list: sort of strings')
def sort_strings(n):
    state, items = 1, []
    for i in range(n):
        state = state * 1103515245 + 12345 & 0x7fffffff
        items.append(str(state))
    return timed(items.sort)


@row('int: product of two')
def big_product(n):
    a, b = (3 << int(n * 3.3219)) // 7, (5 << int(n * 3.3219)) // 11
    return timed(lambda: a * b)


@row('int: quotient')
def big_quotient(n):
    a, b = (3 << int(n * 6.6438)) // 7, (5 << int(n * 3.3219)) // 11
    return timed(lambda: a // b)


@row('int: square root')
def big_root(n):
    import math
    a = (3 << int(n * 3.3219)) // 7
    return timed(math.isqrt, a)


@row('int: to decimal')
def to_decimal(n):
    a = (3 << int(n * 3.3219)) // 7
    return timed(str, a)


@row('int: from decimal')
def from_decimal(n):
    text = '1234567890' * (n // 10)
    return timed(int, text)


@row('Decimal: product of two')
def decimal_product(n):
    import decimal
    with decimal.localcontext() as context:
        context.prec = 2 * n + 10
        context.Emax = decimal.MAX_EMAX
        a = decimal.Decimal('1234567890' * (n // 10))
        b = a + 1
        return timed(lambda: a * b)


@row('collector: full, lists of lists')
def collect_lists(n):
    import gc
    gc.disable()
    alive = [[] for i in range(n)]
    for i in range(n):
        alive[i].append(alive[i * 7919 % n])
    gc.collect()
    return timed(gc.collect)


@row('collector: full, instances')
def collect_instances(n):
    import gc
    gc.disable()

    class Node:
        def __init__(self, other):
            self.other = other
            self.number = 1
    node, alive = None, []
    for i in range(n):
        node = Node(node)
        alive.append(node)
    gc.collect()
    result = timed(gc.collect)
    while alive:
        alive.pop().other = None
    return result


@row('collector: garbage')
def collect_garbage(n):
    import gc
    gc.collect()
    gc.disable()
    for i in range(n):
        ring = []
        ring.append(ring)
    del ring
    return timed(gc.collect)


@row('collector: making objects that stay, switched on')
def collect_growing(n):
    def run():
        return [[i] for i in range(n)]
    return timed(run)


@row('release: a chain')
def release_chain(n):
    chain = None
    for i in range(n):
        chain = [chain]

    def run():
        nonlocal chain
        chain = None
    return timed(run)


@row('exceptions: frames unwound')
def exceptions(n):
    sys.setrecursionlimit(n + 1000)

    def down(depth):
        if depth == 0:
            raise ValueError
        down(depth - 1)

    def run():
        try:
            down(n)
        except ValueError:
            pass
    return timed(run)


@row('exceptions: raised and caught')
def exceptions_flat(n):
    def run():
        for i in range(n):
            try:
                raise ValueError
            except ValueError:
                pass
    return timed(run)


@row('calls: depth')
def call_depth(n):
    sys.setrecursionlimit(n + 1000)

    def down(depth):
        if depth:
            down(depth - 1)
    return timed(down, n)


@row('generators: yield from, a chain of 100')
def generator_chain(n):
    def nest(depth):
        if depth:
            yield from nest(depth - 1)
        else:
            yield from range(n // 100)

    def run():
        for i in nest(100):
            pass
    return timed(run)


@row('re: one match over all of a text')
def re_match(n):
    import re
    text = 'ab' * (n // 2)
    pattern = re.compile('(?:a|b)*$')
    return timed(pattern.match, text)


@row('json: a list of ints, there and back')
def json_list(n):
    import json
    items = list(range(n))
    return timed(lambda: json.loads(json.dumps(items)))


def child(title, n):
    """One cell, in a process of its own."""
    if hasattr(sys, 'set_int_max_str_digits'):
        sys.set_int_max_str_digits(0)
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')
    resource.setrlimit(resource.RLIMIT_DATA, (memory // 2, memory // 2))
    print(best(n, ROWS[title]), flush=True)
    os._exit(0)


def cell(interpreter, title, n, limit):
    """Seconds, or a word that says why there are none."""
    command = [interpreter, __file__, '--child', title, str(n)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit * 2 + 10)
    except subprocess.TimeoutExpired:
        return 'time'
    if done.returncode == 0:
        return float(done.stdout)
    return 'memory' if 'MemoryError' in done.stderr or done.returncode < 0 else 'error'


def shown(n, result):
    if isinstance(result, str):
        return result
    per = result / n * 1e9
    return f'{per:.3g}' if per < 1000 else f'{per:,.0f}'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-k', metavar='PATTERN', default='')
    parser.add_argument('--sizes', default='3-7')
    parser.add_argument('--limit', type=float, default=20)
    parser.add_argument('interpreters', nargs='+', metavar='INTERPRETER')
    options = parser.parse_args()
    first, last = map(int, options.sizes.split('-'))
    sizes = [10 ** power for power in range(first, last + 1)]
    print('| ns per element |', ' | '.join(f'10^{power}' for power in range(first, last + 1)), '|')
    print('|---|' + '---|' * len(sizes))
    for title in ROWS:
        if not re.search(options.k, title):
            continue
        cells = {interpreter: [] for interpreter in options.interpreters}
        going = set(options.interpreters)
        for n in sizes:
            for interpreter in options.interpreters:
                if interpreter not in going:
                    cells[interpreter].append('')
                    continue
                result = cell(interpreter, title, n, options.limit)
                cells[interpreter].append(shown(n, result))
                if isinstance(result, str) or result > options.limit:
                    going.discard(interpreter)
        columns = [' / '.join(column).strip() for column in zip(*cells.values())]
        print(f'| {title} |', ' | '.join(columns), '|', flush=True)


if len(sys.argv) == 4 and sys.argv[1] == '--child':
    child(sys.argv[2], int(sys.argv[3]))
else:
    main()
