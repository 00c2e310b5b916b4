"""Corners that once were wrong: calls through classes, modules' own attributes, reentrant streams."""
import io
import sys
import traceback
import types


def add(target, *items):
    target.append((items,))


# A specialised call site that then meets the class in place of a list.
for _ in range(40):
    add([], 1, 2)
try:
    add(list, 1, 2)
except TypeError as error:
    print("append through the class:", type(error).__name__)


class Lazy(types.ModuleType):
    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


module = types.ModuleType("sample")
module.x = 1
module.__class__ = Lazy
print("module's class:", type(module).__name__, module.x, sorted(k for k in vars(module) if k[0] != "_"))

try:
    compile("for a in b:\n    pass\nelso:\n    pass\n", "<text>", "exec")
except SyntaxError as error:
    print(traceback.format_exception_only(error)[-1].strip())


class DetachOnRead(io.RawIOBase):
    done = False

    def readable(self):
        return True

    def readinto(self, target):
        if self.done:
            return 0
        self.done = True
        wrapper.detach()
        target[:3] = b"ab\n"
        return 3


wrapper = io.TextIOWrapper(io.BufferedReader(DetachOnRead()), encoding="utf-8")
print("detached while reading:", repr(wrapper.readline()))

print("hidden variables:", [locals()["n"] for n in (1, 2)], "n" in globals())
view = memoryview(bytearray(8))


class Releasing:
    def __index__(self):
        view.release()
        return 4


print("released by an index:", len(view[: Releasing()]))
print("hash of the text's characters:", hash("") == 0, hash("äö") == hash("\xe4\xf6"))
sys.exit(0)
