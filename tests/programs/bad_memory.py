# What asks for more memory than there is gets MemoryError (or OverflowError), and the program goes on.
import itertools


def attempt(name, function):
    try:
        function()
    except (MemoryError, OverflowError) as error:
        print(name, type(error).__name__)
    else:
        print(name, "fine")


huge = 10**13
attempt("str", lambda: "x" * huge)
attempt("wide str", lambda: "\u20ac" * huge)
attempt("list", lambda: [0] * huge)
attempt("tuple", lambda: (0,) * huge)
attempt("bytes", lambda: b"x" * huge)
attempt("bytes of zeros", lambda: bytes(huge))
attempt("bytearray", lambda: bytearray(huge))
attempt("str, past all counting", lambda: "ab" * (2**63 - 1))
attempt("list, past all counting", lambda: [0, 1] * (2**62))
attempt("shift", lambda: 1 << 10**14)
attempt("center", lambda: "x".center(huge))
attempt("zfill", lambda: "x".zfill(huge))
attempt("ljust", lambda: b"x".ljust(huge))
attempt("format", lambda: format(1, "10000000000000"))
attempt("percent", lambda: "%*d" % (huge, 1))
attempt("to_bytes", lambda: (1).to_bytes(huge))
attempt("repeat", lambda: [].__imul__(huge) and None)
attempt("range length", lambda: len(range(2**70)))
attempt("product", lambda: itertools.product(*[range(10)] * 3, repeat=1) and None)
attempt("slice", lambda: [1, 2, 3][2**100 :])

items = [1, 2, 3]
try:
    items *= huge
except MemoryError:
    print("the list is as it was:", items)
print("x" * 10, [0] * 3)
