# Imports that go wrong: a damaged or foreign .pyc, a module that fails halfway, cycles, names that are no modules.
import importlib
import importlib.util
import os
import py_compile
import sys
import tempfile

folder = tempfile.mkdtemp()
sys.path.insert(0, folder)


def write(name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def attempt(name):
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(name)
    except BaseException as error:
        print(name, type(error).__name__, str(error).replace(folder, "FOLDER")[:90], name in sys.modules)
    else:
        print(name, "imported", getattr(module, "value", None))
        sys.modules.pop(name, None)


write("halfway.py", "value = 1\nimport sys\nsys.seen = True\n1 / 0\nvalue = 2\n")
attempt("halfway")
print(sys.seen)
attempt("halfway")

write("damaged.py", "value = 'from source'\n")
cache = importlib.util.cache_from_source(os.path.join(folder, "damaged.py"))
os.makedirs(os.path.dirname(cache), exist_ok=True)
for name, change in {
    "empty": lambda data: b"",
    "cut in the head": lambda data: data[:10],
    "other magic number": lambda data: b"\0\0\0\0" + data[4:],
    "old": lambda data: data[:8] + b"\1\0\0\0" + data[12:],
}.items():
    py_compile.compile(os.path.join(folder, "damaged.py"), cfile=cache, doraise=True)
    with open(cache, "rb") as file:
        data = file.read()
    with open(cache, "wb") as file:
        file.write(change(data))
    print(name, end=": ")
    attempt("damaged")
py_compile.compile(os.path.join(folder, "damaged.py"), cfile=cache, doraise=True)
with open(cache, "rb") as file:
    good = file.read()
# Cut off, or with bytes changed: an exception or another program, but no crash.
for cut in range(16, len(good)):
    with open(cache, "wb") as file:
        file.write(good[:cut])
    try:
        importlib.invalidate_caches()
        importlib.import_module("damaged")
    except Exception:
        pass
    sys.modules.pop("damaged", None)
print("cut at every place")

write("first.py", "import second\nvalue = second.value\n")
write("second.py", "from first import value\n")
attempt("first")
write("wrong.py", "def f(:\n    pass\n")
attempt("wrong")
write("quits.py", "raise SystemExit(3)\n")
attempt("quits")
write("replaces.py", "import sys\nsys.modules[__name__] = 42\n")
attempt("replaces")
write("removes.py", "import sys\ndel sys.modules[__name__]\n")
attempt("removes")
attempt("nothing.at.all")
attempt("halfway.deeper")
for name in ("", ".", "..x", "a\0b", "os.path.nothing"):
    attempt(name)
for wrong in (3, None, b"os"):
    try:
        __import__(wrong)
    except (TypeError, ImportError, ValueError) as error:
        print(wrong, type(error).__name__)
sys.path.insert(0, "\0")
sys.path.insert(0, 5)
attempt("still_nothing")
sys.modules["none"] = None
attempt("none")
