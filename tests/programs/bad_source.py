# Source that is no Python: undecodable bytes, null bytes, a false encoding, brackets without end, sums without end.
import os
import subprocess
import sys
import tempfile


def run(name, data, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(data)
        done = subprocess.run([sys.executable, *options, path], capture_output=True, timeout=120)
    last = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()[-1:]
    text = last[0].replace(path, name) if last else ""
    print(name, done.returncode, done.stdout.decode(), text[:150])


run("undecodable.py", b"x = '\xff\xfe'\n")
run("undecodable_late.py", b"print('never')\n" * 3 + b"# \xe9\n")
run("null.py", b"print('never')\nx = '\0'\n")
run("encoding.py", b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))\n")
run("no_encoding.py", b"# -*- coding: klingon -*-\nprint(1)\n")
run("bom.py", b"\xef\xbb\xbfprint('with a mark')\n")
run("bom_contradiction.py", b"\xef\xbb\xbf# coding: latin-1\nprint(1)\n")
run("empty.py", b"")
run("no_newline.py", b"print('no newline at the end')")
run("indent.py", b"if 1:\n\tx\n        y\n")
run("dedent.py", b"if 1:\n    x = 1\n  y = 2\n")
run("unclosed.py", b"f(1,\n  2\nx = 3\n")
run("string.py", b"x = 'abc\n")
run("folder_of_nothing.py", b"import does_not_exist_anywhere\n")

for bracket in "([{":
    for wrong in (bracket * 100_000, "x = " + bracket * 250):
        try:
            compile(wrong, "nested", "exec")
        except (SyntaxError, MemoryError, RecursionError) as error:
            print(bracket, "refused", type(error) is SyntaxError)
for deep in ("-" * 100_000 + "1", "not " * 100_000 + "1", "lambda: " * 100_000 + "1", "x" + ".a" * 100_000, "x" + "()" * 100_000):
    try:
        compile(deep, "deep", "eval")
        print(deep[:8], "compiled or refused")
    except (SyntaxError, MemoryError, RecursionError):
        print(deep[:8], "compiled or refused")

# Sums are parsed in a loop and compiled to as many levels; either is right, but not a crash.
try:
    print(eval("+".join(["1"] * 1000)))
    code = compile("+".join(["x"] * 1_000_000), "sum", "eval")
    print("a million terms are compiled or refused")
except (RecursionError, MemoryError):
    print("a million terms are compiled or refused")
try:
    exec("\x00")
except SyntaxError as error:
    print(error)
try:
    eval(b"\xff")
except SyntaxError as error:
    print(type(error).__name__)
