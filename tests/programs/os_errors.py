"""OSError chooses its subclass by the number; subclasses leave the fields to __init__ where they have one."""
import errno
import os

for number in (errno.ENOENT, errno.EISDIR, errno.ECONNREFUSED, errno.EPIPE, errno.EAGAIN, errno.EIO):
    print(type(OSError(number, "text")).__name__)
print(type(OSError("2", "text")).__name__, type(OSError(2)).__name__)


class WithInit(OSError):
    def __init__(self, text, more):
        super().__init__(text)
        self.more = more


class WithNew(OSError):
    def __new__(cls, text, more):
        self = super().__new__(cls, text)
        self.more = more
        return self


for cls in WithInit, WithNew:
    error = cls("text", "more")
    print(cls.__name__, error.args, error.more, error.errno)
for call in (
    lambda: open("/"),
    lambda: os.rename("/no/such", "/other"),
    lambda: os.execv("/no/such", ["x"]),
    lambda: OSError(2, "x", key=1),
    lambda: BlockingIOError(11, "x", "name"),
):
    try:
        print(repr(call()))
    except (OSError, TypeError) as error:
        print(type(error).__name__, error)
r, w = os.pipe()
os.write(w, b"abcdef")
with open(r, "rb") as stream:
    print(stream.read(2))
print("closed")
